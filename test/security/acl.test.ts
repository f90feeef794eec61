import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AclBinding, AclOperation, ResourceType } from '../../src/ports.ts'
import type { AclDecision, AclQuestion } from '../../src/security/acl.ts'
import { AclIndex } from '../../src/security/acl.ts'
import { matchesFilter, refuseBinding } from '../../src/security/acl-bindings.ts'

const operations: readonly AclOperation[] = [
  'all', 'read', 'write', 'create', 'delete', 'alter', 'describe', 'cluster-action', 'describe-configs', 'alter-configs', 'idempotent-write',
]
const types: readonly ResourceType[] = ['topic', 'group', 'cluster', 'transactional-id', 'subject', 'tag']

function binding(change: Partial<AclBinding> = {}): AclBinding {
  return {
    principal: 'User:CN=alice', host: '*', operation: 'read', permission: 'allow',
    resourceType: 'topic', resourceName: 'orders', patternType: 'literal', ...change,
  }
}

function decide(bindings: readonly AclBinding[], change: Partial<AclQuestion & { resourceName: string }> = {}): AclDecision {
  const { resourceName = 'orders', ...question } = change
  return new AclIndex(bindings).decide({ principal: 'User:CN=alice', host: '127.0.0.1', operation: 'read', resourceType: 'topic', ...question }, resourceName)
}

describe('a question about a resource', () => {
  it('is open where the resource has no ACL of anybody', () => {
    expect(decide([])).toBe('no-acl')
    expect(decide([binding({ resourceName: 'other' })])).toBe('no-acl')
    expect(decide([binding({ resourceType: 'group' })])).toBe('no-acl')
    expect(decide([binding({ principal: 'User:CN=bob' })])).toBe('not-allowed')
  })

  it('is matched by literal name, by prefix and by the wildcard', () => {
    expect(decide([binding()])).toBe('allow')
    expect(decide([binding({ resourceName: 'ord', patternType: 'prefixed' })])).toBe('allow')
    expect(decide([binding({ resourceName: 'orders', patternType: 'prefixed' })])).toBe('allow')
    expect(decide([binding({ resourceName: 'orders-eu', patternType: 'prefixed' })])).toBe('no-acl')
    expect(decide([binding({ resourceName: 'ord' })])).toBe('no-acl')
    expect(decide([binding({ resourceName: '*' })])).toBe('allow')
  })

  it('takes a star in a prefix as a character like others', () => {
    expect(decide([binding({ resourceName: '*', patternType: 'prefixed' })])).toBe('no-acl')
    expect(decide([binding({ resourceName: '*', patternType: 'prefixed' })], { resourceName: '*x' })).toBe('allow')
  })

  it('with an empty name is matched by the wildcard alone', () => {
    expect(decide([binding({ resourceName: '*' })], { resourceName: '' })).toBe('allow')
    expect(decide([binding(), binding({ resourceName: 'a', patternType: 'prefixed' })], { resourceName: '' })).toBe('no-acl')
  })

  it('is refused by any matching DENY, however specific the ALLOW', () => {
    const specific = binding({ host: '127.0.0.1' })
    for (const deny of [
      binding({ permission: 'deny', resourceName: '*' }),
      binding({ permission: 'deny', resourceName: 'o', patternType: 'prefixed' }),
      binding({ permission: 'deny', principal: 'User:*' }),
      binding({ permission: 'deny', operation: 'all' }),
      binding({ permission: 'deny', resourceName: '*', principal: 'User:*', operation: 'all' }),
    ]) {
      expect(decide([specific, deny])).toBe('deny')
      expect(decide([deny, specific])).toBe('deny')
    }
    expect(decide([specific, binding({ permission: 'deny', host: '127.0.0.2' })])).toBe('allow')
    expect(decide([specific, binding({ permission: 'deny', operation: 'write' })])).toBe('allow')
    expect(decide([specific, binding({ permission: 'deny', principal: 'User:CN=bob' })])).toBe('allow')
  })

  it('compares principals whole, and knows User:* for all of them, of any type', () => {
    expect(decide([binding({ principal: 'User:CN=alic' })])).toBe('not-allowed')
    expect(decide([binding({ principal: 'user:CN=alice' })])).toBe('not-allowed')
    expect(decide([binding({ principal: 'User:*' })])).toBe('allow')
    expect(decide([binding({ principal: 'User:*' })], { principal: 'Service:x' })).toBe('allow')
    expect(decide([binding({ principal: 'Group:*' })])).toBe('not-allowed')
  })

  it('compares hosts whole: no names, no ranges', () => {
    expect(decide([binding({ host: '127.0.0.1' })])).toBe('allow')
    expect(decide([binding({ host: '127.0.0.0/8' })])).toBe('not-allowed')
    expect(decide([binding({ host: '127.0.0.10' })])).toBe('not-allowed')
  })

  it('finds the prefix that applies past longer prefixes that do not', () => {
    const names = ['a', 'ab', 'abc', 'abcd', 'abd', 'b']
    const prefixes = names.map(resourceName => binding({ resourceName, patternType: 'prefixed', principal: `User:${resourceName}` }))
    const who = (resourceName: string) => prefixes.map(one => one.principal).filter(principal => decide(prefixes, { principal, resourceName }) === 'allow')
    expect(who('abcz')).toEqual(['User:a', 'User:ab', 'User:abc'])
    expect(who('abz')).toEqual(['User:a', 'User:ab'])
    expect(who('az')).toEqual(['User:a'])
    expect(who('abdz')).toEqual(['User:a', 'User:ab', 'User:abd'])
    expect(who('c')).toEqual([])
  })
})

describe('operations', () => {
  const allows = (granted: AclOperation, asked: AclOperation) => decide([binding({ operation: granted })], { operation: asked }) === 'allow'
  const denies = (denied: AclOperation, asked: AclOperation) =>
    decide([binding({ operation: 'all' }), binding({ operation: denied, permission: 'deny' })], { operation: asked }) === 'deny'

  it('are implied by ALLOW: describe by read, write, delete and alter; describe-configs by alter-configs', () => {
    for (const granted of operations) {
      for (const asked of operations) {
        const implied = (asked === 'describe' && ['read', 'write', 'delete', 'alter'].includes(granted))
          || (asked === 'describe-configs' && granted === 'alter-configs')
        expect(allows(granted, asked), `${granted} for ${asked}`).toBe(granted === asked || granted === 'all' || implied)
      }
    }
  })

  it('are not implied by DENY', () => {
    for (const denied of operations) {
      for (const asked of operations) expect(denies(denied, asked), `${denied} for ${asked}`).toBe(denied === asked || denied === 'all')
    }
  })
})

describe('against a brute-force reading of the rules', () => {
  // Short names over a small alphabet, so that prefixes, wildcards and equal names meet often.
  const name = fc.string({ unit: fc.constantFrom('a', 'b', '*'), minLength: 1, maxLength: 4 })
  const principal = fc.constantFrom('User:x', 'User:y', 'User:*', 'Group:x')
  const host = fc.constantFrom('*', '1.1.1.1', '2.2.2.2')
  const bindings = fc.array(fc.record({
    principal, host, operation: fc.constantFrom(...operations), permission: fc.constantFrom<'allow' | 'deny'>('allow', 'allow', 'deny'),
    resourceType: fc.constantFrom(...types.slice(0, 2)), resourceName: name, patternType: fc.constantFrom<'literal' | 'prefixed'>('literal', 'prefixed'),
  }), { maxLength: 12 })
  const question = fc.record({
    principal: fc.constantFrom('User:x', 'User:y', 'Group:x'), host: fc.constantFrom('1.1.1.1', '2.2.2.2'),
    operation: fc.constantFrom(...operations), resourceType: fc.constantFrom(...types.slice(0, 2)),
  })
  const literalName = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 5 })

  it('decides the same, 120,000 times', () => {
    const asked = fc.array(fc.tuple(question, literalName), { minLength: 20, maxLength: 20 })
    let pairs = 0
    fc.assert(fc.property(bindings, asked, (set, questions) => {
      const index = new AclIndex(set)
      for (const [one, resourceName] of questions) {
        pairs++
        expect(index.decide(one, resourceName)).toBe(oracle(set, one, resourceName))
      }
    }), { numRuns: 6_000 })
    expect(pairs).toBeGreaterThanOrEqual(120_000)
  })

  it('finds whether anything is allowed', () => {
    fc.assert(fc.property(bindings, question, (set, one) => {
      // Every name that is mentioned, each prefix with an ending that nobody mentions, and a name that nothing mentions.
      const names = [...set.map(({ resourceName }) => resourceName), ...set.map(({ resourceName }) => `${resourceName}zz`), 'zz'].filter(text => text !== '*')
      const answers = names.map(text => oracle(set, one, text))
      const expected = answers.includes('allow') ? 'allow' : answers.includes('no-acl') ? 'no-acl' : 'not-allowed'
      expect(new AclIndex(set).decideAny(one)).toBe(expected)
    }), { numRuns: 20_000 })
  })
})

/** The rules, word for word, with no index and no bits. */
function oracle(bindings: readonly AclBinding[], question: AclQuestion, resourceName: string): AclDecision {
  const onResource = bindings.filter(one => one.resourceType === question.resourceType
    && (one.patternType === 'prefixed' ? resourceName.startsWith(one.resourceName) : one.resourceName === resourceName || one.resourceName === '*'))
  if (onResource.length === 0) return 'no-acl'
  const forCaller = onResource.filter(one => [question.principal, 'User:*'].includes(one.principal) && [question.host, '*'].includes(one.host))
  if (forCaller.some(one => one.permission === 'deny' && (one.operation === 'all' || one.operation === question.operation))) return 'deny'
  return forCaller.some(one => one.permission === 'allow' && grants(one.operation, question.operation)) ? 'allow' : 'not-allowed'
}

function grants(granted: AclOperation, asked: AclOperation): boolean {
  if (granted === 'all' || granted === asked) return true
  if (asked === 'describe') return granted === 'read' || granted === 'write' || granted === 'delete' || granted === 'alter'
  return asked === 'describe-configs' && granted === 'alter-configs'
}

describe('a filter', () => {
  const literal = binding()
  const prefix = binding({ resourceName: 'ord', patternType: 'prefixed' })
  const all = binding({ resourceName: '*' })
  const set = [literal, prefix, all]
  const found = (filter: Parameters<typeof matchesFilter>[1]) => set.filter(one => matchesFilter(one, filter))

  it('without members finds everything', () => {
    expect(found({})).toEqual(set)
    expect(found({ patternType: 'match' })).toEqual(set)
  })

  it('of type match finds what would apply to a resource', () => {
    expect(found({ resourceName: 'orders', patternType: 'match' })).toEqual(set)
    expect(found({ resourceName: 'orxxx', patternType: 'match' })).toEqual([all])
    expect(found({ resourceName: 'ordx', patternType: 'match' })).toEqual([prefix, all])
  })

  it('of another type finds names as they are written', () => {
    expect(found({ resourceName: 'orders' })).toEqual([literal])
    expect(found({ resourceName: 'ord' })).toEqual([prefix])
    expect(found({ resourceName: 'ord', patternType: 'literal' })).toEqual([])
    expect(found({ resourceName: '*', patternType: 'literal' })).toEqual([all])
    expect(found({ patternType: 'prefixed' })).toEqual([prefix])
  })

  it('compares every member it has', () => {
    const others = [{ principal: 'User:*' }, { host: '1.1.1.1' }, { operation: 'write' }, { permission: 'deny' }, { resourceType: 'group' }] as const
    for (const filter of others) expect(found(filter)).toEqual([])
    expect(found({ principal: 'User:CN=alice', host: '*', operation: 'read', permission: 'allow', resourceType: 'topic' })).toEqual(set)
  })
})

describe('a binding', () => {
  it('needs a resource name, a principal with its type, a host, and the one cluster\'s name', () => {
    expect(refuseBinding(binding())).toBeNull()
    expect(refuseBinding(binding({ resourceType: 'cluster', resourceName: 'kafka-cluster' }))).toBeNull()
    expect(refuseBinding(binding({ resourceName: '' }))?.message).toContain('is empty')
    expect(refuseBinding(binding({ resourceType: 'cluster', resourceName: 'mine' }))?.message).toContain('"mine"')
    expect(refuseBinding(binding({ principal: 'alice' }))?.message).toContain('"alice"')
    expect(refuseBinding(binding({ principal: ':alice' }))?.message).toContain('":alice"')
    expect(refuseBinding(binding({ host: '' }))?.message).toContain('host')
  })
})
