// One writer session: an AES-256-GCM key of its own, derived from the topic's data key and a random salt, with a counter as nonce. A session
// never outlives the process that began it, so the counter is never stored and cannot go back; no nonce ever comes from an offset.
import { createCipheriv, createDecipheriv, createHash, createHmac, createSecretKey, hkdfSync, type KeyObject, timingSafeEqual } from 'node:crypto'
import { assert } from '../../base/assert.ts'
import { WrongKey } from './errors.ts'
import { authenticatedHeader, decodeHeader, frameHeaderBytes, frameTypes, tagBytes } from './frame.ts'

export const saltBytes = 32
const keyBytes = 32
const nonceBytes = 12
const framesMax = 2 ** 32
const sessionBytesMax = 64 * 2 ** 30

/** One replica of one partition: what its files are bound to. */
export interface LogIdentity {
  readonly clusterId: string
  readonly topicId: string
  readonly partition: number
  readonly broker: number
}

/** What every key and every frame of a segment is bound to, so that nothing sealed can be moved elsewhere. */
export function scopeOf(identity: LogIdentity, segmentId: Buffer): string {
  return `${identity.clusterId}|${identity.topicId}|${identity.partition}|${identity.broker}|${segmentId.toString('hex')}`
}

export class Session {
  readonly #key: KeyObject
  readonly #macKey: KeyObject
  readonly #scopeDigest: Buffer
  readonly salt: Buffer
  /** The sequence number whose counter is 0. */
  readonly firstSeq: number
  #bytesSealed = 0

  constructor(options: { dataKey: KeyObject; salt: Buffer; scope: string; firstSeq: number }) {
    const { dataKey, salt, scope } = options
    // The first half encrypts, the second signs what is not secret.
    const bytes = Buffer.from(hkdfSync('sha256', dataKey, salt, `seg-v1|${scope}`, 2 * keyBytes))
    this.#key = createSecretKey(bytes.subarray(0, keyBytes))
    this.#macKey = createSecretKey(bytes.subarray(keyBytes))
    bytes.fill(0)
    this.#scopeDigest = createHash('sha256').update(scope).digest()
    this.salt = salt
    this.firstSeq = options.firstSeq
  }

  /** Whether the session still has room for a frame of `bytes`; a new one is due where not. */
  hasRoom(seq: number, bytes: number): boolean {
    return seq - this.firstSeq < framesMax && this.#bytesSealed + bytes <= sessionBytesMax
  }

  /** Encrypts the parts of one frame; the header (CRC still zero) and the tag before it are bound in. One buffer per part, then the tag. */
  seal(header: Buffer, parts: readonly Buffer[], previousTag: Buffer): { body: Buffer[]; tag: Buffer } {
    const { seq, length } = decodeHeader(header, 0)
    assert(this.hasRoom(seq, length), `session from frame ${this.firstSeq} has no room for frame ${seq}`)
    this.#bytesSealed += length
    const cipher = createCipheriv('aes-256-gcm', this.#key, this.#nonce(seq), { authTagLength: tagBytes })
    cipher.setAAD(header)
    cipher.setAAD(this.#scopeDigest)
    cipher.setAAD(previousTag)
    const body = parts.map(part => cipher.update(part))
    cipher.final()
    return { body, tag: cipher.getAuthTag() }
  }

  /** Decrypts a whole frame whose CRC is known to be right; WrongKey where the tag is not. */
  open(frame: Buffer, previousTag: Buffer): Buffer {
    const { seq } = decodeHeader(frame, 0)
    const end = frame.length - tagBytes
    const decipher = createDecipheriv('aes-256-gcm', this.#key, this.#nonce(seq), { authTagLength: tagBytes })
    decipher.setAAD(Buffer.concat([authenticatedHeader(frame), this.#scopeDigest, previousTag]))
    decipher.setAuthTag(frame.subarray(end))
    const plain = decipher.update(frame.subarray(frameHeaderBytes, end))
    try {
      decipher.final()
    } catch (cause) {
      throw new WrongKey(`frame ${seq} is intact but does not open: tampered with, or sealed under another key`, { cause })
    }
    return plain
  }

  /** A tag over parts that are not secret: the segment's header block, or the frame that begins a session. */
  mac(parts: readonly Buffer[]): Buffer {
    const hmac = createHmac('sha256', this.#macKey).update(this.#scopeDigest)
    for (const part of parts) hmac.update(part)
    return hmac.digest()
  }

  macIsValid(parts: readonly Buffer[], mac: Buffer): boolean {
    return timingSafeEqual(this.mac(parts).subarray(0, mac.length), mac)
  }

  #nonce(seq: number): Buffer {
    const counter = seq - this.firstSeq
    assert(counter >= 0 && counter < framesMax, `frame ${seq} is not of the session from frame ${this.firstSeq}`)
    const nonce = Buffer.alloc(nonceBytes)
    nonce.writeUInt32BE(frameTypes.data, 0)
    nonce.writeUInt32BE(counter, 8)
    return nonce
  }
}
