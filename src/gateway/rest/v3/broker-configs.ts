// v3, configs of brokers: what is set for all of them while they run, what each one has, and both to be changed. As DescribeConfigs and IncrementalAlterConfigs, with
// their rights: DESCRIBE_CONFIGS and ALTER_CONFIGS on the cluster.
import type { Router } from 'express'
import type { Access, Admin, AclOperation, Caller, ConfigChange, ConfigResource } from '../../../ports.ts'
import type { Audit } from '../../../security/audit.ts'
import { recordChange } from '../../admin/changes.ts'
import type { BodyBudget } from '../../body.ts'
import { callerOf, expectOnCluster } from '../../callers.ts'
import { allowOnly } from '../../problem.ts'
import { alter, changesOf, configData, type ConfigKind, configOf, newValue, validateOnlyOf } from './config-data.ts'
import { orRefuseV3 } from './refusals.ts'
import { brokerOf, jsonBody } from './requests.ts'
import { placeOf } from './resource.ts'

interface Parts {
  readonly admin: Admin
  readonly access: Access
  readonly audit: Audit
  readonly budget: BodyBudget
}

/** `/v3/clusters/{c}/broker-configs[/{name}]`, `…:alter`, and the same below `brokers/{b}/configs`; `brokers/-/configs` lists what is set for brokers one by one or all. */
export function brokerConfigRoutes(router: Router, parts: Parts): void {
  const { admin, access, audit, budget } = parts
  const expect = (caller: Caller, operation: AclOperation): void => expectOnCluster(access, caller, operation)
  const change = async (caller: Caller, resource: ConfigResource, changes: readonly ConfigChange[], validateOnly = false): Promise<void> => {
    // The default of all lists only what is set; any broker lists all that there is.
    const known: ConfigResource = resource.name === '' ? { type: 'broker', name: String((await admin.cluster()).brokers[0]!.id) } : resource
    await alter(admin, resource, changes, { validateOnly, known })
    if (validateOnly) return
    const reason = changes.map(one => `${one.name} ${one.operation === 'delete' ? 'at its default' : `= ${one.value}`}`).join(', ')
    recordChange(audit, caller, { operation: 'alter-broker-configs', resource: `broker:${resource.name === '' ? '*' : resource.name}`, reason })
  }

  router.route('/v3/clusters/:cluster/broker-configs')
    .get(async (_request, response) => {
      expect(callerOf(response), 'describe-configs')
      const place = placeOf(response)
      const entries = orRefuseV3(await admin.describeConfigs(ofAll.resource))
      response.json(place.collection('KafkaClusterConfigList', ['broker-configs'], entries.map(entry => configData(place, ofAll, entry))))
    })
    .all(allowOnly('GET'))

  router.route('/v3/clusters/:cluster/broker-configs\\:alter')
    .post(async (request, response) => {
      const caller = callerOf(response)
      expect(caller, 'alter-configs')
      const body = await jsonBody(request, response, { known: ['data', 'validate_only'], budget })
      await change(caller, ofAll.resource, changesOf(body), validateOnlyOf(body))
      response.status(204).end()
    })
    .all(allowOnly('POST'))

  router.route('/v3/clusters/:cluster/broker-configs/:name')
    .get(async (request, response) => {
      expect(callerOf(response), 'describe-configs')
      response.json(configData(placeOf(response), ofAll, await configOf(admin, ofAll.resource, request.params.name)))
    })
    .put(async (request, response) => {
      const caller = callerOf(response)
      expect(caller, 'alter-configs')
      const value = newValue(await jsonBody(request, response, { known: ['value'], budget }))
      await change(caller, ofAll.resource, [{ name: request.params.name, operation: 'set', value }])
      response.status(204).end()
    })
    .delete(async (request, response) => {
      const caller = callerOf(response)
      expect(caller, 'alter-configs')
      await change(caller, ofAll.resource, [{ name: request.params.name, operation: 'delete', value: null }])
      response.status(204).end()
    })
    .all(allowOnly('GET', 'PUT', 'DELETE'))

  router.route('/v3/clusters/:cluster/brokers/-/configs')
    .get(async (_request, response) => {
      expect(callerOf(response), 'describe-configs')
      const place = placeOf(response)
      const { brokers } = await admin.cluster()
      const data = await Promise.all(brokers.map(async ({ id }) => {
        const entries = orRefuseV3(await admin.describeConfigs({ type: 'broker', name: String(id) }))
        return entries.filter(entry => entry.source === 'dynamic-broker').map(entry => configData(place, ofBroker(id), entry))
      }))
      response.json(place.collection('KafkaBrokerConfigList', ['brokers', '-', 'configs'], data.flat()))
    })
    .all(allowOnly('GET'))

  router.route('/v3/clusters/:cluster/brokers/:broker/configs')
    .get(async (request, response) => {
      expect(callerOf(response), 'describe-configs')
      const place = placeOf(response)
      const { id } = await brokerOf(admin, request.params.broker)
      const entries = orRefuseV3(await admin.describeConfigs({ type: 'broker', name: String(id) }))
      response.json(place.collection('KafkaBrokerConfigList', ['brokers', id, 'configs'], entries.map(entry => configData(place, ofBroker(id), entry))))
    })
    .all(allowOnly('GET'))

  router.route('/v3/clusters/:cluster/brokers/:broker/configs\\:alter')
    .post(async (request, response) => {
      const caller = callerOf(response)
      expect(caller, 'alter-configs')
      const { id } = await brokerOf(admin, request.params.broker)
      const body = await jsonBody(request, response, { known: ['data', 'validate_only'], budget })
      await change(caller, ofBroker(id).resource, changesOf(body), validateOnlyOf(body))
      response.status(204).end()
    })
    .all(allowOnly('POST'))

  router.route('/v3/clusters/:cluster/brokers/:broker/configs/:name')
    .get(async (request, response) => {
      expect(callerOf(response), 'describe-configs')
      const kind = ofBroker((await brokerOf(admin, request.params.broker)).id)
      response.json(configData(placeOf(response), kind, await configOf(admin, kind.resource, request.params.name)))
    })
    .put(async (request, response) => {
      const caller = callerOf(response)
      expect(caller, 'alter-configs')
      const { id } = await brokerOf(admin, request.params.broker)
      const value = newValue(await jsonBody(request, response, { known: ['value'], budget }))
      await change(caller, ofBroker(id).resource, [{ name: request.params.name, operation: 'set', value }])
      response.status(204).end()
    })
    .delete(async (request, response) => {
      const caller = callerOf(response)
      expect(caller, 'alter-configs')
      const { id } = await brokerOf(admin, request.params.broker)
      await change(caller, ofBroker(id).resource, [{ name: request.params.name, operation: 'delete', value: null }])
      response.status(204).end()
    })
    .all(allowOnly('GET', 'PUT', 'DELETE'))
}

const ofAll: ConfigKind = {
  kind: 'KafkaClusterConfig',
  resource: { type: 'broker', name: '' },
  at: name => ({ path: ['broker-configs', name], name: ['broker-config', name] }),
  members: { config_type: 'BROKER' },
}

function ofBroker(id: number): ConfigKind {
  return {
    kind: 'KafkaBrokerConfig',
    resource: { type: 'broker', name: String(id) },
    at: name => ({ path: ['brokers', id, 'configs', name], name: ['broker', id, 'config', name] }),
    members: { broker_id: id },
  }
}
