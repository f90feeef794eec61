// Enhanced fan-out as users' clients do it: AWS SDK v3 over its default transport and over TLS, boto3 over HTTP/1.1, against a started listener.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import {
  CreateStreamCommand, DeregisterStreamConsumerCommand, DescribeStreamConsumerCommand, KinesisClient, type KinesisClientConfig, ListStreamConsumersCommand, PutRecordCommand,
  PutRecordsCommand, RegisterStreamConsumerCommand, ShardIteratorType, SplitShardCommand, type SubscribeToShardCommandOutput, SubscribeToShardCommand, type SubscribeToShardEvent,
} from '@aws-sdk/client-kinesis'
import { NodeHttp2Handler } from '@smithy/node-http-handler'
import { afterEach, describe, expect, it } from 'vitest'
import { type KinesisServer, startKinesis } from '../../src/kinesis/server.ts'
import { selfSigned } from '../kinesis/support/certificate.ts'
import { TestClock, accessKeyId, arn, realClock, region, secretAccessKey, testKinesis } from '../kinesis/support/kinesis.ts'
import { botoEnvironment, isInstalled } from '../kinesis/support/boto-client.ts'

const certificate = selfSigned()
const credentials = { accessKeyId, secretAccessKey }
const StreamARN = arn('orders')
const ShardId = 'shardId-000000000000'
const closing: (() => unknown)[] = []
afterEach(async () => { for (const close of closing.splice(0).toReversed()) await close() })

async function start<C extends TestClock | typeof realClock>(clock: C): Promise<{ server: KinesisServer; clock: C }> {
  const kinesis = await testKinesis({ clock })
  const server = await startKinesis({ host: '127.0.0.1', port: 0, plain: true, tls: certificate, handler: kinesis.handler, logger: kinesis.logger })
  closing.push(() => server.close())
  return { server, clock }
}

const transports: Record<string, (server: KinesisServer) => KinesisClientConfig> = {
  'its default transport (h2c)': ({ port }) => ({ endpoint: `http://127.0.0.1:${port}` }),
  'HTTP/2 over TLS': ({ port }) => ({ endpoint: `https://127.0.0.1:${port}`, requestHandler: new NodeHttp2Handler({ nodeHttp2ConnectOptions: { ca: certificate.cert } }) }),
}

function clientOf(config: KinesisClientConfig): KinesisClient {
  const client = new KinesisClient({ region, credentials, maxAttempts: 1, ...config })
  closing.push(() => client.destroy())
  return client
}

async function consumerOf(client: KinesisClient): Promise<string> {
  await client.send(new CreateStreamCommand({ StreamName: 'orders', ShardCount: 1 }))
  const { Consumer } = await client.send(new RegisterStreamConsumerCommand({ StreamARN, ConsumerName: 'billing', Tags: { team: 'a' } }))
  return Consumer!.ConsumerARN!
}

async function* events({ EventStream }: SubscribeToShardCommandOutput): AsyncGenerator<SubscribeToShardEvent> {
  for await (const { SubscribeToShardEvent } of EventStream!) if (SubscribeToShardEvent !== undefined) yield SubscribeToShardEvent
}

const textOf = (event: SubscribeToShardEvent): string[] => event.Records!.map(({ Data }) => Buffer.from(Data!).toString())
const put = (client: KinesisClient, data: string): Promise<unknown> => client.send(new PutRecordCommand({ StreamName: 'orders', PartitionKey: 'k', Data: Buffer.from(data) }))

describe.each(Object.entries(transports))('the SDK over %s', (_transport, configOf) => {
  it('registers a consumer, subscribes, is pushed records, and follows a shard into its children', async () => {
    const { server } = await start(realClock)
    const client = clientOf(configOf(server))
    const ConsumerARN = await consumerOf(client)
    expect((await client.send(new DescribeStreamConsumerCommand({ ConsumerARN }))).ConsumerDescription).toMatchObject({ ConsumerName: 'billing', ConsumerStatus: 'ACTIVE', StreamARN })
    expect((await client.send(new ListStreamConsumersCommand({ StreamARN }))).Consumers).toMatchObject([{ ConsumerARN }])
    await put(client, 'before')
    const following = events(await client.send(new SubscribeToShardCommand({ ConsumerARN, ShardId, StartingPosition: { Type: ShardIteratorType.TRIM_HORIZON } })))
    const first = (await following.next()).value as SubscribeToShardEvent
    expect(textOf(first)).toEqual(['before'])
    expect(Math.abs(Date.now() - first.Records![0]!.ApproximateArrivalTimestamp!.getTime())).toBeLessThan(60_000)
    expect(first).toMatchObject({ MillisBehindLatest: 0, ContinuationSequenceNumber: expect.stringMatching(/^\d{56}$/) })
    await put(client, 'after')
    expect(textOf((await following.next()).value as SubscribeToShardEvent)).toEqual(['after'])
    await client.send(new SplitShardCommand({ StreamName: 'orders', ShardToSplit: ShardId, NewStartingHashKey: String(2n ** 127n) }))
    const last = (await following.next()).value as SubscribeToShardEvent
    expect([last.ContinuationSequenceNumber, last.ChildShards!.map(child => child.ShardId)]).toEqual([undefined, ['shardId-000000000001', 'shardId-000000000002']])
    expect((await following.next()).done).toBe(true)
  })

  it('is told by name what ends a subscription, before it begins and later', async () => {
    const { server } = await start(realClock)
    const client = clientOf(configOf(server))
    const ConsumerARN = await consumerOf(client)
    const command = new SubscribeToShardCommand({ ConsumerARN, ShardId, StartingPosition: { Type: 'LATEST' } })
    const following = events(await client.send(command))
    await following.next()
    await expect(client.send(command)).rejects.toMatchObject({ name: 'ResourceInUseException', message: `Another active subscription exists for this consumer: 000000000000:orders:${ShardId}:billing` })
    const ending = expect(following.next()).rejects.toMatchObject({ name: 'ResourceNotFoundException', message: `Consumer ${ConsumerARN}, account 000000000000 not found.` })
    await client.send(new DeregisterStreamConsumerCommand({ ConsumerARN }))
    await ending
    await expect(client.send(command)).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
  })

  it('subscribes again after each five minutes, without gap or repetition', async () => {
    const { server, clock } = await start(new TestClock(Date.now()))
    const client = clientOf(configOf(server))
    const ConsumerARN = await consumerOf(client)
    const got: string[] = []
    let sent = 0
    const putSome = async (): Promise<void> => {
      const Records = Array.from({ length: 20 }, () => ({ PartitionKey: 'k', Data: Buffer.from(String(sent++)) }))
      await client.send(new PutRecordsCommand({ StreamName: 'orders', Records }))
    }
    let from: { Type: 'TRIM_HORIZON' | 'AFTER_SEQUENCE_NUMBER'; SequenceNumber?: string } = { Type: 'TRIM_HORIZON' }
    for (let round = 0; round < 3; round++) {
      // The server's time goes at the test's will; what the SDK signs must not lie behind it.
      client.config.systemClockOffset = clock.now() - Date.now()
      await putSome()
      const following = events(await client.send(new SubscribeToShardCommand({ ConsumerARN, ShardId, StartingPosition: from })))
      const take = async (): Promise<boolean> => {
        const { done, value } = await following.next() as IteratorResult<SubscribeToShardEvent, void>
        if (done === true) return false
        got.push(...textOf(value))
        from = { Type: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: value.ContinuationSequenceNumber! }
        return true
      }
      while (got.length < sent) expect(await take()).toBe(true)
      await putSome()
      while (got.length < sent) expect(await take()).toBe(true)
      clock.advance(300_000)
      while (await take());
    }
    await putSome()
    client.config.systemClockOffset = clock.now() - Date.now()
    const following = events(await client.send(new SubscribeToShardCommand({ ConsumerARN, ShardId, StartingPosition: from })))
    got.push(...textOf((await following.next()).value as SubscribeToShardEvent))
    expect(got).toEqual(Array.from({ length: sent }, (_, nth) => String(nth)))
  })
})

const hasBoto = isInstalled('python3', '-c', 'import boto3')
if (!hasBoto) console.log('skipped: boto3 is not installed (Debian: python3-boto3)')

describe.skipIf(!hasBoto)('boto3', () => {
  const script = `
import boto3, sys, threading
from botocore.exceptions import EventStreamError
c = boto3.client('kinesis', endpoint_url=sys.argv[1])
arn = '${StreamARN}'
c.create_stream(StreamName='orders', ShardCount=1)
consumer = c.register_stream_consumer(StreamARN=arn, ConsumerName='billing')['Consumer']
assert consumer['ConsumerStatus'] == 'CREATING', consumer
assert c.describe_stream_consumer(ConsumerARN=consumer['ConsumerARN'])['ConsumerDescription']['ConsumerStatus'] == 'ACTIVE'
assert [p['ConsumerName'] for page in c.get_paginator('list_stream_consumers').paginate(StreamARN=arn) for p in page['Consumers']] == ['billing']
def subscribe(position):
    return c.subscribe_to_shard(ConsumerARN=consumer['ConsumerARN'], ShardId='${ShardId}', StartingPosition=position)['EventStream']
stream = subscribe({'Type': 'LATEST'})
got = []
last = None
for event in stream:
    event = event['SubscribeToShardEvent']
    if last is None:
        threading.Thread(target=lambda: [c.put_record(StreamName='orders', PartitionKey='k', Data=b'r%d' % i) for i in range(50)]).start()
    got += [r['Data'] for r in event['Records']]
    assert event['MillisBehindLatest'] >= 0 and int(event['ContinuationSequenceNumber']) >= (last or 0)
    last = int(event['ContinuationSequenceNumber'])
    if len(got) == 50: break
assert got == [b'r%d' % i for i in range(50)], got
try:
    subscribe({'Type': 'LATEST'})
    assert False
except c.exceptions.ResourceInUseException as e:
    assert 'Another active subscription exists for this consumer' in str(e), e
stream.close()
stream = None
while stream is None:
    try: stream = subscribe({'Type': 'AFTER_SEQUENCE_NUMBER', 'SequenceNumber': str(last)})
    except c.exceptions.ResourceInUseException: pass
assert next(iter(stream))['SubscribeToShardEvent']['Records'] == []
c.deregister_stream_consumer(ConsumerARN=consumer['ConsumerARN'])
try:
    for event in stream: pass
    assert False
except EventStreamError as e:
    assert e.response['Error'] == {'Code': 'ResourceNotFoundException', 'Message': 'Consumer %s, account 000000000000 not found.' % consumer['ConsumerARN']}, e.response
print('done')
`
  it('subscribes over HTTP/1.1, is pushed records while it reads, and is told what ends it', async () => {
    const { server } = await start(realClock)
    const { stdout } = await promisify(execFile)('python3', ['-c', script, `http://127.0.0.1:${server.port}`], { env: botoEnvironment() })
    expect(stdout.trimEnd()).toBe('done')
  }, 120_000)
})
