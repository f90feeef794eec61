// The AWS SDK for Java v2 as it comes, which speaks CBOR to Kinesis: every operation it has, over HTTP/1.1 and HTTP/2, in the clear and over TLS.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { operations } from '../../src/kinesis/operations/index.ts'
import { type KinesisServer, startKinesis } from '../../src/kinesis/server.ts'
import { javaKnows } from '../kinesis/report/clients.ts'
import { selfSigned } from '../kinesis/support/certificate.ts'
import { walk } from '../kinesis/support/happy-path.ts'
import { type GoldenRequest, goldenInputs, goldenPath, readGolden } from '../kinesis/support/java-golden.ts'
import { realClock, testKinesis } from '../kinesis/support/kinesis.ts'
import { javaClient } from './lines.ts'

const classpath = inject('classpath')
const served = new Set(operations.map(({ operation }) => operation.name))

describe.runIf(classpath !== undefined)('the AWS SDK for Java', () => {
  const certificate = selfSigned()
  let directory: string
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sluice-java-'))
    await writeFile(join(directory, 'ca.pem'), certificate.cert)
  })
  afterAll(() => rm(directory, { recursive: true }))

  async function start(): Promise<{ server: KinesisServer; asked: Set<string> }> {
    const kinesis = await testKinesis({ clock: realClock })
    const asked = new Set<string>()
    const handler: typeof kinesis.handler = {
      ...kinesis.handler,
      handle: request => {
        const isJava = String(request.headers['user-agent']).startsWith('aws-sdk-java/2.')
        // It asks for events in JSON, whatever else it speaks.
        const isStreamed = request.headers['x-amz-target'] === 'Kinesis_20131202.SubscribeToShard'
        asked.add(`${isJava ? 'java' : 'another'} ${isStreamed ? 'events' : 'answers'} ${String(request.headers['content-type'])}`)
        return kinesis.handler.handle(request)
      },
    }
    return { server: await startKinesis({ host: '127.0.0.1', port: 0, plain: true, tls: certificate, handler, logger: kinesis.logger }), asked }
  }

  it.each([
    ['HTTP/1.1', 'http1', 'http', 'cbor'], ['HTTP/2 with prior knowledge', 'http2', 'http', 'cbor'], ['HTTP/1.1 over TLS', 'http1', 'https', 'cbor'], ['HTTP/2 over TLS', 'http2', 'https', 'cbor'],
    ['HTTP/2 over TLS, told to speak JSON', 'http2', 'https', 'json'],
  ] as const)('calls every operation over %s', async (_what, transport, scheme, form) => {
    const { server, asked } = await start()
    await using _server = server
    using java = javaClient({
      classpath: classpath!, transport, endpoint: `${scheme}://127.0.0.1:${server.port}`, ...(scheme === 'https' && { ca: join(directory, 'ca.pem') }),
      environment: form === 'json' ? { CBOR_ENABLED: 'false' } : {},
    })
    // Events come to its asynchronous client only.
    const isHere = (operation: string): boolean => served.has(operation) && javaKnows(operation) && !(transport === 'http1' && operation === 'SubscribeToShard')
    const { failures } = await walk(java.client, isHere)
    expect(failures).toEqual([])
    expect([...asked].toSorted()).toEqual([`java answers application/x-amz-${form}-1.1`, ...(transport === 'http2' ? ['java events application/x-amz-json-1.1'] : [])])
    await expect(java.client('DescribeStream', { StreamName: 'absent' })).rejects.toThrow('ResourceNotFoundException: Stream absent under account 000000000000 not found.')
    await expect(java.client('PutRecord', { StreamName: 'a b', PartitionKey: 'k', Data: Buffer.alloc(1) })).rejects.toThrow('ValidationException: 1 validation error detected: Value \'a b\' at')
  })
  it.each(['http1', 'http2'] as const)('sends over %s what the tests without it send for it', async transport => {
    const kinesis = await testKinesis({ clock: realClock })
    const requests: GoldenRequest[] = []
    const handle: typeof kinesis.handler.handle = async request => {
      const headers = Object.entries(request.headers).map(([name, value]) => [name, /^(content-type|x-amz-target|:method|:path|:scheme)$/.test(name) ? String(value) : '*'])
      requests.push({ operation: String(request.headers['x-amz-target']).split('.')[1]!, headers: Object.fromEntries(headers.toSorted()), body: request.body.toString('hex') })
      return { status: 400, headers: { 'content-type': 'application/x-amz-cbor-1.1' }, body: Buffer.from('bf665f5f747970656158ff', 'hex') }
    }
    await using server = await startKinesis({ host: '127.0.0.1', port: 0, plain: true, handler: { ...kinesis.handler, handle }, logger: kinesis.logger })
    using java = javaClient({ classpath: classpath!, transport, endpoint: `http://127.0.0.1:${server.port}` })
    for (const { operation, input } of goldenInputs) await expect(java.client(operation, input)).rejects.toThrow('X')
    if (transport === 'http1') await expect(JSON.stringify(requests, null, 1)).toMatchFileSnapshot(goldenPath)
    else expect(requests.map(({ operation, body }) => ({ operation, body }))).toEqual(readGolden().map(({ operation, body }) => ({ operation, body })))
  })
})
