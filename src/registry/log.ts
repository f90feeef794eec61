// The _schemas topic: Confluent's records (JSON keys and values), one partition, read from its start when the registry opens and written with acks=all. The
// topic keeps everything: were it compacted, the id of a schema that was deleted for good could be given again, and old data would be read with the wrong one.
import { type Admin, type Logs, Refusal } from '../ports.ts'
import { buildBatch, type RecordView } from '../wire/batch.ts'
import type { Clock, Logger } from '../world/world.ts'
import { refusals, type RegistryRefusal } from './errors.ts'
import { isObject, type JsonObject } from './exact-json.ts'
import { guidOf, type Metadata, type Reference, type RuleSet } from './schema.ts'
import { type Change, type CompatibilityLevel, compatibilityLevels, type Config, type Mode, type SchemaVersion } from './store.ts'

export const schemasTopic = '_schemas'

export interface SchemaLogOptions {
  readonly logs: Logs
  readonly admin: Admin
  readonly clock: Pick<Clock, 'now'>
  readonly logger: Logger
}

const partition = { topic: schemasTopic, partition: 0 }
const appendTimeoutMs = 30_000
const readBytesMax = 4 * 1024 * 1024
const keepForever = new Map([['cleanup.policy', 'delete'], ['retention.ms', '-1'], ['retention.bytes', '-1']])

export class SchemaLog {
  readonly #logs: Logs
  readonly #clock: Pick<Clock, 'now'>
  readonly #logger: Logger
  readonly #apply: (change: Change) => void
  #nextOffset = 0
  /** A write whose fate is not known: it may yet turn up in the log, and nothing may be decided before it has or cannot any more. */
  #uncertain = false

  private constructor(options: SchemaLogOptions, apply: (change: Change) => void) {
    this.#logs = options.logs
    this.#clock = options.clock
    this.#logger = options.logger
    this.#apply = apply
  }

  /** Makes the topic where there is none, and applies all that is in it. Rejects where the topic cannot be had. */
  static async open(options: SchemaLogOptions, apply: (change: Change) => void): Promise<SchemaLog> {
    const [found] = await options.admin.topics([schemasTopic])
    if (found === undefined) {
      const made = await options.admin.createTopic({ name: schemasTopic, partitions: 1, replicationFactor: -1, configs: keepForever }, { validateOnly: false })
      if (made instanceof Refusal && made.code !== 'topic-exists') throw new Error(`topic ${schemasTopic} cannot be made: ${made.message}`)
    } else if (found.partitions.length !== 1) throw new Error(`topic ${schemasTopic} has ${found.partitions.length} partitions where the registry needs 1`)
    const log = new SchemaLog(options, apply)
    const ends = await options.logs.ends(partition)
    if (ends instanceof Refusal) throw new Error(`topic ${schemasTopic} cannot be read: ${ends.message}`)
    log.#nextOffset = ends.logStartOffset
    const read = await log.#catchUp(ends.highWatermark)
    if (read !== null) throw new Error(`topic ${schemasTopic} cannot be read: ${read.message}`)
    return log
  }

  /** Brings the state to the end of the log where an earlier write may have gone through after all. For the one writer, before it decides. */
  async settle(): Promise<null | RegistryRefusal> {
    if (!this.#uncertain) return null
    // A no-op behind the write in doubt: once it is durable, whatever lies before it is final.
    const barrier = await this.#append([{ type: 'noop' }])
    if (typeof barrier !== 'number') return barrier
    const read = await this.#catchUp(barrier + 1)
    if (read !== null) return read
    this.#uncertain = false
    return null
  }

  /** Writes all changes as one batch and applies them. A refusal may leave the write in doubt: `settle` before the next. */
  async write(changes: readonly Change[]): Promise<null | RegistryRefusal> {
    const baseOffset = await this.#append(changes)
    if (typeof baseOffset !== 'number') return baseOffset
    // Read back rather than applied from memory: what another writer put before it comes first, and what is applied is what will be replayed.
    const read = await this.#catchUp(baseOffset + changes.length)
    if (read !== null) this.#uncertain = true
    return read
  }

  async #append(changes: readonly Change[]): Promise<number | RegistryRefusal> {
    const timestampMs = this.#clock.now()
    const batch = buildBatch(changes.map(toRecord), { timestampMs })
    const appended = await this.#logs.append(partition, batch, { acks: 'all', timeoutMs: appendTimeoutMs, internal: true })
    if (!(appended instanceof Refusal)) return appended.baseOffset
    this.#uncertain = true
    this.#logger.error({ topic: schemasTopic, code: appended.code, reason: appended.message }, 'a write to the schema log failed')
    return appended.code === 'request-timed-out' ? refusals.storeTimedOut(appended.message) : refusals.storeFailed(appended.message)
  }

  async #catchUp(upTo: number): Promise<null | RegistryRefusal> {
    while (this.#nextOffset < upTo) {
      const slice = await this.#logs.read(partition, this.#nextOffset, { bytesMax: readBytesMax, atLeastOne: true, committedOnly: true })
      if (slice instanceof Refusal) return refusals.storeFailed(slice.message)
      if (slice.batches.length === 0) return refusals.storeFailed(`offset ${this.#nextOffset} of ${schemasTopic} cannot be read yet`)
      for (const batch of slice.batches) {
        if (!batch.isControl) for (const record of batch.recordsOrNone()) if (record.offset >= this.#nextOffset) this.#take(record)
        this.#nextOffset = batch.nextOffset
      }
    }
    return null
  }

  #take(record: RecordView): void {
    const change = toChange(record)
    if (typeof change !== 'string') return this.#apply(change)
    this.#logger.warn({ topic: schemasTopic, offset: record.offset, reason: change }, 'a record of the schema log was passed over')
  }
}

/** Compaction and other registries compare keys as bytes, so the order of members is Confluent's. */
function toRecord(change: Change): { key: Buffer; value: Buffer | null } {
  switch (change.type) {
    case 'schema': {
      const key = { keytype: 'SCHEMA', subject: change.subject, version: change.version, magic: 1 }
      return record(key, change.value === null ? null : schemaValue(change.value))
    }
    case 'delete-subject': return record({ keytype: 'DELETE_SUBJECT', subject: change.subject, magic: 0 }, { subject: change.subject, version: change.version })
    case 'config': return record({ keytype: 'CONFIG', subject: change.subject, magic: 0 }, change.value)
    case 'mode': return record({ keytype: 'MODE', subject: change.subject, magic: 0 }, change.value === null ? null : { mode: change.value })
    case 'noop': return record({ keytype: 'NOOP', magic: 0 }, null)
  }
}

function schemaValue(version: SchemaVersion): object {
  return {
    subject: version.subject, version: version.version, id: version.id,
    ...version.schemaType !== 'AVRO' && { schemaType: version.schemaType },
    ...version.references.length > 0 && { references: version.references },
    ...version.metadata !== undefined && { metadata: version.metadata },
    ...version.ruleSet !== undefined && { ruleSet: version.ruleSet },
    schema: version.schema, deleted: version.deleted,
  }
}

function record(key: object, value: object | null): { key: Buffer; value: Buffer | null } {
  return { key: Buffer.from(JSON.stringify(key)), value: value === null ? null : Buffer.from(JSON.stringify(value)) }
}

/** The change a record stands for, or in words why it stands for none. */
function toChange(view: RecordView): Change | string {
  let key: unknown
  let value: unknown
  try {
    key = JSON.parse(String(view.key))
    value = view.value === null ? null : JSON.parse(String(view.value))
  } catch (error) {
    return (error as Error).message
  }
  if (!isObject(key) || !(value === null || isObject(value))) return 'key or value is not a JSON object'
  const { keytype, subject } = key
  switch (keytype) {
    case 'NOOP': return { type: 'noop' }
    case 'SCHEMA':
      if (typeof subject !== 'string' || !isCount(key['version'])) return 'the key has no subject and version'
      return schemaChange(subject, key['version'], value, view.timestampMs)
    case 'DELETE_SUBJECT':
      if (typeof subject !== 'string') return 'the key has no subject'
      if (value === null) return { type: 'noop' }
      return isCount(value['version']) ? { type: 'delete-subject', subject, version: value['version'] } : 'the value has no version'
    case 'CONFIG':
      if (!isScope(subject)) return 'the key has no subject'
      return { type: 'config', subject: subject ?? null, value: value === null ? null : configOf(value) }
    case 'MODE': {
      if (!isScope(subject)) return 'the key has no subject'
      const mode = value === null ? null : modeOf(value['mode'])
      return mode === undefined ? 'the value has a mode that is not known' : { type: 'mode', subject: subject ?? null, value: mode }
    }
    default: return `key type ${String(keytype).slice(0, 64)} is not known`
  }
}

function schemaChange(subject: string, version: number, value: JsonObject | null, timestampMs: number): Change | string {
  if (value === null) return { type: 'schema', subject, version, value: null }
  const { id, schema, schemaType = 'AVRO', deleted = false } = value
  if (!isCount(id) || typeof schema !== 'string' || typeof schemaType !== 'string') return 'the value has no id and schema'
  // What is malformed in these is left out rather than the version: its id must not be given again.
  const references = isReferences(value['references']) ? value['references'] : []
  const metadata = isMetadata(value['metadata']) ? value['metadata'] : undefined
  const ruleSet: RuleSet | undefined = isObject(value['ruleSet']) ? value['ruleSet'] : undefined
  const guid = guidOf({ text: schema, references, metadata, ruleSet })
  const content = { schemaType, schema, references, metadata, ruleSet }
  return { type: 'schema', subject, version, value: { subject, version, id, guid, ...content, deleted: deleted === true, timestampMs } }
}

function isReferences(value: unknown): value is readonly Reference[] {
  return Array.isArray(value) && value.every(each => {
    return isObject(each) && typeof each['name'] === 'string' && typeof each['subject'] === 'string' && isCount(each['version'])
  })
}

function isMetadata(value: unknown): value is Metadata {
  if (!isObject(value)) return false
  const { tags = {}, properties = {}, sensitive = [] } = value
  const isTextList = (list: unknown): boolean => Array.isArray(list) && list.every(each => typeof each === 'string')
  if (!isObject(tags) || !Object.values(tags).every(isTextList) || !isTextList(sensitive)) return false
  return isObject(properties) && Object.values(properties).every(each => typeof each === 'string')
}

function configOf(value: JsonObject): Config {
  const level = value['compatibilityLevel']
  const policy = value['compatibilityPolicy']
  const group = value['compatibilityGroup']
  const normalize = value['normalize']
  return {
    ...compatibilityLevels.includes(level as CompatibilityLevel) && { compatibilityLevel: level as CompatibilityLevel },
    ...(policy === 'STRICT' || policy === 'LENIENT') && { compatibilityPolicy: policy },
    ...typeof group === 'string' && { compatibilityGroup: group },
    ...typeof normalize === 'boolean' && { normalize },
  }
}

function modeOf(value: unknown): Mode | undefined {
  return value === 'READWRITE' || value === 'READONLY' ? value : undefined
}

function isScope(value: unknown): value is string | null | undefined {
  return value == null || typeof value === 'string'
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 0x7fffffff
}
