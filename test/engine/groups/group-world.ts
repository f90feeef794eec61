// Groups of one coordinator partition over an in-memory log and simulated time, and consumers that speak to them as clients do.
import type { GroupCommand, GroupReplies, GroupReply } from '../../../src/engine/groups/commands.ts'
import { Groups, type GroupSettings } from '../../../src/engine/groups/groups.ts'
import type { GroupRecord } from '../../../src/engine/groups/records.ts'
import { MachineRuntime } from '../../../src/engine/machine.ts'
import { type Joined, type JoinRequest, Refusal, type Synced } from '../../../src/ports.ts'
import { SimClock } from '../../sim/clock.ts'
import { silent } from '../../sim/world.ts'
import { MemoryLog } from '../memory-log.ts'

export const settings: GroupSettings = {
  initialRebalanceDelayMs: 3000, sessionTimeoutMsMin: 6000, sessionTimeoutMsMax: 1_800_000, membersMax: 1000,
  offsetsRetentionMs: 7 * 86_400_000, offsetsRetentionCheckMs: 600_000, offsetMetadataMax: 4096,
}

export interface JoinOptions extends Partial<Omit<JoinRequest, 'protocols'>> {
  /** By name, the metadata as text. */
  readonly protocols?: Readonly<Record<string, string>>
}

export class GroupWorld {
  readonly clock: SimClock
  readonly log: MemoryLog
  readonly groups: Groups
  readonly runtime: MachineRuntime<GroupCommand, GroupRecord, GroupReply>
  #ids = 0

  private constructor(clock: SimClock, log: MemoryLog, groups: Groups, runtime: GroupWorld['runtime']) {
    this.clock = clock
    this.log = log
    this.groups = groups
    this.runtime = runtime
  }

  static async open(options: { readonly log?: MemoryLog; readonly clock?: SimClock; readonly settings?: Partial<GroupSettings> } = {}): Promise<GroupWorld> {
    const clock = options.clock ?? new SimClock()
    const log = options.log ?? new MemoryLog()
    const groups = new Groups({ ...settings, ...options.settings })
    return new GroupWorld(clock, log, groups, await MachineRuntime.open<GroupCommand, GroupRecord, GroupReply>({ name: 'groups', machine: groups, log, clock, logger: silent }))
  }

  async submit<T extends GroupCommand['type']>(command: GroupCommand & { readonly type: T }, signal?: AbortSignal): Promise<GroupReplies[T] | Refusal> {
    return (await this.runtime.submit(command, signal)) as GroupReplies[T] | Refusal
  }

  join(memberId: string, options: JoinOptions = {}, signal?: AbortSignal): Promise<GroupReplies['join'] | Refusal> {
    const protocols = Object.entries(options.protocols ?? { range: 'topics' }).map(([name, metadata]) => ({ name, metadata: Buffer.from(metadata) }))
    const request: JoinRequest = {
      groupId: 'g', instanceId: null, clientId: 'client', clientHost: '127.0.0.1', protocolType: 'consumer', sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 60_000,
      requiresKnownMemberId: false, supportsSkippingAssignment: true, reason: null, ...options, memberId, protocols,
    }
    return this.submit({ type: 'join', request, newMemberId: `${request.instanceId ?? 'm'}-${++this.#ids}` }, signal)
  }

  sync(member: Pick<Joined, 'memberId' | 'generationId'>, assignments: Readonly<Record<string, string>> = {}, more: { groupId?: string; instanceId?: string; protocolName?: string; protocolType?: string } = {}): Promise<Synced | Refusal> {
    return this.submit({
      type: 'sync',
      request: {
        groupId: more.groupId ?? 'g', memberId: member.memberId, instanceId: more.instanceId ?? null, generationId: member.generationId,
        protocolType: more.protocolType ?? null, protocolName: more.protocolName ?? null,
        assignments: Object.entries(assignments).map(([memberId, assignment]) => ({ memberId, assignment: Buffer.from(assignment) })),
      },
    })
  }

  heartbeat(memberId: string, generationId: number, instanceId: string | null = null): Promise<null | Refusal> {
    return this.submit({ type: 'heartbeat', request: { groupId: 'g', memberId, instanceId, generationId } })
  }

  leave(memberId: string, instanceId: string | null = null): Promise<readonly (null | Refusal)[] | Refusal> {
    return this.submit({ type: 'leave', groupId: 'g', members: [{ memberId, instanceId, reason: null }] })
  }

  commit(offsets: Readonly<Record<string, number>>, from: { memberId?: string; generationId?: number; instanceId?: string; groupId?: string; metadata?: string } = {}) {
    return this.submit({
      type: 'commit',
      request: {
        groupId: from.groupId ?? 'g', memberId: from.memberId ?? '', generationId: from.generationId ?? -1, instanceId: from.instanceId ?? null,
        offsets: Object.entries(offsets).map(([at, offset]) => ({ topic: at.split('/')[0]!, partition: Number(at.split('/')[1]), offset, leaderEpoch: -1, metadata: from.metadata ?? '' })),
      },
    })
  }

  /** Committed offsets of the group as `{ 'orders/0': 5 }`. */
  committed(groupId = 'g'): Record<string, number> {
    return Object.fromEntries(this.groups.committed(groupId).map(({ topic, partition, offset }) => [`${topic}/${partition}`, offset]))
  }

  describe() {
    const description = this.groups.describe('g')
    if (description instanceof Refusal) return description
    return description
  }

  get state(): string {
    const description = this.groups.describe('g')
    return description instanceof Refusal ? description.code : description.state
  }

  /** Members that join a new group together and get `assignment-<member id>` each. The first one leads. */
  async stable(count: number, options: (index: number) => JoinOptions = () => ({})): Promise<Joined[]> {
    const joining = Promise.all(Array.from({ length: count }, (_, index) => this.join('', options(index))))
    // The initial delay, once more where a second member came within it.
    await this.clock.advance(count > 1 ? 6000 : 3000)
    const joined = (await joining).map(joinedOf)
    await Promise.all(joined.map((one, index) => this.sync(one, one.members.length > 0 ? Object.fromEntries(joined.map(({ memberId }) => [memberId, `assignment-${memberId}`])) : {}, optional(options(index).instanceId))))
    return joined
  }
}

/** The reply to a join that got in. */
export function joinedOf(reply: GroupReplies['join'] | Refusal): Joined {
  if (reply instanceof Refusal) throw new Error(`${reply.code}: ${reply.message}`)
  if ('refusal' in reply) throw new Error(`${reply.refusal.code}: ${reply.refusal.message}`)
  return reply
}

function optional(instanceId: string | null | undefined): { instanceId?: string } {
  return instanceId == null ? {} : { instanceId }
}
