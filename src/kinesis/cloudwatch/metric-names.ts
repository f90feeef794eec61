// The names and units under which streams, shards, consumers and channels are measured: CloudWatch's, in the namespace AWS/Kinesis. What each means, AWS says in "Monitoring the
// Amazon Kinesis Data Streams service with Amazon CloudWatch". Two are deprecated there and kept here: GetRecords.IteratorAge and PutRecords.Records.
import type { ShardLevelMetric } from '../shard-level-metrics.ts'

export const kinesisNamespace = 'AWS/Kinesis'
/** What AWS does not measure. */
export const ownNamespace = 'Sluice/Kinesis'

/** By StreamName. */
export const streamMetrics = {
  'GetRecords.Bytes': 'Bytes',
  'GetRecords.IteratorAge': 'Seconds',
  'GetRecords.IteratorAgeMilliseconds': 'Milliseconds',
  'GetRecords.Latency': 'Milliseconds',
  'GetRecords.Records': 'Count',
  'GetRecords.Success': 'Count',
  'IncomingBytes': 'Bytes',
  'IncomingRecords': 'Count',
  'PutRecord.Bytes': 'Bytes',
  'PutRecord.Latency': 'Milliseconds',
  'PutRecord.Success': 'Count',
  'PutRecords.Bytes': 'Bytes',
  'PutRecords.FailedRecords': 'Count',
  'PutRecords.Latency': 'Milliseconds',
  'PutRecords.Records': 'Count',
  'PutRecords.Success': 'Count',
  'PutRecords.SuccessfulRecords': 'Count',
  'PutRecords.ThrottledRecords': 'Count',
  'PutRecords.TotalRecords': 'Count',
  'ReadProvisionedThroughputExceeded': 'Count',
  'WriteProvisionedThroughputExceeded': 'Count',
} as const
export type StreamMetric = keyof typeof streamMetrics

/** By StreamName, in our own namespace: records that the KPL put together, and the user records in them. */
export const aggregationMetrics = { AggregatedRecords: 'Count', UserRecords: 'Count' } as const
export type AggregationMetric = keyof typeof aggregationMetrics

/** By StreamName and ConsumerName. */
export const consumerMetrics = {
  'SubscribeToShard.RateExceeded': 'Count',
  'SubscribeToShard.Success': 'Count',
  'SubscribeToShardEvent.Bytes': 'Bytes',
  'SubscribeToShardEvent.MillisBehindLatest': 'Milliseconds',
  'SubscribeToShardEvent.Records': 'Count',
  'SubscribeToShardEvent.Success': 'Count',
} as const
export type ConsumerMetric = keyof typeof consumerMetrics

/** By ChannelName, ChannelId and StreamName. */
export const channelMetrics = {
  'DeliveryToS3.BytesIn': 'Bytes',
  'DeliveryToS3.BytesOut': 'Bytes',
  'DeliveryToS3.BytesProcessed': 'Bytes',
  'DeliveryToS3.DLQDeliverySuccess': 'Count',
  'DeliveryToS3.DataFreshness': 'Seconds',
  'DeliveryToS3.DeliverySuccess': 'Count',
  'DeliveryToS3.FailedRecordCount': 'Count',
  'DeliveryToS3.RecordCount': 'Count',
  'DeliveryToS3.SuccessfulRecordCount': 'Count',
} as const
export type ChannelMetric = keyof typeof channelMetrics

/** By StreamName and ShardId, where the stream is monitored so. */
export const shardMetrics = {
  IncomingBytes: 'Bytes',
  IncomingRecords: 'Count',
  IteratorAgeMilliseconds: 'Milliseconds',
  OutgoingBytes: 'Bytes',
  OutgoingRecords: 'Count',
  ReadProvisionedThroughputExceeded: 'Count',
  WriteProvisionedThroughputExceeded: 'Count',
} as const satisfies Record<ShardLevelMetric, string>
