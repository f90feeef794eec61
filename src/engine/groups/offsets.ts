// Committed offsets of one coordinator partition: the table, who may commit to it, and which offsets have outlived their retention.
import { type CommitRequest, type CommittedOffset, type PartitionRef, Refusal } from '../../ports.ts'
import { memberAndGenerationFault } from './classic.ts'
import type { Group } from './group.ts'
import { rebalanceInProgress } from './rebalance.ts'
import type { StoredOffset } from './records.ts'

export class OffsetTable {
  readonly #groups = new Map<string, Map<string, StoredOffset>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  set(offset: StoredOffset): void {
    const offsets = this.#groups.get(offset.groupId) ?? new Map<string, StoredOffset>()
    const key = keyOf(offset)
    if (!offsets.has(key)) this.#size++
    offsets.set(key, offset)
    this.#groups.set(offset.groupId, offsets)
  }

  remove(groupId: string, at: PartitionRef): void {
    const offsets = this.#groups.get(groupId)
    if (offsets?.delete(keyOf(at)) !== true) return
    this.#size--
    if (offsets.size === 0) this.#groups.delete(groupId)
  }

  has(groupId: string): boolean {
    return this.#groups.has(groupId)
  }

  of(groupId: string): StoredOffset[] {
    return [...this.#groups.get(groupId)?.values() ?? []]
  }

  /** Of the named partitions those that have one, or all. */
  committed(groupId: string, partitions?: readonly PartitionRef[]): CommittedOffset[] {
    const offsets = this.#groups.get(groupId)
    if (offsets === undefined) return []
    const chosen = partitions === undefined ? [...offsets.values()] : partitions.flatMap(at => offsets.get(keyOf(at)) ?? [])
    return chosen.map(({ topic, partition, offset, leaderEpoch, metadata, commitTimestampMs }) => {
      return { topic, partition, offset, leaderEpoch, metadata, commitTimestampMs }
    })
  }

  /** The first `countMax` for which the condition holds. */
  first(countMax: number, holds: (offset: StoredOffset) => boolean): StoredOffset[] {
    const found: StoredOffset[] = []
    for (const offset of this) {
      if (found.length >= countMax) break
      if (holds(offset)) found.push(offset)
    }
    return found
  }

  *[Symbol.iterator](): Generator<StoredOffset> {
    for (const offsets of this.#groups.values()) yield* offsets.values()
  }
}

/** A refusal where the caller may not commit to the group as it stands; undefined `group`: there is none. */
export function commitFault(group: Group | undefined, request: CommitRequest): Refusal | undefined {
  const { groupId, generationId, memberId, instanceId } = request
  if (group === undefined) {
    // A consumer without group management, or an administrator.
    return generationId < 0 ? undefined : new Refusal('illegal-generation', `Group ${groupId} does not exist, so it has no generation ${generationId}.`)
  }
  if (generationId < 0 && group.state === 'Empty') return undefined
  if (generationId >= 0 || memberId !== '' || instanceId !== null) {
    const fault = memberAndGenerationFault(group, request)
    if (fault !== undefined) return fault
  } else if (group.state !== 'Empty') {
    return new Refusal('unknown-member-id', `Group ${groupId} has members; only they can commit its offsets.`)
  }
  // The member has seen the new generation but not its assignment: what it read belongs to the last one.
  return group.state === 'CompletingRebalance' ? rebalanceInProgress(group) : undefined
}

/**
 * The offsets that offsets.retention.minutes ends: of an empty group, counted from when it became empty; of a stable group of consumers, those of
 * topics that nobody subscribes any more, from their commit; of a group that never had members, from their commit (KIP-211).
 */
export function expiredOffsets(group: Group, offsets: readonly StoredOffset[], retentionMs: number, nowMs: number): StoredOffset[] {
  const isOld = (sinceMs: number): boolean => nowMs - sinceMs >= retentionMs
  if (group.protocolType === null) return offsets.filter(offset => isOld(offset.commitTimestampMs))
  if (group.state === 'Empty') return offsets.filter(offset => isOld(group.stateSinceMs === -1 ? offset.commitTimestampMs : group.stateSinceMs))
  const subscribed = group.state === 'Stable' ? group.subscribedTopics : undefined
  if (subscribed === undefined) return []
  return offsets.filter(offset => !subscribed.has(offset.topic) && isOld(offset.commitTimestampMs))
}

// A legal topic name has no slash.
function keyOf({ topic, partition }: PartitionRef): string {
  return `${topic}/${partition}`
}
