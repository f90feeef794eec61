// What becomes of consumers: they are registered, changed and taken away, each by compare-and-set on its document. Registrations come one after the other, so that the limits on
// how many there are hold.
import { Refusal, type Topic } from '../ports.ts'
import { isCommitted } from './account.ts'
import { consumerPath } from './arns.ts'
import { type Consumer, type ConsumerFacts, allConsumers, arnOf, consumerIn, consumerOf, consumerStatus, consumersOf, isGone, keyOf } from './consumers.ts'
import type { Context } from './context.ts'
import { AwsError, notFound, texts, toAwsError, type Place } from './errors.ts'
import { judgeServed } from './lifecycle.ts'
import { factsOf } from './stream-facts.ts'
import type { Tags } from './tags.ts'

const perStreamMax = 20
/** Of an on-demand stream of an account with a commitment: "On-demand Advantage". */
const perAdvantageStreamMax = 50
/** Of the whole account at once. */
const creatingMax = 5

interface NewConsumer {
  readonly name: string
  readonly tags: Tags
}

/** Registers a consumer of a stream, durably. */
export async function registerConsumer(topic: Topic, consumer: NewConsumer, context: Context): Promise<Consumer | AwsError> {
  return await context.registrations.run(() => register(topic, consumer, context)) ?? new AwsError('LimitExceededException', texts.streamRateExceeded(topic.name, context))
}

async function register(topic: Topic, { name, tags }: NewConsumer, context: Context): Promise<Consumer | AwsError> {
  const { documents, clock, transitionMs } = context
  const refused = judgeServed(topic, context)
  if (refused !== null) return refused
  if (consumerOf(topic.id, name, context) !== undefined) return new AwsError('ResourceInUseException', texts.consumerExists(name, topic.name, context))
  const countMax = isCommitted(context) && factsOf(topic, context).mode === 'ON_DEMAND' ? perAdvantageStreamMax : perStreamMax
  if (consumersOf(topic, context).length >= countMax) return limitExceeded(`${countMax} consumers of stream ${topic.name}`, context)
  if (creatingCount(context) >= creatingMax) return limitExceeded(`${creatingMax} consumers in CREATING status`, context)
  const facts: ConsumerFacts = { name, createdAtMs: clock.now(), tags }
  if (transitionMs > 0) facts.transition = { status: 'CREATING', untilMs: clock.now() + transitionMs }
  // Where one is gone whose document still lies there, the new one takes its place, but not its policy.
  await dropPolicy(consumerPath({ stream: topic.name, consumer: name }, context), context)
  const version = documents.find('kinesis-consumer', keyOf(topic.id, name))?.version ?? 0
  const put = await documents.put({ kind: 'kinesis-consumer', key: keyOf(topic.id, name), value: JSON.stringify(facts), topicId: topic.id }, version)
  if (!(put instanceof Refusal)) return consumerIn(put)
  return put.code === 'unknown-topic-id' ? notFound(texts.streamNotFound(topic.name, context)) : toAwsError(put)
}

/**
 * Changes a consumer by what `change` makes of what it is, durably; asked again where somebody else was quicker. An AwsError that it gives ends it. Not found where
 * the consumer is gone, or another has its name by now.
 */
export async function changeConsumer(
  consumer: Consumer, context: Context, change: (facts: ConsumerFacts) => Partial<ConsumerFacts> | AwsError,
): Promise<null | AwsError> {
  const key = keyOf(consumer.topicId, consumer.name)
  for (;;) {
    const document = context.documents.find('kinesis-consumer', key)
    const present = consumerOf(consumer.topicId, consumer.name, context)
    if (document === undefined || present?.createdAtMs !== consumer.createdAtMs) return notFound(texts.consumerNotFound(consumer.name, context))
    const changed = change(present)
    if (changed instanceof AwsError) return changed
    const { topicId, ...facts } = { ...present, ...changed }
    const put = await context.documents.put({ kind: 'kinesis-consumer', key, value: JSON.stringify(facts), topicId }, document.version)
    if (!(put instanceof Refusal)) return null
    if (put.code !== 'version-conflict') return toAwsError(put)
  }
}

/** Takes a consumer away: DELETING for as long as that shows, then gone. */
export async function deregisterConsumer(consumer: Consumer, context: Context): Promise<null | AwsError> {
  const { clock, transitionMs } = context
  // Asked for again it does not take longer.
  if (consumerStatus(consumer, context) === 'DELETING') return null
  const untilMs = clock.now() + transitionMs
  const changed = await changeConsumer(consumer, context, () => ({ transition: { status: 'DELETING', untilMs } }))
  if (changed !== null) return changed
  if (transitionMs === 0) await clearAway(consumer, context)
  else clock.after(transitionMs, () => void clearAway(consumer, context))
  return null
}

/** Removes the document of a consumer that is gone. If it comes to nothing, that document is in nobody's way. */
async function clearAway(consumer: Consumer, context: Context): Promise<void> {
  const { topicId, name } = consumer
  const document = context.documents.find('kinesis-consumer', keyOf(topicId, name))
  if (document === undefined || !isGone(consumerIn(document), context)) return
  try {
    const topic = await context.admin.topicById(topicId)
    if (topic !== undefined) await dropPolicy(arnOf(consumer, topic.name, context), context)
    await context.documents.remove(document.kind, document.key, document.version)
  } catch {
    // A failed disk or a lost majority: others hear of it, and the next consumer of this name does the same.
  }
}

async function dropPolicy(arn: string, { access, caller }: Context): Promise<void> {
  if (access.policyOf(arn) !== undefined) await access.removePolicy(arn, caller)
}

function limitExceeded(limit: string, { account }: Place): AwsError {
  return new AwsError('LimitExceededException', `This request would exceed the limit of ${limit} under account ${account}.`)
}

function creatingCount(context: Context): number {
  let count = 0
  for (const consumers of allConsumers(context).values()) for (const one of consumers) if (consumerStatus(one, context) === 'CREATING') count++
  return count
}
