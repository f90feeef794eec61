// CBOR as clients of AWS have it, apart from our own codec: an encoder that writes what Jackson does within the AWS SDK for Java v2 (maps and lists
// without a count, long texts in pieces), and a reader that takes any CBOR apart and knows nothing of Kinesis.

/** A time as the SDK sends it: tag 1 and milliseconds. */
export class Millis {
  readonly value: number

  constructor(value: number) {
    this.value = value
  }
}

/** Bytes that are put in as they are, for values that no client sends. */
export class Raw {
  readonly bytes: Buffer

  constructor(hex: string) {
    this.bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex')
  }
}

/** Of texts in one piece: what Jackson's buffer takes of characters. */
const pieceCharsMax = 3_996

export function javaCbor(value: unknown): Buffer {
  if (value === null) return Buffer.from([0xf6])
  if (value === true || value === false) return Buffer.from([value ? 0xf5 : 0xf4])
  if (value instanceof Raw) return value.bytes
  if (value instanceof Millis) return Buffer.concat([Buffer.from([0xc1]), head(0, value.value)])
  if (Buffer.isBuffer(value)) return Buffer.concat([head(2, value.length), value])
  if (typeof value === 'number') return value >= 0 ? head(0, value) : head(1, -1 - value)
  if (typeof value === 'string') return javaText(value)
  if (Array.isArray(value)) return Buffer.concat([Buffer.from([0x9f]), ...value.map(javaCbor), Buffer.from([0xff])])
  const members = Object.entries(value as object).filter(([, member]) => member !== undefined).flatMap(([name, member]) => [javaText(name), javaCbor(member)])
  return Buffer.concat([Buffer.from([0xbf]), ...members, Buffer.from([0xff])])
}

function javaText(value: string): Buffer {
  const piece = (text: string): Buffer => Buffer.concat([head(3, Buffer.byteLength(text)), Buffer.from(text)])
  if (value.length <= pieceCharsMax) return piece(value)
  const pieces = Array.from({ length: Math.ceil(value.length / pieceCharsMax) }, (_, at) => piece(value.slice(at * pieceCharsMax, (at + 1) * pieceCharsMax)))
  return Buffer.concat([Buffer.from([0x7f]), ...pieces, Buffer.from([0xff])])
}

function head(major: number, argument: number): Buffer {
  const first = major << 5
  if (argument < 24) return Buffer.from([first | argument])
  if (argument < 0x100) return Buffer.from([first | 24, argument])
  if (argument < 0x1_0000) return Buffer.from([first | 25, argument >> 8, argument & 0xff])
  const wide = Buffer.alloc(argument < 0x1_0000_0000 ? 5 : 9)
  wide[0] = first | (wide.length === 5 ? 26 : 27)
  if (wide.length === 5) wide.writeUInt32BE(argument, 1)
  else wide.writeBigUInt64BE(BigInt(argument), 1)
  return wide
}

const theBreak = Symbol('break')

/** The one value that the bytes are. Byte strings are Buffers, times under tag 1 are Millis, maps are plain objects. Throws where it is not CBOR. */
export function readCbor(bytes: Buffer): unknown {
  let at = 0
  const take = (length: number): Buffer => {
    if (at + length > bytes.length) throw new Error(`CBOR ends within an item, at ${at}`)
    at += length
    return bytes.subarray(at - length, at)
  }
  const next = (): unknown => {
    const first = take(1)[0]!
    const [major, detail] = [first >> 5, first & 0x1f]
    if (first === 0xff) return theBreak
    if (detail > 27 && detail !== 31) throw new Error(`no CBOR: ${first.toString(16)} at ${at - 1}`)
    if (major === 7) return simple(detail)
    const count = detail < 24 ? detail : detail === 31 ? Number.POSITIVE_INFINITY : Number(BigInt(`0x${take(1 << (detail - 24)).toString('hex')}`))
    if (major === 0) return count
    if (major === 1) return -1 - count
    if (major === 2) return count === Number.POSITIVE_INFINITY ? Buffer.concat(items(count) as Buffer[]) : Buffer.from(take(count))
    if (major === 3) return count === Number.POSITIVE_INFINITY ? items(count).join('') : take(count).toString()
    if (major === 4) return items(count)
    if (major === 5) {
      const flat = items(count * 2)
      return Object.fromEntries(flat.flatMap((name, nth) => (nth % 2 === 0 ? [[name as string, flat[nth + 1]]] : [])))
    }
    const tagged = next()
    if (count !== 1 || typeof tagged !== 'number' || !Number.isInteger(tagged)) throw new Error(`tag ${count} with ${String(tagged)}`)
    return new Millis(tagged)
  }
  const simple = (detail: number): unknown => {
    if (detail === 25) return take(2)
    if (detail === 26) return take(4).readFloatBE()
    if (detail === 27) return take(8).readDoubleBE()
    if (detail < 20 || detail > 23) throw new Error(`simple value ${detail}`)
    return [false, true, null, undefined][detail - 20]
  }
  const items = (count: number): unknown[] => {
    const all: unknown[] = []
    while (all.length < count) {
      const item = next()
      if (item === theBreak) {
        if (count !== Number.POSITIVE_INFINITY) throw new Error(`a break at ${at - 1}`)
        break
      }
      all.push(item)
    }
    return all
  }
  const value = next()
  if (at !== bytes.length || value === theBreak) throw new Error(`${bytes.length - at} bytes behind the value`)
  return value
}
