// Variable-length integers as Protobuf and Kafka's record format write them: seven bits a byte, lowest first, signed ones zigzag.
// Plain numbers, exact below 2^53, with a sign below 2^52; what lies beyond reads as NaN, as does a varint that is cut off or too long.

/** Where a reader stands in its bytes; the read functions move it on. */
export interface Cursor {
  at: number
}

/** Bytes that `value` (zigzag, -2^52 ≤ value < 2^52) takes. */
export function varintSize(value: number): number {
  return uvarintSize(zigzag(value))
}

/** Bytes that `value` (0 ≤ value < 2^53) takes. */
export function uvarintSize(value: number): number {
  let size = 1
  for (let rest = value; rest >= 128; rest /= 128) size++
  return size
}

/** Writes `value` in zigzag form at `at`; returns the position behind it. */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  return writeUvarint(bytes, at, zigzag(value))
}

/** Writes `value` at `at`; returns the position behind it. */
export function writeUvarint(bytes: Uint8Array, at: number, value: number): number {
  let rest = value
  while (rest >= 128) {
    bytes[at++] = (rest % 128) | 128
    rest = Math.floor(rest / 128)
  }
  bytes[at++] = rest
  return at
}

/** Reads a zigzag varint; NaN where the bytes end first or the value is not exact in a number. */
export function readVarint(bytes: Uint8Array, cursor: Cursor): number {
  const raw = readUvarint(bytes, cursor)
  return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2
}

/** Reads an unsigned varint; NaN where the bytes end first or the value is not exact in a number. */
export function readUvarint(bytes: Uint8Array, cursor: Cursor): number {
  const first = bytes[cursor.at]
  if (first !== undefined && first < 128) {
    cursor.at++
    return first
  }
  let value = 0
  let scale = 1
  for (let count = 0; count < 8; count++) {
    const byte = bytes[cursor.at]
    if (byte === undefined) return NaN
    cursor.at++
    value += (byte & 127) * scale
    if (byte < 128) return value <= Number.MAX_SAFE_INTEGER ? value : NaN
    scale *= 128
  }
  return NaN
}

function zigzag(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1
}
