// ListStreamConsumers. A stream's consumers by name, at most 100 a page. A page goes on from a token, which is good for five minutes and for this incarnation of the stream.
import { type InputOf, type OutputOf, type Shape, type Violation, integer, list, operation, text, timestamp } from '../../wire/operation.ts'
import { consumerShape, consumersOf, describeConsumer } from '../consumers.ts'
import { type Context, serve } from '../context.ts'
import { AwsError, invalidArgument } from '../errors.ts'
import { judgeServed } from '../lifecycle.ts'
import { openPage } from '../pages.ts'
import { findStream, judgeCreation, namedStream, streamArn, streamId } from '../streams.ts'

const consumersMax = 100

const input = {
  StreamARN: streamArn.required,
  NextToken: text().minLength(1).maxLength(1_048_576),
  MaxResults: integer().min(1).max(10_000),
  StreamCreationTimestamp: timestamp(),
  StreamId: streamId,
}

export const ListStreamConsumers = operation({
  name: 'ListStreamConsumers',
  input,
  output: { Consumers: list(consumerShape), NextToken: text() },
  check: tokenOrTimestamp,
})

export const listStreamConsumers = serve(
  ListStreamConsumers,
  { action: 'kinesis:ListStreamConsumers', access: { kind: 'needs', operation: 'describe', stream: namedStream } },
  handle,
)

function tokenOrTimestamp({ NextToken, StreamCreationTimestamp }: Shape<typeof input>): Violation | undefined {
  if (NextToken === undefined || StreamCreationTimestamp === undefined) return undefined
  return { type: 'InvalidArgumentException', message: 'NextToken and StreamCreationTimestamp cannot be provided together.' }
}

/** What a page goes on with. */
interface Place {
  readonly topicId: string
  /** The name before the page. */
  readonly after: string
}

async function handle(input: InputOf<typeof ListStreamConsumers>, context: Context): Promise<OutputOf<typeof ListStreamConsumers> | AwsError> {
  const place = input.NextToken === undefined ? undefined : openPage<Place>('list-stream-consumers', input.NextToken, context)
  if (place instanceof AwsError) return place
  const topic = await findStream(input, context)
  if (topic instanceof AwsError) return topic
  if (place !== undefined && place.topicId !== topic.id) return invalidArgument('Invalid NextToken. It was not given for this stream.')
  const wrong = judgeCreation(topic, input.StreamCreationTimestamp, context) ?? judgeServed(topic, context)
  if (wrong !== null) return wrong
  const left = consumersOf(topic, context).filter(({ name }) => name > (place?.after ?? ''))
  const page = left.slice(0, Math.min(input.MaxResults ?? consumersMax, consumersMax))
  const goesOn: Place = { topicId: topic.id, after: page.at(-1)?.name ?? '' }
  return {
    Consumers: page.map(consumer => describeConsumer(consumer, topic.name, context)),
    NextToken: page.length < left.length ? context.tokens.issuePage('list-stream-consumers', goesOn, context.caller.principal, context.clock.now()) : undefined,
  }
}
