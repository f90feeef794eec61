// InitProducerId v0-5 (v6 is not stable). Gives an idempotent producer an id that was never given before, with epoch 0.
// - A transactional id is refused with UNSUPPORTED_VERSION: transactions are not offered. The Java client, kafkajs and @platformatic/kafka fail at once
//   with its text; librdkafka logs it, asks again until its own timeout, and then reports it.
import { clusterResource, Refusal } from '../../ports.ts'
import { defineApi, int16, int32, int64, string, type RequestOf, type ResponseOf } from '../../wire/schema.ts'
import { byRule } from '../access.ts'
import { serve } from '../api.ts'
import type { Context } from '../context.ts'
import { denialOf, ErrorCode, errorCodeOf } from '../errors.ts'

export const InitProducerId = defineApi({
  key: 22, name: 'InitProducerId', versions: '0-5', flexible: '2+',
  request: {
    transactionalId: string.nullable(),
    transactionTimeoutMs: int32,
    producerId: int64.in('3+').default(-1),
    producerEpoch: int16.in('3+').default(-1),
  },
  response: { throttleTimeMs: int32.default(0), errorCode: int16, producerId: int64.default(-1), producerEpoch: int16 },
})

export interface InitProducerIdRequest extends RequestOf<typeof InitProducerId> {}
export interface InitProducerIdResponse extends ResponseOf<typeof InitProducerId> {}

export const initProducerId = serve(InitProducerId, {
  access: byRule('WRITE TransactionalId, or without one IDEMPOTENT_WRITE Cluster or WRITE on any Topic', (request, context) => {
    const { transactionalId } = request
    const type = transactionalId === null ? 'cluster' : 'transactional-id'
    return mayInit(transactionalId, context) ? { request } : { answer: refused(denialOf(type)) }
  }),
}, handle)

async function handle(request: InitProducerIdRequest, context: Context): Promise<InitProducerIdResponse> {
  if (request.transactionalId === '') return refused(ErrorCode.INVALID_REQUEST)
  if (request.transactionalId !== null) return refused(ErrorCode.UNSUPPORTED_VERSION)
  // An id and epoch that come along (KIP-360) mean nothing without a transactional id: the answer is a new id.
  const producerId = await context.logs.allocateProducerId()
  return producerId instanceof Refusal ? refused(errorCodeOf(producerId)) : { errorCode: ErrorCode.NONE, producerId, producerEpoch: 0 }
}

/** KIP-679: whoever may write to some topic may do so idempotently. */
function mayInit(transactionalId: string | null, { access, caller, may }: Context): boolean {
  if (transactionalId !== null) return may('write', 'transactional-id', transactionalId)
  return access.wouldAllow(caller, 'idempotent-write', 'cluster', clusterResource) || access.allowsAny(caller, 'write', 'topic')
}

function refused(errorCode: number): InitProducerIdResponse {
  return { errorCode, producerEpoch: -1 }
}
