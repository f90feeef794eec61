// The cluster as one client sees it: the brokers it can reach, and of each partition who of them leads and who is missing.
import type { Broker, Partition } from '../ports.ts'
import type { Context, Endpoint } from './context.ts'
import { ErrorCode } from './errors.ts'

export interface Topology {
  readonly clusterId: string
  /** A broker that takes administrative requests, as every one does: the cluster's own choice where the client can reach that one. */
  readonly controllerId: number
  /** Brokers that serve and have an endpoint on the client's listener, by id. */
  readonly brokers: readonly (Broker & { readonly endpoint: Endpoint })[]
  /** A partition that nobody leads, or nobody the client can reach, is LEADER_NOT_AVAILABLE with leader -1. */
  describe(partition: Partition): PartitionView
}

export interface PartitionView {
  readonly errorCode: number
  readonly partitionIndex: number
  readonly leaderId: number
  readonly leaderEpoch: number
  readonly replicaNodes: readonly number[]
  readonly isrNodes: readonly number[]
  /** Replicas on brokers that do not serve this client. */
  readonly offlineReplicas: readonly number[]
}

export async function topologyOf(context: Context): Promise<Topology> {
  const cluster = await context.admin.cluster()
  const brokers = cluster.brokers.flatMap(broker => {
    const endpoint = broker.state === 'fenced' ? undefined : context.reach.of(broker.id)
    return endpoint === undefined ? [] : [{ ...broker, endpoint }]
  })
  const reachable = new Set(brokers.map(broker => broker.id))
  return {
    clusterId: cluster.id,
    controllerId: reachable.has(cluster.controllerId) ? cluster.controllerId : brokers[0]?.id ?? -1,
    brokers,
    describe({ index, leader, leaderEpoch, replicas, inSyncReplicas }) {
      const hasLeader = reachable.has(leader)
      return {
        errorCode: hasLeader ? ErrorCode.NONE : ErrorCode.LEADER_NOT_AVAILABLE,
        partitionIndex: index,
        leaderId: hasLeader ? leader : -1,
        leaderEpoch,
        replicaNodes: replicas,
        isrNodes: inSyncReplicas,
        offlineReplicas: replicas.filter(id => !reachable.has(id)),
      }
    },
  }
}
