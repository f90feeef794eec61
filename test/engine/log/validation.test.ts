import { expect, test } from 'vitest'
import type { LogConfig } from '../../../src/engine/log/config.ts'
import { validate } from '../../../src/engine/log/validation.ts'
import { Refusal } from '../../../src/ports.ts'
import { Batch, buildBatch } from '../../../src/wire/batch.ts'
import { crc32c } from '@node-rs/crc32'
import { batchOf, defaults } from './open-log.ts'

const now = Date.UTC(2026, 0, 1)

function judge(batch: Batch, config: Partial<LogConfig> = {}): string {
  const result = validate(batch, { ...defaults, ...config }, now)
  return result instanceof Refusal ? result.code : 'accepted'
}

/** Changes header bytes and puts the CRC right. */
function altered(batch: Batch, change: (bytes: Buffer) => void): Batch {
  change(batch.bytes)
  batch.bytes.writeUInt32BE(crc32c(batch.bytes.subarray(21)), 17)
  return batch
}

test('a good batch is stored as it came', () => {
  const batch = batchOf(['a', 'b'])
  expect(validate(batch, defaults, now)).toBe(batch)
})

test('each fault has its own refusal', () => {
  const producer = { id: 5, epoch: 0, baseSequence: -1 }
  expect(judge(buildBatch([{ key: null, value: null }], { timestampMs: now, baseOffset: 1 }))).toBe('invalid-record')
  expect(judge(batchOf(['x'.repeat(200)]), { messageBytesMax: 200 })).toBe('message-too-large')
  expect(judge(altered(batchOf(['a']), bytes => bytes.writeInt32BE(2, 57)))).toBe('invalid-record')
  expect(judge(altered(batchOf(['a']), bytes => (bytes.writeInt32BE(0, 57), bytes.writeInt32BE(-1, 23))))).toBe('invalid-record')
  expect(judge(altered(batchOf(['a']), bytes => bytes.writeInt16BE(7, 21)))).toBe('unsupported-compression-type')
  expect(judge(buildBatch([{ key: null, value: null }], { timestampMs: now, isControl: true }))).toBe('invalid-record')
  expect(judge(batchOf(['a'], now, { producer }))).toBe('invalid-record')
  expect(judge(altered(batchOf(['a']), bytes => bytes.writeInt16BE(8, 21)))).toBe('invalid-timestamp')
  expect(judge(batchOf(['x'.repeat(5000)]), { segmentBytes: 6000 })).toBe('record-list-too-large')
  const damaged = batchOf(['a'])
  damaged.bytes[damaged.bytes.length - 1]! ^= 1
  expect(judge(damaged)).toBe('corrupt-message')
})

test('faults are told in the order in which Kafka looks for them', () => {
  // Wrong base offset, too large, wrong CRC, wrong count: each hides those behind it.
  const batch = buildBatch([{ key: null, value: Buffer.alloc(500) }], { timestampMs: now, baseOffset: 1 })
  batch.bytes.writeInt32BE(9, 57)
  expect(judge(batch, { messageBytesMax: 100 })).toBe('invalid-record')
  batch.assign(0, -1)
  expect(judge(batch, { messageBytesMax: 100 })).toBe('message-too-large')
  expect(judge(batch)).toBe('corrupt-message')
  expect(judge(altered(batch, () => {}))).toBe('invalid-record')
})

test('a compacted topic names the records that have no key', () => {
  const batch = buildBatch([{ key: Buffer.from('k'), value: null }, { key: null, value: null }, { key: null, value: null }], { timestampMs: now, codec: 'snappy' })
  const refusal = validate(batch, { ...defaults, compact: true }, now) as Refusal
  expect([refusal.code, refusal.recordErrors.map(({ index }) => index)]).toEqual(['invalid-record', [1, 2]])
})

test('times outside of the bounds are refused record by record, and no time at all is taken', () => {
  const records = [now, now + 3_600_001, -1, now - 5001].map(timestampMs => ({ key: null, value: null, timestampMs }))
  const faults = (config: Partial<LogConfig>) => (validate(buildBatch(records, { timestampMs: now }), { ...defaults, ...config }, now) as Refusal).recordErrors.map(({ index }) => index)
  expect(faults({})).toEqual([1])
  expect(faults({ timestampBeforeMaxMs: 5000 })).toEqual([1, 3])
  expect(judge(buildBatch(records, { timestampMs: now }), { timestampType: 'append' })).toBe('accepted')
})

test('with default settings the records are not opened', () => {
  const batch = batchOf(['x'.repeat(100)], now, { codec: 'gzip' })
  const opened = { count: 0 }
  batch.records = () => (opened.count++, [])
  expect([judge(batch), opened.count]).toEqual(['accepted', 0])
  // Kafka's own default, Long.MAX, is no bound either.
  judge(batch, { timestampBeforeMaxMs: 2 ** 63 })
  expect(opened.count).toBe(0)
  judge(batch, { timestampBeforeMaxMs: 1000 })
  expect(opened.count).toBe(1)
})

test('records that do not open where a check needs them are a corrupt message', () => {
  const batch = altered(batchOf(['x'.repeat(100)], now, { codec: 'gzip' }), bytes => bytes.fill(0x55, 61))
  expect(judge(batch, { compact: true })).toBe('corrupt-message')
})
