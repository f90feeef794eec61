// Spreads the replicas of partitions over a set of brokers: as evenly as the zones allow, each partition in as many zones as there are, leaders in turn,
// and no replica moved that can stay. Pure: the same question has the same answer.
import type { Broker, Partition, PartitionRef } from '../../ports.ts'

/** A partition and the brokers that shall hold it, the preferred leader first. */
export interface Placed extends PartitionRef {
  readonly replicas: readonly number[]
}

/**
 * Each partition gets `count` replicas, or as many as it has now, all on `brokers`, which must be at least as many.
 * Zones come first: no two replicas share one while a zone is left. Within that, replicas and leaders are evened out by single moves until none helps.
 */
export function spread(partitions: readonly Placed[], brokers: readonly Broker[], count?: number): Placed[] {
  const zones = new Zones(brokers)
  const load = new Map(zones.ids.map(id => [id, 0]))
  const wanted = partitions.map(({ topic, partition, replicas }) => ({ topic, partition, replicas: kept(replicas, zones).slice(0, count) }))
  for (const { replicas } of wanted) for (const id of replicas) add(load, id, 1)
  wanted.forEach(({ replicas }, at) => fill(replicas, count ?? partitions[at]!.replicas.length, zones, load))
  while (wanted.filter(one => evenOut(one.replicas, zones, load)).length > 0) { /* until no move helps */ }
  wanted.forEach(({ replicas }, at) => keepOrder(replicas, partitions[at]!.replicas))
  const leaders = new Map(zones.ids.map(id => [id, 0]))
  for (const { replicas } of wanted) add(leaders, replicas[0]!, 1)
  while (wanted.filter(one => passLeadership(one.replicas, leaders)).length > 0) { /* likewise */ }
  return wanted
}

/** The replicas that a partition has once a reassignment under way is done. */
export function settledReplicas({ replicas, removingReplicas }: Partition): number[] {
  return replicas.filter(id => !removingReplicas.includes(id))
}

/** Which brokers stand together. One without a rack is a zone of its own. */
class Zones {
  /** Of all brokers, ascending. */
  readonly ids: readonly number[]
  readonly #zoneOf: ReadonlyMap<number, string>
  readonly #sizes = new Map<string, number>()

  constructor(brokers: readonly Broker[]) {
    this.ids = brokers.map(one => one.id).toSorted((a, b) => a - b)
    this.#zoneOf = new Map(brokers.map(({ id, rack }) => [id, rack === null ? `broker ${id}` : `rack ${rack}`]))
    for (const zone of this.#zoneOf.values()) add(this.#sizes, zone, 1)
  }

  /** The brokers that may take one more replica beside `replicas`: not among them, and in a zone that holds no more of them than any other with room. */
  levelBeside(replicas: readonly number[]): number[] {
    const held = new Map<string, number>()
    for (const id of replicas) add(held, this.#zoneOf.get(id)!, 1)
    let fewest = Number.POSITIVE_INFINITY
    for (const [zone, size] of this.#sizes) {
      const count = held.get(zone) ?? 0
      if (count < size) fewest = Math.min(fewest, count)
    }
    return this.ids.filter(id => !replicas.includes(id) && (held.get(this.#zoneOf.get(id)!) ?? 0) === fewest)
  }
}

/** The replicas that may stay where they are: on a broker of the set, and not two in a zone while another zone has none. */
function kept(replicas: readonly number[], zones: Zones): number[] {
  const stay: number[] = []
  for (const id of replicas) if (zones.levelBeside(stay).includes(id)) stay.push(id)
  return stay
}

function fill(replicas: number[], count: number, zones: Zones, load: Map<number, number>): void {
  while (replicas.length < count) {
    const id = emptiest(zones.levelBeside(replicas), load)!
    replicas.push(id)
    add(load, id, 1)
  }
}

/** Moves a replica from the fullest of its brokers to the emptiest that may take it, where that makes the two more alike. */
function evenOut(replicas: number[], zones: Zones, load: Map<number, number>): boolean {
  for (const from of replicas.toSorted((a, b) => load.get(b)! - load.get(a)!)) {
    const others = replicas.filter(id => id !== from)
    const to = emptiest(zones.levelBeside(others), load)
    if (to === undefined || load.get(from)! - load.get(to)! < 2) continue
    replicas[replicas.indexOf(from)] = to
    add(load, from, -1)
    add(load, to, 1)
    return true
  }
  return false
}

/** Replicas that stay keep their places; those that came take the places of those that went, and then the last. */
function keepOrder(replicas: number[], before: readonly number[]): void {
  const came = replicas.filter(id => !before.includes(id))
  const ordered = before.flatMap(id => (replicas.includes(id) ? id : came.splice(0, 1)))
  replicas.splice(0, replicas.length, ...ordered, ...came)
}

/** Puts another replica first where its broker leads at least two fewer. */
function passLeadership(replicas: number[], leaders: Map<number, number>): boolean {
  const first = replicas[0]!
  const best = emptiest(replicas, leaders)!
  if (leaders.get(first)! - leaders.get(best)! < 2) return false
  replicas[replicas.indexOf(best)] = first
  replicas[0] = best
  add(leaders, first, -1)
  add(leaders, best, 1)
  return true
}

/** The first of those with the lowest count. */
function emptiest(ids: readonly number[], counts: ReadonlyMap<number, number>): number | undefined {
  let best: number | undefined
  for (const id of ids) if (best === undefined || counts.get(id)! < counts.get(best)!) best = id
  return best
}

function add<Key>(counts: Map<Key, number>, key: Key, by: number): void {
  counts.set(key, (counts.get(key) ?? 0) + by)
}
