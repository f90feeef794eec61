// DescribeQuorum v0-2. Who holds __cluster_metadata, and how far. It has one partition; any other topic or partition is UNKNOWN_TOPIC_OR_PARTITION.
// Version notes: v1: when each voter last fetched and was caught up (KIP-836), of the leader: now; v2: error texts, directory ids and the listeners of the
// voters (KIP-853): of these there are none, as no voter is reached over the network.
import type { Quorum } from '../../ports.ts'
import { array, defineApi, int16, int32, int64, string, uint16, uuid, type RequestOf, type ResponseOf } from '../../wire/schema.ts'
import { onCluster } from '../access.ts'
import { serve } from '../api.ts'
import type { Context } from '../context.ts'
import { denialTextOf, ErrorCode } from '../errors.ts'

const replicaState = {
  replicaId: int32,
  replicaDirectoryId: uuid.in('2+'),
  logEndOffset: int64,
  lastFetchTimestamp: int64.in('1+').default(-1),
  lastCaughtUpTimestamp: int64.in('1+').default(-1),
}

export const DescribeQuorum = defineApi({
  key: 55, name: 'DescribeQuorum', versions: '0-2', flexible: '0+',
  request: { topics: array({ topicName: string, partitions: array({ partitionIndex: int32 }) }) },
  response: {
    errorCode: int16,
    errorMessage: string.in('2+').nullable('2+').default(null),
    topics: array({
      topicName: string,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        errorMessage: string.in('2+').nullable('2+').default(null),
        leaderId: int32,
        leaderEpoch: int32,
        highWatermark: int64,
        currentVoters: array(replicaState),
        observers: array(replicaState),
      }),
    }),
    nodes: array({ nodeId: int32, listeners: array({ name: string, host: string, port: uint16 }) }).in('2+'),
  },
})

export interface DescribeQuorumRequest extends RequestOf<typeof DescribeQuorum> {}
export interface DescribeQuorumResponse extends ResponseOf<typeof DescribeQuorum> {}
type PartitionResponse = DescribeQuorumResponse['topics'][number]['partitions'][number]

export const describeQuorum = serve(DescribeQuorum, {
  access: onCluster('describe', (errorCode): DescribeQuorumResponse => ({ errorCode, errorMessage: denialTextOf('cluster'), topics: [] })),
}, handle)

const metadataTopic = '__cluster_metadata'

async function handle({ topics }: DescribeQuorumRequest, context: Context): Promise<DescribeQuorumResponse> {
  const [first] = topics
  const isMetadata = topics.length === 1 && first!.topicName === metadataTopic && first!.partitions.length === 1 && first!.partitions[0]!.partitionIndex === 0
  if (!isMetadata) {
    return {
      errorCode: ErrorCode.NONE,
      topics: topics.map(({ topicName, partitions }) => ({ topicName, partitions: partitions.map(({ partitionIndex }) => unknown(partitionIndex)) })),
    }
  }
  const quorum = await context.admin.quorum()
  return {
    errorCode: ErrorCode.NONE,
    topics: [{ topicName: metadataTopic, partitions: [describe(quorum, context.clock.now())] }],
    nodes: quorum.voters.map(({ id }) => ({ nodeId: id, listeners: [] })),
  }
}

function describe({ leaderId, leaderEpoch, highWatermark, voters }: Quorum, nowMs: number): PartitionResponse {
  return {
    partitionIndex: 0, errorCode: ErrorCode.NONE, leaderId, leaderEpoch, highWatermark, observers: [],
    currentVoters: voters.map(({ id, logEndOffset, lastFetchMs, lastCaughtUpMs }) => ({
      replicaId: id,
      logEndOffset,
      lastFetchTimestamp: id === leaderId ? nowMs : lastFetchMs,
      lastCaughtUpTimestamp: id === leaderId ? nowMs : lastCaughtUpMs,
    })),
  }
}

function unknown(partitionIndex: number): PartitionResponse {
  return {
    partitionIndex, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, errorMessage: 'This server does not host this topic-partition.',
    leaderId: 0, leaderEpoch: 0, highWatermark: 0, currentVoters: [], observers: [],
  }
}
