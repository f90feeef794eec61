// FindCoordinator v0-6. Which broker coordinates a group, and where this client reaches it; COORDINATOR_NOT_AVAILABLE while there is none.
// - For transactional ids (key type 1) it is this broker, though transactions are not offered: InitProducerId says so in words that clients show, while an
//   error here shows as "coordinator not found" in kafkajs and as a timeout in librdkafka, which asks again whatever the code is.
// - Share groups (2) have no coordinator: INVALID_REQUEST, where COORDINATOR_NOT_AVAILABLE would have clients ask for ever.
// Version notes: v1: key types and error texts; v4: many keys in one request, answered in `coordinators`; v6: key type 2.
import { Refusal } from '../../ports.ts'
import { array, defineApi, int16, int32, int8, string, type RequestOf, type ResponseOf } from '../../wire/schema.ts'
import { filtered } from '../access.ts'
import { serve } from '../api.ts'
import type { Context } from '../context.ts'
import { denialOf, denialTextOf, ErrorCode } from '../errors.ts'
import { groupErrorCodeOf } from '../group-errors.ts'

export const FindCoordinator = defineApi({
  key: 10, name: 'FindCoordinator', versions: '0-6', flexible: '3+',
  request: {
    key: string.in('0-3'),
    keyType: int8.in('1+').default(0).essential(),
    coordinatorKeys: array(string).in('4+'),
  },
  response: {
    throttleTimeMs: int32.in('1+'),
    errorCode: int16.in('0-3'),
    errorMessage: string.in('1-3').nullable().default(null),
    nodeId: int32.in('0-3'),
    host: string.in('0-3'),
    port: int32.in('0-3'),
    coordinators: array({ key: string, nodeId: int32, host: string, port: int32, errorCode: int16, errorMessage: string.nullable().default(null) }).in('4+'),
  },
})

export const findCoordinator = serve(FindCoordinator, { access: filtered('DESCRIBE Group or DESCRIBE TransactionalId') }, handle)

export interface FindCoordinatorRequest extends RequestOf<typeof FindCoordinator> {}
export interface FindCoordinatorResponse extends ResponseOf<typeof FindCoordinator> {}

interface Found {
  readonly nodeId: number
  readonly host: string
  readonly port: number
  readonly errorCode: number
  readonly errorMessage: string | null
}

const keyTypes = { group: 0, transaction: 1 } as const

async function handle(request: FindCoordinatorRequest, context: Context): Promise<FindCoordinatorResponse> {
  if (context.version < 4) return find(request.key, request.keyType, context)
  const coordinators: (Found & { readonly key: string })[] = []
  for (const key of request.coordinatorKeys) coordinators.push({ key, ...await find(key, request.keyType, context) })
  return { coordinators }
}

async function find(key: string, keyType: number, context: Context): Promise<Found> {
  if (keyType === keyTypes.transaction) {
    if (!context.may('describe', 'transactional-id', key)) return nowhere(denialOf('transactional-id'), denialTextOf('transactional-id'))
    return found(context.brokerId, context)
  }
  if (keyType !== keyTypes.group) return nowhere(ErrorCode.INVALID_REQUEST, `Coordinators of key type ${keyType} are not served.`)
  if (!context.may('describe', 'group', key)) return nowhere(denialOf('group'), denialTextOf('group'))
  const nodeId = await context.groups.coordinator(key)
  if (nodeId instanceof Refusal) return nowhere(groupErrorCodeOf(nodeId), nodeId.message)
  return found(nodeId, context)
}

function found(nodeId: number, context: Context): Found {
  const endpoint = context.reach.of(nodeId)
  if (endpoint === undefined) return nowhere(ErrorCode.COORDINATOR_NOT_AVAILABLE, `Broker ${nodeId}, the coordinator, does not listen at the moment.`)
  return { nodeId, ...endpoint, errorCode: ErrorCode.NONE, errorMessage: null }
}

function nowhere(errorCode: number, errorMessage: string): Found {
  return { nodeId: -1, host: '', port: -1, errorCode, errorMessage }
}
