// ListGroups v0-5. The groups the caller may describe: all of them with DESCRIBE on the cluster, else those with DESCRIBE on the group. Never an error for
// the rest. Every group is classic.
// Version notes: v1: throttle time; v4: states, and a filter by them; v5: types, and a filter by them. Filters ignore case; an empty one takes all.
import type { GroupSummary } from '../../ports.ts'
import { clusterResource } from '../../ports.ts'
import { array, defineApi, int16, int32, string, type RequestOf, type ResponseOf } from '../../wire/schema.ts'
import { filtered } from '../access.ts'
import { serve } from '../api.ts'
import type { Context } from '../context.ts'
import { ErrorCode } from '../errors.ts'

export const ListGroups = defineApi({
  key: 16, name: 'ListGroups', versions: '0-5', flexible: '3+',
  request: { statesFilter: array(string).in('4+'), typesFilter: array(string).in('5+') },
  response: {
    throttleTimeMs: int32.in('1+'),
    errorCode: int16,
    groups: array({ groupId: string, protocolType: string, groupState: string.in('4+'), groupType: string.in('5+') }),
  },
})

export const listGroups = serve(ListGroups, { access: filtered('DESCRIBE Cluster, else DESCRIBE Group') }, handle)

export interface ListGroupsRequest extends RequestOf<typeof ListGroups> {}
export interface ListGroupsResponse extends ResponseOf<typeof ListGroups> {}

/** How Kafka 4 names the groups of JoinGroup, as opposed to those of KIP-848. */
const groupType = 'classic'

async function handle(request: ListGroupsRequest, context: Context): Promise<ListGroupsResponse> {
  const { access, caller } = context
  const seesAll = access.wouldAllow(caller, 'describe', 'cluster', clusterResource)
  const isVisible = ({ groupId }: GroupSummary): boolean => seesAll || access.wouldAllow(caller, 'describe', 'group', groupId)
  const states = lowerCased(request.statesFilter)
  const types = lowerCased(request.typesFilter)
  const groups = (await context.groups.list())
    .filter(group => (states.size === 0 || states.has(group.state.toLowerCase())) && (types.size === 0 || types.has(groupType)) && isVisible(group))
    .map(({ groupId, protocolType, state }) => ({ groupId, protocolType, groupState: state, groupType }))
  return { errorCode: ErrorCode.NONE, groups }
}

function lowerCased(filter: readonly string[]): ReadonlySet<string> {
  return new Set(filter.map(one => one.toLowerCase()))
}
