// When each shard of a stream was open, and which are still there. OPEN → CLOSED (split or merged) → EXPIRED: all it held is past retention, or was deleted. An expired
// shard is not listed and cannot be read. What a selection answers has no hole: a shard counts as open since ever where what was before it has expired.
import { Refusal, type Topic } from '../ports.ts'
import type { Services } from './context.ts'
import { streamStatus } from './lifecycle.ts'
import { trimHorizonMs } from './retention.ts'
import { type ShardMap, type ShardNode, shardMapOf } from './shard-map.ts'

export interface ShardSpan {
  readonly shard: ShardNode
  /** When it took its parents' place: -Infinity where there is none before it any more. Milliseconds since the epoch. */
  readonly openedAtMs: number
  /** Infinity while it is open. */
  readonly closedAtMs: number
}

/** What ListShards selects by. */
export type ShardSelection =
  | { readonly type: 'AFTER_SHARD_ID'; readonly index: number }
  | { readonly type: 'AT_TRIM_HORIZON' | 'FROM_TRIM_HORIZON' | 'AT_LATEST' }
  | { readonly type: 'AT_TIMESTAMP' | 'FROM_TIMESTAMP'; readonly atMs: number }

type Parts = Pick<Services, 'admin' | 'clock' | 'documents'>

const emptiedForMs = 1_000

/** Every shard that has not expired, by index; none while the stream is being made. */
export async function shardsLeft(topic: Topic, parts: Parts): Promise<readonly ShardSpan[]> {
  if (streamStatus(topic, parts) === 'CREATING') return []
  const map = shardMapOf(topic)
  if (map.open.length === map.shards.length) return sinceEver(map)
  const nowMs = parts.clock.now()
  const horizonMs = trimHorizonMs(topic, nowMs, parts)
  const arrivesByTime = parts.admin.config(topic, 'message.timestamp.type') === 'LogAppendTime'
  // Past retention it is clear where times are times of arrival. Otherwise only the log tells whether a shard still has records.
  const needsLog = map.shards.some(({ seal }) => seal !== undefined && seal.endOffset > 0 && !(arrivesByTime && seal.atMs <= horizonMs))
  const emptied = needsLog ? await emptiedShards(topic, map, parts) : nothing
  const isExpired: boolean[] = []
  const spans: ShardSpan[] = []
  for (const shard of map.shards) {
    const { index, seal, parents } = shard
    const isPast = seal !== undefined && seal.atMs <= horizonMs
    const hasNothing = seal !== undefined && (isPast && (arrivesByTime || seal.endOffset === 0) || emptied.has(index))
    isExpired.push(hasNothing && seal.endOffset >= 0 && parents.every(parent => isExpired[parent]))
    if (isExpired[index]) continue
    const openedAtMs = parents.length === 0 || parents.some(parent => isExpired[parent]) ? -Infinity : Math.min(...parents.map(parent => map.shards[parent]!.seal!.atMs))
    spans.push({ shard, openedAtMs, closedAtMs: seal?.atMs ?? Infinity })
  }
  return spans
}

/** The shard, unless there is none with that index or it has expired. */
export async function shardLeft(topic: Topic, index: number, parts: Parts): Promise<ShardNode | undefined> {
  const shard = shardMapOf(topic).shards[index]
  if (shard?.seal === undefined) return shard
  return (await shardsLeft(topic, parts)).some(span => span.shard === shard) ? shard : undefined
}

export function isSelected({ shard, openedAtMs, closedAtMs }: ShardSpan, selection: ShardSelection): boolean {
  switch (selection.type) {
    case 'AFTER_SHARD_ID': return shard.index > selection.index
    case 'FROM_TRIM_HORIZON': return true
    case 'AT_TRIM_HORIZON': return openedAtMs === -Infinity
    case 'AT_LATEST': return closedAtMs === Infinity
    case 'AT_TIMESTAMP': return openedAtMs <= selection.atMs && closedAtMs >= selection.atMs
    case 'FROM_TIMESTAMP': return closedAtMs >= selection.atMs
  }
}

const undivided = new WeakMap<ShardMap, readonly ShardSpan[]>()

/** Of a stream that was never resharded. */
function sinceEver(map: ShardMap): readonly ShardSpan[] {
  let spans = undivided.get(map)
  if (spans === undefined) undivided.set(map, spans = map.shards.map(shard => ({ shard, openedAtMs: -Infinity, closedAtMs: Infinity })))
  return spans
}

const nothing: ReadonlySet<number> = new Set()
const known = new WeakMap<ShardMap, { readonly untilMs: number; readonly emptied: ReadonlySet<number> }>()

/** Closed shards that had records of which none is left, as of a second ago at most: lists are asked for often. */
async function emptiedShards(topic: Topic, map: ShardMap, { admin, clock }: Parts): Promise<ReadonlySet<number>> {
  const before = known.get(map)
  if (before !== undefined && clock.monotonic() < before.untilMs) return before.emptied
  const replicas = await admin.replicas(topic.name)
  const emptied = new Set<number>()
  for (const { partition, logStartOffset } of replicas instanceof Refusal ? [] : replicas) {
    const seal = map.shards[partition]?.seal
    if (seal !== undefined && seal.endOffset > 0 && logStartOffset >= seal.endOffset) emptied.add(partition)
  }
  known.set(map, { untilMs: clock.monotonic() + emptiedForMs, emptied })
  return emptied
}
