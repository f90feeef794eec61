// What can be asked of the groups of one coordinator partition, and what comes back.
import type { CommitRequest, GroupMember, Joined, JoinRequest, MemberIdRequired, Refusal, Synced, SyncRequest } from '../../ports.ts'

export type LeavingMember = { readonly memberId: string; readonly instanceId: string | null; readonly reason: string | null }

export type GroupCommand =
  /** `newMemberId` is used where the member has no id yet. */
  | { readonly type: 'join'; readonly request: JoinRequest; readonly newMemberId: string }
  | { readonly type: 'sync'; readonly request: SyncRequest }
  | { readonly type: 'heartbeat'; readonly request: GroupMember & { readonly generationId: number } }
  | { readonly type: 'leave'; readonly groupId: string; readonly members: readonly LeavingMember[] }
  | { readonly type: 'commit'; readonly request: CommitRequest }
  | { readonly type: 'delete'; readonly groupId: string }
  /** The topic is gone, and so are its offsets. */
  | { readonly type: 'forget-topic'; readonly topic: string }
  // From timers.
  | { readonly type: 'member-expired'; readonly groupId: string; readonly memberId: string }
  | { readonly type: 'pending-expired'; readonly groupId: string; readonly memberId: string }
  | { readonly type: 'join-timeout'; readonly groupId: string }
  | { readonly type: 'sync-timeout'; readonly groupId: string }
  | { readonly type: 'expire-offsets' }

/** What each command is answered with, besides a Refusal of the whole. */
export interface GroupReplies {
  'join': Joined | MemberIdRequired
  'sync': Synced
  'heartbeat': null
  'leave': readonly (null | Refusal)[]
  'commit': readonly (null | Refusal)[]
  'delete': null
  /** How many offsets went; ask again until none does. */
  'forget-topic': number
  'member-expired': null
  'pending-expired': null
  'join-timeout': null
  'sync-timeout': null
  'expire-offsets': null
}
export type GroupReply = GroupReplies[keyof GroupReplies]
