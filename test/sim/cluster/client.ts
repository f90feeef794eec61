// What every simulated Kafka client does: it learns from any broker who leads a partition, asks that broker, and asks anew where it was wrong.
import type { Prng } from '../../../src/base/prng.ts'
import { Unreachable } from '../../../src/engine/links.ts'
import { type Backend, type PartitionRef, Refusal } from '../../../src/ports.ts'
import type { SimCluster } from './cluster.ts'

/** Why a request has no answer. */
export type Failed = Refusal | 'unreachable'

export interface Leader {
  readonly broker: number
  readonly epoch: number
}

const metadataAgeMsMax = 60_000

export class SimClient {
  readonly name: string
  readonly random: Prng
  readonly cluster: SimCluster
  readonly #leaders = new Map<string, Leader & { readonly atMs: number }>()

  constructor(cluster: SimCluster, name: string, random: Prng) {
    this.cluster = cluster
    this.name = name
    this.random = random
  }

  pause(ms: number): Promise<void> {
    return new Promise(resolve => void this.cluster.time.after(ms, resolve))
  }

  /** As far as this client knows; asks a random broker where it does not. */
  async leaderOf(at: PartitionRef): Promise<Leader | 'unreachable'> {
    const key = `${at.topic}/${at.partition}`
    const known = this.#leaders.get(key)
    if (known !== undefined && this.cluster.time.monotonic() - known.atMs < metadataAgeMsMax) return known
    const broker = this.random.pick([...this.cluster.machines.keys()])
    const topics = await this.ask(broker, 'topics', backend => backend.admin.topics([at.topic]))
    if (topics instanceof Refusal || topics === 'unreachable') return 'unreachable'
    const partition = topics[0]?.partitions[at.partition]
    if (partition === undefined || partition.leader < 0) return 'unreachable'
    const leader = { broker: partition.leader, epoch: partition.leaderEpoch, atMs: this.cluster.time.monotonic() }
    // An answer of a broker that lags behind is not believed over a newer one.
    const newer = this.#leaders.get(key)
    if (newer !== undefined && newer.epoch > leader.epoch) return newer
    this.#leaders.set(key, leader)
    return leader
  }

  /** Who leads may have changed. */
  forget(at: PartitionRef): void {
    this.#leaders.delete(`${at.topic}/${at.partition}`)
  }

  async ask<T>(broker: number, what: string, question: (backend: Backend) => Promise<T>): Promise<T | 'unreachable'> {
    if (!this.cluster.machines.has(broker)) return 'unreachable'
    try {
      return await this.cluster.ask(this.name, broker, what, question)
    } catch (error) {
      if (error instanceof Unreachable) return 'unreachable'
      throw error
    }
  }

  /** Of the leader; forgets who leads where that was wrong. */
  async askLeader<T>(at: PartitionRef, what: string, question: (backend: Backend, leader: Leader) => Promise<T>): Promise<T | 'unreachable'> {
    const leader = await this.leaderOf(at)
    if (leader === 'unreachable') return 'unreachable'
    const answer = await this.ask(leader.broker, what, backend => question(backend, leader))
    if (answer === 'unreachable' || answer instanceof Refusal) this.forget(at)
    return answer
  }
}
