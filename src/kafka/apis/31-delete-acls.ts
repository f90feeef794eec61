// DeleteAcls v1-3. Removes what each filter finds, and tells what that was. A filter with a number that Kafka does not know is refused by itself.
// Version notes: v1: pattern types; v2: flexible; v3: user resources, which we have none of.
import { array, defineApi, int16, int32, int8, string, type RequestOf, type ResponseOf } from '../../wire/schema.ts'
import { onCluster } from '../access.ts'
import { filtersOf, toWire } from '../acl-codes.ts'
import { serve } from '../api.ts'
import type { Context } from '../context.ts'
import { denialTextOf, ErrorCode } from '../errors.ts'

export const DeleteAcls = defineApi({
  key: 31, name: 'DeleteAcls', versions: '1-3', flexible: '2+',
  request: {
    filters: array({
      resourceTypeFilter: int8, resourceNameFilter: string.nullable(), patternTypeFilter: int8.default(3), principalFilter: string.nullable(),
      hostFilter: string.nullable(), operation: int8, permissionType: int8,
    }),
  },
  response: {
    throttleTimeMs: int32.default(0),
    filterResults: array({
      errorCode: int16,
      errorMessage: string.nullable().default(null),
      matchingAcls: array({
        errorCode: int16.default(0), errorMessage: string.nullable().default(null), resourceType: int8, resourceName: string, patternType: int8.default(3),
        principal: string, host: string, operation: int8, permissionType: int8,
      }),
    }),
  },
})

export const deleteAcls = serve(DeleteAcls, {
  access: onCluster('alter', (errorCode, request: DeleteAclsRequest): DeleteAclsResponse => ({
    filterResults: request.filters.map(() => refuse(errorCode, denialTextOf('cluster'))),
  })),
}, handle)

export interface DeleteAclsRequest extends RequestOf<typeof DeleteAcls> {}
export interface DeleteAclsResponse extends ResponseOf<typeof DeleteAcls> {}
type FilterResult = DeleteAclsResponse['filterResults'][number]

async function handle(request: DeleteAclsRequest, context: Context): Promise<DeleteAclsResponse> {
  const wanted = request.filters.map(filtersOf)
  const removed = await context.access.delete(wanted.flatMap(filters => filters ?? []), context.caller)
  let at = 0
  return {
    filterResults: wanted.map((filters, index) => {
      if (filters === undefined) return refuse(ErrorCode.INVALID_REQUEST, `The filter has unknown elements: ${JSON.stringify(request.filters[index])}`)
      const matching = removed.slice(at, at += filters.length).flat()
      return { errorCode: ErrorCode.NONE, matchingAcls: matching.map(toWire) }
    }),
  }
}

function refuse(errorCode: number, errorMessage: string): FilterResult {
  return { errorCode, errorMessage, matchingAcls: [] }
}
