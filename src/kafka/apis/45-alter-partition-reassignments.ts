// AlterPartitionReassignments v0-1 (KIP-455). Sets the brokers that are to hold a partition, or (null) gives up a reassignment under way; each partition for
// itself. Answers once the moves have begun, so timeoutMs bounds nothing; ListPartitionReassignments shows what is left of them.
// v1: allowReplicationFactorChange (KIP-860): where it is false, a partition keeps its number of replicas.
import { Refusal, type Partition, type Reassignment } from '../../ports.ts'
import { array, boolean, defineApi, int16, int32, string, type RequestOf, type ResponseOf } from '../../wire/schema.ts'
import { onCluster } from '../access.ts'
import { serve } from '../api.ts'
import type { Context } from '../context.ts'
import { denialTextOf, ErrorCode, errorCodeOf, errorMessageOf } from '../errors.ts'

export const AlterPartitionReassignments = defineApi({
  key: 45, name: 'AlterPartitionReassignments', versions: '0-1', flexible: '0+',
  request: {
    timeoutMs: int32.default(60_000),
    allowReplicationFactorChange: boolean.in('1+').default(true),
    topics: array({ name: string, partitions: array({ partitionIndex: int32, replicas: array(int32).nullable().default(null) }) }),
  },
  response: {
    throttleTimeMs: int32.default(0),
    allowReplicationFactorChange: boolean.in('1+').default(true),
    errorCode: int16,
    errorMessage: string.nullable().default(null),
    responses: array({
      name: string,
      partitions: array({ partitionIndex: int32, errorCode: int16, errorMessage: string.nullable().default(null) }),
    }),
  },
})

export interface AlterPartitionReassignmentsRequest extends RequestOf<typeof AlterPartitionReassignments> {}
export interface AlterPartitionReassignmentsResponse extends ResponseOf<typeof AlterPartitionReassignments> {}

export const alterPartitionReassignments = serve(AlterPartitionReassignments, {
  access: onCluster('alter', (errorCode, request: AlterPartitionReassignmentsRequest) => refuse(request, errorCode, denialTextOf('cluster'))),
}, handle)

async function handle(request: AlterPartitionReassignmentsRequest, context: Context): Promise<AlterPartitionReassignmentsResponse> {
  const wishes = request.topics.flatMap(({ name, partitions }) => (
    partitions.map(({ partitionIndex, replicas }): Reassignment => ({ topic: name, partition: partitionIndex, replicas }))
  ))
  const answers = new Map<Reassignment, Refusal | null>()
  if (!request.allowReplicationFactorChange) for (const [wish, refusal] of await changesOfCount(wishes, context)) answers.set(wish, refusal)
  const granted = wishes.filter(wish => !answers.has(wish))
  const reassigned = await context.admin.reassign(granted)
  if (reassigned instanceof Refusal) return refuse(request, errorCodeOf(reassigned), reassigned.message)
  for (const [at, wish] of granted.entries()) answers.set(wish, reassigned[at] ?? null)

  let next = 0
  return {
    allowReplicationFactorChange: request.allowReplicationFactorChange,
    errorCode: ErrorCode.NONE,
    responses: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => {
        const answer = answers.get(wishes[next++]!)
        return { partitionIndex, errorCode: errorCodeOf(answer), errorMessage: errorMessageOf(answer) }
      }),
    })),
  }
}

/** The wishes that would leave a partition with another number of replicas. */
async function changesOfCount(wishes: readonly Reassignment[], { admin }: Context): Promise<(readonly [Reassignment, Refusal])[]> {
  const topics = await admin.topics([...new Set(wishes.map(wish => wish.topic))])
  const byName = new Map(topics.map(topic => [topic.name, topic.partitions]))
  return wishes.flatMap(wish => {
    const partition = byName.get(wish.topic)?.find(one => one.index === wish.partition)
    if (partition === undefined || wish.replicas === null) return []
    const [before, after] = [targetOf(partition).length, wish.replicas.length]
    if (before === after) return []
    return [[wish, new Refusal('invalid-replication-factor', `The replication factor is changed from ${before} to ${after}`)] as const]
  })
}

/** The replicas a partition has once the reassignment under way is done. */
function targetOf({ replicas, removingReplicas }: Partition): readonly number[] {
  return replicas.filter(id => !removingReplicas.includes(id))
}

function refuse(request: AlterPartitionReassignmentsRequest, errorCode: number, errorMessage: string): AlterPartitionReassignmentsResponse {
  const responses = request.topics.map(({ name, partitions }) => ({
    name, partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode, errorMessage })),
  }))
  return { allowReplicationFactorChange: request.allowReplicationFactorChange, errorCode, errorMessage, responses }
}
