// Topics over HTTP: create, change, grow, delete. Who may is Kafka's rule for each: CREATE on the cluster or the topic, ALTER_CONFIGS, ALTER, DELETE.
// Every change is in the audit log.
import { Router } from 'express'
import { clusterResource, type Access, type Admin, type ConfigChange, type NewTopic, type Topic } from '../../ports.ts'
import type { Audit } from '../../security/audit.ts'
import { readBody, type BodyBudget } from '../body.ts'
import { callerOf, expectOnCluster, expectOnTopic } from '../callers.ts'
import { allowOnly } from '../problem.ts'
import { choiceParameter, integerParameter, textParameter } from '../query.ts'
import { orRefuse } from '../refusals.ts'
import { expectBody } from '../rest/media-types.ts'
import { shardBody } from '../shard-body.ts'
import { recordChange } from './changes.ts'
import { bodyObject, integer, settings, text, wrongMember } from './members.ts'

const bodyBytesMax = 256 * 1024
const newTopicMembers = ['name', 'partitions', 'replicationFactor', 'configs', 'validateOnly']

const topicsPerPageMax = 1_000

interface Parts {
  readonly admin: Admin
  readonly access: Access
  readonly audit: Audit
  readonly budget: BodyBudget
}

/** What a change made of a topic; a config that was or is absent has its default. */
interface Changed {
  readonly name: string
  readonly configs: readonly { readonly name: string; readonly from: string | null; readonly to: string | null }[]
  readonly partitions: { readonly from: number; readonly to: number } | null
}

/**
 * `GET /admin/topics?after=&limit=&internal=` → `{topics: [{name, id, internal, underReplicated, offline, partitions: [{partition, leader, leaderEpoch, replicas,
 * inSyncReplicas, eligibleReplicas, addingReplicas, removingReplicas, isUnderReplicated, shard, closed}]}], next}` (`shard-body.ts`), for who may DESCRIBE the cluster; `underReplicated` and `offline` count partitions;
 * `POST /admin/topics` of `{name, partitions?, replicationFactor?, configs?, validateOnly?}` → 201;
 * `PATCH /admin/topics/{t}` of `{configs?: {name: value | null}, partitions?}` (null takes a config back to its default) → 200 with what was changed, from what to what:
 * `{name, configs: [{name, from, to}], partitions: {from, to} | null}`;
 * `DELETE /admin/topics/{t}` → 200 with `{name, id, partitions}`: what is gone.
 */
export function adminTopicRoutes({ admin, access, audit, budget }: Parts): Router {
  const router = Router({ caseSensitive: true, strict: true })

  router.route('/admin/topics')
    .get(async (request, response) => {
      expectOnCluster(access, callerOf(response), 'describe')
      const limit = integerParameter(request, 'limit', { min: 1, max: topicsPerPageMax, fallback: 100 })
      const after = textParameter(request, 'after') ?? ''
      const withInternal = choiceParameter(request, 'internal', ['true', 'false'], 'false') === 'true'
      const topics = (await admin.topics()).filter(topic => topic.name > after && (withInternal || !topic.internal))
      const page = topics.slice(0, limit)
      response.json({ topics: page.map(placesOf), next: topics.length > page.length ? page.at(-1)!.name : null })
    })
    .post(async (request, response) => {
      const caller = callerOf(response)
      expectBody(request)
      const body = bodyObject(await readBody(request, response, { bytesMax: bodyBytesMax, budget }), newTopicMembers)
      const topic = newTopic(body)
      // Either right will do; only the lack of both is worth a line in the audit log.
      if (!access.wouldAllow(caller, 'create', 'cluster', clusterResource)) expectOnTopic(access, caller, 'create', topic.name)
      const created = orRefuse(await admin.createTopic(topic, { validateOnly: body['validateOnly'] === true }))
      if (body['validateOnly'] !== true) {
        const { partitions, replicationFactor } = topicBody(created)
        recordChange(audit, caller, { operation: 'create-topic', resource: `topic:${topic.name}`, reason: `partitions ${partitions}, replication factor ${replicationFactor}` })
      }
      response.status(body['validateOnly'] === true ? 200 : 201).json(topicBody(created))
    })
    .all(allowOnly('GET', 'POST'))

  router.route('/admin/topics/:topic')
    .patch(async (request, response) => {
      const caller = callerOf(response)
      const name = request.params.topic
      expectBody(request)
      const body = bodyObject(await readBody(request, response, { bytesMax: bodyBytesMax, budget }), ['configs', 'partitions'])
      const changes = configChanges(body['configs'])
      const partitions = integer(body['partitions'], 'partitions', { min: 1, max: 100_000, fallback: 0 })
      if (changes.length === 0 && partitions === 0) throw wrongMember('configs', 'or partitions must be given')
      if (changes.length > 0) expectOnTopic(access, caller, 'alter-configs', name)
      if (partitions > 0) expectOnTopic(access, caller, 'alter', name)
      const resource = { type: 'topic', name } as const
      // Both are tried before either is done, so that a bad value leaves the topic as it was.
      if (changes.length > 0) orRefuse(await admin.alterConfigs(resource, changes, { validateOnly: true }))
      const [before] = await admin.topics([name])
      const record = (reason: string): void => recordChange(audit, caller, { operation: 'alter-topic', resource: `topic:${name}`, reason })
      if (partitions > 0) {
        orRefuse(await admin.createPartitions(name, partitions, { validateOnly: false }))
        record(`partitions ${before?.partitions.length ?? 0} → ${partitions}`)
      }
      if (changes.length > 0) {
        orRefuse(await admin.alterConfigs(resource, changes, { validateOnly: false }))
        record(changes.map(one => `${one.name} ${one.operation === 'delete' ? 'at its default' : `= ${one.value}`}`).join(', '))
      }
      response.json({
        name,
        configs: changes.map(one => ({ name: one.name, from: before?.configs.get(one.name) ?? null, to: one.value })),
        partitions: partitions > 0 ? { from: before?.partitions.length ?? 0, to: partitions } : null,
      } satisfies Changed)
    })
    .delete(async (request, response) => {
      const caller = callerOf(response)
      const name = request.params.topic
      expectOnTopic(access, caller, 'delete', name)
      const [before] = await admin.topics([name])
      orRefuse(await admin.deleteTopic(name))
      recordChange(audit, caller, { operation: 'delete-topic', resource: `topic:${name}`, reason: `id ${before?.id ?? '-'}, partitions ${before?.partitions.length ?? 0}` })
      response.json({ name, id: before?.id ?? null, partitions: before?.partitions.length ?? 0 })
    })
    .all(allowOnly('PATCH', 'DELETE'))

  return router
}

function newTopic(body: Readonly<Record<string, unknown>>): NewTopic {
  return {
    name: text(body['name'], 'name'),
    partitions: integer(body['partitions'], 'partitions', { min: 1, max: 100_000, fallback: -1 }),
    replicationFactor: integer(body['replicationFactor'], 'replicationFactor', { min: 1, max: 32_767, fallback: -1 }),
    configs: settings(body['configs'], 'configs'),
  }
}

function configChanges(value: unknown): ConfigChange[] {
  if (value === undefined) return []
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrongMember('configs', 'must be an object')
  const reset = Object.entries(value).filter(([, one]) => one === null).map(([name]): ConfigChange => ({ name, operation: 'delete', value: null }))
  const set = settings(Object.fromEntries(Object.entries(value).filter(([, one]) => one !== null)), 'configs')
  return [...reset, ...[...set].map(([name, one]): ConfigChange => ({ name, operation: 'set', value: one }))]
}

/** Where a topic's partitions lie and who leads them. */
function placesOf({ name, id, internal, partitions }: Topic): object {
  const places = partitions.map(partition => {
    const { index, leader, leaderEpoch, replicas, inSyncReplicas, eligibleReplicas = [], addingReplicas, removingReplicas } = partition
    return {
      partition: index, leader, leaderEpoch, replicas, inSyncReplicas, eligibleReplicas, addingReplicas, removingReplicas,
      isUnderReplicated: inSyncReplicas.length < replicas.length, ...shardBody(partition),
    }
  })
  return {
    name, id, internal, underReplicated: places.filter(one => one.isUnderReplicated).length, offline: places.filter(one => one.leader < 0).length, partitions: places,
  }
}

function topicBody(topic: Topic) {
  const { name, id, partitions, configs } = topic
  return { name, id, partitions: partitions.length, replicationFactor: partitions[0]?.replicas.length ?? 0, configs: Object.fromEntries(configs) }
}
