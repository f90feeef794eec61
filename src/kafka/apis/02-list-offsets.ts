// ListOffsets v1-11. The offset of a point in time, record-precise, or of a named place:
// -1 the end (the last stable offset for read_committed), -2 the start, -3 the largest timestamp (v7+), -4 the local start (v8+: nothing is tiered,
// so the start), -5 the last tiered (v9+) and -6 the first to be tiered (v11): there is none. What is not there is offset -1 with no error.
// A leader that does not know yet how far all replicas are is OFFSET_NOT_AVAILABLE; before v5, LEADER_NOT_AVAILABLE. v4+ tells the epoch at the offset.
import { Refusal, type Ends, type PartitionRef, type Position } from '../../ports.ts'
import { array, defineApi, int16, int32, int64, int8, string, type RequestOf, type ResponseOf } from '../../wire/schema.ts'
import { onEach } from '../access.ts'
import { serve } from '../api.ts'
import type { Context } from '../context.ts'
import { ErrorCode, errorCodeOf } from '../errors.ts'

export const ListOffsets = defineApi({
  key: 2, name: 'ListOffsets', versions: '1-11', flexible: '6+',
  request: {
    replicaId: int32,
    isolationLevel: int8.in('2+'),
    topics: array({ name: string, partitions: array({ partitionIndex: int32, currentLeaderEpoch: int32.in('4+').default(-1), timestamp: int64 }) }),
    timeoutMs: int32.in('10+'),
  },
  response: {
    throttleTimeMs: int32.in('2+'),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32, errorCode: int16, timestamp: int64.default(-1), offset: int64.default(-1), leaderEpoch: int32.in('4+').default(-1),
      }),
    }),
  },
})

export interface ListOffsetsRequest extends RequestOf<typeof ListOffsets> {}
export interface ListOffsetsResponse extends ResponseOf<typeof ListOffsets> {}
type PartitionRequest = ListOffsetsRequest['topics'][number]['partitions'][number]
type PartitionResponse = ListOffsetsResponse['topics'][number]['partitions'][number]

export const listOffsets = serve(ListOffsets, {
  access: onEach('describe', 'topic', {
    items: request => request.topics,
    name: topic => topic.name,
    keep: (request, topics) => ({ ...request, topics }),
    refuse: (response, denied, errorCode) => ({
      ...response,
      topics: [
        ...response.topics,
        ...denied.map(({ name, partitions }) => ({ name, partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })) })),
      ],
    }),
  }),
}, handle)

async function handle(request: ListOffsetsRequest, context: Context): Promise<ListOffsetsResponse> {
  const asked = new Set<string>()
  const twice = new Set<string>()
  for (const { name, partitions } of request.topics) {
    for (const { partitionIndex } of partitions) {
      const key = `${name}/${partitionIndex}`
      if (asked.has(key)) twice.add(key)
      asked.add(key)
    }
  }
  const topics = request.topics.map(async ({ name, partitions }) => ({
    name,
    partitions: await Promise.all(partitions.map(partition => (
      twice.has(`${name}/${partition.partitionIndex}`) ? { partitionIndex: partition.partitionIndex, errorCode: ErrorCode.INVALID_REQUEST }
        : find({ topic: name, partition: partition.partitionIndex }, partition, request, context)
    ))),
  }))
  return { topics: await Promise.all(topics) }
}

async function find(at: PartitionRef, partition: PartitionRequest, request: ListOffsetsRequest, context: Context): Promise<PartitionResponse> {
  const { partitionIndex, timestamp } = partition
  const since = sinceVersion.get(timestamp)
  if (timestamp < 0 && (since === undefined || context.version < since)) return { partitionIndex, errorCode: ErrorCode.UNSUPPORTED_VERSION }
  const ends = await context.logs.ends(at)
  if (ends instanceof Refusal) return { partitionIndex, errorCode: errorOf(ends, context.version) }
  const { currentLeaderEpoch: believed } = partition
  if (believed >= 0 && believed < ends.leaderEpoch) return { partitionIndex, errorCode: ErrorCode.FENCED_LEADER_EPOCH }
  if (believed > ends.leaderEpoch) return { partitionIndex, errorCode: ErrorCode.UNKNOWN_LEADER_EPOCH }

  const found = await positionOf(at, timestamp, ends, request, context)
  if (found instanceof Refusal) return { partitionIndex, errorCode: errorOf(found, context.version) }
  if (found === null) return { partitionIndex, errorCode: ErrorCode.NONE }
  return { partitionIndex, errorCode: ErrorCode.NONE, offset: found.offset, timestamp: found.timestampMs, leaderEpoch: found.leaderEpoch }
}

async function positionOf(at: PartitionRef, timestamp: number, ends: Ends, request: ListOffsetsRequest, context: Context): Promise<Position | null | Refusal> {
  const { leaderEpoch } = ends
  const readable = request.isolationLevel === 1 ? ends.lastStableOffset : ends.highWatermark
  switch (timestamp) {
    case latest: return { offset: readable, timestampMs: -1, leaderEpoch }
    case earliest: case earliestLocal: return startOf(at, ends, context)
    case latestTiered: case earliestPendingUpload: return null
  }
  const found = timestamp === maxTimestamp ? await context.logs.offsetOfMaxTimestamp(at) : await context.logs.offsetForTime(at, timestamp)
  // What the caller may not read yet is not there.
  return found === null || found instanceof Refusal || found.offset < readable ? found : null
}

/** The log's start, with the epoch of the record that lies there; the leader's own where there is none, or where the version does not tell. */
async function startOf(at: PartitionRef, { logStartOffset, leaderEpoch }: Ends, context: Context): Promise<Position | Refusal> {
  const start = { offset: logStartOffset, timestampMs: -1, leaderEpoch }
  if (context.version < 4) return start
  const slice = await context.logs.read(at, logStartOffset, { bytesMax: 1, atLeastOne: true, committedOnly: false })
  if (slice instanceof Refusal) return slice.code === 'offset-out-of-range' ? start : slice
  return { ...start, leaderEpoch: slice.batches[0]?.leaderEpoch ?? leaderEpoch }
}

function errorOf(refusal: Refusal, version: number): number {
  return refusal.code === 'offset-not-available' && version < 5 ? ErrorCode.LEADER_NOT_AVAILABLE : errorCodeOf(refusal)
}

const latest = -1
const earliest = -2
const maxTimestamp = -3
const earliestLocal = -4
const latestTiered = -5
const earliestPendingUpload = -6
const sinceVersion: ReadonlyMap<number, number> = new Map([
  [latest, 0], [earliest, 0], [maxTimestamp, 7], [earliestLocal, 8], [latestTiered, 9], [earliestPendingUpload, 11],
])
