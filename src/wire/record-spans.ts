// Where keys and values stand in the records of a batch, found in one pass that makes no object for each: for checks that most records pass, on the path of every
// producer. As strict as `readRecords`.
import { type Cursor, readVarint } from '../base/varint.ts'
import type { Batch, Header } from './batch.ts'
import { WireError } from './bytes.ts'
import { readHeaders } from './records.ts'

/** Per record: start and end of key and value (start -1 for null), start of the headers (-1 without any). */
const fields = 5
const recordBytesMin = 7

export class RecordSpans {
  /** The batch's records, decompressed. */
  readonly body: Buffer
  readonly count: number
  readonly #spans: Int32Array

  private constructor(body: Buffer, spans: Int32Array, count: number) {
    this.body = body
    this.#spans = spans
    this.count = count
  }

  /** WireError where the batch does not open within the bounds of `Batch.records`, or is damaged. */
  static of(batch: Batch): RecordSpans {
    const body = batch.body()
    const { count, lastOffsetDelta } = batch
    if (count < 0 || count * recordBytesMin > body.length) throw new WireError(`${count} records do not fit in ${body.length} bytes`)
    const spans = new Int32Array(count * fields)
    const cursor: Cursor = { at: 0 }
    let before = -1
    for (let index = 0, to = 0; index < count; index++, to += fields) {
      const length = readInt(body, cursor)
      const end = cursor.at + length
      if (!(length >= recordBytesMin - 1 && end <= body.length)) throw new WireError(`record ${index} says ${length} bytes`, { at: cursor.at })
      cursor.at++
      const timestampDelta = readInt(body, cursor)
      const offsetDelta = readInt(body, cursor)
      if (!(offsetDelta > before && offsetDelta <= lastOffsetDelta)) throw new WireError(`record ${index} has offset delta ${offsetDelta}, not one of ${before + 1} to ${lastOffsetDelta}`)
      before = offsetDelta
      for (let part = to; part < to + 4; part += 2) {
        const size = readInt(body, cursor)
        if (size === -1) {
          spans[part] = -1
          continue
        }
        if (!(size >= 0 && cursor.at + size <= end)) throw new WireError(`${size} bytes do not fit in their record`, { at: cursor.at })
        spans[part] = cursor.at
        cursor.at += size
        spans[part + 1] = cursor.at
      }
      spans[to + 4] = -1
      if (body[cursor.at] === 0) cursor.at++
      else {
        spans[to + 4] = cursor.at
        readHeaders(body, cursor, end)
      }
      if (cursor.at !== end || !Number.isFinite(timestampDelta)) throw new WireError(`record ${index} does not fill its ${length} bytes`, { at: cursor.at })
    }
    if (cursor.at !== body.length) throw new WireError(`${body.length - cursor.at} bytes behind the last of ${count} records`)
    return new RecordSpans(body, spans, count)
  }

  /** Where the part begins in `body`; -1 where it is null. */
  start(index: number, part: 'key' | 'value'): number {
    return this.#spans[index * fields + (part === 'key' ? 0 : 2)]!
  }

  end(index: number, part: 'key' | 'value'): number {
    return this.#spans[index * fields + (part === 'key' ? 1 : 3)]!
  }

  hasHeaders(index: number): boolean {
    return this.#spans[index * fields + 4]! >= 0
  }

  /** Views of the body; undefined without any. */
  headers(index: number): readonly Header[] | undefined {
    const at = this.#spans[index * fields + 4]!
    return at < 0 ? undefined : readHeaders(this.body, { at }, this.body.length)
  }
}

/** A zigzag varint; most take one byte or two. */
function readInt(body: Buffer, cursor: Cursor): number {
  const first = body[cursor.at]!
  if (first < 128) {
    cursor.at++
    return (first >>> 1) ^ -(first & 1)
  }
  const second = body[cursor.at + 1]!
  if (second < 128) {
    cursor.at += 2
    const raw = (first & 127) | (second << 7)
    return (raw >>> 1) ^ -(raw & 1)
  }
  return readVarint(body, cursor)
}
