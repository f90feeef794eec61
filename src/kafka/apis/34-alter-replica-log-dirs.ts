// AlterReplicaLogDirs v1-2. Moves replicas to other data directories of the broker that is asked; answered once the moves have begun, DescribeLogDirs shows
// them under way. A partition that is named under several directories goes to the last of them. v2: flexible.
import { Refusal, type PartitionRef } from '../../ports.ts'
import { array, defineApi, int16, int32, string, type RequestOf, type ResponseOf } from '../../wire/schema.ts'
import { onCluster } from '../access.ts'
import { serve } from '../api.ts'
import type { Context } from '../context.ts'
import { ErrorCode, errorCodeOf } from '../errors.ts'

export const AlterReplicaLogDirs = defineApi({
  key: 34, name: 'AlterReplicaLogDirs', versions: '1-2', flexible: '2+',
  request: { dirs: array({ path: string, topics: array({ name: string, partitions: array(int32) }) }) },
  response: {
    throttleTimeMs: int32.default(0),
    results: array({ topicName: string, partitions: array({ partitionIndex: int32, errorCode: int16 }) }),
  },
})

export interface AlterReplicaLogDirsRequest extends RequestOf<typeof AlterReplicaLogDirs> {}
export interface AlterReplicaLogDirsResponse extends ResponseOf<typeof AlterReplicaLogDirs> {}

export const alterReplicaLogDirs = serve(AlterReplicaLogDirs, {
  access: onCluster('alter', (errorCode, request: AlterReplicaLogDirsRequest): AlterReplicaLogDirsResponse => (
    answerOf(movesOf(request).map(move => ({ ...move, errorCode })))
  )),
}, handle)

interface Move {
  readonly at: PartitionRef
  readonly path: string
}

async function handle(request: AlterReplicaLogDirsRequest, { admin, brokerId }: Context): Promise<AlterReplicaLogDirsResponse> {
  const answers: (Move & { readonly errorCode: number })[] = []
  for (const move of movesOf(request)) answers.push({ ...move, errorCode: errorOf(await admin.moveReplica(brokerId, move.at, move.path)) })
  return answerOf(answers)
}

function movesOf({ dirs }: AlterReplicaLogDirsRequest): readonly Move[] {
  const moves = dirs.flatMap(({ path, topics }) => topics.flatMap(({ name, partitions }) => partitions.map((partition): Move => ({ at: { topic: name, partition }, path }))))
  return [...new Map(moves.map(move => [`${move.at.topic}/${move.at.partition}`, move])).values()]
}

/** A broker without the replica is REPLICA_NOT_AVAILABLE, as this API has always called it. */
function errorOf(moved: Refusal | null): number {
  return moved instanceof Refusal && moved.code === 'not-leader' ? ErrorCode.REPLICA_NOT_AVAILABLE : errorCodeOf(moved)
}

function answerOf(answers: readonly (Move & { readonly errorCode: number })[]): AlterReplicaLogDirsResponse {
  const byTopic = Map.groupBy(answers, answer => answer.at.topic)
  return {
    results: [...byTopic].map(([topicName, ofTopic]) => ({
      topicName, partitions: ofTopic.map(({ at, errorCode }) => ({ partitionIndex: at.partition, errorCode })),
    })),
  }
}
