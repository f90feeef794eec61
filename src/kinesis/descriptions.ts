// What every description of a stream says: DescribeStream, DescribeStreamSummary, ListStreams, and the gateway's view of streams.
import type { Topic } from '../ports.ts'
import { type ValueOf, integer, list, structure, text, timestamp } from '../wire/operation.ts'
import type { Services } from './context.ts'
import { describeEncryption } from './encryption.ts'
import { streamStatus } from './lifecycle.ts'
import { openShardCount } from './quotas.ts'
import { retentionHours } from './retention.ts'
import { factsOf } from './stream-facts.ts'
import { streamArnOf, streamModeDetails } from './streams.ts'

// In the order in which the model has them; each description has members of its own in between.
export const nameMembers = { StreamName: text().required, StreamARN: text().required }
export const stateMembers = { StreamStatus: text().required, StreamModeDetails: streamModeDetails }
export const settingMembers = {
  RetentionPeriodHours: integer().required,
  StreamCreationTimestamp: timestamp().required,
  EnhancedMonitoring: list(structure({ ShardLevelMetrics: list(text()) })).required,
  EncryptionType: text(),
  KeyId: text(),
}
export const streamSummaryShape = structure({ ...nameMembers, ...stateMembers, StreamCreationTimestamp: timestamp() })
const descriptionShape = structure({ ...nameMembers, ...stateMembers, ...settingMembers })

type Shown = Pick<Services, 'account' | 'admin' | 'clock' | 'documents' | 'region'>

export function summarize(topic: Topic, services: Shown): ValueOf<typeof streamSummaryShape> & { readonly StreamCreationTimestamp: number } {
  return {
    StreamName: topic.name,
    StreamARN: streamArnOf(topic.name, services),
    StreamStatus: streamStatus(topic, services),
    StreamModeDetails: { StreamMode: factsOf(topic, services).mode },
    StreamCreationTimestamp: topic.createdAtMs,
  }
}

/** None while the stream is being made. */
export function openShardsShown(topic: Topic, services: Shown): number {
  return streamStatus(topic, services) === 'CREATING' ? 0 : openShardCount(topic)
}

export function describe(topic: Topic, services: Shown): ValueOf<typeof descriptionShape> {
  return {
    ...summarize(topic, services),
    RetentionPeriodHours: retentionHours(topic, services),
    EnhancedMonitoring: [{ ShardLevelMetrics: factsOf(topic, services).monitoring }],
    ...describeEncryption(topic, services),
  }
}
