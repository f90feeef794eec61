// One member of a consumer group, by Kafka's classic protocol: joins, shares partitions out where it leads, sends heartbeats between the requests of its REST
// client, joins anew when the group changes, and leaves. Runs by itself from `start` to `close`; whoever owns it is told what it was given.
import { Refusal, type Admin, type Groups, type Joined, type PartitionRef, type RefusalCode } from '../../../ports.ts'
import type { Clock } from '../../../world/world.ts'
import { assignors, type Subscriber } from './assignors.ts'
import { consumerProtocolType, encodeAssignment, encodeSubscription, partitionsOfAssignment, topicsOfSubscription } from './consumer-protocol.ts'

/** Kafka's default for consumers. */
const sessionTimeoutMs = 45_000
/** A third of Kafka's default: these heartbeats take no network, and the others of a group wait for the next one of each member to rebalance. */
const heartbeatMs = 1_000
/** How long the others wait for a member to join anew; one of ours does so at its next heartbeat. */
const rebalanceTimeoutMs = 60_000
/** How often the leader looks whether topics have grown, and everybody whether others match its pattern by now. */
const topicsCheckMs = 30_000
const retryMs = 1_000

/** The member's place was given to others, or is being given out anew: there is nothing wrong, it joins again. */
export const changesOfGroup: ReadonlySet<RefusalCode> = new Set<RefusalCode>(['rebalance-in-progress', 'illegal-generation', 'unknown-member-id', 'member-id-required'])

export interface MembershipOptions {
  readonly groups: Groups
  readonly admin: Admin
  readonly clock: Clock
  readonly groupId: string
  /** Shown to whoever describes the group. */
  readonly clientId: string
  readonly clientHost: string
  /** The topics that the member wants, as they are now. */
  readonly topics: () => Promise<readonly string[]>
  /** The group is changing: what the member had it has no more, until it is told again. */
  readonly onRebalance: () => void
  /** The member has these partitions from now on, and no others. `isNext`: nobody else can have had them since it was told last. */
  readonly onAssigned: (partitions: readonly PartitionRef[], how: { isNext: boolean }) => void
}

export interface Generation {
  readonly memberId: string
  readonly generationId: number
}

export class Membership {
  readonly #options: MembershipOptions
  readonly #closing = new AbortController()
  #memberId = ''
  #generation: Generation | undefined
  /** Of the assignment before. */
  #generationBefore = -1
  #fault: Refusal | undefined
  /** A bug or a failed disk: given to whoever asks next, because nobody waits for the member itself. */
  #crash: unknown
  /** The topics that this member shares out; empty while another leads. */
  #led: readonly string[] = []
  #running: Promise<void> | undefined

  constructor(options: MembershipOptions) {
    this.#options = options
  }

  /** Undefined until the first assignment. While the group rebalances it is the one before, with which nothing can be committed. */
  get generation(): Generation | undefined {
    return this.#generation
  }

  /** Why the member cannot get into the group at present, though it tries again and again. */
  get fault(): Refusal | undefined {
    if (this.#crash !== undefined) throw this.#crash
    return this.#fault
  }

  start(): void {
    this.#running ??= this.#run().catch((error: unknown) => { this.#crash = error })
  }

  /** Leaves the group, so that the others need not wait for the session to end. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#running
    if (this.#memberId === '') return
    // A group that cannot be asked forgets the member when its session ends.
    await this.#options.groups.leave(this.#options.groupId, [{ memberId: this.#memberId, instanceId: null, reason: 'the REST consumer was closed' }])
  }

  async #run(): Promise<void> {
    while (!this.#isClosing()) {
      const topics = await this.#options.topics()
      const refusal = await this.#enter(topics)
      if (this.#isClosing()) return
      if (refusal === null) {
        await this.#stay(topics)
        this.#options.onRebalance()
      } else if (!changesOfGroup.has(refusal.code)) {
        this.#fault = refusal
        await this.#pause(retryMs)
      }
    }
  }

  /** Join and sync: null once the member has its partitions. */
  async #enter(topics: readonly string[]): Promise<null | Refusal> {
    this.#led = []
    const { groups, groupId, clientId, clientHost } = this.#options
    const metadata = encodeSubscription(topics)
    const joined = await groups.join({
      groupId, memberId: this.#memberId, instanceId: null, clientId, clientHost, protocolType: consumerProtocolType,
      protocols: [...assignors.keys()].map(name => ({ name, metadata })),
      sessionTimeoutMs, rebalanceTimeoutMs, requiresKnownMemberId: true, supportsSkippingAssignment: true, reason: null,
    }, this.#closing.signal)
    if (joined instanceof Refusal) return this.#refused(joined)
    this.#memberId = joined.memberId
    if ('refusal' in joined) return joined.refusal
    const { memberId, generationId, protocolType, protocolName } = joined
    const isLeader = joined.leader === memberId && !joined.skipAssignment
    const synced = await groups.sync({
      groupId, memberId, instanceId: null, generationId, protocolType, protocolName, assignments: isLeader ? await this.#shareOut(joined) : [],
    }, this.#closing.signal)
    if (synced instanceof Refusal) return this.#refused(synced)
    if (this.#isClosing()) return null
    this.#fault = undefined
    this.#generation = { memberId, generationId }
    this.#options.onAssigned(partitionsOfAssignment(synced.assignment), { isNext: generationId === this.#generationBefore + 1 })
    this.#generationBefore = generationId
    return null
  }

  /** Heartbeats until the group, or what the member wants of it, has changed. */
  async #stay(topics: readonly string[]): Promise<void> {
    const { groups, groupId } = this.#options
    const before = await this.#partitionCounts()
    let sinceCheckMs = 0
    while (!this.#isClosing()) {
      await this.#pause(heartbeatMs)
      if (this.#isClosing()) return
      const { memberId, generationId } = this.#generation!
      const refusal = await groups.heartbeat({ groupId, memberId, instanceId: null, generationId })
      if (refusal !== null && changesOfGroup.has(refusal.code)) {
        this.#refused(refusal)
        return
      }
      // What passes (a coordinator that moves) is waited out: the session is long enough.
      this.#fault = refusal ?? undefined
      sinceCheckMs += heartbeatMs
      if (sinceCheckMs < topicsCheckMs) continue
      sinceCheckMs = 0
      if (!same(topics, await this.#options.topics()) || !same(before, await this.#partitionCounts())) return
    }
  }

  async #shareOut({ members, protocolName, memberId }: Joined): Promise<readonly { memberId: string; assignment: Buffer }[]> {
    const subscribers = members.map((member): Subscriber => ({
      memberId: member.memberId, instanceId: member.instanceId, topics: topicsOfSubscription(member.metadata),
    }))
    this.#led = [...new Set(subscribers.flatMap(({ topics }) => topics))]
    const counts = new Map((await this.#options.admin.topics(this.#led)).map(topic => [topic.name, topic.partitions.length]))
    const assignor = assignors.get(protocolName)
    // The coordinator takes a protocol that every member offered, so that it is one of ours.
    const assigned = assignor?.(subscribers, counts) ?? new Map([[memberId, []]])
    return [...assigned].map(([to, partitions]) => ({ memberId: to, assignment: encodeAssignment(partitions) }))
  }

  async #partitionCounts(): Promise<readonly string[]> {
    if (this.#led.length === 0) return []
    return (await this.#options.admin.topics(this.#led)).map(topic => `${topic.name} ${topic.id} ${topic.partitions.length}`)
  }

  #refused(refusal: Refusal): Refusal {
    if (refusal.code === 'unknown-member-id') this.#memberId = ''
    return refusal
  }

  #isClosing(): boolean {
    return this.#closing.signal.aborted
  }

  async #pause(ms: number): Promise<void> {
    const { signal } = this.#closing
    if (signal.aborted) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const end = (): void => resolve()
    using _timer = this.#options.clock.after(ms, end)
    signal.addEventListener('abort', end)
    await promise
    signal.removeEventListener('abort', end)
  }
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one, at) => one === b[at])
}
