// Whether the process can serve, and what its operator should know although it can. A broker that is down is no reason to send clients away: the others
// have taken its partitions. It is one where nobody leads a topic that Sluice itself lives on.
import { type Admin, type Brokers, registryTopics, type Topic } from '../ports.ts'

const namesShownMax = 5

export interface Readiness {
  readonly isReady: boolean
  /** One line each: first why it is not ready, then what is amiss all the same. */
  readonly lines: readonly string[]
}

/**
 * Ready while at least one broker runs and every partition of the topics that Sluice itself needs (offsets and catalog, schemas) has a leader. Brokers that are down and
 * other partitions without a leader are named, but do not make it unready.
 */
export async function readiness({ admin, brokers }: { admin: Admin; brokers: Brokers }): Promise<Readiness> {
  const [all, topics] = await Promise.all([brokers.list(), admin.topics()])
  const down = all.filter(one => !one.isUp).map(one => `broker ${one.id} is down${one.fault === undefined ? '' : `: ${one.fault}`}`)
  const own = (topic: Topic): boolean => topic.internal || registryTopics.has(topic.name)
  const faults = [
    ...all.every(one => !one.isUp) ? ['no broker is running'] : [],
    ...leaderless(topics.filter(own)),
  ]
  return { isReady: faults.length === 0, lines: [...faults, ...down, ...leaderless(topics.filter(topic => !own(topic)))] }
}

/** One line that names the partitions nobody leads; none where there are none. */
function leaderless(topics: readonly Topic[]): string[] {
  const names = topics.flatMap(topic => topic.partitions.filter(one => one.leader < 0).map(one => `${topic.name}-${one.index}`))
  if (names.length === 0) return []
  return [`no leader: ${names.slice(0, namesShownMax).join(', ')}${names.length > namesShownMax ? ` and ${names.length - namesShownMax} more` : ''}`]
}
