// The Kinesis API at /kinesis of the gateway: signatures over the path as it was sent, the AWS SDK over HTTP/1.1, and the same data through REST and
// the bridge.
import { CloudWatchClient, ListMetricsCommand } from '@aws-sdk/client-cloudwatch'
import {
  CreateStreamCommand, GetRecordsCommand, GetShardIteratorCommand, KinesisClient, PutRecordCommand, RegisterStreamConsumerCommand, SubscribeToShardCommand,
} from '@aws-sdk/client-kinesis'
import { AwsQueryProtocol, AwsSmithyRpcV2CborProtocol } from '@aws-sdk/core/protocols'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import aws4 from 'aws4'
import { describe, expect, it } from 'vitest'
import { createGateway } from '../../src/gateway/app.ts'
import { startGateway } from '../../src/gateway/server.ts'
import { admin, testGateway, type TestGateway } from '../support/gateway.ts'

const key = { id: 'AKIATESTTESTTESTTEST', secret: 'a secret of thirty characters!' }

async function withKey(principal: string): Promise<TestGateway> {
  const gateway = await testGateway()
  gateway.time.now = Date.now()
  await gateway.backend.accessKeys.add({ ...key, principal: { type: 'User', name: principal }, createdAtMs: 0 })
  return gateway
}

interface Answer {
  readonly status: number
  readonly type: string | undefined
  readonly body: unknown
}

/** Signed as the AWS CLI does, over `signedPath`, and sent to `path`. */
async function call(gateway: TestGateway, operation: string, input: object, how: { path?: string; signedPath?: string; secret?: string } = {}): Promise<Answer> {
  const { path = '/kinesis', signedPath = path, secret = key.secret } = how
  const body = JSON.stringify(input)
  const signed = aws4.sign({
    service: 'kinesis', region: 'us-east-1', method: 'POST', host: '127.0.0.1', path: signedPath, body,
    headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `Kinesis_20131202.${operation}`, host: '127.0.0.1' },
  }, { accessKeyId: key.id, secretAccessKey: secret })
  // Kinesis authenticates by itself: the connection shows no certificate.
  const response = await gateway.as().post(path).set(signed.headers as Record<string, string>).responseType('blob').send(body)
  return { status: response.status, type: response.headers['content-type'], body: JSON.parse((response.body as Buffer).toString()) as unknown }
}

describe('POST /kinesis', () => {
  it.each(['/kinesis', '/kinesis/'])('verifies the signature over %s, and needs no certificate', async path => {
    const gateway = await withKey('CN=admin')
    await gateway.createTopic('orders')
    const answer = await call(gateway, 'ListStreams', {}, { path })
    expect([answer.status, answer.type, (answer.body as { StreamNames: string[] }).StreamNames]).toEqual([200, 'application/x-amz-json-1.1', ['orders']])
    expect((await call(gateway, 'ListStreams', {}, { path, signedPath: '/' })).body).toMatchObject({ __type: 'InvalidSignatureException' })
    expect((await call(gateway, 'ListStreams', {}, { path, secret: 'another' })).body).toMatchObject({ __type: 'InvalidSignatureException' })
  })

  it('holds the key\'s principal to its ACLs', async () => {
    const gateway = await withKey('CN=bob')
    await gateway.createTopic('orders')
    const put = { StreamName: 'orders', PartitionKey: 'k', Data: 'AAAA' }
    expect((await call(gateway, 'PutRecord', put)).body).toMatchObject({ __type: 'AccessDeniedException' })
    await gateway.allow('bob', 'write', 'topic', 'orders')
    expect((await call(gateway, 'PutRecord', put)).status).toBe(200)
  })

  it('stores what REST and the bridge then show, number for number', async () => {
    const gateway = await withKey('CN=admin')
    await gateway.createTopic('orders', { configs: { 'message.timestamp.type': 'LogAppendTime' } })
    const put = await call(gateway, 'PutRecord', { StreamName: 'orders', PartitionKey: 'k1', Data: Buffer.from('{"id":7}').toString('base64') })
    const { SequenceNumber: sequence, ShardId: shardId } = put.body as { SequenceNumber: string; ShardId: string }
    const client = gateway.as(admin)
    expect((await client.get('/topics/orders/partitions/0/records')).body).toMatchObject([{ key: 'k1', value: { id: 7 }, offset: 0 }])
    expect((await client.get(`/bridge/positions?stream=orders&shard=${shardId}&sequence=${sequence}`)).body).toMatchObject({ topic: 'orders', partition: 0, offset: 0 })
    expect((await client.get('/bridge/positions?topic=orders&partition=0&offset=0')).body).toMatchObject({ sequenceNumber: sequence })
    expect((await client.get('/kinesis/streams/orders')).body).toMatchObject({ Shards: [{ LatestSequenceNumber: sequence, ThroughputWithinLastSecond: { WriteRecords: { Used: 1, Limit: 1000 } } }] })
    await client.post('/topics/orders').type('application/vnd.kafka.json.v2+json').send({ records: [{ value: 8 }] })
    const iterator = await call(gateway, 'GetShardIterator', { StreamName: 'orders', ShardId: shardId, ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber: sequence })
    const records = await call(gateway, 'GetRecords', { ShardIterator: (iterator.body as { ShardIterator: string }).ShardIterator })
    expect((records.body as { Records: { Data: string }[] }).Records.map(record => Buffer.from(record.Data, 'base64').toString())).toEqual(['8'])
  })

  it('answers what is no POST in AWS\'s words', async () => {
    const gateway = await withKey('CN=admin')
    const answer = await gateway.as().get('/kinesis')
    expect([answer.status, answer.text]).toEqual([403, expect.stringContaining('<MissingAuthenticationTokenException>')])
  })

  it('serves the AWS SDK whose endpoint has the path', async () => {
    const gateway = await withKey('CN=admin')
    await using server = await startGateway({ app: createGateway(gateway.parts), host: '127.0.0.1', port: 0 })
    const client = new KinesisClient({
      endpoint: `http://127.0.0.1:${server.port}/kinesis`, region: 'us-east-1', credentials: { accessKeyId: key.id, secretAccessKey: key.secret }, requestHandler: new NodeHttpHandler(),
    })
    await client.send(new CreateStreamCommand({ StreamName: 'sdk', ShardCount: 1 }))
    const put = await client.send(new PutRecordCommand({ StreamName: 'sdk', PartitionKey: 'k', Data: Buffer.from('from the SDK') }))
    const { ShardIterator } = await client.send(new GetShardIteratorCommand({ StreamName: 'sdk', ShardId: put.ShardId!, ShardIteratorType: 'TRIM_HORIZON' }))
    const { Records } = await client.send(new GetRecordsCommand({ ShardIterator: ShardIterator! }))
    expect(Records!.map(record => Buffer.from(record.Data!).toString())).toEqual(['from the SDK'])
    client.destroy()
  })

  it('pushes records to subscribers over HTTP/1.1 until the gateway stops', async () => {
    const gateway = await withKey('CN=admin')
    await using server = await startGateway({ app: createGateway(gateway.parts), host: '127.0.0.1', port: 0 })
    const client = new KinesisClient({
      endpoint: `http://127.0.0.1:${server.port}/kinesis`, region: 'us-east-1', credentials: { accessKeyId: key.id, secretAccessKey: key.secret }, requestHandler: new NodeHttpHandler(),
    })
    await client.send(new CreateStreamCommand({ StreamName: 'sdk', ShardCount: 1 }))
    const { Consumer } = await client.send(new RegisterStreamConsumerCommand({ StreamARN: 'arn:aws:kinesis:us-east-1:000000000000:stream/sdk', ConsumerName: 'c' }))
    const { EventStream } = await client.send(new SubscribeToShardCommand({ ConsumerARN: Consumer!.ConsumerARN!, ShardId: 'shardId-000000000000', StartingPosition: { Type: 'LATEST' } }))
    const pushed: string[][] = []
    for await (const { SubscribeToShardEvent: event } of EventStream!) {
      pushed.push(event!.Records!.map(record => Buffer.from(record.Data!).toString()))
      if (pushed.length === 1) await client.send(new PutRecordCommand({ StreamName: 'sdk', PartitionKey: 'k', Data: Buffer.from('pushed') }))
      else gateway.parts.streams[Symbol.dispose]()
    }
    expect(pushed).toEqual([[], ['pushed']])
    client.destroy()
  })

  it.each([{}, { protocol: AwsSmithyRpcV2CborProtocol }, { protocol: AwsQueryProtocol }])('serves CloudWatch\'s client, too (%j)', async config => {
    const gateway = await withKey('CN=admin')
    gateway.parts.kinesis.handler.metrics.ofStream('orders').add('IncomingRecords', 3, gateway.time.now)
    await using server = await startGateway({ app: createGateway(gateway.parts), host: '127.0.0.1', port: 0 })
    const client = new CloudWatchClient({
      endpoint: `http://127.0.0.1:${server.port}/kinesis`, region: 'us-east-1', credentials: { accessKeyId: key.id, secretAccessKey: key.secret }, maxAttempts: 1, ...config,
    })
    const { Metrics } = await client.send(new ListMetricsCommand({ Namespace: 'AWS/Kinesis' }))
    expect(Metrics).toEqual([{ Namespace: 'AWS/Kinesis', MetricName: 'IncomingRecords', Dimensions: [{ Name: 'StreamName', Value: 'orders' }] }])
    client.destroy()
  })
})
