// Which partition a record goes to, as Kafka's default partitioner has it: murmur2 of the key's bytes, and for records without a key one partition per request,
// the next at the next request (the sticky partitioner of KIP-480: few large batches rather than many small ones).
import { Lru } from '../../base/lru.ts'

const stickyTopicsMax = 10_000

export class Partitioner {
  readonly #next = new Lru<string, number>(stickyTopicsMax)

  /** The partition for this request's records without a key. */
  sticky(topic: string, partitions: number): number {
    const next = this.#next.get(topic) ?? 0
    this.#next.set(topic, (next + 1) % 2 ** 31)
    return next % partitions
  }
}

/** The partition of a key, in a topic of `partitions`: the same for the same bytes in every Kafka client that follows the Java one. */
export function partitionOfKey(key: Buffer, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions
}

/** MurmurHash2, 32 bits, seed 0x9747b28c: as a signed number, as Kafka's Utils.murmur2. */
export function murmur2(bytes: Buffer): number {
  const m = 0x5bd1e995
  const { length } = bytes
  let hash = 0x9747b28c ^ length
  const whole = length & ~3
  for (let at = 0; at < whole; at += 4) {
    let word = Math.imul(bytes.readInt32LE(at), m)
    word ^= word >>> 24
    hash = Math.imul(hash, m) ^ Math.imul(word, m)
  }
  const rest = length - whole
  if (rest === 3) hash ^= bytes[whole + 2]! << 16
  if (rest >= 2) hash ^= bytes[whole + 1]! << 8
  if (rest >= 1) hash = Math.imul(hash ^ bytes[whole]!, m)
  hash = Math.imul(hash ^ (hash >>> 13), m)
  return hash ^ (hash >>> 15)
}
