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
  readonly settings: GroupSettings
  /** The offsets topic, where it exists. */
  readonly topic: () => Topic | undefined
  /** Makes it; durable when it resolves. */
  readonly createTopic: (topic: Pick<NewTopic, 'name' | 'partitions'>) => Promise<Topic | Refusal>
  readonly openLog: (partition: number) => Promise<MachineLog | Refusal>
  /** Whether the partition has ever been written: one that has not has no groups. */
  readonly hasLog: (partition: number) => Promise<boolean>
}

interface Shard {
  readonly groups: Groups
  readonly runtime: MachineRuntime<GroupCommand, GroupRecord, GroupReply>
}

export class GroupCoordinator {
  readonly #options: CoordinatorOptions
  readonly #shards = new Map<number, Promise<Shard | Refusal>>()
  #creating: Promise<Topic | Refusal> | undefined
  #closed = false

  constructor(options: CoordinatorOptions) {
    this.#options = options
  }

  /** Makes the offsets topic where it does not exist yet. */
  async ready(): Promise<null | Refusal> {
    if (this.#options.topic() !== undefined) return null
    this.#creating ??= this.#options.createTopic({ name: offsetsTopic, partitions: offsetsPartitions })
    const topic = await this.#creating
    this.#creating = undefined
    return topic instanceof Refusal && topic.code !== 'topic-exists' ? topic : null
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
    if (this.#options.topic() === undefined) return undefined
    const partition = partitionOf(groupId, this.#partitionCount)
    if (!(await this.#isUsed(partition))) return undefined
    const shard = await this.#shard(partition)
    return shard instanceof Refusal ? shard : shard.runtime.ask(() => question(shard.groups))
  }

  /** Asks every partition; one that cannot be read is passed over. */
  async askAll<T>(question: (groups: Groups) => T): Promise<T[]> {
    const answers = await Promise.all((await this.#used()).map(async partition => {
      const shard = await this.#shard(partition)
      const answer = shard instanceof Refusal ? shard : await shard.runtime.ask(() => question(shard.groups))
      if (!(answer instanceof Refusal)) return [answer]
      this.#options.logger.warn({ partition, reason: answer.message }, 'the groups of a coordinator partition cannot be told')
      return []
    }))
    return answers.flat()
  }

  /** A topic was deleted: its committed offsets go with it, in every partition. */
  async forgetTopic(topic: string): Promise<null | Refusal> {
    for (const partition of await this.#used()) {
      const shard = await this.#shard(partition)
      if (shard instanceof Refusal) return shard
      for (let removed = 1; removed > 0;) {
        const reply = await shard.runtime.submit({ type: 'forget-topic', topic })
        if (reply instanceof Refusal) return reply
        removed = reply as GroupReplies['forget-topic']
      }
    }
    return null
  }

  /** Replays every partition ahead of time, so that sessions and retention run and no first request waits. */
  async load(): Promise<void> {
    const used = await this.#used()
    if (!this.#closed) await Promise.all(used.map(partition => this.#shard(partition)))
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const opening of this.#shards.values()) {
      const shard = await opening
      if (!(shard instanceof Refusal)) await shard.runtime.close()
    }
  }

  async #used(): Promise<number[]> {
    const used: number[] = []
    for (let partition = 0; partition < this.#partitionCount; partition++) if (await this.#isUsed(partition)) used.push(partition)
    return used
  }

  async #isUsed(partition: number): Promise<boolean> {
    return this.#shards.has(partition) || this.#options.hasLog(partition)
  }

  get #partitionCount(): number {
    return this.#options.topic()?.partitions.length ?? 0
  }

  #shard(partition: number): Promise<Shard | Refusal> {
    const known = this.#shards.get(partition)
    if (known !== undefined) return known
    if (this.#closed) return Promise.resolve(new Refusal('coordinator-not-available', 'the group coordinator is shutting down'))
    const opening = this.#openShard(partition)
    this.#shards.set(partition, opening)
    return opening
  }

  async #openShard(partition: number): Promise<Shard | Refusal> {
    const { clock, logger, settings } = this.#options
    const log = await this.#options.openLog(partition)
    if (log instanceof Refusal) {
      this.#shards.delete(partition)
      return log
    }
    const groups = new Groups(settings)
    try {
      return { groups, runtime: await MachineRuntime.open({ name: `${offsetsTopic}-${partition}`, machine: groups, log, clock, logger }) }
    } catch (error) {
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
