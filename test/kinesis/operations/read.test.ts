import { crc32c } from '@node-rs/crc32'
import { describe, expect, test } from 'vitest'
import { parseSequenceNumber, sequenceNumberOf, startingSequenceNumber } from '../../../src/kinesis/sequence-numbers.ts'
import { Refusal, type Slice } from '../../../src/ports.ts'
import { buildBatch, type RecordDraft } from '../../../src/wire/batch.ts'
import { memoryBackend } from '../../support/memory-backend.ts'
import { TestClock, principal, testKinesis, type TestKinesis } from '../support/kinesis.ts'

const account = 'under account 000000000000'
const MiB = 1_048_576

interface Page {
  Records: { SequenceNumber: string; ApproximateArrivalTimestamp: number; Data: string; PartitionKey?: string }[]
  NextShardIterator: string
  MillisBehindLatest: number
}

interface One { kinesis: TestKinesis; clock: TestClock }

async function orders(options: Parameters<typeof testKinesis>[0] = {}, stream: object = {}): Promise<One> {
  const clock = new TestClock()
  const kinesis = await testKinesis({ clock, ...options })
  await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 1, ...stream })
  return { kinesis, clock }
}

async function error(kinesis: TestKinesis, operation: string, input: object, how = {}): Promise<string> {
  const { status, body } = await kinesis.call(operation, input, how)
  if (status === 200) throw new Error(`${operation} succeeded`)
  const { __type: type, message } = body as { __type: string; message?: string }
  return `${type}: ${message}`
}

const put = async (kinesis: TestKinesis, ...words: string[]): Promise<string[]> => {
  const numbers: string[] = []
  for (const word of words) {
    const { SequenceNumber } = await kinesis.ok<{ SequenceNumber: string }>('PutRecord', { StreamName: 'orders', PartitionKey: 'k', Data: Buffer.from(word).toString('base64') })
    numbers.push(SequenceNumber)
  }
  return numbers
}

async function iterator(kinesis: TestKinesis, input: object): Promise<string> {
  return (await kinesis.ok<{ ShardIterator: string }>('GetShardIterator', { StreamName: 'orders', ShardId: 'shardId-000000000000', ...input })).ShardIterator
}

const page = (kinesis: TestKinesis, ShardIterator: string, input = {}): Promise<Page> => kinesis.ok<Page>('GetRecords', { ShardIterator, ...input })
const words = ({ Records }: Page): string[] => Records.map(record => Buffer.from(record.Data, 'base64').toString())
const readFrom = async (kinesis: TestKinesis, input: object): Promise<string[]> => words(await page(kinesis, await iterator(kinesis, input)))

/** Appends what a Kafka producer would send. */
async function produce(kinesis: TestKinesis, records: RecordDraft[], options: Partial<Parameters<typeof buildBatch>[1]> = {}): Promise<void> {
  const batch = buildBatch(records, { timestampMs: kinesis.clock.now(), ...options })
  const appended = await kinesis.backend.logs.append({ topic: 'orders', partition: 0 }, batch, { acks: 'all', timeoutMs: 1_000 })
  expect(appended).not.toBeInstanceOf(Refusal)
}

describe('the five ways to start', () => {
  test('TRIM_HORIZON is the oldest, LATEST is what comes after the iterator was made', async () => {
    const { kinesis } = await orders()
    await put(kinesis, 'a', 'b')
    const latest = await iterator(kinesis, { ShardIteratorType: 'LATEST' })
    await put(kinesis, 'c', 'd')
    expect(await readFrom(kinesis, { ShardIteratorType: 'TRIM_HORIZON' })).toEqual(['a', 'b', 'c', 'd'])
    expect(words(await page(kinesis, latest))).toEqual(['c', 'd'])
  })

  test('AT and AFTER a sequence number', async () => {
    const { kinesis } = await orders()
    const numbers = await put(kinesis, 'a', 'b', 'c')
    expect(await readFrom(kinesis, { ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber: numbers[1] })).toEqual(['b', 'c'])
    expect(await readFrom(kinesis, { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber: numbers[1] })).toEqual(['c'])
    expect(await readFrom(kinesis, { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber: numbers[2] })).toEqual([])
  })

  test('AT and AFTER the number a shard starts with are both its first record', async () => {
    const { kinesis } = await orders()
    await put(kinesis, 'a', 'b')
    const { Shards } = await kinesis.ok<{ Shards: { SequenceNumberRange: { StartingSequenceNumber: string } }[] }>('ListShards', { StreamName: 'orders' })
    const { StartingSequenceNumber } = Shards[0]!.SequenceNumberRange
    for (const ShardIteratorType of ['AT_SEQUENCE_NUMBER', 'AFTER_SEQUENCE_NUMBER']) expect(await readFrom(kinesis, { ShardIteratorType, StartingSequenceNumber })).toEqual(['a', 'b'])
  })

  test('AT_TIMESTAMP is the first that arrived then or later; before all, the oldest; after all, the next', async () => {
    const { kinesis, clock } = await orders()
    await put(kinesis, 'a')
    clock.advance(10_500)
    await put(kinesis, 'b', 'c')
    clock.advance(10_000)
    const at = (Timestamp: number): Promise<string[]> => readFrom(kinesis, { ShardIteratorType: 'AT_TIMESTAMP', Timestamp })
    const now = clock.now() / 1_000
    expect(await at(now - 10)).toEqual(['b', 'c'])
    expect(await at(now - 20.4)).toEqual(['b', 'c'])
    expect(await at(now - 20.5)).toEqual(['a', 'b', 'c'])
    expect(await at(0)).toEqual(['a', 'b', 'c'])
    const end = await iterator(kinesis, { ShardIteratorType: 'AT_TIMESTAMP', Timestamp: now })
    await put(kinesis, 'd')
    expect(words(await page(kinesis, end))).toEqual(['d'])
  })
})

describe('GetShardIterator refuses', () => {
  const must = (type: string, what: string): string => 'InvalidArgumentException: Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or ' +
    `(2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified ${type} and ${what} StartingSequenceNumber.`
  const used = (number: string): string => `InvalidArgumentException: StartingSequenceNumber ${number} used in GetShardIterator on shard shardId-000000000000 in stream orders ${account} is invalid`
  const hex = (digits: string): string => BigInt(`0x${digits}`).toString()

  test.each<[object, string]>([
    [{ ShardIteratorType: 'AT_SEQUENCE_NUMBER' }, must('AT_SEQUENCE_NUMBER', 'no')],
    [{ ShardIteratorType: 'AFTER_SEQUENCE_NUMBER' }, must('AFTER_SEQUENCE_NUMBER', 'no')],
    [{ ShardIteratorType: 'LATEST', StartingSequenceNumber: '5' }, must('LATEST', 'also a')],
    [{ ShardIteratorType: 'TRIM_HORIZON', StartingSequenceNumber: '5' }, must('TRIM_HORIZON', 'also a')],
    [{ ShardIteratorType: 'AT_TIMESTAMP' }, 'InvalidArgumentException: Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no timestamp parameter.'],
    [{ ShardIteratorType: 'AT_TIMESTAMP', Timestamp: 4e9 }, 'InvalidArgumentException: The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. ' +
      'timestampInMillis: 4000000000000, currentTimestampInMillis: 1795348800000'],
    [{ ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber: '5' },
      'InvalidArgumentException: Invalid StartingSequenceNumber. It encodes shardId-000000000005, while it was used in a call to a shard with shardId-000000000000'],
    [{ ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber: '0' }, `${used('21267647932558653966460912964485513216')} because it did not come from this stream.`],
    [{ ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber: hex('13bb2cc3d80000000000000000000000') }, `${used('26227199374822427428162556223570313216')}.`],
    [{ ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber: hex('20000000000800000000000000000000000000000000002') }, `${used(hex('20000000000800000000000000000000000000000000002'))}.`],
    [{ ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber: startingSequenceNumber({ index: 0, createdAtMs: 0 }) },
      `${used(startingSequenceNumber({ index: 0, createdAtMs: 0 }))} because it did not come from this stream.`],
    [{ ShardIteratorType: 'LATEST', ShardId: 'shardId-5' }, `ResourceNotFoundException: Shard shardId-000000000005 in stream orders ${account} does not exist`],
    [{ ShardIteratorType: 'LATEST', ShardId: '2147483648' }, `ResourceNotFoundException: Could not find shard 2147483648 in stream orders ${account}.`],
    [{ ShardIteratorType: 'LATEST', ShardId: 'ABKLFD8' }, `ResourceNotFoundException: Could not find shard ABKLFD8 in stream orders ${account}.`],
    [{ ShardIteratorType: 'LATEST', StreamName: 'absent', ShardId: 'a-00002147483647' }, `ResourceNotFoundException: Shard shardId-002147483647 in stream absent ${account} does not exist`],
    [{ ShardIteratorType: 'LATEST', DryRun: true }, 'DryRunOperationException: Request would have succeeded, but DryRun flag is set.'],
  ])('%j', async (input, message) => {
    const { kinesis } = await orders()
    expect(await error(kinesis, 'GetShardIterator', { StreamName: 'orders', ShardId: 'shardId-000000000000', ...input })).toBe(message)
  })

  test('the sixth call of a second under AWS\'s limits', async () => {
    const { kinesis } = await orders({ profile: 'aws' })
    for (let at = 0; at < 5; at++) await iterator(kinesis, { ShardIteratorType: 'LATEST' })
    expect(await error(kinesis, 'GetShardIterator', { StreamName: 'orders', ShardId: '0', ShardIteratorType: 'LATEST' }))
      .toBe(`ProvisionedThroughputExceededException: Rate exceeded for shard shardId-000000000000 in stream orders ${account}.`)
  })
})

describe('GetRecords', () => {
  test('gives everything a record has, and an iterator that goes on', async () => {
    const { kinesis, clock } = await orders()
    const [number] = await put(kinesis, 'a')
    clock.advance(1_234)
    const first = await page(kinesis, await iterator(kinesis, { ShardIteratorType: 'TRIM_HORIZON' }))
    expect(first).toEqual({
      Records: [{ SequenceNumber: number, ApproximateArrivalTimestamp: Date.UTC(2026, 10, 22, 12) / 1_000, Data: 'YQ==', PartitionKey: 'k' }],
      NextShardIterator: expect.any(String) as string, MillisBehindLatest: 0,
    })
    const empty = await page(kinesis, first.NextShardIterator)
    expect(empty.Records).toEqual([])
    expect(empty.NextShardIterator).not.toBe(first.NextShardIterator)
    await put(kinesis, 'b')
    expect(words(await page(kinesis, empty.NextShardIterator))).toEqual(['b'])
  })

  test('the same iterator gives the same page again', async () => {
    const { kinesis } = await orders()
    await put(kinesis, 'a', 'b')
    const start = await iterator(kinesis, { ShardIteratorType: 'TRIM_HORIZON' })
    expect(words(await page(kinesis, start, { Limit: 1 }))).toEqual(['a'])
    expect(words(await page(kinesis, start))).toEqual(['a', 'b'])
  })

  test('walks a shard by any limit, never twice, never past, and says how far behind it is', async () => {
    const { kinesis, clock } = await orders()
    const all: string[] = []
    for (let batch = 0; batch < 5; batch++) {
      const Records = Array.from({ length: 7 }, (_, at) => ({ PartitionKey: 'k', Data: Buffer.from(`${batch}.${at}`).toString('base64') }))
      await kinesis.ok('PutRecords', { StreamName: 'orders', Records })
      all.push(...Records.map(record => Buffer.from(record.Data, 'base64').toString()))
      clock.advance(1_000)
    }
    for (const Limit of [1, 3, 7, 8, 34, 35, 10_000]) {
      let next = await iterator(kinesis, { ShardIteratorType: 'TRIM_HORIZON' })
      const read: string[] = []
      for (;;) {
        const one = await page(kinesis, next, { Limit })
        read.push(...words(one))
        expect(one.Records.length).toBeLessThanOrEqual(Limit)
        if (one.MillisBehindLatest === 0) break
        expect(one.MillisBehindLatest).toBe((5 - Math.floor((read.length - 1) / 7)) * 1_000)
        next = one.NextShardIterator
      }
      expect(read, `Limit ${Limit}`).toEqual(all)
    }
  })

  test('gives ten MiB at most, and one record even if it is all of it', async () => {
    const { kinesis } = await orders({}, { MaxRecordSizeInKiB: 10_240 })
    const sizes = [10 * MiB - 1, 4 * MiB, 4 * MiB, 2 * MiB - 3, 1]
    for (const size of sizes) await kinesis.ok('PutRecord', { StreamName: 'orders', PartitionKey: 'k', Data: Buffer.alloc(size).toString('base64') })
    let next = await iterator(kinesis, { ShardIteratorType: 'TRIM_HORIZON' })
    const pages: number[] = []
    for (let at = 0; at < 3; at++) {
      const one = await page(kinesis, next)
      pages.push(one.Records.length)
      next = one.NextShardIterator
    }
    expect(pages).toEqual([1, 3, 1])
  })

  test('after a page that was cut at ten MiB rests for five seconds under AWS\'s limits', async () => {
    const { kinesis, clock } = await orders({ profile: 'aws' }, { MaxRecordSizeInKiB: 10_240 })
    for (let at = 0; at < 3; at++) {
      await kinesis.ok('PutRecord', { StreamName: 'orders', PartitionKey: 'k', Data: Buffer.alloc(5 * MiB - 1).toString('base64') })
      clock.advance(10_000)
    }
    const first = await page(kinesis, await iterator(kinesis, { ShardIteratorType: 'TRIM_HORIZON' }))
    expect(first.Records).toHaveLength(2)
    clock.advance(5_000)
    expect(await error(kinesis, 'GetRecords', { ShardIterator: first.NextShardIterator }))
      .toBe(`ProvisionedThroughputExceededException: Rate exceeded for shard shardId-000000000000 in stream orders ${account}.`)
    clock.advance(1)
    expect((await page(kinesis, first.NextShardIterator)).Records).toHaveLength(1)
  })

  test('does not show what retention has taken, before the log is trimmed', async () => {
    const { kinesis, clock } = await orders()
    await put(kinesis, 'old')
    clock.advance(24 * 3_600_000 - 500)
    await put(kinesis, 'young')
    clock.advance(501)
    expect(await readFrom(kinesis, { ShardIteratorType: 'TRIM_HORIZON' })).toEqual(['young'])
  })

  test('starts at the oldest record where the place of the iterator is gone', async () => {
    const { kinesis } = await orders()
    await put(kinesis, 'a', 'b', 'c')
    const start = await iterator(kinesis, { ShardIteratorType: 'TRIM_HORIZON' })
    await kinesis.backend.admin.deleteRecords({ topic: 'orders', partition: 0 }, 2)
    expect(words(await page(kinesis, start))).toEqual(['c'])
  })
})

test('an iterator from behind the end, where an unclean election has cost records, goes on with what comes next', async () => {
  const backend = memoryBackend()
  const { kinesis } = await orders({ backend })
  await put(kinesis, 'a', 'b', 'lost')
  const start = await iterator(kinesis, { ShardIteratorType: 'LATEST' })
  const { ends } = backend.logs
  const before = await ends({ topic: 'orders', partition: 0 })
  if (before instanceof Refusal) throw before
  // The log as the leader has it that was elected: one record shorter, so that the next has the place of the lost one.
  backend.logs.ends = async () => ({ ...before, lastStableOffset: 2, highWatermark: 2, logEndOffset: 2 })
  const empty = await page(kinesis, start)
  expect(empty.Records).toEqual([])
  backend.logs.ends = ends
  expect(words(await page(kinesis, empty.NextShardIterator))).toEqual(['lost'])
})

describe('records that Kafka wrote', () => {
  test.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const)('in one batch (%s) are read from any place within', async codec => {
    const { kinesis } = await orders()
    await produce(kinesis, Array.from({ length: 10 }, (_, at) => ({ key: Buffer.from(`k${at}`), value: Buffer.from(`v${at}`) })), { codec })
    const all = await page(kinesis, await iterator(kinesis, { ShardIteratorType: 'TRIM_HORIZON' }))
    expect(all.Records.map(record => record.PartitionKey)).toEqual(Array.from({ length: 10 }, (_, at) => `k${at}`))
    for (const [at, { SequenceNumber }] of all.Records.entries()) {
      expect(parseSequenceNumber(SequenceNumber)?.offset).toBe(at)
      expect(await readFrom(kinesis, { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber: SequenceNumber })).toEqual(words(all).slice(at + 1))
      expect(await readFrom(kinesis, { ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber: SequenceNumber })).toEqual(words(all).slice(at))
    }
  })

  test('without a key have no PartitionKey; with bytes that are no text, replacement characters; tombstones and headers do not show', async () => {
    const { kinesis } = await orders()
    await produce(kinesis, [
      { key: null, value: Buffer.from('no key'), headers: [{ key: 'trace', value: Buffer.from('x') }] },
      { key: Buffer.from('gone'), value: null },
      { key: Buffer.from([0xff, 0x41]), value: Buffer.from('odd key') },
      { key: Buffer.alloc(0), value: Buffer.alloc(0) },
    ])
    const { Records, MillisBehindLatest } = await page(kinesis, await iterator(kinesis, { ShardIteratorType: 'TRIM_HORIZON' }))
    expect(Records.map(({ PartitionKey, Data }) => [PartitionKey, Buffer.from(Data, 'base64').toString()])).toEqual([[undefined, 'no key'], ['\ufffdA', 'odd key'], ['', '']])
    expect(Object.keys(Records[0]!)).toEqual(['SequenceNumber', 'ApproximateArrivalTimestamp', 'Data'])
    expect(MillisBehindLatest).toBe(0)
  })

  test('as control batches are passed over', async () => {
    const { kinesis } = await orders()
    await put(kinesis, 'a')
    await produce(kinesis, [{ key: Buffer.from([0, 0, 0, 1]), value: Buffer.alloc(6) }], { isControl: true, isTransactional: true })
    await put(kinesis, 'b')
    const start = await iterator(kinesis, { ShardIteratorType: 'TRIM_HORIZON' })
    expect(words(await page(kinesis, start))).toEqual(['a', 'b'])
    const { NextShardIterator } = await page(kinesis, start, { Limit: 1 })
    expect(words(await page(kinesis, NextShardIterator))).toEqual(['b'])
  })

  test('in a batch that does not open are passed over, so that nobody can stop a shard\'s readers', async () => {
    const { kinesis } = await orders()
    await put(kinesis, 'a')
    const broken = buildBatch([{ key: null, value: Buffer.from('x') }], { timestampMs: kinesis.clock.now(), codec: 'gzip' })
    broken.bytes.fill(0xff, 61)
    broken.bytes.writeUInt32BE(crc32c(broken.bytes.subarray(21)), 17)
    expect(await kinesis.backend.logs.append({ topic: 'orders', partition: 0 }, broken, { acks: 'all', timeoutMs: 1_000 })).not.toBeInstanceOf(Refusal)
    await put(kinesis, 'b')
    expect(await readFrom(kinesis, { ShardIteratorType: 'TRIM_HORIZON' })).toEqual(['a', 'b'])
  })

  test('with times of their own keep them, and are not trimmed by them', async () => {
    const clock = new TestClock()
    const kinesis = await testKinesis({ clock })
    await kinesis.backend.admin.createTopic({ name: 'orders', partitions: 1, replicationFactor: 1, configs: new Map([['retention.ms', '1000']]) }, { validateOnly: false })
    await produce(kinesis, [{ key: null, value: Buffer.from('from 2001'), timestampMs: 1e12 }, { key: null, value: Buffer.from('no time'), timestampMs: -1 }])
    const { Records } = await page(kinesis, await iterator(kinesis, { ShardIteratorType: 'TRIM_HORIZON' }))
    expect(Records.map(record => record.ApproximateArrivalTimestamp)).toEqual([1e9, 0])
    const shard = (await kinesis.backend.admin.topics())[0]!.partitions[0]!
    expect(Records.map(record => record.SequenceNumber)).toEqual([sequenceNumberOf(shard, 0, 1e12), sequenceNumberOf(shard, 1, -1)])
  })
})

describe('an iterator', () => {
  test('lasts five minutes, to the millisecond', async () => {
    const { kinesis, clock } = await orders()
    const start = await iterator(kinesis, { ShardIteratorType: 'LATEST' })
    clock.advance(300_000)
    await page(kinesis, start)
    clock.advance(1)
    expect(await error(kinesis, 'GetRecords', { ShardIterator: start })).toBe(
      'ExpiredIteratorException: Iterator expired. The iterator was created at time Sun Nov 22 12:00:00 UTC 2026 while right now it is Sun Nov 22 12:05:00 UTC 2026 ' +
      'which is further in the future than the tolerated delay of 300000 milliseconds.')
  })

  test('of a stream that is gone, or made again, finds no shard', async () => {
    const { kinesis } = await orders()
    const start = await iterator(kinesis, { ShardIteratorType: 'LATEST' })
    const gone = `ResourceNotFoundException: Shard shardId-000000000000 in stream orders ${account} does not exist`
    await kinesis.ok('DeleteStream', { StreamName: 'orders' })
    expect(await error(kinesis, 'GetRecords', { ShardIterator: start })).toBe(gone)
    await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 1 })
    expect(await error(kinesis, 'GetRecords', { ShardIterator: start })).toBe(gone)
  })

  test('is nobody else\'s, and nothing that was made up is one', async () => {
    const { kinesis } = await orders()
    const start = await iterator(kinesis, { ShardIteratorType: 'LATEST' })
    await kinesis.backend.accessKeys.add({ id: 'AKIABOB', secret: 'bob', principal: { ...principal, name: 'bob' }, createdAtMs: 0 })
    const invalid = 'InvalidArgumentException: Invalid ShardIterator.'
    expect(await error(kinesis, 'GetRecords', { ShardIterator: start }, { keyId: 'AKIABOB', secret: 'bob' })).toBe(invalid)
    for (const ShardIterator of ['a', 'AAAA', start.slice(4), `${start}=`, 'A'.repeat(512), Buffer.alloc(184).toString('base64')]) {
      expect(await error(kinesis, 'GetRecords', { ShardIterator })).toBe(invalid)
    }
  })

  test('may be used with its stream\'s ARN, not with another\'s', async () => {
    const { kinesis } = await orders()
    const start = await iterator(kinesis, { ShardIteratorType: 'LATEST' })
    await page(kinesis, start, { StreamARN: 'arn:aws:kinesis:us-east-1:000000000000:stream/orders' })
    expect(await error(kinesis, 'GetRecords', { ShardIterator: start, StreamARN: 'arn:aws:kinesis:us-east-1:000000000000:stream/other' }))
      .toBe('InvalidArgumentException: StreamARN arn:aws:kinesis:us-east-1:000000000000:stream/other is not that of the stream the ShardIterator was made for.')
    expect(await error(kinesis, 'GetRecords', { ShardIterator: start, DryRun: true })).toContain('DryRunOperationException')
  })
})

test('a log that is trimmed between two reads gives an empty page, and the reader goes on', async () => {
  const backend = memoryBackend()
  const read = backend.logs.read.bind(backend.logs)
  let isTrimmed = true
  backend.logs.read = async (at, from, how): Promise<Slice | Refusal> => (isTrimmed ? new Refusal('offset-out-of-range', 'trimmed') : read(at, from, how))
  const { kinesis } = await orders({ backend })
  await put(kinesis, 'a')
  const first = await page(kinesis, await iterator(kinesis, { ShardIteratorType: 'TRIM_HORIZON' }))
  expect(first.Records).toEqual([])
  isTrimmed = false
  expect(words(await page(kinesis, first.NextShardIterator))).toEqual(['a'])
})
