// DeleteGroups v0-2. Deletes groups without members, and their offsets. v1: throttle before the answer; v2: flexible.
import { array, defineApi, int16, int32, string, type RequestOf, type ResponseOf } from '../../wire/schema.ts'
import { onEach } from '../access.ts'
import { serve } from '../api.ts'
import type { Context } from '../context.ts'
import { groupErrorCodeOf } from '../group-errors.ts'

export const DeleteGroups = defineApi({
  key: 42, name: 'DeleteGroups', versions: '0-2', flexible: '2+',
  request: { groupsNames: array(string) },
  response: { throttleTimeMs: int32.default(0), results: array({ groupId: string, errorCode: int16 }) },
})

export interface DeleteGroupsRequest extends RequestOf<typeof DeleteGroups> {}
export interface DeleteGroupsResponse extends ResponseOf<typeof DeleteGroups> {}

export const deleteGroups = serve(DeleteGroups, {
  access: onEach<DeleteGroupsRequest, DeleteGroupsResponse, string>('delete', 'group', {
    items: request => [...new Set(request.groupsNames)],
    name: groupId => groupId,
    keep: (request, groupsNames) => ({ ...request, groupsNames }),
    refuse: (response, groups, errorCode) => ({ ...response, results: [...response.results, ...groups.map(groupId => ({ groupId, errorCode }))] }),
  }),
}, handle)

async function handle(request: DeleteGroupsRequest, context: Context): Promise<DeleteGroupsResponse> {
  const results: DeleteGroupsResponse['results'][number][] = []
  // A group named twice is deleted once and answered once.
  for (const groupId of new Set(request.groupsNames)) results.push({ groupId, errorCode: groupErrorCodeOf(await context.groups.delete(groupId)) })
  return { results }
}
