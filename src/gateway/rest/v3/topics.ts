// v3, topics: list, make, show, grow, delete. The rights are those of Kafka's APIs for the same: DESCRIBE; CREATE on the cluster or the topic; ALTER; DELETE, and for an
// internal topic ALTER on the cluster too.
import type { Request, Router } from 'express'
import { operationsOn } from '../../../kafka/operations.ts'
import { clusterResource, type Access, type Admin, type Caller, type NewTopic, type Topic } from '../../../ports.ts'
import type { Audit } from '../../../security/audit.ts'
import { recordChange } from '../../admin/changes.ts'
import { integer, list, member, text, wrongMember } from '../../admin/members.ts'
import type { BodyBudget } from '../../body.ts'
import { callerOf, describableTopics, expectOnCluster, expectOnTopic } from '../../callers.ts'
import { allowOnly, Problem } from '../../problem.ts'
import { choiceParameter } from '../../query.ts'
import { validateOnlyOf } from './config-data.ts'
import { orRefuseV3 } from './refusals.ts'
import { given, jsonBody, topicOf } from './requests.ts'
import { type Place, placeOf } from './resource.ts'

const partitionsMax = 100_000
const replicationFactorMax = 32_767
const configsMax = 1_000
const newTopicMembers = ['topic_name', 'partitions_count', 'replication_factor', 'replicas_assignments', 'configs', 'validate_only']

interface Parts {
  readonly admin: Admin
  readonly access: Access
  readonly audit: Audit
  readonly budget: BodyBudget
}

/** `/v3/clusters/{c}/topics[/{t}]`. A topic that is made, or would be (`validate_only`), answers 201. */
export function topicRoutes(router: Router, parts: Parts): void {
  const { admin, access, audit, budget } = parts

  router.route('/v3/clusters/:cluster/topics')
    .get(async (_request, response) => {
      const place = placeOf(response)
      const topics = await describableTopics(parts, callerOf(response))
      response.json(place.collection('KafkaTopicList', ['topics'], topics.map(topic => topicData(place, topic))))
    })
    .post(async (request, response) => {
      const caller = callerOf(response)
      const place = placeOf(response)
      const body = await jsonBody(request, response, { known: newTopicMembers, budget })
      const wanted = newTopicOf(body)
      const validateOnly = validateOnlyOf(body)
      if (!access.wouldAllow(caller, 'create', 'cluster', clusterResource)) expectOnTopic(access, caller, 'create', wanted.name)
      const topic = orRefuseV3(await admin.createTopic(wanted, { validateOnly }))
      if (!validateOnly) {
        const replicationFactor = topic.partitions[0]?.replicas.length ?? 0
        const reason = `partitions ${topic.partitions.length}, replication factor ${replicationFactor}`
        recordChange(audit, caller, { operation: 'create-topic', resource: `topic:${topic.name}`, reason })
        response.location(place.url('topics', topic.name))
      }
      response.status(201).json(topicData(place, topic))
    })
    .all(allowOnly('GET', 'POST'))

  router.route('/v3/clusters/:cluster/topics/:topic')
    .get(async (request, response) => {
      const withOperations = choiceParameter(request as Request, 'include_authorized_operations', ['true', 'false'], 'false') === 'true'
      const topic = await topicOf(parts, response, 'describe', request.params.topic)
      response.json({
        ...topicData(placeOf(response), topic),
        ...withOperations && { authorized_operations: operationsOf(access, callerOf(response), topic.name) },
      })
    })
    .patch(async (request, response) => {
      const caller = callerOf(response)
      const before = await topicOf(parts, response, 'alter', request.params.topic)
      const body = await jsonBody(request, response, { known: ['partitions_count'], budget })
      if (body['partitions_count'] === undefined) throw wrongMember('partitions_count', 'must be given')
      const count = integer(body['partitions_count'], 'partitions_count', { min: 1, max: partitionsMax, fallback: 0 })
      const topic = orRefuseV3(await admin.createPartitions(before.name, count, { validateOnly: false }))
      recordChange(audit, caller, { operation: 'alter-topic', resource: `topic:${topic.name}`, reason: `partitions ${before.partitions.length} → ${topic.partitions.length}` })
      response.json(topicData(placeOf(response), topic))
    })
    .delete(async (request, response) => {
      const caller = callerOf(response)
      const topic = await topicOf(parts, response, 'delete', request.params.topic)
      if (topic.internal) expectOnCluster(access, caller, 'alter')
      orRefuseV3(await admin.deleteTopic(topic.name))
      recordChange(audit, caller, { operation: 'delete-topic', resource: `topic:${topic.name}`, reason: `id ${topic.id}, partitions ${topic.partitions.length}` })
      response.status(204).end()
    })
    .all(allowOnly('GET', 'PATCH', 'DELETE'))
}

function topicData(place: Place, { name, internal, partitions }: Topic): object {
  return {
    ...place.resource('KafkaTopic', { path: ['topics', name], name: ['topic', name] }),
    cluster_id: place.clusterId,
    topic_name: name,
    is_internal: internal,
    replication_factor: partitions[0]?.replicas.length ?? 0,
    partitions_count: partitions.length,
    partitions: place.related('topics', name, 'partitions'),
    configs: place.related('topics', name, 'configs'),
    partition_reassignments: place.related('topics', name, 'partitions', '-', 'reassignment'),
  }
}

/** In the order of Kafka's numbers for them. */
function operationsOf(access: Access, caller: Caller, topic: string): string[] {
  return operationsOn('topic').filter(operation => access.wouldAllow(caller, operation, 'topic', topic)).map(operation => operation.toUpperCase().replace('-', '_'))
}

function newTopicOf(body: Readonly<Record<string, unknown>>): NewTopic {
  const configs = (body['configs'] ?? []) as unknown
  const assignment = assignmentOf(body['replicas_assignments'] ?? undefined)
  const partitions = integer(body['partitions_count'] ?? undefined, 'partitions_count', { min: 1, max: partitionsMax, fallback: -1 })
  const replicationFactor = integer(body['replication_factor'] ?? undefined, 'replication_factor', { min: 1, max: replicationFactorMax, fallback: -1 })
  if (assignment !== undefined && (partitions !== -1 || replicationFactor !== -1)) {
    throw new Problem(400, 'replicas_assignments excludes partitions_count and replication_factor', { errorCode: 40002 })
  }
  return {
    name: text(body['topic_name'], 'topic_name'),
    partitions,
    replicationFactor,
    ...assignment !== undefined && { assignment },
    configs: Array.isArray(configs) && configs.length === 0 ? new Map() : configsOf(configs),
  }
}

function configsOf(value: unknown): ReadonlyMap<string, string> {
  const pairs = list(value, 'configs', {
    max: configsMax,
    element: (one, at): [string, string] => {
      const config = member(one, at, ['name', 'value'])
      if (typeof config['value'] !== 'string') throw wrongMember(`${at}.value`, 'must be a text')
      return [text(config['name'], `${at}.name`), config['value']]
    },
  })
  const configs = new Map(pairs)
  if (configs.size < pairs.length) throw wrongMember('configs', 'names a config twice')
  return configs
}

/** `{"0": [1, 2], "1": [2, 3]}`: brokers by partition, of which none may be left out. */
function assignmentOf(value: unknown): readonly (readonly number[])[] | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrongMember('replicas_assignments', 'must be an object of lists of broker ids by partition')
  const byPartition = new Map(Object.entries(value))
  if (byPartition.size === 0) return undefined
  if (byPartition.size > partitionsMax) throw wrongMember('replicas_assignments', `must have at most ${partitionsMax} partitions`)
  return Array.from({ length: byPartition.size }, (_, index) => {
    if (!byPartition.has(String(index))) throw wrongMember('replicas_assignments', `must name the partitions from 0 to ${byPartition.size - 1}; ${index} is missing`)
    const name = `replicas_assignments["${index}"]`
    return list(given(byPartition.get(String(index))), name, {
      max: replicationFactorMax,
      element: (one, at) => integer(one, at, { min: 0, max: 2_147_483_647, fallback: -1 }),
    })
  })
}
