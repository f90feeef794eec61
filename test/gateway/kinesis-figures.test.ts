import { describe, expect, it } from 'vitest'
import { Metrics } from '../../src/gateway/management.ts'
import { type TestClock, testKinesis } from '../kinesis/support/kinesis.ts'

/** The samples of a text in Prometheus's form, without help and types. */
async function shown(metrics: Metrics): Promise<string[]> {
  return (await metrics.text()).split('\n').filter(line => line.startsWith('sluice_kinesis_') || line.startsWith('sluice_errors_total'))
}

describe('the figures of Kinesis', () => {
  it('show what streams, their shards and their consumers are used for', async () => {
    using metrics = new Metrics()
    const kinesis = await testKinesis()
    metrics.watchKinesis(kinesis.handler)
    await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 1 })
    await kinesis.ok('EnableEnhancedMonitoring', { StreamName: 'orders', ShardLevelMetrics: ['IncomingBytes', 'IteratorAgeMilliseconds'] })
    for (let at = 0; at < 2; at++) await kinesis.ok('PutRecord', { StreamName: 'orders', PartitionKey: 'a', Data: 'aGVsbG8=' })
    ;(kinesis.clock as TestClock).advance(90_500)
    const { ShardIterator } = await kinesis.ok('GetShardIterator', { StreamName: 'orders', ShardId: '0', ShardIteratorType: 'TRIM_HORIZON' })
    await kinesis.ok('GetRecords', { ShardIterator, Limit: 1 })
    kinesis.handler.metrics.subscribed('orders', 'bill', 'success')
    kinesis.handler.metrics.published({ stream: 'orders', monitoring: [] }, 'bill', 'shardId-000000000000', { bytes: 6, records: 1, millisBehindLatest: 1_500 })

    const lines = await shown(metrics)
    expect(lines).toEqual(expect.arrayContaining([
      'sluice_kinesis_incoming_bytes_total{stream="orders"} 12',
      'sluice_kinesis_incoming_records_total{stream="orders"} 2',
      'sluice_kinesis_put_record_success_total{stream="orders"} 2',
      'sluice_kinesis_put_record_calls_total{stream="orders"} 2',
      'sluice_kinesis_put_record_latency_seconds_count{stream="orders"} 2',
      'sluice_kinesis_write_provisioned_throughput_exceeded_total{stream="orders"} 0',
      'sluice_kinesis_get_records_iterator_age_seconds{stream="orders"} 90.5',
      'sluice_kinesis_shard_incoming_bytes_total{stream="orders",shard="shardId-000000000000"} 12',
      'sluice_kinesis_shard_iterator_age_seconds{stream="orders",shard="shardId-000000000000"} 90.5',
      'sluice_kinesis_consumer_subscribe_to_shard_calls_total{stream="orders",consumer="bill"} 1',
      'sluice_kinesis_consumer_subscribe_to_shard_event_bytes_total{stream="orders",consumer="bill"} 6',
      'sluice_kinesis_consumer_subscribe_to_shard_event_behind_latest_seconds{stream="orders",consumer="bill"} 1.5',
    ]))
    // Only what monitoring is on for, and nothing that is deprecated.
    expect(lines.filter(line => /shard_incoming_records|iterator_age_total|put_records_records/.test(line))).toEqual([])
  })

  it('show what was throttled, by its error, and the troubles that were made', async () => {
    using metrics = new Metrics()
    const kinesis = await testKinesis({
      profile: 'chaos', chaos: { throttle: 1, failure: 0 },
      observe: ({ status, milliseconds: durationMs, ...seen }) => metrics.observe({ ...seen, facade: 'kinesis', failed: status >= 400, durationMs }),
    })
    metrics.watchKinesis(kinesis.handler)
    for (let at = 0; at < 3; at++) await kinesis.call('ListStreams', {})
    expect(await shown(metrics)).toEqual(expect.arrayContaining([
      'sluice_errors_total{facade="kinesis",operation="ListStreams",error="LimitExceededException"} 3',
      'sluice_kinesis_troubles_total{operation="ListStreams",trouble="throttled"} 3',
    ]))
  })
})
