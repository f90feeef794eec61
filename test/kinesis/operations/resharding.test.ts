// SplitShard, MergeShards and UpdateShardCount: what they leave, what they refuse, and how the stream shows meanwhile.
import { describe, expect, test } from 'vitest'
import { factsOf } from '../../../src/kinesis/stream-facts.ts'
import { Refusal, type Admin, type Topic } from '../../../src/ports.ts'
import { memoryBackend } from '../../support/memory-backend.ts'
import { TestClock, testKinesis, type TestKinesis } from '../support/kinesis.ts'

const account = 'under account 000000000000'
const half = String(2n ** 127n)
const dayMs = 24 * 3_600_000

interface Shard {
  ShardId: string
  ParentShardId?: string
  AdjacentParentShardId?: string
  HashKeyRange: { StartingHashKey: string; EndingHashKey: string }
  SequenceNumberRange: { StartingSequenceNumber: string; EndingSequenceNumber?: string }
}

async function orders(shards: number, options: Parameters<typeof testKinesis>[0] = {}): Promise<TestKinesis> {
  const kinesis = await testKinesis(options)
  await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: shards })
  return kinesis
}

const error = (kinesis: TestKinesis, operation: string, input: object): Promise<string> => kinesis.refused(operation, { StreamName: 'orders', ...input })
const id = (index: number): string => `shardId-${String(index).padStart(12, '0')}`
const shards = async (kinesis: TestKinesis): Promise<Shard[]> => (await kinesis.ok<{ Shards: Shard[] }>('ListShards', { StreamName: 'orders' })).Shards
const open = async (kinesis: TestKinesis): Promise<string[]> => (await shards(kinesis)).filter(one => one.SequenceNumberRange.EndingSequenceNumber === undefined).map(one => one.ShardId)
const split = (kinesis: TestKinesis, shard: string, key: string): Promise<unknown> => kinesis.ok('SplitShard', { StreamName: 'orders', ShardToSplit: shard, NewStartingHashKey: key })
const merge = (kinesis: TestKinesis, lower: string, upper: string): Promise<unknown> => kinesis.ok('MergeShards', { StreamName: 'orders', ShardToMerge: lower, AdjacentShardToMerge: upper })
const scale = (kinesis: TestKinesis, target: number): Promise<object> => kinesis.ok('UpdateShardCount', { StreamName: 'orders', TargetShardCount: target, ScalingType: 'UNIFORM_SCALING' })

async function status(kinesis: TestKinesis): Promise<[string, number]> {
  const { StreamDescriptionSummary: { StreamStatus, OpenShardCount } } =
    await kinesis.ok<{ StreamDescriptionSummary: { StreamStatus: string; OpenShardCount: number } }>('DescribeStreamSummary', { StreamName: 'orders' })
  return [StreamStatus, OpenShardCount]
}

describe('SplitShard', () => {
  test('closes the shard, and two take its place with its hash keys', async () => {
    const kinesis = await orders(1)
    expect(await kinesis.call('SplitShard', { StreamName: 'orders', ShardToSplit: '0', NewStartingHashKey: '1000' })).toMatchObject({ status: 200, body: '' })
    const [parent, lower, upper] = await shards(kinesis)
    const end = String(2n ** 128n - 1n)
    expect([parent!.HashKeyRange, lower!.HashKeyRange, upper!.HashKeyRange]).toEqual([
      { StartingHashKey: '0', EndingHashKey: end }, { StartingHashKey: '0', EndingHashKey: '999' }, { StartingHashKey: '1000', EndingHashKey: end },
    ])
    expect([parent, lower, upper].map(one => [one!.ParentShardId, one!.AdjacentParentShardId])).toEqual([[undefined, undefined], [id(0), undefined], [id(0), undefined]])
    const ended = BigInt(parent!.SequenceNumberRange.EndingSequenceNumber!)
    for (const child of [lower!, upper!]) {
      expect(child.SequenceNumberRange).not.toHaveProperty('EndingSequenceNumber')
      expect(BigInt(child.SequenceNumberRange.StartingSequenceNumber) > ended).toBe(true)
    }
    expect(await status(kinesis)).toEqual(['ACTIVE', 2])
    const { StreamDescription } = await kinesis.ok<{ StreamDescription: { Shards: Shard[] } }>('DescribeStream', { StreamName: 'orders' })
    expect(StreamDescription.Shards).toEqual([parent, lower, upper])
  })

  test('takes the stream by its ARN, and any form of a shard\'s id', async () => {
    const kinesis = await orders(2)
    await kinesis.ok('SplitShard', { StreamARN: 'arn:aws:kinesis:us-east-1:000000000000:stream/orders', ShardToSplit: 'x-01', NewStartingHashKey: String(2n ** 127n + 2n) })
    expect((await shards(kinesis)).map(one => one.ParentShardId)).toEqual([undefined, undefined, id(1), id(1)])
  })

  const bounds = `is not both greater than one plus the shard's StartingHashKey ${half} and less than the shard's EndingHashKey ${2n ** 128n - 1n}.`
  test.each<[string, object, string]>([
    ['of the lower half', { ShardToSplit: id(1), NewStartingHashKey: '5' }, `InvalidArgumentException: NewStartingHashKey 5 used in SplitShard() on shard ${id(1)} in stream orders ${account} ${bounds}`],
    ['that leaves the lower child one key', { ShardToSplit: '1', NewStartingHashKey: String(2n ** 127n + 1n) },
      `InvalidArgumentException: NewStartingHashKey ${2n ** 127n + 1n} used in SplitShard() on shard ${id(1)} in stream orders ${account} ${bounds}`],
    ['that is the last', { ShardToSplit: '1', NewStartingHashKey: String(2n ** 128n - 1n) },
      `InvalidArgumentException: NewStartingHashKey ${2n ** 128n - 1n} used in SplitShard() on shard ${id(1)} in stream orders ${account} ${bounds}`],
    ['beyond all', { ShardToSplit: '1', NewStartingHashKey: '9'.repeat(39) },
      `InvalidArgumentException: NewStartingHashKey ${'9'.repeat(39)} used in SplitShard() on shard ${id(1)} in stream orders ${account} ${bounds}`],
    ['of a shard that is not there', { ShardToSplit: 'shardId-5', NewStartingHashKey: '5' }, `ResourceNotFoundException: Could not find shard ${id(5)} in stream orders ${account}.`],
    ['of no shard at all, in any stream', { ShardToSplit: 'x', NewStartingHashKey: '5', StreamName: 'absent' }, `ResourceNotFoundException: Could not find shard x in stream absent ${account}.`],
    ['of a stream that is not there', { ShardToSplit: '0', NewStartingHashKey: '5', StreamName: 'absent' }, `ResourceNotFoundException: Stream absent ${account} not found.`],
  ])('refuses a hash key %s', async (_what, input, text) => {
    const kinesis = await orders(2)
    expect(await error(kinesis, 'SplitShard', input)).toBe(text)
    expect(await shards(kinesis)).toHaveLength(2)
  })

  test('takes the first and the last hash key that there may be', async () => {
    const kinesis = await orders(2)
    await split(kinesis, '0', '2')
    await split(kinesis, '1', String(2n ** 128n - 2n))
    expect((await shards(kinesis)).slice(2).map(({ HashKeyRange: { StartingHashKey: from, EndingHashKey: to } }) => [from, to])).toEqual([
      ['0', '1'], ['2', String(2n ** 127n - 1n)], [half, String(2n ** 128n - 3n)], [String(2n ** 128n - 2n), String(2n ** 128n - 1n)],
    ])
  })

  test('refuses what the account has no shard left for, counting open ones', async () => {
    const kinesis = await orders(2, { shardLimit: 3 })
    await split(kinesis, '0', '1000')
    expect(await error(kinesis, 'SplitShard', { ShardToSplit: '1', NewStartingHashKey: String(2n ** 127n + 5n) })).toBe(
      'LimitExceededException: This request would exceed the shard limit for the account 000000000000 in us-east-1. Current shard count for the account: 3. Limit: 3. ' +
      'Number of additional shards that would have resulted from this request: 1. Refer to the AWS Service Limits page ' +
      '(http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how to request higher limits.')
  })
})

describe('MergeShards', () => {
  test('closes both, and one takes their place that names them as they were named', async () => {
    const kinesis = await orders(3)
    await merge(kinesis, id(1), id(2))
    const all = await shards(kinesis)
    expect(all[3]).toMatchObject({ ShardId: id(3), ParentShardId: id(1), AdjacentParentShardId: id(2) })
    expect(all[3]!.HashKeyRange).toEqual({ StartingHashKey: all[1]!.HashKeyRange.StartingHashKey, EndingHashKey: String(2n ** 128n - 1n) })
    expect(await open(kinesis)).toEqual([id(0), id(3)])
  })

  test.each<[string, [string, string], string]>([
    ['the upper first', ['1', '0'], `InvalidArgumentException: Shards ${id(1)} and ${id(0)} in stream orders ${account} are not an adjacent pair of shards eligible for merging`],
    ['two with one between', ['0', '2'], `InvalidArgumentException: Shards ${id(0)} and ${id(2)} in stream orders ${account} are not an adjacent pair of shards eligible for merging`],
    ['one with itself', ['1', '1'], `InvalidArgumentException: Shards ${id(1)} and ${id(1)} in stream orders ${account} are not an adjacent pair of shards eligible for merging`],
    ['one that is not there', ['2', '3'], `ResourceNotFoundException: Could not find shard ${id(3)} in stream orders ${account}.`],
    ['what is no shard', ['0', 'y'], `ResourceNotFoundException: Could not find shard y in stream orders ${account}.`],
  ])('refuses %s', async (_what, [ShardToMerge, AdjacentShardToMerge], text) => {
    const kinesis = await orders(3)
    expect(await error(kinesis, 'MergeShards', { ShardToMerge, AdjacentShardToMerge })).toBe(text)
    expect(await shards(kinesis)).toHaveLength(3)
  })

  test('and SplitShard refuse shards that are closed', async () => {
    const kinesis = await orders(2)
    await merge(kinesis, '0', '1')
    const closed = (index: number): string =>
      `InvalidArgumentException: Shard ${id(index)} in stream orders ${account} has already been merged or split, and thus is not eligible for merging or splitting.`
    expect(await error(kinesis, 'MergeShards', { ShardToMerge: '0', AdjacentShardToMerge: '1' })).toBe(closed(0))
    expect(await error(kinesis, 'MergeShards', { ShardToMerge: '2', AdjacentShardToMerge: '1' })).toBe(closed(1))
    expect(await error(kinesis, 'SplitShard', { ShardToSplit: '1', NewStartingHashKey: String(2n ** 127n + 5n) })).toBe(closed(1))
  })
})

describe('UpdateShardCount', () => {
  test.each([[2, 4, 6], [4, 5, 15], [10, 13, 37], [4, 2, 6], [5, 3, 7]])('from %i to %i lists %i shards, and says both numbers at once', async (from, to, total) => {
    const kinesis = await orders(from, { profile: 'aws' })
    expect(await scale(kinesis, to)).toEqual({ StreamName: 'orders', CurrentShardCount: from, TargetShardCount: to, StreamARN: 'arn:aws:kinesis:us-east-1:000000000000:stream/orders' })
    expect([(await shards(kinesis)).length, (await open(kinesis)).length]).toEqual([total, to])
    expect(await status(kinesis)).toEqual(['ACTIVE', to])
  })

  test('to the number there is changes nothing', async () => {
    const kinesis = await orders(3)
    expect(await scale(kinesis, 3)).toMatchObject({ CurrentShardCount: 3, TargetShardCount: 3 })
    expect(await shards(kinesis)).toHaveLength(3)
  })

  test('evens out what splits have left uneven', async () => {
    const kinesis = await orders(1)
    await split(kinesis, '0', '1000')
    await scale(kinesis, 4)
    await scale(kinesis, 2)
    const [lower] = (await shards(kinesis)).filter(one => one.SequenceNumberRange.EndingSequenceNumber === undefined && one.HashKeyRange.StartingHashKey === '0')
    expect(Number(BigInt(lower!.HashKeyRange.EndingHashKey)) / 2 ** 128).toBeCloseTo(0.5, 5)
  })

  test.each<[number, number, string]>([
    [1, 4, 'UpdateShardCount cannot scale up over double your current open shard count. Current open shard count: 1 Target shard count: 4'],
    [5, 2, 'UpdateShardCount cannot scale down below half your current open shard count. Current open shard count: 5 Target shard count: 2'],
    [2, 10_001, 'Target shard count or number of open shards cannot be greater than 10000. Current open shard count: 2 Target shard count: 10001'],
  ])('from %i to %i is refused where AWS\'s limits hold', async (from, to, text) => {
    const kinesis = await orders(from, { profile: 'aws', shardLimit: 20_000 })
    expect(await error(kinesis, 'UpdateShardCount', { TargetShardCount: to, ScalingType: 'UNIFORM_SCALING' })).toBe(`LimitExceededException: ${text}`)
    expect(await shards(kinesis)).toHaveLength(from)
  })

  test('goes as far as asked for where none hold', async () => {
    const kinesis = await orders(1)
    await scale(kinesis, 10)
    await scale(kinesis, 3)
    expect(await status(kinesis)).toEqual(['ACTIVE', 3])
  })

  test('refuses more shards than the account may have', async () => {
    const kinesis = await orders(2, { shardLimit: 3 })
    expect(await error(kinesis, 'UpdateShardCount', { TargetShardCount: 4, ScalingType: 'UNIFORM_SCALING' })).toMatch(
      /^LimitExceededException: .*Current shard count for the account: 2\. Limit: 3\. Number of additional shards that would have resulted from this request: 2\./)
    await scale(kinesis, 3)
  })

  test('scales ten times within any 24 hours', async () => {
    const clock = new TestClock()
    const kinesis = await orders(1, { profile: 'aws', clock })
    for (let nth = 0; nth < 10; nth++) {
      await scale(kinesis, nth % 2 === 0 ? 2 : 1)
      clock.advance(3_600_000)
    }
    const text = `LimitExceededException: UpdateShardCount cannot scale stream orders ${account} more than 10 times per rolling 24-hour period.`
    expect(await error(kinesis, 'UpdateShardCount', { TargetShardCount: 2, ScalingType: 'UNIFORM_SCALING' })).toBe(text)
    await split(kinesis, String((await shards(kinesis)).length - 1), half)
    clock.advance(dayMs - 10 * 3_600_000 - 1)
    expect(await error(kinesis, 'UpdateShardCount', { TargetShardCount: 4, ScalingType: 'UNIFORM_SCALING' })).toBe(text)
    clock.advance(1)
    await scale(kinesis, 4)
  })
})

describe('while a stream is resharded', () => {
  test('it shows UPDATING, takes and gives records, and takes no other change', async () => {
    const clock = new TestClock()
    const kinesis = await orders(2, { clock, transitionMs: 500 })
    clock.advance(500)
    await split(kinesis, '0', '1000')
    expect((await status(kinesis))[0]).toBe('UPDATING')
    for (const [operation, input] of [
      ['SplitShard', { ShardToSplit: '1', NewStartingHashKey: String(2n ** 127n + 5n) }], ['MergeShards', { ShardToMerge: '2', AdjacentShardToMerge: '3' }],
      ['UpdateShardCount', { TargetShardCount: 4, ScalingType: 'UNIFORM_SCALING' }],
    ] as const) expect(await error(kinesis, operation, input)).toBe(`ResourceInUseException: Stream orders ${account} not ACTIVE, instead in state UPDATING`)
    await kinesis.ok('PutRecord', { StreamName: 'orders', PartitionKey: 'a', Data: '' })
    clock.advance(499)
    expect((await status(kinesis))[0]).toBe('UPDATING')
    clock.advance(1)
    expect(await status(kinesis)).toEqual(['ACTIVE', 3])
    await merge(kinesis, '2', '3')
  })

  test('of two who ask at the same time one is refused where changes show, and both are served where they do not', async () => {
    const clock = new TestClock()
    const both = async (transitionMs: number): Promise<number[]> => {
      const kinesis = await orders(2, { clock, transitionMs })
      clock.advance(1_000)
      const asked = ['0', '1'].map(ShardToSplit => kinesis.call('SplitShard', { StreamName: 'orders', ShardToSplit, NewStartingHashKey: String(BigInt(ShardToSplit) * 2n ** 127n + 1_000n) }))
      const answers = (await Promise.all(asked)).map(answer => answer.status)
      return [...answers.toSorted(), (await status(kinesis))[1]]
    }
    expect(await both(500)).toEqual([200, 400, 3])
    expect(await both(0)).toEqual([200, 200, 4])
  })

  test('of two who ask for the same at the same time, one finds it done', async () => {
    const kinesis = await orders(2)
    const answers = await Promise.all([1, 2].map(() => kinesis.call('SplitShard', { StreamName: 'orders', ShardToSplit: '0', NewStartingHashKey: '1000' })))
    expect(answers.map(answer => answer.status).toSorted()).toEqual([200, 400])
    expect(JSON.stringify(answers.map(answer => answer.body))).toContain('has already been merged or split')
  })
})

test('a change that the backend refuses leaves the stream ACTIVE, and is not counted', async () => {
  const backend = memoryBackend()
  const clock = new TestClock()
  const reshard: Admin['reshard'] = backend.admin.reshard.bind(backend.admin)
  let isRefused = true
  backend.admin.reshard = async (name, plan) => (isRefused ? new Refusal('leader-not-available', 'no leader') : reshard(name, plan))
  const kinesis = await orders(1, { backend, clock, transitionMs: 500, profile: 'aws' })
  clock.advance(1_000)
  expect(await error(kinesis, 'UpdateShardCount', { TargetShardCount: 2, ScalingType: 'UNIFORM_SCALING' })).toBe('InternalFailure: undefined')
  expect(await status(kinesis)).toEqual(['ACTIVE', 1])
  const [topic] = await backend.admin.topics(['orders'])
  expect(factsOf(topic!, backend).scalingsMs).toEqual([])
  isRefused = false
  await scale(kinesis, 2)
  expect(factsOf(topic!, backend).scalingsMs).toEqual([clock.now()])
})

test('a change whose shards take their time to close counts, and the stream is UPDATING until they have', async () => {
  const backend = memoryBackend()
  const { admin } = backend
  const [reshard, topics] = [admin.reshard.bind(admin), admin.topics.bind(admin)]
  let isKnown = false
  admin.reshard = async (name, plan) => {
    await reshard(name, plan)
    return new Refusal('request-timed-out', 'the end of orders-0 is not known yet')
  }
  const closing = new Map<Topic, Topic>()
  admin.topics = async names => (await topics(names)).map(topic => {
    if (isKnown) return topic
    const partitions = topic.partitions.map(one => (one.seal === undefined ? one : { ...one, seal: { ...one.seal, endOffset: -1 } }))
    if (!closing.has(topic)) closing.set(topic, { ...topic, partitions })
    return closing.get(topic)!
  })
  const kinesis = await orders(1, { backend })
  await split(kinesis, '0', '1000')
  expect(await status(kinesis)).toEqual(['UPDATING', 2])
  expect(await error(kinesis, 'MergeShards', { ShardToMerge: '1', AdjacentShardToMerge: '2' })).toBe(`ResourceInUseException: Stream orders ${account} not ACTIVE, instead in state UPDATING`)
  isKnown = true
  expect(await status(kinesis)).toEqual(['ACTIVE', 2])
})

test.each([
  ['SplitShard', { ShardToSplit: '0', NewStartingHashKey: '1000' }], ['MergeShards', { ShardToMerge: '0', AdjacentShardToMerge: '1' }],
  ['UpdateShardCount', { TargetShardCount: 4, ScalingType: 'UNIFORM_SCALING' }],
])('%s is not for on-demand streams', async (operation, input) => {
  const kinesis = await testKinesis()
  await kinesis.ok('CreateStream', { StreamName: 'orders', StreamModeDetails: { StreamMode: 'ON_DEMAND' } })
  expect(await error(kinesis, operation, input)).toBe(`ValidationException: Request is invalid. Stream orders ${account} is in On-Demand mode.`)
})

test('a topic that Kafka made is resharded like any other, and takes no more partitions by CreatePartitions then', async () => {
  const kinesis = await testKinesis()
  const { admin } = kinesis.backend
  await admin.createTopic({ name: 'orders', partitions: 2, replicationFactor: 1, configs: new Map() }, { validateOnly: false })
  await admin.createPartitions('orders', 4, { validateOnly: false })
  // Partitions that come before any reshard share the hash keys anew.
  expect((await shards(kinesis)).map(one => one.HashKeyRange.StartingHashKey)).toEqual([0n, 1n, 2n, 3n].map(part => String(part * 2n ** 126n)))
  await merge(kinesis, '0', '1')
  expect(await open(kinesis)).toEqual([id(2), id(3), id(4)])
  expect(await admin.createPartitions('orders', 6, { validateOnly: false })).toMatchObject({ code: 'invalid-request' })
})
