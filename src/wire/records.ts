// The records inside a record batch (magic 2): a run of zigzag varints, keys, values and headers. Reads them as views, writes them in one buffer.
import { type Cursor, readVarint, varintSize, writeVarint } from '../base/varint.ts'
import { WireError } from './bytes.ts'

export interface Header {
  readonly key: string
  readonly value: Buffer | null
}

export interface RecordDraft {
  key: Buffer | null
  value: Buffer | null
  headers?: readonly Header[]
  /** Milliseconds since the epoch; absent takes the batch's own. */
  timestampMs?: number
}

/** Key, value and header values are views: copy before you keep them. */
export interface RecordView {
  offset: number
  timestampMs: number
  key: Buffer | null
  value: Buffer | null
  headers: readonly Header[]
}

// length, attributes, timestamp and offset deltas, key and value lengths, header count: a byte each.
const recordBytesMin = 7
const noHeaders: readonly Header[] = []

/** Reads exactly `count` records that fill `body`, their offsets rising within the batch; WireError otherwise. Times and offsets come out absolute. */
export function readRecords(body: Buffer, count: number, base: { offset: number; lastOffset: number; timestampMs: number }): RecordView[] {
  if (count < 0 || count * recordBytesMin > body.length) throw new WireError(`${count} records do not fit in ${body.length} bytes`)
  const records: RecordView[] = []
  const cursor = { at: 0 }
  let offset = base.offset - 1
  for (let index = 0; index < count; index++) {
    const length = readVarint(body, cursor)
    const end = cursor.at + length
    if (!(length >= recordBytesMin - 1 && end <= body.length)) throw new WireError(`record ${index} says ${length} bytes`, { at: cursor.at })
    cursor.at++
    const timestampMs = base.timestampMs + readVarint(body, cursor)
    const before = offset
    offset = base.offset + readVarint(body, cursor)
    const isNext = offset > before && offset <= base.lastOffset
    if (!isNext) throw new WireError(`record ${index} has offset ${offset}, not one of ${before + 1} to ${base.lastOffset}`)
    const key = readBytes(body, cursor, end)
    const value = readBytes(body, cursor, end)
    const headers = readHeaders(body, cursor, end)
    if (cursor.at !== end || !Number.isFinite(timestampMs + offset)) throw new WireError(`record ${index} does not fill its ${length} bytes`, { at: cursor.at })
    records.push({ offset, timestampMs, key, value, headers })
  }
  if (cursor.at !== body.length) throw new WireError(`${body.length - cursor.at} bytes behind the last of ${count} records`)
  return records
}

/** Writes the records, back to back, behind `headroom` bytes that are left to the caller. */
export function writeRecords(records: readonly RecordDraft[], timestampMs: number, how: { headroom: number; firstOffsetDelta: number }): Buffer {
  const { headroom, firstOffsetDelta } = how
  const sizes: number[] = []
  let total = headroom
  for (let index = 0; index < records.length; index++) {
    const size = recordSize(records[index]!, firstOffsetDelta + index, timestampMs)
    sizes.push(size)
    total += varintSize(size) + size
  }
  const bytes = Buffer.allocUnsafe(total)
  let at = headroom
  for (let index = 0; index < records.length; index++) {
    const record = records[index]!
    at = writeVarint(bytes, at, sizes[index]!)
    bytes[at++] = 0
    at = writeVarint(bytes, at, (record.timestampMs ?? timestampMs) - timestampMs)
    at = writeVarint(bytes, at, firstOffsetDelta + index)
    at = writeBytes(bytes, at, record.key)
    at = writeBytes(bytes, at, record.value)
    const headers = record.headers ?? noHeaders
    at = writeVarint(bytes, at, headers.length)
    for (const header of headers) {
      at = writeVarint(bytes, at, Buffer.byteLength(header.key))
      at += bytes.write(header.key, at)
      at = writeBytes(bytes, at, header.value)
    }
  }
  return bytes
}

function recordSize(record: RecordDraft, offsetDelta: number, timestampMs: number): number {
  const headers = record.headers ?? noHeaders
  let size = 1 + varintSize((record.timestampMs ?? timestampMs) - timestampMs) + varintSize(offsetDelta)
  size += bytesSize(record.key) + bytesSize(record.value) + varintSize(headers.length)
  for (const header of headers) {
    const keyLength = Buffer.byteLength(header.key)
    size += varintSize(keyLength) + keyLength + bytesSize(header.value)
  }
  return size
}

function bytesSize(bytes: Buffer | null): number {
  return bytes === null ? 1 : varintSize(bytes.length) + bytes.length
}

function writeBytes(target: Buffer, at: number, bytes: Buffer | null): number {
  if (bytes === null) return writeVarint(target, at, -1)
  const start = writeVarint(target, at, bytes.length)
  target.set(bytes, start)
  return start + bytes.length
}

function readBytes(body: Buffer, cursor: Cursor, end: number): Buffer | null {
  const length = readVarint(body, cursor)
  if (length === -1) return null
  const start = cursor.at
  if (!(length >= 0 && start + length <= end)) throw new WireError(`${length} bytes do not fit in their record`, { at: start })
  cursor.at = start + length
  return body.subarray(start, start + length)
}

/** The headers at the cursor, which are moved behind them; views. WireError where they do not fit before `end`. */
export function readHeaders(body: Buffer, cursor: Cursor, end: number): readonly Header[] {
  const count = readVarint(body, cursor)
  if (count === 0) return noHeaders
  if (!(count > 0 && count * 2 <= end - cursor.at)) throw new WireError(`${count} headers do not fit in their record`, { at: cursor.at })
  const headers: Header[] = []
  for (let index = 0; index < count; index++) {
    const key = readBytes(body, cursor, end)
    if (key === null) throw new WireError(`header ${index} has no key`, { at: cursor.at })
    headers.push({ key: key.toString(), value: readBytes(body, cursor, end) })
  }
  return headers
}
