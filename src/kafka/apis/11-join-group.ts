// JoinGroup v0-9. Enters a classic group, or enters it anew in a rebalance; answered when the rebalance is. The leader alone is told who the members are.
// Version notes: v0 has no rebalance timeout, the session timeout stands for it; v4: a new dynamic member is sent away with an id of its own first
// (MEMBER_ID_REQUIRED, KIP-394); v5: static members; v7: the protocol type, and a protocol name that may be null; v8: a reason; v9: a static leader
// that comes back may be told to skip the assignment.
import { Refusal, type Joined } from '../../ports.ts'
import { array, boolean, bytes, defineApi, int16, int32, string, type RequestOf, type ResponseOf } from '../../wire/schema.ts'
import { onGroup } from '../access.ts'
import { serve } from '../api.ts'
import type { Context } from '../context.ts'
import { ErrorCode } from '../errors.ts'
import { groupErrorCodeOf } from '../group-errors.ts'

export const JoinGroup = defineApi({
  key: 11, name: 'JoinGroup', versions: '0-9', flexible: '6+',
  request: {
    groupId: string,
    sessionTimeoutMs: int32,
    rebalanceTimeoutMs: int32.in('1+').default(-1),
    memberId: string,
    groupInstanceId: string.in('5+').nullable().default(null).essential(),
    protocolType: string,
    protocols: array({ name: string, metadata: bytes }),
    reason: string.in('8+').nullable().default(null),
  },
  response: {
    throttleTimeMs: int32.in('2+'),
    errorCode: int16,
    generationId: int32.default(-1),
    protocolType: string.in('7+').nullable().default(null),
    protocolName: string.nullable('7+').default(''),
    leader: string.default(''),
    skipAssignment: boolean.in('9+'),
    memberId: string.default(''),
    members: array({ memberId: string, groupInstanceId: string.in('5+').nullable().default(null), metadata: bytes }).default([]),
  },
})

export const joinGroup = serve(JoinGroup, {
  access: onGroup('read', { group: (request: JoinGroupRequest) => request.groupId, refuse: (errorCode): JoinGroupResponse => ({ errorCode }) }),
}, handle)

export interface JoinGroupRequest extends RequestOf<typeof JoinGroup> {}
export interface JoinGroupResponse extends ResponseOf<typeof JoinGroup> {}

async function handle(request: JoinGroupRequest, context: Context): Promise<JoinGroupResponse> {
  const { groupId, memberId, groupInstanceId: instanceId, sessionTimeoutMs, rebalanceTimeoutMs, protocolType, protocols, reason } = request
  if (instanceId !== null && !isLegalInstanceId(instanceId)) return { errorCode: ErrorCode.INVALID_REQUEST, memberId }
  const joined = await context.groups.join({
    groupId, memberId, instanceId, protocolType, protocols, reason, sessionTimeoutMs,
    clientId: context.clientId ?? '',
    // As Java prints an address, which is what DescribeGroups has always shown.
    clientHost: `/${context.caller.host}`,
    rebalanceTimeoutMs: context.version >= 1 ? rebalanceTimeoutMs : sessionTimeoutMs,
    requiresKnownMemberId: context.version >= 4 && instanceId === null,
    supportsSkippingAssignment: context.version >= 9,
  }, context.signal)
  if (joined instanceof Refusal) return { errorCode: groupErrorCodeOf(joined), memberId }
  if ('refusal' in joined) return { errorCode: groupErrorCodeOf(joined.refusal), memberId: joined.memberId }
  return answerOf(joined)
}

function answerOf({ members, ...joined }: Joined): JoinGroupResponse {
  return {
    errorCode: ErrorCode.NONE,
    ...joined,
    members: members.map(({ memberId, instanceId, metadata }) => ({ memberId, groupInstanceId: instanceId, metadata })),
  }
}

/** KIP-345: an instance id is written like a topic's name. */
function isLegalInstanceId(instanceId: string): boolean {
  return /^[a-zA-Z0-9._-]{1,249}$/.test(instanceId) && instanceId !== '.' && instanceId !== '..'
}
