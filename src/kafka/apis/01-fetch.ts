// Fetch v4-18. Reads whole record batches, waiting up to maxWaitMs for minBytes of them.
// - Answered at once when there is enough, when a partition fails, or when nothing may be waited for.
// - Size (KIP-74): partitions in the order asked; the first that has data gives at least one batch whatever its size, the others keep to what is left.
// - Always sessionless (KIP-227 allows it): session id 0 in every answer, a session id that was never given is FETCH_SESSION_ID_NOT_FOUND.
// - Records leave as the slices they lie in. The bytes of all answers not yet sent have a bound; when it is reached, an answer holds one batch.
// - A reader whose log is not this one any more (lastFetchedEpoch, v12+) is told from where on (divergingEpoch) and gets no records.
// - v12 flexible, v13 topics by id, v16 tells who leads where this broker does not (KIP-951).
import { clusterResource, Refusal, type Seen, type Slice } from '../../ports.ts'
import { array, defineApi, int16, int32, int64, int8, offset, records, string, struct, uuid, type RequestOf, type ResponseOf } from '../../wire/schema.ts'
import { byRule } from '../access.ts'
import { serve } from '../api.ts'
import type { Context } from '../context.ts'
import { callsForLeader, leaderHints } from '../current-leader.ts'
import { ErrorCode, errorCodeOf } from '../errors.ts'

export const Fetch = defineApi({
  key: 1, name: 'Fetch', versions: '4-18', flexible: '12+',
  request: {
    clusterId: string.tag(0, '12+').nullable('12+').default(null),
    replicaId: int32.in('0-14').default(-1),
    replicaState: struct({ replicaId: int32.default(-1), replicaEpoch: int64.default(-1) }).tag(1, '15+').default(null),
    maxWaitMs: int32,
    minBytes: int32,
    maxBytes: int32.default(2147483647),
    isolationLevel: int8.default(0),
    sessionId: int32.in('7+').default(0),
    sessionEpoch: int32.in('7+').default(-1),
    topics: array({
      topic: string.in('0-12'), topicId: uuid.in('13+'),
      partitions: array({
        partition: int32, currentLeaderEpoch: int32.in('9+').default(-1), fetchOffset: offset, lastFetchedEpoch: int32.in('12+').default(-1),
        logStartOffset: offset.in('5+').default(-1), partitionMaxBytes: int32, replicaDirectoryId: uuid.tag(0, '17+'),
        highWatermark: offset.tag(1, '18+').default(Number.MAX_SAFE_INTEGER),
      }),
    }),
    forgottenTopicsData: array({ topic: string.in('7-12'), topicId: uuid.in('13+'), partitions: array(int32) }).in('7+'),
    rackId: string.in('11+').default(''),
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16.in('7+'),
    sessionId: int32.in('7+').default(0),
    responses: array({
      topic: string.in('0-12'), topicId: uuid.in('13+'),
      partitions: array({
        partitionIndex: int32, errorCode: int16, highWatermark: int64, lastStableOffset: int64.default(-1), logStartOffset: int64.in('5+').default(-1),
        divergingEpoch: struct({ epoch: int32.default(-1), endOffset: int64.default(-1) }).tag(0, '12+').default(null),
        currentLeader: struct({ leaderId: int32.default(-1), leaderEpoch: int32.default(-1) }).tag(1, '12+').default(null),
        snapshotId: struct({ endOffset: int64.default(-1), epoch: int32.default(-1) }).tag(2, '12+').default(null),
        abortedTransactions: array({ producerId: int64, firstOffset: int64 }).nullable(),
        preferredReadReplica: int32.in('11+').default(-1),
        records: records.nullable(),
      }),
    }),
    nodeEndpoints: array({ nodeId: int32, host: string, port: int32, rack: string.nullable().default(null) }).tag(0, '16+'),
  },
})

/** A longer wait holds the request's memory for nothing: clients ask for half a second, and an empty answer makes them ask again. */
const waitMsMax = 300_000

export interface FetchRequest extends RequestOf<typeof Fetch> {}
export interface FetchResponse extends ResponseOf<typeof Fetch> {}
type TopicRequest = FetchRequest['topics'][number]
type PartitionRequest = TopicRequest['partitions'][number]
type TopicResponse = FetchResponse['responses'][number]
type PartitionResponse = TopicResponse['partitions'][number]

export const fetch = serve(Fetch, { access: byRule('READ Topic; CLUSTER_ACTION Cluster for a replica', judge) }, handle)

/** What one pass over all partitions gave. */
interface Pass {
  readonly responses: readonly TopicResponse[]
  readonly bytes: number
  /** An error, or a reader to be told that its log diverges: the answer does not wait. */
  readonly isUrgent: boolean
  /** Where to wait for more. */
  readonly seen: readonly Seen[]
}

/** A topic of the request with its name; undefined where its id is not known. */
interface Wanted {
  readonly request: TopicRequest
  readonly name: string | undefined
}

async function handle(request: FetchRequest, context: Context): Promise<FetchResponse> {
  if (request.sessionId !== 0) return { errorCode: ErrorCode.FETCH_SESSION_ID_NOT_FOUND, responses: [] }
  const wanted = await Promise.all(request.topics.map(async topic => ({ request: topic, name: await nameOf(topic, context) })))
  const deadline = context.clock.monotonic() + Math.min(request.maxWaitMs, waitMsMax)
  for (;;) {
    const pass = await readAll(wanted, request, context)
    const leftMs = deadline - context.clock.monotonic()
    if (pass.isUrgent || pass.bytes >= request.minBytes || pass.seen.length === 0 || leftMs <= 0 || context.signal.aborted) {
      return withLeaders(pass.responses, wanted, context)
    }
    context.returnReserved(pass.bytes)
    await waitForMore(pass.seen, leftMs, context)
  }
}

/** The answers with, since v16, who leads where this broker does not. `responses` in the order of `wanted`. */
async function withLeaders(responses: readonly TopicResponse[], wanted: readonly Wanted[], context: Context): Promise<FetchResponse> {
  const refused = context.version < 16 ? [] : responses.flatMap(({ partitions }, at) => {
    const topic = wanted[at]!.name
    return topic === undefined ? [] : partitions.filter(one => callsForLeader(one.errorCode)).map(one => ({ topic, partition: one.partitionIndex }))
  })
  if (refused.length === 0) return { responses }
  const hints = await leaderHints(refused, context)
  return {
    responses: responses.map((response, at) => ({
      ...response,
      partitions: response.partitions.map(one => (
        callsForLeader(one.errorCode) ? { ...one, currentLeader: hints.of({ topic: wanted[at]!.name ?? '', partition: one.partitionIndex }) } : one
      )),
    })),
    nodeEndpoints: hints.nodeEndpoints,
  }
}

async function nameOf(topic: TopicRequest, context: Context): Promise<string | undefined> {
  return context.version < 13 ? topic.topic : (await context.admin.topicById(topic.topicId))?.name
}

async function readAll(wanted: readonly Wanted[], request: FetchRequest, context: Context): Promise<Pass> {
  const bytesMax = Math.max(0, Math.min(request.maxBytes, context.settings.fetchBytesMax))
  const reserved = context.reserveAnswer(bytesMax, 0)
  const responses: TopicResponse[] = []
  const seen: Seen[] = []
  let bytes = 0
  let isUrgent = false
  for (const { request: topic, name } of wanted) {
    const partitions: PartitionResponse[] = []
    for (const partition of topic.partitions) {
      const answer = name === undefined ? failed(partition, ErrorCode.UNKNOWN_TOPIC_ID)
        : await readPartition(name, partition, { bytesLeft: reserved - bytes, isFirst: bytes === 0 }, request, context)
      partitions.push(answer)
      bytes += (answer.records as readonly Buffer[]).reduce((sum, slice) => sum + slice.length, 0)
      if (answer.errorCode !== ErrorCode.NONE || answer.divergingEpoch != null) isUrgent = true
      else if (name !== undefined) seen.push({ topic: name, partition: partition.partition, highWatermark: answer.highWatermark })
    }
    responses.push({ topic: topic.topic, topicId: topic.topicId, partitions })
  }
  // A first batch may be larger than what was reserved; then it is what is owed.
  if (bytes > reserved) context.reserveAnswer(bytes - reserved, bytes - reserved)
  else context.returnReserved(reserved - bytes)
  return { responses, bytes, isUrgent, seen }
}

async function readPartition(
  topic: string, partition: PartitionRequest, budget: { bytesLeft: number; isFirst: boolean }, request: FetchRequest, context: Context,
): Promise<PartitionResponse> {
  const isCommittedOnly = request.isolationLevel === 1
  const slice: Slice | Refusal = await context.logs.read({ topic, partition: partition.partition }, partition.fetchOffset, {
    bytesMax: Math.max(0, Math.min(partition.partitionMaxBytes, budget.bytesLeft)),
    atLeastOne: budget.isFirst,
    committedOnly: isCommittedOnly,
    ...(partition.currentLeaderEpoch < 0 ? undefined : { leaderEpoch: partition.currentLeaderEpoch }),
    ...(partition.lastFetchedEpoch < 0 ? undefined : { lastFetchedEpoch: partition.lastFetchedEpoch }),
  })
  if (slice instanceof Refusal) return failed(partition, errorCodeOf(slice))
  return {
    partitionIndex: partition.partition,
    errorCode: ErrorCode.NONE,
    highWatermark: slice.highWatermark,
    lastStableOffset: slice.lastStableOffset,
    logStartOffset: slice.logStartOffset,
    // Null says "not asked for"; nothing is ever aborted, as transactions are not offered.
    abortedTransactions: isCommittedOnly ? [] : null,
    divergingEpoch: slice.diverging === undefined ? null : { epoch: slice.diverging.leaderEpoch, endOffset: slice.diverging.endOffset },
    records: slice.batches.map(batch => batch.bytes),
  }
}

function failed(partition: PartitionRequest, errorCode: number): PartitionResponse {
  return { partitionIndex: partition.partition, errorCode, highWatermark: -1, abortedTransactions: null, records: [] }
}

/** Until a partition has more, the time is over, or nobody waits for the answer. */
async function waitForMore(seen: readonly Seen[], waitMs: number, context: Context): Promise<void> {
  const enough = new AbortController()
  const stop = (): void => enough.abort()
  using _timer = context.clock.after(waitMs, stop)
  context.signal.addEventListener('abort', stop, { once: true })
  await context.logs.changed(seen, enough.signal)
  context.signal.removeEventListener('abort', stop)
}

/** Denied topics are taken out before anything is looked at, so that they read the same whether they exist or not. */
async function judge(request: FetchRequest, context: Context) {
  // Only the cluster itself may read as a replica.
  const isReplica = request.replicaId >= 0 || (request.replicaState?.replicaId ?? -1) >= 0
  const isDenied = isReplica && !context.may('cluster-action', 'cluster', clusterResource)
  const allowed: TopicRequest[] = []
  const denied: TopicResponse[] = []
  for (const topic of request.topics) {
    const name = await nameOf(topic, context)
    if (!isDenied && (name === undefined || context.may('read', 'topic', name))) allowed.push(topic)
    else denied.push({ topic: topic.topic, topicId: topic.topicId, partitions: topic.partitions.map(one => failed(one, ErrorCode.TOPIC_AUTHORIZATION_FAILED)) })
  }
  if (denied.length === 0) return { request }
  return {
    // What is denied is an error, and with an error nothing is waited for.
    request: { ...request, topics: allowed, maxWaitMs: 0 },
    complete: (response: FetchResponse): FetchResponse => ({ ...response, responses: [...response.responses, ...denied] }),
  }
}
