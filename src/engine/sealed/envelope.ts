// Records under a named key: what Kinesis's server-side encryption with a KMS key is here. The whole batch, as it goes into the log, has its records encrypted
// under a key that is derived from the named one; its header stays readable, so that everything that lives by headers (offsets, times, replication, producers,
// recovery) works without the key. Everything on disk is sealed besides, under its topic's data key, which is shredded with the topic.
//
//   header 61, with the envelope bit | version u8 | key id 16 | salt 16 | counter u64 | encrypted: crc u32, records … | tag 16
//
// - The leader encloses a batch when it appends it and opens it when somebody reads: Kafka's clients, Kinesis's and REST's see the same plain records, and all of
//   them need the key to be usable. Followers, caches and files hold the enveloped batch, and never need the key.
// - The named key never encrypts anything itself: each writer (a log, as long as it is open) derives a key of its own by HKDF from a random salt, so that the
//   counter, which is the nonce, need never be stored and never meets another batch, whatever becomes of the log's end meanwhile.
// - The header, the key's id and where the batch lies are bound in: it opens nowhere else, nor with another header.
// - A key that is disabled or waits for its deletion opens nothing until it is enabled again; what one that is gone has enclosed is lost, and only that.
// - A batch says itself which key it is under: a topic whose key changes, or is taken away, keeps its older records as they are.
import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto'
import { crc32c } from '@node-rs/crc32'
import { Lru } from '../../base/lru.ts'
import { KeyRefusal, Refusal } from '../../ports.ts'
import { Batch, batchHeaderBytes, headerAt } from '../../wire/batch.ts'
import type { Random } from '../../world/world.ts'

/** A key as the catalog knows it at the moment. */
export interface NamedKey {
  readonly state: 'Enabled' | 'Disabled' | 'PendingDeletion'
  readonly key: KeyObject
}

export interface NamedKeys {
  /** By its id, a UUID; undefined where there is none (any more). Asked with each batch. */
  find(id: string): NamedKey | undefined
}

const version = 1
const idAt = batchHeaderBytes + 1
const saltAt = idAt + 16
const counterAt = saltAt + 16
const bodyAt = counterAt + 8
const keyBytes = 32
const nonceBytes = 12
const crcBytes = 4
const tagBytes = 16
/** What an envelope adds to a batch. */
export const envelopeBytes = bodyAt - batchHeaderBytes + crcBytes + tagBytes
/** Writers whose keys are kept: a log is mostly read where few of them have written. */
const readKeysMax = 64

interface Writer {
  readonly keyId: string
  readonly named: KeyObject
  readonly key: KeyObject
  /** The key's id and the salt, as they stand in each of its batches. */
  readonly id: Buffer
  readonly salt: Buffer
  counter: number
}

/** The envelopes of one log. */
export class Envelopes {
  readonly #keys: NamedKeys
  readonly #random: Random
  readonly #scope: string
  #writer: Writer | undefined
  #readKeys: Lru<string, KeyObject> | undefined

  /** `scope`: of which partition, the same on every replica. */
  constructor(options: { keys: NamedKeys; random: Random; scope: string }) {
    this.#keys = options.keys
    this.#random = options.random
    this.#scope = options.scope
  }

  /** Why nothing can be enclosed or opened with the key. */
  fault(keyId: string): Refusal | null {
    const named = this.#usable(keyId)
    return named instanceof Refusal ? named : null
  }

  /** The batch as it is stored; it has its offsets and times, and its CRC is right. The key must have been found usable. */
  enclose(batch: Batch, keyId: string): Batch {
    const writer = this.#writerFor(keyId)
    const plain = batch.bytes
    const bytes = Buffer.allocUnsafeSlow(plain.length + envelopeBytes)
    plain.copy(bytes, 0, 0, batchHeaderBytes)
    bytes.writeInt32BE(plain.readInt32BE(headerAt.length) + envelopeBytes, headerAt.length)
    bytes.writeInt16BE(plain.readInt16BE(headerAt.attributes) | headerAt.envelopeBit, headerAt.attributes)
    bytes[batchHeaderBytes] = version
    writer.id.copy(bytes, idAt)
    writer.salt.copy(bytes, saltAt)
    bytes.writeUInt32BE(Math.floor(writer.counter / 2 ** 32), counterAt)
    bytes.writeUInt32BE(writer.counter % 2 ** 32, counterAt + 4)
    writer.counter++
    const cipher = createCipheriv('aes-256-gcm', writer.key, nonceOf(bytes), { authTagLength: tagBytes })
    cipher.setAAD(boundOf(bytes))
    plain.copy(bytes, bodyAt, headerAt.crc, headerAt.crc + crcBytes)
    plain.copy(bytes, bodyAt + crcBytes, batchHeaderBytes)
    cipher.update(bytes.subarray(bodyAt, -tagBytes)).copy(bytes, bodyAt)
    cipher.final()
    cipher.getAuthTag().copy(bytes, bytes.length - tagBytes)
    bytes.writeUInt32BE(crc32c(bytes.subarray(headerAt.attributes)), headerAt.crc)
    return Batch.parse(bytes)
  }

  /** The batch as its producer sent it, with the id of its key; itself where it has no envelope. */
  open(batch: Batch): Batch | Refusal {
    if (!batch.isEnveloped) return batch
    const { bytes } = batch
    if (bytes[batchHeaderBytes] !== version || bytes.length < batchHeaderBytes + envelopeBytes) {
      return new Refusal('corrupt-message', `the envelope at offset ${batch.baseOffset} has version ${bytes[batchHeaderBytes]} and ${bytes.length} bytes; this program knows version ${version}`)
    }
    const keyId = uuidOf(bytes.subarray(idAt, saltAt))
    const named = this.#usable(keyId)
    if (named instanceof Refusal) return named
    const end = bytes.length - tagBytes
    const decipher = createDecipheriv('aes-256-gcm', this.#readKey(named.key, bytes.subarray(idAt, counterAt)), nonceOf(bytes), { authTagLength: tagBytes })
    decipher.setAAD(boundOf(bytes))
    decipher.setAuthTag(bytes.subarray(end))
    const plain = Buffer.allocUnsafeSlow(bytes.length - envelopeBytes)
    bytes.copy(plain, 0, 0, batchHeaderBytes)
    plain.writeInt32BE(bytes.readInt32BE(headerAt.length) - envelopeBytes, headerAt.length)
    plain.writeInt16BE(bytes.readInt16BE(headerAt.attributes) & ~headerAt.envelopeBit, headerAt.attributes)
    const body = decipher.update(bytes.subarray(bodyAt, end))
    body.copy(plain, headerAt.crc, 0, crcBytes)
    body.copy(plain, batchHeaderBytes, crcBytes)
    try {
      decipher.final()
    } catch {
      return new Refusal('corrupt-message', `the batch at offset ${batch.baseOffset} does not open with key ${keyId}: tampered with, or enclosed elsewhere`)
    }
    const opened = Batch.parse(plain)
    opened.keyId = keyId
    return opened
  }

  /** The batches opened, up to the first whose key cannot be used; the refusal where that is the first of all. */
  openAll(batches: Batch[]): Batch[] | Refusal {
    for (const [index, batch] of batches.entries()) {
      if (!batch.isEnveloped) continue
      const opened = this.open(batch)
      if (opened instanceof Refusal) return index === 0 ? opened : batches.slice(0, index)
      batches[index] = opened
    }
    return batches
  }

  #usable(keyId: string): NamedKey | Refusal {
    const named = this.#keys.find(keyId)
    if (named === undefined) return new KeyRefusal('key-not-found', keyId)
    if (named.state === 'Enabled') return named
    return new KeyRefusal(named.state === 'Disabled' ? 'key-disabled' : 'key-pending-deletion', keyId)
  }

  #writerFor(keyId: string): Writer {
    const { key: named } = this.#keys.find(keyId)!
    if (this.#writer?.keyId !== keyId || this.#writer.named !== named) {
      const salt = this.#random.bytes(16)
      const id = Buffer.from(keyId.replaceAll('-', ''), 'hex')
      this.#writer = { keyId, named, key: this.#derive(named, salt), id, salt, counter: 0 }
    }
    return this.#writer
  }

  #readKey(named: KeyObject, idAndSalt: Buffer): KeyObject {
    const name = idAndSalt.toString('latin1')
    const known = this.#readKeys?.get(name)
    if (known !== undefined) return known
    const key = this.#derive(named, idAndSalt.subarray(16))
    this.#readKeys ??= new Lru(readKeysMax)
    this.#readKeys.set(name, key)
    return key
  }

  #derive(named: KeyObject, salt: Buffer): KeyObject {
    const bytes = Buffer.from(hkdfSync('sha256', named, salt, `records-v1|${this.#scope}`, keyBytes))
    const key = createSecretKey(bytes)
    bytes.fill(0)
    return key
  }
}

function nonceOf(bytes: Buffer): Buffer {
  const nonce = Buffer.alloc(nonceBytes)
  bytes.copy(nonce, nonceBytes - 8, counterAt, bodyAt)
  return nonce
}

/** Everything before the encrypted part but the CRC, which is made last. */
function boundOf(bytes: Buffer): Buffer {
  const bound = Buffer.from(bytes.subarray(0, bodyAt))
  bound.fill(0, headerAt.crc, headerAt.crc + crcBytes)
  return bound
}

function uuidOf(id: Buffer): string {
  const hex = id.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
