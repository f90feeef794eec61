// The Kinesis side of a scenario: @aws-sdk/client-kinesis with its default transport, every call recorded by a middleware behind the signer.
import {
  CreateStreamCommand, DeleteStreamCommand, GetRecordsCommand, GetShardIteratorCommand, KinesisClient, ListShardsCommand, PutRecordCommand, PutRecordsCommand,
  waitUntilStreamExists, type GetRecordsCommandOutput, type PutRecordCommandOutput, type PutRecordsResultEntry, type Shard, type ShardIteratorType,
} from '@aws-sdk/client-kinesis'
import { Recording } from './recording.ts'
import type { KinesisTarget } from './target.ts'

export interface Put {
  readonly key: string
  readonly value: string
}

export interface StartingPosition {
  readonly type: ShardIteratorType
  readonly sequenceNumber?: string
  readonly timestampMs?: number
}

export class KinesisSide implements AsyncDisposable {
  readonly recording = new Recording()
  readonly #client: KinesisClient

  /** `attempts` is how often the SDK itself tries a call: with 1 every refusal is seen. */
  constructor(target: KinesisTarget, attempts = 1) {
    this.#client = new KinesisClient({
      region: target.region, maxAttempts: attempts,
      ...(target.endpoint === undefined ? {} : { endpoint: target.endpoint }),
      ...(target.credentials === undefined ? {} : { credentials: target.credentials }),
      ...(target.ca === undefined ? {} : { requestHandler: { disableConcurrentStreams: true, nodeHttp2ConnectOptions: { ca: target.ca } } }),
    })
    recordCalls(this.#client, this.recording)
  }

  /** Creates the stream and waits until it is ACTIVE. */
  async createStream(name: string, shards: number): Promise<void> {
    await this.#client.send(new CreateStreamCommand({ StreamName: name, ShardCount: shards }))
    await this.waitForStream(name)
  }

  async waitForStream(name: string): Promise<void> {
    await waitUntilStreamExists({ client: this.#client, minDelay: 1, maxDelay: 5, maxWaitTime: 120 }, { StreamName: name })
  }

  async deleteStream(name: string): Promise<void> {
    await this.#client.send(new DeleteStreamCommand({ StreamName: name }))
  }

  async shards(name: string): Promise<readonly Shard[]> {
    return (await this.#client.send(new ListShardsCommand({ StreamName: name }))).Shards ?? []
  }

  async put(name: string, record: Put): Promise<PutRecordCommandOutput> {
    return this.#client.send(new PutRecordCommand({ StreamName: name, PartitionKey: record.key, Data: Buffer.from(record.value) }))
  }

  /** At most 500 records; the answer has one entry per record, in order, some of which may have failed. */
  async putBatch(name: string, records: readonly Put[]): Promise<readonly PutRecordsResultEntry[]> {
    const entries = records.map(record => ({ PartitionKey: record.key, Data: Buffer.from(record.value) }))
    return (await this.#client.send(new PutRecordsCommand({ StreamName: name, Records: entries }))).Records ?? []
  }

  async iterator(name: string, shardId: string, from: StartingPosition): Promise<string> {
    const { ShardIterator } = await this.#client.send(new GetShardIteratorCommand({
      StreamName: name, ShardId: shardId, ShardIteratorType: from.type,
      ...(from.sequenceNumber === undefined ? {} : { StartingSequenceNumber: from.sequenceNumber }),
      ...(from.timestampMs === undefined ? {} : { Timestamp: new Date(from.timestampMs) }),
    }))
    return ShardIterator!
  }

  async get(iterator: string, limit = 10_000): Promise<GetRecordsCommandOutput> {
    return this.#client.send(new GetRecordsCommand({ ShardIterator: iterator, Limit: limit }))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.destroy()
  }
}

interface HttpMessage {
  readonly headers: Readonly<Record<string, string | number>>
  readonly body?: unknown
}

/** Sees each request as it leaves (signed) and each response as it comes, and the command's own input and output. */
function recordCalls(client: KinesisClient, recording: Recording): void {
  client.middlewareStack.add((next, context) => async args => {
    const startedAt = performance.now()
    const call = { name: (context as { commandName?: string }).commandName?.replace(/Command$/, '') ?? '', request: args.input as unknown, bytesOut: 0, bytesIn: 0 }
    calls.set(args.input as object, call)
    try {
      const result = await next(args)
      const { $metadata: _, ...response } = result.output as unknown as Record<string, unknown>
      recording.add({ ...call, response, durationMs: performance.now() - startedAt, error: null })
      return result
    } catch (error) {
      const { name, message } = error as Error
      recording.add({ ...call, response: { __type: name, message }, durationMs: performance.now() - startedAt, error: name })
      throw error
    }
  }, { step: 'initialize', name: 'recordCall' })
  client.middlewareStack.add(next => async args => {
    const result = await next(args)
    const call = calls.get(args.input as object)
    if (call !== undefined) {
      call.bytesOut += sizeOf(args.request as HttpMessage)
      call.bytesIn += sizeOf(result.response as HttpMessage)
    }
    return result
  }, { step: 'deserialize', name: 'countBytes', priority: 'low' })
}

const calls = new WeakMap<object, { bytesOut: number; bytesIn: number }>()

/** Header lines and body, as HTTP/1.1 would print them. */
function sizeOf(message: HttpMessage): number {
  const headers = Object.entries(message.headers).reduce((sum, [name, value]) => sum + name.length + String(value).length + 4, 0)
  const declared = Number(message.headers['content-length'] ?? Number.NaN)
  const body = message.body
  return headers + (Number.isNaN(declared) ? (typeof body === 'string' || body instanceof Uint8Array ? body.length : 0) : declared)
}
