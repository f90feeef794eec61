// Histories as a correct cluster gives them, from a seed: senders, transactions, readers that are assigned or subscribe, unknown and failed outcomes, writes
// that happen long after their client gave up, holes in the offsets. The checker must find nothing bad in them.
import { Prng } from '../../src/base/prng.ts'
import type { HistoryEvent, Key, MicroOperation, Read } from './history.ts'
import { Recorder, type RecordedProcess } from './recorder.ts'

export interface HistoryShape {
  readonly seed: number
  readonly operations: number
  readonly keys?: number
  readonly senders?: number
  readonly transactors?: number
  readonly assigned?: number
  readonly subscribed?: number
  /** How the last reader, which reads everything, finds its keys. */
  readonly finalReader?: 'assign' | 'subscribe'
  /** Of operations: how many have an unknown outcome, and as many fail. */
  readonly unluckyRate?: number
}

/** Keys `t/0`, `t/1` …; values are whole numbers that differ in the whole history. */
export function validHistory(shape: HistoryShape): HistoryEvent[] {
  const cluster = new ModelCluster(shape)
  while (cluster.operations < shape.operations) cluster.step()
  cluster.finish(shape.finalReader ?? 'assign')
  return cluster.recorder.events
}

const recordsPerPollMax = 12
const sendsMax = 4

interface ModelClient {
  readonly kind: 'sender' | 'transactor' | 'assigned' | 'subscribed'
  readonly process: RecordedProcess
  /** Next place to read, by key. */
  positions: Map<Key, number>
  /** What is to happen next of the operation under way. */
  next: (() => void) | undefined
}

class ModelCluster {
  readonly recorder: Recorder
  readonly #random: Prng
  readonly #keys: readonly Key[]
  readonly #logs = new Map<Key, Read[]>()
  readonly #clients: ModelClient[] = []
  readonly #late: (() => void)[] = []
  readonly #unluckyRate: number
  #values = 0
  #nowMs = 0
  operations = 0

  constructor(shape: HistoryShape) {
    this.#random = new Prng(shape.seed)
    this.recorder = new Recorder({ now: () => this.#nowMs++ })
    this.#unluckyRate = shape.unluckyRate ?? 0.05
    this.#keys = Array.from({ length: shape.keys ?? 4 }, (_, at) => `t/${at}`)
    for (const key of this.#keys) this.#logs.set(key, [])
    const kinds = { sender: shape.senders ?? 3, transactor: shape.transactors ?? 2, assigned: shape.assigned ?? 2, subscribed: shape.subscribed ?? 2 } as const
    for (const [kind, count] of Object.entries(kinds) as [ModelClient['kind'], number][]) {
      for (let at = 0; at < count; at++) this.#clients.push({ kind, process: this.recorder.process(), positions: new Map(), next: undefined })
    }
  }

  /** One client goes one step further: it begins, something happens, or it hears of it. */
  step(): void {
    if (this.#late.length > 0 && this.#random.chance(0.05)) this.#late.splice(this.#random.below(this.#late.length), 1)[0]!()
    const client = this.#random.pick(this.#clients)
    if (client.next !== undefined) {
      const { next } = client
      client.next = undefined
      next()
      return
    }
    this.operations++
    if (client.kind === 'sender') this.#send(client)
    else if (client.kind === 'transactor') this.#transact(client)
    else if (client.positions.size === 0 || this.#random.chance(1 / 64)) this.#position(client)
    else this.#poll(client)
  }

  /** Late writes happen or never do; then one reader reads everything. What other clients have under way is never answered. */
  finish(kind: 'assign' | 'subscribe'): void {
    for (const write of this.#late.splice(0)) if (this.#random.chance(0.5)) write()
    const process = this.recorder.process()
    process.invoke({ f: kind, value: kind === 'assign' ? this.#keys : ['t'] })
    process.ok()
    const reader: ModelClient = { kind: kind === 'assign' ? 'assigned' : 'subscribed', process, positions: new Map(this.#keys.map(key => [key, 0])), next: undefined }
    while (this.#keys.some(key => reader.positions.get(key)! < this.#logs.get(key)!.length)) {
      process.invoke({ f: 'poll', value: [['poll']] })
      process.ok([['poll', this.#take(reader)]])
    }
  }

  #send(client: ModelClient): void {
    const key = this.#random.pick(this.#keys)
    const values = Array.from({ length: 1 + this.#random.below(sendsMax) }, () => this.#values++)
    client.process.invoke({ f: 'send', value: values.map(value => ['send', key, value]) })
    const write = (): MicroOperation[] => values.map(value => ['send', key, [this.#append(key, value), value]])
    this.#settle(client, write)
  }

  #transact(client: ModelClient): void {
    if (client.positions.size === 0) return this.#position(client)
    const others = this.#keys.filter(key => !client.positions.has(key))
    const sends = Array.from({ length: 1 + this.#random.below(sendsMax) }, () => ({ key: this.#random.pick(others), value: this.#values++ }))
    client.process.invoke({ f: 'txn', value: [['poll'], ...sends.map(({ key, value }): MicroOperation => ['send', key, value])] })
    const write = (): MicroOperation[] => sends.map(({ key, value }): MicroOperation => ['send', key, [this.#append(key, value), value]])
    this.#settle(client, write, () => [['poll', this.#take(client)]])
  }

  /** Happens at some moment between call and answer; or never; or, where the answer is lost, perhaps later. */
  #settle(client: ModelClient, write: () => MicroOperation[], read: () => MicroOperation[] = () => []): void {
    client.next = () => {
      const luck = this.#random.float()
      if (luck < this.#unluckyRate) client.next = () => client.process.fail('refused')
      else if (luck < 2 * this.#unluckyRate) {
        if (this.#random.chance(0.5)) this.#late.push(() => void write())
        client.next = () => client.process.info('no answer')
      } else {
        const done = [...read(), ...write()]
        client.next = () => client.process.ok(done)
      }
    }
  }

  /** An assignment keeps positions of keys that stay; a transaction's keys are fixed, so that it never reads what it sends. */
  #position(client: ModelClient): void {
    if (client.kind === 'subscribed') {
      client.process.invoke({ f: 'subscribe', value: ['t'] })
      client.positions = new Map(this.#keys.map(key => [key, client.positions.get(key) ?? 0]))
    } else {
      const chosen = this.#keys.filter((_, at) => at === 0 || (at < this.#keys.length - 1 && this.#random.chance(0.5)))
      client.process.invoke({ f: 'assign', value: chosen })
      client.positions = new Map(chosen.map(key => [key, client.positions.get(key) ?? 0]))
    }
    client.next = () => client.process.ok()
  }

  #poll(client: ModelClient): void {
    client.process.invoke({ f: 'poll', value: [['poll']] })
    client.next = () => {
      if (this.#random.chance(this.#unluckyRate)) {
        client.next = () => client.process.fail('no broker')
        return
      }
      const rebalanced = client.kind === 'subscribed' && this.#random.chance(0.1) ? this.#rebalance(client) : []
      const before = this.#take(client)
      // A rebalance in the midst of a poll: what was read before it may come again.
      const again = rebalanced.length > 0 ? this.#rebalance(client) : []
      const reads: MicroOperation[] = again.length > 0 ? [['poll', before], ['poll', this.#take(client)]] : [['poll', before]]
      client.next = () => client.process.ok(reads, { rebalanced: [...rebalanced, ...again] })
    }
  }

  /** The group goes back to what it committed, on some keys. */
  #rebalance(client: ModelClient): Key[] {
    const moved = this.#keys.filter(() => this.#random.chance(0.5))
    for (const key of moved) client.positions.set(key, this.#random.below(client.positions.get(key)! + 1))
    return moved
  }

  #take(client: ModelClient): Record<Key, Read[]> {
    const taken: Record<Key, Read[]> = {}
    for (const [key, position] of client.positions) {
      const records = this.#logs.get(key)!.slice(position, position + this.#random.below(recordsPerPollMax + 1))
      if (records.length === 0) continue
      taken[key] = records
      client.positions.set(key, position + records.length)
    }
    return taken
  }

  #append(key: Key, value: number): number {
    const log = this.#logs.get(key)!
    const offset = (log.at(-1)?.[0] ?? -1) + 1 + (this.#random.chance(0.1) ? this.#random.below(3) : 0)
    log.push([offset, value])
    return offset
  }
}
