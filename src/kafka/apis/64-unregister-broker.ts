// UnregisterBroker v0. Forgets a broker that is down and holds no replicas. One that never was, or is forgotten already, is BROKER_ID_NOT_REGISTERED.
import { defineApi, int16, int32, string, type RequestOf, type ResponseOf } from '../../wire/schema.ts'
import { onCluster } from '../access.ts'
import { serve } from '../api.ts'
import type { Context } from '../context.ts'
import { denialTextOf, errorCodeOf, errorMessageOf } from '../errors.ts'

export const UnregisterBroker = defineApi({
  key: 64, name: 'UnregisterBroker', versions: '0', flexible: '0+',
  request: { brokerId: int32 },
  response: { throttleTimeMs: int32.default(0), errorCode: int16, errorMessage: string.nullable().default(null) },
})

export interface UnregisterBrokerRequest extends RequestOf<typeof UnregisterBroker> {}
export interface UnregisterBrokerResponse extends ResponseOf<typeof UnregisterBroker> {}

export const unregisterBroker = serve(UnregisterBroker, {
  access: onCluster('alter', (errorCode): UnregisterBrokerResponse => ({ errorCode, errorMessage: denialTextOf('cluster') })),
}, handle)

async function handle({ brokerId }: UnregisterBrokerRequest, { admin }: Context): Promise<UnregisterBrokerResponse> {
  const unregistered = await admin.unregisterBroker(brokerId)
  return { errorCode: errorCodeOf(unregistered), errorMessage: errorMessageOf(unregistered) }
}
