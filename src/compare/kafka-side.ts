// The Kafka side of a scenario: @platformatic/kafka, every API call of it recorded by its own diagnostics channels.
import {
  Admin, connectionsApiChannel, Consumer, FetchIsolationLevels, ListOffsetTimestamps, ProduceAcks, Producer, protocolAPIsById, stringSerializers, type Message,
} from '@platformatic/kafka'
import { Recording } from './recording.ts'
import type { KafkaTarget } from './target.ts'

interface Sent {
  key?: string
  value: string
  partition?: number
  timestampMs?: number
}

/** Where a record came to lie. */
export interface KafkaPlace {
  readonly partition: number
  readonly offset: number
}

/** A partition as a client sees it from outside. */
export interface KafkaPartition {
  readonly leader: number
  readonly leaderEpoch: number
  readonly inSync: readonly number[]
  readonly highWatermark: number
}

/** Between two attempts of the client: as long as in most Kafka clients. */
const retryDelayMs = 100

export class KafkaSide implements AsyncDisposable {
  readonly recording = new Recording()
  readonly #base: { clientId: string; bootstrapBrokers: { host: string; port: number }[]; retries: number; retryDelay: number; tls?: NonNullable<KafkaTarget['tls']> }
  readonly #admin: Admin
  readonly #producer: Producer<string, string, string, string>
  readonly #consumers: Consumer<string, string, string, string>[] = []
  readonly #stopRecording: () => void
  /** What this side asks of an API, by the API's name: the client's diagnostics tell the answer, but of the request only key and version. */
  readonly #asked = new Map<string, object>()

  /** Asks for all brokers first: the one that was named may be the one that fails. Rejects with the client's error where none of those named can be reached. */
  static async connect(target: KafkaTarget): Promise<KafkaSide> {
    const admin = new Admin({ clientId: 'sluice-compare', bootstrapBrokers: [...target.bootstrap], retries: 3, ...(target.tls === undefined ? {} : { tls: target.tls }) })
    try {
      const { brokers } = await admin.metadata({})
      return new KafkaSide(target, [...brokers.values()])
    } finally {
      await admin.close()
    }
  }

  private constructor(target: KafkaTarget, brokers: readonly { readonly host: string; readonly port: number }[]) {
    this.#stopRecording = recordCalls(this.recording, this.#asked)
    this.#base = {
      clientId: 'sluice-compare', bootstrapBrokers: brokers.map(({ host, port }) => ({ host, port })), retries: 3, retryDelay: retryDelayMs,
      ...(target.tls === undefined ? {} : { tls: target.tls }),
    }
    this.#admin = new Admin(this.#base)
    this.#producer = new Producer({ ...this.#base, serializers: stringSerializers, autocreateTopics: false })
  }

  async createTopic(topic: string, partitions: number, configs: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.#admin.createTopics({ topics: [topic], partitions, replicas: -1, configs: Object.entries(configs).map(([name, value]) => ({ name, value })) })
  }

  async deleteTopic(topic: string): Promise<void> {
    await this.#admin.deleteTopics({ topics: [topic] })
  }

  /** Sends with acks=all; one record batch per partition. Throws what the client throws. */
  async send(topic: string, records: readonly Sent[]): Promise<readonly KafkaPlace[]> {
    const messages = records.map(({ timestampMs, ...record }) => ({ topic, ...record, ...(timestampMs === undefined ? {} : { timestamp: BigInt(timestampMs) }) }))
    this.#asked.set('Produce', { topic, acks: -1, records: records.length, bytes: records.reduce((sum, record) => sum + record.value.length, 0) })
    const { offsets = [] } = await this.#producer.send({ messages, acks: ProduceAcks.ALL })
    return offsets.map(one => ({ partition: one.partition, offset: Number(one.offset) }))
  }

  /** Offset of the first record at or after a time (-2: the earliest there is, -1: the end), per partition. */
  async offsets(topic: string, timestampMs: number): Promise<readonly number[]> {
    const consumer = this.#consumer()
    this.#asked.set('ListOffsets', { topic, timestamp: timestampMs })
    const found = await consumer.listOffsets({ topics: [topic], timestamp: BigInt(timestampMs) })
    return (found.get(topic) ?? []).map(Number)
  }

  /** The first partition of a topic, asked for anew. */
  async partition(topic: string): Promise<KafkaPartition> {
    const { topics } = await this.#admin.metadata({ topics: [topic], forceUpdate: true })
    const { leader, leaderEpoch, isr } = topics.get(topic)!.partitions[0]!
    const [listed] = await this.#admin.listOffsets({
      topics: [{ name: topic, partitions: [{ partitionIndex: 0, timestamp: ListOffsetTimestamps.LATEST }] }],
      isolationLevel: FetchIsolationLevels.READ_UNCOMMITTED,
    })
    return { leader, leaderEpoch, inSync: isr.toSorted((a, b) => a - b), highWatermark: Number(listed!.partitions[0]!.offset) }
  }

  /** Reads in a new consumer group, from the start or from given offsets, until `count` records came. */
  async read(topic: string, count: number, from: 'earliest' | readonly KafkaPlace[]): Promise<readonly Message<string, string, string, string>[]> {
    const consumer = this.#consumer()
    const where = from === 'earliest' ? { mode: from } : { mode: 'manual' as const, offsets: from.map(one => ({ topic, partition: one.partition, offset: BigInt(one.offset) })) }
    this.#asked.set('ListOffsets', { topic, timestamp: from === 'earliest' ? -2 : -1 })
    this.#asked.set('Fetch', { topic, from, maxWaitMs: 200, minBytes: 1 })
    const stream = await consumer.consume({ topics: [topic], ...where, autocommit: false, maxWaitTime: 200, minBytes: 1 })
    const records: Message<string, string, string, string>[] = []
    for await (const record of stream) {
      records.push(record)
      if (records.length >= count) break
    }
    await stream.close()
    return records
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#consumers.map(consumer => consumer.close(true)))
    await Promise.allSettled([this.#producer.close(), this.#admin.close()])
    this.#stopRecording()
  }

  #consumer(): Consumer<string, string, string, string> {
    const groupId = `compare-${process.pid}-${this.#consumers.length}-${Date.now()}`
    const consumer = new Consumer({
      ...this.#base, groupId, deserializers: { key: text, value: text, headerKey: text, headerValue: text }, sessionTimeout: 10_000, heartbeatInterval: 3_000,
    })
    this.#consumers.push(consumer)
    return consumer
  }
}

const text = (bytes?: Buffer): string => bytes?.toString() ?? ''

interface ApiEvent {
  readonly connection: { readonly socket?: { readonly bytesWritten: number; readonly bytesRead: number } }
  readonly apiKey: number
  readonly apiVersion: number
  readonly result?: unknown
  readonly error?: unknown
}

/** Listens to the client's diagnostics: `start` and `end` frame the write of a request, `asyncStart` comes with its response. */
function recordCalls(recording: Recording, asked: ReadonlyMap<string, object>): () => void {
  const begun = new WeakMap<object, { at: number; written: number; bytesOut: number }>()
  const readBefore = new WeakMap<object, number>()
  const written = (event: ApiEvent): number => event.connection.socket?.bytesWritten ?? 0
  const listeners = {
    start: (event: ApiEvent) => { begun.set(event, { at: performance.now(), written: written(event), bytesOut: 0 }) },
    end: (event: ApiEvent) => {
      const call = begun.get(event)
      if (call !== undefined) call.bytesOut = written(event) - call.written
    },
    asyncStart: (event: ApiEvent) => {
      const call = begun.get(event)
      if (call === undefined) return
      const read = event.connection.socket?.bytesRead ?? 0
      const bytesIn = read - (readBefore.get(event.connection) ?? 0)
      readBefore.set(event.connection, read)
      const api = protocolAPIsById[event.apiKey] ?? String(event.apiKey)
      recording.add({
        name: `${api} v${event.apiVersion}`,
        request: asked.get(api) ?? {},
        response: event.result ?? null,
        bytesOut: call.bytesOut, bytesIn, durationMs: performance.now() - call.at,
        error: event.error === undefined ? null : innermost(event.error),
      })
    },
    asyncEnd: () => {},
    error: () => {},
  }
  const subscribers = listeners as unknown as Parameters<typeof connectionsApiChannel.subscribe>[0]
  connectionsApiChannel.subscribe(subscribers)
  return () => { connectionsApiChannel.unsubscribe(subscribers) }
}

/** The most telling text of the client's nested errors: the protocol's own error name where there is one. */
export function innermost(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const nested: unknown = error.cause ?? (error as { errors?: unknown[] }).errors?.[0]
  const apiId = (error as { apiId?: unknown }).apiId
  if (typeof apiId === 'string') return apiId
  return nested === undefined ? error.message : innermost(nested)
}
