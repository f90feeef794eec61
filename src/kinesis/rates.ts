// How often each operation may be called: one table, as AWS's documentation has it, and the buckets that hold it. Asked after access is judged, so that only who may
// call an operation spends what there is for it, and before anything is looked up. Data-plane operations are limited per shard, by throughput.ts.
import { assert } from '../base/assert.ts'
import { Lru } from '../base/lru.ts'
import { TokenBucket } from '../base/token-bucket.ts'
import type { Clock } from '../world/world.ts'
import { AwsError, type Place, texts } from './errors.ts'
import type { Limits } from './limits.ts'
import { shardIndexOf } from './shard-map.ts'

export type Rate =
  | { readonly per: 'account' | 'stream' | 'consumer and shard'; readonly callsPerSecond: number }
  /** Counted are calls that succeed, within 24 hours, since this process started. */
  | { readonly per: 'stream'; readonly successesPerDay: number }
  /** throughput.ts holds it, by what the shard gives and takes. */
  | { readonly per: 'shard' }
  /** AWS names none. */
  | { readonly per: 'nothing' }

const perAccount = (callsPerSecond: number): Rate => ({ per: 'account', callsPerSecond })
const perStream = (callsPerSecond: number): Rate => ({ per: 'stream', callsPerSecond })
const perShard: Rate = { per: 'shard' }
const unlimited: Rate = { per: 'nothing' }

/** Every operation of the model (reference: Kinesis Data Streams quotas, 2025-10, and the operations' own documentation). */
export const rates: Readonly<Record<string, Rate>> = {
  AddTagsToStream: perAccount(5),
  CreateChannel: perAccount(5),
  CreateStream: perAccount(5),
  DecreaseStreamRetentionPeriod: perAccount(5),
  DeleteChannel: perAccount(5),
  DeleteResourcePolicy: unlimited,
  DeleteStream: perAccount(5),
  DeregisterStreamConsumer: perStream(5),
  DescribeAccountSettings: perAccount(5),
  DescribeChannel: perAccount(5),
  DescribeLimits: perAccount(1),
  DescribeStream: perAccount(10),
  DescribeStreamConsumer: perStream(20),
  DescribeStreamSummary: perAccount(20),
  DisableEnhancedMonitoring: perAccount(5),
  EnableEnhancedMonitoring: perAccount(5),
  GetRecords: perShard,
  GetResourcePolicy: unlimited,
  GetShardIterator: perShard,
  IncreaseStreamRetentionPeriod: perAccount(5),
  ListChannels: perAccount(5),
  ListShards: perStream(1_000),
  ListStreamConsumers: perStream(5),
  ListStreams: perAccount(5),
  ListTagsForResource: unlimited,
  ListTagsForStream: perAccount(5),
  MergeShards: perAccount(5),
  PutRecord: perShard,
  PutRecords: perShard,
  PutResourcePolicy: unlimited,
  RegisterStreamConsumer: perAccount(5),
  RemoveTagsFromStream: perAccount(5),
  SplitShard: perAccount(5),
  StartStreamEncryption: { per: 'stream', successesPerDay: 25 },
  StopStreamEncryption: { per: 'stream', successesPerDay: 25 },
  SubscribeToShard: { per: 'consumer and shard', callsPerSecond: 1 },
  TagResource: unlimited,
  UntagResource: unlimited,
  UpdateAccountSettings: perAccount(5),
  UpdateChannel: perAccount(5),
  UpdateMaxRecordSize: unlimited,
  UpdateShardCount: perAccount(10),
  UpdateStreamMode: unlimited,
  UpdateStreamRecordDistributionStrategy: unlimited,
  UpdateStreamWarmThroughput: perAccount(5),
}

export function isOperation(name: string): boolean {
  return Object.hasOwn(rates, name)
}

/** A call that wants to be served. */
export interface Call {
  readonly operation: string
  /** The stream it is about, where it names one. To be asked only where that matters: it may have to be looked for in a sealed token. */
  readonly stream: () => string | undefined
  readonly input: Readonly<Record<string, unknown>>
}

const bucketsMax = 20_000
const daysTrackedMax = 2_000
const dayMs = 24 * 3_600_000

export class CallRates {
  readonly #clock: Clock
  readonly #limits: Limits
  readonly #place: Place
  // Whoever falls out has been idle longest, and comes back with a full bucket.
  readonly #buckets = new Lru<string, TokenBucket>(bucketsMax)
  readonly #successes = new Lru<string, readonly number[]>(daysTrackedMax)

  constructor(options: { readonly clock: Clock; readonly limits: Limits; readonly place: Place }) {
    this.#clock = options.clock
    this.#limits = options.limits
    this.#place = options.place
  }

  /** Null where the call may be served now; otherwise its LimitExceededException. */
  admit(call: Call): null | AwsError {
    const { operation } = call
    const rate = rateOf(operation)
    if (rate.per === 'shard') return null
    const refused = (): AwsError => new AwsError('LimitExceededException', texts.callRateExceeded(call.stream(), this.#place))
    if (this.#limits.chaos?.throttles(operation) === true) return refused()
    if (!this.#limits.isEnforced || rate.per === 'nothing') return null
    if ('successesPerDay' in rate) {
      return this.#successesOf(call).length < rate.successesPerDay ? null : new AwsError('LimitExceededException', texts.dailyLimit(operation, call.stream(), rate.successesPerDay, this.#place))
    }
    const nowMs = this.#clock.monotonic()
    const bucket = this.#bucket(keyOf(rate.per, call), rate.callsPerSecond, nowMs)
    if (!bucket.has(1, nowMs)) return refused()
    bucket.take(1, nowMs)
    return null
  }

  /** The call was served and had its effect. */
  succeeded(call: Call): void {
    const rate = rateOf(call.operation)
    if (!('successesPerDay' in rate)) return
    // No more than count, however many there are where no limits hold.
    this.#successes.set(keyOf('stream', call), [...this.#successesOf(call), this.#clock.now()].slice(-rate.successesPerDay))
  }

  #successesOf(call: Call): readonly number[] {
    return (this.#successes.get(keyOf('stream', call)) ?? []).filter(atMs => atMs > this.#clock.now() - dayMs)
  }

  #bucket(key: string, perSecond: number, nowMs: number): TokenBucket {
    const known = this.#buckets.get(key)
    if (known !== undefined) return known
    const bucket = new TokenBucket({ perSecond, nowMs })
    this.#buckets.set(key, bucket)
    return bucket
  }
}

/** Throws for an operation that is not in the table: a test goes through all that are served. */
export function rateOf(operation: string): Rate {
  assert(isOperation(operation), `no rate is declared for ${operation}`)
  return rates[operation]!
}

function keyOf(per: 'account' | 'stream' | 'consumer and shard', { operation, stream, input }: Call): string {
  if (per === 'account') return operation
  return per === 'stream' ? `${operation}/${stream() ?? ''}` : `${operation}/${String(input['ConsumerARN'])}/${shardIndexOf(String(input['ShardId'])) ?? ''}`
}
