// AWS's event streams (application/vnd.amazon.eventstream): messages one after the other, each with typed headers, a payload and two checksums (CRC-32 as in zip).
//
//   u32 total length | u32 length of the headers | u32 CRC of these eight bytes | headers | payload | u32 CRC of all before it
//   header: u8 length of the name | name | u8 type (7: string) | u16 length | value
//
// An answer of events begins with the event `initial-response`, which holds what its output has besides them; an exception is the last message there is.
import { crc32 } from 'node:zlib'
import { WireError } from './bytes.ts'

export const eventStreamType = 'application/vnd.amazon.eventstream'

export interface EventMessage {
  /** By name, in their order; texts only, as AWS's services send nothing else. */
  readonly headers: ReadonlyMap<string, string>
  readonly payload: Buffer
}

/** Where the messages of an answer come from. */
export interface EventSource {
  /**
   * Whole messages, as they come about, until there are no more or `signal` aborts, which it must in the end: the peer has all, is gone, or its listener stops. Asked for the
   * next one when the peer has taken the one before.
   */
  messages(signal: AbortSignal): AsyncIterable<Buffer>
}

/** Clients take an answer for an event stream only with its `initial-response` first. */
export function beginningWith(first: Buffer, source: EventSource): EventSource {
  return { messages: signal => both(first, source.messages(signal)) }
}

async function* both(first: Buffer, others: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield first
  yield* others
}

const preludeBytes = 12
const checksumBytes = 4
const headersBytesMax = 128 * 1_024
/** What botocore takes; other clients take more. */
const messageBytesMax = 24 * 1_048_576
const stringType = 7

/** An event of the answer, by its name in the model. */
export function encodeEvent(type: string, contentType: string, payload: string | Buffer): Buffer {
  return encodeMessage([[':message-type', 'event'], [':event-type', type], [':content-type', contentType]], payload)
}

/** An error that the model knows, in place of all events to come. */
export function encodeException(type: string, contentType: string, payload: string | Buffer): Buffer {
  return encodeMessage([[':message-type', 'exception'], [':exception-type', type], [':content-type', contentType]], payload)
}

/** A payload that is a text is written in UTF-8, straight to where it belongs: it may be large. */
export function encodeMessage(headers: readonly (readonly [name: string, value: string])[], payload: string | Buffer): Buffer {
  const fields = headers.map(([name, value]) => ({ name: Buffer.from(name), value: Buffer.from(value) }))
  const headersBytes = fields.reduce((sum, { name, value }) => sum + 1 + name.length + 1 + 2 + value.length, 0)
  const total = preludeBytes + headersBytes + Buffer.byteLength(payload) + checksumBytes
  const bytes = Buffer.allocUnsafe(total)
  bytes.writeUInt32BE(total, 0)
  bytes.writeUInt32BE(headersBytes, 4)
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 8)), 8)
  let at = preludeBytes
  for (const { name, value } of fields) {
    at = bytes.writeUInt8(name.length, at)
    at += name.copy(bytes, at)
    at = bytes.writeUInt8(stringType, at)
    at = bytes.writeUInt16BE(value.length, at)
    at += value.copy(bytes, at)
  }
  at += typeof payload === 'string' ? bytes.write(payload, at) : payload.copy(bytes, at)
  bytes.writeUInt32BE(crc32(bytes.subarray(0, at)), at)
  return bytes
}

/** Takes messages off a stream that comes in pieces. */
export class EventDecoder {
  #pieces: Buffer[] = []
  #pending = 0
  /** With so many bytes there is something to be told: the lengths of the next message, or all of it. */
  #wanted = preludeBytes

  /** Bytes of a message that has not come to its end. */
  get pendingBytes(): number {
    return this.#pending
  }

  /** The messages that are whole with this piece. Throws WireError where a checksum or a length is wrong; nothing can be told of what follows, then. */
  take(piece: Buffer): EventMessage[] {
    this.#pieces.push(piece)
    this.#pending += piece.length
    if (this.#pending < this.#wanted) return []
    let bytes = this.#pieces.length === 1 ? piece : Buffer.concat(this.#pieces)
    const messages: EventMessage[] = []
    for (;;) {
      this.#wanted = bytes.length < preludeBytes ? preludeBytes : lengthOf(bytes)
      if (bytes.length < this.#wanted) break
      messages.push(decodeMessage(bytes.subarray(0, this.#wanted)))
      bytes = bytes.subarray(this.#wanted)
    }
    this.#pieces = [bytes]
    this.#pending = bytes.length
    return messages
  }
}

/** How long the message is, from its first twelve bytes. */
function lengthOf(bytes: Buffer): number {
  const total = bytes.readUInt32BE(0)
  const headersBytes = bytes.readUInt32BE(4)
  if (crc32(bytes.subarray(0, 8)) !== bytes.readUInt32BE(8)) throw new WireError('the checksum of an event\'s lengths does not match them')
  if (total > messageBytesMax || headersBytes > headersBytesMax || preludeBytes + headersBytes + checksumBytes > total) {
    throw new WireError(`an event of ${total} bytes with ${headersBytes} bytes of headers`)
  }
  return total
}

/** Exactly one message, whose lengths have been found right. */
function decodeMessage(bytes: Buffer): EventMessage {
  const end = bytes.length - checksumBytes
  if (crc32(bytes.subarray(0, end)) !== bytes.readUInt32BE(end)) throw new WireError(`the checksum of an event of ${bytes.length} bytes does not match it`)
  const payloadAt = preludeBytes + bytes.readUInt32BE(4)
  return { headers: decodeHeaders(bytes.subarray(preludeBytes, payloadAt)), payload: bytes.subarray(payloadAt, end) }
}

function decodeHeaders(bytes: Buffer): ReadonlyMap<string, string> {
  const headers = new Map<string, string>()
  let at = 0
  const take = (count: number): Buffer => {
    if (at + count > bytes.length) throw new WireError(`an event's headers end within one of them, at byte ${bytes.length}`)
    at += count
    return bytes.subarray(at - count, at)
  }
  while (at < bytes.length) {
    const name = take(take(1)[0]!).toString()
    const type = take(1)[0]!
    if (type !== stringType) throw new WireError(`header '${name}' of an event has type ${type}; only strings (${stringType}) are known`)
    headers.set(name, take(take(2).readUInt16BE(0)).toString())
  }
  return headers
}
