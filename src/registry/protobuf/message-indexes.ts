// Which message of a schema a record is: the position of each message among its siblings, from the outermost in. In Confluent's framing they stand before
// the message, as zig-zag varints behind their count; the first message of all, which most records are, is a single zero.
import type { DescFile, DescMessage } from '@bufbuild/protobuf'
import type { SchemaFault } from '../fault.ts'

/** Deeper than messages nest in a schema. */
const countMax = 64

/** The bytes of the indexes. */
export function writeMessageIndexes(indexes: readonly number[]): Buffer {
  if (indexes.length === 1 && indexes[0] === 0) return Buffer.of(0)
  return Buffer.from([indexes.length, ...indexes].flatMap(value => varint(value * 2)))
}

/** The indexes at `from`, and where they end. */
export function readMessageIndexes(bytes: Buffer, from: number): { readonly indexes: readonly number[]; readonly end: number } | SchemaFault {
  let at = from
  const next = (): number | undefined => {
    let value = 0
    for (let shift = 1; at < bytes.length && shift <= 2 ** 28; shift *= 128) {
      const byte = bytes[at++]!
      value += (byte & 0x7f) * shift
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : undefined
    }
    return undefined
  }
  const count = next()
  if (count === 0) return { indexes: [0], end: at }
  if (count === undefined || count > countMax) return { pointer: '', reason: 'has no message indexes before the message' }
  const indexes: number[] = []
  while (indexes.length < count) {
    const index = next()
    if (index === undefined) return { pointer: '', reason: 'has no message indexes before the message' }
    indexes.push(index)
  }
  return { indexes, end: at }
}

/** The messages that indexes count: as the descriptor has them, the entries of maps among them where they were written out. */
export function messageAt(file: DescFile, indexes: readonly number[]): DescMessage | undefined {
  let protos = file.proto.messageType
  let messages = file.messages
  let found: DescMessage | undefined
  for (const index of indexes) {
    const proto = protos[index]
    found = messages.find(message => message.proto === proto)
    if (proto === undefined || found === undefined) return undefined
    protos = proto.nestedType
    messages = found.nestedMessages
  }
  return found
}

/** The way to a message of the file: what messageAt takes. */
export function indexesOf(message: DescMessage): readonly number[] {
  const { parent } = message
  if (parent === undefined) return [message.file.proto.messageType.indexOf(message.proto)]
  return [...indexesOf(parent), parent.proto.nestedType.indexOf(message.proto)]
}

function varint(value: number): number[] {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest]
    bytes.push(rest % 128 + 128)
  }
}
