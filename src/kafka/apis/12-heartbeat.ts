// Heartbeat v0-4. Keeps a member of a classic group alive; REBALANCE_IN_PROGRESS tells it to join again.
// Version notes: v1: throttle time; v3: static members.
import { defineApi, int16, int32, string, type RequestOf, type ResponseOf } from '../../wire/schema.ts'
import { onGroup } from '../access.ts'
import { serve } from '../api.ts'
import type { Context } from '../context.ts'
import { groupErrorCodeOf } from '../group-errors.ts'

export const Heartbeat = defineApi({
  key: 12, name: 'Heartbeat', versions: '0-4', flexible: '4+',
  request: { groupId: string, generationId: int32, memberId: string, groupInstanceId: string.in('3+').nullable().default(null).essential() },
  response: { throttleTimeMs: int32.in('1+'), errorCode: int16 },
})

export const heartbeat = serve(Heartbeat, {
  access: onGroup('read', { group: (request: HeartbeatRequest) => request.groupId, refuse: (errorCode): HeartbeatResponse => ({ errorCode }) }),
}, handle)

export interface HeartbeatRequest extends RequestOf<typeof Heartbeat> {}
export interface HeartbeatResponse extends ResponseOf<typeof Heartbeat> {}

async function handle(request: HeartbeatRequest, context: Context): Promise<HeartbeatResponse> {
  const { groupId, generationId, memberId, groupInstanceId: instanceId } = request
  return { errorCode: groupErrorCodeOf(await context.groups.heartbeat({ groupId, generationId, memberId, instanceId })) }
}
