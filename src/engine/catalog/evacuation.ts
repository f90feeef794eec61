// Where the replicas of a broker go that is to be removed: each partition keeps its other replicas in their order, and the broker that takes the place is one in a
// zone that has none yet, if there is such, and of these the one with the fewest replicas.
import { type Broker, type Reassignment, Refusal, type Topic } from '../../ports.ts'

export function placementWithout(topics: readonly Topic[], brokers: readonly Broker[], leaving: number): Reassignment[] | Refusal {
  const others = brokers.filter(({ id, state }) => id !== leaving && state === 'running')
  const load = new Map(others.map(({ id }) => [id, 0]))
  for (const topic of topics) for (const { replicas } of topic.partitions) for (const id of replicas) if (load.has(id)) load.set(id, load.get(id)! + 1)
  const wishes: Reassignment[] = []
  for (const topic of topics) {
    for (const partition of topic.partitions) {
      if (!partition.replicas.includes(leaving)) continue
      const kept = partition.replicas.filter(id => id !== leaving && !partition.removingReplicas.includes(id))
      const racks = new Set(brokers.filter(({ id }) => kept.includes(id)).map(({ rack }) => rack))
      const candidates = others.filter(({ id }) => !kept.includes(id)).toSorted((a, b) =>
        Number(racks.has(a.rack)) - Number(racks.has(b.rack)) || load.get(a.id)! - load.get(b.id)! || a.id - b.id)
      const [successor] = candidates
      if (successor === undefined) {
        return new Refusal('invalid-replication-factor', `broker ${leaving} cannot be removed: ${topic.name}-${partition.index} has ${kept.length + 1} replica(s), and `
          + `${others.length} running broker(s) would be left; add a broker first, or reassign the topic to fewer`)
      }
      load.set(successor.id, load.get(successor.id)! + 1)
      const staying = partition.replicas.filter(id => !partition.removingReplicas.includes(id) || id === leaving)
      wishes.push({ topic: topic.name, partition: partition.index, replicas: staying.map(id => (id === leaving ? successor.id : id)) })
    }
  }
  return wishes
}
