// The key-encryption key at the top of the hierarchy, from a file of 32 bytes or from a passphrase. It wraps the topics' data keys and
// proves by a check value, kept beside them, that it is the right one.
import { createCipheriv, createDecipheriv, createHmac, createSecretKey, type KeyObject, scryptSync, timingSafeEqual } from 'node:crypto'
import { WrongKey } from './errors.ts'

export const keyBytes = 32
const nonceBytes = 12
const tagBytes = 16
const checkBytes = 16

/** Where the key comes from. The passphrase's parameters and salt are stored beside what it protects. */
export type KeySource =
  | { readonly type: 'file'; readonly key: Buffer }
  | { readonly type: 'passphrase'; readonly passphrase: string; readonly cost?: number }

/** How to come to the key again, as the keyring stores it. */
export type Derivation =
  | { readonly type: 'file' }
  | { readonly type: 'scrypt'; readonly cost: number; readonly salt: Buffer }

// N = 2^17 with r = 8 takes 128 MiB and about a third of a second.
const scryptCost = 2 ** 17
const scryptBlockSize = 8
const scryptCostMax = 2 ** 20

/** A fresh derivation for a source that nothing is stored for yet. */
export function newDerivation(source: KeySource, randomBytes: (count: number) => Buffer): Derivation {
  return source.type === 'file' ? { type: 'file' } : { type: 'scrypt', cost: source.cost ?? scryptCost, salt: randomBytes(keyBytes) }
}

/** The key; WrongKey where the source is not of the kind that was used. */
export function deriveKek(source: KeySource, derivation: Derivation): Kek {
  if (source.type === 'file') {
    if (derivation.type !== 'file') throw new WrongKey('the keyring is protected by a passphrase, and a key file was given')
    if (source.key.length !== keyBytes) throw new WrongKey(`the key file has ${source.key.length} bytes; a key has ${keyBytes}`)
    return new Kek(createSecretKey(source.key))
  }
  if (derivation.type !== 'scrypt') throw new WrongKey('the keyring is protected by a key file, and a passphrase was given')
  const { cost, salt } = derivation
  if (cost > scryptCostMax) throw new WrongKey(`scrypt cost ${cost} is above ${scryptCostMax}`)
  const bytes = scryptSync(source.passphrase, salt, keyBytes, { N: cost, r: scryptBlockSize, p: 1, maxmem: 256 * cost * scryptBlockSize })
  const kek = new Kek(createSecretKey(bytes))
  bytes.fill(0)
  return kek
}

export class Kek {
  readonly #key: KeyObject

  constructor(key: KeyObject) {
    this.#key = key
  }

  /** Tells this key from any other without telling anything about it. */
  checkValue(): Buffer {
    return this.mac(Buffer.from('sluice key check')).subarray(0, checkBytes)
  }

  /** HMAC-SHA256 of `bytes`, for what must be found unchanged. */
  mac(bytes: Buffer): Buffer {
    return createHmac('sha256', this.#key).update(bytes).digest()
  }

  macIsValid(bytes: Buffer, mac: Buffer): boolean {
    const expected = this.mac(bytes)
    return expected.length === mac.length && timingSafeEqual(expected, mac)
  }

  /** `plain` under this key, bound to `context`. A fresh random nonce each time: wrapping is rare. */
  wrap(plain: Buffer, context: string, randomBytes: (count: number) => Buffer): Buffer {
    const nonce = randomBytes(nonceBytes)
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce, { authTagLength: tagBytes })
    cipher.setAAD(Buffer.from(context))
    return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
  }

  /** What was wrapped; WrongKey where the key or the context is another. */
  unwrap(wrapped: Buffer, context: string): Buffer {
    if (wrapped.length < nonceBytes + tagBytes) throw new WrongKey(`a wrapped key of ${wrapped.length} bytes`)
    const decipher = createDecipheriv('aes-256-gcm', this.#key, wrapped.subarray(0, nonceBytes), { authTagLength: tagBytes })
    decipher.setAAD(Buffer.from(context))
    decipher.setAuthTag(wrapped.subarray(-tagBytes))
    try {
      return Buffer.concat([decipher.update(wrapped.subarray(nonceBytes, -tagBytes)), decipher.final()])
    } catch (cause) {
      throw new WrongKey(`the data key for ${context} was not wrapped by this key`, { cause })
    }
  }
}
