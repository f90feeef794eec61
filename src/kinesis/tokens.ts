// The opaque tokens handed to clients: shard iterators and page tokens. Each is sealed (AES-256-GCM) and bound to its purpose, so that it can neither
// be read nor made nor changed outside. The envelope is AWS's: base64 of eight bytes 00…01, then 144 to 272 bytes whose count follows the stream's name.
import { createCipheriv, createDecipheriv, createHmac, hash, hkdfSync } from 'node:crypto'
import type { Principal } from '../ports.ts'
import type { Random } from '../world/world.ts'

/** Good for so long after it was made; AWS's five minutes. */
export const tokenLifetimeMs = 300_000

/** A place in one shard of one incarnation of a stream, for one principal. */
export interface ShardPosition {
  readonly stream: string
  /** The topic's id: a stream that is made again under its name does not take iterators of the old one. */
  readonly topicId: string
  readonly shardIndex: number
  /** The next offset to read. */
  readonly offset: number
}

export interface Issued<T> {
  readonly value: T
  readonly issuedAtMs: number
}

export type PagePurpose = 'list-channels' | 'list-shards' | 'list-stream-consumers' | 'list-streams'
type Purpose = 'shard-iterator' | PagePurpose

const prefix = Buffer.from('0000000000000001', 'hex')
// Half of it picks the key of this one token, half is AES-GCM's own nonce: 192 random bits never meet again, however long a secret is in use.
const nonceBytes = 24
const keyNonceBytes = 12
const tagBytes = 16
const iteratorBytesMin = 152
const iteratorBytesMax = 280
const pageTokenBytesMax = 2_048
const keyBytes = 32
const keyPurpose = 'sluice kinesis tokens'

export class Tokens {
  readonly #key: Buffer
  readonly #random: Random

  /** A secret that outlives the process lets tokens live through a restart; without one they end with the process. */
  constructor(random: Random, secret: string | Buffer = random.bytes(keyBytes)) {
    this.#random = random
    this.#key = Buffer.from(hkdfSync('sha256', secret, '', keyPurpose, keyBytes))
  }

  issueIterator(position: ShardPosition, principal: Principal, nowMs: number): string {
    const name = Buffer.from(position.stream)
    const bytes = Buffer.alloc(iteratorBytes(name.length) - prefix.length - nonceBytes - tagBytes)
    bytes.writeDoubleBE(nowMs, 0)
    bytes.writeDoubleBE(position.offset, 8)
    bytes.writeInt32BE(position.shardIndex, 16)
    bytes.write(position.topicId.replaceAll('-', ''), 20, 'hex')
    bytes.writeUInt8(name.length, 36)
    name.copy(bytes, 37)
    return this.#seal('shard-iterator', principal, bytes)
  }

  /** Undefined for anything that is not an iterator made here for this principal. Age is the caller's to judge. */
  openIterator(token: string, principal: Principal): Issued<ShardPosition> | undefined {
    const bytes = this.#open('shard-iterator', principal, token, iteratorBytesMin, iteratorBytesMax)
    if (bytes === undefined) return undefined
    const id = bytes.toString('hex', 20, 36)
    const position = {
      offset: bytes.readDoubleBE(8),
      shardIndex: bytes.readInt32BE(16),
      topicId: [id.slice(0, 8), id.slice(8, 12), id.slice(12, 16), id.slice(16, 20), id.slice(20)].join('-'),
      stream: bytes.toString('utf8', 37, 37 + bytes.readUInt8(36)),
    }
    return { value: position, issuedAtMs: bytes.readDoubleBE(0) }
  }

  issuePage(purpose: PagePurpose, value: object, principal: Principal, nowMs: number): string {
    return this.#seal(purpose, principal, Buffer.from(JSON.stringify({ value, issuedAtMs: nowMs })))
  }

  openPage(purpose: PagePurpose, token: string, principal: Principal): Issued<unknown> | undefined {
    const bytes = this.#open(purpose, principal, token, prefix.length + nonceBytes + tagBytes, pageTokenBytesMax)
    return bytes && JSON.parse(bytes.toString()) as Issued<unknown>
  }

  #seal(purpose: Purpose, principal: Principal, bytes: Buffer): string {
    const nonce = this.#random.bytes(nonceBytes)
    const cipher = createCipheriv('aes-256-gcm', this.#keyOf(nonce), nonce.subarray(keyNonceBytes)).setAAD(boundTo(purpose, principal))
    const sealed = cipher.update(bytes)
    cipher.final()
    return Buffer.concat([prefix, nonce, sealed, cipher.getAuthTag()]).toString('base64')
  }

  #open(purpose: Purpose, principal: Principal, token: string, bytesMin: number, bytesMax: number): Buffer | undefined {
    if (token.length > bytesMax * 2) return undefined
    const bytes = Buffer.from(token, 'base64')
    if (bytes.length < bytesMin || bytes.length > bytesMax || bytes.toString('base64') !== token) return undefined
    if (!bytes.subarray(0, prefix.length).equals(prefix)) return undefined
    const nonce = bytes.subarray(prefix.length, prefix.length + nonceBytes)
    const opener = createDecipheriv('aes-256-gcm', this.#keyOf(nonce), nonce.subarray(keyNonceBytes))
    opener.setAAD(boundTo(purpose, principal)).setAuthTag(bytes.subarray(-tagBytes))
    const opened = opener.update(bytes.subarray(prefix.length + nonceBytes, -tagBytes))
    try {
      opener.final()
    } catch {
      return undefined
    }
    return opened
  }

  #keyOf(nonce: Buffer): Buffer {
    return createHmac('sha256', this.#key).update(nonce.subarray(0, keyNonceBytes)).digest()
  }
}

/** How many bytes AWS's iterators have for a stream's name of so many. */
function iteratorBytes(nameBytes: number): number {
  return iteratorBytesMin + Math.floor((nameBytes + 14) / 16) * 16
}

function boundTo(purpose: Purpose, principal: Principal): Buffer {
  return hash('sha256', `${purpose}\0${principal.type}\0${principal.name}`, 'buffer')
}
