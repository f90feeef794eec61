// What becomes of one partition's state when brokers come and go, replicas fall behind or catch up, and somebody asks for another leader or other
// replicas. Plain values in, the next value out, or undefined where nothing changes. The rules are those of Kafka's KRaft controller (KIP-455, KIP-841,
// KIP-966).
//
// Who leaves the in-sync replicas while those that stay are fewer than min.insync.replicas is eligible: nothing is acknowledged until enough are in sync again, so it
// has everything. What voids that: enough are in sync again (also because min.insync.replicas asks for fewer), its storage is lost or damaged (a directory that a
// broker registers without, `replicas-offline` with `lost`) or cannot serve, it is no replica any more, or an unclean election. A crash does not, since here
// nothing is acknowledged before it is synced everywhere. Where a replica's storage was lost, that is remembered until it is in sync, for elections that may lose records.
//
// leaderEpoch grows with every election, also to nobody and of the leader so far, and when a replica is taken away; partitionEpoch with every change.
import type { Partition } from '../../ports.ts'

/** Which brokers can lead, and how much may be given up to have a leader. */
export interface Standing {
  readonly runs: (id: number) => boolean
  /** unclean.leader.election.enable of the topic: a replica that is not in sync leads rather than none. */
  readonly isUncleanAllowed: boolean
  /** min.insync.replicas of the topic, on whichever broker it is least. */
  readonly minInSync: number
}

export const noLeader = -1

type State = Pick<Partition, 'leader' | 'replicas' | 'inSyncReplicas' | 'addingReplicas' | 'removingReplicas'>

interface Change extends State {
  /** The leader begins a new epoch, also where it is the same one. */
  readonly isElection?: true
  /** The leader may lack what was acknowledged. */
  readonly isUnclean?: true
  /** What this replica had is not to be counted on any more: gone, or out of reach. */
  readonly without?: { readonly id: number; readonly isLost: boolean }
}

/** A new partition: led by the first of its replicas that runs; those that do not run are not in sync. Undefined where none runs. */
export function born(index: number, replicas: readonly number[], runs: Standing['runs'], createdAtMs: number): Partition | undefined {
  const inSyncReplicas = replicas.filter(runs)
  const leader = inSyncReplicas[0]
  if (leader === undefined) return undefined
  return { index, leader, leaderEpoch: 0, partitionEpoch: 0, replicas, inSyncReplicas, addingReplicas: [], removingReplicas: [], createdAtMs }
}

/** What becomes of a replica whose broker cannot serve it any more: it is kept on its broker that is gone, out of reach on one that lives, or lost. */
export type Departure = 'kept' | 'offline' | 'lost'

/**
 * The broker cannot serve it any more: it is led by another replica that is in sync or eligible, and the broker leaves the in-sync replicas. The last of them
 * stays in, because nobody else may have everything, unless what it had is lost, or another one leads.
 */
export function without(before: Partition, id: number, standing: Standing, departure: Departure): Partition | undefined {
  const isLost = departure === 'lost'
  const others = before.inSyncReplicas.filter(one => one !== id)
  const inSyncReplicas = others.length > 0 || isLost ? others : before.inSyncReplicas
  const isLeaderless = before.leader === id || (before.leader === noLeader && inSyncReplicas.length === 0)
  const gone = departure === 'kept' || !before.replicas.includes(id) ? {} : { without: { id, isLost } }
  if (!isLeaderless) return after(before, { ...before, inSyncReplicas, ...gone }, standing)
  return after(before, { ...elected(before, { ...before, inSyncReplicas }, { ...standing, runs: one => one !== id && standing.runs(one) }), ...gone }, standing)
}

/**
 * What the replica had is lost, though its broker lives on. A leader that has heard from that broker how far it was begins a new epoch, in which nothing of that
 * counts: or it would let an empty replica in.
 */
export function withoutLost(before: Partition, id: number, standing: Standing): Partition | undefined {
  const next = without(before, id, standing, 'lost')
  if (before.leader === noLeader || !before.replicas.includes(id) || (next !== undefined && next.leaderEpoch > before.leaderEpoch)) return next
  return after(before, { ...before, inSyncReplicas: next?.inSyncReplicas ?? before.inSyncReplicas, isElection: true, without: { id, isLost: true } }, standing)
}

/** The broker wants to go: it hands over to another in-sync replica that runs, and stays as it is where there is none. */
export function withoutStopping(before: Partition, id: number, standing: Standing): Partition | undefined {
  const runs = (one: number): boolean => one !== id && standing.runs(one)
  return before.inSyncReplicas.includes(id) && before.inSyncReplicas.some(runs) ? without(before, id, { ...standing, runs }, 'kept') : undefined
}

/**
 * The brokers `fresh` serve from now on. A partition whose leader serves stays as it is; any other is led by a replica that is in sync, or else eligible, and runs,
 * the leader so far if it is one. Where nobody leads, only a fresh one can: others that run and are in sync had their turn, and their storage could not serve it.
 */
export function withFresh(before: Partition, fresh: ReadonlySet<number>, standing: Standing & { readonly serves: Standing['runs'] }): Partition | undefined {
  if (before.leader !== noLeader && !fresh.has(before.leader) && standing.serves(before.leader)) return undefined
  const runs = before.leader === noLeader ? (id: number) => fresh.has(id) : standing.runs
  return after(before, elected(before, before, { ...standing, runs }), standing)
}

/** The in-sync replicas as the leader found them. A reassignment whose replicas are all in sync is complete; a leader that wants to go hands over. */
export function withInSync(before: Partition, inSyncReplicas: readonly number[], standing: Standing): Partition | undefined {
  return after(before, settled(before, { ...before, inSyncReplicas }, standing), standing)
}

/** min.insync.replicas may be another than it was. */
export function withMinInSync(before: Partition, standing: Pick<Standing, 'minInSync'>): Partition | undefined {
  return after(before, before, standing)
}

/** Led by the preferred replica, where that is in sync and runs; a partition without a leader takes any replica that is in sync, or else eligible, and runs. */
export function withPreferredLeader(before: Partition, standing: Standing): Partition | undefined {
  const { leader, replicas, inSyncReplicas, eligibleReplicas = [] } = before
  const { runs } = standing
  const candidates = replicas.filter(id => inSyncReplicas.includes(id) && runs(id))
  const next = leader === noLeader ? candidates[0] ?? replicas.find(id => eligibleReplicas.includes(id) && runs(id)) : candidates[0] === replicas[0] ? candidates[0] : undefined
  if (next === undefined || next === leader) return undefined
  const stay = inSyncReplicas.includes(next) ? inSyncReplicas.filter(id => runs(id) || id === leader) : [next]
  return after(before, { ...before, leader: next, inSyncReplicas: stay }, standing)
}

/**
 * A partition without a leader takes whoever runs, and loses what that one does not have; nothing if it is eligible. In-sync replicas that run and yet do not lead
 * could not serve it: they are taken only where there is nobody else but such whose records were lost.
 */
export function withUncleanLeader(before: Partition, standing: Standing): Partition | undefined {
  if (before.leader !== noLeader) return undefined
  const { replicas, inSyncReplicas, eligibleReplicas = [] } = before
  const running = replicas.filter(standing.runs)
  const eligible = running.find(id => eligibleReplicas.includes(id))
  if (eligible !== undefined) return after(before, { ...before, leader: eligible, inSyncReplicas: [eligible] }, standing)
  const leader = leastLost(before, running.filter(id => !inSyncReplicas.includes(id))) ?? running.find(id => inSyncReplicas.includes(id)) ?? running[0]
  return leader === undefined ? undefined : after(before, { ...before, leader, inSyncReplicas: [leader], isUnclean: true }, standing)
}

/** The first whose records were not lost. */
function leastLost({ lostReplicas = [] }: Pick<Partition, 'lostReplicas'>, ids: readonly number[]): number | undefined {
  return ids.find(id => !lostReplicas.includes(id))
}

/** A replica that serves it again leads it, where it is in sync or eligible and nobody leads. */
export function withOnline(before: Partition, id: number, standing: Standing): Partition | undefined {
  const hasAll = before.inSyncReplicas.includes(id) || before.eligibleReplicas?.includes(id) === true
  if (before.leader !== noLeader || !hasAll || !standing.runs(id)) return undefined
  return after(before, { ...before, leader: id, inSyncReplicas: [id] }, standing)
}

/**
 * Moves it to the replicas `target` (KIP-455): those that are new are added, those that are not wanted any more go once all that are wanted are in sync.
 * In place of a reassignment under way, what that one was adding and this one does not want is both coming and going: gone when it ends either way.
 */
export function reassigned(before: Partition, target: readonly number[], standing: Standing): Partition | undefined {
  const original = before.replicas.filter(id => !before.addingReplicas.includes(id))
  const removingReplicas = before.replicas.filter(id => !target.includes(id)).toSorted((a, b) => a - b)
  const replicas = [...target, ...removingReplicas]
  const addingReplicas = replicas.filter(id => !original.includes(id)).toSorted((a, b) => a - b)
  return after(before, settled(before, { ...before, replicas, addingReplicas, removingReplicas }, standing), standing)
}

/**
 * Gives a reassignment under way up. Where only replicas that it was adding are in sync, this would lose records: 'unclean', unless the topic allows
 * such an election.
 */
export function reverted(before: Partition, standing: Standing): Partition | 'unclean' | undefined {
  const stays = (id: number): boolean => !before.addingReplicas.includes(id)
  const replicas = before.replicas.filter(stays)
  const inSyncReplicas = before.inSyncReplicas.filter(stays)
  if (inSyncReplicas.length === 0 && !standing.isUncleanAllowed) return 'unclean'
  return after(before, settled(before, { ...before, replicas, inSyncReplicas, addingReplicas: [], removingReplicas: [] }, standing), standing)
}

export function isReassigning({ addingReplicas, removingReplicas }: Pick<Partition, 'addingReplicas' | 'removingReplicas'>): boolean {
  return addingReplicas.length > 0 || removingReplicas.length > 0
}

/** Completes a reassignment if it can be, and finds another leader if the present one is not a replica any more, or is going and another one can take over. */
function settled(before: Partition, to: State, standing: Standing): Change {
  const next = completed(to)
  const { leader, replicas, inSyncReplicas } = next
  if (leader === noLeader) return next
  const staysIn = replicas.includes(leader) && inSyncReplicas.includes(leader)
  if (staysIn && (standing.runs(leader) || !inSyncReplicas.some(standing.runs))) return next
  return elected(before, next, standing)
}

function completed(state: State): State {
  if (!isReassigning(state)) return state
  const stays = (id: number): boolean => !state.removingReplicas.includes(id)
  const replicas = state.replicas.filter(stays)
  if (!replicas.every(id => state.inSyncReplicas.includes(id))) return state
  return { ...state, replicas, inSyncReplicas: state.inSyncReplicas.filter(stays), addingReplicas: [], removingReplicas: [] }
}

/**
 * With the leader so far if it can lead, else the first replica that is in sync and runs, else one that is eligible. In-sync replicas that do not run leave, while one
 * of them runs, or an eligible one leads.
 */
function elected(before: Partition, to: State, { runs, isUncleanAllowed }: Standing): Change {
  const { replicas, inSyncReplicas } = to
  const candidates = replicas.filter(id => inSyncReplicas.includes(id) && runs(id))
  const clean = candidates.includes(before.leader) ? before.leader : candidates[0]
  if (clean !== undefined) return { ...to, leader: clean, inSyncReplicas: inSyncReplicas.filter(runs), isElection: true }
  const running = replicas.filter(runs)
  const eligible = running.find(id => before.eligibleReplicas?.includes(id) === true)
  if (eligible !== undefined) return { ...to, leader: eligible, inSyncReplicas: [eligible], isElection: true }
  const unclean = isUncleanAllowed ? leastLost(before, running) ?? running[0] : undefined
  if (unclean !== undefined) return { ...to, leader: unclean, inSyncReplicas: [unclean], isElection: true, isUnclean: true }
  return { ...to, leader: noLeader, isElection: true }
}

function after(before: Partition, to: Change, standing: Pick<Standing, 'minInSync'>): Partition | undefined {
  const { leader, replicas, inSyncReplicas, addingReplicas, removingReplicas } = to
  const { eligibleReplicas: eligibleBefore = [], lostReplicas: lostBefore = [], ...rest } = before
  const eligibleReplicas = eligibleAfter(before, to, standing)
  const lost = to.without?.isLost === true && !lostBefore.includes(to.without.id) ? [...lostBefore, to.without.id] : lostBefore
  const lostReplicas = lost.filter(id => replicas.includes(id) && !inSyncReplicas.includes(id))
  const isElected = leader !== before.leader || (to.isElection === true && leader !== noLeader)
  const isFenced = isElected || before.replicas.some(id => !replicas.includes(id))
  const isSame = sameIds(replicas, before.replicas) && sameIds(inSyncReplicas, before.inSyncReplicas)
    && sameIds(addingReplicas, before.addingReplicas) && sameIds(removingReplicas, before.removingReplicas)
    && sameIds(eligibleReplicas, eligibleBefore) && sameIds(lostReplicas, lostBefore)
  if (isSame && !isFenced) return undefined
  return {
    ...rest,
    leader,
    leaderEpoch: before.leaderEpoch + (isFenced ? 1 : 0),
    partitionEpoch: before.partitionEpoch + 1,
    replicas,
    inSyncReplicas,
    addingReplicas,
    removingReplicas,
    ...(eligibleReplicas.length === 0 ? {} : { eligibleReplicas }),
    ...(lostReplicas.length === 0 ? {} : { lostReplicas }),
  }
}

/** In the order of the replicas. As the leader counts them: never are more asked for than there are replicas. */
function eligibleAfter(before: Partition, { replicas, inSyncReplicas, isUnclean, without: gone }: Change, { minInSync }: Pick<Standing, 'minInSync'>): readonly number[] {
  if (isUnclean === true || inSyncReplicas.length >= Math.min(minInSync, replicas.length)) return []
  const had = (id: number): boolean => before.inSyncReplicas.includes(id) || before.eligibleReplicas?.includes(id) === true
  return replicas.filter(id => had(id) && !inSyncReplicas.includes(id) && id !== gone?.id)
}

function sameIds(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((id, at) => id === b[at])
}
