// KIP-951: a client that asked a broker that does not lead (any more) is told in the refusal who does and where that one is reached, and so need not ask
// for metadata first.
import type { Partition, PartitionRef } from '../ports.ts'
import type { Context } from './context.ts'
import { ErrorCode } from './errors.ts'

export interface LeaderHint {
  readonly leaderId: number
  readonly leaderEpoch: number
}

/** An entry of the tagged field `nodeEndpoints`. */
export interface NodeEndpoint {
  readonly nodeId: number
  readonly host: string
  readonly port: number
  readonly rack: string | null
}

export interface LeaderHints {
  /** Null where no leader is known. */
  of(at: PartitionRef): LeaderHint | null
  /** Where the leaders of all that was looked up are reached. */
  readonly nodeEndpoints: readonly NodeEndpoint[]
}

/** Whether the error says that the client is wrong about who leads. */
export function callsForLeader(errorCode: number): boolean {
  return errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER || errorCode === ErrorCode.FENCED_LEADER_EPOCH
}

/** The leaders of partitions that were refused, as this broker knows them. */
export async function leaderHints(refused: readonly PartitionRef[], context: Context): Promise<LeaderHints> {
  if (refused.length === 0) return { of: () => null, nodeEndpoints: [] }
  const names = [...new Set(refused.map(at => at.topic))]
  const [topics, cluster] = await Promise.all([context.admin.topics(names), context.admin.cluster()])
  const byTopic = new Map(topics.map(topic => [topic.name, topic.partitions]))
  const find = (at: PartitionRef): Partition | undefined => byTopic.get(at.topic)?.find(partition => partition.index === at.partition)
  const leaders = new Set(refused.map(at => find(at)?.leader ?? -1))
  return {
    of(at) {
      const partition = find(at)
      return partition === undefined || partition.leader < 0 ? null : { leaderId: partition.leader, leaderEpoch: partition.leaderEpoch }
    },
    nodeEndpoints: cluster.brokers.flatMap(({ id, rack }): NodeEndpoint[] => {
      const endpoint = leaders.has(id) ? context.reach.of(id) : undefined
      return endpoint === undefined ? [] : [{ nodeId: id, ...endpoint, rack }]
    }),
  }
}
