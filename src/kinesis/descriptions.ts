// What every description of a stream says: DescribeStream, DescribeStreamSummary, ListStreams, and the gateway's view of streams.
import type { Topic } from '../ports.ts'
import { integer, list, structure, text, timestamp } from '../wire/operation.ts'
import type { Services } from './context.ts'
import { streamStatus } from './lifecycle.ts'
import { factsOf } from './stream-facts.ts'
import { retentionHours, streamArnOf, streamModeDetails } from './streams.ts'

const summaryMembers = {
  StreamName: text().required,
  StreamARN: text().required,
  StreamStatus: text().required,
  StreamModeDetails: streamModeDetails,
  StreamCreationTimestamp: timestamp(),
}
export const streamSummaryShape = structure({ ...summaryMembers, StreamCreationTimestamp: timestamp() })

export const descriptionMembers = {
  ...summaryMembers,
  StreamCreationTimestamp: timestamp().required,
  RetentionPeriodHours: integer().required,
  EnhancedMonitoring: list(structure({ ShardLevelMetrics: list(text()).required })).required,
  EncryptionType: text(),
}
const descriptionShape = structure(descriptionMembers)

type Shown = Pick<Services, 'account' | 'admin' | 'clock' | 'documents' | 'region'>

export function summarize(topic: Topic, services: Shown): (typeof streamSummaryShape)['value'] {
  return {
    StreamName: topic.name,
    StreamARN: streamArnOf(topic.name, services),
    StreamStatus: streamStatus(topic, services),
    StreamModeDetails: { StreamMode: factsOf(topic, services).mode },
    StreamCreationTimestamp: topic.createdAtMs,
  }
}

export function describe(topic: Topic, services: Shown): (typeof descriptionShape)['value'] {
  return {
    ...summarize(topic, services),
    StreamCreationTimestamp: topic.createdAtMs,
    RetentionPeriodHours: retentionHours(topic, services),
    EnhancedMonitoring: [{ ShardLevelMetrics: factsOf(topic, services).monitoring }],
    EncryptionType: 'NONE',
  }
}
