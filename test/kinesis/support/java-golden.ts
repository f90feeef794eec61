// Requests as the AWS SDK for Java v2 sends them, recorded from the SDK itself (`test/java/sdk.check.ts` compares, and records anew with `-u`): which headers, and the
// body to the byte.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Time } from '../model/oracle.ts'

export const goldenPath = join(import.meta.dirname, '..', '..', 'golden', 'kinesis', 'aws-sdk-java-2.52.0.json')

export interface GoldenRequest {
  readonly operation: string
  /** Names, and values where these are the same each time. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export const readGolden = (): GoldenRequest[] => JSON.parse(readFileSync(goldenPath, 'utf8')) as GoldenRequest[]

/** What is recorded: every kind of member, texts of one byte's length, of two, and in pieces. */
export const goldenInputs: readonly { readonly operation: string; readonly input: Record<string, unknown> }[] = [
  { operation: 'ListStreams', input: {} },
  { operation: 'DescribeLimits', input: {} },
  { operation: 'CreateStream', input: { StreamName: 's', ShardCount: 70_000, StreamModeDetails: { StreamMode: 'PROVISIONED' }, Tags: { käse: '€' } } },
  { operation: 'PutRecord', input: { StreamName: 's', Data: Buffer.from([0, 1, 255]), PartitionKey: 'käse', ExplicitHashKey: '340282366920938463463374607431768211455' } },
  {
    operation: 'PutRecords',
    input: { Records: [{ Data: Buffer.alloc(300, 7), PartitionKey: 'a'.repeat(256) }, { Data: Buffer.alloc(0), PartitionKey: 'b' }], StreamName: 's' },
  },
  { operation: 'GetShardIterator', input: { StreamName: 's', ShardId: '0', ShardIteratorType: 'AT_TIMESTAMP', Timestamp: new Time(1_787_036_486_712) } },
  { operation: 'DeleteStream', input: { StreamName: 's', EnforceConsumerDeletion: true } },
  { operation: 'EnableEnhancedMonitoring', input: { StreamName: 's', ShardLevelMetrics: ['IncomingBytes', 'ALL'] } },
  { operation: 'ListShards', input: { NextToken: `${'t'.repeat(3_990)}${'é'.repeat(20)}${'u'.repeat(5_000)}` } },
  { operation: 'ListShards', input: { NextToken: 'v'.repeat(300) } },
]
