// Puts that meet a shard while it is closed: they go to those that take its place, once, in their order.
import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { shardMapOf } from '../../../src/kinesis/shard-map.ts'
import { mergePlan, scalingPlan, splitPlan } from '../../../src/kinesis/reshard-plans.ts'
import { type Backend, Refusal, type ReshardPlan, type Topic } from '../../../src/ports.ts'
import { memoryBackend } from '../../support/memory-backend.ts'
import { deadLettering } from '../../support/validation.ts'
import { TestClock, testKinesis, type TestKinesis } from '../support/kinesis.ts'

const id = (index: number): string => `shardId-${String(index).padStart(12, '0')}`
const base64 = (text: string): string => Buffer.from(text).toString('base64')

interface Put { ShardId: string; SequenceNumber: string }
interface Closing { kinesis: TestKinesis; clock: TestClock; backend: Backend; reshard: (plan: (topic: Topic) => ReshardPlan) => Promise<void>; appends: string[] }

/** A stream whose backend does something just before the next append. */
async function closing(shards: number, before: (closing: Closing) => Promise<void>, options: Parameters<typeof testKinesis>[0] = {}): Promise<Closing> {
  const clock = new TestClock()
  const backend = options.backend ?? memoryBackend({ now: () => clock.now() })
  const append = backend.logs.append.bind(backend.logs)
  const appends: string[] = []
  let once: (() => Promise<void>) | undefined = async () => before(all)
  backend.logs.append = async (at, batch, how) => {
    const first = once
    once = undefined
    await first?.()
    const answer = await append(at, batch, how)
    appends.push(`${at.partition} ${answer instanceof Refusal ? answer.code : 'ok'}`)
    return answer
  }
  const kinesis = await testKinesis({ clock, ...options, backend })
  await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: shards, MaxRecordSizeInKiB: 1_024 })
  const reshard = async (plan: (topic: Topic) => ReshardPlan): Promise<void> => {
    const [topic] = await backend.admin.topics(['orders'])
    expect(await backend.admin.reshard('orders', plan(topic!))).not.toBeInstanceOf(Refusal)
  }
  const all: Closing = { kinesis, clock, backend, reshard, appends }
  return all
}

const splitFirst = (topic: Topic): ReshardPlan => splitPlan(shardMapOf(topic), shardMapOf(topic).shards[0]!, 1_000n)

async function stored({ backend }: Pick<Closing, 'backend'>): Promise<string[][]> {
  const [topic] = await backend.admin.topics(['orders'])
  return Promise.all(topic!.partitions.map(async ({ index }) => {
    const slice = await backend.logs.read({ topic: 'orders', partition: index }, 0, { bytesMax: 1e9, atLeastOne: true, committedOnly: true })
    return slice instanceof Refusal ? [] : slice.batches.flatMap(batch => batch.records()).map(({ value }) => value!.subarray(0, 8).toString().replaceAll('\0', ''))
  }))
}

async function turns(count = 5): Promise<void> {
  for (let turn = 0; turn < count; turn++) await setImmediate()
}

describe('a record', () => {
  test('goes to the child that has its hash key, with a number of that child', async () => {
    const one = await closing(1, ({ reshard }) => reshard(splitFirst))
    const put = await one.kinesis.ok<Put>('PutRecord', { StreamName: 'orders', PartitionKey: 'k', ExplicitHashKey: '5000', Data: base64('a') })
    expect([put.ShardId, one.appends]).toEqual([id(2), ['0 sealed-partition', '2 ok']])
    expect(await stored(one)).toEqual([[], [], ['a']])
  })

  test('follows its hash key through several changes', async () => {
    let rounds = 0
    const one = await closing(2, ({ reshard }) => reshard(topic => mergePlan(shardMapOf(topic), shardMapOf(topic).shards[0]!, shardMapOf(topic).shards[1]!)))
    const append = one.backend.logs.append
    one.backend.logs.append = async (at, batch, how) => {
      if (rounds++ === 1) await one.reshard(topic => scalingPlan(shardMapOf(topic), 3)!)
      return append(at, batch, how)
    }
    await one.kinesis.ok('PutRecord', { StreamName: 'orders', PartitionKey: 'k', ExplicitHashKey: '0', Data: base64('a') })
    expect(one.appends).toEqual(['0 sealed-partition', '2 sealed-partition', expect.stringMatching(/^\d ok$/)])
    expect((await stored(one)).flat()).toEqual(['a'])
  })

  test('waits until it is known where the shards before its own end, and is then stored at once', async () => {
    const one = await closing(1, ({ reshard }) => reshard(splitFirst))
    const topics = one.backend.admin.topics.bind(one.backend.admin)
    let isKnown = false
    const unsettled = new WeakMap<Topic, Topic>()
    one.backend.admin.topics = async names => (await topics(names)).map(topic => {
      if (isKnown) return topic
      const known = unsettled.get(topic) ?? { ...topic, partitions: topic.partitions.map(one => (one.seal === undefined ? one : { ...one, seal: { ...one.seal, endOffset: -1 } })) }
      unsettled.set(topic, known)
      return known
    })
    let isDone = false
    const put = one.kinesis.ok<Put>('PutRecord', { StreamName: 'orders', PartitionKey: 'k', ExplicitHashKey: '0', Data: base64('a') }).finally(() => { isDone = true })
    await turns()
    // Another that comes meanwhile sees the new shards, and waits before it is appended anywhere.
    const second = one.kinesis.ok<Put>('PutRecord', { StreamName: 'orders', PartitionKey: 'k', ExplicitHashKey: '0', Data: base64('b') })
    for (let pause = 0; pause < 20; pause++) {
      one.clock.advance(10)
      await turns()
    }
    expect([isDone, one.appends]).toEqual([false, ['0 sealed-partition']])
    isKnown = true
    one.clock.advance(10)
    expect([(await put).ShardId, (await second).ShardId]).toEqual([id(1), id(1)])
    expect((await stored(one)).flat().toSorted()).toEqual(['a', 'b'])
  })

  test('is refused where no shard takes it for fifteen seconds, and nothing of it is stored', async () => {
    const one = await closing(1, async () => {})
    one.backend.logs.append = async () => new Refusal('sealed-partition', 'closed, and the catalog does not know')
    const put = one.kinesis.refused('PutRecord', { StreamName: 'orders', PartitionKey: 'k', Data: base64('a') })
    for (let pause = 0; pause <= 1_500; pause++) {
      await turns(2)
      one.clock.advance(10)
    }
    expect(await put).toBe('InternalFailure: undefined')
    expect((await stored(one)).flat()).toEqual([])
  })

  test('is not put into a stream that was made again meanwhile', async () => {
    const one = await closing(1, async ({ kinesis, reshard }) => {
      await reshard(splitFirst)
      await kinesis.ok('DeleteStream', { StreamName: 'orders' })
      await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 1 })
      one.backend.logs.append = async () => new Refusal('sealed-partition', 'closed')
    })
    one.backend.logs.append = (append => async (at, batch, how) => {
      const answer = await append(at, batch, how)
      return answer instanceof Refusal ? answer : new Refusal('sealed-partition', 'closed')
    })(one.backend.logs.append)
    expect(await one.kinesis.refused('PutRecord', { StreamName: 'orders', PartitionKey: 'k', Data: base64('a') })).toBe('ResourceNotFoundException: Stream orders under account 000000000000 not found.')
  })
})

describe('records of one request', () => {
  test('keep their order and are answered in their places, whichever of their shards close', async () => {
    const one = await closing(4, ({ reshard }) => reshard(topic => scalingPlan(shardMapOf(topic), 5)!))
    const Records = Array.from({ length: 200 }, (_, at) => ({ PartitionKey: `k${at % 20}`, Data: base64(String(at)) }))
    const { FailedRecordCount, Records: answers } = await one.kinesis.ok<{ FailedRecordCount: number; Records: Put[] }>('PutRecords', { StreamName: 'orders', Records })
    expect(FailedRecordCount).toBe(0)
    expect(one.appends.filter(entry => entry.endsWith('sealed-partition'))).toHaveLength(4)
    const logs = await stored(one)
    expect(logs.flat().map(Number).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, at) => at))
    for (let key = 0; key < 20; key++) {
      const [log] = logs.filter(words => words.includes(String(key)))
      expect(log!.filter(word => Number(word) % 20 === key).map(Number)).toEqual(Array.from({ length: 10 }, (_, nth) => key + 20 * nth))
    }
    for (const [at, { ShardId }] of answers.entries()) expect(logs[Number(ShardId.slice(-2))]).toContain(String(at))
  })

  test('that take several batches keep their order where the shard closes between two of them', async () => {
    const one = await closing(1, async () => {})
    const append = one.backend.logs.append
    let count = 0
    let turn: Promise<unknown> = Promise.resolve()
    // One after another, as the log of an engine takes them.
    one.backend.logs.append = (at, batch, how) => {
      const before = turn
      const answer = (async () => {
        await before
        if (++count === 3) await one.reshard(splitFirst)
        return append(at, batch, how)
      })()
      turn = answer
      return answer
    }
    const Records = Array.from({ length: 9 }, (_, at) => ({ PartitionKey: 'k', ExplicitHashKey: '7', Data: Buffer.concat([Buffer.from(`r${at}`), Buffer.alloc(600_000)]).toString('base64') }))
    const { FailedRecordCount, Records: answers } = await one.kinesis.ok<{ FailedRecordCount: number; Records: Put[] }>('PutRecords', { StreamName: 'orders', Records })
    expect(FailedRecordCount).toBe(0)
    const logs = await stored(one)
    expect(logs.flat()).toEqual(Records.map((_, at) => `r${at}`))
    expect([logs[0]!.length > 0, logs[1]!.length > 0]).toEqual([true, true])
    const numbers = answers.map(({ SequenceNumber }) => BigInt(SequenceNumber))
    expect(numbers).toEqual(numbers.toSorted((a, b) => (a < b ? -1 : 1)))
  })

  test('that do not fit go to the dead-letter topic once', async () => {
    const backend = memoryBackend()
    const validation = deadLettering(backend, ({ value }) => (value!.toString() === 'bad' ? { part: 'value', pointer: '/n', reason: 'must be integer' } : null))
    const one = await closing(1, () => Promise.resolve(), { backend, validation })
    const append = backend.logs.append
    let isClosed = false
    backend.logs.append = async (at, batch, how) => {
      if (at.topic === 'orders' && !isClosed) {
        isClosed = true
        await one.reshard(splitFirst)
      }
      return append(at, batch, how)
    }
    const Records = ['bad', 'good', 'bad'].map(word => ({ PartitionKey: 'k', ExplicitHashKey: '7', Data: base64(word) }))
    const answer = await one.kinesis.ok<{ FailedRecordCount: number; Records: Put[] }>('PutRecords', { StreamName: 'orders', Records })
    expect([answer.FailedRecordCount, answer.Records.map(({ ShardId }) => ShardId)]).toEqual([0, [id(1), id(1), id(1)]])
    expect(await stored(one)).toEqual([[], ['good'], []])
    const letters = await backend.logs.ends({ topic: 'orders.dlq', partition: 0 })
    expect(letters).toMatchObject({ highWatermark: 2 })
  })
})

describe('SequenceNumberForOrdering', () => {
  test('of a parent is exceeded by every number of its children', async () => {
    const one = await closing(1, async () => {})
    const put = (input: object): Promise<Put> => one.kinesis.ok<Put>('PutRecord', { StreamName: 'orders', PartitionKey: 'k', Data: '', ...input })
    let last = (await put({})).SequenceNumber
    for (let round = 0; round < 6; round++) {
      await one.kinesis.ok('UpdateShardCount', { StreamName: 'orders', TargetShardCount: round % 2 === 0 ? 3 : 1, ScalingType: 'UNIFORM_SCALING' })
      const { SequenceNumber } = await put({ SequenceNumberForOrdering: last })
      expect(BigInt(SequenceNumber) > BigInt(last)).toBe(true)
      last = SequenceNumber
      one.clock.advance(1_000)
    }
  })

  test('may be the number a closed shard ends with, but none from behind its records', async () => {
    const one = await closing(1, async () => {})
    const put = (SequenceNumberForOrdering?: string) => ({ StreamName: 'orders', PartitionKey: 'k', Data: '', SequenceNumberForOrdering })
    const first = (await one.kinesis.ok<Put>('PutRecord', put())).SequenceNumber
    await one.kinesis.ok('SplitShard', { StreamName: 'orders', ShardToSplit: '0', NewStartingHashKey: '1000' })
    const { Shards } = await one.kinesis.ok<{ Shards: { SequenceNumberRange: { EndingSequenceNumber: string } }[] }>('ListShards', { StreamName: 'orders' })
    await one.kinesis.ok('PutRecord', put(Shards[0]!.SequenceNumberRange.EndingSequenceNumber))
    await one.kinesis.ok('PutRecord', put(first))
    const beyond = (BigInt(first) + (1n << 80n)).toString()
    expect(await one.kinesis.refused('PutRecord', put(beyond)))
      .toBe(`InvalidArgumentException: ExclusiveMinimumSequenceNumber ${beyond} used in PutRecord on stream orders under account 000000000000 is invalid.`)
  })
})
