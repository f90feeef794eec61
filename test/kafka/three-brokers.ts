// A cluster of three brokers as an Admin shows it, for tests of what clients are told of it: broker 3 is fenced and its port is shut unless a test says otherwise.
import type { Admin, Broker, BrokerState, Partition, Topic } from '../../src/ports.ts'
import type { Reach } from '../../src/kafka/endpoints.ts'

export interface ThreeBrokers {
  readonly admin: Pick<Admin, 'cluster' | 'topics' | 'topicById'>
  readonly reach: Reach
}

export const topicId = '01234567-89ab-cdef-0123-456789abcdef'

/** `partitions` are those of the only topic, `orders`. `listening`: whose port is open. */
export function threeBrokers(partitions: readonly Partial<Partition>[], how: { states?: readonly BrokerState[]; listening?: readonly number[] } = {}): ThreeBrokers {
  const { states = ['running', 'running', 'fenced'], listening = [1, 2] } = how
  const brokers = states.map((state, at): Broker => ({ id: at + 1, rack: 'abc'[at]!, state }))
  const topic: Topic = {
    name: 'orders', id: topicId, internal: false, createdAtMs: 0, configs: new Map(),
    partitions: partitions.map((partition, index) => ({
      index, leader: 1, leaderEpoch: 5, partitionEpoch: 8, replicas: [1, 2, 3], inSyncReplicas: [1, 2], addingReplicas: [], removingReplicas: [], createdAtMs: 0, ...partition,
    })),
  }
  const addressOf = (id: number) => ({ host: 'here.test', port: 9000 + id })
  return {
    admin: {
      cluster: async () => ({ id: 'bWVtb3J5LWJhY2tlbmQtMQ', controllerId: 2, brokers }),
      topics: async names => (names === undefined || names.includes('orders') ? [topic] : []),
      topicById: async id => (id === topicId ? topic : undefined),
    },
    reach: { of: id => (listening.includes(id) ? addressOf(id) : undefined), lastOf: addressOf },
  }
}
