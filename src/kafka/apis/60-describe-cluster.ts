// DescribeCluster v0-2. The brokers, the controller and the cluster's id; authorized operations on demand.
// - v1+ may ask for the controllers' endpoints, which a broker's listener does not have: MISMATCHED_ENDPOINT_TYPE.
// - Brokers that serve and listen here; v2+ on demand also those that are fenced, where they last listened (host '' and port -1 if that is not known).
import { clusterResource } from '../../ports.ts'
import { array, boolean, defineApi, int16, int32, int8, string, type RequestOf, type ResponseOf } from '../../wire/schema.ts'
import { open } from '../access.ts'
import { serve } from '../api.ts'
import type { Context } from '../context.ts'
import { ErrorCode } from '../errors.ts'
import { notAsked } from '../operations.ts'
import { topologyOf } from '../topology.ts'

export const DescribeCluster = defineApi({
  key: 60, name: 'DescribeCluster', versions: '0-2', flexible: '0+',
  request: { includeClusterAuthorizedOperations: boolean, endpointType: int8.in('1+').default(1), includeFencedBrokers: boolean.in('2+') },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16,
    errorMessage: string.nullable().default(null),
    endpointType: int8.in('1+').default(1),
    clusterId: string,
    controllerId: int32.default(-1),
    brokers: array({ brokerId: int32, host: string, port: int32, rack: string.nullable().default(null), isFenced: boolean.in('2+') }),
    clusterAuthorizedOperations: int32.default(notAsked),
  },
})

export interface DescribeClusterRequest extends RequestOf<typeof DescribeCluster> {}
export interface DescribeClusterResponse extends ResponseOf<typeof DescribeCluster> {}

export const describeCluster = serve(DescribeCluster, { access: open() }, handle)

const brokerEndpoints = 1

async function handle(request: DescribeClusterRequest, context: Context): Promise<DescribeClusterResponse> {
  const topology = await topologyOf(context)
  const { clusterId, controllerId } = topology
  const { endpointType } = request
  if (endpointType !== brokerEndpoints) {
    const errorMessage = `endpoint type ${endpointType} was asked for on a broker's listener, which has only type ${brokerEndpoints}`
    return { errorCode: ErrorCode.MISMATCHED_ENDPOINT_TYPE, errorMessage, endpointType, clusterId, brokers: [] }
  }
  const serving = topology.brokers.map(({ id, endpoint, rack }) => ({ brokerId: id, ...endpoint, rack, isFenced: false }))
  const fenced = request.includeFencedBrokers ? await fencedBrokers(context) : []
  return {
    errorCode: ErrorCode.NONE,
    clusterId,
    controllerId,
    brokers: [...serving, ...fenced].toSorted((a, b) => a.brokerId - b.brokerId),
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations ? context.authorizedOperations('cluster', clusterResource) : notAsked,
  }
}

async function fencedBrokers({ admin, reach }: Context): Promise<DescribeClusterResponse['brokers'][number][]> {
  const { brokers } = await admin.cluster()
  return brokers.filter(broker => broker.state === 'fenced').map(({ id, rack }) => ({ brokerId: id, ...reach.lastOf(id), rack, isFenced: true }))
}
