// v3, brokers: those that are registered, with the address of their Kafka listener, and the replicas that each holds. As DescribeCluster for whoever got this far;
// of the replicas those of topics that the caller may describe.
import type { Request, Router } from 'express'
import type { Access, Admin, Broker, Brokers, BrokerStatus } from '../../../ports.ts'
import { callerOf, describableTopics } from '../../callers.ts'
import { allowOnly } from '../../problem.ts'
import { replicaData } from './replicas.ts'
import { brokerOf } from './requests.ts'
import { type Place, placeOf } from './resource.ts'

/** `/v3/clusters/{c}/brokers[/{b}[/partition-replicas]]`. */
export function brokerRoutes(router: Router, parts: { readonly admin: Admin; readonly access: Access; readonly brokers: Brokers }): void {
  const { admin, brokers } = parts

  router.route('/v3/clusters/:cluster/brokers')
    .get(async (request, response) => {
      const place = placeOf(response)
      const [cluster, statuses] = await Promise.all([admin.cluster(), brokers.list()])
      response.json(place.collection('KafkaBrokerList', ['brokers'], cluster.brokers.map(broker => brokerData(place, broker, addressOf(request as Request, broker, statuses)))))
    })
    .all(allowOnly('GET'))

  router.route('/v3/clusters/:cluster/brokers/:broker')
    .get(async (request, response) => {
      const broker = await brokerOf(admin, request.params.broker)
      response.json(brokerData(placeOf(response), broker, addressOf(request as Request, broker, await brokers.list())))
    })
    .all(allowOnly('GET'))

  router.route('/v3/clusters/:cluster/brokers/:broker/partition-replicas')
    .get(async (request, response) => {
      const place = placeOf(response)
      const { id } = await brokerOf(admin, request.params.broker)
      const topics = await describableTopics(parts, callerOf(response))
      const data = topics.flatMap(topic => topic.partitions.filter(one => one.replicas.includes(id)).map(partition => replicaData(place, topic, partition, id)))
      response.json(place.collection('KafkaReplicaList', ['brokers', id, 'partition-replicas'], data))
    })
    .all(allowOnly('GET'))
}

interface Address {
  readonly host: string | null
  readonly port: number | null
}

function brokerData(place: Place, { id, rack }: Broker, { host, port }: Address): object {
  return {
    ...place.resource('KafkaBroker', { path: ['brokers', id], name: ['broker', id] }),
    cluster_id: place.clusterId,
    broker_id: id,
    host,
    port,
    rack,
    configs: place.related('brokers', id, 'configs'),
    partition_replicas: place.related('brokers', id, 'partition-replicas'),
  }
}

/** The host that the client asked us by, as a broker tells a Kafka client who came by it; of a broker that is down nothing is known. */
function addressOf(request: Request, { id }: Broker, statuses: readonly BrokerStatus[]): Address {
  const ports = statuses.find(status => status.id === id)?.ports ?? new Map<string, number>()
  const port = ports.get(request.secure ? 'kafka-tls' : 'kafka-plaintext') ?? [...ports.values()][0]
  return port === undefined ? { host: null, port: null } : { host: request.hostname, port }
}
