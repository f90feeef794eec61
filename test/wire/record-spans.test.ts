// Records found in place are those that are read one by one, and bytes that one of the two refuses the other refuses too; a batch without some records is what is left of it.
import { describe, expect, test } from 'vitest'
import { Prng } from '../../src/base/prng.ts'
import { Batch, buildBatch, type Codec, type RecordDraft } from '../../src/wire/batch.ts'
import { WireError } from '../../src/wire/bytes.ts'
import { RecordSpans } from '../../src/wire/record-spans.ts'
import { thinned } from '../../src/wire/thinning.ts'
import { seed } from '../support/seed.ts'

function drafts(prng: Prng): RecordDraft[] {
  const bytes = (): Buffer | null => (prng.below(5) === 0 ? null : Buffer.alloc(prng.below(prng.below(10) === 0 ? 20_000 : 100), prng.below(256)))
  return Array.from({ length: 1 + prng.below(20) }, () => ({
    key: bytes(), value: bytes(), timestampMs: 1_700_000_000_000 + prng.below(100_000_000),
    headers: Array.from({ length: prng.below(3) === 0 ? 1 + prng.below(3) : 0 }, () => ({ key: 'h'.repeat(prng.below(200)), value: bytes() })),
  }))
}

/** What either way of reading makes of a batch: its parts and headers, or that it is refused. */
function readings(batch: Batch): [unknown, unknown] {
  const attempt = (read: () => unknown): unknown => {
    try {
      return read()
    } catch (error) {
      if (error instanceof WireError) return 'refused'
      throw error
    }
  }
  const text = (bytes: Buffer | null): string | null => bytes && bytes.toString('hex')
  return [
    attempt(() => batch.records().map(({ key, value, headers }) => [text(key), text(value), headers.map(one => [one.key, text(one.value)])])),
    attempt(() => {
      const spans = RecordSpans.of(batch)
      const part = (index: number, name: 'key' | 'value'): string | null => (spans.start(index, name) < 0 ? null : spans.body.toString('hex', spans.start(index, name), spans.end(index, name)))
      return Array.from({ length: spans.count }, (_, index) => [part(index, 'key'), part(index, 'value'), (spans.headers(index) ?? []).map(one => [one.key, text(one.value)])])
    }),
  ]
}

describe('records in place', () => {
  test('are the records', () => {
    const prng = new Prng(seed)
    for (let round = 0; round < 200; round++) {
      const [one, other] = readings(buildBatch(drafts(prng), { timestampMs: 1_700_000_000_000, codec: prng.pick(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const satisfies Codec[]) }))
      expect(other).toEqual(one)
      expect(one).not.toBe('refused')
    }
  })

  test('of damaged bytes are refused where the records are', () => {
    const prng = new Prng(seed + 1)
    let refused = 0
    for (let round = 0; round < 5_000; round++) {
      const { bytes } = buildBatch(drafts(prng).slice(0, 4), { timestampMs: 1_700_000_000_000 })
      for (let times = 1 + prng.below(3); times > 0; times--) bytes[61 + prng.below(Math.min(bytes.length - 61, 60))] = prng.below(256)
      if (prng.below(4) === 0) bytes.writeInt32BE(prng.below(8), 57)
      const [one, other] = readings(Batch.parse(bytes))
      expect(other, bytes.toString('hex')).toEqual(one)
      if (one === 'refused') refused++
    }
    expect(refused).toBeGreaterThan(1_000)
    expect(refused).toBeLessThan(4_900)
  })
})

test('a batch without some of its records is the others, as they were', () => {
  const prng = new Prng(seed + 2)
  for (let round = 0; round < 100; round++) {
    const codec = prng.pick(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const satisfies Codec[])
    const whole = buildBatch(drafts(prng), { timestampMs: 1_700_000_000_000, codec, producer: { id: 7, epoch: 1, baseSequence: 100 } })
    const gone = new Set([prng.below(whole.count), prng.below(whole.count)])
    const left = thinned(whole, gone)
    expect(left.crcIsValid()).toBe(true)
    expect([left.lastOffsetDelta, left.baseSequence, left.producerId, left.producerEpoch]).toEqual([whole.lastOffsetDelta, 100, 7, 1])
    const rest = whole.records().filter((_, index) => !gone.has(index))
    if (rest.length === 0) {
      expect([left.isControl, left.count, left.records()[0]!.offset]).toEqual([true, 1, whole.lastOffset])
      continue
    }
    expect(left.records()).toEqual(rest)
    expect([left.isControl, left.codec, left.count, left.maxTimestampMs]).toEqual([false, codec, rest.length, Math.max(...rest.map(({ timestampMs }) => timestampMs))])
  }
})
