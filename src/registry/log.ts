// A topic that keeps a state as the changes that led to it: one partition, read from its start when it is opened and written with acks=all. What its records look
// like is its format's matter: _schemas has Confluent's (records.ts), _glue what only AWS Glue knows (glue/records.ts). Such a topic keeps everything: were _schemas
// compacted, the id of a schema that was deleted for good could be given again, and old data would be read with the wrong one.
import { type Admin, type Logs, type PartitionRef, Refusal } from '../ports.ts'
import { buildBatch, type RecordView } from '../wire/batch.ts'
import type { Clock, Logger } from '../world/world.ts'
import { refusals, type RegistryRefusal } from './errors.ts'

export interface LogRecord {
  readonly key: Buffer
  readonly value: Buffer | null
}

export interface LogFormat<C> {
  readonly topic: string
  /** A change that changes nothing. */
  readonly noop: C
  toRecord(change: C): LogRecord
  /** The change a record stands for, or in words why it stands for none. */
  toChange(record: RecordView): C | string
}

export interface ChangeLogOptions {
  readonly logs: Logs
  readonly admin: Admin
  readonly clock: Pick<Clock, 'now'>
  readonly logger: Logger
}

const appendTimeoutMs = 30_000
const readBytesMax = 4 * 1024 * 1024
/** Changes that stand or fall together are one batch: a schema of 1 MiB, which JSON may make twice as long, or the end of every version of thousands of subjects. */
const batchBytesMax = 32 * 1024 * 1024
const topicConfigs = new Map([['cleanup.policy', 'delete'], ['retention.ms', '-1'], ['retention.bytes', '-1'], ['max.message.bytes', String(batchBytesMax)]])

export class ChangeLog<C> {
  readonly #logs: Logs
  readonly #clock: Pick<Clock, 'now'>
  readonly #logger: Logger
  readonly #format: LogFormat<C>
  readonly #partition: PartitionRef
  readonly #apply: (change: C) => void
  #nextOffset = 0
  /** A write whose fate is not known: it may yet turn up in the log, and nothing may be decided before it has or cannot any more. */
  #uncertain = false

  private constructor(options: ChangeLogOptions, format: LogFormat<C>, apply: (change: C) => void) {
    this.#logs = options.logs
    this.#clock = options.clock
    this.#logger = options.logger
    this.#format = format
    this.#partition = { topic: format.topic, partition: 0 }
    this.#apply = apply
  }

  /** Makes the topic where there is none, and applies all that is in it. Rejects where the topic cannot be had. */
  static async open<C>(options: ChangeLogOptions, format: LogFormat<C>, apply: (change: C) => void): Promise<ChangeLog<C>> {
    const { topic } = format
    const [found] = await options.admin.topics([topic])
    if (found === undefined) {
      const made = await options.admin.createTopic({ name: topic, partitions: 1, replicationFactor: -1, configs: topicConfigs }, { validateOnly: false })
      if (made instanceof Refusal && made.code !== 'topic-exists') throw new Error(`topic ${topic} cannot be made: ${made.message}`)
    } else if (found.partitions.length !== 1) throw new Error(`topic ${topic} has ${found.partitions.length} partitions where the registry needs 1`)
    const log = new ChangeLog(options, format, apply)
    const ends = await options.logs.ends(log.#partition)
    if (ends instanceof Refusal) throw new Error(`topic ${topic} cannot be read: ${ends.message}`)
    log.#nextOffset = ends.logStartOffset
    const read = await log.#catchUp(ends.highWatermark)
    if (read !== null) throw new Error(`topic ${topic} cannot be read: ${read.message}`)
    return log
  }

  /** Brings the state to the end of the log where an earlier write may have gone through after all. For the one writer, before it decides. */
  async settle(): Promise<null | RegistryRefusal> {
    if (!this.#uncertain) return null
    // A no-op behind the write in doubt: once it is durable, whatever lies before it is final.
    const barrier = await this.#append([this.#format.noop])
    if (typeof barrier !== 'number') return barrier
    const read = await this.#catchUp(barrier + 1)
    if (read !== null) return read
    this.#uncertain = false
    return null
  }

  /** Writes all changes as one batch and applies them. A refusal may leave the write in doubt: `settle` before the next. */
  async write(changes: readonly C[]): Promise<null | RegistryRefusal> {
    const baseOffset = await this.#append(changes)
    if (typeof baseOffset !== 'number') return baseOffset
    // Read back rather than applied from memory: what another writer put before it comes first, and what is applied is what will be replayed.
    const read = await this.#catchUp(baseOffset + changes.length)
    if (read !== null) this.#uncertain = true
    return read
  }

  async #append(changes: readonly C[]): Promise<number | RegistryRefusal> {
    const timestampMs = this.#clock.now()
    const batch = buildBatch(changes.map(change => this.#format.toRecord(change)), { timestampMs })
    const appended = await this.#logs.append(this.#partition, batch, { acks: 'all', timeoutMs: appendTimeoutMs, internal: true })
    if (!(appended instanceof Refusal)) return appended.baseOffset
    this.#uncertain = true
    this.#logger.error({ topic: this.#format.topic, code: appended.code, reason: appended.message }, 'a write to the log of a registry failed')
    return appended.code === 'request-timed-out' ? refusals.storeTimedOut(appended.message) : refusals.storeFailed(appended.message)
  }

  async #catchUp(upTo: number): Promise<null | RegistryRefusal> {
    while (this.#nextOffset < upTo) {
      const slice = await this.#logs.read(this.#partition, this.#nextOffset, { bytesMax: readBytesMax, atLeastOne: true, committedOnly: true })
      if (slice instanceof Refusal) return refusals.storeFailed(slice.message)
      if (slice.batches.length === 0) return refusals.storeFailed(`offset ${this.#nextOffset} of ${this.#format.topic} cannot be read yet`)
      for (const batch of slice.batches) {
        if (!batch.isControl) for (const record of batch.recordsOrNone()) if (record.offset >= this.#nextOffset) this.#take(record)
        this.#nextOffset = batch.nextOffset
      }
    }
    return null
  }

  #take(record: RecordView): void {
    const change = this.#format.toChange(record)
    if (typeof change !== 'string') return this.#apply(change)
    this.#logger.warn({ topic: this.#format.topic, offset: record.offset, reason: change }, 'a record of the log of a registry was passed over')
  }
}
