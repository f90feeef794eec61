// Channels as users of the AWS SDK have them: made, waited for, listed, changed and deleted with the real client; delivered to a real directory. Five minutes are the test's.
import {
  CreateChannelCommand, type CreateChannelCommandInput, CreateStreamCommand, DeleteChannelCommand, DeleteStreamCommand, DescribeChannelCommand, KinesisClient, ListChannelsCommand, PutRecordsCommand,
  UpdateChannelCommand, waitUntilChannelActive,
} from '@aws-sdk/client-kinesis'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { zstdDecompressSync } from 'node:zlib'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type KinesisServer, startKinesis } from '../../src/kinesis/server.ts'
import { nodeWorld } from '../../src/world/node.ts'
import { accessKeyId, account, arn, region, secretAccessKey, TestClock, testKinesis, type TestKinesis } from '../kinesis/support/kinesis.ts'
import { startSluice } from '../support/sluice.ts'

const StreamName = 'orders'
let directory: string
let kinesis: TestKinesis
let server: KinesisServer
const clock = new TestClock(Date.now())

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-channels-'))
  kinesis = await testKinesis({ clock, channels: { disk: nodeWorld().disk, directory } })
  server = await startKinesis({ host: '127.0.0.1', port: 0, plain: true, handler: kinesis.handler, logger: kinesis.logger })
})
afterAll(async () => {
  kinesis.handler[Symbol.dispose]()
  await server.close()
  await rm(directory, { recursive: true })
})

const storage = { BucketARN: 'arn:aws:s3:::archive', ExpectedBucketOwner: account, CompressionType: 'ZSTD', OutputKeyTemplate: '!{stream-name}/!{yyyy}!{extension}' } as const
const wanted: CreateChannelCommandInput = {
  ChannelName: 'archive', ServiceExecutionRoleARN: `arn:aws:iam::${account}:role/delivery`,
  StreamConfigurationList: [{ StreamARN: arn(StreamName), RecordConfiguration: { RecordFormatType: 'STRING' } }], S3DestinationConfiguration: { StorageConfiguration: storage },
}

async function delivered(): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  return entries.filter(entry => entry.isFile() && !entry.name.startsWith('.')).map(entry => join(entry.parentPath, entry.name))
}

it('the SDK makes a channel, and what it puts lies in the bucket\'s directory five minutes later', async () => {
  const client = new KinesisClient({ endpoint: `http://127.0.0.1:${server.port}`, region, credentials: { accessKeyId, secretAccessKey } })
  await client.send(new CreateStreamCommand({ StreamName, StreamModeDetails: { StreamMode: 'ON_DEMAND' } }))
  const { ChannelDescription: made } = await client.send(new CreateChannelCommand(wanted))
  expect(made).toMatchObject({ ChannelName: 'archive', ChannelStatus: 'CREATING' })
  const ChannelARN = made!.ChannelARN!
  await waitUntilChannelActive({ client, maxWaitTime: 30 }, { ChannelARN })
  const { Records } = await client.send(new PutRecordsCommand({ StreamName, Records: ['one', 'two'].map(text => ({ PartitionKey: 'same', Data: Buffer.from(text) })) }))
  expect(Records).toHaveLength(2)
  await client.send(new UpdateChannelCommand({ ChannelARN, LoggingConfiguration: { CloudWatchLogs: { Enabled: true } } }))
  expect((await client.send(new ListChannelsCommand({ StreamFilter: [{ StreamARN: arn(StreamName) }] }))).ChannelSummaries).toMatchObject([{ ChannelName: 'archive', ChannelDestinationType: 'S3' }])
  await expect(client.send(new DeleteStreamCommand({ StreamName }))).rejects.toMatchObject({ name: 'ResourceInUseException' })

  await expect.poll(async () => {
    clock.advance(5_000)
    return (await delivered()).filter(path => path.endsWith('.zst')).length
  }, { timeout: 20_000, interval: 1 }).toBe(1)
  const object = (await delivered()).find(path => path.endsWith('.zst'))!
  expect(object).toMatch(new RegExp(`^${directory}/archive/orders/20\\d\\d-000000-[0-9a-f]{12}\\.zst$`))
  expect(zstdDecompressSync(await readFile(object)).toString()).toBe('one\ntwo\n')
  const log = join(directory, 'LOGS/aws/kinesis/archive', made!.ChannelId!, 'DestinationDelivery.log')
  await expect.poll(async () => (await delivered()).includes(log)).toBe(true)
  expect(JSON.parse(await readFile(log, 'utf8'))).toMatchObject({ event: 'object-delivered', records: 2 })
  client.destroy()

  // Time has gone on here alone.
  const later = new KinesisClient({ endpoint: `http://127.0.0.1:${server.port}`, region, credentials: { accessKeyId, secretAccessKey }, systemClockOffset: clock.now() - Date.now() })
  await later.send(new DeleteChannelCommand({ ChannelARN }))
  await expect(later.send(new DescribeChannelCommand({ ChannelARN }))).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
  await later.send(new DeleteStreamCommand({ StreamName }))
  later.destroy()
  expect(kinesis.logger.lines.filter(({ level }) => level === 'error')).toEqual([])
})

it('a started Sluice has channels where its setting names a directory, and keeps them through a restart', async () => {
  const started = await startSluice()
  const settings = { 'kinesis.channels.directory': join(started.directory, 'channels') }
  const clientOf = ({ ports }: { ports: { kinesis: number } }): KinesisClient =>
    new KinesisClient({ endpoint: `http://127.0.0.1:${ports.kinesis}`, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } })
  let client = clientOf(started)
  await client.send(new CreateStreamCommand({ StreamName, StreamModeDetails: { StreamMode: 'ON_DEMAND' } }))
  await expect(client.send(new CreateChannelCommand(wanted))).rejects.toMatchObject({ name: 'InvalidArgumentException', message: expect.stringContaining('--kinesis-channels-directory') })
  client.destroy()
  await started.stop()
  const again = await startSluice({ directory: started.directory, settings })
  client = clientOf(again)
  const { ChannelDescription: made } = await client.send(new CreateChannelCommand(wanted))
  client.destroy()
  await again.kill()
  await using last = await startSluice({ directory: started.directory, settings })
  client = clientOf(last)
  const { ChannelDescription: kept } = await client.send(new DescribeChannelCommand({ ChannelARN: made!.ChannelARN }))
  expect(kept).toEqual({ ...made, ChannelStatus: 'ACTIVE' })
  expect(await readdir(join(started.directory, 'channels'))).toEqual(['archive'])
  client.destroy()
}, 60_000)
