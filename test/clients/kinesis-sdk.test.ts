// AWS SDK v3 as users run it: its default HTTP/2 transport over plain h2c and over TLS, and the HTTP/1.1 transport, against a started listener.
import {
  CreateStreamCommand, DeleteStreamCommand, DescribeStreamCommand, DescribeStreamSummaryCommand, GetRecordsCommand, GetShardIteratorCommand, KinesisClient,
  type KinesisClientConfig, ListShardsCommand, ListStreamsCommand, PutRecordCommand, PutRecordsCommand, waitUntilStreamExists,
} from '@aws-sdk/client-kinesis'
import { NodeHttp2Handler, NodeHttpHandler } from '@smithy/node-http-handler'
import { Agent } from 'node:https'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { operations } from '../../src/kinesis/operations/index.ts'
import { type KinesisServer, startKinesis } from '../../src/kinesis/server.ts'
import { newAccessKey } from '../../src/security/access-keys.ts'
import { walk } from '../kinesis/support/happy-path.ts'
import { sdkClient } from '../kinesis/support/sdk-client.ts'
import { accessKeyId, random, realClock, region, secretAccessKey, testKinesis, type TestKinesis } from '../kinesis/support/kinesis.ts'
import { selfSigned } from '../kinesis/support/certificate.ts'

let kinesis: TestKinesis
let server: KinesisServer
const certificate = selfSigned()

beforeAll(async () => {
  kinesis = await testKinesis({ clock: realClock })
  server = await startKinesis({ host: '127.0.0.1', port: 0, plain: true, tls: certificate, handler: kinesis.handler, logger: kinesis.logger })
})
afterAll(() => server.close())

const credentials = { accessKeyId, secretAccessKey }
const transports: Record<string, () => KinesisClientConfig> = {
  'its default transport (h2c)': () => ({ endpoint: `http://127.0.0.1:${server.port}` }),
  'NodeHttpHandler (HTTP/1.1)': () => ({ endpoint: `http://127.0.0.1:${server.port}`, requestHandler: new NodeHttpHandler() }),
  'HTTP/1.1 over TLS': () => ({
    endpoint: `https://127.0.0.1:${server.port}`, requestHandler: new NodeHttpHandler({ httpsAgent: new Agent({ ca: certificate.cert }) }),
  }),
  'HTTP/2 over TLS': () => ({ endpoint: `https://127.0.0.1:${server.port}`, requestHandler: new NodeHttp2Handler({ nodeHttp2ConnectOptions: { ca: certificate.cert } }) }),
}

describe.each(Object.entries(transports))('the SDK over %s', (transport, configOf) => {
  test('creates, describes, writes, reads and deletes a stream', async () => {
    const client = new KinesisClient({ region, credentials, maxAttempts: 1, ...configOf() })
    const StreamName = `orders-${transport.length}`
    await client.send(new CreateStreamCommand({ StreamName, ShardCount: 2 }))
    await waitUntilStreamExists({ client, maxWaitTime: 30 }, { StreamName })
    const { StreamDescription } = await client.send(new DescribeStreamCommand({ StreamName }))
    expect(StreamDescription?.StreamStatus).toBe('ACTIVE')
    expect(StreamDescription?.StreamCreationTimestamp?.getTime()).toBeGreaterThan(Date.now() - 60_000)
    const { StreamDescriptionSummary } = await client.send(new DescribeStreamSummaryCommand({ StreamARN: StreamDescription!.StreamARN }))
    expect(StreamDescriptionSummary?.OpenShardCount).toBe(2)
    expect((await client.send(new ListStreamsCommand({}))).StreamNames).toContain(StreamName)
    expect((await client.send(new ListShardsCommand({ StreamName }))).Shards).toHaveLength(2)

    const one = await client.send(new PutRecordCommand({ StreamName, PartitionKey: 'käse', Data: Buffer.from('first') }))
    const many = await client.send(new PutRecordsCommand({ StreamName, Records: [{ PartitionKey: 'käse', Data: Buffer.from('second') }, { PartitionKey: 'käse', Data: Buffer.alloc(0) }] }))
    expect(many.FailedRecordCount).toBe(0)
    const { ShardIterator } = await client.send(new GetShardIteratorCommand({ StreamName, ShardId: one.ShardId, ShardIteratorType: 'TRIM_HORIZON' }))
    const page = await client.send(new GetRecordsCommand({ ShardIterator }))
    expect(page.Records?.map(record => Buffer.from(record.Data!).toString())).toEqual(['first', 'second', ''])
    expect(page.Records?.map(record => record.PartitionKey)).toEqual(['käse', 'käse', 'käse'])
    expect(page.Records?.map(record => record.SequenceNumber)).toEqual([one.SequenceNumber, ...many.Records!.map(entry => entry.SequenceNumber)])
    expect(Math.abs(Date.now() - page.Records![0]!.ApproximateArrivalTimestamp!.getTime())).toBeLessThan(60_000)
    expect(page.MillisBehindLatest).toBe(0)
    await client.send(new DeleteStreamCommand({ StreamName }))
    await expect(client.send(new DescribeStreamCommand({ StreamName }))).rejects.toMatchObject({ name: 'ResourceNotFoundException', message: `Stream ${StreamName} under account 000000000000 not found.` })
    client.destroy()
    expect(kinesis.logger.lines.filter(line => line.level === 'error')).toEqual([])
  })

  test('signs with session credentials, and is told when they are expired or wrong', async () => {
    const sessionOf = async (durationSeconds: number) => {
      const key = newAccessKey(random, { principal: { type: 'User', name: 'CN=bob' }, nowMs: Date.now(), durationSeconds })
      await kinesis.backend.accessKeys.add(key)
      return { accessKeyId: key.id, secretAccessKey: key.secret, sessionToken: key.session!.token }
    }
    const ask = async (one: { accessKeyId: string; secretAccessKey: string; sessionToken?: string }) => {
      const client = new KinesisClient({ region, credentials: one, maxAttempts: 1, ...configOf() })
      try {
        return await client.send(new ListStreamsCommand({}))
      } finally {
        client.destroy()
      }
    }
    const session = await sessionOf(60)
    expect((await ask(session)).StreamNames).toBeInstanceOf(Array)
    const { sessionToken: _token, ...withoutToken } = session
    const unknown = { name: 'UnrecognizedClientException', message: 'The security token included in the request is invalid.' }
    await expect(ask(withoutToken)).rejects.toMatchObject(unknown)
    await expect(ask({ ...session, sessionToken: 'another' })).rejects.toMatchObject(unknown)
    await expect(ask({ ...credentials, sessionToken: session.sessionToken })).rejects.toMatchObject(unknown)
    await expect(ask(await sessionOf(-1))).rejects.toMatchObject({ name: 'ExpiredTokenException', message: 'The security token included in the request is expired' })
  })

  test('calls every operation', async () => {
    const client = new KinesisClient({ region, credentials, maxAttempts: 1, ...configOf() })
    const served = operations.map(({ operation }) => operation.name)
    const { done, failures } = await walk(sdkClient(client), name => served.includes(name))
    expect(failures).toEqual([])
    expect(done.toSorted()).toEqual(served)
    client.destroy()
  })

  test('tells a wrong secret', async () => {
    const client = new KinesisClient({ region, credentials: { accessKeyId, secretAccessKey: 'wrong' }, maxAttempts: 1, ...configOf() })
    await expect(client.send(new ListStreamsCommand({}))).rejects.toMatchObject({ name: 'InvalidSignatureException' })
    client.destroy()
  })
})
