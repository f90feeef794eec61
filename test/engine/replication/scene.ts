// A script on a small cluster of brokers with one partition, in simulated time: what befalls it, step by step, and what is left of it.
import { expect } from 'vitest'
import { Prng } from '../../../src/base/prng.ts'
import { type Appended, type AppendOptions, type Partition, type PartitionRef, Refusal } from '../../../src/ports.ts'
import { buildBatch } from '../../../src/wire/batch.ts'
import { type Sabotage, SimCluster } from '../../sim/cluster/cluster.ts'
import { valuesOf } from '../../support/engine-world.ts'

export const at: PartitionRef = { topic: 'records', partition: 0 }

export interface PlayOptions {
  /** Of the one partition: the preferred leader first. */
  readonly replicas?: readonly number[]
  /** Of the topic: 2 unless told otherwise; undefined leaves it to the brokers. */
  readonly minInSync?: number | undefined
  readonly settings?: Readonly<Record<string, string | number | boolean>>
  readonly between?: Sabotage
}

/** A script on a cluster of three brokers with one partition. */
export async function play(options: PlayOptions, script: (scene: Scene) => Promise<void>): Promise<void> {
  const { replicas = [1, 2, 3], settings = {}, between } = options
  const minInSync = 'minInSync' in options ? options.minInSync : 2
  const cluster = new SimCluster({
    random: new Prng(1), brokers: 3, settings: { 'auto.leader.rebalance.enable': false, ...settings }, ...(between === undefined ? {} : { sabotage: between }),
  })
  await cluster.time.run((async () => {
    await cluster.open()
    const configs = new Map([['retention.ms', '-1'], ...minInSync === undefined ? [] : [['min.insync.replicas', String(minInSync)] as const]])
    const made = await cluster.wide!.admin.createTopic({ name: at.topic, partitions: -1, replicationFactor: -1, assignment: [replicas], configs }, { validateOnly: false })
    expect(made).not.toBeInstanceOf(Refusal)
    await script(new Scene(cluster))
  })())
  cluster.die('kill')
}

export class Scene {
  readonly cluster: SimCluster

  constructor(cluster: SimCluster) {
    this.cluster = cluster
  }

  get engine() { return this.cluster.engine! }
  get partition(): Partition { return this.engine.image.topic(at.topic)!.partitions[0]! }

  replica(broker: number) {
    return this.engine.broker(broker)?.replicas.get(this.engine.image.topic(at.topic)!.id, 0)
  }

  /** One record, by way of that broker. */
  async append(broker: number, value: string, how: Partial<AppendOptions> = {}, producer?: { id: number; epoch: number; baseSequence: number }): Promise<Appended | Refusal> {
    const batch = buildBatch([{ key: null, value: Buffer.from(value) }], { timestampMs: 0, ...(producer === undefined ? {} : { producer }) })
    return this.cluster.ask('client', broker, 'produce', ({ logs }) => logs.append(at, batch, { acks: 'all', timeoutMs: 5_000, ...how }))
  }

  async acknowledged(broker: number, ...values: string[]): Promise<void> {
    for (const value of values) expect(await this.append(broker, value)).not.toBeInstanceOf(Refusal)
  }

  /** Everything in the replica's log, committed or not. */
  async held(broker: number): Promise<string[]> {
    await this.until(() => this.replica(broker)?.log !== undefined, `broker ${broker} has opened its log`)
    const { log } = this.replica(broker)!
    const values: string[] = []
    for (let offset = log!.startOffset; offset < log!.endOffset;) {
      const batches = await log!.read(offset, { bytesMax: 100_000, atLeastOne: true, upTo: log!.endOffset })
      if (batches instanceof Refusal || batches.length === 0) throw new Error(`offset ${offset} cannot be read`)
      for (const batch of batches) for (const record of batch.records()) values.push(record.value!.toString())
      offset = batches.at(-1)!.nextOffset
    }
    return values
  }

  read(): Promise<string[]> {
    return valuesOf(this.cluster.wide!, at)
  }

  pause(ms: number): Promise<void> {
    return new Promise(resolve => void this.cluster.time.after(ms, resolve))
  }

  async until(condition: () => boolean, what: string): Promise<void> {
    const { time } = this.cluster
    for (const untilMs = time.monotonic() + 120_000; !condition();) {
      if (time.monotonic() > untilMs) throw new Error(`still not so after two minutes: ${what}`)
      await this.pause(20)
    }
  }

  leads(broker: number): Promise<void> {
    return this.until(() => this.replica(broker)?.leads === true, `broker ${broker} leads`)
  }

  /** All three in sync, with the same end. */
  async whole(): Promise<void> {
    await this.until(() => this.partition.inSyncReplicas.length === this.partition.replicas.length, 'every replica is in sync')
    await this.until(() => new Set(this.partition.replicas.map(id => this.replica(id)?.log?.endOffset)).size === 1, 'every replica has the same end')
  }

  /** Followers hear nothing of what that leader appends from now on. */
  silence(leader: number): void {
    for (const id of this.cluster.machines.keys()) if (id !== leader) this.cluster.network.cut(leader, id)
  }

  async restartProcess(how: 'nothing' | 'kill', settings: PlayOptions['settings'] = {}): Promise<void> {
    this.cluster.die(how)
    await this.cluster.open(settings)
  }
}
