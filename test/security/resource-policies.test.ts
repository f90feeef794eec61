// ACLs and policies decide together, in the one authorizer.
import { describe, expect, it } from 'vitest'
import { type AclBinding, type ActionAccess, type ActionDecision, type Caller, type Documents, Refusal } from '../../src/ports.ts'
import type { AuditEvent } from '../../src/security/audit.ts'
import { allowAll, Authorizer } from '../../src/security/authorizer.ts'
import { ResourcePolicies } from '../../src/security/resource-policies.ts'
import { memoryBackend } from '../support/memory-backend.ts'

const account = '123456789012'
const region = 'us-east-1'
const resource = `arn:aws:kinesis:${region}:${account}:stream/orders`
const [alice, bob, admin] = ['alice', 'bob', 'admin'].map((name): Caller => ({ principal: { type: 'User', name: `CN=${name}` }, host: '10.1.2.3' })) as [Caller, Caller, Caller]
const statement = { Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${account}:user/CN=alice` }, Action: 'kinesis:PutRecord', Resource: resource }
const allowAlice = JSON.stringify({ Statement: { Sid: 'LetAlice', ...statement } })
const denyAlice = JSON.stringify({ Statement: [{ ...statement, Action: 'kinesis:*' }, { Sid: 'NotAlice', ...statement, Effect: 'Deny' }] })
const put = { action: 'kinesis:PutRecord', resources: [resource], needs: [{ operation: 'write', resourceType: 'topic', resourceName: 'orders' }], isEncrypted: true } as const

interface Rig {
  readonly access: ActionAccess
  readonly documents: Documents
  readonly events: AuditEvent[]
  readonly policies: ResourcePolicies
  readonly topicId: string
}

async function rig(options: { acls?: ('allow' | 'deny')[]; policy?: string; dev?: boolean; account?: string } = {}): Promise<Rig> {
  const { acls: store, admin: topics, documents } = memoryBackend()
  const topic = await topics.createTopic({ name: 'orders', partitions: 1, replicationFactor: 1, configs: new Map() }, { validateOnly: false })
  if (topic instanceof Refusal) throw new Error(topic.message)
  const events: AuditEvent[] = []
  const audit = { record: (event: AuditEvent): void => void events.push(event) }
  const policies = new ResourcePolicies({ documents, audit, account, region, now: () => Date.UTC(2026, 10, 22) })
  const access = options.dev === true ? allowAll(audit, policies) : new Authorizer({ store, audit, policies, superUsers: ['User:CN=admin'], allowEveryoneIfNoAcl: false })
  const binding: Omit<AclBinding, 'permission'> = { principal: 'User:CN=alice', host: '*', operation: 'write', resourceType: 'topic', resourceName: 'orders', patternType: 'literal' }
  await store.add((options.acls ?? []).map(permission => ({ ...binding, permission })))
  if (options.policy !== undefined) expect(await access.putPolicy({ resource, policy: options.policy, topicId: topic.id, actions: ['kinesis:PutRecord'] }, admin)).toBeNull()
  events.length = 0
  return { access, documents, events, policies, topicId: topic.id }
}

describe('an action is', () => {
  it.each<[acls: ('allow' | 'deny')[], policy: string | undefined, decision: ActionDecision]>([
    [[], undefined, 'not-allowed'],
    [['allow'], undefined, 'allowed'],
    [['deny'], undefined, 'denied-by-acl'],
    [['allow', 'deny'], undefined, 'denied-by-acl'],
    [[], allowAlice, 'allowed'],
    [['allow'], allowAlice, 'allowed'],
    [['deny'], allowAlice, 'denied-by-acl'],
    [[], denyAlice, 'denied-by-policy'],
    [['allow'], denyAlice, 'denied-by-policy'],
    [['deny'], denyAlice, 'denied-by-acl'],
  ])('with the ACLs %j and the policy %s %s, and for a super user always allowed', async (acls, policy, decision) => {
    const { access, events } = await rig({ acls, ...(policy === undefined ? {} : { policy }) })
    expect(access.judge(alice, put)).toBe(decision)
    expect(events.filter(event => event.outcome === 'denied')).toHaveLength(decision === 'allowed' ? 0 : 1)
    expect(access.judge(admin, put)).toBe('allowed')
  })

  it('not allowed to others by a policy for one', async () => {
    const { access } = await rig({ policy: allowAlice })
    expect(access.judge(bob, put)).toBe('not-allowed')
    expect(access.judge(alice, { ...put, action: 'kinesis:PutRecords' })).toBe('not-allowed')
    expect(access.judge(alice, { ...put, resources: [`${resource}2`] })).toBe('not-allowed')
  })

  it('allowed by a policy for this API alone: other ways in ask the ACLs', async () => {
    const { access } = await rig({ policy: allowAlice })
    expect(access.judge(alice, put)).toBe('allowed')
    expect(access.allows(alice, 'write', 'topic', 'orders')).toBe(false)
  })

  it('judged by every need: one that is denied counts before one that is missing', async () => {
    const { access } = await rig({ acls: ['deny'], policy: allowAlice })
    const needs = [{ operation: 'read', resourceType: 'group', resourceName: 'g' }, ...put.needs] as const
    expect(access.judge(alice, { ...put, needs })).toBe('denied-by-acl')
  })

  it('written to the audit log with what decided it', async () => {
    const base = { kind: 'access', principal: 'User:CN=alice', host: '10.1.2.3' }
    const told = async (options: Parameters<typeof rig>[0]): Promise<AuditEvent[]> => {
      const { access, events } = await rig(options)
      access.judge(alice, put)
      return events
    }
    expect(await told({})).toEqual([{ ...base, outcome: 'denied', operation: 'write', resource: 'topic:orders', reason: 'kinesis:PutRecord: no ACL and no policy allows it' }])
    expect(await told({ acls: ['deny'] })).toEqual([{ ...base, outcome: 'denied', operation: 'write', resource: 'topic:orders', reason: 'kinesis:PutRecord: denied by an ACL' }])
    expect(await told({ policy: denyAlice })).toEqual([{ ...base, outcome: 'denied', operation: 'kinesis:PutRecord', resource, reason: 'denied by the statement NotAlice of its policy' }])
    expect(await told({ policy: allowAlice })).toEqual([
      { ...base, outcome: 'allowed', operation: 'kinesis:PutRecord', resource, reason: 'allowed by the statement LetAlice of its policy, and by no ACL' },
    ])
    expect(await told({ acls: ['allow'], policy: allowAlice })).toEqual([])
  })
})

describe('a policy', () => {
  it('is put, changed, shown as it was put, and removed; each change counts at once and is audited', async () => {
    const { access, events, topicId } = await rig()
    const change = (policy: string) => access.putPolicy({ resource, policy, topicId, actions: ['kinesis:PutRecord'] }, admin)
    expect(access.policyOf(resource)).toBeUndefined()
    const spaced = ` ${allowAlice}\n`
    expect(await change(spaced)).toBeNull()
    expect(access.policyOf(resource)).toBe(spaced)
    expect(access.judge(alice, put)).toBe('allowed')
    expect(await change(denyAlice)).toBeNull()
    expect(access.judge(alice, put)).toBe('denied-by-policy')
    expect(await access.removePolicy(resource, admin)).toBeNull()
    expect(access.judge(alice, put)).toBe('not-allowed')
    expect(await access.removePolicy(resource, admin)).toMatchObject({ code: 'resource-not-found', message: `No resource policy found for resource ARN ${resource}.` })
    expect(events.filter(event => event.kind === 'authority').map(({ operation, principal, resource: on, reason }) => [operation, principal, on, reason])).toEqual([
      ['put-resource-policy', 'User:CN=admin', resource, '1 statements'], ['put-resource-policy', 'User:CN=admin', resource, '2 statements'],
      ['delete-resource-policy', 'User:CN=admin', resource, undefined],
    ])
  })

  it('that is none is not put, and the one before stays', async () => {
    const { access, events, topicId } = await rig({ policy: allowAlice })
    expect(await access.putPolicy({ resource, policy: '{}', topicId, actions: ['kinesis:PutRecord'] }, admin))
      .toMatchObject({ code: 'invalid-request', message: `The policy of ${resource} is not valid: it has no Statement.` })
    expect(access.policyOf(resource)).toBe(allowAlice)
    expect(events).toEqual([])
  })

  it('goes with its topic', async () => {
    const { acls: store, admin: topics, documents } = memoryBackend()
    const policies = new ResourcePolicies({ documents, audit: { record() {} }, account, region, now: () => 0 })
    const access = new Authorizer({ store, audit: { record() {} }, policies, superUsers: [], allowEveryoneIfNoAcl: false })
    const make = async () => {
      const topic = await topics.createTopic({ name: 'orders', partitions: 1, replicationFactor: 1, configs: new Map() }, { validateOnly: false })
      return (topic as Exclude<typeof topic, Refusal>).id
    }
    await access.putPolicy({ resource, policy: allowAlice, topicId: await make(), actions: ['kinesis:PutRecord'] }, admin)
    await topics.deleteTopic('orders')
    await make()
    expect(access.policyOf(resource)).toBeUndefined()
    expect(access.judge(alice, put)).toBe('not-allowed')
  })

  it('of a consumer is that of its registration, also where it is asked for by its name', async () => {
    const { access, topicId } = await rig()
    const consumer = (second: number) => `${resource}/consumer/billing:${second}`
    const policy = JSON.stringify({ Statement: { ...statement, Effect: 'Deny', Action: '*', Resource: '*' } })
    await access.putPolicy({ resource: consumer(17), policy, topicId, actions: ['kinesis:PutRecord'] }, admin)
    expect(access.policyOf(consumer(17))).toBe(policy)
    expect(access.policyOf(consumer(18))).toBeUndefined()
    const ask = (...resources: string[]) => access.judge(alice, { ...put, resources })
    expect([ask(consumer(17)), ask(consumer(18)), ask(resource, `${resource}/consumer/billing`), ask(resource)])
      .toEqual(['denied-by-policy', 'not-allowed', 'denied-by-policy', 'not-allowed'])
    expect(await access.removePolicy(consumer(18), admin)).toBeInstanceOf(Refusal)
    expect(await access.removePolicy(`${resource}/consumer/billing`, admin)).toBeNull()
  })

  it('that can no longer be read denies everything but to super users', async () => {
    const { documents, topicId } = await rig({ policy: allowAlice })
    // The same documents under another account: nobody whom the policy names is of it.
    const policies = new ResourcePolicies({ documents, audit: { record() {} }, account: '999999999999', region, now: () => 0 })
    const access = new Authorizer({ store: memoryBackend().acls, audit: { record() {} }, policies, superUsers: ['User:CN=admin'], allowEveryoneIfNoAcl: true })
    const elsewhere = { ...put, resources: [resource.replace(account, '999999999999')] }
    expect(access.judge(alice, elsewhere)).toBe('denied-by-policy')
    expect(access.judge(bob, elsewhere)).toBe('denied-by-policy')
    expect(access.judge(admin, elsewhere)).toBe('allowed')
    const again = { resource: elsewhere.resources[0]!, policy: allowAlice.replaceAll(account, '999999999999'), topicId, actions: ['kinesis:PutRecord'] }
    expect(await access.putPolicy(again, admin)).toBeNull()
    expect(access.judge(bob, elsewhere)).toBe('allowed')
  })

  it('with --dev denies what it denies, but never to look at it or to lift it', async () => {
    const policy = JSON.stringify({ Statement: { Effect: 'Deny', Principal: '*', Action: '*', Resource: '*' } })
    const { access, events } = await rig({ dev: true, policy })
    expect(access.judge(alice, put)).toBe('denied-by-policy')
    expect(events).toEqual([expect.objectContaining({ outcome: 'denied', operation: 'kinesis:PutRecord', resource, reason: 'denied by the statement #1 of its policy' })])
    for (const action of ['kinesis:GetResourcePolicy', 'kinesis:PutResourcePolicy', 'kinesis:DeleteResourcePolicy']) expect(access.judge(alice, { ...put, action })).toBe('allowed')
    expect(access.judge(alice, { ...put, resources: ['*'] })).toBe('allowed')
  })

  it('is not taken by an authorizer that keeps none', async () => {
    for (const access of [allowAll({ record() {} }), new Authorizer({ store: memoryBackend().acls, audit: { record() {} }, superUsers: [], allowEveryoneIfNoAcl: false })]) {
      expect(await access.putPolicy({ resource, policy: allowAlice, topicId: '', actions: [] }, admin)).toMatchObject({ code: 'unsupported' })
      expect(await access.removePolicy(resource, admin)).toMatchObject({ code: 'unsupported' })
      expect(access.policyOf(resource)).toBeUndefined()
    }
  })
})
