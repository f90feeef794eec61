// The local keyring under KMS's names: keys that streams are encrypted under, their aliases and ARNs, and what may be done to them. A key is a document of kind
// 'kms-key' in the catalog, an alias one of kind 'kms-alias' that says whose it is; the catalog is sealed as every log is, so a key's bytes lie nowhere in the clear,
// and no answer shows them. What a key does to records, and what its state means to them, is the engine's matter (engine/sealed/envelope.ts).
//
//   Enabled ⇄ Disabled; either → PendingDeletion → (cancelled) Disabled, or gone for good when its days are over, and with it whatever only it opens
import { z } from 'zod'
import { type Document, type Documents, type NamedKeyDocument, Refusal } from '../ports.ts'
import type { Clock, Logger, Random, Timer } from '../world/world.ts'

export interface KmsKey {
  /** A UUID. */
  readonly id: string
  readonly description: string
  readonly state: NamedKeyDocument['state']
  readonly createdAtMs: number
  /** When it goes for good; only of one that is PendingDeletion. */
  readonly deletionAtMs: number | undefined
  /** Kinesis's own, which is always there: nobody disables or deletes it. */
  readonly isManaged: boolean
  /** 'alias/orders', sorted. */
  readonly aliases: readonly string[]
}

/** A name that leads to no key: as KMS tells it. */
export interface NoSuchKey {
  readonly fault: 'not-found' | 'of-another-account'
  readonly message: string
}

export interface KmsPlace {
  readonly region: string
  readonly account: string
}

export interface KmsKeysOptions extends KmsPlace {
  readonly documents: Documents
  readonly clock: Clock
  readonly random: Random
}

/** Under this name every account has a key, made when it is first asked for. */
export const kinesisAlias = 'alias/aws/kinesis'
export const deletionDaysMin = 7
export const deletionDaysMax = 30

const keyBytes = 32
const descriptionCharactersMax = 8_192
const aliasCharactersMax = 256
const dayMs = 86_400_000
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const aliasPattern = /^alias\/[a-zA-Z0-9/_-]+$/

const storedKey = z.object({
  state: z.enum(['Enabled', 'Disabled', 'PendingDeletion']),
  material: z.string(),
  description: z.string().default(''),
  createdAtMs: z.number().default(0),
  deletionAtMs: z.number().optional(),
  isManaged: z.boolean().default(false),
})
const storedAlias = z.object({ keyId: z.string() })
type StoredKey = z.infer<typeof storedKey>

export class KmsKeys {
  readonly #options: KmsKeysOptions

  constructor(options: KmsKeysOptions) {
    this.#options = options
  }

  arnOf(id: string): string {
    return keyArnOf(id, this.#options)
  }

  // --------------------------------------------------------------------------------------------------------- looking

  /** By id. */
  all(): KmsKey[] {
    return this.#options.documents.all('kms-key').map(document => this.#shown(document))
  }

  /** By id alone. */
  get(id: string): KmsKey | undefined {
    const document = this.#options.documents.find('kms-key', id)
    return document && this.#shown(document)
  }

  /** The key that an id, an alias, or the ARN of either names. */
  find(name: string): KmsKey | NoSuchKey {
    const local = this.#localName(name)
    if (typeof local !== 'string') return local
    if (local.startsWith('alias/')) return this.#byAlias(local) ?? { fault: 'not-found', message: `Alias ${this.#arn(local)} is not found.` }
    return this.get(local) ?? { fault: 'not-found', message: `Key '${this.arnOf(local)}' does not exist` }
  }

  /** The same, but that Kinesis's own key is made where it is asked for first. */
  async resolve(name: string): Promise<KmsKey | NoSuchKey | Refusal> {
    const found = this.find(name)
    if (!('fault' in found) || this.#localName(name) !== kinesisAlias) return found
    const made = await this.create({ description: 'Protects the records of Kinesis streams that no other key was named for', alias: kinesisAlias, isManaged: true })
    return made instanceof Refusal && made.code === 'duplicate-resource' ? this.find(name) : made
  }

  /** The id or alias in what may be an ARN. */
  #localName(name: string): string | NoSuchKey {
    const [arn, partition, service, region, account, resource] = splitArn(name)
    if (arn === 'arn') {
      if (!partition!.startsWith('aws') || service !== 'kms' || resource === undefined) return { fault: 'not-found', message: `Invalid arn ${name}` }
      if (region !== this.#options.region) return { fault: 'not-found', message: `Invalid arn ${region}` }
      if (account !== this.#options.account) {
        return {
          fault: 'of-another-account',
          message: 'because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access',
        }
      }
      const id = /^key\/(.*)$/.exec(resource)?.[1]
      return id === undefined ? this.#checked(resource, name) : uuid.test(id) ? id : { fault: 'not-found', message: `Key '${name}' does not exist` }
    }
    return this.#checked(name, name)
  }

  #checked(local: string, given: string): string | NoSuchKey {
    return uuid.test(local) || aliasPattern.test(local) ? local : { fault: 'not-found', message: `Invalid keyId '${given}'` }
  }

  #byAlias(alias: string): KmsKey | undefined {
    const document = this.#options.documents.find('kms-alias', alias)
    return document && this.get(storedAlias.parse(JSON.parse(document.value)).keyId)
  }

  // ---------------------------------------------------------------------------------------------------------- changing

  /** Durable when it resolves. 'duplicate-resource' where the alias is another key's. */
  async create({ description = '', alias, isManaged = false }: { description?: string; alias?: string; isManaged?: boolean }): Promise<KmsKey | Refusal> {
    const { documents, clock, random } = this.#options
    if (description.length > descriptionCharactersMax) {
      return new Refusal('invalid-request', `the description has ${description.length} characters; at most ${descriptionCharactersMax} are kept`)
    }
    const fault = alias === undefined || isManaged ? null : aliasFault(alias)
    if (fault !== null) return fault
    const id = random.uuid()
    const material = random.bytes(keyBytes)
    const value: StoredKey = { state: 'Enabled', material: material.toString('base64'), description, createdAtMs: clock.now(), isManaged }
    material.fill(0)
    const put = await documents.put({ kind: 'kms-key', key: id, value: JSON.stringify(value), topicId: null }, 0)
    if (put instanceof Refusal) return put
    const named = alias === undefined ? null : await this.#claim(alias, id)
    if (named instanceof Refusal) {
      await documents.remove('kms-key', id, put.version)
      return named
    }
    return this.#shown(put)
  }

  /** Gives the key this alias, which may be no other key's. */
  async addAlias(id: string, alias: string): Promise<KmsKey | Refusal> {
    const fault = aliasFault(alias)
    if (fault !== null) return fault
    const key = this.get(id)
    if (key === undefined) return noKey(id)
    if (key.state === 'PendingDeletion') return pendingDeletion(key)
    if (key.aliases.includes(alias)) return key
    return await this.#claim(alias, id) ?? this.get(id) ?? noKey(id)
  }

  async removeAlias(id: string, alias: string): Promise<KmsKey | Refusal> {
    const { documents } = this.#options
    if (alias === kinesisAlias) return new Refusal('invalid-request', `${kinesisAlias} is Kinesis's own and stays`)
    const document = documents.find('kms-alias', alias)
    if (document === undefined || storedAlias.parse(JSON.parse(document.value)).keyId !== id) return new Refusal('resource-not-found', `key ${id} has no alias '${alias}'`)
    return await documents.remove('kms-alias', alias, document.version) ?? this.get(id) ?? noKey(id)
  }

  /** Whoever reads or writes what is under it goes on. */
  enable(id: string): Promise<KmsKey | Refusal> {
    return this.#change(id, key => (key.state === 'PendingDeletion' ? pendingDeletion({ id }) : { ...key, state: 'Enabled' }))
  }

  /** Nothing is written under it or read of what is, until it is enabled again. */
  disable(id: string): Promise<KmsKey | Refusal> {
    return this.#change(id, key => (key.state === 'PendingDeletion' ? pendingDeletion({ id }) : { ...key, state: 'Disabled' }))
  }

  /** In so many days it is gone for good; until then as if disabled, and it can be cancelled. */
  scheduleDeletion(id: string, days = deletionDaysMax): Promise<KmsKey | Refusal> {
    if (!Number.isInteger(days) || days < deletionDaysMin || days > deletionDaysMax) {
      return Promise.resolve(new Refusal('invalid-request', `a key waits ${deletionDaysMin} to ${deletionDaysMax} whole days for its deletion, not ${days}`))
    }
    const deletionAtMs = this.#options.clock.now() + days * dayMs
    return this.#change(id, key => (key.state === 'PendingDeletion' ? pendingDeletion({ id }) : { ...key, state: 'PendingDeletion', deletionAtMs }))
  }

  /** It is there again, disabled. */
  cancelDeletion(id: string): Promise<KmsKey | Refusal> {
    return this.#change(id, key => (
      key.state === 'PendingDeletion' ? { ...key, state: 'Disabled', deletionAtMs: undefined } : new Refusal('invalid-request', `key ${id} is not pending deletion`)
    ))
  }

  /** Destroys the keys whose days are over, with their aliases: gives their ids. */
  async destroyDue(): Promise<string[]> {
    const { documents, clock } = this.#options
    const gone: string[] = []
    for (const { id, deletionAtMs, aliases } of this.all()) {
      if (deletionAtMs === undefined || deletionAtMs > clock.now()) continue
      for (const alias of aliases) await documents.remove('kms-alias', alias, documents.find('kms-alias', alias)?.version ?? 0)
      const document = documents.find('kms-key', id)
      // Cancelled at the last moment, or gone already, where it is not the one that was looked at.
      if (document !== undefined && this.#shown(document).deletionAtMs === deletionAtMs && await documents.remove('kms-key', id, document.version) === null) gone.push(id)
    }
    return gone
  }

  /** Destroys keys when their days are over, until disposed of. */
  watch({ logger }: { logger: Logger }): Disposable {
    const { clock } = this.#options
    let timer: Timer | undefined
    let isOver = false
    const look = async (): Promise<void> => {
      try {
        for (const id of await this.destroyDue()) logger.warn({ keyId: id }, 'a key was destroyed: its days of waiting are over')
      } catch (error) {
        logger.error({ error: String(error) }, 'keys whose days of waiting are over could not be destroyed; that is tried again')
      }
      if (!isOver) timer = clock.after(watchMs, () => void look())
    }
    void look()
    return { [Symbol.dispose]: () => { isOver = true; timer?.cancel() } }
  }

  async #claim(alias: string, keyId: string): Promise<null | Refusal> {
    const put = await this.#options.documents.put({ kind: 'kms-alias', key: alias, value: JSON.stringify({ keyId }), topicId: null }, 0)
    if (!(put instanceof Refusal)) return null
    return put.code === 'version-conflict' ? new Refusal('duplicate-resource', `'${alias}' is another key's alias`) : put
  }

  async #change(id: string, change: (key: StoredKey) => StoredKey | Refusal): Promise<KmsKey | Refusal> {
    const { documents } = this.#options
    for (;;) {
      const document = documents.find('kms-key', id)
      if (document === undefined) return noKey(id)
      const before = storedKey.parse(JSON.parse(document.value))
      if (before.isManaged) return new Refusal('invalid-request', `key ${id} is Kinesis's own (${kinesisAlias}): it is neither disabled nor deleted`)
      const after = change(before)
      if (after instanceof Refusal) return after
      const put = await documents.put({ kind: 'kms-key', key: id, value: JSON.stringify(after), topicId: null }, document.version)
      if (!(put instanceof Refusal)) return this.#shown(put)
      if (put.code !== 'version-conflict') return put
    }
  }

  #shown({ key: id, value }: Document): KmsKey {
    const { description, state, createdAtMs, deletionAtMs, isManaged } = storedKey.parse(JSON.parse(value))
    const aliases = this.#options.documents.all('kms-alias').filter(alias => storedAlias.parse(JSON.parse(alias.value)).keyId === id).map(alias => alias.key)
    return { id, description, state, createdAtMs, deletionAtMs, isManaged, aliases }
  }

  #arn(resource: string): string {
    const { region, account } = this.#options
    return `arn:aws:kms:${region}:${account}:${resource}`
  }
}

const watchMs = 60_000

export function keyArnOf(id: string, { region, account }: KmsPlace): string {
  return `arn:aws:kms:${region}:${account}:key/${id}`
}

/** The six parts of an ARN; what stands behind the fifth colon is one. */
function splitArn(text: string): string[] {
  const parts = text.split(':')
  return [...parts.slice(0, 5), ...parts.length > 5 ? [parts.slice(5).join(':')] : []]
}

function aliasFault(alias: string): Refusal | null {
  if (!aliasPattern.test(alias) || alias.length > aliasCharactersMax) {
    return new Refusal('invalid-request', `an alias is 'alias/' with up to ${aliasCharactersMax} letters, digits, /, _ and - in all, not '${alias.slice(0, 64)}'`)
  }
  return alias.startsWith('alias/aws/') ? new Refusal('invalid-request', `'${alias}': names that begin with alias/aws/ are kept for services`) : null
}

function noKey(id: string): Refusal {
  return new Refusal('resource-not-found', `there is no key '${id}'; \`sluice kms list\` shows those there are`)
}

function pendingDeletion({ id }: { readonly id: string }): Refusal {
  return new Refusal('invalid-request', `key ${id} is pending deletion; cancel that first`)
}
