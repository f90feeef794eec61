// What a request must be allowed to do before its handler runs: as ACLs put it (operations on topics, groups, the cluster), and as AWS does (an action on a resource).
// A stream is the topic of its name; a registered consumer a group of its name that also reads the stream's topic; channels, policies and the account are the cluster's.
import type { AclNeed, AclOperation } from '../ports.ts'
import { clusterResource } from '../ports.ts'
import { iamArnOf } from '../security/iam.ts'
import { type ConsumerName, channelArnOf, consumerArnOf, parseArn, streamArnOf } from './arns.ts'
import type { Context } from './context.ts'
import { AwsError, type Place } from './errors.ts'

/**
 * An operation on the stream that the request names ('needs'), the making of one ('creates'), an operation on the whole account ('account': the cluster),
 * whatever the request's content comes to ('demands'), or nothing beforehand because the answer shows only what the caller may see ('filters').
 */
export type AccessRule<I> =
  | { readonly kind: 'needs'; readonly operation: AclOperation; readonly stream: (input: I, context: Context) => string | AwsError }
  | { readonly kind: 'creates'; readonly stream: (input: I, context: Context) => string | AwsError }
  | { readonly kind: 'account'; readonly operation: AclOperation }
  | { readonly kind: 'demands'; readonly demand: (input: I, context: Context) => Demand | AwsError }
  | { readonly kind: 'filters' }

/** What one request takes: all of these of the ACLs, or an Allow in the policy of the resource. */
export interface Demand {
  /** An ARN, or '*' for the account. */
  readonly resource: string
  readonly needs: readonly AclNeed[]
  /** ARNs whose policies are asked; only the resource's unless given. */
  readonly policiesOf?: readonly string[]
}

export function streamDemand(operation: AclOperation, stream: string, place: Place): Demand {
  return { resource: streamArnOf(stream, place), needs: [{ operation, resourceType: 'topic', resourceName: stream }] }
}

/** READ on a consumer is READ on its stream too; everything else asks for no more of the stream than DESCRIBE. */
export function consumerDemand(operation: AclOperation, name: ConsumerName, place: Place): Demand {
  return {
    resource: consumerArnOf(name, place),
    needs: [
      { operation, resourceType: 'group', resourceName: name.consumer },
      { operation: operation === 'read' ? 'read' : 'describe', resourceType: 'topic', resourceName: name.stream },
    ],
  }
}

/** A channel belongs to no stream: it writes to the server's own disk, and so is the cluster's. */
export function channelDemand(operation: AclOperation, id: string, place: Place): Demand {
  return { resource: channelArnOf(id, place), needs: [onCluster(operation)] }
}

/** The same operation on whatever a ResourceARN names. */
export function resourceDemand(operation: AclOperation, arn: string, place: Place): Demand | AwsError {
  const parts = parseArn(arn, 'ResourceARN', place)
  if (parts instanceof AwsError) return parts
  switch (parts.kind) {
    case 'stream': return streamDemand(operation, parts.stream, place)
    case 'consumer': return consumerDemand(operation, parts, place)
    case 'channel': return channelDemand(operation, parts.id, place)
  }
}

export function accountDemand(operation: AclOperation): Demand {
  return { resource: '*', needs: [onCluster(operation)] }
}

function onCluster(operation: AclOperation): AclNeed {
  return { operation, resourceType: 'cluster', resourceName: clusterResource }
}

/** Null where the caller may, else AWS's refusal; asked before anything is looked up, so that it tells nothing of what exists. */
export function judgeAccess<I>(action: string, rule: AccessRule<I>, input: I, context: Context): null | AwsError {
  if (rule.kind === 'filters') return null
  const demand = demandOf(rule, input, context)
  if (demand instanceof AwsError) return demand
  const { access, caller } = context
  // Kafka's rule: the cluster-wide right, or the one for this name. Only the second question is worth an audit line.
  if (rule.kind === 'creates' && access.wouldAllow(caller, 'create', 'cluster', clusterResource)) return null
  const { resource, needs, policiesOf = [resource] } = demand
  const decision = access.judge(caller, { action, resources: policiesOf, needs, isEncrypted: context.isEncrypted })
  if (decision === 'allowed') return null
  const because = {
    'not-allowed': `because no identity-based policy allows the ${action} action`,
    'denied-by-acl': 'with an explicit deny in an identity-based policy',
    'denied-by-policy': 'with an explicit deny in a resource-based policy',
  }[decision]
  const who = iamArnOf(caller.principal, context.account)
  return new AwsError('AccessDeniedException', `User: ${who} is not authorized to perform: ${action} on resource: ${resource} ${because}`)
}

/** The stream that a request is about, where its access rule names one. To be asked once access is judged. */
export function streamOf<I>(rule: AccessRule<I>, input: I, context: Context): string | undefined {
  if (rule.kind === 'filters') return undefined
  const demand = demandOf(rule, input, context)
  return demand instanceof AwsError ? undefined : /:stream\/([^/]+)/.exec(demand.resource)?.[1]
}

function demandOf<I>(rule: Exclude<AccessRule<I>, { readonly kind: 'filters' }>, input: I, context: Context): Demand | AwsError {
  if (rule.kind === 'account') return accountDemand(rule.operation)
  if (rule.kind === 'demands') return rule.demand(input, context)
  const stream = rule.stream(input, context)
  return stream instanceof AwsError ? stream : streamDemand(rule.kind === 'creates' ? 'create' : rule.operation, stream, context)
}
