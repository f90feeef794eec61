// ElectLeaders v0-2. Makes the preferred replicas lead again (type 0), or has a replica lead that may lack records where none that is in sync is left (type
// 1, v1+). Of the named partitions each is answered, ELECTION_NOT_NEEDED among them; of all (null), only those where there was something to elect.
// Answers when the elections are over, so timeoutMs bounds nothing. v1: election type, and an error code of the whole; v2: flexible.
import { Refusal, type PartitionRef } from '../../ports.ts'
import { array, defineApi, int16, int32, int8, string, type RequestOf, type ResponseOf } from '../../wire/schema.ts'
import { onCluster } from '../access.ts'
import { serve } from '../api.ts'
import type { Context } from '../context.ts'
import { denialTextOf, ErrorCode, errorCodeOf, errorMessageOf } from '../errors.ts'

export const ElectLeaders = defineApi({
  key: 43, name: 'ElectLeaders', versions: '0-2', flexible: '2+',
  request: {
    electionType: int8.in('1+'),
    topicPartitions: array({ topic: string, partitions: array(int32) }).nullable(),
    timeoutMs: int32.default(60_000),
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16.in('1+'),
    replicaElectionResults: array({
      topic: string,
      partitionResult: array({ partitionId: int32, errorCode: int16, errorMessage: string.nullable().default(null) }),
    }),
  },
})

export interface ElectLeadersRequest extends RequestOf<typeof ElectLeaders> {}
export interface ElectLeadersResponse extends ResponseOf<typeof ElectLeaders> {}

export const electLeaders = serve(ElectLeaders, {
  access: onCluster('alter', (errorCode, request: ElectLeadersRequest) => refuse(request, errorCode, denialTextOf('cluster'))),
}, handle)

interface Elected extends PartitionRef {
  readonly errorCode: number
  readonly errorMessage: string | null
}

const kinds: readonly ('preferred' | 'unclean')[] = ['preferred', 'unclean']

async function handle(request: ElectLeadersRequest, { admin }: Context): Promise<ElectLeadersResponse> {
  const kind = kinds[request.electionType]
  if (kind === undefined) return refuse(request, ErrorCode.INVALID_REQUEST, `Unknown election type ${request.electionType}`)
  const results = await admin.electLeaders(kind, request.topicPartitions === null ? null : partitionsOf(request))
  if (results instanceof Refusal) return refuse(request, errorCodeOf(results), results.message)
  return {
    errorCode: ErrorCode.NONE,
    replicaElectionResults: grouped(results.map(({ topic, partition, refusal }) => (
      { topic, partition, errorCode: errorCodeOf(refusal), errorMessage: errorMessageOf(refusal) }
    ))),
  }
}

/** The whole, and as v0 has no place for that, also each partition that was named. */
function refuse(request: ElectLeadersRequest, errorCode: number, errorMessage: string): ElectLeadersResponse {
  return { errorCode, replicaElectionResults: grouped(partitionsOf(request).map(at => ({ ...at, errorCode, errorMessage }))) }
}

function partitionsOf({ topicPartitions }: ElectLeadersRequest): readonly PartitionRef[] {
  return (topicPartitions ?? []).flatMap(({ topic, partitions }) => partitions.map(partition => ({ topic, partition })))
}

function grouped(results: readonly Elected[]): ElectLeadersResponse['replicaElectionResults'] {
  const byTopic = Map.groupBy(results, result => result.topic)
  return [...byTopic].map(([topic, ofTopic]) => ({
    topic, partitionResult: ofTopic.map(({ partition, errorCode, errorMessage }) => ({ partitionId: partition, errorCode, errorMessage })),
  }))
}
