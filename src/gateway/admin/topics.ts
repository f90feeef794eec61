// Topics over HTTP: create, change, grow, delete. Who may is Kafka's rule for each: CREATE on the cluster or the topic, ALTER_CONFIGS, ALTER, DELETE.
import { Router } from 'express'
import { clusterResource, type Access, type Admin, type ConfigChange, type NewTopic, type Topic } from '../../ports.ts'
import { readBody, type BodyBudget } from '../body.ts'
import { callerOf, expectOnTopic } from '../callers.ts'
import { allowOnly } from '../problem.ts'
import { orRefuse } from '../refusals.ts'
import { expectBody } from '../rest/media-types.ts'
import { bodyObject, integer, settings, text, wrongMember } from './members.ts'

const bodyBytesMax = 256 * 1024
const newTopicMembers = ['name', 'partitions', 'replicationFactor', 'configs', 'validateOnly']

/**
 * `POST /admin/topics` of `{name, partitions?, replicationFactor?, configs?, validateOnly?}` → 201;
 * `PATCH /admin/topics/{t}` of `{configs?: {name: value | null}, partitions?}` (null takes a config back to its default) → 204;
 * `DELETE /admin/topics/{t}` → 204.
 */
export function adminTopicRoutes({ admin, access, budget }: { admin: Admin; access: Access; budget: BodyBudget }): Router {
  const router = Router({ caseSensitive: true, strict: true })

  router.route('/admin/topics')
    .post(async (request, response) => {
      const caller = callerOf(response)
      expectBody(request)
      const body = bodyObject(await readBody(request, response, { bytesMax: bodyBytesMax, budget }), newTopicMembers)
      const topic = newTopic(body)
      // Either right will do; only the lack of both is worth a line in the audit log.
      if (!access.wouldAllow(caller, 'create', 'cluster', clusterResource)) expectOnTopic(access, caller, 'create', topic.name)
      const created = orRefuse(await admin.createTopic(topic, { validateOnly: body['validateOnly'] === true }))
      response.status(body['validateOnly'] === true ? 200 : 201).json(topicBody(created))
    })
    .all(allowOnly('POST'))

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
      if (partitions > 0) orRefuse(await admin.createPartitions(name, partitions, { validateOnly: false }))
      if (changes.length > 0) orRefuse(await admin.alterConfigs(resource, changes, { validateOnly: false }))
      response.status(204).end()
    })
    .delete(async (request, response) => {
      expectOnTopic(access, callerOf(response), 'delete', request.params.topic)
      orRefuse(await admin.deleteTopic(request.params.topic))
      response.status(204).end()
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

function topicBody(topic: Topic): object {
  const { name, id, partitions, configs } = topic
  return { name, id, partitions: partitions.length, replicationFactor: partitions[0]?.replicas.length ?? 0, configs: Object.fromEntries(configs) }
}
