// PutResourcePolicy, GetResourcePolicy and DeleteResourcePolicy over the real authorizer: what they say, and what the policies they keep do to other requests.
import { describe, expect, test } from 'vitest'
import type { AclBinding, Backend } from '../../../src/ports.ts'
import type { AuditEvent } from '../../../src/security/audit.ts'
import { Authorizer } from '../../../src/security/authorizer.ts'
import { ResourcePolicies } from '../../../src/security/resource-policies.ts'
import { memoryBackend } from '../../support/memory-backend.ts'
import { account, region, secretAccessKey, TestClock, testKinesis, type CallOptions, type TestKinesis } from '../support/kinesis.ts'

const streamArn = `arn:aws:kinesis:${region}:${account}:stream/orders`
const bobArn = `arn:aws:iam::${account}:user/CN=bob`
const asBob: CallOptions = { keyId: 'AKIASLUICETEST000BOB' }
const noIdentityPolicy = (action: string, resource: string): string =>
  `AccessDeniedException: User: ${bobArn} is not authorized to perform: kinesis:${action} on resource: ${resource} because no identity-based policy allows the kinesis:${action} action`
const record = { StreamName: 'orders', PartitionKey: 'k', Data: 'AA==' }

function policy(change: object = {}, resource = streamArn): string {
  return JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { AWS: bobArn }, Action: 'kinesis:PutRecord', Resource: resource, ...change }] })
}

interface Rig {
  readonly kinesis: TestKinesis
  readonly backend: Backend
  readonly clock: TestClock
  readonly events: AuditEvent[]
  /** The error's type and text; '' where there is none. */
  error(operation: string, input: object, how?: CallOptions): Promise<string>
  allow(operation: AclBinding['operation'], resourceType: AclBinding['resourceType'], resourceName: string, permission?: 'allow' | 'deny'): Promise<void>
}

/** Alice (the support's caller) is a super user; Bob may do nothing. The stream `orders` is there. */
async function rig(options: { transitionMs?: number } = {}): Promise<Rig> {
  const clock = new TestClock()
  const backend = memoryBackend({ now: () => clock.now() })
  const events: AuditEvent[] = []
  const audit = { record: (event: AuditEvent): void => void events.push(event) }
  const policies = new ResourcePolicies({ documents: backend.documents, audit, account, region, now: () => clock.now() })
  const access = new Authorizer({ store: backend.acls, audit, policies, superUsers: ['User:CN=alice'], allowEveryoneIfNoAcl: false })
  const kinesis = await testKinesis({ access, backend, clock, ...options })
  await backend.accessKeys.add({ id: 'AKIASLUICETEST000BOB', secret: secretAccessKey, principal: { type: 'User', name: 'CN=bob' }, createdAtMs: 0 })
  await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 1 })
  clock.advance(options.transitionMs ?? 0)
  return {
    kinesis, backend, clock, events,
    async error(operation, input, how) {
      const { status, body } = await kinesis.call(operation, input, how)
      if (status === 200) return ''
      const { __type: type, message } = body as { __type: string; message: string }
      return `${type}: ${message}`
    },
    async allow(operation, resourceType, resourceName, permission = 'allow') {
      await backend.acls.add([{ principal: 'User:CN=bob', host: '*', operation, permission, resourceType, resourceName, patternType: 'literal' }])
    },
  }
}

describe('the policy of a stream', () => {
  test('lets in whom no ACL lets in, for what it says, until it is deleted', async () => {
    const { kinesis, error } = await rig()
    expect(await error('PutRecord', record, asBob)).toBe(noIdentityPolicy('PutRecord', streamArn))
    expect(await kinesis.call('PutResourcePolicy', { ResourceARN: streamArn, Policy: policy() })).toMatchObject({ status: 200, body: '' })
    expect(await error('PutRecord', record, asBob)).toBe('')
    expect(await error('PutRecords', { StreamName: 'orders', Records: [{ PartitionKey: 'k', Data: '' }] }, asBob)).toBe(noIdentityPolicy('PutRecords', streamArn))
    expect(await error('PutRecord', { ...record, StreamName: 'other' }, asBob)).toBe(noIdentityPolicy('PutRecord', `${streamArn.replace('orders', 'other')}`))
    expect(await kinesis.ok('GetResourcePolicy', { ResourceARN: streamArn })).toEqual({ Policy: policy() })
    expect(await kinesis.call('DeleteResourcePolicy', { ResourceARN: streamArn })).toMatchObject({ status: 200, body: '' })
    expect(await error('PutRecord', record, asBob)).toBe(noIdentityPolicy('PutRecord', streamArn))
    expect(await kinesis.ok('GetResourcePolicy', { ResourceARN: streamArn })).toEqual({ Policy: '{}' })
  })

  test('that denies wins over ACLs, an ACL that denies over the policy, each in AWS\'s words; super users stand above both', async () => {
    const { kinesis, error, allow } = await rig()
    await allow('write', 'topic', 'orders')
    await kinesis.ok('PutResourcePolicy', { ResourceARN: streamArn, Policy: policy({ Effect: 'Deny', Principal: '*', Action: 'kinesis:Put*' }) })
    const denied = `AccessDeniedException: User: ${bobArn} is not authorized to perform: kinesis:PutRecord on resource: ${streamArn} with an explicit deny in `
    expect(await error('PutRecord', record, asBob)).toBe(`${denied}a resource-based policy`)
    expect(await error('PutRecord', record)).toBe('')
    await kinesis.ok('PutResourcePolicy', { ResourceARN: streamArn, Policy: policy() })
    expect(await error('PutRecord', record, asBob)).toBe('')
    await allow('write', 'topic', 'orders', 'deny')
    expect(await error('PutRecord', record, asBob)).toBe(`${denied}an identity-based policy`)
  })

  test('holds for readers with the iterator, too', async () => {
    const { kinesis, error } = await rig()
    const reads = ['kinesis:GetRecords', 'kinesis:GetShardIterator']
    await kinesis.ok('PutResourcePolicy', { ResourceARN: streamArn, Policy: policy({ Action: reads }) })
    const { ShardIterator } = await kinesis.ok('GetShardIterator', { StreamName: 'orders', ShardId: '0', ShardIteratorType: 'TRIM_HORIZON' }, asBob)
    expect(await error('GetRecords', { ShardIterator }, asBob)).toBe('')
    await kinesis.ok('DeleteResourcePolicy', { ResourceARN: streamArn })
    expect(await error('GetRecords', { ShardIterator }, asBob)).toBe(noIdentityPolicy('GetRecords', streamArn))
  })

  test('knows where a request comes from', async () => {
    const { kinesis, error } = await rig()
    await kinesis.ok('PutResourcePolicy', { ResourceARN: streamArn, Policy: policy({ Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } } }) })
    expect(await error('PutRecord', record, { ...asBob, host: '10.9.9.9' })).toBe('')
    expect(await error('PutRecord', record, { ...asBob, host: '11.9.9.9' })).toBe(noIdentityPolicy('PutRecord', streamArn))
  })

  test('is refused with the reason where it means nothing here', async () => {
    const { error } = await rig()
    const refused = (text: string) => error('PutResourcePolicy', { ResourceARN: streamArn, Policy: text })
    expect(await refused('{')).toBe(`InvalidArgumentException: The policy of ${streamArn} is not valid: it is not JSON.`)
    expect(await refused('')).toBe(`InvalidArgumentException: The policy of ${streamArn} is not valid: it is not JSON.`)
    expect(await refused(policy({ Action: 'kinesis:PutRecrod' }))).toMatch(/^InvalidArgumentException: .*the Action kinesis:PutRecrod of statement 1 is none of Kinesis/)
    expect(await refused(policy({}, `${streamArn}2`))).toMatch(/^InvalidArgumentException: .*which the policy is put on/)
    expect(await refused(policy().padEnd(20_481))).toMatch(/it has 20481 bytes, more than 20480/)
  })

  test('goes with the stream', async () => {
    const { kinesis } = await rig()
    await kinesis.ok('PutResourcePolicy', { ResourceARN: streamArn, Policy: policy() })
    await kinesis.ok('DeleteStream', { StreamName: 'orders' })
    await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 1 })
    expect(await kinesis.ok('GetResourcePolicy', { ResourceARN: streamArn })).toEqual({ Policy: '{}' })
  })

  test('is put only while the stream is ACTIVE', async () => {
    const { kinesis, error, clock } = await rig({ transitionMs: 500 })
    await kinesis.ok('CreateStream', { StreamName: 'new', ShardCount: 1 })
    const arn = streamArn.replace('orders', 'new')
    expect(await error('PutResourcePolicy', { ResourceARN: arn, Policy: policy({}, arn) })).toBe(`ResourceInUseException: Stream new under account ${account} not ACTIVE, instead in state CREATING`)
    clock.advance(500)
    expect(await error('PutResourcePolicy', { ResourceARN: arn, Policy: policy({}, arn) })).toBe('')
  })
})

describe('who puts policies', () => {
  test('changes authority: that is for whom may alter the cluster, or whom a policy lets', async () => {
    const { kinesis, error, allow, events } = await rig()
    const put = { ResourceARN: streamArn, Policy: policy() }
    for (const operation of ['read', 'write', 'alter', 'alter-configs', 'delete'] as const) await allow(operation, 'topic', 'orders')
    expect(await error('PutResourcePolicy', put, asBob)).toBe(noIdentityPolicy('PutResourcePolicy', streamArn))
    expect(await error('GetResourcePolicy', { ResourceARN: streamArn }, asBob)).toBe(noIdentityPolicy('GetResourcePolicy', streamArn))
    expect(events.at(-1)).toMatchObject({ kind: 'access', outcome: 'denied', principal: 'User:CN=bob', operation: 'describe', resource: 'cluster:kafka-cluster' })
    await kinesis.ok('PutResourcePolicy', { ResourceARN: streamArn, Policy: policy({ Action: 'kinesis:*ResourcePolicy' }) })
    expect(await error('PutResourcePolicy', put, asBob)).toBe('')
    expect(await error('DeleteResourcePolicy', { ResourceARN: streamArn }, asBob)).toBe(noIdentityPolicy('DeleteResourcePolicy', streamArn))
    await allow('alter', 'cluster', 'kafka-cluster')
    expect(await error('DeleteResourcePolicy', { ResourceARN: streamArn }, asBob)).toBe('')
    expect(events.filter(({ kind }) => kind === 'authority').map(({ operation, principal }) => [operation, principal])).toEqual([
      ['put-resource-policy', 'User:CN=alice'], ['put-resource-policy', 'User:CN=bob'], ['delete-resource-policy', 'User:CN=bob'],
    ])
  })

  test('learns nothing of what is there without the right', async () => {
    const { error } = await rig()
    for (const arn of [streamArn, streamArn.replace('orders', 'absent')]) {
      expect(await error('PutResourcePolicy', { ResourceARN: arn, Policy: '{' }, asBob)).toBe(noIdentityPolicy('PutResourcePolicy', arn))
      expect(await error('DeleteResourcePolicy', { ResourceARN: arn }, asBob)).toBe(noIdentityPolicy('DeleteResourcePolicy', arn))
    }
  })
})

describe('what is not there', () => {
  const absent = streamArn.replace('orders', 'absent')

  test.each<[operation: string, more: object]>([['PutResourcePolicy', { Policy: policy({}, absent) }], ['GetResourcePolicy', {}], ['DeleteResourcePolicy', {}]])('%s', async (operation, more) => {
    const { error } = await rig()
    expect(await error(operation, { ResourceARN: absent, ...more })).toBe(`ResourceNotFoundException: Stream absent under account ${account} not found.`)
    const consumer = `${streamArn}/consumer/billing:17`
    expect(await error(operation, { ResourceARN: consumer, ...more })).toBe(`ResourceNotFoundException: Consumer ${consumer}, account ${account} not found.`)
    expect(await error(operation, { ResourceARN: `arn:aws:kinesis:${region}:${account}:channel/x`, ...more })).toMatch(/^InvalidArgumentException: .*streams and consumers have resource policies/)
    expect(await error(operation, { ResourceARN: streamArn.replace(account, '999999999999'), ...more })).toMatch(/^ResourceNotFoundException: /)
    expect(await error(operation, { ResourceARN: 'x', ...more })).toMatch(/^ValidationException: 1 validation error detected: Value 'x' at 'resourceARN' failed to satisfy constraint/)
  })

  test('a policy that was never put cannot be deleted', async () => {
    const { error } = await rig()
    expect(await error('DeleteResourcePolicy', { ResourceARN: streamArn })).toBe(`ResourceNotFoundException: No resource policy found for resource ARN ${streamArn}.`)
  })
})

describe('the policy of a consumer', () => {
  async function withConsumer(options: { transitionMs?: number } = {}): Promise<Rig & { arn: string; register(): Promise<string> }> {
    const one = await rig(options)
    const register = async (): Promise<string> => {
      const { Consumer } = await one.kinesis.ok<{ Consumer: { ConsumerARN: string } }>('RegisterStreamConsumer', { StreamARN: streamArn, ConsumerName: 'billing' })
      return Consumer.ConsumerARN
    }
    return { ...one, arn: await register(), register }
  }
  const describing = (arn: string, effect: string): string => policy({ Action: 'kinesis:DescribeStreamConsumer', Effect: effect }, arn)

  test('counts for that consumer, by its ARN and by its name', async () => {
    const { kinesis, error, allow, arn } = await withConsumer()
    const byName = { StreamARN: streamArn, ConsumerName: 'billing' }
    expect(await error('DescribeStreamConsumer', { ConsumerARN: arn }, asBob)).toBe(noIdentityPolicy('DescribeStreamConsumer', arn))
    await kinesis.ok('PutResourcePolicy', { ResourceARN: arn, Policy: describing(arn, 'Allow') })
    expect([await error('DescribeStreamConsumer', { ConsumerARN: arn }, asBob), await error('DescribeStreamConsumer', byName, asBob)]).toEqual(['', ''])
    await kinesis.ok('PutResourcePolicy', { ResourceARN: arn, Policy: describing(arn, 'Deny') })
    await allow('describe', 'group', 'billing')
    await allow('describe', 'topic', 'orders')
    expect(await error('DescribeStreamConsumer', { ConsumerARN: arn }, asBob)).toMatch(/with an explicit deny in a resource-based policy$/)
    expect(await error('DescribeStreamConsumer', byName, asBob)).toMatch(/with an explicit deny in a resource-based policy$/)
  })

  test('goes with it: another of its name has none', async () => {
    const { kinesis, backend, clock, arn, register } = await withConsumer()
    await kinesis.ok('PutResourcePolicy', { ResourceARN: arn, Policy: describing(arn, 'Allow') })
    await kinesis.ok('DeregisterStreamConsumer', { ConsumerARN: arn })
    expect(backend.documents.all('resource-policy')).toEqual([])
    clock.advance(5_000)
    expect(await kinesis.ok('GetResourcePolicy', { ResourceARN: await register() })).toEqual({ Policy: '{}' })
  })

  test('left behind by a server that went down is not taken over by the next of its name', async () => {
    const { kinesis, backend, clock, error, arn, register } = await withConsumer()
    await kinesis.ok('PutResourcePolicy', { ResourceARN: arn, Policy: describing(arn, 'Allow') })
    const [left] = backend.documents.all('resource-policy')
    await kinesis.ok('DeregisterStreamConsumer', { ConsumerARN: arn })
    await backend.documents.put(left!, 0)
    clock.advance(5_000)
    await register()
    expect(await error('DescribeStreamConsumer', { StreamARN: streamArn, ConsumerName: 'billing' }, asBob)).toBe(noIdentityPolicy('DescribeStreamConsumer', streamArn))
  })

  test('is put only while the consumer is ACTIVE', async () => {
    const { error, clock, arn } = await withConsumer({ transitionMs: 500 })
    expect(await error('PutResourcePolicy', { ResourceARN: arn, Policy: describing(arn, 'Allow') })).toMatch(
      /^ResourceInUseException: Consumer billing with creation timestamp \d+ under stream: orders , account 000000000000 is not in ACTIVE status\.$/)
    clock.advance(500)
    expect(await error('PutResourcePolicy', { ResourceARN: arn, Policy: describing(arn, 'Allow') })).toBe('')
  })
})
