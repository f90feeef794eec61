// ListPartitionReassignments v0 (KIP-455). The reassignments under way of the named partitions, or (null) of all; a partition without one is not answered.
// Answers at once, so timeoutMs bounds nothing.
import { array, defineApi, int16, int32, string, type RequestOf, type ResponseOf } from '../../wire/schema.ts'
import { onCluster } from '../access.ts'
import { serve } from '../api.ts'
import type { Context } from '../context.ts'
import { denialTextOf, ErrorCode } from '../errors.ts'

export const ListPartitionReassignments = defineApi({
  key: 46, name: 'ListPartitionReassignments', versions: '0', flexible: '0+',
  request: {
    timeoutMs: int32.default(60_000),
    topics: array({ name: string, partitionIndexes: array(int32) }).nullable().default(null),
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16,
    errorMessage: string.nullable().default(null),
    topics: array({
      name: string,
      partitions: array({ partitionIndex: int32, replicas: array(int32), addingReplicas: array(int32), removingReplicas: array(int32) }),
    }),
  },
})

export interface ListPartitionReassignmentsRequest extends RequestOf<typeof ListPartitionReassignments> {}
export interface ListPartitionReassignmentsResponse extends ResponseOf<typeof ListPartitionReassignments> {}

export const listPartitionReassignments = serve(ListPartitionReassignments, {
  access: onCluster('describe', (errorCode): ListPartitionReassignmentsResponse => ({ errorCode, errorMessage: denialTextOf('cluster'), topics: [] })),
}, handle)

async function handle({ topics }: ListPartitionReassignmentsRequest, { admin }: Context): Promise<ListPartitionReassignmentsResponse> {
  const named = topics?.flatMap(({ name, partitionIndexes }) => partitionIndexes.map(partition => ({ topic: name, partition }))) ?? null
  const byTopic = Map.groupBy(await admin.reassignments(named), one => one.topic)
  return {
    errorCode: ErrorCode.NONE,
    topics: [...byTopic].map(([name, ofTopic]) => ({
      name,
      partitions: ofTopic.map(({ partition, replicas, addingReplicas, removingReplicas }) => (
        { partitionIndex: partition, replicas, addingReplicas, removingReplicas }
      )),
    })),
  }
}
