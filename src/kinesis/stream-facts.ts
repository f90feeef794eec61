// What only Kinesis knows of a stream, beside what its topic says: one document per stream (kind 'kinesis-stream', by the topic's id), absent as long as everything is
// as a topic made by Kafka has it. Read on every put, so it is parsed once per version; changed by compare-and-set, so that two changes never undo each other.
import { z } from 'zod'
import { type Document, Refusal, type Topic } from '../ports.ts'
import type { Context } from './context.ts'
import { AwsError, toAwsError } from './errors.ts'
import { shardLevelMetrics } from './shard-level-metrics.ts'
import { tagsSchema } from './tags.ts'

const factsSchema = z.object({
  mode: z.enum(['PROVISIONED', 'ON_DEMAND']).default('PROVISIONED'),
  /** What the stream shows instead of ACTIVE, and until when (milliseconds since the epoch). */
  transition: z.object({ status: z.enum(['CREATING', 'UPDATING', 'DELETING']), untilMs: z.number() }).optional(),
  tags: tagsSchema,
  /** The metrics that are kept for each shard (monitoring.ts). */
  monitoring: z.array(z.enum(shardLevelMetrics)).default([]),
  /** Who says on which shard a record goes: its key, or nobody, so that all shards get as many. */
  distribution: z.enum(['USER_PARTITION_KEY', 'AUTO']).default('USER_PARTITION_KEY'),
  /** The write throughput that an on-demand stream was asked to be ready for, in MiB per second. */
  warmMiBps: z.number().optional(),
  /** When the capacity mode was changed lately (milliseconds since the epoch): AWS allows so many changes a day. */
  modeChangesMs: z.array(z.number()).default([]),
  /** When UpdateShardCount changed the number of shards lately (milliseconds since the epoch): AWS allows so many changes a day. */
  scalingsMs: z.array(z.number()).default([]),
  /** The KMS key that the stream was given: as the request named it, and its id. */
  encryption: z.object({ keyName: z.string(), keyId: z.string() }).optional(),
  /** What arrived before then had left the stream when its retention became longer, and stays away. Milliseconds since the epoch. */
  expiredBeforeMs: z.number().optional(),
})

export type StreamFacts = z.infer<typeof factsSchema>
/** What a topic without a document has. */
export const defaultFacts: StreamFacts = factsSchema.parse({})

/** The document that a new stream comes with; none where the facts are those of a topic without one. */
export function documentOf(facts: z.input<typeof factsSchema>): Pick<Document, 'kind' | 'value'> | undefined {
  const value = JSON.stringify(factsSchema.parse(facts))
  return value === JSON.stringify(defaultFacts) ? undefined : { kind: 'kinesis-stream', value }
}

const parsed = new WeakMap<Document, StreamFacts>()

export function factsOf(topic: Pick<Topic, 'id'>, { documents }: Pick<Context, 'documents'>): StreamFacts {
  const document = documents.find('kinesis-stream', topic.id)
  if (document === undefined) return defaultFacts
  const known = parsed.get(document)
  if (known !== undefined) return known
  const facts = factsSchema.parse(JSON.parse(document.value))
  parsed.set(document, facts)
  return facts
}

/**
 * Changes the facts by what `change` makes of the present ones, durably; asked again where somebody else was quicker. An AwsError that it gives ends it, as
 * does undefined: nothing is to be changed.
 */
export async function changeFacts(
  topic: Pick<Topic, 'id'>, context: Pick<Context, 'documents'>, change: (facts: StreamFacts) => Partial<StreamFacts> | AwsError | undefined,
): Promise<null | AwsError> {
  for (;;) {
    const before = factsOf(topic, context)
    const changed = change(before)
    if (changed === undefined) return null
    if (changed instanceof AwsError) return changed
    const version = context.documents.find('kinesis-stream', topic.id)?.version ?? 0
    const value = JSON.stringify({ ...before, ...changed })
    const put = await context.documents.put({ kind: 'kinesis-stream', key: topic.id, value, topicId: topic.id }, version)
    if (!(put instanceof Refusal)) return null
    if (put.code !== 'version-conflict') return toAwsError(put)
  }
}

export type StreamStatus = 'CREATING' | 'ACTIVE' | 'UPDATING' | 'DELETING'

export function statusOf(facts: StreamFacts, nowMs: number): StreamStatus {
  const { transition } = facts
  if (transition === undefined) return 'ACTIVE'
  // What is to be deleted is never active again.
  return transition.status === 'DELETING' || nowMs < transition.untilMs ? transition.status : 'ACTIVE'
}
