// What becomes of the records of one PutRecord or PutRecords, counted when it ends.
import { userRecordCount } from '../aggregation.ts'
import { AwsError } from '../errors.ts'
import type { KinesisMetrics, Measured } from './kinesis-metrics.ts'

export class PutTally {
  readonly #metrics: KinesisMetrics
  readonly #operation: 'PutRecord' | 'PutRecords'
  readonly #measured: Measured
  readonly #total: number
  #bytes = 0
  #stored = 0
  #throttled = 0
  #failed = 0
  #aggregated = 0
  #userRecords = 0

  constructor(metrics: KinesisMetrics, operation: 'PutRecord' | 'PutRecords', measured: Measured, total: number) {
    this.#metrics = metrics
    this.#operation = operation
    this.#measured = measured
    this.#total = total
  }

  /** What became of the operation's records in one shard, each with its answer. */
  shard(shardId: string, records: readonly { readonly data: Buffer; readonly size: number }[], answers: readonly object[]): void {
    let [bytes, stored, throttled] = [0, 0, 0]
    for (let at = 0; at < records.length; at++) {
      const answer = answers[at]
      if (answer instanceof AwsError) {
        if (answer.type === 'ProvisionedThroughputExceededException') throttled++
        if (answer.type === 'InternalFailure') this.#failed++
        continue
      }
      const { data, size } = records[at]!
      bytes += size
      stored++
      const userRecords = userRecordCount(data)
      if (userRecords > 0) this.#aggregated++
      this.#userRecords += userRecords
    }
    this.#bytes += bytes
    this.#stored += stored
    this.#throttled += throttled
    const metrics = this.#metrics
    if (stored > 0) {
      metrics.ofShard(this.#measured, shardId, 'IncomingBytes', bytes)
      metrics.ofShard(this.#measured, shardId, 'IncomingRecords', stored)
    }
    metrics.ofShard(this.#measured, shardId, 'WriteProvisionedThroughputExceeded', throttled)
  }

  /** The operation has its answer, whatever it is. */
  end(): void {
    const { clock } = this.#metrics
    const nowMs = clock.now()
    const { stream, startedMs } = this.#measured
    const meters = this.#metrics.ofStream(stream)
    const isSuccess = this.#stored > 0
    if (isSuccess) {
      meters.add('IncomingBytes', this.#bytes, nowMs)
      meters.add('IncomingRecords', this.#stored, nowMs)
      meters.add(`${this.#operation}.Bytes`, this.#bytes, nowMs)
    }
    meters.add(`${this.#operation}.Latency`, clock.monotonic() - startedMs, nowMs)
    meters.add(`${this.#operation}.Success`, isSuccess ? 1 : 0, nowMs)
    meters.add('WriteProvisionedThroughputExceeded', this.#throttled, nowMs)
    if (this.#operation === 'PutRecords') {
      meters.add('PutRecords.TotalRecords', this.#total, nowMs)
      meters.add('PutRecords.SuccessfulRecords', this.#stored, nowMs)
      meters.add('PutRecords.Records', this.#stored, nowMs)
      meters.add('PutRecords.FailedRecords', this.#failed, nowMs)
      meters.add('PutRecords.ThrottledRecords', this.#throttled, nowMs)
    }
    if (this.#aggregated === 0) return
    const aggregation = this.#metrics.ofAggregation(stream)
    aggregation.add('AggregatedRecords', this.#aggregated, nowMs)
    aggregation.add('UserRecords', this.#userRecords, nowMs)
  }
}
