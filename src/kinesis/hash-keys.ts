// Hash keys: the 128-bit numbers that partition keys come to, and that shards share out among them.
import { hash } from 'node:crypto'

export const hashKeyMax = 2n ** 128n - 1n
const hashKeyCount = 2n ** 128n

export interface HashKeyRange {
  readonly start: bigint
  /** Inclusive. */
  readonly end: bigint
}

/** N equal ranges of floor(2^128 / N); the last takes the remainder. */
export function uniformRange(index: number, count: number): HashKeyRange {
  const width = hashKeyCount / BigInt(count)
  const start = BigInt(index) * width
  return { start, end: index === count - 1 ? hashKeyMax : start + width - 1n }
}

/** Big-endian MD5 of the partition key's UTF-8 bytes, as 32 hex digits. */
export function hashDigitsOf(partitionKey: string): string {
  return hash('md5', partitionKey, 'hex')
}

export function hashKeyOf(partitionKey: string): bigint {
  return BigInt(`0x${hashDigitsOf(partitionKey)}`)
}

/** An ExplicitHashKey that matched its pattern; undefined where it lies outside [0, 2^128-1]. */
export function parseHashKey(text: string): bigint | undefined {
  const value = BigInt(text)
  return value <= hashKeyMax ? value : undefined
}
