// Which streams and consumers have policies of their own, as requests name them. What a policy says is the authorizer's matter; here is what it may be put on, and that it
// goes with it.
import type { Shape } from '../wire/operation.ts'
import { type Demand, accountDemand } from './access.ts'
import { parseArn, resourceArn } from './arns.ts'
import { consumerStatus, findConsumer, secondOf } from './consumers.ts'
import type { Context } from './context.ts'
import { AwsError, invalidArgument, texts, type Place } from './errors.ts'
import { activeStream } from './lifecycle.ts'
import { findStream, streamId } from './streams.ts'

/** The members that name what has the policy, in the model's order. */
export const policyMembers = { ResourceARN: resourceArn.required, StreamId: streamId } as const
type Selector = Pick<Shape<typeof policyMembers>, 'ResourceARN'>

/** Who changes a policy changes who may do what: that is the cluster's, as with ACLs. */
export function policyDemand(operation: 'alter' | 'describe', arn: string, place: Place): Demand | AwsError {
  const parts = parseArn(arn, 'ResourceARN', place)
  if (parts instanceof AwsError) return parts
  if (parts.kind === 'channel') return invalidArgument(`ResourceARN ${arn} is that of a channel: streams and consumers have resource policies.`)
  return { ...accountDemand(operation), resource: arn }
}

/** The topic of the stream or consumer that a request names, which is there, and to be changed must be ACTIVE. */
export async function policyHolder({ ResourceARN: arn }: Selector, how: { isChange: boolean }, context: Context): Promise<{ readonly topicId: string } | AwsError> {
  const parts = parseArn(arn, 'ResourceARN', context)
  if (parts instanceof AwsError) return parts
  if (parts.kind === 'consumer') {
    const found = await findConsumer({ ConsumerARN: arn }, context)
    if (found instanceof AwsError) return found
    if (how.isChange && consumerStatus(found.consumer, context) !== 'ACTIVE') {
      const named = { consumer: parts.consumer, second: secondOf(found.consumer), stream: parts.stream }
      return new AwsError('ResourceInUseException', texts.consumerNotActive(named, context))
    }
    return { topicId: found.topic.id }
  }
  const topic = await (how.isChange ? activeStream : findStream)({ StreamARN: arn }, context)
  return topic instanceof AwsError ? topic : { topicId: topic.id }
}
