// Checkpoints of the bridge: what a Kafka consumer group has committed of a topic as the leases of a KCL application that reads it as a stream, and back, so that the one goes
// on where the other stopped: at the next record, with no gap and no re-read. A group's offset is the next record to read, a checkpoint the last one that is done with.
import { Router, type Request } from 'express'
import { isOfShard, parseSequenceNumber, sequenceNumberOf } from '../../kinesis/sequence-numbers.ts'
import { shardIdOf, shardIndexOf, shardMapOf, type ShardNode } from '../../kinesis/shard-map.ts'
import { Refusal, type Access, type Admin, type Groups, type Logs, type Partition, type Topic } from '../../ports.ts'
import { readBody, type BodyBudget } from '../body.ts'
import { callerOf, topicFor } from '../callers.ts'
import { allowOnly, Problem } from '../problem.ts'
import { badParameter, choiceParameter, textParameter } from '../query.ts'
import { orRefuse } from '../refusals.ts'
import { expectBody } from '../rest/media-types.ts'
import { wrongMember } from '../admin/members.ts'
import { asDynamoDbScan, type Checkpoint, type GivenCheckpoint, type Lease, parseLeases } from './leases.ts'
import { oneOf } from './parameters.ts'

const bodyBytesMax = 4 * 1_048_576
/** What the offsets that are committed here carry, so that an operator sees where they came from. */
const metadata = 'bridge: KCL leases'

interface Parts {
  readonly logs: Logs
  readonly admin: Admin
  readonly groups: Groups
  readonly access: Access
  readonly budget: BodyBudget
}

/** Where a group is in a partition. */
interface GroupPosition {
  readonly partition: number
  readonly shardId: string
  readonly offset: number
}

/**
 * `GET /bridge/checkpoints?group=billing&stream=orders[&format=dynamodb]` → `{group, topic, stream, leases: […]}`, or the leases as `aws dynamodb scan` prints them. A shard of
 * which the group has committed nothing has no lease. DESCRIBE on the group and the topic.
 *
 * `PUT` of `{leases: […]}` or `{Items: […]}` → `{group, topic, stream, offsets: [{partition, shardId, offset}]}`: committed as the group's offsets, all of them or none. The group
 * may have no members then (409). A shard without a lease that took the place of one with a lease is read from its start, as KCL reads it, and so committed too. A checkpoint
 * within an aggregated record is that of the record before: it is read again. Leases of other streams are passed over. READ on the group
 * and the topic.
 */
export function checkpointRoutes({ logs, admin, groups, access, budget }: Parts): Router {
  const router = Router({ caseSensitive: true, strict: true })
  router.route('/bridge/checkpoints')
    .get(async (request, response) => {
      const { group, name } = namesOf(request)
      const format = choiceParameter(request, 'format', ['plain', 'dynamodb'], 'plain')
      const caller = callerOf(response)
      if (!access.allows(caller, 'describe', 'group', group)) throw notYourGroup(group)
      const topic = await topicFor({ admin, access }, caller, 'describe', name)
      const committed = orRefuse(await groups.committed(group, topic.partitions.map(({ index }) => ({ topic: topic.name, partition: index }))))
      if (committed.length === 0) throw new Problem(404, `Group '${group}' has committed no offset of topic '${topic.name}'.`, { errorCode: 40403 })
      const byShard = committed.toSorted((a, b) => a.partition - b.partition)
      const leases: Lease[] = []
      // One after another: for each, the batch before the offset is read, and that may have megabytes.
      for (const { partition, offset } of byShard) leases.push(await leaseAt(logs, topic, partition, offset))
      response.json(format === 'dynamodb' ? asDynamoDbScan(leases) : { group, topic: topic.name, stream: topic.name, leases })
    })
    .put(async (request, response) => {
      const { group, name } = namesOf(request)
      const caller = callerOf(response)
      if (!access.allows(caller, 'read', 'group', group)) throw notYourGroup(group)
      const topic = await topicFor({ admin, access }, caller, 'read', name)
      expectBody(request)
      const checkpoints = parseLeases(await readBody(request, response, { bytesMax: bodyBytesMax, budget }))
      const offsets = await positionsOf(logs, topic, checkpoints)
      const outcomes = orRefuse(await groups.commit({
        groupId: group, memberId: '', instanceId: null, generationId: -1,
        offsets: offsets.map(({ partition, offset }) => ({ topic: topic.name, partition, offset, leaderEpoch: -1, metadata })),
      }))
      for (const outcome of outcomes) orRefuse(outcome)
      response.json({ group, topic: topic.name, stream: topic.name, offsets })
    })
    .all(allowOnly('GET', 'PUT'))
  return router
}

function namesOf(request: Request): { readonly group: string; readonly name: string } {
  const group = textParameter(request, 'group')
  if (group === undefined || group === '') throw badParameter('group', 'must be given: the id of the consumer group')
  return { group, name: oneOf(request, 'topic', 'stream', true).value }
}

function notYourGroup(group: string): Problem {
  return new Problem(403, `Not authorized to access group: ${group}`, { errorCode: 40301 })
}

async function leaseAt(logs: Logs, topic: Topic, partition: number, offset: number): Promise<Lease> {
  const shard = shardMapOf(topic).shards[partition]!
  return {
    leaseKey: shardIdOf(partition),
    checkpoint: await checkpointBefore(logs, topic, shard, offset),
    checkpointSubSequenceNumber: 0,
    leaseCounter: 0,
    ownerSwitchesSinceCheckpoint: 0,
    parentShardId: shard.parents.map(shardIdOf),
    childShardIds: shard.children.map(shardIdOf),
    startingHashKey: shard.hashKeys.start.toString(),
    endingHashKey: shard.hashKeys.end.toString(),
  }
}

/** The sequence number of the record before `offset`. Where that one is gone, or never showed, its number is still a position: it says where to go on. */
async function checkpointBefore(logs: Logs, topic: Topic, shard: ShardNode, offset: number): Promise<string> {
  if (shard.seal !== undefined && shard.seal.endOffset >= 0 && offset >= shard.seal.endOffset) return 'SHARD_END'
  if (offset <= 0) return 'TRIM_HORIZON'
  const slice = await logs.read({ topic: topic.name, partition: shard.index }, offset - 1, { bytesMax: 1, atLeastOne: true, committedOnly: false })
  const batch = slice instanceof Refusal ? undefined : slice.batches.find(one => one.lastOffset >= offset - 1)
  const record = batch?.recordsOrNone().find(one => one.offset === offset - 1)
  return sequenceNumberOf(shard, offset - 1, record?.timestampMs ?? batch?.maxTimestampMs ?? shard.createdAtMs)
}

async function positionsOf(logs: Logs, topic: Topic, given: readonly GivenCheckpoint[]): Promise<readonly GroupPosition[]> {
  const checkpoints = given.filter(({ stream }) => stream === undefined || stream === topic.name)
  if (checkpoints.length === 0) throw wrongMember('leases', `are of other streams, such as '${given[0]!.stream!.slice(0, 128)}', none of '${topic.name}'`)
  const known = new Set<number>()
  const leased = checkpoints.map(checkpoint => {
    const partition = topic.partitions[shardIndexOf(checkpoint.leaseKey) ?? -1]
    if (partition === undefined) throw new Problem(404, `Shard '${checkpoint.leaseKey.slice(0, 64)}' of stream '${topic.name}' not found.`, { errorCode: 40402 })
    if (known.has(partition.index)) throw wrongMember('leases', `name ${shardIdOf(partition.index)} more than once`)
    known.add(partition.index)
    return { partition, checkpoint }
  })
  const named = await Promise.all(leased.map(async ({ partition, checkpoint }): Promise<GroupPosition> => (
    { partition: partition.index, shardId: shardIdOf(partition.index), offset: await offsetBehind(logs, topic, partition, checkpoint) })))
  const { shards } = shardMapOf(topic)
  const inherited: GroupPosition[] = []
  // Parents have lower indexes, so that grandchildren are met behind their parents.
  for (const { index, parents } of shards) {
    if (known.has(index) || !parents.some(parent => known.has(parent))) continue
    known.add(index)
    inherited.push({ partition: index, shardId: shardIdOf(index), offset: orRefuse(await logs.ends({ topic: topic.name, partition: index })).logStartOffset })
  }
  return [...named, ...inherited].toSorted((a, b) => a.partition - b.partition)
}

/** The first offset that the checkpoint leaves to be read. */
async function offsetBehind(logs: Logs, topic: Topic, partition: Partition, { leaseKey, checkpoint, checkpointSubSequenceNumber }: Checkpoint): Promise<number> {
  const ends = orRefuse(await logs.ends({ topic: topic.name, partition: partition.index }))
  if (checkpoint === 'TRIM_HORIZON') return ends.logStartOffset
  if (checkpoint === 'LATEST') return ends.lastStableOffset
  const position = checkpoint === 'SHARD_END' ? undefined : parseSequenceNumber(checkpoint)
  if (checkpoint === 'SHARD_END' || position?.offset === Infinity) {
    const endOffset = partition.seal?.endOffset ?? -1
    if (endOffset < 0) throw wrongMember(`leases of ${leaseKey}`, 'say SHARD_END, but the shard is open')
    return endOffset
  }
  if (position === undefined || !isOfShard(position, partition)) throw wrongMember(`leases of ${leaseKey}`, `have a sequence number that did not come from this shard of stream '${topic.name}': ${checkpoint}`)
  const offset = checkpointSubSequenceNumber > 0 ? position.offset : position.offset + 1
  if (offset > ends.lastStableOffset) throw wrongMember(`leases of ${leaseKey}`, `are ahead of the shard, whose next record has offset ${ends.lastStableOffset}: ${checkpoint}`)
  return offset
}
