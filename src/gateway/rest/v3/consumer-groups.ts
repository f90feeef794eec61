// v3, consumer groups: their state, their consumers, and what each consumer was assigned. DESCRIBE on the group, as for DescribeGroups; groups that the caller may not
// describe are left out of the list, as by ListGroups.
import type { Router } from 'express'
import { clusterResource, Refusal, type GroupDescription, type GroupState, type GroupSummary, type PartitionRef } from '../../../ports.ts'
import { callerOf } from '../../callers.ts'
import { allowOnly } from '../../problem.ts'
import { assignmentOf, type GroupParts, groupOf, type Member, sortedMembers } from './group.ts'
import { cannotBeFound } from './refusals.ts'
import { type Place, placeOf } from './resource.ts'

const base = '/v3/clusters/:cluster/consumer-groups'

/** `/v3/clusters/{c}/consumer-groups[/{g}[/consumers[/{m}[/assignments[/{t}/partitions/{p}]]]]]`. */
export function consumerGroupRoutes(router: Router, parts: GroupParts): void {
  const { groups, access } = parts

  router.route(base)
    .get(async (_request, response) => {
      const caller = callerOf(response)
      const place = placeOf(response)
      const seesAll = access.wouldAllow(caller, 'describe', 'cluster', clusterResource)
      const visible = (await groups.list()).filter(({ groupId }) => seesAll || access.wouldAllow(caller, 'describe', 'group', groupId))
      const data = await Promise.all(visible.toSorted((a, b) => (a.groupId < b.groupId ? -1 : 1)).map(async summary => {
        const described = await groups.describe(summary.groupId)
        return await groupData(parts, place, described instanceof Refusal ? summary : described)
      }))
      response.json(place.collection('KafkaConsumerGroupList', ['consumer-groups'], data))
    })
    .all(allowOnly('GET'))

  router.route(`${base}/:group`)
    .get(async (request, response) => {
      response.json(await groupData(parts, placeOf(response), await groupOf(parts, response, request.params.group)))
    })
    .all(allowOnly('GET'))

  router.route(`${base}/:group/consumers`)
    .get(async (request, response) => {
      const place = placeOf(response)
      const group = await groupOf(parts, response, request.params.group)
      const data = sortedMembers(group).map(member => consumerData(place, group, member))
      response.json(place.collection('KafkaConsumerList', ['consumer-groups', group.groupId, 'consumers'], data))
    })
    .all(allowOnly('GET'))

  router.route(`${base}/:group/consumers/:consumer`)
    .get(async (request, response) => {
      const group = await groupOf(parts, response, request.params.group)
      response.json(consumerData(placeOf(response), group, memberOf(group, request.params.consumer)))
    })
    .all(allowOnly('GET'))

  router.route(`${base}/:group/consumers/:consumer/assignments`)
    .get(async (request, response) => {
      const place = placeOf(response)
      const group = await groupOf(parts, response, request.params.group)
      const member = memberOf(group, request.params.consumer)
      const data = assignmentOf(group, member).map(at => assignmentData(place, group, member, at))
      response.json(place.collection('KafkaConsumerAssignmentList', ['consumer-groups', group.groupId, 'consumers', member.memberId, 'assignments'], data))
    })
    .all(allowOnly('GET'))

  router.route(`${base}/:group/consumers/:consumer/assignments/:topic/partitions/:partition`)
    .get(async (request, response) => {
      const { consumer, topic, partition } = request.params
      const group = await groupOf(parts, response, request.params.group)
      const member = memberOf(group, consumer)
      const at = assignmentOf(group, member).find(one => one.topic === topic && String(one.partition) === partition)
      if (at === undefined) throw cannotBeFound(`An assignment of partition ${topic.slice(0, 249)}-${partition.slice(0, 16)} to consumer ${member.memberId}`)
      response.json(assignmentData(placeOf(response), group, member, at))
    })
    .all(allowOnly('GET'))
}

function memberOf(group: GroupDescription, id: string): Member {
  const member = group.members.find(one => one.memberId === id)
  if (member === undefined) throw cannotBeFound(`Consumer ${id.slice(0, 255)}`)
  return member
}

const stateNames = {
  Empty: 'EMPTY', PreparingRebalance: 'PREPARING_REBALANCE', CompletingRebalance: 'COMPLETING_REBALANCE', Stable: 'STABLE', Dead: 'DEAD',
} as const satisfies Record<GroupState, string>

async function groupData({ groups, admin }: GroupParts, place: Place, group: GroupDescription | GroupSummary): Promise<object> {
  const path = ['consumer-groups', group.groupId]
  const coordinator = await groups.coordinator(group.groupId)
  return {
    ...place.resource('KafkaConsumerGroup', { path, name: ['consumer-group', group.groupId] }),
    cluster_id: place.clusterId,
    consumer_group_id: group.groupId,
    // As Kafka's clients have it: offsets are kept for it, but nobody joins it by a protocol.
    is_simple: group.protocolType === '',
    partition_assignor: 'protocolName' in group && group.state === 'Stable' ? group.protocolName : '',
    state: stateNames[group.state],
    type: 'CLASSIC',
    is_mixed_consumer_group: false,
    // Who cannot say at the moment leaves it to the controller to tell a client.
    coordinator: place.related('brokers', coordinator instanceof Refusal ? (await admin.cluster()).controllerId : coordinator),
    consumers: place.related(...path, 'consumers'),
    lag_summary: place.related(...path, 'lag-summary'),
  }
}

function consumerData(place: Place, { groupId }: GroupDescription, { memberId, instanceId, clientId }: Member): object {
  const path = ['consumer-groups', groupId, 'consumers', memberId]
  return {
    ...place.resource('KafkaConsumer', { path, name: ['consumer-group', groupId, 'consumer', memberId] }),
    cluster_id: place.clusterId,
    consumer_group_id: groupId,
    consumer_id: memberId,
    instance_id: instanceId,
    client_id: clientId,
    assignments: place.related(...path, 'assignments'),
  }
}

function assignmentData(place: Place, { groupId }: GroupDescription, { memberId }: Member, { topic, partition }: PartitionRef): object {
  return {
    ...place.resource('KafkaConsumerAssignment', {
      path: ['consumer-groups', groupId, 'consumers', memberId, 'assignments', topic, 'partitions', partition],
      name: ['consumer-group', groupId, 'consumer', memberId, 'assignment', topic, 'partition', partition],
    }),
    cluster_id: place.clusterId,
    consumer_group_id: groupId,
    consumer_id: memberId,
    topic_name: topic,
    partition_id: partition,
    partition: place.related('topics', topic, 'partitions', partition),
    lag: place.related('consumer-groups', groupId, 'lags', topic, 'partitions', partition),
  }
}
