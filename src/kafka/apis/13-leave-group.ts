// LeaveGroup v0-5. Members leave a classic group at once, without waiting for their sessions to end. An admin removes a static member by its instance
// id and an empty member id.
// Version notes: v1: throttle time; v3: many members, each with an answer of its own; before, the one member's error is the answer's; v5: reasons.
import { Refusal } from '../../ports.ts'
import { array, defineApi, int16, int32, string, type RequestOf, type ResponseOf } from '../../wire/schema.ts'
import { onGroup } from '../access.ts'
import { serve } from '../api.ts'
import type { Context } from '../context.ts'
import { ErrorCode } from '../errors.ts'
import { groupErrorCodeOf } from '../group-errors.ts'

export const LeaveGroup = defineApi({
  key: 13, name: 'LeaveGroup', versions: '0-5', flexible: '4+',
  request: {
    groupId: string,
    memberId: string.in('0-2'),
    members: array({ memberId: string, groupInstanceId: string.nullable().default(null), reason: string.in('5+').nullable().default(null) }).in('3+'),
  },
  response: {
    throttleTimeMs: int32.in('1+'),
    errorCode: int16,
    members: array({ memberId: string, groupInstanceId: string.nullable(), errorCode: int16 }).in('3+'),
  },
})

export const leaveGroup = serve(LeaveGroup, {
  access: onGroup('read', { group: (request: LeaveGroupRequest) => request.groupId, refuse: (errorCode): LeaveGroupResponse => ({ errorCode }) }),
}, handle)

export interface LeaveGroupRequest extends RequestOf<typeof LeaveGroup> {}
export interface LeaveGroupResponse extends ResponseOf<typeof LeaveGroup> {}

async function handle(request: LeaveGroupRequest, context: Context): Promise<LeaveGroupResponse> {
  const batched = context.version >= 3
  const leaving = batched
    ? request.members.map(({ memberId, groupInstanceId: instanceId, reason }) => ({ memberId, instanceId, reason }))
    : [{ memberId: request.memberId, instanceId: null, reason: null }]
  const answers = await context.groups.leave(request.groupId, leaving)
  if (answers instanceof Refusal) return { errorCode: groupErrorCodeOf(answers) }
  if (!batched) return { errorCode: groupErrorCodeOf(answers[0]) }
  return {
    errorCode: ErrorCode.NONE,
    members: leaving.map(({ memberId, instanceId }, at) => ({ memberId, groupInstanceId: instanceId, errorCode: groupErrorCodeOf(answers[at]) })),
  }
}
