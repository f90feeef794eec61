// The states of a stream, and what each lets through. CREATING and DELETING take and give no records and show as streams only to who describes them; ACTIVE
// does everything; UPDATING takes and gives records, but no operation that changes the stream. How long a state shows is `transitionMs`; with 0 none but ACTIVE does.
import type { Topic } from '../ports.ts'
import { AwsError, notFound, texts } from './errors.ts'
import type { Context, Services } from './context.ts'
import { shardMapOf } from './shard-map.ts'
import { type StreamFacts, type StreamStatus, changeFacts, factsOf, statusOf } from './stream-facts.ts'
import { type StreamSelector, findStream } from './streams.ts'

export function streamStatus(topic: Topic, context: Pick<Services, 'documents' | 'clock'>): StreamStatus {
  return statusWith(factsOf(topic, context), topic, context)
}

/** Shards that are being closed make a stream UPDATING, however long changes show. */
function statusWith(facts: StreamFacts, topic: Topic, { clock }: Pick<Services, 'clock'>): StreamStatus {
  const status = statusOf(facts, clock.now())
  return status === 'ACTIVE' && shardMapOf(topic).isClosing ? 'UPDATING' : status
}

/** The stream that a request names, which must be ACTIVE: for operations that change it. */
export async function activeStream(input: StreamSelector, context: Context): Promise<Topic | AwsError> {
  const topic = await findStream(input, context)
  if (topic instanceof AwsError) return topic
  return judgeActive(topic, factsOf(topic, context), context) ?? topic
}

/** The stream that a request names while it takes and gives records; before and after that it is not found. */
export async function servedStream(input: StreamSelector, context: Pick<Services, 'account' | 'admin' | 'clock' | 'documents' | 'region'>): Promise<Topic | AwsError> {
  const topic = await findStream(input, context)
  return topic instanceof AwsError || isServed(streamStatus(topic, context)) ? topic : notFound(texts.streamNotFound(topic.name, context))
}

/** Null where a stream may be asked for its shards or consumers, which it has as long as it gives and takes records. */
export function judgeServed(topic: Topic, services: Pick<Services, 'account' | 'clock' | 'documents' | 'region'>): null | AwsError {
  const status = streamStatus(topic, services)
  return isServed(status) ? null : new AwsError('ResourceInUseException', texts.streamNotServed(topic.name, status, services))
}

export function isServed(status: StreamStatus): boolean {
  return status === 'ACTIVE' || status === 'UPDATING'
}

/**
 * `changeFacts` for an ACTIVE stream, which is UPDATING from then on for as long as that shows. Whether it is ACTIVE is judged with each attempt, so that of two changes at
 * once one is refused. A change of {} only shows.
 */
export async function changeActive(
  topic: Topic, context: Services, change: (facts: StreamFacts) => Partial<StreamFacts> | AwsError | undefined,
): Promise<null | AwsError> {
  return changeFacts(topic, context, facts => {
    const refused = judgeActive(topic, facts, context)
    if (refused !== null) return refused
    const changed = change(facts)
    if (changed === undefined || changed instanceof AwsError) return changed
    const shown = { ...transition('UPDATING', context), ...changed }
    return Object.keys(shown).length === 0 ? undefined : shown
  })
}

/** The fact that a state shows from now on; no fact where states show for no time. */
export function transition(status: Exclude<StreamStatus, 'ACTIVE'>, { clock, transitionMs }: Pick<Services, 'clock' | 'transitionMs'>): Pick<StreamFacts, 'transition'> {
  return transitionMs === 0 ? {} : { transition: { status, untilMs: clock.now() + transitionMs } }
}

function judgeActive(topic: Topic, facts: StreamFacts, context: Services): null | AwsError {
  const status = statusWith(facts, topic, context)
  return status === 'ACTIVE' ? null : new AwsError('ResourceInUseException', texts.streamNotActive(topic.name, status, context))
}
