// A stream that is resharded while faults befall the cluster. As through Kinesis, what belongs to one hash key is put in order, each record into the shard that owns
// the key at the moment; and a reader takes up a shard once it has read those that it came of to their ends. It must find everything that was acknowledged, once,
// in the order of each key.
import type { Prng } from '../../../src/base/prng.ts'
import { Refusal, type Topic } from '../../../src/ports.ts'
import { buildBatch } from '../../../src/wire/batch.ts'
import { halves, hashKeysOf, mergePlan, splitPlan } from '../../support/shards.ts'
import type { SimClient } from './client.ts'
import type { Stage } from './stage.ts'

interface Lane {
  readonly name: string
  readonly hashKey: bigint
  next: number
  readonly acknowledged: number[]
  readonly read: number[]
}

const lanesCount = 4
const shardsMax = 24
const putMsMax = 60_000

export class SimStream {
  readonly #stage: Stage
  readonly #name: string
  readonly #client: SimClient
  readonly #lanes: readonly Lane[]
  /** By partition: how far the reader has come. */
  readonly #positions = new Map<number, number>()
  /** Read to their ends, and everything that they came of, too. */
  readonly #isDone = new Set<number>()

  constructor(stage: Stage, name: string, client: SimClient) {
    this.#stage = stage
    this.#name = name
    this.#client = client
    this.#lanes = Array.from({ length: lanesCount }, (_, nth) => ({
      name: `key ${nth}`, hashKey: (2n ** 128n * BigInt(1 + client.random.below(1_000))) / 1_001n, next: 0, acknowledged: [], read: [],
    }))
  }

  /** Puts to every key, one after the other. */
  async write(): Promise<void> {
    await Promise.all(this.#lanes.map(async lane => {
      while (this.#stage.isSending) {
        await this.#client.pause(this.#client.random.float() * 2 * this.#stage.pauseMs)
        await this.#put(lane)
      }
    }))
  }

  async #put(lane: Lane): Promise<void> {
    const { time } = this.#stage.cluster
    const value = lane.next++
    for (const untilMs = time.monotonic() + putMsMax; time.monotonic() < untilMs;) {
      const topic = await this.#topic()
      const { wide } = this.#stage.cluster
      if (topic === undefined || wide === undefined) {
        await this.#client.pause(100)
        continue
      }
      const partition = ownerOf(topic, lane.hashKey)
      const batch = buildBatch([{ key: Buffer.from(lane.name), value: Buffer.from(String(value)) }], { timestampMs: time.now() })
      const at = { topic: this.#name, partition }
      const late = Promise.withResolvers<'unreachable'>()
      const timer = time.after(putMsMax, () => late.resolve('unreachable'))
      const answer = await Promise.race([wide.logs.append(at, batch, { acks: 'all', timeoutMs: 10_000 }), late.promise])
      timer.cancel()
      if (answer === 'unreachable') return
      if (!(answer instanceof Refusal)) {
        this.#stage.acknowledged(at, answer.baseOffset + 1)
        this.#stage.counts.acknowledged++
        lane.acknowledged.push(value)
        return
      }
      // It is in no log then, and goes to whoever took the shard's place.
      if (answer.code !== 'sealed-partition' && answer.code !== 'not-enough-replicas') return
      await this.#client.pause(20 + this.#client.random.float() * 200)
    }
  }

  async read(): Promise<void> {
    while (this.#stage.isReading) {
      await this.#client.pause(this.#client.random.float() * this.#stage.pauseMs)
      await this.#poll()
    }
  }

  /** Reads on in one of the shards that may be read; false where there is nothing left in any. */
  async #poll(): Promise<boolean> {
    const topic = await this.#topic()
    if (topic === undefined) return true
    // A parent comes before its children.
    const readable = topic.partitions.filter(({ shard, seal, index }) => {
      if (this.#isDone.has(index) || !(shard?.parents ?? []).every(parent => this.#isDone.has(parent))) return false
      const isAtEnd = seal !== undefined && seal.endOffset >= 0 && (this.#positions.get(index) ?? 0) >= seal.endOffset
      if (isAtEnd) this.#isDone.add(index)
      return !isAtEnd
    })
    const { wide } = this.#stage.cluster
    if (wide === undefined || readable.length === 0) return readable.length > 0
    const { index } = this.#client.random.pick(readable)
    const at = { topic: this.#name, partition: index }
    const from = this.#positions.get(index) ?? 0
    const late = Promise.withResolvers<undefined>()
    const timer = this.#stage.cluster.time.after(putMsMax, () => late.resolve(undefined))
    const slice = await Promise.race([wide.logs.read(at, from, { bytesMax: 1 + this.#client.random.below(5_000), atLeastOne: true, committedOnly: false }), late.promise])
    timer.cancel()
    if (slice === undefined || slice instanceof Refusal) return true
    for (const batch of slice.batches) {
      for (const record of batch.records()) this.#found(record.key!.toString(), Number(record.value!.toString()), `${this.#name}-${index} at ${record.offset}`)
      this.#positions.set(index, batch.nextOffset)
    }
    if (slice.batches.length > 0) this.#stage.served(at, this.#positions.get(index)!, slice.highWatermark)
    const end = topic.partitions[index]!.seal?.endOffset ?? -1
    if (end >= 0 && slice.highWatermark > end) this.#stage.violation(`${this.#name}-${index} is closed at ${end}, and its high watermark is ${slice.highWatermark}`)
    return slice.batches.length > 0
  }

  #found(name: string, value: number, where: string): void {
    const lane = this.#lanes.find(one => one.name === name)!
    const last = lane.read.at(-1) ?? -1
    if (value <= last) this.#stage.violation(`${where}: ${value} of ${name} is found behind ${last}`)
    lane.read.push(value)
    this.#stage.counts.read++
  }

  /** What the reader has not found, once it has read everything there is. */
  async check(): Promise<void> {
    // Until nothing was found many times over: each time another shard may be looked at.
    for (let quiet = 0; quiet < 40 * shardsMax;) quiet = await this.#poll() ? 0 : quiet + 1
    for (const { name, acknowledged, read } of this.#lanes) {
      const found = new Set(read)
      const lost = acknowledged.filter(value => !found.has(value))
      if (lost.length > 0) this.#stage.violation(`${this.#name}: of ${name}, ${lost.slice(0, 5).join()} were acknowledged and are not there, ${lost.length} in all`)
    }
  }

  /** Splits or merges shards, or both in one plan; false where there are enough. The answer is not waited for. */
  reshard(random: Prng): boolean {
    const { wide, engine, trace } = this.#stage.cluster
    const topic = engine?.image.topic(this.#name)
    if (wide === undefined || topic === undefined || topic.partitions.length >= shardsMax) return false
    const open = topic.partitions.filter(({ seal }) => seal === undefined).map(({ index }) => index)
    const hashKeys = hashKeysOf(topic)
    const inOrder = open.toSorted((a, b) => (BigInt(hashKeys[a]!.start) < BigInt(hashKeys[b]!.start) ? -1 : 1))
    const at = random.below(inOrder.length)
    const [one, next] = [inOrder[at]!, inOrder[at + 1]]
    let plan = next !== undefined && random.chance(0.5) ? mergePlan(topic, one, next) : splitPlan(topic, one)
    // The first of what is new is split at once.
    if (random.chance(0.3)) {
      const [first, ...rest] = plan.opens as [typeof plan.opens[number], ...typeof plan.opens]
      plan = { ...plan, opens: [{ ...first, isClosed: true }, ...rest, ...halves(first.hashKeys).map(half => ({ hashKeys: half, parents: [plan.partitions], isClosed: false }))] }
    }
    void wide.admin.reshard(this.#name, plan).then(answer => trace.add(`resharded: ${answer instanceof Refusal ? `${answer.code} ${answer.message}` : 'yes'}`))
    return true
  }

  async #topic(): Promise<Topic | undefined> {
    return (await this.#stage.cluster.wide?.admin.topics([this.#name]))?.[0]
  }
}

function ownerOf(topic: Topic, hashKey: bigint): number {
  const hashKeys = hashKeysOf(topic)
  return topic.partitions.find(({ seal, index }) => seal === undefined && BigInt(hashKeys[index]!.start) <= hashKey && BigInt(hashKeys[index]!.end) >= hashKey)!.index
}
