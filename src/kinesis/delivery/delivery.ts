// One channel at work. Every few seconds it reads what its stream has got, shard by shard, parents before the shards that took their place, and adds it to an unfinished
// object; what is not of the channel's format is told of in another, for dead letters. Both are delivered when the oldest record in them is as old as the freshness allows, or
// when they are large enough (progress.ts says how that comes to once). Between two rounds nothing but numbers is in memory.
import { Refusal, type Topic } from '../../ports.ts'
import type { Logger, Timer } from '../../world/world.ts'
import { type Channel, changeChannel, channelOf, channelStatus, loggingOf } from '../channels.ts'
import type { Services } from '../context.ts'
import { AwsError } from '../errors.ts'
import type { Gate } from '../gate.ts'
import { type ReadRecord, readPage } from '../records.ts'
import { type ShardMap, type ShardNode, shardIdOf, shardMapOf } from '../shard-map.ts'
import type { DeliveryEvent, DeliveryLog } from './delivery-log.ts'
import { errorKey, type KeyParts, keyPartsOf, objectKey } from './object-keys.ts'
import type { Buckets, Compression, ObjectDraft } from './objects.ts'
import { commitProgress, committedProgress, forgetProgress, type Progress, startOf } from './progress.ts'
import { deadLetter, formatFault } from './record-formats.ts'

const roundMs = 5_000
/** After a round that failed. */
const retryMs = 30_000
const pageBytesMax = 1_048_576
const pageRecordsMax = 10_000
/** Of a shard in one round: one that never ends keeps neither the others nor other channels waiting. */
const pagesMax = 64
const newline = Buffer.from('\n')

export interface DeliveryParts {
  readonly services: Services
  readonly buckets: Buckets
  readonly log: DeliveryLog
  /** Lets a few channels work at a time. */
  readonly gate: Gate
  readonly objectBytesMax: number
  readonly logger: Logger
  /** The channel is gone, or never will deliver. */
  readonly ended: () => void
}

interface Unfinished {
  readonly draft: ObjectDraft
  records: number
  oldestMs: number
}

export class Delivery implements Disposable {
  readonly #parts: DeliveryParts
  readonly #id: string
  #channel: Channel
  #timer: Timer | undefined
  #isOver = false
  /** A note failed that may yet come to be. */
  #isUnsure = false
  /** A shard has more than one round takes. */
  #hasMore = false
  /** How far shards are read; undefined: to be taken up from where it was noted last. */
  #positions: Map<number, number> | undefined
  #data: Unfinished | undefined
  #failed: Unfinished | undefined
  #finished = 0

  constructor(channel: Channel, parts: DeliveryParts) {
    this.#parts = parts
    this.#id = channel.id
    this.#channel = channel
    this.#timer = parts.services.clock.after(0, () => void this.#round())
  }

  /** Stops at once; what is unfinished is delivered by whoever goes on. */
  [Symbol.dispose](): void {
    this.#isOver = true
    this.#timer?.cancel()
  }

  async #round(): Promise<void> {
    const { services, gate, logger } = this.#parts
    let pauseMs = roundMs
    try {
      const channel = channelOf(this.#id, services)
      const topic = channel && await services.admin.topicById(channel.topicId)
      if (channel === undefined || topic === undefined) return await this.#end()
      this.#channel = channel
      const status = channelStatus(channel, services)
      if (status === 'DELETING' || status === 'FAILED') return await this.#end()
      if (status !== 'CREATING') await gate.run(() => this.#deliver(channel, topic))
      pauseMs = this.#hasMore ? 0 : Math.min(roundMs, Math.max(this.#dueMs(channel) - services.clock.now(), 0))
    } catch (error) {
      if (this.#isOver) return
      pauseMs = retryMs
      logger.warn({ channel: this.#channel.name, error: String(error) }, 'a channel could not deliver; it tries again')
      await this.#note({ level: 'ERROR', event: 'delivery-failed', message: String(error) })
      await this.#startOver().catch(() => {})
    }
    if (!this.#isOver) this.#timer = services.clock.after(pauseMs, () => void this.#round())
  }

  /** Nothing is left of what is not delivered. */
  async #end(): Promise<void> {
    const { services, buckets, ended } = this.#parts
    for (const object of committedProgress(this.#id, services).ready) await buckets.place(object)
    await this.#clear([])
    // What was noted when the channel was gone already.
    if (channelOf(this.#id, services) === undefined) await forgetProgress({ id: this.#id }, services)
    this[Symbol.dispose]()
    ended()
  }

  async #deliver(channel: Channel, topic: Topic): Promise<void> {
    const { services } = this.#parts
    this.#hasMore = false
    this.#positions ??= await this.#takeUp()
    const map = shardMapOf(topic)
    let failure: string | undefined
    for (const shard of map.shards) {
      if (this.#isOver) return
      if (shard.parents.every(parent => this.#isRead(channel, map, parent))) failure = await this.#readShard(channel, topic, shard) ?? failure
    }
    if (failure !== undefined) return this.#fail(channel, topic, failure)
    const nowMs = services.clock.now()
    const oldestMs = this.#oldestMs()
    services.metrics.ofChannel(channel, topic.name).add('DeliveryToS3.DataFreshness', oldestMs === Infinity ? 0 : (nowMs - oldestMs) / 1_000, nowMs)
    if (nowMs >= this.#dueMs(channel)) await this.#finish(channel, topic)
  }

  /** Goes on where it was noted last. */
  async #takeUp(): Promise<Map<number, number>> {
    const { services, buckets } = this.#parts
    const noted = committedProgress(this.#id, services)
    // Noted once more: a note whose fate is not known is refused from then on, so that nobody wants what it names.
    if (this.#isUnsure) await this.#commit(noted)
    for (const object of noted.ready) await buckets.place(object)
    await this.#clear(noted.ready)
    return noted.positions
  }

  async #commit(progress: Progress): Promise<void> {
    this.#isUnsure = true
    const refused = await commitProgress(this.#channel, progress, this.#parts.services)
    if (refused instanceof Refusal) throw new Error(`how far it is could not be noted: ${refused.message}`)
    this.#isUnsure = false
  }

  async #clear(wanted: ReturnType<typeof committedProgress>['ready']): Promise<void> {
    const { storage, deadLetters } = this.#channel
    for (const { BucketARN } of [storage, deadLetters]) await this.#parts.buckets.clear(BucketARN, this.#id, wanted)
  }

  /** Resolves to why the rest of the shard never can be read, where that is so. */
  async #readShard(channel: Channel, topic: Topic, shard: ShardNode): Promise<string | undefined> {
    const { services, objectBytesMax } = this.#parts
    for (let pages = 0; pages < pagesMax; pages++) {
      const offset = this.#positionOf(channel, shard.index)
      const page = await readPage(topic, shard, { offset, limit: pageRecordsMax, bytesMax: pageBytesMax }, services)
      if (this.#isOver) return undefined
      // Such as a key that is disabled: the other shards may do better.
      if (page instanceof AwsError) return this.#couldNotRead(topic, shard, page)
      await this.#take(channel, topic, shard, page.records)
      this.#positions!.set(shard.index, page.nextOffset)
      if (Math.max(this.#data?.draft.bytes ?? 0, this.#failed?.draft.bytes ?? 0) >= objectBytesMax) await this.#finish(channel, topic)
      if (page.isAtTip || page.nextOffset === offset) return undefined
    }
    this.#hasMore = true
    return undefined
  }

  /** Where the key of records is gone they never can be read. */
  async #couldNotRead(topic: Topic, shard: ShardNode, { type, message }: AwsError): Promise<string | undefined> {
    const shardId = shardIdOf(shard.index)
    await this.#note({ level: 'ERROR', event: 'delivery-failed', message: `${shardId}: ${type}: ${message ?? ''}` })
    return type === 'KMSNotFoundException' ? `Records of ${shardId} in stream ${topic.name} cannot be read any more: ${message ?? type}` : undefined
  }

  /** Delivers what all shards had that can be read, and nothing after that. */
  async #fail(channel: Channel, topic: Topic, failure: string): Promise<void> {
    await this.#finish(channel, topic)
    const failed = await changeChannel(channel, this.#parts.services, () => ({ failure }))
    if (failed instanceof AwsError) throw new Error(`that it failed could not be noted: ${failed.message ?? failed.type}`)
  }

  async #take(channel: Channel, topic: Topic, shard: ShardNode, records: readonly ReadRecord[]): Promise<void> {
    const fit: Buffer[] = []
    const unfit: Buffer[] = []
    const { admin, clock, metrics } = this.#parts.services
    const nowMs = clock.now()
    // The records of a stream that Kafka made may have any times.
    const hasArrivalTimes = admin.config(topic, 'message.timestamp.type') === 'LogAppendTime'
    let oldestMs = Infinity
    let bytes = 0
    let fitCount = 0
    for (const record of records) {
      const arrivedMs = hasArrivalTimes ? record.ApproximateArrivalTimestamp : nowMs
      if (arrivedMs < channel.activeFromMs) continue
      oldestMs = Math.min(oldestMs, arrivedMs)
      bytes += record.Data.length
      const fault = formatFault(channel.format, record.Data)
      if (fault !== undefined) {
        unfit.push(deadLetter(record, { fault, shard, channel, topic, place: this.#parts.services }))
        continue
      }
      fitCount++
      fit.push(record.Data)
      if (channel.format !== 'BYTE_ARRAY') fit.push(newline)
    }
    if (fitCount + unfit.length === 0) return
    const { storage, deadLetters } = channel
    if (fitCount > 0) {
      this.#data ??= await this.#begin(storage.BucketARN, 'data', storage.CompressionType)
      await add(this.#data, Buffer.concat(fit), fitCount, oldestMs)
    }
    if (unfit.length > 0) {
      this.#failed ??= await this.#begin(deadLetters.BucketARN, 'errors', 'NONE')
      await add(this.#failed, Buffer.concat(unfit), unfit.length, oldestMs)
    }
    const meters = metrics.ofChannel(channel, topic.name)
    meters.add('DeliveryToS3.BytesIn', bytes, nowMs)
    meters.add('DeliveryToS3.BytesProcessed', bytes, nowMs)
    meters.add('DeliveryToS3.RecordCount', fitCount + unfit.length, nowMs)
    meters.add('DeliveryToS3.FailedRecordCount', unfit.length, nowMs)
  }

  async #begin(bucketArn: string, name: string, compression: Compression): Promise<Unfinished> {
    return { draft: await this.#parts.buckets.draft(bucketArn, { owner: this.#id, name, compression }), records: 0, oldestMs: Infinity }
  }

  /** Delivers what is unfinished, and notes how far that reaches. */
  async #finish(channel: Channel, topic: Topic): Promise<void> {
    const { services, buckets } = this.#parts
    const [data, failed] = [this.#data, this.#failed]
    const now = services.clock.now()
    const meters = services.metrics.ofChannel(channel, topic.name)
    const ready: Awaited<ReturnType<ObjectDraft['ready']>>[] = []
    const events: DeliveryEvent[] = []
    if (data !== undefined) {
      const parts = this.#keyParts(channel, topic, data)
      const object = await data.draft.ready(objectKey(channel.storage.OutputKeyTemplate, parts), parts.suffix)
      ready.push(object)
      events.push({ level: 'INFO', event: 'object-delivered', message: 'An object was delivered.', key: object.key, records: data.records, bytes: object.storedBytes })
    }
    if (failed !== undefined) {
      const parts = this.#keyParts(channel, topic, failed)
      const object = await failed.draft.ready(errorKey(channel, parts), parts.suffix)
      ready.push(object)
      const message = `Records are not ${channel.format}; the dead-letter queue says which.`
      events.push({ level: 'ERROR', event: 'records-failed', message, key: object.key, records: failed.records, bytes: object.storedBytes })
    }
    if (ready.length === 0) return
    await this.#commit({ positions: this.#positions!, ready })
    this.#data = undefined
    this.#failed = undefined
    for (const object of ready) await buckets.place(object)
    if (data !== undefined) {
      meters.add('DeliveryToS3.BytesOut', ready[0]!.storedBytes, now)
      meters.add('DeliveryToS3.SuccessfulRecordCount', data.records, now)
      meters.add('DeliveryToS3.DeliverySuccess', 1, now)
    }
    if (failed !== undefined) meters.add('DeliveryToS3.DLQDeliverySuccess', failed.records, now)
    for (const event of events) await this.#note(event)
  }

  #keyParts(channel: Channel, topic: Topic, { oldestMs }: Unfinished): KeyParts {
    return { ...keyPartsOf(channel, topic.name), timeMs: oldestMs, suffix: `${String(this.#finished++).padStart(6, '0')}-${this.#parts.services.random.bytes(6).toString('hex')}` }
  }

  #oldestMs(): number {
    return Math.min(this.#data?.oldestMs ?? Infinity, this.#failed?.oldestMs ?? Infinity)
  }

  /** When something must be delivered; Infinity where there is nothing. */
  #dueMs({ freshnessSeconds }: Channel): number {
    return this.#oldestMs() + freshnessSeconds * 1_000
  }

  #positionOf(channel: Channel, shardIndex: number): number {
    return this.#positions!.get(shardIndex) ?? startOf(channel, shardIndex)
  }

  /** Whether everything of a closed shard is read. */
  #isRead(channel: Channel, map: ShardMap, shardIndex: number): boolean {
    const { seal } = map.shards[shardIndex]!
    return seal !== undefined && seal.endOffset >= 0 && this.#positionOf(channel, shardIndex) >= seal.endOffset
  }

  /** From what was noted last. */
  async #startOver(): Promise<void> {
    const drafts = [this.#data, this.#failed]
    this.#positions = undefined
    this.#data = undefined
    this.#failed = undefined
    for (const one of drafts) await one?.draft.discard()
  }

  async #note(event: DeliveryEvent): Promise<void> {
    const { services, log, logger } = this.#parts
    const place = loggingOf(this.#channel)
    if (!place.Enabled) return
    await log.write({ group: place.LogGroupName!, stream: place.LogStreamName! }, this.#channel.name, event, services.clock.now()).catch((error: unknown) => {
      logger.warn({ channel: this.#channel.name, error: String(error) }, 'the log of a channel could not be written')
    })
  }
}

async function add(unfinished: Unfinished, bytes: Buffer, records: number, oldestMs: number): Promise<void> {
  await unfinished.draft.add(bytes)
  unfinished.records += records
  unfinished.oldestMs = Math.min(unfinished.oldestMs, oldestMs)
}
