// How large a record may be: from one MiB to ten, as its stream says.
import { KinesisClient, GetRecordsCommand, GetShardIteratorCommand, PutRecordCommand, PutRecordsCommand } from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { startKinesis } from '../../../src/kinesis/server.ts'
import { TestClock, accessKeyId, arn, realClock, region, secretAccessKey, testKinesis, type TestKinesis } from '../support/kinesis.ts'

const MiB = 1_048_576

async function orders(how: object = {}): Promise<TestKinesis> {
  const kinesis = await testKinesis()
  await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 1, ...how })
  return kinesis
}

/** A record whose data and key have so many bytes together. */
const record = (bytes: number): { PartitionKey: string; Data: string } => ({ PartitionKey: 'a', Data: Buffer.alloc(bytes - 1).toString('base64') })

async function takes(kinesis: TestKinesis, bytes: number): Promise<boolean> {
  const { status, body } = await kinesis.call('PutRecord', { StreamName: 'orders', ...record(bytes) })
  if (status !== 200) expect(body).toMatchObject({ __type: 'ValidationException', message: expect.stringContaining('at \'data\' failed to satisfy constraint: Member must have length less than or equal to') as string })
  return status === 200
}

describe('the largest record of a stream', () => {
  it('has one MiB unless it is told otherwise, and up to ten', async () => {
    const kinesis = await orders()
    expect([await takes(kinesis, MiB), await takes(kinesis, MiB + 1)]).toEqual([true, false])
    const change = (MaxRecordSizeInKiB: number): Promise<unknown> => kinesis.ok('UpdateMaxRecordSize', { StreamARN: arn('orders'), MaxRecordSizeInKiB })
    await change(1_025)
    expect([await takes(kinesis, MiB + 1_024), await takes(kinesis, MiB + 1_025)]).toEqual([true, false])
    await change(10_240)
    expect([await takes(kinesis, 10 * MiB), await takes(kinesis, 10 * MiB + 1)]).toEqual([true, false])
    expect(await kinesis.ok('DescribeStreamSummary', { StreamName: 'orders' })).toMatchObject({ StreamDescriptionSummary: { MaxRecordSizeInKiB: 10_240 } })
    await change(1_024)
    expect([await takes(kinesis, MiB), await takes(kinesis, MiB + 1)]).toEqual([true, false])
  })

  it('counts for each record of PutRecords', async () => {
    const kinesis = await orders({ MaxRecordSizeInKiB: 2_048 })
    expect(await kinesis.refused('PutRecords', { StreamName: 'orders', Records: [record(1), record(2 * MiB + 1)] })).toBe('ValidationException: 1 validation error detected: ' +
      `Value at 'records.2.member.data' failed to satisfy constraint: Member must have length less than or equal to ${2 * MiB}`)
    await kinesis.ok('PutRecords', { StreamName: 'orders', Records: [record(2 * MiB), record(2 * MiB)] })
  })

  it('shows UPDATING while it changes', async () => {
    const clock = new TestClock()
    const kinesis = await testKinesis({ clock, transitionMs: 500 })
    await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 1 })
    clock.advance(500)
    await kinesis.ok('UpdateMaxRecordSize', { StreamARN: arn('orders'), MaxRecordSizeInKiB: 2_048 })
    expect(await kinesis.ok('DescribeStream', { StreamName: 'orders' })).toMatchObject({ StreamDescription: { StreamStatus: 'UPDATING', Shards: [{}] } })
    await kinesis.ok('PutRecord', { StreamName: 'orders', ...record(2 * MiB) })
    for (const [operation, input] of [
      ['UpdateMaxRecordSize', { StreamARN: arn('orders'), MaxRecordSizeInKiB: 1_024 }], ['DeleteStream', { StreamName: 'orders' }],
      ['IncreaseStreamRetentionPeriod', { StreamName: 'orders', RetentionPeriodHours: 48 }],
    ] as const) {
      expect(await kinesis.refused(operation, input)).toBe('ResourceInUseException: Stream orders under account 000000000000 not ACTIVE, instead in state UPDATING')
    }
    clock.advance(500)
    await kinesis.ok('DeleteStream', { StreamName: 'orders' })
  })

  it('needs the stream\'s ARN', async () => {
    const kinesis = await orders()
    expect(await kinesis.refused('UpdateMaxRecordSize', { MaxRecordSizeInKiB: 1_024 })).toBe('InvalidArgumentException: StreamARN must be provided.')
  })
})

it('ten MiB go through an SDK and come back, as one record and as many', async () => {
  const kinesis = await testKinesis({ clock: realClock })
  await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 1, MaxRecordSizeInKiB: 10_240 })
  await using server = await startKinesis({ host: '127.0.0.1', port: 0, plain: true, handler: kinesis.handler, logger: kinesis.logger })
  const client = new KinesisClient({ endpoint: `http://127.0.0.1:${server.port}`, region, credentials: { accessKeyId, secretAccessKey }, maxAttempts: 1 })
  try {
    const Data = Buffer.alloc(10 * MiB - 1, 'x')
    await client.send(new PutRecordCommand({ StreamName: 'orders', PartitionKey: 'a', Data }))
    const key = (at: number): string => String(at).padStart(256, 'k')
    const many = Array.from({ length: 500 }, (_, at) => ({ PartitionKey: key(at), Data: Buffer.alloc(Math.floor(10 * MiB / 500) - 256, at) }))
    expect((await client.send(new PutRecordsCommand({ StreamName: 'orders', Records: many }))).FailedRecordCount).toBe(0)
    let { ShardIterator } = await client.send(new GetShardIteratorCommand({ StreamName: 'orders', ShardId: 'shardId-000000000000', ShardIteratorType: 'TRIM_HORIZON' }))
    const read: { Data?: Uint8Array; PartitionKey?: string | undefined }[] = []
    while (read.length < 501) {
      const page = await client.send(new GetRecordsCommand({ ShardIterator }))
      read.push(...page.Records as typeof read)
      ShardIterator = page.NextShardIterator
    }
    expect(Buffer.from(read[0]!.Data!).equals(Data)).toBe(true)
    expect(read.slice(1).every(({ Data: data, PartitionKey }, at) => PartitionKey === key(at) && Buffer.from(data!).equals(many[at]!.Data))).toBe(true)
  } finally {
    client.destroy()
  }
}, 60_000)
