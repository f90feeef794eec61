// The two views of the same data, and the bridge between them, in the OpenAPI document.
import { boolean, ids, integer, list, mapOf, nullable, number, object, oneOf, openObject, ref, text, time, words } from './json-schema.ts'
import { type Family, flag, json, ok, pages, parameter } from './operation.ts'

const replicaLists = { replicas: ids, inSyncReplicas: ids, eligibleReplicas: ids, addingReplicas: ids, removingReplicas: ids }
const offsets = { logStartOffset: integer, lastStableOffset: integer, highWatermark: integer, logEndOffset: integer }
/** Of a partition whose topic was resharded, and of one that is closed; null otherwise. */
export const shardView = { shard: nullable(ref('Shard')), closed: nullable(ref('ShardEnd')) }
const used = object({ Used: number, Limit: nullable(number) })
const partitionView = oneOf(
  object({ partition: integer, leader: integer, leaderEpoch: integer, partitionEpoch: integer, ...replicaLists, ...shardView, ...offsets }),
  object({ partition: integer, leader: integer, leaderEpoch: integer, partitionEpoch: integer, ...replicaLists, ...shardView, error: text }),
)
const topicView = { name: text, id: text, internal: boolean, createdAt: time, partitions: list(partitionView) }
const checkpointNames = { group: parameter('Id of the consumer group.'), topic: parameter('Name of the topic.'), stream: parameter('The same, as AWS says it.') }
const lease = object({
  leaseKey: text, checkpoint: text, checkpointSubSequenceNumber: integer, leaseCounter: integer, ownerSwitchesSinceCheckpoint: integer,
  parentShardId: list(text), childShardIds: list(text), startingHashKey: text, endingHashKey: text,
})
const givenLease = openObject({ leaseKey: text, checkpoint: text }, { checkpointSubSequenceNumber: integer })
/** As DynamoDB has them: `{"S": "text"}`, `{"N": "12"}`, `{"SS": ["a", "b"]}`. */
const attribute = oneOf(object({ S: text }), object({ N: text }), object({ SS: list(text) }))

export const viewsFamily: Family = {
  tag: 'Both views',
  description: 'The same data in Kafka\'s words and in AWS\'s, and the same position under its two names.',
  schemas: {
    KafkaTopicView: object(topicView),
    Shard: object({ hashKeys: object({ start: text, end: text }), parents: ids }),
    ShardEnd: object({ at: time, endOffset: nullable(integer) }),
    StreamView: object({
      StreamName: text, StreamARN: text, StreamStatus: text, StreamModeDetails: object({ StreamMode: text }), StreamCreationTimestamp: number, RetentionPeriodHours: number,
      OpenShardCount: integer, Shards: list(object({
        ShardId: text, HashKeyRange: object({ StartingHashKey: text, EndingHashKey: text }),
        SequenceNumberRange: object({ StartingSequenceNumber: text }, { EndingSequenceNumber: text }),
        LatestSequenceNumber: nullable(text), ThroughputWithinLastSecond: object({ WriteBytes: used, WriteRecords: used, ReadBytes: used, ReadCalls: used }),
      }, { ParentShardId: text, AdjacentParentShardId: text })),
    }),
  },
  paths: {
    '/kafka/topics': {
      get: {
        summary: 'Topics in Kafka\'s words', description: 'Those that the caller may DESCRIBE.', query: { ...pages, internal: flag('Internal topics too.') },
        answers: ok('A page.', json(object({ cluster: ref('ClusterState'), topics: list(ref('KafkaTopicView')), next: nullable(text) }))),
      },
    },
    '/kafka/topics/{topic}': {
      get: {
        summary: 'A topic in Kafka\'s words', description: 'DESCRIBE on the topic; the configs are null without DESCRIBE_CONFIGS.',
        answers: ok('The topic.', json(object({ ...topicView, brokers: list(ref('ClusterBroker')), configs: nullable(mapOf(object({ value: nullable(text), source: text }))) }))),
      },
    },
    '/kinesis/streams': {
      get: { summary: 'Streams in AWS\'s words', query: pages, answers: ok('A page.', json(object({ Streams: list(ref('StreamView')), Next: nullable(text) }))) },
    },
    '/kinesis/streams/{stream}': { get: { summary: 'A stream in AWS\'s words', answers: ok('The stream.', json(ref('StreamView'))) } },
    '/bridge/checkpoints': {
      get: {
        summary: 'A consumer group\'s offsets as the leases of a KCL application', description: 'DESCRIBE on the group and the topic.',
        query: { ...checkpointNames, format: parameter('plain, or dynamodb: as aws dynamodb scan prints them.', words('plain', 'dynamodb')) },
        answers: ok('The leases.', json(oneOf(
          object({ group: text, topic: text, stream: text, leases: list(lease) }),
          object({ Items: list(mapOf(attribute)), Count: integer, ScannedCount: integer }),
        ))),
      },
      put: {
        summary: 'The leases of a KCL application as a consumer group\'s offsets',
        description: 'READ on the group and the topic. The group must have no members. Leases of other streams are passed over. Further attributes of a lease are read over.',
        query: checkpointNames,
        body: json(oneOf(object({ leases: list(givenLease) }), openObject({ Items: list(mapOf(openObject({}))) }))),
        answers: ok('What was committed.', json(object({ group: text, topic: text, stream: text, offsets: list(object({ partition: integer, shardId: text, offset: integer })) }))),
      },
    },
    '/bridge/positions': {
      get: {
        summary: 'A position under both its names', description: 'DESCRIBE on the topic. An offset of a partition, or a sequence number of a shard.',
        query: {
          topic: parameter('Name of the topic.'), stream: parameter('The same, as AWS says it.'), partition: parameter('Number of the partition.', integer), shard: parameter('Id of the shard.'),
          offset: parameter('An offset.', integer), sequence: parameter('A sequence number.'),
        },
        answers: ok('The position.', json(object({
          topic: text, partition: integer, offset: integer, stream: text, shardId: text, sequenceNumber: text, timestamp: time, timestampMs: integer,
        }, { children: list(object({ partition: integer, shardId: text })) }))),
      },
    },
  },
}
