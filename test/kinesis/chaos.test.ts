import { describe, expect, it } from 'vitest'
import { Chaos, type ChaosSettings, chaosDefault } from '../../src/kinesis/chaos.ts'
import { troublesOf } from '../../src/kinesis/limits.ts'
import { TestClock, type TestKinesis, testKinesis } from './support/kinesis.ts'

const none = { throttle: 0, failure: 0, delayMs: 0, limits: 'off' } as const

async function chaotic(chaos: Partial<ChaosSettings>): Promise<TestKinesis> {
  const kinesis = await testKinesis({ profile: 'off' })
  await kinesis.ok('CreateStream', { StreamName: 's', ShardCount: 1 })
  kinesis.handler.limits.change({ profile: 'chaos', chaos: { ...chaosDefault, ...none, ...chaos } })
  return kinesis
}

async function stored(kinesis: TestKinesis): Promise<string[]> {
  kinesis.handler.limits.change({ ...kinesis.handler.limits.settings, profile: 'off' })
  const { ShardIterator } = await kinesis.ok('GetShardIterator', { StreamName: 's', ShardId: 'shardId-000000000000', ShardIteratorType: 'TRIM_HORIZON' })
  const { Records } = await kinesis.ok<{ Records: { PartitionKey: string }[] }>('GetRecords', { ShardIterator })
  return Records.map(record => record.PartitionKey)
}

const put = (key: string) => ({ StreamName: 's', PartitionKey: key, Data: 'aGk=' })
const records = (count: number) => ({ StreamName: 's', Records: Array.from({ length: count }, (_, at) => ({ PartitionKey: `k${at}`, Data: 'aGk=' })) })
const throttled = { __type: 'ProvisionedThroughputExceededException', message: 'Rate exceeded for shard shardId-000000000000 in stream s under account 000000000000.' }

describe('chaos', () => {
  it('throttles each operation in its own words', async () => {
    const kinesis = await testKinesis({ profile: 'off' })
    await kinesis.ok('CreateStream', { StreamName: 's', ShardCount: 1 })
    const { ShardIterator } = await kinesis.ok('GetShardIterator', { StreamName: 's', ShardId: '0', ShardIteratorType: 'TRIM_HORIZON' })
    kinesis.handler.limits.change({ profile: 'chaos', chaos: { ...chaosDefault, ...none, throttle: 1 } })
    expect(await kinesis.call('PutRecord', put('a'))).toMatchObject({ status: 400, body: throttled })
    expect((await kinesis.call('GetRecords', { ShardIterator })).body).toEqual(throttled)
    expect((await kinesis.call('GetShardIterator', { StreamName: 's', ShardId: '0', ShardIteratorType: 'LATEST' })).body).toEqual(throttled)
    expect((await kinesis.call('DescribeStream', { StreamName: 's' })).body).toEqual({
      __type: 'LimitExceededException', message: 'Rate exceeded for stream s under account 000000000000.',
    })
    expect((await kinesis.call('PutRecord', { ...put('a'), StreamName: 'nobody' })).body).toMatchObject({ __type: 'ResourceNotFoundException' })
  })

  it('throttles the records of PutRecords one by one, and a throttled record is not stored', async () => {
    const kinesis = await chaotic({ throttle: 0.3, seed: 11 })
    const answer = await kinesis.ok<{ FailedRecordCount: number; Records: { ErrorCode?: string }[] }>('PutRecords', records(500))
    const kept = answer.Records.flatMap(({ ErrorCode }, at) => (ErrorCode === undefined ? [`k${at}`] : []))
    expect(answer.FailedRecordCount).toBe(500 - kept.length)
    expect(answer.FailedRecordCount).toBeGreaterThan(100)
    expect(answer.FailedRecordCount).toBeLessThan(200)
    expect(await stored(kinesis)).toEqual(kept)
    expect(kinesis.handler.limits.troubles.get('PutRecords throttled')).toBe(answer.FailedRecordCount)
  })

  it('fails calls with HTTP 500 before they have an effect, or after', async () => {
    for (const failureWhen of ['before', 'after'] as const) {
      const kinesis = await chaotic({ failure: 1, failureWhen })
      expect(await kinesis.call('PutRecord', put('a'))).toMatchObject({ status: 500, body: { __type: 'InternalFailure' } })
      expect(await stored(kinesis)).toEqual(failureWhen === 'after' ? ['a'] : [])
    }
  })

  it('answers late, by the clock, but not later than it says', async () => {
    const kinesis = await chaotic({ delayMs: 1_000, seed: 3 })
    let isDone = false
    const answer = kinesis.call('PutRecord', put('a')).then(() => { isDone = true })
    await new Promise(setImmediate)
    expect(isDone).toBe(false)
    ;(kinesis.clock as TestClock).advance(1_000)
    await answer
    expect(isDone).toBe(true)
  })

  it('happens again from the same seed, whatever other operations do in between', async () => {
    const outcome = async (seed: number, others: boolean): Promise<number[]> => {
      const kinesis = await chaotic({ throttle: 0.2, failure: 0.2, seed })
      const statuses: number[] = []
      for (let at = 0; at < 40; at++) {
        if (others) await kinesis.call('ListStreams', {})
        statuses.push((await kinesis.call('PutRecord', put('a'))).status)
      }
      return statuses
    }
    const first = await outcome(5, false)
    expect(new Set(first)).toEqual(new Set([200, 400, 500]))
    expect(await outcome(5, true)).toEqual(first)
    expect(await outcome(6, false)).not.toEqual(first)
  })

  it('keeps to the operations that are named', async () => {
    const kinesis = await chaotic(troublesOf(['PutRecord'], { ...none, throttle: 1 }))
    expect((await kinesis.call('PutRecord', put('a'))).status).toBe(400)
    expect(await kinesis.ok('PutRecords', records(3))).toMatchObject({ FailedRecordCount: 0 })
    await kinesis.ok('ListStreams', {})
  })

  it('may have AWS\'s limits beside it', async () => {
    for (const limits of ['aws', 'off'] as const) {
      const kinesis = await chaotic({ limits })
      const answers = await Promise.all(Array.from({ length: 8 }, () => kinesis.call('ListStreams', {})))
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(limits === 'aws' ? 5 : 8)
    }
  })

  it('comes as often as its probability says', () => {
    const counted: string[] = []
    const chaos = new Chaos({ ...chaosDefault, throttle: 0.25, seed: 1 }, (operation, kind) => void counted.push(`${operation} ${kind}`))
    for (let at = 0; at < 4_000; at++) chaos.throttles('PutRecords')
    expect(counted.length).toBeGreaterThan(900)
    expect(counted.length).toBeLessThan(1_100)
  })
})
