// Random walks through everything that may happen to a catalog of several brokers. After each step: who leads is in sync and serves, epochs only grow,
// nobody leads in an epoch of somebody else, who is gone is in sync only where nobody else is, in-sync and eligible replicas have everything that was acknowledged,
// and the log alone leads to the same state.
import { describe, expect, it } from 'vitest'
import { Prng } from '../../../src/base/prng.ts'
import { Catalog } from '../../../src/engine/catalog/catalog.ts'
import { Configs } from '../../../src/engine/catalog/configs.ts'
import { decodeRecord, encodeRecord } from '../../../src/engine/catalog/records.ts'
import type { Partition, Topic } from '../../../src/ports.ts'
import { buildBatch } from '../../../src/wire/batch.ts'
import { clusterId, open, replayed } from './open-catalog.ts'

const firstSeed = Number(process.env['SEED'] ?? 1)
const seeds = Number(process.env['TEST_SEEDS'] ?? 20)
const steps = 250
const brokersMax = 5

type Cluster = Awaited<ReturnType<typeof open>>

/** What was seen of each partition: its last epochs, and who led in which. */
class Watch {
  readonly #last = new Map<string, Partition>()
  readonly #leaders = new Map<string, number>()

  check(catalog: Catalog, isStarting: boolean): void {
    for (const topic of catalog.topics) {
      for (const [index, one] of topic.partitions.entries()) {
        const at = `${topic.name}-${index} ${JSON.stringify(one)}`
        const key = `${topic.id}/${index}`
        this.#checkLeader(catalog, one, at, isStarting)
        const last = this.#last.get(key)
        // A partition that nothing happened to is the same object.
        if (last === one) continue
        expect(one.index, at).toBe(index)
        expect(new Set(one.replicas).size, at).toBe(one.replicas.length)
        expect(one.replicas.length - one.removingReplicas.length, at).toBeGreaterThan(0)
        for (const id of [...one.inSyncReplicas, ...one.addingReplicas, ...one.removingReplicas]) expect(one.replicas, at).toContain(id)
        if (last !== undefined) {
          expect(one.partitionEpoch, at).toBeGreaterThan(last.partitionEpoch)
          const isFenced = one.leader !== last.leader || last.replicas.some(id => !one.replicas.includes(id))
          expect(one.leaderEpoch - last.leaderEpoch, `${at} after ${JSON.stringify(last)}`).toBeGreaterThanOrEqual(isFenced ? 1 : 0)
        }
        this.#last.set(key, one)
        const term = `${key}@${one.leaderEpoch}`
        if (one.leader !== -1) expect(this.#leaders.get(term) ?? one.leader, at).toBe(one.leader)
        if (one.leader !== -1) this.#leaders.set(term, one.leader)
      }
    }
  }

  #checkLeader(catalog: Catalog, { leader, inSyncReplicas }: Partition, at: string, isStarting: boolean): void {
    if (leader === -1) return
    const state = (id: number): string | undefined => catalog.broker(id)?.state
    // Beside a leader only such are in sync as run; one that wants to go is alone.
    const isFaulty = !inSyncReplicas.includes(leader)
      || (!isStarting && (state(leader) === 'fenced' || inSyncReplicas.some(id => id !== leader && state(id) !== 'running')))
      || (!isStarting && state(leader) === 'stopping' && inSyncReplicas.length > 1)
    if (isFaulty) expect.fail(`${at} with brokers ${JSON.stringify(catalog.brokers)}`)
  }
}

interface Held {
  /** How many records were ever acknowledged, and of how many each replica still has all. */
  acknowledged: number
  readonly has: Map<number, number>
}

/** What the replicas have, as far as the catalog can know: in-sync replicas take what is acknowledged, whoever is let in has caught up, whose disk is lost has nothing. */
class Ledger {
  readonly #prng: Prng
  readonly #held = new Map<string, Held>()
  readonly #last = new Map<string, Partition>()
  readonly #directories = new Map<number, readonly string[]>()
  /** How often nothing but eligibility kept records. */
  rescues = 0

  constructor(prng: Prng) {
    this.#prng = prng
  }

  /** What the broker had of the partition is gone. */
  lose(key: string, id: number): void {
    const has = this.#held.get(key)?.has
    if (has?.has(id) === true) has.set(id, 0)
  }

  check(catalog: Catalog, isStarting: boolean): void {
    for (const { id, directories } of catalog.registrations) {
      if (this.#directories.get(id)?.some(one => !directories.includes(one)) === true) for (const key of this.#held.keys()) this.lose(key, id)
      this.#directories.set(id, directories)
    }
    for (const topic of catalog.topics) {
      for (const one of topic.partitions) {
        const key = `${topic.id}/${one.index}`
        const last = this.#last.get(key)
        this.#last.set(key, one)
        const held = this.#held.get(key) ?? { acknowledged: 0, has: new Map<number, number>() }
        this.#held.set(key, held)
        const at = (): string => `${topic.name}-${one.index} ${JSON.stringify(one)} after ${JSON.stringify(last)}, ${held.acknowledged} acknowledged, ${JSON.stringify([...held.has])}`
        if (last !== one) this.#follow(held, last, one)
        if ([...one.inSyncReplicas, ...one.eligibleReplicas ?? []].some(id => held.has.get(id) !== held.acknowledged)) expect.fail(at())
        if (one.eligibleReplicas?.some(id => one.inSyncReplicas.includes(id)) === true) expect.fail(at())
        if (one.lostReplicas?.some(id => one.inSyncReplicas.includes(id) || !one.replicas.includes(id)) === true) expect.fail(at())
        if (isStarting || one.leader === -1 || one.inSyncReplicas.length < neededBy(catalog, topic, one)) continue
        held.acknowledged += this.#prng.below(2)
        for (const id of one.inSyncReplicas) held.has.set(id, held.acknowledged)
      }
    }
  }

  #follow(held: Held, last: Partition | undefined, one: Partition): void {
    const { has } = held
    for (const id of has.keys()) if (!one.replicas.includes(id)) has.delete(id)
    for (const id of one.replicas) if (!has.has(id)) has.set(id, 0)
    const hadAll = [...last?.inSyncReplicas ?? one.replicas, ...last?.eligibleReplicas ?? []]
    if (one.leader !== -1 && one.leader !== last?.leader && !hadAll.includes(one.leader)) {
      // An unclean election: what its leader does not have is lost, and the others cut it off.
      held.acknowledged = has.get(one.leader)!
      for (const [id, count] of has) has.set(id, Math.min(count, held.acknowledged))
    }
    if (last?.eligibleReplicas?.includes(one.leader) === true && !last.inSyncReplicas.includes(one.leader)) this.rescues++
    for (const id of one.inSyncReplicas) if (id !== one.leader && !hadAll.includes(id)) has.set(id, held.acknowledged)
  }
}

/** As the leader sees it: by what was set for its own broker. */
function neededBy(catalog: Catalog, topic: Topic, { leader, replicas }: Partition): number {
  const configs = new Configs({ brokerId: leader, settings: {}, dynamic: () => catalog.brokerConfigs })
  return Math.min(Number(configs.topic(topic.configs, 'min.insync.replicas')), replicas.length)
}

/** One step; names what it was. */
async function step(cluster: Cluster, prng: Prng, disks: Map<number, number>, ledger: Ledger): Promise<string> {
  const { catalog, submit, register, unfence, fence, stop, alter, create, epochOf } = cluster
  const pick = <T>(items: readonly T[]): T => items[prng.below(items.length)]!
  const some = (ids: readonly number[]): number[] => {
    const chosen = ids.filter(() => prng.below(2) === 0)
    return chosen.length > 0 ? chosen : [pick(ids)]
  }
  const ids = catalog.brokers.map(broker => broker.id)
  const shuffled = (all: readonly number[]): number[] => all.map(id => [prng.float(), id] as const).toSorted((a, b) => a[0] - b[0]).map(([, id]) => id)
  const topic = catalog.topics.length > 0 ? pick(catalog.topics) : undefined
  const partition = topic && pick(topic.partitions)
  const at = topic && partition ? { topic: topic.name, partition: partition.index } : { topic: 'none', partition: 0 }
  const reference = topic && partition ? [{ topicId: topic.id, partition: partition.index }] : []
  const id = pick(ids)
  switch (prng.below(17)) {
    case 0: {
      const next = 1 + prng.below(brokersMax)
      if (prng.below(4) === 0) disks.set(next, (disks.get(next) ?? 1) + 1)
      await register(next, disks.get(next) ?? 1)
      return `register ${next}`
    }
    case 1: case 2: await unfence(...some(ids)); return 'unfence'
    case 3: await fence(id); return `fence ${id}`
    case 4: await stop(id); return `stop ${id}`
    case 5: case 6: case 7: {
      if (topic === undefined || partition === undefined || partition.leader === -1) return 'nothing'
      const wanted = [partition.leader, ...some(partition.replicas).filter(one => one !== partition.leader)].filter(one => catalog.broker(one) !== undefined)
      const stale = prng.below(6) === 0 ? { partitionEpoch: partition.partitionEpoch - 1 } : {}
      await alter(topic.name, partition.index, wanted, stale)
      return `alter ${at.topic}-${at.partition} to ${wanted.join(', ')}`
    }
    case 8: case 9: {
      const replicas = prng.below(3) === 0 ? null : shuffled(some(ids))
      await submit({ type: 'reassign', wishes: [{ ...at, replicas }] })
      return `reassign ${at.topic}-${at.partition} to ${replicas?.join(', ')}`
    }
    case 10: await submit({ type: 'elect-leaders', kind: pick(['preferred', 'unclean']), partitions: prng.below(2) === 0 ? null : [at] }); return 'elect'
    case 11: await submit({ type: 'balance-leaders' }); return 'balance'
    case 12: {
      const configs = new Map([...prng.below(3) === 0 ? [['unclean.leader.election.enable', 'true'] as const] : [], ...prng.below(2) === 0 ? [['min.insync.replicas', '2'] as const] : []])
      await create(`topic-${prng.below(8)}`, { partitions: 1 + prng.below(3), replicationFactor: Math.min(ids.length, 1 + prng.below(3)), configs })
      return 'create'
    }
    case 13: {
      if (prng.below(3) === 0) await submit({ type: 'delete-topic', name: at.topic })
      else await submit({ type: 'create-partitions', name: at.topic, count: (topic?.partitions.length ?? 0) + 1, assignment: undefined, validateOnly: false })
      return `delete or grow ${at.topic}`
    }
    case 14: {
      const type = pick(['replicas-offline', 'replicas-online'] as const)
      const where = { brokerId: id, brokerEpoch: epochOf(id), partitions: reference }
      const lost = prng.below(3) === 0
      await submit(type === 'replicas-offline' ? { type, ...where, lost } : { type, ...where })
      if (type === 'replicas-offline' && lost && topic !== undefined) ledger.lose(`${topic.id}/${at.partition}`, id)
      return `${type} ${id} ${at.topic}-${at.partition}`
    }
    case 15: {
      const resource = pick([{ type: 'topic', name: at.topic }, { type: 'broker', name: '' }, { type: 'broker', name: String(id) }] as const)
      const change = { name: 'min.insync.replicas', operation: pick(['set', 'set', 'delete'] as const), value: String(1 + prng.below(3)) }
      await submit({ type: 'alter-configs', resource, changes: [change], validateOnly: false })
      return `min.insync.replicas of ${resource.type} '${resource.name}' ${change.operation} ${change.value}`
    }
    default: {
      const condemned = [...catalog.condemned.keys()]
      if (condemned.length > 0) await submit({ type: 'clear-topic', topicId: pick(condemned), brokerId: id })
      else if (ids.length > 1) await submit({ type: 'unregister-broker', id })
      return 'clear or unregister'
    }
  }
}

function stateOf(catalog: Catalog): unknown {
  return [catalog.topics, [...catalog.registrations], [...catalog.condemned], catalog.registrations.lastEpoch, catalog.voters]
}

describe('whatever happens to brokers and partitions', () => {
  let rescues = 0

  it.each(Array.from({ length: seeds }, (_, index) => firstSeed + index))('seed %i', async seed => {
    const prng = new Prng(seed)
    const cluster = await open({ brokers: 3, snapshotRecordsMin: 60 + prng.below(400) })
    const watch = new Watch()
    const ledger = new Ledger(new Prng(seed))
    const disks = new Map<number, number>()
    const done: string[] = []
    let isStarting = false
    for (let count = 0; count < steps; count++) {
      if (prng.below(60) === 0) {
        await cluster.submit({ type: 'start-cluster', clusterId })
        done.push('start')
        watch.check(cluster.catalog, true)
        ledger.check(cluster.catalog, true)
        for (const { id } of cluster.catalog.registrations) await cluster.register(id, disks.get(id) ?? 1)
        await cluster.unfence(...cluster.catalog.brokers.map(broker => broker.id).filter(() => prng.below(5) > 0))
        // Leaders of before the start are leaders no more once anybody is unfenced; while nobody is, they stand as they were.
        isStarting = cluster.catalog.brokers.every(broker => broker.state === 'fenced')
      }
      const what = await step(cluster, prng, disks, ledger)
      done.push(what)
      isStarting &&= cluster.catalog.brokers.every(broker => broker.state === 'fenced')
      try {
        watch.check(cluster.catalog, isStarting)
        ledger.check(cluster.catalog, isStarting)
      } catch (error) {
        throw new Error(`seed ${seed}, step ${count} (${done.slice(-5).join('; ')}): ${(error as Error).message}`, { cause: error })
      }
    }
    rescues += ledger.rescues
    await cluster.runtime.close()
    expect(stateOf(await replayed(cluster.log))).toEqual(stateOf(cluster.catalog))
    const copy = new Catalog({ settings: {} })
    for (const record of cluster.catalog.snapshot()) {
      const batch = buildBatch([encodeRecord(record)], { timestampMs: 1 })
      const decoded = decodeRecord(batch.records()[0]!)
      expect(decoded).toEqual(record)
      copy.apply(decoded!)
    }
    expect(stateOf(copy)).toEqual(stateOf(cluster.catalog))
  })

  it('includes what only eligible replicas could help', () => {
    expect(rescues).toBeGreaterThan(0)
  })
})
