// Kafka's record batch (magic 2) as bytes with a parsed header: the currency between client, log and client. The plain path never looks
// at a record; whoever must (validation, Kinesis, REST, times) opens them under a cap. The CRC covers byte 21 to the end, so that
// base offset and leader epoch are rewritten in place without a new one.
import { crc32c } from '@node-rs/crc32'
import { WireError } from './bytes.ts'
import { type Codec, codecs, compress, decompress } from './compression.ts'
import { type RecordDraft, type RecordView, readRecords, writeRecords } from './records.ts'

export type { Codec } from './compression.ts'
export type { Header, RecordDraft, RecordView } from './records.ts'

/** Bytes of a batch before its records. */
export const batchHeaderBytes = 61

const lengthAt = 8
const epochAt = 12
const magicAt = 16
const crcAt = 17
const attributesAt = 21
const lastOffsetDeltaAt = 23
const baseTimestampAt = 27
const maxTimestampAt = 35
const producerIdAt = 43
const producerEpochAt = 51
const baseSequenceAt = 53
const countAt = 57

const codecBits = 0x07
const appendTimeBit = 0x08
const transactionalBit = 0x10
const controlBit = 0x20
/** Ours: Kafka gives it no meaning, and no client may set it. */
const envelopeBit = 0x4000

/** Where the parts of a header stand that change when its records are put into an envelope (engine/sealed/envelope.ts). */
export const headerAt = { length: lengthAt, crc: crcAt, attributes: attributesAt, envelopeBit } as const

// What the records of one batch may decompress to: so many times its size, but never less than the first nor more than the second bound.
const expansionMax = 100
const recordsBytesFloor = 1024 * 1024
const recordsBytesMax = 32 * 1024 * 1024

export class Batch {
  readonly bytes: Buffer
  /** The named key that its records are stored under, where it was read from a log that has them encrypted. */
  keyId: string | undefined
  /** The CRC was found right, and nothing that it covers is changed but by `stampAppendTime`: a batch is not gone through twice. */
  #isIntact = false

  private constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  /** Exactly one batch: its length and magic are checked, nothing else. A view of `bytes`. */
  static parse(bytes: Buffer): Batch {
    const size = batchSize(bytes, 0)
    if (size !== bytes.length) throw new WireError(`record batch of ${size} bytes in ${bytes.length}`)
    return new Batch(bytes)
  }

  /** One or more batches, back to back, each a view of `bytes`. */
  static split(bytes: Buffer): Batch[] {
    const batches: Batch[] = []
    let at = 0
    do {
      const size = batchSize(bytes, at)
      batches.push(new Batch(bytes.subarray(at, at + size)))
      at += size
    } while (at < bytes.length)
    return batches
  }

  get baseOffset(): number { return readInt64(this.bytes, 0) }
  get lastOffset(): number { return this.baseOffset + this.lastOffsetDelta }
  get nextOffset(): number { return this.lastOffset + 1 }
  get leaderEpoch(): number { return this.bytes.readInt32BE(epochAt) }
  get crc(): number { return this.bytes.readUInt32BE(crcAt) }
  get attributes(): number { return this.bytes.readInt16BE(attributesAt) }
  /** WireError for the three values that name no compression. */
  get codec(): Codec {
    const codec = codecs[this.attributes & codecBits]
    if (codec === undefined) throw new WireError(`compression ${this.attributes & codecBits} is not known`)
    return codec
  }
  get timestampType(): 'create' | 'append' { return this.attributes & appendTimeBit ? 'append' : 'create' }
  get isTransactional(): boolean { return (this.attributes & transactionalBit) !== 0 }
  get isControl(): boolean { return (this.attributes & controlBit) !== 0 }
  /** Its records are encrypted under a named key; only logs hold such batches. */
  get isEnveloped(): boolean { return (this.attributes & envelopeBit) !== 0 }
  get lastOffsetDelta(): number { return this.bytes.readInt32BE(lastOffsetDeltaAt) }
  get baseTimestampMs(): number { return readInt64(this.bytes, baseTimestampAt) }
  get maxTimestampMs(): number { return readInt64(this.bytes, maxTimestampAt) }
  /** -1 where the producer is not idempotent. */
  get producerId(): number { return readInt64(this.bytes, producerIdAt) }
  get producerEpoch(): number { return this.bytes.readInt16BE(producerEpochAt) }
  get baseSequence(): number { return this.bytes.readInt32BE(baseSequenceAt) }
  get count(): number { return this.bytes.readInt32BE(countAt) }

  crcIsValid(): boolean {
    return this.#isIntact ||= crc32c(this.bytes.subarray(attributesAt)) === this.crc
  }

  /**
   * The records, with absolute offsets and times; keys and values are views of the batch or of its decompressed body. `bytesMax` bounds
   * the body (by default 100 times the batch, at least 1 MiB and at most 32 MiB). WireError where it is larger or damaged.
   */
  records(bytesMax?: number): RecordView[] {
    const body = this.body(bytesMax)
    const records = readRecords(body, this.count, { offset: this.baseOffset, lastOffset: this.lastOffset, timestampMs: this.baseTimestampMs })
    if (this.timestampType === 'append') for (const record of records) record.timestampMs = this.maxTimestampMs
    return records
  }

  /** The bytes of the records, decompressed; see `records` for the bound. */
  body(bytesMax = Math.min(Math.max(expansionMax * this.bytes.length, recordsBytesFloor), recordsBytesMax)): Buffer {
    return decompress(this.codec, this.bytes.subarray(batchHeaderBytes), bytesMax)
  }

  /**
   * The records, or none where they do not open. A batch is stored as its producer sent it, often unopened, so whoever reads a log on behalf
   * of others must get past one that nobody can read.
   */
  recordsOrNone(): RecordView[] {
    try {
      return this.records()
    } catch (error) {
      if (error instanceof WireError) return []
      throw error
    }
  }

  /** Gives the batch its place in a log, in its own bytes. */
  assign(baseOffset: number, leaderEpoch: number): void {
    writeInt64(this.bytes, 0, baseOffset)
    this.bytes.writeInt32BE(leaderEpoch, epochAt)
  }

  /** LogAppendTime: `ms` becomes the time of every record, in the batch's own bytes. */
  stampAppendTime(ms: number): void {
    this.bytes.writeInt16BE(this.attributes | appendTimeBit, attributesAt)
    writeInt64(this.bytes, maxTimestampAt, ms)
    this.bytes.writeUInt32BE(crc32c(this.bytes.subarray(attributesAt)), crcAt)
  }
}

export interface BatchOptions {
  /** The time of records that have none of their own. Milliseconds since the epoch. */
  readonly timestampMs: number
  readonly codec?: Codec
  /** An idempotent producer's id, epoch and the sequence number of the first record. */
  readonly producer?: { readonly id: number; readonly epoch: number; readonly baseSequence: number }
  readonly baseOffset?: number
  readonly leaderEpoch?: number
  readonly isTransactional?: boolean
  readonly isControl?: boolean
  /** How far behind the batch's offset its first record lies; 0 unless given. */
  readonly firstOffsetDelta?: number
}

/** One batch of at least one record, offsets consecutive from `baseOffset` (default 0) plus `firstOffsetDelta`. */
export function buildBatch(records: readonly RecordDraft[], options: BatchOptions): Batch {
  const { codec = 'none', producer, firstOffsetDelta = 0 } = options
  let bytes = writeRecords(records, options.timestampMs, { headroom: batchHeaderBytes, firstOffsetDelta })
  if (codec !== 'none') {
    const body = compress(codec, bytes.subarray(batchHeaderBytes))
    bytes = Buffer.concat([bytes.subarray(0, batchHeaderBytes), body])
  }
  let maxTimestampMs = -Infinity
  for (const record of records) maxTimestampMs = Math.max(maxTimestampMs, record.timestampMs ?? options.timestampMs)
  writeInt64(bytes, 0, options.baseOffset ?? 0)
  bytes.writeInt32BE(bytes.length - epochAt, lengthAt)
  bytes.writeInt32BE(options.leaderEpoch ?? -1, epochAt)
  bytes.writeInt8(2, magicAt)
  bytes.writeInt16BE(codecs.indexOf(codec) | (options.isTransactional ? transactionalBit : 0) | (options.isControl ? controlBit : 0), attributesAt)
  bytes.writeInt32BE(firstOffsetDelta + records.length - 1, lastOffsetDeltaAt)
  writeInt64(bytes, baseTimestampAt, options.timestampMs)
  writeInt64(bytes, maxTimestampAt, records.length === 0 ? options.timestampMs : maxTimestampMs)
  writeInt64(bytes, producerIdAt, producer?.id ?? -1)
  bytes.writeInt16BE(producer?.epoch ?? -1, producerEpochAt)
  bytes.writeInt32BE(producer?.baseSequence ?? -1, baseSequenceAt)
  bytes.writeInt32BE(records.length, countAt)
  bytes.writeUInt32BE(crc32c(bytes.subarray(attributesAt)), crcAt)
  return Batch.parse(bytes)
}

/** The key of a control record: its version (0) and its type, by which readers know it. */
export function controlKey(type: number): Buffer {
  const key = Buffer.alloc(4)
  key.writeInt16BE(type, 2)
  return key
}

/** A batch with other records, or in another compression: `bytes` has the header that it had and the records as they are now. Changed in place. */
export function overwriteHeader(bytes: Buffer, { codec, count, maxTimestampMs }: { codec: Codec; count: number; maxTimestampMs: number }): Batch {
  bytes.writeInt16BE(bytes.readInt16BE(attributesAt) & ~codecBits | codecs.indexOf(codec), attributesAt)
  bytes.writeInt32BE(bytes.length - epochAt, lengthAt)
  writeInt64(bytes, maxTimestampAt, maxTimestampMs)
  bytes.writeInt32BE(count, countAt)
  bytes.writeUInt32BE(crc32c(bytes.subarray(attributesAt)), crcAt)
  return Batch.parse(bytes)
}

function batchSize(bytes: Buffer, at: number): number {
  const left = bytes.length - at
  if (left < batchHeaderBytes) throw new WireError(`record batch header of ${batchHeaderBytes} bytes in ${left}`, { at })
  const magic = bytes.readInt8(at + magicAt)
  if (magic !== 2) throw new WireError(`record batch of magic ${magic}; only magic 2 is taken`, { at: at + magicAt })
  const size = bytes.readInt32BE(at + lengthAt) + epochAt
  if (size < batchHeaderBytes || size > left) throw new WireError(`record batch of ${size} bytes in ${left}`, { at: at + lengthAt })
  return size
}

// Exact up to 2^53, which offsets and times never reach; a peer's larger number loses its lowest bits and fails the check it is for.
function readInt64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4)
}

function writeInt64(bytes: Buffer, at: number, value: number): void {
  const high = Math.floor(value / 2 ** 32)
  bytes.writeInt32BE(high, at)
  bytes.writeUInt32BE(value - high * 2 ** 32, at + 4)
}
