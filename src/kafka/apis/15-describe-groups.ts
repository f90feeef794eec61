// DescribeGroups v0-6. State and members of classic groups. What members told of themselves is shown while the group is Stable; before that it is not agreed.
// Version notes: v1: throttle time; v3: authorized operations when asked for; v4: instance ids; v6: an unknown group is GROUP_ID_NOT_FOUND with a
// text, before it is Dead without an error.
import { Refusal, type GroupDescription } from '../../ports.ts'
import { array, boolean, bytes, defineApi, int16, int32, string, type RequestOf, type ResponseOf } from '../../wire/schema.ts'
import { onEach } from '../access.ts'
import { serve } from '../api.ts'
import type { Context } from '../context.ts'
import { ErrorCode } from '../errors.ts'
import { groupErrorCodeOf } from '../group-errors.ts'
import { notAsked } from '../operations.ts'

export const DescribeGroups = defineApi({
  key: 15, name: 'DescribeGroups', versions: '0-6', flexible: '5+',
  request: { groups: array(string), includeAuthorizedOperations: boolean.in('3+').default(false) },
  response: {
    throttleTimeMs: int32.in('1+'),
    groups: array({
      errorCode: int16,
      errorMessage: string.in('6+').nullable().default(null),
      groupId: string,
      groupState: string,
      protocolType: string,
      protocolData: string,
      members: array({
        memberId: string, groupInstanceId: string.in('4+').nullable().default(null), clientId: string, clientHost: string,
        memberMetadata: bytes, memberAssignment: bytes,
      }),
      authorizedOperations: int32.in('3+').default(notAsked),
    }),
  },
})

export interface DescribeGroupsRequest extends RequestOf<typeof DescribeGroups> {}
export interface DescribeGroupsResponse extends ResponseOf<typeof DescribeGroups> {}
type DescribedGroup = DescribeGroupsResponse['groups'][number]

export const describeGroups = serve(DescribeGroups, {
  access: onEach<DescribeGroupsRequest, DescribeGroupsResponse, string>('describe', 'group', {
    items: request => request.groups,
    name: groupId => groupId,
    keep: (request, groups) => ({ ...request, groups }),
    refuse: (response, groups, errorCode) => ({ ...response, groups: [...response.groups, ...groups.map(groupId => withError(groupId, errorCode, ''))] }),
  }),
}, handle)

async function handle(request: DescribeGroupsRequest, context: Context): Promise<DescribeGroupsResponse> {
  const groups: DescribedGroup[] = []
  for (const groupId of request.groups) {
    const group = describe(await context.groups.describe(groupId), groupId, context.version)
    const shown = request.includeAuthorizedOperations && group.errorCode === ErrorCode.NONE
    groups.push(shown ? { ...group, authorizedOperations: context.authorizedOperations('group', groupId) } : group)
  }
  return { groups }
}

function describe(group: GroupDescription | Refusal, groupId: string, version: number): DescribedGroup {
  if (group instanceof Refusal) {
    if (group.code !== 'group-id-not-found') return withError(groupId, groupErrorCodeOf(group), '', group.message)
    return version >= 6 ? withError(groupId, groupErrorCodeOf(group), 'Dead', group.message) : withError(groupId, ErrorCode.NONE, 'Dead')
  }
  const isAgreed = group.state === 'Stable'
  return {
    errorCode: ErrorCode.NONE, groupId, groupState: group.state, protocolType: group.protocolType,
    protocolData: isAgreed ? group.protocolName : '',
    members: group.members.map(({ memberId, instanceId, clientId, clientHost, metadata, assignment }) => ({
      memberId, groupInstanceId: instanceId, clientId, clientHost, memberMetadata: isAgreed ? metadata : noBytes, memberAssignment: assignment,
    })),
  }
}

const noBytes = Buffer.alloc(0)

function withError(groupId: string, errorCode: number, groupState: string, errorMessage: string | null = null): DescribedGroup {
  return { errorCode, errorMessage, groupId, groupState, protocolType: '', protocolData: '', members: [] }
}
