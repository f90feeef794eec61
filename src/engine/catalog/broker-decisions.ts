// Brokers come, serve, go, and are forgotten: what each of these steps makes of the partitions.
import { type Partition, Refusal } from '../../ports.ts'
import type { Catalog, Verdict } from './catalog.ts'
import type { BrokerLife, CatalogCommand, Registration } from './commands.ts'
import { type Standing, without, withFresh, withMinInSync, withoutStopping } from './partition-changes.ts'
import type { CatalogRecord } from './records.ts'
import { unknownBroker } from './registrations.ts'

type Command<T extends CatalogCommand['type']> = CatalogCommand & { readonly type: T }

/** Brokers of the process before this one are gone, all at the same moment: who leads and who is in sync stays until they are back. */
export function startCluster(catalog: Catalog, clusterId: string): Verdict {
  if (catalog.hasClusterId && catalog.clusterId !== clusterId) {
    return { reply: new Refusal('storage-error', `the catalog is of cluster ${catalog.clusterId}, not ${clusterId}`) }
  }
  const records: CatalogRecord[] = catalog.hasClusterId ? [] : [{ type: 'cluster', clusterId, brokerEpoch: 0 }]
  for (const broker of catalog.registrations) {
    if (broker.state !== 'fenced') records.push({ type: 'broker', broker: { ...broker, state: 'fenced' } })
  }
  // The settings may be others than those of the process before.
  return { records: [...records, ...changes(catalog, withMinInSync)], reply: null }
}

/**
 * A new life of the broker. The one before it is over: what it led moves away. A data directory that it had and has no more takes everything with it
 * that it was in sync with, also as the last one: which of its partitions lay there is not known here.
 */
export function registerBroker(catalog: Catalog, { broker: { id, rack }, incarnation, directories }: Command<'register-broker'>): Verdict {
  const known = catalog.broker(id)
  const epoch = catalog.registrations.lastEpoch + 1
  const limit = known?.limitBytes === undefined ? {} : { limitBytes: known.limitBytes }
  const registration: Registration = { id, rack, state: 'fenced', epoch, incarnation, directories, ...limit }
  const records: CatalogRecord[] = [{ type: 'broker', broker: registration }]
  const isLost = known?.directories.some(directory => !directories.includes(directory)) ?? false
  if (isLost || (known !== undefined && known.state !== 'fenced')) {
    records.push(...changes(catalog, (partition, standing) => without(partition, id, departed(standing, id), isLost ? 'lost' : 'kept')))
  }
  return { records, reply: { epoch } }
}

/** Lives that are over, and brokers that serve already, are passed over. */
export function unfenceBrokers(catalog: Catalog, brokers: readonly BrokerLife[]): Verdict {
  const fresh = new Map<number, Registration>()
  for (const life of brokers) {
    const known = catalog.registrations.check(life)
    if (!(known instanceof Refusal) && known.state === 'fenced') fresh.set(known.id, known)
  }
  if (fresh.size === 0) return { reply: null }
  const ids = new Set(fresh.keys())
  const serves = (id: number): boolean => catalog.registrations.serves(id)
  return {
    records: [
      ...[...fresh.values()].map((broker): CatalogRecord => ({ type: 'broker', broker: { ...broker, state: 'running' } })),
      ...changes(catalog, (partition, { runs, ...rest }) => withFresh(partition, ids, { ...rest, runs: id => ids.has(id) || runs(id), serves })),
    ],
    reply: null,
  }
}

export function fenceBroker(catalog: Catalog, life: BrokerLife): Verdict {
  const known = catalog.registrations.check(life)
  if (known instanceof Refusal) return { reply: known }
  if (known.state === 'fenced') return { reply: null }
  return {
    records: [
      { type: 'broker', broker: { ...known, state: 'fenced' } },
      ...changes(catalog, (partition, standing) => without(partition, known.id, departed(standing, known.id), 'kept')),
    ],
    reply: null,
  }
}

export function stopBroker(catalog: Catalog, life: BrokerLife): Verdict {
  const known = catalog.registrations.check(life)
  if (known instanceof Refusal) return { reply: known }
  if (known.state === 'fenced') return { reply: 0 }
  const { id } = known
  const moved = changes(catalog, (partition, standing) => withoutStopping(partition, id, standing))
  const isMoved = new Set(moved.map(({ topicId, partition }) => `${topicId}/${partition.index}`))
  const left = catalog.topics.reduce((sum, topic) => sum + topic.partitions.filter(one => one.leader === id && !isMoved.has(`${topic.id}/${one.index}`)).length, 0)
  const state: CatalogRecord[] = known.state === 'stopping' ? [] : [{ type: 'broker', broker: { ...known, state: 'stopping' } }]
  return { records: [...state, ...moved], reply: left }
}

/** Nothing is left that names it: no replica, and no deleted topic that it still has to clear away. */
export function unregisterBroker(catalog: Catalog, id: number): Verdict {
  const known = catalog.broker(id)
  if (known === undefined) return { reply: unknownBroker(id) }
  if (known.state !== 'fenced') return { reply: new Refusal('invalid-request', `broker ${id} is running; stop it before it is unregistered`) }
  for (const topic of catalog.topics) {
    const partition = topic.partitions.find(one => one.replicas.includes(id))
    if (partition === undefined) continue
    return { reply: new Refusal('invalid-request', `broker ${id} holds replicas, of ${topic.name}-${partition.index} among others; move them before it is unregistered`) }
  }
  const cleared = [...catalog.condemned.keys()].flatMap(topicId => clearedBy(catalog, topicId, id))
  return { records: [...cleared, { type: 'broker-removed', id }], reply: null }
}

/** The records that say that a broker has nothing left of a deleted topic. */
export function clearedBy(catalog: Catalog, topicId: string, brokerId: number): CatalogRecord[] {
  const topic = catalog.condemned.get(topicId)
  if (topic === undefined || !topic.brokers.includes(brokerId)) return []
  const brokers = topic.brokers.filter(id => id !== brokerId)
  return [brokers.length === 0 ? { type: 'forgotten', topicId } : { type: 'condemned', topicId, name: topic.name, brokers }]
}

type PartitionRecord = CatalogRecord & { readonly type: 'partition' }

function changes(catalog: Catalog, change: (partition: Partition, standing: Standing) => Partition | undefined): PartitionRecord[] {
  return catalog.topics.flatMap(topic => {
    const standing = catalog.standing(topic)
    return topic.partitions.flatMap((before): PartitionRecord[] => {
      const partition = change(before, standing)
      return partition === undefined ? [] : [{ type: 'partition', topicId: topic.id, partition }]
    })
  })
}

function departed({ runs, ...rest }: Standing, id: number): Standing {
  return { ...rest, runs: one => one !== id && runs(one) }
}
