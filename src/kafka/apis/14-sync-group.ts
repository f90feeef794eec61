// SyncGroup v0-5. The leader of a classic group hands in the assignment, every member gets its own; followers wait for the leader.
// Version notes: v1: throttle time; v3: static members; v5: protocol type and name, which must be there and must be the group's.
import { Refusal } from '../../ports.ts'
import { array, bytes, defineApi, int16, int32, string, type RequestOf, type ResponseOf } from '../../wire/schema.ts'
import { onGroup } from '../access.ts'
import { serve } from '../api.ts'
import type { Context } from '../context.ts'
import { ErrorCode } from '../errors.ts'
import { groupErrorCodeOf } from '../group-errors.ts'

export const SyncGroup = defineApi({
  key: 14, name: 'SyncGroup', versions: '0-5', flexible: '4+',
  request: {
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: string.in('3+').nullable().default(null).essential(),
    protocolType: string.in('5+').nullable().default(null),
    protocolName: string.in('5+').nullable().default(null),
    assignments: array({ memberId: string, assignment: bytes }),
  },
  response: {
    throttleTimeMs: int32.in('1+'),
    errorCode: int16,
    protocolType: string.in('5+').nullable().default(null),
    protocolName: string.in('5+').nullable().default(null),
    assignment: bytes.default(Buffer.alloc(0)),
  },
})

export const syncGroup = serve(SyncGroup, {
  access: onGroup('read', { group: (request: SyncGroupRequest) => request.groupId, refuse: (errorCode): SyncGroupResponse => ({ errorCode }) }),
}, handle)

export interface SyncGroupRequest extends RequestOf<typeof SyncGroup> {}
export interface SyncGroupResponse extends ResponseOf<typeof SyncGroup> {}

async function handle(request: SyncGroupRequest, context: Context): Promise<SyncGroupResponse> {
  const { groupId, generationId, memberId, groupInstanceId: instanceId, protocolType, protocolName, assignments } = request
  if (context.version >= 5 && (protocolType === null || protocolName === null)) return { errorCode: ErrorCode.INCONSISTENT_GROUP_PROTOCOL }
  const synced = await context.groups.sync({ groupId, generationId, memberId, instanceId, protocolType, protocolName, assignments }, context.signal)
  return synced instanceof Refusal ? { errorCode: groupErrorCodeOf(synced) } : { errorCode: ErrorCode.NONE, ...synced }
}
