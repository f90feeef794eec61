// The data keys of all topics, wrapped by the key-encryption key, in one small file. A wrong key is known at once, by the check value,
// and is never mistaken for damage; shredding a topic's keys, in every generation of the file, makes its logs unreadable for good.
import { createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto'
import type { World } from '../../world/world.ts'
import { Damaged, WrongKey } from './errors.ts'
import { GenerationFile } from './generation-file.ts'
import { deriveKek, type Derivation, type Kek, keyBytes, type KeySource, newDerivation } from './kek.ts'

/** A topic's data key and the number that names it in the headers of what it seals. */
export interface DataKey {
  readonly id: number
  readonly key: KeyObject
}

/** What a log asks of the keyring. */
export interface DataKeys {
  /** The key new segments are sealed with; made on first use, durable before it is given out. */
  current(topicId: string): Promise<DataKey>
  /** A key by its number; undefined where there is none (any more). */
  find(topicId: string, id: number): KeyObject | undefined
}

interface StoredKey {
  readonly id: number
  /** Base64. */
  readonly wrapped: string
}

interface Stored {
  readonly version: 1
  readonly derivation: { readonly type: 'file' } | { readonly type: 'scrypt'; readonly cost: number; readonly salt: string }
  readonly check: string
  /** By topic id, oldest key first. */
  readonly topics: Readonly<Record<string, readonly StoredKey[]>>
}

export interface KeyringOptions {
  readonly world: World
  /** An existing directory. */
  readonly directory: string
  readonly source: KeySource
}

const fileName = 'keyring'
const macBytes = 32

export class Keyring implements DataKeys {
  readonly #world: World
  readonly #file: GenerationFile
  readonly #topics = new Map<string, StoredKey[]>()
  readonly #keys = new Map<string, KeyObject>()
  readonly #making = new Map<string, Promise<DataKey>>()
  #derivation: Derivation
  #kek: Kek

  private constructor(world: World, file: GenerationFile, derivation: Derivation, kek: Kek) {
    this.#world = world
    this.#file = file
    this.#derivation = derivation
    this.#kek = kek
  }

  /** Opens the keyring in `directory`, or makes a new one where there is none. WrongKey for another key, Damaged for a file that is not intact. */
  static async open({ world, directory, source }: KeyringOptions): Promise<Keyring> {
    const { file, found } = await GenerationFile.open(world.disk, directory, fileName)
    if (!found) {
      const derivation = newDerivation(source, count => world.random.bytes(count))
      const keyring = new Keyring(world, file, derivation, deriveKek(source, derivation))
      await keyring.#save()
      return keyring
    }
    const body = found.payload.subarray(0, -macBytes)
    const stored = JSON.parse(body.toString()) as Stored
    const derivation = decodeDerivation(stored.derivation)
    const kek = deriveKek(source, derivation)
    const check = Buffer.from(stored.check, 'base64')
    const expected = kek.checkValue()
    if (check.length !== expected.length || !timingSafeEqual(check, expected)) throw new WrongKey(`${directory}/${fileName} was made under another key`)
    if (!kek.macIsValid(body, found.payload.subarray(-macBytes))) throw new Damaged(`${directory}/${fileName} generation ${found.generation} was altered`)
    const keyring = new Keyring(world, file, derivation, kek)
    for (const [topicId, keys] of Object.entries(stored.topics)) keyring.#topics.set(topicId, [...keys])
    return keyring
  }

  async current(topicId: string): Promise<DataKey> {
    const making = this.#making.get(topicId)
    if (making) return making
    const newest = this.#topics.get(topicId)?.at(-1)
    if (!newest) return this.rotate(topicId)
    return { id: newest.id, key: this.#unwrap(topicId, newest) }
  }

  find(topicId: string, id: number): KeyObject | undefined {
    const stored = this.#topics.get(topicId)?.find(key => key.id === id)
    return stored && this.#unwrap(topicId, stored)
  }

  /** Gives the topic a new data key: segments that begin from now on are sealed with it, older ones stay readable. */
  async rotate(topicId: string): Promise<DataKey> {
    const made = this.#make(topicId)
    this.#making.set(topicId, made)
    try {
      return await made
    } finally {
      if (this.#making.get(topicId) === made) this.#making.delete(topicId)
    }
  }

  /** Forgets the topic's keys in every generation of the file; what they sealed is unreadable from then on. Durable when it resolves. */
  async shred(topicId: string): Promise<void> {
    const keys = this.#topics.get(topicId)
    if (!keys) return
    for (const { id } of keys) this.#keys.delete(keyName(topicId, id))
    this.#topics.delete(topicId)
    try {
      await this.#save({ keepPrevious: false })
    } catch (error) {
      // The file still has them: whoever tries again must not find nothing to do.
      this.#topics.set(topicId, keys)
      throw error
    }
  }

  /** Puts every data key under another key-encryption key; the old one opens nothing any more. Durable when it resolves. */
  async rewrap(source: KeySource): Promise<void> {
    const derivation = newDerivation(source, count => this.#world.random.bytes(count))
    const kek = deriveKek(source, derivation)
    const topics = [...this.#topics].map(([topicId, keys]) => {
      const rewrapped = keys.map(stored => {
        const context = keyName(topicId, stored.id)
        const plain = this.#kek.unwrap(Buffer.from(stored.wrapped, 'base64'), context)
        const wrapped = kek.wrap(plain, context, count => this.#world.random.bytes(count)).toString('base64')
        plain.fill(0)
        return { id: stored.id, wrapped }
      })
      return [topicId, rewrapped] as const
    })
    this.#kek = kek
    this.#derivation = derivation
    for (const [topicId, keys] of topics) this.#topics.set(topicId, keys)
    await this.#save({ keepPrevious: false })
  }

  async #make(topicId: string): Promise<DataKey> {
    const keys = this.#topics.get(topicId) ?? []
    const id = (keys.at(-1)?.id ?? 0) + 1
    const plain = this.#world.random.bytes(keyBytes)
    const stored = { id, wrapped: this.#kek.wrap(plain, keyName(topicId, id), count => this.#world.random.bytes(count)).toString('base64') }
    this.#topics.set(topicId, [...keys, stored])
    const key = createSecretKey(plain)
    plain.fill(0)
    try {
      await this.#save()
    } catch (error) {
      // Nothing may be sealed with a key that a restart would not know.
      this.#topics.set(topicId, keys)
      throw error
    }
    this.#keys.set(keyName(topicId, id), key)
    return { id, key }
  }

  #unwrap(topicId: string, stored: StoredKey): KeyObject {
    const name = keyName(topicId, stored.id)
    const cached = this.#keys.get(name)
    if (cached) return cached
    const plain = this.#kek.unwrap(Buffer.from(stored.wrapped, 'base64'), name)
    const key = createSecretKey(plain)
    plain.fill(0)
    this.#keys.set(name, key)
    return key
  }

  #save(how?: { readonly keepPrevious: boolean }): Promise<void> {
    return this.#file.write(() => this.#encode(), how)
  }

  #encode(): Buffer {
    const stored: Stored = {
      version: 1,
      derivation: encodeDerivation(this.#derivation),
      check: this.#kek.checkValue().toString('base64'),
      topics: Object.fromEntries(this.#topics),
    }
    const body = Buffer.from(JSON.stringify(stored))
    return Buffer.concat([body, this.#kek.mac(body)])
  }
}

function keyName(topicId: string, id: number): string {
  return `${topicId}/${id}`
}

function encodeDerivation(derivation: Derivation): Stored['derivation'] {
  return derivation.type === 'file' ? derivation : { ...derivation, salt: derivation.salt.toString('base64') }
}

function decodeDerivation(stored: Stored['derivation']): Derivation {
  return stored.type === 'file' ? stored : { ...stored, salt: Buffer.from(stored.salt, 'base64') }
}
