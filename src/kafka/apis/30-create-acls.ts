// CreateAcls v1-3. Adds bindings; each is judged and answered by itself, those that stand already are answered as made.
// Version notes: v1: pattern types; v2: flexible; v3: user resources, which are refused.
import { Refusal, type AclBinding } from '../../ports.ts'
import { array, defineApi, int16, int32, int8, string, type RequestOf, type ResponseOf } from '../../wire/schema.ts'
import { onCluster } from '../access.ts'
import { bindingOf, type Fault } from '../acl-codes.ts'
import { serve } from '../api.ts'
import type { Context } from '../context.ts'
import { denialTextOf, ErrorCode, errorCodeOf, errorMessageOf } from '../errors.ts'

export const CreateAcls = defineApi({
  key: 30, name: 'CreateAcls', versions: '1-3', flexible: '2+',
  request: {
    creations: array({
      resourceType: int8, resourceName: string, resourcePatternType: int8.default(3), principal: string, host: string, operation: int8, permissionType: int8,
    }),
  },
  response: { throttleTimeMs: int32.default(0), results: array({ errorCode: int16, errorMessage: string.nullable().default(null) }) },
})

export const createAcls = serve(CreateAcls, {
  access: onCluster('alter', (errorCode, request: CreateAclsRequest): CreateAclsResponse => ({
    results: request.creations.map(() => ({ errorCode, errorMessage: denialTextOf('cluster') })),
  })),
}, handle)

export interface CreateAclsRequest extends RequestOf<typeof CreateAcls> {}
export interface CreateAclsResponse extends ResponseOf<typeof CreateAcls> {}

async function handle(request: CreateAclsRequest, context: Context): Promise<CreateAclsResponse> {
  const wanted = request.creations.map(({ resourcePatternType, ...creation }) => bindingOf({ ...creation, patternType: resourcePatternType }))
  const answers = await context.access.create(wanted.filter(isBinding), context.caller)
  let at = 0
  return {
    results: wanted.map(one => {
      if ('fault' in one) return { errorCode: ErrorCode.INVALID_REQUEST, errorMessage: one.fault }
      const answer = answers[at++]
      return { errorCode: errorOf(answer), errorMessage: errorMessageOf(answer) }
    }),
  }
}

/** A server that keeps no ACLs is to Kafka's clients one without an authorizer. */
function errorOf(answer: Refusal | null | undefined): number {
  return answer instanceof Refusal && answer.code === 'unsupported' ? ErrorCode.SECURITY_DISABLED : errorCodeOf(answer)
}

function isBinding(one: AclBinding | Fault): one is AclBinding {
  return !('fault' in one)
}
