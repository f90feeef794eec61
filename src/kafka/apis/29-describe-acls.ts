// DescribeAcls v1-3. The bindings that a filter finds, gathered by resource pattern. A filter with a number that Kafka does not know is INVALID_REQUEST.
// Version notes: v1: pattern types, as literal, prefixed, any, and match (what would apply to a name); v2: flexible; v3: user resources, which we have none of.
import { array, defineApi, int16, int32, int8, string, type RequestOf, type ResponseOf } from '../../wire/schema.ts'
import { onCluster } from '../access.ts'
import { filtersOf, toWire, type WireBinding } from '../acl-codes.ts'
import { serve } from '../api.ts'
import type { Context } from '../context.ts'
import { denialTextOf, ErrorCode } from '../errors.ts'

export const DescribeAcls = defineApi({
  key: 29, name: 'DescribeAcls', versions: '1-3', flexible: '2+',
  request: {
    resourceTypeFilter: int8,
    resourceNameFilter: string.nullable(),
    patternTypeFilter: int8.default(3),
    principalFilter: string.nullable(),
    hostFilter: string.nullable(),
    operation: int8,
    permissionType: int8,
  },
  response: {
    throttleTimeMs: int32.default(0),
    errorCode: int16,
    errorMessage: string.nullable().default(null),
    resources: array({
      resourceType: int8, resourceName: string, patternType: int8.default(3),
      acls: array({ principal: string, host: string, operation: int8, permissionType: int8 }),
    }),
  },
})

export const describeAcls = serve(DescribeAcls, {
  access: onCluster('describe', (errorCode, _request: DescribeAclsRequest): DescribeAclsResponse => refuse(errorCode, denialTextOf('cluster'))),
}, handle)

export interface DescribeAclsRequest extends RequestOf<typeof DescribeAcls> {}
export interface DescribeAclsResponse extends ResponseOf<typeof DescribeAcls> {}

async function handle(request: DescribeAclsRequest, context: Context): Promise<DescribeAclsResponse> {
  const filters = filtersOf(request)
  if (filters === undefined) return refuse(ErrorCode.INVALID_REQUEST, `The filter has unknown elements: ${JSON.stringify(request)}`)
  const found = filters.flatMap(filter => context.access.list(filter)).map(toWire)
  const byPattern = Map.groupBy(found, ({ resourceType, patternType, resourceName }) => `${resourceType}/${patternType}/${resourceName}`)
  return { errorCode: ErrorCode.NONE, resources: [...byPattern.values()].map(resourceOf) }
}

function resourceOf(bindings: readonly WireBinding[]): DescribeAclsResponse['resources'][number] {
  const { resourceType, resourceName, patternType } = bindings[0]!
  return {
    resourceType, resourceName, patternType,
    acls: bindings.map(({ principal, host, operation, permissionType }) => ({ principal, host, operation, permissionType })),
  }
}

function refuse(errorCode: number, errorMessage: string): DescribeAclsResponse {
  return { errorCode, errorMessage, resources: [] }
}
