import { createRequire } from 'node:module'
import { createRecordsBatch, Reader, readRecordsBatch } from '@platformatic/kafka'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Batch, buildBatch, type RecordDraft } from '../../src/wire/batch.ts'
import { WireError } from '../../src/wire/bytes.ts'
import { codecs } from '../../src/wire/compression.ts'

const require = createRequire(import.meta.url)

const bytes = fc.uint8Array({ maxLength: 60 }).map(array => Buffer.from(array))
const draft: fc.Arbitrary<RecordDraft> = fc.record({
  key: fc.option(bytes),
  value: fc.option(bytes),
  headers: fc.array(fc.record({ key: fc.string({ maxLength: 10, unit: 'binary' }), value: fc.option(bytes) }), { maxLength: 3 }),
  timestampMs: fc.integer({ min: 0, max: 2 ** 42 }),
})

test('records read back as they were given, in every compression', () => {
  fc.assert(fc.property(fc.array(draft, { minLength: 1, maxLength: 20 }), fc.constantFrom(...codecs), fc.integer({ min: 0, max: 2 ** 50 }), (drafts, codec, baseOffset) => {
    const batch = Batch.parse(buildBatch(drafts, { timestampMs: 1_700_000_000_000, codec, baseOffset }).bytes)
    expect(batch.crcIsValid()).toBe(true)
    expect([batch.codec, batch.count, batch.baseOffset, batch.lastOffset]).toEqual([codec, drafts.length, baseOffset, baseOffset + drafts.length - 1])
    expect(batch.maxTimestampMs).toBe(Math.max(...drafts.map(({ timestampMs }) => timestampMs!)))
    expect(batch.records()).toEqual(drafts.map((record, index) => ({ ...record, offset: baseOffset + index })))
  }))
})

test('the header fields are where Kafka has them', () => {
  const batch = buildBatch([{ key: null, value: Buffer.from('v') }, { key: null, value: null, timestampMs: 1_600_000_000_005 }], {
    timestampMs: 1_600_000_000_000, codec: 'gzip', producer: { id: 4711, epoch: 3, baseSequence: 17 }, leaderEpoch: 9, isTransactional: true,
  })
  expect(batch.bytes.readInt32BE(8)).toBe(batch.bytes.length - 12)
  expect(batch.bytes[16]).toBe(2)
  expect(batch).toMatchObject({
    codec: 'gzip', leaderEpoch: 9, producerId: 4711, producerEpoch: 3, baseSequence: 17, count: 2, lastOffsetDelta: 1, nextOffset: 2,
    baseTimestampMs: 1_600_000_000_000, maxTimestampMs: 1_600_000_000_005, isTransactional: true, isControl: false, timestampType: 'create', attributes: 0x11,
  })
})

test('a batch gets its place in the log without a new CRC', () => {
  const batch = buildBatch([{ key: null, value: Buffer.from('v') }], { timestampMs: 5 })
  batch.assign(2 ** 45 + 3, 12)
  expect([batch.baseOffset, batch.leaderEpoch, batch.crcIsValid()]).toEqual([2 ** 45 + 3, 12, true])
  expect(batch.records()[0]!.offset).toBe(2 ** 45 + 3)
})

test('append time becomes the time of every record', () => {
  const batch = buildBatch([{ key: null, value: null, timestampMs: 1 }, { key: null, value: null, timestampMs: 2 }], { timestampMs: 1 })
  batch.stampAppendTime(1_700_000_000_000)
  expect([batch.crcIsValid(), batch.timestampType, batch.maxTimestampMs]).toEqual([true, 'append', 1_700_000_000_000])
  expect(batch.records().map(({ timestampMs }) => timestampMs)).toEqual([1_700_000_000_000, 1_700_000_000_000])
})

test('batches back to back are split as views', () => {
  const both = Buffer.concat([buildBatch([{ key: null, value: Buffer.from('a') }], { timestampMs: 1 }).bytes, buildBatch([{ key: null, value: Buffer.from('b') }], { timestampMs: 1 }).bytes])
  const batches = Batch.split(both)
  expect(batches.map(batch => batch.records()[0]!.value!.toString())).toEqual(['a', 'b'])
  expect(batches.every(batch => batch.bytes.buffer === both.buffer)).toBe(true)
  expect(() => Batch.parse(both)).toThrow(WireError)
})

test('every truncation is refused', () => {
  const whole = buildBatch([{ key: Buffer.from('key'), value: Buffer.from('value'), headers: [{ key: 'h', value: null }] }], { timestampMs: 1 }).bytes
  for (let length = 0; length < whole.length; length++) {
    expect(() => Batch.parse(whole.subarray(0, length))).toThrow(WireError)
    expect(() => Batch.split(whole.subarray(0, length))).toThrow(WireError)
  }
})

test('another magic is refused by its number', () => {
  const { bytes: whole } = buildBatch([{ key: null, value: null }], { timestampMs: 1 })
  whole[16] = 1
  expect(() => Batch.parse(whole)).toThrow('magic 1')
})

test('any damage behind the CRC field is seen, and opening damaged records is a WireError at worst', () => {
  const { bytes: whole } = buildBatch([{ key: Buffer.from('k'), value: Buffer.from('v'.repeat(50)), headers: [{ key: 'h', value: Buffer.from('x') }] }], { timestampMs: 1 })
  for (let at = 21; at < whole.length; at++) {
    for (const bit of [1, 0x80]) {
      const damaged = Buffer.from(whole)
      damaged[at]! ^= bit
      const batch = Batch.parse(damaged)
      expect(batch.crcIsValid(), `byte ${at}`).toBe(false)
      try {
        batch.records()
      } catch (error) {
        expect(error).toBeInstanceOf(WireError)
      }
    }
  }
})

test('a count that the bytes cannot hold is refused before anything is made for it', () => {
  const { bytes: whole } = buildBatch([{ key: null, value: null }], { timestampMs: 1 })
  for (const count of [2, 2 ** 31 - 1, -1]) {
    whole.writeInt32BE(count, 57)
    expect(() => Batch.parse(whole).records()).toThrow(WireError)
  }
})

test('what decompresses to more than the bound is refused', () => {
  const batch = buildBatch([{ key: null, value: Buffer.alloc(40 * 1024 * 1024) }], { timestampMs: 1, codec: 'zstd' })
  expect(() => batch.records()).toThrow(WireError)
  expect(batch.records(41 * 1024 * 1024)).toHaveLength(1)
})

// kafkajs writes and reads batches by code of its own: what one of us writes the other must read.
const kafkajs = {
  ...require('kafkajs/src/protocol/recordBatch/v0') as { RecordBatch(options: object): Promise<{ buffer: Buffer }> },
  Record: require('kafkajs/src/protocol/recordBatch/record/v0') as (options: object) => object,
  decode: require('kafkajs/src/protocol/recordBatch/v0/decoder') as (decoder: object) => Promise<{ records: { offset: string; timestamp: string; key: Buffer | null; value: Buffer | null; headers: Record<string, Buffer> }[] }>,
  Decoder: require('kafkajs/src/protocol/decoder') as new (buffer: Buffer) => object,
}

test.each([['none', 0], ['gzip', 1]] as const)('a %s batch of kafkajs opens', async (codec, compression) => {
  const records = [0, 1, 2].map(offsetDelta => kafkajs.Record({ offsetDelta, timestampDelta: offsetDelta * 10, key: `key ${offsetDelta}`, value: `value ${offsetDelta}`, headers: { trace: `t${offsetDelta}` } }))
  const encoded = await kafkajs.RecordBatch({ compression, records, firstTimestamp: 1_700_000_000_000, maxTimestamp: 1_700_000_000_020, lastOffsetDelta: 2 })
  const batch = Batch.parse(encoded.buffer)
  expect([batch.crcIsValid(), batch.codec, batch.count, batch.maxTimestampMs]).toEqual([true, codec, 3, 1_700_000_000_020])
  expect(batch.records().map(({ offset, timestampMs, key, value, headers }) => [offset, timestampMs, `${key}`, `${value}`, headers[0]!.key, `${headers[0]!.value}`])).toEqual([
    [0, 1_700_000_000_000, 'key 0', 'value 0', 'trace', 't0'],
    [1, 1_700_000_000_010, 'key 1', 'value 1', 'trace', 't1'],
    [2, 1_700_000_000_020, 'key 2', 'value 2', 'trace', 't2'],
  ])
})

test.each(['none', 'gzip'] as const)('kafkajs opens our %s batch', async codec => {
  const { bytes: whole } = buildBatch([{ key: Buffer.from('k'), value: null, headers: [{ key: 'h', value: Buffer.from('x') }] }, { key: null, value: Buffer.from('v'), timestampMs: 1_700_000_000_300 }], {
    timestampMs: 1_700_000_000_000, codec, baseOffset: 41,
  })
  const { records } = await kafkajs.decode(new kafkajs.Decoder(whole))
  expect(records.map(({ offset, timestamp, key, value }) => [offset, timestamp, key && `${key}`, value && `${value}`])).toEqual([
    ['41', '1700000000000', 'k', null],
    ['42', '1700000000300', null, 'v'],
  ])
  expect(`${records[0]!.headers['h']}`).toBe('x')
})

// So does @platformatic/kafka, with all four compressions.
test.each(codecs)('a %s batch of @platformatic/kafka opens', codec => {
  const messages = [0, 1, 2].map(index => ({ topic: 't', key: Buffer.from(`key ${index}`), value: Buffer.from('value '.repeat(500)), timestamp: BigInt(1_700_000_000_000 + index) }))
  const batch = Batch.parse(Buffer.from(createRecordsBatch(messages, { compression: codec, producerId: 7n, producerEpoch: 1 }).buffer))
  expect([batch.crcIsValid(), batch.codec, batch.producerId]).toEqual([true, codec, 7])
  expect(batch.records().map(({ timestampMs, key, value }) => [timestampMs, `${key}`, value!.length])).toEqual([
    [1_700_000_000_000, 'key 0', 3000],
    [1_700_000_000_001, 'key 1', 3000],
    [1_700_000_000_002, 'key 2', 3000],
  ])
})

test.each(codecs)('@platformatic/kafka opens our %s batch', codec => {
  const ours = buildBatch([{ key: Buffer.from('k'), value: Buffer.from('value '.repeat(20_000)) }, { key: null, value: null }], { timestampMs: 1_700_000_000_000, codec, baseOffset: 5 })
  const theirs = readRecordsBatch(Reader.from(ours.bytes))
  expect([theirs.firstOffset, theirs.crc, theirs.records.length]).toEqual([5n, ours.crc, 2])
  expect(theirs.records[0]!.value!.length).toBe(120_000)
})

test('a record whose offset is not its own does not open', () => {
  const whole = () => buildBatch([{ key: null, value: Buffer.from('a') }, { key: null, value: Buffer.from('b') }], { timestampMs: 1, baseOffset: 100 })
  // Each record takes eight bytes here: length, attributes, time, offset …
  const deltaAt = [61 + 3, 61 + 8 + 3] as const
  expect(whole().bytes[deltaAt[1]]).toBe(2)
  for (const [index, delta] of [[0, -1], [0, 1], [1, 0], [1, 2], [1, 60]] as const) {
    const bad = whole()
    bad.bytes[deltaAt[index]] = delta < 0 ? -2 * delta - 1 : 2 * delta
    expect(() => bad.records(), `record ${index} with offset delta ${delta}`).toThrow(WireError)
    expect(bad.recordsOrNone()).toEqual([])
  }
  expect(whole().recordsOrNone()).toHaveLength(2)
})
