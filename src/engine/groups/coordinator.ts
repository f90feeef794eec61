// The group coordinator: which partition of `__consumer_offsets` a group belongs to, and the state machine of each partition, replayed when
// somebody first asks for one of its groups.
import { type NewTopic, Refusal, type Topic } from '../../ports.ts'
import type { Clock, Logger } from '../../world/world.ts'
import { type MachineLog, MachineRuntime } from '../machine.ts'
import type { GroupCommand, GroupReplies, GroupReply } from './commands.ts'
import { Groups, type GroupSettings } from './groups.ts'
import type { GroupRecord } from './records.ts'

export const offsetsTopic = '__consumer_offsets'
const offsetsPartitions = 50

export interface CoordinatorOptions {
  readonly clock: Clock
  readonly logger: Logger
  readonly brokerId: number
  readonly settings: GroupSettings
  /** The catalog as this broker has heard of it. */
  readonly topics: () => { topic(name: string): Topic | undefined }
  /** Makes the offsets topic; durable when it resolves. */
  readonly createTopic: (topic: Pick<NewTopic, 'name' | 'partitions'>) => Promise<Topic | Refusal>
  /** A partition of it that this broker leads, committed to its end. `lost` is called when an append finds that this leadership has ended. */
  readonly openLog: (partition: number, lost: () => void) => Promise<MachineLog | Refusal>
  /** Whether the partition has ever been written here: one that has not has no groups. */
  readonly hasLog: (partition: number) => boolean
}

interface Shard {
  readonly groups: Groups
  readonly runtime: MachineRuntime<GroupCommand, GroupRecord, GroupReply>
}

/** A shard stands and falls with the leadership it was opened under. */
interface Opening {
  readonly leaderEpoch: number
  readonly shard: Promise<Shard | Refusal>
}

export class GroupCoordinator {
  readonly #options: CoordinatorOptions
  readonly #shards = new Map<number, Opening>()
  #creating: Promise<Topic | Refusal> | undefined
  #closed: Refusal | undefined

  constructor(options: CoordinatorOptions) {
    this.#options = options
  }

  /** Makes the offsets topic where it does not exist yet. */
  async ready(): Promise<null | Refusal> {
    if (this.#topic !== undefined) return null
    this.#creating ??= this.#options.createTopic({ name: offsetsTopic, partitions: offsetsPartitions }).finally(() => { this.#creating = undefined })
    const topic = await this.#creating
    return topic instanceof Refusal && topic.code !== 'topic-exists' ? topic : null
  }

  /** The broker that coordinates the group. */
  async coordinatorOf(groupId: string): Promise<number | Refusal> {
    const notReady = await this.ready()
    if (notReady !== null) return notReady
    const partition = partitionOf(groupId, this.#partitionCount)
    const leader = this.#topic?.partitions[partition]?.leader ?? -1
    return leader >= 0 ? leader : new Refusal('coordinator-not-available', `nobody leads ${offsetsTopic}-${partition}, which group ${groupId} belongs to`)
  }

  /** `command` is asked at the moment it is decided, so that what it looked at still holds. */
  async submit<T extends GroupCommand['type']>(
    groupId: string, command: () => GroupCommand & { readonly type: T }, signal?: AbortSignal,
  ): Promise<GroupReplies[T] | Refusal> {
    const notReady = await this.ready()
    if (notReady !== null) return notReady
    const shard = await this.#shard(partitionOf(groupId, this.#partitionCount))
    if (shard instanceof Refusal) return shard
    // decide() answers each command with the reply of its own type.
    return (await shard.runtime.submit(command(), signal)) as GroupReplies[T] | Refusal
  }

  /** Asks about one group; undefined where nothing of it can be known, because no group ever was. */
  async ask<T>(groupId: string, question: (groups: Groups) => T): Promise<T | Refusal | undefined> {
    if (this.#topic === undefined) return undefined
    const partition = partitionOf(groupId, this.#partitionCount)
    if (this.#leads(partition) && !this.#isUsed(partition)) return undefined
    const shard = await this.#shard(partition)
    return shard instanceof Refusal ? shard : shard.runtime.ask(() => question(shard.groups))
  }

  /** Asks every partition that this broker coordinates; one that cannot be read is passed over. */
  async askAll<T>(question: (groups: Groups) => T): Promise<T[]> {
    const answers = await Promise.all(this.#used().map(async partition => {
      const shard = await this.#shard(partition)
      const answer = shard instanceof Refusal ? shard : await shard.runtime.ask(() => question(shard.groups))
      if (!(answer instanceof Refusal)) return [answer]
      this.#options.logger.warn({ partition, reason: answer.message }, 'the groups of a coordinator partition cannot be told')
      return []
    }))
    return answers.flat()
  }

  /**
   * The catalog has changed: what this broker no longer leads is let go of, and what it leads now is replayed ahead of time, so that sessions and retention
   * run and no first request waits.
   */
  async apply(): Promise<void> {
    for (const [partition, { leaderEpoch, shard }] of this.#shards) {
      if (this.#epochLed(partition) === leaderEpoch) continue
      this.#shards.delete(partition)
      void this.#close(shard, new Refusal('not-coordinator', `this broker does not lead ${offsetsTopic}-${partition} any more`))
    }
    await Promise.all(this.#used().map(partition => this.#shard(partition)))
  }

  /** Topics were deleted: their committed offsets go with them. */
  async forgetDeleted(): Promise<void> {
    const openings = [...this.#shards.values()]
    for (const { shard } of openings) {
      const opened = await shard
      if (!(opened instanceof Refusal)) await this.#forgetDeleted(opened)
    }
  }

  /** Whoever waits is told the reason. */
  async close(reason: Refusal): Promise<void> {
    this.#closed = reason
    await Promise.all([...this.#shards.values()].map(({ shard }) => this.#close(shard, reason)))
  }

  async #close(opening: Promise<Shard | Refusal>, reason: Refusal): Promise<void> {
    const shard = await opening
    if (!(shard instanceof Refusal)) await shard.runtime.close(reason)
  }

  /** Nothing but the catalog decides: times of commits do not, since clocks are set back. */
  async #forgetDeleted({ groups, runtime }: Shard): Promise<void> {
    for (const topic of groups.offsetTopics()) {
      if (this.#options.topics().topic(topic) !== undefined) continue
      for (let removed = 1; removed > 0;) {
        const reply = await runtime.submit({ type: 'forget-topic', topic })
        if (reply instanceof Refusal) return
        removed = reply as GroupReplies['forget-topic']
      }
    }
  }

  get #topic(): Topic | undefined {
    return this.#options.topics().topic(offsetsTopic)
  }

  get #partitionCount(): number {
    return this.#topic?.partitions.length ?? 0
  }

  #used(): number[] {
    return [...Array(this.#partitionCount).keys()].filter(partition => this.#leads(partition) && this.#isUsed(partition))
  }

  #isUsed(partition: number): boolean {
    return this.#shards.has(partition) || this.#options.hasLog(partition)
  }

  #leads(partition: number): boolean {
    return this.#epochLed(partition) !== undefined
  }

  #epochLed(partition: number): number | undefined {
    const state = this.#topic?.partitions[partition]
    return state?.leader === this.#options.brokerId ? state.leaderEpoch : undefined
  }

  #shard(partition: number): Promise<Shard | Refusal> {
    if (this.#closed !== undefined) return Promise.resolve(this.#closed)
    const leaderEpoch = this.#epochLed(partition)
    if (leaderEpoch === undefined) return Promise.resolve(new Refusal('not-coordinator', `this broker does not lead ${offsetsTopic}-${partition}`))
    const known = this.#shards.get(partition)
    if (known?.leaderEpoch === leaderEpoch) return known.shard
    const opening: Opening = { leaderEpoch, shard: this.#open(partition, () => this.#drop(partition, opening)) }
    this.#shards.set(partition, opening)
    return opening.shard
  }

  #drop(partition: number, opening: Opening): void {
    if (this.#shards.get(partition) === opening) this.#shards.delete(partition)
  }

  /** `drop`: whoever asks next opens it anew. */
  async #open(partition: number, drop: () => void): Promise<Shard | Refusal> {
    const { clock, logger, settings } = this.#options
    let opened: Shard | undefined
    const lost = (): void => {
      drop()
      void opened?.runtime.close(new Refusal('not-coordinator', `this broker does not lead ${offsetsTopic}-${partition} any more`))
    }
    const log = await this.#options.openLog(partition, lost)
    if (log instanceof Refusal) {
      drop()
      return log
    }
    const groups = new Groups(settings)
    try {
      const name = `${offsetsTopic}-${partition}`
      const runtime = await MachineRuntime.open({ name, machine: groups, log, clock, logger, failed: drop })
      opened = { groups, runtime }
      await this.#forgetDeleted(opened)
      return opened
    } catch (error) {
      drop()
      logger.error({ partition, error: String(error) }, 'the groups of a coordinator partition cannot be replayed')
      return new Refusal('storage-error', `partition ${partition} of ${offsetsTopic} cannot be replayed: ${String(error)}`)
    }
  }
}

/** Kafka's rule: the Java hash code of the id, its sign bit cleared. */
export function partitionOf(groupId: string, partitionCount: number): number {
  let hash = 0
  for (let at = 0; at < groupId.length; at++) hash = (Math.imul(31, hash) + groupId.charCodeAt(at)) | 0
  return (hash & 0x7fffffff) % partitionCount
}
