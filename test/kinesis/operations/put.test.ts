import { describe, expect, test } from 'vitest'
import { explicitHashKeyHeader } from '../../../src/kinesis/puts.ts'
import { hashKeyOf, uniformRange } from '../../../src/kinesis/hash-keys.ts'
import { parseSequenceNumber, sequenceNumberOf } from '../../../src/kinesis/sequence-numbers.ts'
import { shardIdOf } from '../../../src/kinesis/shard-map.ts'
import { Refusal, type RecordFault } from '../../../src/ports.ts'
import { readLetter } from '../../../src/registry/dead-letter-record.ts'
import { memoryBackend } from '../../support/memory-backend.ts'
import { deadLettering, rejecting } from '../../support/validation.ts'
import { TestClock, testKinesis, type TestKinesis } from '../support/kinesis.ts'

const base64 = (text: string): string => Buffer.from(text).toString('base64')
const MiB = 1_048_576

interface Put { ShardId: string; SequenceNumber: string }
interface Entry extends Partial<Put> { ErrorCode?: string; ErrorMessage?: string }
interface Puts { FailedRecordCount: number; Records: Entry[] }

async function orders(options: Parameters<typeof testKinesis>[0] = {}, stream: object = {}): Promise<TestKinesis> {
  const kinesis = await testKinesis(options)
  await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 4, ...stream })
  return kinesis
}

async function error(kinesis: TestKinesis, operation: string, input: object): Promise<string> {
  const { status, body } = await kinesis.call(operation, { StreamName: 'orders', ...input })
  if (status === 200) throw new Error(`${operation} succeeded`)
  const { __type: type, message } = body as { __type: string; message?: string }
  return `${type}: ${message}`
}

async function stored(kinesis: TestKinesis, partition: number) {
  const slice = await kinesis.backend.logs.read({ topic: 'orders', partition }, 0, { bytesMax: 1e9, atLeastOne: true, committedOnly: true })
  if (slice instanceof Refusal) throw new Error(slice.message)
  return slice.batches.map(batch => batch.records())
}

describe('PutRecord', () => {
  test('stores key and value where the key\'s hash falls, and says where', async () => {
    const kinesis = await orders()
    for (const PartitionKey of ['a', 'b', 'käse', '🧀'.repeat(128)]) {
      const { ShardId, SequenceNumber, ...rest } = await kinesis.ok<Put>('PutRecord', { StreamName: 'orders', PartitionKey, Data: base64(`of ${PartitionKey}`) })
      expect(rest).toEqual({})
      const shard = Array.from({ length: 4 }, (_, index) => uniformRange(index, 4)).findIndex(({ end }) => hashKeyOf(PartitionKey) <= end)
      expect(ShardId).toBe(shardIdOf(shard))
      const record = (await stored(kinesis, shard)).at(-1)![0]!
      expect([record.key!.toString(), record.value!.toString(), record.headers]).toEqual([PartitionKey, `of ${PartitionKey}`, []])
      expect(parseSequenceNumber(SequenceNumber)).toMatchObject({ shardIndex: shard, offset: record.offset, arrivalSecond: record.timestampMs / 1_000 })
    }
  })

  test('lets an explicit hash key decide, and keeps it as a header', async () => {
    const kinesis = await orders()
    const { start, end } = uniformRange(2, 4)
    for (const key of [start, end]) {
      expect((await kinesis.ok<Put>('PutRecord', { StreamName: 'orders', PartitionKey: 'a', Data: '', ExplicitHashKey: String(key) })).ShardId).toBe(shardIdOf(2))
    }
    const batches = await stored(kinesis, 2)
    expect(batches.map(([record]) => record!.headers)).toEqual([start, end].map(key => [{ key: explicitHashKeyHeader, value: Buffer.from(String(key)) }]))
    const over = String(2n ** 128n)
    expect(await error(kinesis, 'PutRecord', { PartitionKey: 'a', Data: '', ExplicitHashKey: over }))
      .toBe(`InvalidArgumentException: Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was ${over}`)
  })

  test('gives each record of a shard a greater number than the one before', async () => {
    const clock = new TestClock()
    const kinesis = await orders({ clock }, { ShardCount: 1 })
    let last: string | undefined
    for (let at = 0; at < 20; at++) {
      const ordering = last === undefined ? {} : { SequenceNumberForOrdering: last }
      const { SequenceNumber } = await kinesis.ok<Put>('PutRecord', { StreamName: 'orders', PartitionKey: `k${at}`, Data: '', ...ordering })
      if (last !== undefined) expect(BigInt(SequenceNumber) > BigInt(last)).toBe(true)
      last = SequenceNumber
      clock.advance(at * 700)
    }
  })

  test('refuses an ordering number from the future, from beyond the shard, or of no layout', async () => {
    const clock = new TestClock()
    const kinesis = await orders({ clock }, { ShardCount: 1 })
    const shard = (await kinesis.backend.admin.topics())[0]!.partitions[0]!
    const future = sequenceNumberOf(shard, 0, clock.now() + 60_000)
    for (const number of [future, sequenceNumberOf(shard, 0, clock.now()), BigInt('0x20000000000000000000000000000000000000000000003').toString()]) {
      expect(await error(kinesis, 'PutRecord', { PartitionKey: 'a', Data: '', SequenceNumberForOrdering: number }))
        .toBe(`InvalidArgumentException: ExclusiveMinimumSequenceNumber ${number} used in PutRecord on stream orders under account 000000000000 is invalid.`)
    }
    expect(await stored(kinesis, 0)).toEqual([])
  })

  test('takes a MiB of data and key, and no byte more unless the stream allows it', async () => {
    const kinesis = await orders()
    const put = (bytes: number) => ({ StreamName: 'orders', PartitionKey: 'key', Data: Buffer.alloc(bytes).toString('base64') })
    await kinesis.ok('PutRecord', put(MiB - 3))
    const must = 'failed to satisfy constraint: Member must have length less than or equal to'
    expect(await error(kinesis, 'PutRecord', put(MiB - 2))).toBe(`ValidationException: 1 validation error detected: Value at 'data' ${must} 1048576`)
    expect(await error(kinesis, 'PutRecords', { Records: [{ PartitionKey: 'a', Data: '' }, put(MiB - 2)] }))
      .toBe(`ValidationException: 1 validation error detected: Value at 'records.2.member.data' ${must} 1048576`)
    await kinesis.ok('CreateStream', { StreamName: 'large', ShardCount: 1, MaxRecordSizeInKiB: 2_048 })
    await kinesis.ok('PutRecord', { ...put(2 * MiB - 3), StreamName: 'large' })
    expect(await error(kinesis, 'PutRecord', { ...put(2 * MiB - 2), StreamName: 'large' })).toContain(`${must} 2097152`)
  })

  test('writes to a topic that Kafka made, with the topic\'s own kind of time', async () => {
    const clock = new TestClock()
    const kinesis = await testKinesis({ clock })
    await kinesis.backend.admin.createTopic({ name: 'orders', partitions: 1, replicationFactor: 1, configs: new Map() }, { validateOnly: false })
    clock.advance(12_345)
    const { SequenceNumber } = await kinesis.ok<Put>('PutRecord', { StreamName: 'orders', PartitionKey: 'a', Data: '' })
    const [record] = (await stored(kinesis, 0))[0]!
    expect(record!.timestampMs).toBe(clock.now())
    const { ShardIterator } = await kinesis.ok('GetShardIterator', { StreamName: 'orders', ShardId: '0', ShardIteratorType: 'TRIM_HORIZON' })
    expect(await kinesis.ok('GetRecords', { ShardIterator })).toMatchObject({ Records: [{ SequenceNumber }] })
  })

  test('with DryRun says that it would succeed, and stores nothing', async () => {
    const kinesis = await orders()
    expect(await error(kinesis, 'PutRecord', { PartitionKey: 'a', Data: '', DryRun: true })).toBe('DryRunOperationException: Request would have succeeded, but DryRun flag is set.')
    expect(await error(kinesis, 'PutRecords', { Records: [{ PartitionKey: 'a', Data: '' }], DryRun: true })).toContain('DryRunOperationException')
    for (const partition of [0, 1, 2, 3]) expect(await stored(kinesis, partition)).toEqual([])
  })
})

describe('PutRecords', () => {
  test('answers each record in its place, with one append for each shard', async () => {
    const kinesis = await orders()
    const Records = Array.from({ length: 500 }, (_, at) => ({ PartitionKey: `key-${at}`, Data: base64(`value-${at}`) }))
    const answer = await kinesis.ok<Puts>('PutRecords', { StreamName: 'orders', Records })
    expect(answer.FailedRecordCount).toBe(0)
    expect(answer.Records).toHaveLength(500)
    for (const [at, entry] of answer.Records.entries()) {
      expect(Object.keys(entry)).toEqual(['SequenceNumber', 'ShardId'])
      const position = parseSequenceNumber(entry.SequenceNumber!)!
      const record = (await stored(kinesis, position.shardIndex))[0]![position.offset]!
      expect([record.key!.toString(), record.value!.toString()]).toEqual([`key-${at}`, `value-${at}`])
    }
    for (const partition of [0, 1, 2, 3]) expect(await stored(kinesis, partition)).toHaveLength(1)
  })

  test('splits what one shard gets by the topic\'s largest message', async () => {
    const kinesis = await orders({}, { ShardCount: 1 })
    const Records = Array.from({ length: 9 }, (_, at) => ({ PartitionKey: `${at}`, Data: Buffer.alloc(MiB - 2, at).toString('base64') }))
    const answer = await kinesis.ok<Puts>('PutRecords', { StreamName: 'orders', Records: [{ PartitionKey: 'a', Data: '' }, ...Records] })
    expect(answer.Records.map(entry => parseSequenceNumber(entry.SequenceNumber!)!.offset).toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect((await stored(kinesis, 0)).flat().map(record => record.key!.toString())).toEqual(['a', '0', '1', '2', '3', '4', '5', '6', '7', '8'])
  })

  test('takes ten MiB in all', async () => {
    const kinesis = await orders({}, { MaxRecordSizeInKiB: 10_240 })
    const half = Buffer.alloc(5 * MiB - 1).toString('base64')
    await kinesis.ok('PutRecords', { StreamName: 'orders', Records: [{ PartitionKey: 'a', Data: half }, { PartitionKey: 'b', Data: half }] })
    expect(await error(kinesis, 'PutRecords', { Records: [{ PartitionKey: 'a', Data: half }, { PartitionKey: 'b', Data: half }, { PartitionKey: 'c', Data: '' }] }))
      .toBe('InvalidArgumentException: Records size exceeds 10 MB limit: 10485761 bytes of data and partition keys')
  })

  test('with one explicit hash key out of range stores none', async () => {
    const kinesis = await orders()
    expect(await error(kinesis, 'PutRecords', { Records: [{ PartitionKey: 'a', Data: '' }, { PartitionKey: 'a', Data: '', ExplicitHashKey: '9'.repeat(39) }] }))
      .toContain('Invalid ExplicitHashKey.')
    for (const partition of [0, 1, 2, 3]) expect(await stored(kinesis, partition)).toEqual([])
  })

  test('whose shard refuses the append fails that shard\'s records as internal failures', async () => {
    const backend = memoryBackend()
    const append = backend.logs.append.bind(backend.logs)
    backend.logs.append = async (at, batch, how) => (at.partition === 0 ? new Refusal('not-enough-replicas', 'two of three are down') : append(at, batch, how))
    const kinesis = await orders({ backend })
    const to = (shard: number) => ({ PartitionKey: 'a', Data: '', ExplicitHashKey: String(uniformRange(shard, 4).start) })
    const answer = await kinesis.ok<Puts>('PutRecords', { StreamName: 'orders', Records: [to(0), to(1), to(0)] })
    const failed = { ErrorCode: 'InternalFailure', ErrorMessage: 'Internal Service Failure' }
    expect(answer).toEqual({ FailedRecordCount: 2, Records: [failed, { ShardId: shardIdOf(1), SequenceNumber: expect.any(String) as string }, failed] })
    expect((await kinesis.call('PutRecord', { StreamName: 'orders', ...to(0) }))).toMatchObject({ status: 500, body: { __type: 'InternalFailure' } })
  })
})

describe('throughput', () => {
  const to = (shard: number, Data = '') => ({ PartitionKey: 'a', Data, ExplicitHashKey: String(uniformRange(shard, 4).start) })

  test('of PutRecords is refused record by record, and the shard\'s neighbours take theirs', async () => {
    const kinesis = await orders({ profile: 'aws' })
    const aMiB = Buffer.alloc(MiB - 1).toString('base64')
    const answer = await kinesis.ok<Puts>('PutRecords', { StreamName: 'orders', Records: [to(0, aMiB), to(0), to(1), to(0, aMiB)] })
    const refused = { ErrorCode: 'ProvisionedThroughputExceededException', ErrorMessage: 'Rate exceeded for shard shardId-000000000000 in stream orders under account 000000000000.' }
    expect(answer).toMatchObject({ FailedRecordCount: 2, Records: [{ ShardId: shardIdOf(0) }, refused, { ShardId: shardIdOf(1) }, refused] })
    expect(Object.keys(answer.Records[1]!)).toEqual(['ErrorCode', 'ErrorMessage'])
    expect((await stored(kinesis, 0)).flat()).toHaveLength(1)
  })

  test('of PutRecord is refused as a whole, until the shard has room again', async () => {
    const clock = new TestClock()
    const kinesis = await orders({ profile: 'aws', clock })
    for (let at = 0; at < 1_000; at++) await kinesis.ok('PutRecord', { StreamName: 'orders', ...to(2) })
    expect(await error(kinesis, 'PutRecord', to(2))).toBe('ProvisionedThroughputExceededException: Rate exceeded for shard shardId-000000000002 in stream orders under account 000000000000.')
    clock.advance(1)
    await kinesis.ok('PutRecord', { StreamName: 'orders', ...to(2) })
  })

  test('is not enforced by the profile off', async () => {
    const kinesis = await orders({ profile: 'off' })
    for (let at = 0; at < 3; at++) {
      expect(await kinesis.ok('PutRecords', { StreamName: 'orders', Records: Array.from({ length: 500 }, () => to(1)) })).toMatchObject({ FailedRecordCount: 0 })
    }
  })
})

describe('schemas', () => {
  const fault: RecordFault = { part: 'value', pointer: '/items/0/quantity', reason: 'must be integer' }
  const validation = rejecting(({ value }) => (value!.toString() === 'bad' ? fault : null), 'orders')
  const text = 'The record does not fit the schema of stream orders: value \'/items/0/quantity\': must be integer'

  test('refuse a record with the place and the reason, and nothing is stored of it', async () => {
    const kinesis = await orders({ validation }, { ShardCount: 1 })
    expect(await error(kinesis, 'PutRecord', { PartitionKey: 'a', Data: base64('bad') })).toBe(`InvalidArgumentException: ${text}`)
    expect(await stored(kinesis, 0)).toEqual([])
  })

  test('fail the entries that do not fit, and those take no throughput', async () => {
    const kinesis = await orders({ validation, profile: 'aws' }, { ShardCount: 1 })
    const Records = ['good', 'bad', 'good', 'bad'].map(word => ({ PartitionKey: 'a', Data: base64(word) }))
    const answer = await kinesis.ok<Puts>('PutRecords', { StreamName: 'orders', Records })
    expect(answer).toMatchObject({ FailedRecordCount: 2, Records: [{ ShardId: shardIdOf(0) }, { ErrorCode: 'InvalidArgumentException', ErrorMessage: text }, { ShardId: shardIdOf(0) }, { ErrorMessage: text }] })
    expect((await stored(kinesis, 0)).flat().map(record => record.value!.toString())).toEqual(['good', 'good'])
    const [topic] = await kinesis.backend.admin.topics()
    expect(kinesis.handler.throughput.used(topic!.id, 0)).toMatchObject({ writeRecordsPerSecond: 2, writeBytesPerSecond: 10 })
  })
})

describe('schemas of a stream that keeps its dead letters', () => {
  const fault: RecordFault = { part: 'value', pointer: '/n', reason: 'must be integer' }

  async function keeping(): Promise<TestKinesis> {
    const backend = memoryBackend()
    return await orders({ backend, validation: deadLettering(backend, ({ value }) => (value!.toString() === 'bad' ? fault : null)) }, { ShardCount: 1 })
  }

  async function letters(kinesis: TestKinesis): Promise<(string | undefined)[]> {
    const slice = await kinesis.backend.logs.read({ topic: 'orders.dlq', partition: 0 }, 0, { bytesMax: 1e9, atLeastOne: true, committedOnly: true })
    if (slice instanceof Refusal) throw new Error(slice.message)
    return slice.batches.flatMap(batch => batch.records()).map(record => {
      const letter = readLetter(record)!
      return `${letter.sent.key} ${letter.sent.value} ${letter.note.wayIn} ${letter.note.index}`
    })
  }

  test('take a record that does not fit, with a number of its own that no record has, and at which readers go on', async () => {
    const kinesis = await keeping()
    const { SequenceNumber, ShardId } = await kinesis.ok<Put>('PutRecord', { StreamName: 'orders', PartitionKey: 'a', Data: base64('bad') })
    expect(parseSequenceNumber(SequenceNumber)).toMatchObject({ offset: 0 })
    const next = await kinesis.ok<Put>('PutRecord', { StreamName: 'orders', PartitionKey: 'a', Data: base64('good') })
    expect(parseSequenceNumber(next.SequenceNumber)).toMatchObject({ offset: 1 })
    expect(await letters(kinesis)).toEqual(['a bad kinesis 0'])
    for (const ShardIteratorType of ['AT_SEQUENCE_NUMBER', 'AFTER_SEQUENCE_NUMBER']) {
      const { ShardIterator } = await kinesis.ok<{ ShardIterator: string }>('GetShardIterator', { StreamName: 'orders', ShardId, ShardIteratorType, StartingSequenceNumber: SequenceNumber })
      const { Records } = await kinesis.ok<{ Records: { Data: string; SequenceNumber: string }[] }>('GetRecords', { ShardIterator })
      expect(Records.map(({ Data, SequenceNumber: number }) => [Data, number])).toEqual([[base64('good'), next.SequenceNumber]])
    }
  })

  test('fail no entry, and store the others under their own numbers', async () => {
    const kinesis = await keeping()
    const Records = ['bad', 'good', 'bad', 'good'].map(word => ({ PartitionKey: word, ExplicitHashKey: '7', Data: base64(word) }))
    const answer = await kinesis.ok<Puts>('PutRecords', { StreamName: 'orders', Records })
    expect(answer.FailedRecordCount).toBe(0)
    expect(answer.Records.map(one => parseSequenceNumber(one.SequenceNumber!)!.offset)).toEqual([0, 1, 2, 3])
    expect((await stored(kinesis, 0)).flat().map(record => `${record.offset} ${record.value!.toString()}`)).toEqual(['1 good', '3 good'])
    expect(await letters(kinesis)).toEqual(['bad bad kinesis 0', 'bad bad kinesis 2'])
  })

  test('put nothing aside on a dry run', async () => {
    const kinesis = await keeping()
    expect(await error(kinesis, 'PutRecord', { PartitionKey: 'a', Data: base64('bad'), DryRun: true })).toMatch(/^DryRunOperationException/)
    expect(await kinesis.backend.admin.topics(['orders.dlq'])).toEqual([])
  })
})
