// Spreads the replicas of partitions over a set of brokers: as evenly as the zones allow, each partition in as many zones as there are, leaders in turn,
// and no replica moved that can stay. Pure: the same question has the same answer.
import type { Broker, Partition, PartitionRef } from '../../ports.ts'

/** A partition and the brokers that shall hold it, the preferred leader first. */
export interface Placed extends PartitionRef {
  readonly replicas: readonly number[]
}

interface Spreading {
  readonly brokers: readonly Broker[]
  /** How many replicas each broker has so far. */
  readonly load: Map<number, number>
}

/**
 * Each partition gets as many replicas as it has now, all on `brokers`, which must be at least as many.
 * Zones come first: no two replicas share one while a zone is left. Within that, replicas and leaders are evened out by single moves until none helps.
 */
export function spread(partitions: readonly Placed[], brokers: readonly Broker[]): Placed[] {
  const spreading: Spreading = { brokers: brokers.toSorted((a, b) => a.id - b.id), load: new Map(brokers.map(one => [one.id, 0])) }
  const wanted = partitions.map(({ topic, partition, replicas }) => ({ topic, partition, replicas: kept(replicas, spreading) }))
  for (const { replicas } of wanted) for (const id of replicas) add(spreading.load, id, 1)
  wanted.forEach(({ replicas }, at) => fill(replicas, partitions[at]!.replicas.length, spreading))
  while (wanted.filter(one => evenOut(one.replicas, spreading)).length > 0) { /* until no move helps */ }
  wanted.forEach(({ replicas }, at) => keepOrder(replicas, partitions[at]!.replicas))
  const leaders = new Map(brokers.map(one => [one.id, 0]))
  for (const { replicas } of wanted) add(leaders, replicas[0]!, 1)
  while (wanted.filter(one => passLeadership(one.replicas, leaders)).length > 0) { /* likewise */ }
  return wanted
}

/** The replicas that a partition has once a reassignment under way is done. */
export function settledReplicas({ replicas, removingReplicas }: Partition): number[] {
  return replicas.filter(id => !removingReplicas.includes(id))
}

/** The replicas that may stay where they are: on a broker of the set, and not two in a zone while another zone has none. */
function kept(replicas: readonly number[], { brokers }: Spreading): number[] {
  const stay: number[] = []
  for (const id of replicas) {
    const broker = brokers.find(one => one.id === id)
    if (broker !== undefined && isLevel(stay, broker, brokers)) stay.push(id)
  }
  return stay
}

function fill(replicas: number[], count: number, { brokers, load }: Spreading): void {
  while (replicas.length < count) {
    const free = brokers.filter(one => !replicas.includes(one.id))
    const [best] = free.toSorted((a, b) => inZone(replicas, a, brokers) - inZone(replicas, b, brokers) || load.get(a.id)! - load.get(b.id)! || a.id - b.id)
    replicas.push(best!.id)
    add(load, best!.id, 1)
  }
}

/** Moves a replica from the fullest of its brokers to the emptiest that may take it, where that makes the two more alike. */
function evenOut(replicas: number[], { brokers, load }: Spreading): boolean {
  for (const from of replicas.toSorted((a, b) => load.get(b)! - load.get(a)!)) {
    const others = replicas.filter(id => id !== from)
    const [to] = brokers
      .filter(one => !replicas.includes(one.id) && isLevel(others, one, brokers))
      .toSorted((a, b) => load.get(a.id)! - load.get(b.id)! || a.id - b.id)
    if (to === undefined || load.get(from)! - load.get(to.id)! < 2) continue
    replicas[replicas.indexOf(from)] = to.id
    add(load, from, -1)
    add(load, to.id, 1)
    return true
  }
  return false
}

/** Replicas that stay keep their places; those that came take the places of those that went. */
function keepOrder(replicas: number[], before: readonly number[]): void {
  const came = replicas.filter(id => !before.includes(id))
  const ordered = before.map(id => (replicas.includes(id) ? id : came.shift()!))
  replicas.splice(0, replicas.length, ...ordered)
}

/** Puts another replica first where its broker leads at least two fewer. */
function passLeadership(replicas: number[], leaders: Map<number, number>): boolean {
  const first = replicas[0]!
  const [best] = replicas.toSorted((a, b) => leaders.get(a)! - leaders.get(b)!)
  if (leaders.get(first)! - leaders.get(best!)! < 2) return false
  replicas[replicas.indexOf(best!)] = first
  replicas[0] = best!
  add(leaders, first, -1)
  add(leaders, best!, 1)
  return true
}

/** Whether a replica on `broker` beside `others` leaves the zones level: no other zone that has room holds fewer of them. */
function isLevel(others: readonly number[], broker: Broker, brokers: readonly Broker[]): boolean {
  const free = brokers.filter(one => !others.includes(one.id))
  return free.every(one => inZone(others, broker, brokers) <= inZone(others, one, brokers))
}

function inZone(replicas: readonly number[], broker: Broker, brokers: readonly Broker[]): number {
  return brokers.filter(one => replicas.includes(one.id) && zoneOf(one) === zoneOf(broker)).length
}

/** A broker without a rack is a zone of its own. */
function zoneOf(broker: Broker): string {
  return broker.rack === null ? `broker ${broker.id}` : `rack ${broker.rack}`
}

function add(counts: Map<number, number>, id: number, by: number): void {
  counts.set(id, counts.get(id)! + by)
}
