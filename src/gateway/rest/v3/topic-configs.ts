// v3, configs of topics, of one or of all, and to be changed. As DescribeConfigs and IncrementalAlterConfigs, with their rights: DESCRIBE_CONFIGS and ALTER_CONFIGS on
// the topic. Of all topics those are shown whose configs the caller may see.
import type { Router } from 'express'
import type { Access, Admin, Caller, ConfigChange } from '../../../ports.ts'
import { Refusal } from '../../../ports.ts'
import type { Audit } from '../../../security/audit.ts'
import { recordChange } from '../../admin/changes.ts'
import type { BodyBudget } from '../../body.ts'
import { callerOf } from '../../callers.ts'
import { allowOnly } from '../../problem.ts'
import { alter, changesOf, configData, type ConfigKind, configOf, newValue, validateOnlyOf } from './config-data.ts'
import { orRefuseV3 } from './refusals.ts'
import { jsonBody, topicOf } from './requests.ts'
import { placeOf } from './resource.ts'

interface Parts {
  readonly admin: Admin
  readonly access: Access
  readonly audit: Audit
  readonly budget: BodyBudget
}

/** `/v3/clusters/{c}/topics/{t}/configs[/{name}]`, `…/configs:alter`, and `topics/-/configs`. */
export function topicConfigRoutes(router: Router, parts: Parts): void {
  const { admin, access, audit, budget } = parts
  const change = async (caller: Caller, topic: string, changes: readonly ConfigChange[], validateOnly = false): Promise<void> => {
    await alter(admin, ofTopic(topic).resource, changes, { validateOnly })
    if (validateOnly) return
    const reason = changes.map(one => `${one.name} ${one.operation === 'delete' ? 'at its default' : `= ${one.value}`}`).join(', ')
    recordChange(audit, caller, { operation: 'alter-topic', resource: `topic:${topic}`, reason })
  }

  router.route('/v3/clusters/:cluster/topics/-/configs')
    .get(async (_request, response) => {
      const place = placeOf(response)
      const caller = callerOf(response)
      const topics = (await admin.topics()).filter(topic => access.wouldAllow(caller, 'describe-configs', 'topic', topic.name))
      const data = await Promise.all(topics.map(async ({ name }) => {
        const entries = await admin.describeConfigs(ofTopic(name).resource)
        // Deleted meanwhile.
        return entries instanceof Refusal ? [] : entries.map(entry => configData(place, ofTopic(name), entry))
      }))
      response.json(place.collection('KafkaTopicConfigList', ['topics', '-', 'configs'], data.flat()))
    })
    .all(allowOnly('GET'))

  router.route('/v3/clusters/:cluster/topics/:topic/configs')
    .get(async (request, response) => {
      const place = placeOf(response)
      const { name } = await topicOf(parts, response, 'describe-configs', request.params.topic)
      const entries = orRefuseV3(await admin.describeConfigs(ofTopic(name).resource))
      response.json(place.collection('KafkaTopicConfigList', ['topics', name, 'configs'], entries.map(entry => configData(place, ofTopic(name), entry))))
    })
    .all(allowOnly('GET'))

  router.route('/v3/clusters/:cluster/topics/:topic/configs\\:alter')
    .post(async (request, response) => {
      const { name } = await topicOf(parts, response, 'alter-configs', request.params.topic)
      const body = await jsonBody(request, response, { known: ['data', 'validate_only'], budget })
      await change(callerOf(response), name, changesOf(body), validateOnlyOf(body))
      response.status(204).end()
    })
    .all(allowOnly('POST'))

  router.route('/v3/clusters/:cluster/topics/:topic/configs/:name')
    .get(async (request, response) => {
      const kind = ofTopic((await topicOf(parts, response, 'describe-configs', request.params.topic)).name)
      response.json(configData(placeOf(response), kind, await configOf(admin, kind.resource, request.params.name)))
    })
    .put(async (request, response) => {
      const { name } = await topicOf(parts, response, 'alter-configs', request.params.topic)
      const value = newValue(await jsonBody(request, response, { known: ['value'], budget }))
      await change(callerOf(response), name, [{ name: request.params.name, operation: 'set', value }])
      response.status(204).end()
    })
    .delete(async (request, response) => {
      const { name } = await topicOf(parts, response, 'alter-configs', request.params.topic)
      await change(callerOf(response), name, [{ name: request.params.name, operation: 'delete', value: null }])
      response.status(204).end()
    })
    .all(allowOnly('GET', 'PUT', 'DELETE'))
}

function ofTopic(topic: string): ConfigKind {
  return {
    kind: 'KafkaTopicConfig',
    resource: { type: 'topic', name: topic },
    at: name => ({ path: ['topics', topic, 'configs', name], name: ['topic', topic, 'config', name] }),
    members: { topic_name: topic },
  }
}
