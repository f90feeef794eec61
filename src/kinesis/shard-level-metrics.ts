// The metrics that a stream may keep for each of its shards, in the model's order, in which they are shown.

export const shardLevelMetrics = [
  'IncomingBytes', 'IncomingRecords', 'OutgoingBytes', 'OutgoingRecords', 'WriteProvisionedThroughputExceeded', 'ReadProvisionedThroughputExceeded', 'IteratorAgeMilliseconds',
] as const
export type ShardLevelMetric = (typeof shardLevelMetrics)[number]
