import { describe, expect, it } from 'vitest'
import type { AclBinding, AclStore, Caller } from '../../src/ports.ts'
import { Refusal } from '../../src/ports.ts'
import type { AuditEvent } from '../../src/security/audit.ts'
import { allowAll, Authorizer } from '../../src/security/authorizer.ts'
import type { AuthorizerOptions } from '../../src/security/authorizer.ts'

const alice: Caller = { principal: { type: 'User', name: 'CN=alice' }, host: '127.0.0.1' }
const admin: Caller = { principal: { type: 'User', name: 'CN=admin' }, host: '127.0.0.1' }

function readOn(resourceName: string, change: Partial<AclBinding> = {}): AclBinding {
  return {
    principal: 'User:CN=alice', host: '*', operation: 'read', permission: 'allow', resourceType: 'topic', resourceName, patternType: 'literal', ...change,
  }
}

function memoryStore(initial: readonly AclBinding[] = []): AclStore {
  let bindings = initial
  const same = (a: AclBinding) => (b: AclBinding) => JSON.stringify(a) === JSON.stringify(b)
  return {
    all: () => bindings,
    add: async added => void (bindings = [...bindings, ...added]),
    remove: async removed => void (bindings = bindings.filter(one => !removed.some(same(one)))),
  }
}

function authorizer(initial: readonly AclBinding[] = [], options: Partial<AuthorizerOptions> = {}) {
  const events: AuditEvent[] = []
  const store = memoryStore(initial)
  const audit = { record: (event: AuditEvent) => void events.push(event) }
  const access = new Authorizer({ store, audit, superUsers: ['User:CN=admin'], allowEveryoneIfNoAcl: false, ...options })
  return { access, events, store }
}

describe('the authorizer', () => {
  it('refuses what no ACL mentions, and writes it to the audit log', () => {
    const { access, events } = authorizer()
    expect(access.allows(alice, 'read', 'topic', 'orders')).toBe(false)
    expect(events).toEqual([{ kind: 'access', outcome: 'denied', principal: 'User:CN=alice', host: '127.0.0.1', operation: 'read', resource: 'topic:orders' }])
  })

  it('leaves no trace of what is allowed, nor of a question that only fills in an answer', () => {
    const { access, events } = authorizer([readOn('orders')])
    expect(access.allows(alice, 'read', 'topic', 'orders')).toBe(true)
    expect(access.wouldAllow(alice, 'write', 'topic', 'orders')).toBe(false)
    expect(events).toEqual([])
  })

  it('lets super users through, even past a DENY for everybody', () => {
    const { access } = authorizer([readOn('*', { permission: 'deny', operation: 'all', principal: 'User:*' })])
    expect(access.allows(admin, 'write', 'topic', 'orders')).toBe(true)
    expect(access.allowsAny(admin, 'write', 'topic')).toBe(true)
    expect(access.allows({ ...admin, principal: { type: 'Service', name: 'CN=admin' } }, 'write', 'topic', 'orders')).toBe(false)
  })

  it('can open resources that have no ACL at all, and only those', () => {
    const { access } = authorizer([readOn('orders', { principal: 'User:CN=bob' })], { allowEveryoneIfNoAcl: true })
    expect(access.allows(alice, 'read', 'topic', 'payments')).toBe(true)
    expect(access.allows(alice, 'read', 'topic', 'orders')).toBe(false)
  })

  it('answers whether anything of a type is allowed', () => {
    const { access, events } = authorizer([
      readOn('a', { patternType: 'prefixed', operation: 'write' }), readOn('ab', { operation: 'write', permission: 'deny' }),
    ])
    expect(access.allowsAny(alice, 'write', 'topic')).toBe(true)
    expect(access.allowsAny(alice, 'write', 'group')).toBe(false)
    expect(events.map(event => event.resource)).toEqual(['group:(any)'])
  })

  it('sees a change with the next question', async () => {
    const { access } = authorizer()
    expect(access.wouldAllow(alice, 'read', 'topic', 'orders')).toBe(false)
    await access.create([readOn('orders')], admin)
    expect(access.wouldAllow(alice, 'read', 'topic', 'orders')).toBe(true)
    await access.delete([{ resourceName: 'orders' }], admin)
    expect(access.wouldAllow(alice, 'read', 'topic', 'orders')).toBe(false)
  })

  it('keeps the other ACLs of a resource when one is removed', async () => {
    const set = [readOn('orders'), readOn('orders', { operation: 'write' }), readOn('orders', { principal: 'User:CN=bob' })]
    const { access, store } = authorizer(set)
    expect(await access.delete([{ principal: 'User:CN=alice', operation: 'read' }], admin)).toEqual([[set[0]]])
    expect(store.all()).toEqual(set.slice(1))
    expect(access.wouldAllow(alice, 'write', 'topic', 'orders')).toBe(true)
  })

  it('answers per binding, keeps the valid ones, and takes a second time as done', async () => {
    const { access, store, events } = authorizer([readOn('known')])
    const answers = await access.create([readOn('new'), readOn(''), readOn('known'), readOn('new')], admin)
    expect(answers.map(answer => (answer instanceof Refusal ? answer.code : answer))).toEqual([null, 'invalid-request', null, null])
    expect(store.all().map(one => one.resourceName)).toEqual(['known', 'new'])
    expect(events).toEqual([{
      kind: 'authority', outcome: 'allowed', principal: 'User:CN=admin', host: '127.0.0.1', operation: 'create-acl', resource: 'topic:new',
      reason: 'allow User:CN=alice to read topic:literal:new from *',
    }])
  })

  it('keeps a bounded number of them', async () => {
    const { access, store } = authorizer()
    const answers = await access.create(Array.from({ length: 20_001 }, (_, index) => readOn(`topic-${index}`)), admin)
    expect(store.all()).toHaveLength(20_000)
    expect(answers.filter(answer => answer !== null).map(answer => answer.code)).toEqual(['policy-violation'])
  })

  it('says per filter what it removed, and removes what two filters find once', async () => {
    const { access, store, events } = authorizer([readOn('a'), readOn('b')])
    const answers = await access.delete([{ resourceName: 'a' }, {}, { resourceName: 'none' }], admin)
    expect(answers.map(found => found.map(one => one.resourceName))).toEqual([['a'], ['a', 'b'], []])
    expect(store.all()).toEqual([])
    expect(events.map(event => [event.operation, event.resource])).toEqual([['delete-acl', 'topic:a'], ['delete-acl', 'topic:b']])
  })

  it('reports a store that cannot keep the change, and audits no change', async () => {
    const broken: AclStore = { all: () => [], add: () => Promise.reject(new Error('disk full')), remove: async () => {} }
    const { access, events } = authorizer([], { store: broken })
    await expect(access.create([readOn('orders')], admin)).rejects.toThrow('disk full')
    expect(events).toEqual([])
  })

  it('takes names that are members of every object for what they are', () => {
    const { access } = authorizer([readOn('__proto__'), readOn('constructor', { patternType: 'prefixed' })])
    expect(access.wouldAllow(alice, 'read', 'topic', '__proto__')).toBe(true)
    expect(access.wouldAllow(alice, 'read', 'topic', 'constructors')).toBe(true)
    expect(access.wouldAllow(alice, 'read', 'topic', 'toString')).toBe(false)
  })
})

describe('the open access of --dev', () => {
  it('allows everything, and keeps no ACLs that would mean nothing', async () => {
    const events: AuditEvent[] = []
    const access = allowAll({ record: event => void events.push(event) })
    expect(access.allows(alice, 'delete', 'topic', 'orders')).toBe(true)
    expect(access.allowsAny(alice, 'write', 'topic')).toBe(true)
    expect(access.list({})).toEqual([])
    expect((await access.create([readOn('orders')], alice)).map(answer => answer?.code)).toEqual(['unsupported'])
    expect(await access.delete([{}, {}], alice)).toEqual([[], []])
    expect(events.map(event => event.operation)).toEqual(['create-acl'])
  })
})
