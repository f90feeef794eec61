// Measures streams, their shards, consumers and channels: the operations tell what they did, and it is counted under CloudWatch's names (metric-names.ts). A sample is one
// operation, one event of a subscription, or one page that a channel reads, so that Minimum, Maximum and Average are those of single operations. An operation that was not
// throttled counts as 0 where throttling is counted, so that the Average of such a metric is a share.
import { Lru } from '../../base/lru.ts'
import type { Clock } from '../../world/world.ts'
import { AwsError } from '../errors.ts'
import type { Page } from '../records.ts'
import type { ShardLevelMetric } from '../shard-level-metrics.ts'
import { Meters } from './meters.ts'
import {
  type AggregationMetric, type ChannelMetric, type ConsumerMetric, type StreamMetric, aggregationMetrics, channelMetrics, consumerMetrics, kinesisNamespace,
  ownNamespace, shardMetrics, streamMetrics,
} from './metric-names.ts'
import { MetricStore } from './metric-store.ts'
import { PutTally } from './put-tally.ts'

const metricsMax = 8_000
// More than can have metrics in the store at a time.
const heldMax = 2_000
const shardsHeldMax = 5_000

/** The stream that an operation is about. */
export interface Measured {
  readonly stream: string
  /** What is kept of its shards. */
  readonly monitoring: readonly ShardLevelMetric[]
  /** When the operation began (monotonic milliseconds). */
  readonly startedMs: number
}

/** What readers were given. */
export interface Given {
  readonly bytes: number
  readonly records: number
  /** How far behind the newest record of the shard the last one given is: 0 at the tip. */
  readonly millisBehindLatest: number
}

export class KinesisMetrics {
  readonly clock: Clock
  readonly store = new MetricStore(metricsMax)
  readonly #streams = new Lru<string, Meters<StreamMetric>>(heldMax)
  readonly #aggregations = new Lru<string, Meters<AggregationMetric>>(heldMax)
  readonly #shards = new Lru<string, Meters<ShardLevelMetric>>(shardsHeldMax)
  readonly #consumers = new Lru<string, Meters<ConsumerMetric>>(heldMax)
  readonly #channels = new Lru<string, Meters<ChannelMetric>>(heldMax)

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** One PutRecord or PutRecords of so many records: to be told what became of them. */
  put(operation: 'PutRecord' | 'PutRecords', measured: Measured, recordCount: number): PutTally {
    return new PutTally(this, operation, measured, recordCount)
  }

  /** A GetRecords has ended: with a page, or without one. The age that it shows is that of the last record it gave, and 0 where nothing is left to give. */
  got(measured: Measured, shardId: string, page: Page | AwsError): void {
    const { clock } = this
    const nowMs = clock.now()
    const stream = this.ofStream(measured.stream)
    const throttled = page instanceof AwsError && page.type === 'ProvisionedThroughputExceededException' ? 1 : 0
    stream.add('GetRecords.Latency', clock.monotonic() - measured.startedMs, nowMs)
    stream.add('GetRecords.Success', page instanceof AwsError ? 0 : 1, nowMs)
    stream.add('ReadProvisionedThroughputExceeded', throttled, nowMs)
    this.ofShard(measured, shardId, 'ReadProvisionedThroughputExceeded', throttled)
    if (page instanceof AwsError) return
    const { bytes, millisBehindLatest } = page
    const given: Given = { bytes, records: page.records.length, millisBehindLatest }
    stream.add('GetRecords.Bytes', given.bytes, nowMs)
    stream.add('GetRecords.Records', given.records, nowMs)
    stream.add('GetRecords.IteratorAgeMilliseconds', millisBehindLatest, nowMs)
    stream.add('GetRecords.IteratorAge', millisBehindLatest / 1_000, nowMs)
    this.ofShard(measured, shardId, 'IteratorAgeMilliseconds', millisBehindLatest)
    this.#wentOut(measured, shardId, given)
  }

  /** A SubscribeToShard of a consumer has been answered. */
  subscribed(stream: string, consumer: string, outcome: 'success' | 'rate exceeded' | 'failed'): void {
    const nowMs = this.clock.now()
    const meters = this.#ofConsumer(stream, consumer)
    meters.add('SubscribeToShard.Success', outcome === 'success' ? 1 : 0, nowMs)
    if (outcome === 'rate exceeded') meters.add('SubscribeToShard.RateExceeded', 1, nowMs)
  }

  /** An event of a subscription was published, or could not be. */
  published(measured: Pick<Measured, 'stream' | 'monitoring'>, consumer: string, shardId: string, event: Given | 'failed'): void {
    const nowMs = this.clock.now()
    const meters = this.#ofConsumer(measured.stream, consumer)
    meters.add('SubscribeToShardEvent.Success', event === 'failed' ? 0 : 1, nowMs)
    if (event === 'failed') return
    meters.add('SubscribeToShardEvent.Bytes', event.bytes, nowMs)
    meters.add('SubscribeToShardEvent.Records', event.records, nowMs)
    meters.add('SubscribeToShardEvent.MillisBehindLatest', event.millisBehindLatest, nowMs)
    this.#wentOut(measured, shardId, event)
  }

  #wentOut(measured: Pick<Measured, 'stream' | 'monitoring'>, shardId: string, { bytes, records }: Given): void {
    this.ofShard(measured, shardId, 'OutgoingBytes', bytes)
    this.ofShard(measured, shardId, 'OutgoingRecords', records)
  }

  ofStream(stream: string): Meters<StreamMetric> {
    return this.#streams.get(stream) ?? this.#held(this.#streams, stream, streamMetrics, kinesisNamespace, { StreamName: stream })
  }

  ofAggregation(stream: string): Meters<AggregationMetric> {
    return this.#aggregations.get(stream) ?? this.#held(this.#aggregations, stream, aggregationMetrics, ownNamespace, { StreamName: stream })
  }

  ofChannel({ name, id }: { readonly name: string; readonly id: string }, stream: string): Meters<ChannelMetric> {
    return this.#channels.get(id) ?? this.#held(this.#channels, id, channelMetrics, kinesisNamespace, { ChannelName: name, ChannelId: id, StreamName: stream })
  }

  /** A sample of a shard, where the stream keeps that. */
  ofShard({ stream, monitoring }: Pick<Measured, 'stream' | 'monitoring'>, shardId: string, name: ShardLevelMetric, value: number): void {
    if (!monitoring.includes(name)) return
    const key = `${stream} ${shardId}`
    const meters = this.#shards.get(key) ?? this.#held(this.#shards, key, shardMetrics, kinesisNamespace, { StreamName: stream, ShardId: shardId })
    meters.add(name, value, this.clock.now())
  }

  #ofConsumer(stream: string, consumer: string): Meters<ConsumerMetric> {
    const key = `${stream} ${consumer}`
    return this.#consumers.get(key) ?? this.#held(this.#consumers, key, consumerMetrics, kinesisNamespace, { StreamName: stream, ConsumerName: consumer })
  }

  #held<Name extends string>(
    among: Lru<string, Meters<Name>>, key: string, units: Readonly<Record<Name, string>>, namespace: string, dimensions: Readonly<Record<string, string>>,
  ): Meters<Name> {
    const meters = new Meters<Name>(this.store, { namespace, units, dimensions: Object.entries(dimensions).map(([name, value]) => ({ name, value })) })
    among.set(key, meters)
    return meters
  }
}
