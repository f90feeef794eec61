// Consumers that are registered with a stream for enhanced fan-out: one document each (kind 'kinesis-consumer', by topic id and name), which goes with its topic. CREATING and
// DELETING show for `transitionMs`; what was to be deleted is gone when that is over, whether or not its document still lies there.
import { z } from 'zod'
import type { Document, Topic } from '../ports.ts'
import { type Shape, type Violation, oneOf, structure, text, timestamp } from '../wire/operation.ts'
import { type Demand, consumerDemand } from './access.ts'
import { consumerArn, consumerArnOf, consumerPath, namePattern, parseArn, streamArn, streamArnOf } from './arns.ts'
import type { Context, Services } from './context.ts'
import { AwsError, invalidArgument, notFound, texts, type Place } from './errors.ts'
import { findStreamByName, namedStream, streamId } from './streams.ts'
import { tagsSchema } from './tags.ts'

const consumerSchema = z.object({
  name: z.string(),
  createdAtMs: z.number(),
  /** What it shows instead of ACTIVE, and until when (milliseconds since the epoch). */
  transition: z.object({ status: z.enum(['CREATING', 'DELETING']), untilMs: z.number() }).optional(),
  tags: tagsSchema,
})

export type ConsumerFacts = z.infer<typeof consumerSchema>
export type Consumer = ConsumerFacts & { readonly topicId: string }
export type ConsumerStatus = 'CREATING' | 'ACTIVE' | 'DELETING'

// ------------------------------------------------------------------------------------------------------- members

export const consumerName = text().pattern(namePattern).minLength(1).maxLength(128)

/** The ways a request may name its consumer. */
export const consumerMembers = { StreamARN: streamArn, ConsumerName: consumerName, ConsumerARN: consumerArn, StreamId: streamId } as const
type Selector = Omit<Shape<typeof consumerMembers>, 'StreamId'>

const shownMembers = {
  ConsumerName: text().required,
  ConsumerARN: text().required,
  ConsumerStatus: oneOf('CREATING', 'DELETING', 'ACTIVE').required,
  ConsumerCreationTimestamp: timestamp().required,
} as const
export const consumerShape = structure(shownMembers)
export const consumerDescription = structure({ ...shownMembers, StreamARN: text().required })

/** A consumer must be named by its ARN, or by its stream's and its name. */
export function oneConsumer(input: Selector): Violation | undefined {
  if (input.ConsumerARN !== undefined || (input.StreamARN !== undefined && input.ConsumerName !== undefined)) return undefined
  return { type: 'InvalidArgumentException', message: 'Either ConsumerARN or both StreamARN and ConsumerName must be provided.' }
}

// ------------------------------------------------------------------------------------------------------- finding

/** Stream and name that a request means, and of an ARN the second of its registration. Members that contradict each other are refused. */
export function namedConsumer(input: Selector, place: Place): { stream: string; name: string; second: number | undefined } | AwsError {
  const { ConsumerARN: arn, ConsumerName: name } = input
  const stream = input.StreamARN === undefined ? undefined : namedStream({ StreamARN: input.StreamARN }, place)
  if (stream instanceof AwsError) return stream
  if (arn === undefined) return { stream: stream!, name: name!, second: undefined }
  const parts = parseArn(arn, 'ConsumerARN', place)
  if (parts instanceof AwsError) return parts
  if (parts.kind !== 'consumer') return invalidArgument(`ConsumerARN ${arn} is not the ARN of a consumer.`)
  if (stream !== undefined && stream !== parts.stream) return invalidArgument(`ConsumerARN ${arn} and StreamARN ${input.StreamARN} name different streams.`)
  if (name !== undefined && name !== parts.consumer) return invalidArgument(`ConsumerARN ${arn} and ConsumerName ${name} name different consumers.`)
  return { stream: parts.stream, name: parts.consumer, second: parts.createdAtSeconds }
}

/** What a request must be allowed to do to the consumer that it names. The consumer's own policy is asked however it is named, the stream's where it is named by that. */
export function consumerAccess(operation: 'read' | 'describe' | 'alter-configs'): { readonly kind: 'demands'; readonly demand: (input: Selector, place: Place) => Demand | AwsError } {
  return { kind: 'demands', demand: (input, place) => {
    const named = namedConsumer(input, place)
    if (named instanceof AwsError) return named
    const { stream, name, second } = named
    const demand = consumerDemand(operation, { stream, consumer: name, createdAtSeconds: second ?? 0 }, place)
    if (second !== undefined) return demand
    const resource = streamArnOf(stream, place)
    return { ...demand, resource, policiesOf: [resource, consumerPath({ stream, consumer: name }, place)] }
  } }
}

/** The consumer that a request names, and its stream. */
export async function findConsumer(input: Selector, context: Context): Promise<{ topic: Topic; consumer: Consumer } | AwsError> {
  const named = namedConsumer(input, context)
  if (named instanceof AwsError) return named
  const { stream, name, second } = named
  const topic = await findStreamByName(stream, context)
  // Of a consumer's ARN the stream is no more than a part: it is the consumer that is missing.
  if (topic === undefined && input.ConsumerARN === undefined) return notFound(texts.streamNotFound(stream, context))
  const consumer = topic && consumerOf(topic.id, name, context)
  if (consumer === undefined || (second !== undefined && second !== secondOf(consumer))) {
    return notFound(texts.consumerNotFound(input.ConsumerARN ?? name, context))
  }
  return { topic: topic!, consumer }
}

/** The consumer of that name that is registered now. */
export function consumerOf(topicId: string, name: string, context: Pick<Services, 'documents' | 'clock'>): Consumer | undefined {
  const document = context.documents.find('kinesis-consumer', keyOf(topicId, name))
  const consumer = document && consumerIn(document)
  return consumer === undefined || isGone(consumer, context) ? undefined : consumer
}

/** All that are registered with a stream now, by name. */
export function consumersOf(topic: Pick<Topic, 'id'>, context: Pick<Services, 'documents' | 'clock'>): readonly Consumer[] {
  return allConsumers(context).get(topic.id)?.filter(one => !isGone(one, context)) ?? []
}

export function consumerStatus({ transition }: ConsumerFacts, { clock }: Pick<Services, 'clock'>): ConsumerStatus {
  if (transition === undefined) return 'ACTIVE'
  return transition.status === 'DELETING' || clock.now() < transition.untilMs ? transition.status : 'ACTIVE'
}

export function arnOf(consumer: Consumer, stream: string, place: Place): string {
  return consumerArnOf({ stream, consumer: consumer.name, createdAtSeconds: secondOf(consumer) }, place)
}

/** When it was registered, as its ARN has it. */
export function secondOf({ createdAtMs }: ConsumerFacts): number {
  return Math.floor(createdAtMs / 1_000)
}

export function describeConsumer(consumer: Consumer, stream: string, context: Context): (typeof consumerDescription)['value'] {
  return {
    ConsumerName: consumer.name,
    ConsumerARN: arnOf(consumer, stream, context),
    ConsumerStatus: consumerStatus(consumer, context),
    ConsumerCreationTimestamp: consumer.createdAtMs,
    StreamARN: streamArnOf(stream, context),
  }
}

// ------------------------------------------------------------------------------------------------------ documents

const parsed = new WeakMap<Document, Consumer>()
const grouped = new WeakMap<readonly Document[], ReadonlyMap<string, readonly Consumer[]>>()

export function consumerIn(document: Document): Consumer {
  const known = parsed.get(document)
  if (known !== undefined) return known
  const consumer = { ...consumerSchema.parse(JSON.parse(document.value)), topicId: document.topicId! }
  parsed.set(document, consumer)
  return consumer
}

/** By topic id, in the order of their names. */
export function allConsumers({ documents }: Pick<Services, 'documents'>): ReadonlyMap<string, readonly Consumer[]> {
  const all = documents.all('kinesis-consumer')
  const known = grouped.get(all)
  if (known !== undefined) return known
  const byTopic = Map.groupBy(all.map(consumerIn), ({ topicId }) => topicId)
  grouped.set(all, byTopic)
  return byTopic
}

export function isGone({ transition }: ConsumerFacts, { clock }: Pick<Services, 'clock'>): boolean {
  return transition?.status === 'DELETING' && clock.now() >= transition.untilMs
}

export function keyOf(topicId: string, name: string): string {
  return `${topicId}/${name}`
}
