// A Kinesis facade whose channels deliver to a disk in memory.
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { expect } from 'vitest'
import type { KinesisHandlerOptions } from '../../../src/kinesis/handler.ts'
import type { Backend } from '../../../src/ports.ts'
import { SimDisk } from '../../sim/disk.ts'
import { account, arn, region, TestClock, testKinesis, type TestKinesis } from './kinesis.ts'

export const directory = '/channels'
export const freshnessMs = 300_000
export const bucket = 'arn:aws:s3:::archive'
export const channelArn = (id: string): string => `arn:aws:kinesis:${region}:${account}:channel/${id}`
export const roleArn = `arn:aws:iam::${account}:role/delivery`

export interface ChannelKinesis extends TestKinesis {
  readonly clock: TestClock
  readonly disk: SimDisk
  /** Lets time pass in steps that the deliveries keep up with, until `condition` holds. */
  until(condition: () => boolean, what: string): Promise<void>
  /** What is delivered, by path below the channels' directory: unpacked texts. */
  objects(): Record<string, string>
}

export async function channelKinesis(options: Partial<KinesisHandlerOptions> & { backend?: Backend; disk?: SimDisk; clock?: TestClock; directory?: string } = {}): Promise<ChannelKinesis> {
  const clock = options.clock ?? new TestClock()
  const disk = options.disk ?? new SimDisk()
  await disk.makeDirectory(directory)
  const kinesis = await testKinesis({ clock, channels: { disk, directory }, ...options })
  return {
    ...kinesis, clock, disk,
    async until(condition, what) {
      for (let step = 0; step < 2_000 && !condition(); step++) {
        clock.advance(1_000)
        await new Promise<void>(resolve => setImmediate(resolve))
      }
      // Compression takes as long as it takes.
      for (let wait = 0; wait < 500 && !condition(); wait++) await new Promise<void>(resolve => setTimeout(resolve, 10))
      expect(condition(), what).toBe(true)
    },
    objects: () => Object.fromEntries(disk.files.filter(path => path.startsWith(`${directory}/`) && !path.includes('/.')).map(path => [path.slice(directory.length + 1), unpacked(path, disk.contentOf(path))])),
  }
}

function unpacked(path: string, bytes: Buffer): string {
  const plain = path.endsWith('.gz') ? gunzipSync(bytes) : path.endsWith('.zst') ? zstdDecompressSync(bytes) : bytes
  return plain.toString()
}

/** A CreateChannel of the stream `orders`. */
export function wanted(name: string, more: Record<string, unknown> = {}, storage: Record<string, unknown> = {}, format = 'JSON', stream = 'orders'): Record<string, unknown> {
  return {
    ChannelName: name, ServiceExecutionRoleARN: roleArn,
    StreamConfigurationList: [{ StreamARN: arn(stream), RecordConfiguration: { RecordFormatType: format } }],
    S3DestinationConfiguration: { StorageConfiguration: { BucketARN: bucket, ExpectedBucketOwner: account, CompressionType: 'NONE', ...storage } },
    ...more,
  }
}

/** Makes it, and tells its ARN. */
export async function madeChannel({ ok }: TestKinesis, ...how: Parameters<typeof wanted>): Promise<string> {
  const { ChannelDescription } = await ok<{ ChannelDescription: { ChannelARN: string } }>('CreateChannel', wanted(...how))
  return ChannelDescription.ChannelARN
}

export async function onDemandStream({ ok }: TestKinesis, StreamName = 'orders'): Promise<void> {
  await ok('CreateStream', { StreamName, StreamModeDetails: { StreamMode: 'ON_DEMAND' } })
}

export function put({ ok }: TestKinesis, texts: readonly string[], StreamName = 'orders'): Promise<unknown> {
  return ok('PutRecords', { StreamName, Records: texts.map((text, index) => ({ PartitionKey: `k${index}`, Data: Buffer.from(text).toString('base64') })) })
}
