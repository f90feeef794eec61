// v3, lags: how far a group's committed offsets are behind the ends of their partitions, and which consumer has each. DESCRIBE on the group and on the topic, as for
// OffsetFetch and ListOffsets; partitions of topics that the caller may not describe are left out.
import type { Response, Router } from 'express'
import { Refusal, type CommittedOffset, type GroupDescription } from '../../../ports.ts'
import { callerOf } from '../../callers.ts'
import { allowOnly } from '../../problem.ts'
import { assignmentOf, type GroupParts, groupOf, type Member, sortedMembers } from './group.ts'
import { cannotBeFound, orRefuseV3 } from './refusals.ts'
import { type Place, placeOf, type Relationship } from './resource.ts'

interface Lag {
  readonly groupId: string
  readonly topic: string
  readonly partition: number
  readonly currentOffset: number
  readonly logEndOffset: number
  /** Never below 0: a log may have been cut off behind the offset. */
  readonly lag: number
  /** Who was assigned the partition; undefined where nobody is. */
  readonly member: Member | undefined
}

const base = '/v3/clusters/:cluster/consumer-groups/:group'

/** `…/consumer-groups/{g}/lag-summary`, `/lags` and `/lags/{t}/partitions/{p}`. */
export function lagRoutes(router: Router, parts: GroupParts): void {
  router.route(`${base}/lag-summary`)
    .get(async (request, response) => {
      const group = await groupOf(parts, response, request.params.group)
      response.json(summaryData(placeOf(response), await lagsOf(parts, response, group), group))
    })
    .all(allowOnly('GET'))

  router.route(`${base}/lags`)
    .get(async (request, response) => {
      const place = placeOf(response)
      const group = await groupOf(parts, response, request.params.group)
      const data = (await lagsOf(parts, response, group)).map(lag => lagData(place, lag))
      response.json(place.collection('KafkaConsumerLagList', ['consumer-groups', group.groupId, 'lags'], data))
    })
    .all(allowOnly('GET'))

  router.route(`${base}/lags/:topic/partitions/:partition`)
    .get(async (request, response) => {
      const { topic, partition } = request.params
      const group = await groupOf(parts, response, request.params.group)
      const lag = (await lagsOf(parts, response, group)).find(one => one.topic === topic && String(one.partition) === partition)
      if (lag === undefined) throw cannotBeFound(`A lag of consumer group ${group.groupId} in partition ${topic.slice(0, 249)}-${partition.slice(0, 16)}`)
      response.json(lagData(placeOf(response), lag))
    })
    .all(allowOnly('GET'))
}

/** One for each partition in which the group has committed, by topic and partition; what cannot be looked at just now (no leader, gone) is left out. */
async function lagsOf({ groups, logs, access }: GroupParts, response: Response, group: GroupDescription): Promise<readonly Lag[]> {
  const caller = callerOf(response)
  const { groupId } = group
  const members = new Map(sortedMembers(group).flatMap(member => assignmentOf(group, member).map(({ topic, partition }) => [`${topic}/${partition}`, member] as const)))
  const committed = orRefuseV3(await groups.committed(groupId))
  const topics = new Set(committed.map(one => one.topic))
  const visible = new Set([...topics].filter(topic => access.wouldAllow(caller, 'describe', 'topic', topic)))
  const lags = await Promise.all(committed.filter(one => visible.has(one.topic)).map(async ({ topic, partition, offset }: CommittedOffset): Promise<Lag[]> => {
    const ends = await logs.ends({ topic, partition })
    if (ends instanceof Refusal) return []
    const { highWatermark } = ends
    const lag = Math.max(0, highWatermark - offset)
    return [{ groupId, topic, partition, currentOffset: offset, logEndOffset: highWatermark, lag, member: members.get(`${topic}/${partition}`) }]
  }))
  return lags.flat().toSorted((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1))
}

function lagData(place: Place, { groupId, topic, partition, currentOffset, logEndOffset, lag, member }: Lag): object {
  return {
    ...place.resource('KafkaConsumerLag', {
      path: ['consumer-groups', groupId, 'lags', topic, 'partitions', partition],
      name: ['consumer-group', groupId, 'lag', topic, 'partition', partition],
    }),
    cluster_id: place.clusterId,
    consumer_group_id: groupId,
    topic_name: topic,
    partition_id: partition,
    consumer_id: member?.memberId ?? '',
    instance_id: member?.instanceId ?? null,
    client_id: member?.clientId ?? '',
    current_offset: currentOffset,
    log_end_offset: logEndOffset,
    lag,
  }
}

function summaryData(place: Place, lags: readonly Lag[], { groupId }: GroupDescription): object {
  const [first] = lags
  if (first === undefined) throw cannotBeFound(`A lag summary of consumer group ${groupId}`)
  const max = lags.reduce((most, one) => (one.lag > most.lag ? one : most), first)
  const memberId = max.member?.memberId ?? ''
  const consumers = place.related('consumer-groups', groupId, 'consumers')
  const consumer: Relationship = max.member === undefined ? consumers : { related: `${consumers.related}/${encodeURIComponent(memberId)}` }
  return {
    // The plural is the API's own.
    ...place.resource('KafkaConsumerGroupLagSummary', { path: ['consumer-groups', groupId, 'lag-summary'], name: ['consumer-groups', groupId, 'lag-summary'] }),
    cluster_id: place.clusterId,
    consumer_group_id: groupId,
    max_lag_consumer_id: memberId,
    max_lag_instance_id: max.member?.instanceId ?? null,
    max_lag_client_id: max.member?.clientId ?? '',
    max_lag_topic_name: max.topic,
    max_lag_partition_id: max.partition,
    max_lag: max.lag,
    total_lag: lags.reduce((sum, one) => sum + one.lag, 0),
    max_lag_consumer: consumer,
    max_lag_partition: place.related('topics', max.topic, 'partitions', max.partition),
  }
}
