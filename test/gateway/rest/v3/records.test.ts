// Produce over the REST API v3: streams over real connections, batches, and every way a key or value may say what it is.
import { once } from 'node:events'
import { Agent, type ClientRequest, type IncomingMessage, request as httpRequest, type RequestListener, type ServerResponse } from 'node:http'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { createGateway, type GatewayParts } from '../../../../src/gateway/app.ts'
import type { StreamLimits } from '../../../../src/gateway/rest/v3/records.ts'
import { EventStreams } from '../../../../src/gateway/rest/events/event-streams.ts'
import { RateLimits } from '../../../../src/gateway/rate-limits.ts'
import { type GatewayLimits, startGateway } from '../../../../src/gateway/server.ts'
import { type DeadLetter, type RecordFault, type RecordParts, Refusal, type Topic, type Validation } from '../../../../src/ports.ts'
import type { Clock } from '../../../../src/world/world.ts'
import { admin, testGateway, type TestGateway } from '../../../support/gateway.ts'
import { rejecting } from '../../../support/validation.ts'
import { v3Description } from '../../../support/rest-v3.ts'

const description = v3Description()
const operation = 'POST /clusters/{cluster_id}/topics/{topic_name}/records'

interface Report {
  readonly error_code: number
  readonly message?: string
  readonly partition_id?: number
  readonly offset?: number
  readonly [name: string]: unknown
}

const realClock: Clock = {
  now: Date.now,
  monotonic: () => performance.now(),
  after(delayMs, task) {
    const timer = setTimeout(task, delayMs)
    const cancel = (): void => clearTimeout(timer)
    return { cancel, [Symbol.dispose]: cancel }
  },
}

interface Listening extends AsyncDisposable {
  readonly gateway: TestGateway
  readonly port: number
  readonly base: string
  /** What came so far, as the server has it. */
  readonly exchanges: readonly { readonly request: IncomingMessage; readonly response: ServerResponse }[]
}

/** A gateway on a port of its own; everybody is the super user, for want of a door. */
async function listening(overrides: Partial<GatewayParts> = {}, limits: Partial<GatewayLimits> = {}): Promise<Listening> {
  const gateway = await testGateway(overrides)
  const parts = { ...gateway.parts, access: { ...gateway.parts.access, allows: () => true, allowsAny: () => true, wouldAllow: () => true } }
  const app = createGateway(parts)
  const exchanges: Listening['exchanges'][number][] = []
  const listener: RequestListener = (request, response) => {
    exchanges.push({ request, response })
    app(request, response)
  }
  const server = await startGateway({ app: listener, host: '127.0.0.1', port: 0, limits })
  const { id } = await gateway.parts.admin.cluster()
  return { gateway, port: server.port, base: `/v3/clusters/${id}`, exchanges, [Symbol.asyncDispose]: () => server.close() }
}

function open(port: number, path: string, headers: Record<string, string> = {}): { client: ClientRequest; answer: Promise<IncomingMessage> } {
  const client = httpRequest({ port, host: '127.0.0.1', method: 'POST', path, agent: new Agent(), headers: { 'content-type': 'application/json', ...headers } })
  const answer = once(client, 'response').then(([response]) => response as IncomingMessage)
  answer.catch(() => {})
  return { client, answer }
}

/** One report after the other, as they come. */
async function* reportsOf(answer: IncomingMessage): AsyncGenerator<Report> {
  let text = ''
  for await (const chunk of answer) {
    text += String(chunk)
    const lines = text.split('\n')
    text = lines.pop()!
    for (const line of lines) {
      const report = JSON.parse(line) as Report
      description?.expectAnswer(operation, 200, report.error_code === 200 ? report : { error_code: report.error_code, message: report.message })
      yield report
    }
  }
  expect(text).toBe('')
}

async function all(answer: IncomingMessage): Promise<Report[]> {
  const reports: Report[] = []
  for await (const report of reportsOf(answer)) reports.push(report)
  return reports
}

async function withTopic(configs: Record<string, string> = {}, partitions = 1): Promise<{ gateway: TestGateway; path: string }> {
  const gateway = await testGateway()
  await gateway.createTopic('orders', { partitions, configs })
  const { id } = await gateway.parts.admin.cluster()
  return { gateway, path: `/v3/clusters/${id}/topics/orders/records` }
}

/** The one report of a record that is sent alone. */
async function produce({ gateway, path }: { gateway: TestGateway; path: string }, record: object | string, as = admin): Promise<Report> {
  const answer = await gateway.as(as).post(path).set('content-type', 'application/json').send(typeof record === 'string' ? record : JSON.stringify(record))
  if (answer.status === 200) {
    description?.expectAnswer(operation, 200, answer.body.error_code === 200 ? answer.body : { error_code: answer.body.error_code, message: answer.body.message })
    expect(answer.headers['content-length']).toBe(String(Buffer.byteLength(answer.text)))
  } else description?.expectAnswer(operation, answer.status, answer.body)
  return { status: answer.status, ...answer.body }
}

/** The reports of records that are sent in one body. */
async function produceAll({ gateway, path }: { gateway: TestGateway; path: string }, body: string): Promise<Report[]> {
  const answer = await gateway.as(admin).post(path).set('content-type', 'application/json').buffer(true).parse((response, done) => {
    let text = ''
    response.on('data', (chunk: Buffer) => { text += String(chunk) }).on('end', () => done(null, text))
  }).send(body)
  const reports = (answer.body as string).trimEnd().split('\n').map(line => JSON.parse(line) as Report)
  return reports
}

describe('a stream', () => {
  it('is answered record by record, each as soon as it is stored, while the body is still open', async () => {
    await using server = await listening()
    await server.gateway.createTopic('orders')
    const { client, answer } = open(server.port, `${server.base}/topics/orders/records`)
    client.write('{"value":{"type":"STRING","data":"first"}}')
    const reports = reportsOf(await answer)
    expect((await answer).statusCode).toBe(200)
    expect((await reports.next()).value).toEqual({
      error_code: 200, cluster_id: expect.any(String), topic_name: 'orders', partition_id: 0, offset: 0, timestamp: '2023-11-14T22:13:20.000Z', value: { type: 'STRING', size: 5 },
    })
    client.write('\n{"value":{"type":"JSON",')
    client.write('"data":{"n":2}}}{"key":{"type":"BINARY","data":"AAE="}}')
    expect((await reports.next()).value).toMatchObject({ offset: 1, value: { type: 'JSON', size: 7 } })
    expect((await reports.next()).value).toMatchObject({ offset: 2, key: { type: 'BINARY', size: 2 } })
    client.end()
    expect((await reports.next()).done).toBe(true)
    expect(await server.gateway.values('orders')).toEqual(['first', '{"n":2}', null])
  }, 30_000)

  it('of 10,000 records is stored in few batches, in the order of each partition', async () => {
    await using server = await listening()
    await server.gateway.createTopic('orders', { partitions: 3 })
    const { client, answer } = open(server.port, `${server.base}/topics/orders/records`)
    const sent = (async () => {
      for (let at = 0; at < 10_000; at++) {
        if (!client.write(`${JSON.stringify({ key: { type: 'STRING', data: `k${at % 50}` }, value: { type: 'STRING', data: String(at) } })}\n`)) await once(client, 'drain')
      }
      client.end()
    })()
    const reports = await all(await answer)
    await sent
    expect(reports.filter(report => report.error_code === 200)).toHaveLength(10_000)
    const values: string[][] = await Promise.all([0, 1, 2].map(async partition => (await server.gateway.values('orders', partition)).map(value => value!)))
    for (const [at, report] of reports.entries()) expect(values[report.partition_id!]![report.offset!]).toBe(String(at))
    for (const ofPartition of values) expect(ofPartition.map(Number)).toEqual(ofPartition.map(Number).toSorted((a, b) => a - b))
    const slice = await server.gateway.parts.logs.read({ topic: 'orders', partition: 0 }, 0, { bytesMax: 2 ** 30, atLeastOne: true, committedOnly: false })
    if (slice instanceof Refusal) throw new Error(slice.message)
    expect(slice.batches.length).toBeLessThan(500)
  }, 60_000)

  it('goes on after a record that is refused, and says why', async () => {
    await using server = await listening()
    await server.gateway.createTopic('orders')
    const { client, answer } = open(server.port, `${server.base}/topics/orders/records`)
    client.end('{"value":{"type":"BINARY","data":"***"}} {"partition":1} {"partition_id":7} {"value":{"type":"STRING","data":"ok"}}')
    expect(await all(await answer)).toMatchObject([
      { error_code: 42206, message: 'value: must be base64 text in the binary format', faults: [{ part: 'value', pointer: '', reason: 'must be base64 text in the binary format' }] },
      { error_code: 400, message: 'Unrecognized field: partition' },
      { error_code: 40403, message: 'This server does not host this topic-partition.' },
      { error_code: 200, offset: 0 },
    ])
  }, 30_000)

  it.each([
    ['is no JSON', '{"value":{"type":"STRING" "data":1}}', 400, /malformed JSON/],
    ['is no object', '[1]', 400, /a record must be an object/],
    ['is not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 400, /not UTF-8/],
    ['is too large', `{"value":{"type":"STRING","data":"${'x'.repeat(2_000)}"}}`, 413, /larger than the maximum/],
  ] as const)('ends with a report at a document that %s; what came before it is stored', async (_what, document, errorCode, message) => {
    await using server = await listening({ clock: realClock, streamLimits: { documentBytesMax: 1_000 } })
    await server.gateway.createTopic('orders')
    const { client, answer } = open(server.port, `${server.base}/topics/orders/records`)
    client.on('error', () => {})
    client.write('{"value":{"type":"STRING","data":"before"}}')
    client.write(document)
    client.write('{"value":{"type":"STRING","data":"after"}}')
    // The body stays open: the server ends the answer.
    const reports = await all(await answer)
    expect(reports.map(report => report.error_code)).toEqual([200, errorCode])
    expect(reports[1]!.message).toMatch(message)
    expect(await server.gateway.values('orders')).toEqual(['before'])
    client.destroy()
  }, 30_000)

  it('that ends inside a record says so', async () => {
    await using server = await listening()
    await server.gateway.createTopic('orders')
    const { client, answer } = open(server.port, `${server.base}/topics/orders/records`)
    client.end('{"value":{"type":"STRING","data":"a"}}{"value":')
    expect((await all(await answer)).map(report => report.message ?? report.error_code)).toEqual([200, 'HTTP 400 Bad Request: malformed JSON: the body ends inside a record'])
  }, 30_000)

  it.each<[string, Partial<StreamLimits>, RegExp]>([
    ['too long', { durationMsMax: 300 }, /^Streaming connection open for longer than allowed$/],
    ['without a byte for too long', { idleMsMax: 300 }, /^Nothing was received for 300 ms$/],
  ])('that is open %s ends with 408', async (_what, streamLimits, message) => {
    await using server = await listening({ clock: realClock, streamLimits })
    await server.gateway.createTopic('orders')
    const { client, answer } = open(server.port, `${server.base}/topics/orders/records`)
    client.on('error', () => {})
    client.write('{"value":{"type":"STRING","data":"a"}}')
    const reports = await all(await answer)
    expect(reports.map(report => report.error_code)).toEqual([200, 408])
    expect(reports[1]!.message).toMatch(message)
    client.destroy()
  }, 30_000)

  it('ends with a report when the server stops', async () => {
    await using server = await listening({ clock: realClock })
    await server.gateway.createTopic('orders')
    const { client, answer } = open(server.port, `${server.base}/topics/orders/records`)
    client.on('error', () => {})
    client.write('{"value":{"type":"STRING","data":"a"}}')
    const reports = reportsOf(await answer)
    expect((await reports.next()).value).toMatchObject({ error_code: 200 })
    server.gateway.parts.streams[Symbol.dispose]()
    expect((await reports.next()).value).toEqual({ error_code: 503, message: 'HTTP 503 Service Unavailable: the server is stopping' })
    expect((await reports.next()).done).toBe(true)
    client.destroy()
  }, 30_000)

  it('may take longer than the server lets any other request', async () => {
    await using server = await listening({ clock: realClock }, { requestTimeoutMs: 200, headersTimeoutMs: 200 })
    await server.gateway.createTopic('orders')
    // A body that is not a stream shows when the server has looked.
    const other = open(server.port, `${server.base}/topics`)
    other.client.write('{')
    const { client, answer } = open(server.port, `${server.base}/topics/orders/records`)
    client.write('{"value":{"type":"STRING","data":"a"}}')
    const reports = reportsOf(await answer)
    await reports.next()
    expect((await other.answer).statusCode).toBe(408)
    client.end('{"value":{"type":"STRING","data":"b"}}')
    expect((await reports.next()).value).toMatchObject({ error_code: 200, offset: 1 })
    expect((await reports.next()).done).toBe(true)
  }, 30_000)

  it('of a client that does not read is not read either, and holds a bounded number of bytes', async () => {
    await using server = await listening({ streamLimits: { waitingBytesMax: 64 * 1024, togetherMax: 100 } })
    await server.gateway.createTopic('orders')
    const { client, answer } = open(server.port, `${server.base}/topics/orders/records`)
    client.on('error', () => {})
    const record = `{"value":{"type":"STRING","data":"${'x'.repeat(100)}"}}\n`.repeat(200)
    // Until the server neither writes nor reads any more, and has found nothing else to do when it has answered somebody else.
    const isStalled = (): boolean => server.exchanges.some(({ request, response }) => response.writableNeedDrain && request.readableLength >= request.readableHighWaterMark)
    let written = 0
    for (let stalledFor = 0; stalledFor < 20; stalledFor = isStalled() ? stalledFor + 1 : 0) {
      if (!client.writableNeedDrain && stalledFor === 0) {
        client.write(record)
        written += record.length
        expect(written).toBeLessThan(200_000_000)
      }
      if (stalledFor === 0) await setImmediate()
      else await fetch(`http://127.0.0.1:${server.port}/topics`)
    }
    const storedBefore = (await server.gateway.values('orders')).length
    expect(storedBefore).toBeLessThan(written / (record.length / 200))
    // It reads after all, and gets the report of every record that it sent.
    client.end()
    const reports = await all(await answer)
    expect(reports).toHaveLength(written / (record.length / 200))
    expect(reports.every(report => report.error_code === 200)).toBe(true)
  }, 120_000)

  it('has as many records as its principal may have requests; the others are told so one by one', async () => {
    const rateLimits = new RateLimits({ requests: 3, bytesIn: 0, bytesOut: 0 })
    await using server = await listening({ rateLimits })
    await server.gateway.createTopic('orders')
    const { client, answer } = open(server.port, `${server.base}/topics/orders/records`)
    client.end('{}'.repeat(500))
    const reports = await all(await answer)
    const [stored, refused] = [200, 429].map(errorCode => reports.filter(report => report.error_code === errorCode))
    expect(reports.slice(0, 3).map(report => report.error_code)).toEqual([200, 200, 200])
    expect([stored!.length + refused!.length, refused!.length > 0]).toEqual([500, true])
    expect(refused![0]!.message).toMatch(/^HTTP 429 Too Many Requests: .* may have 3 requests per second$/)
    expect(await server.gateway.values('orders')).toHaveLength(stored!.length)
  }, 30_000)

  it('that waits for its principal\'s next second of answers ends when the server stops', async () => {
    const streams = new EventStreams()
    await using server = await listening({ streams, rateLimits: new RateLimits({ requests: 0, bytesIn: 0, bytesOut: 1 }) })
    await server.gateway.createTopic('orders')
    const { client, answer } = open(server.port, `${server.base}/topics/orders/records`)
    client.write('{}')
    const reports = reportsOf(await answer)
    expect((await reports.next()).value).toMatchObject({ error_code: 200 })
    // What was answered is hundreds of seconds' worth.
    streams[Symbol.dispose]()
    expect((await reports.next()).value).toMatchObject({ error_code: 503 })
    client.end()
  }, 30_000)

  it('of many documents that are nearly nothing is counted as more than their text', async () => {
    const { logs } = (await testGateway()).parts
    const stopped = new AbortController()
    const append: typeof logs.append = async () => {
      await once(stopped.signal, 'abort')
      return { baseOffset: 0, logAppendTimeMs: -1, logStartOffset: 0 }
    }
    await using server = await listening({ logs: { ...logs, append } })
    await server.gateway.createTopic('orders')
    const { client, answer } = open(server.port, `${server.base}/topics/orders/records`)
    const count = 200_000
    client.end('{}'.repeat(count))
    // Their text alone would fit twice over.
    await vi.waitFor(() => expect(server.exchanges[0]!.request.readableLength).toBeGreaterThan(0), { timeout: 20_000 })
    await fetch(`http://127.0.0.1:${server.port}/topics`)
    expect(server.exchanges[0]!.request.readableEnded).toBe(false)
    stopped.abort()
    client.destroy()
    await answer.catch(() => {})
  }, 30_000)

  it('has as many bytes as its principal may have', async () => {
    const rateLimits = new RateLimits({ requests: 0, bytesIn: 100, bytesOut: 0 })
    await using server = await listening({ rateLimits })
    await server.gateway.createTopic('orders')
    const { client, answer } = open(server.port, `${server.base}/topics/orders/records`)
    const record = `{"value":{"type":"STRING","data":"${'x'.repeat(100)}"}}`
    // With its length declared it would be paid for as a whole.
    client.write(record)
    client.end(record.repeat(99))
    const reports = await all(await answer)
    expect([reports[0]!.error_code, reports.length]).toEqual([200, 100])
    expect(reports.find(report => report.error_code === 429)?.message).toMatch(/may have 100 bytes of requests per second$/)
  }, 30_000)

  it('of a client that goes away leaves what it holds', async () => {
    const taken: number[] = []
    await using server = await listening({ bodyBytesInFlightMax: 100_000 })
    await server.gateway.createTopic('orders')
    for (let turn = 0; turn < 5; turn++) {
      const { client, answer } = open(server.port, `${server.base}/topics/orders/records`)
      client.on('error', () => {})
      client.write(`{"value":{"type":"STRING","data":"a"}}{"value":{"type":"STRING","data":"${'x'.repeat(50_000)}`)
      await reportsOf(await answer).next()
      client.destroy()
      taken.push(turn)
    }
    // Had they kept what they leased, there would be no room for the sixth.
    const { client, answer } = open(server.port, `${server.base}/topics/orders/records`)
    client.end(`{"value":{"type":"STRING","data":"${'x'.repeat(50_000)}"}}`)
    expect((await all(await answer)).map(report => report.error_code)).toEqual([200])
    expect(taken).toHaveLength(5)
  }, 30_000)

  it('of a client that goes away while its records are being stored leaves what they hold, too', async () => {
    const { logs } = (await testGateway()).parts
    const storing: (() => void)[] = []
    const append: typeof logs.append = async () => {
      await new Promise<void>(resolve => { storing.push(resolve) })
      return { baseOffset: 0, logAppendTimeMs: -1, logStartOffset: 0 }
    }
    const store = async (): Promise<void> => {
      await vi.waitFor(() => expect(storing).toHaveLength(1), { timeout: 20_000 })
      storing.pop()!()
    }
    await using server = await listening({ bodyBytesInFlightMax: 10_000, logs: { ...logs, append } })
    await server.gateway.createTopic('orders')
    const record = `{"value":{"type":"STRING","data":"${'x'.repeat(4_000)}"}}`
    for (let turn = 0; turn < 3; turn++) {
      const { client } = open(server.port, `${server.base}/topics/orders/records`)
      client.on('error', () => {})
      client.write(record)
      client.write(`{"value":"${'x'.repeat(4_000)}`)
      await vi.waitFor(() => expect(storing).toHaveLength(1), { timeout: 20_000 })
      const closed = new Promise<void>(resolve => { client.once('close', resolve) })
      client.destroy()
      await closed
      await store()
    }
    const { client, answer } = open(server.port, `${server.base}/topics/orders/records`)
    client.end(record)
    await store()
    expect((await all(await answer)).map(report => report.error_code)).toEqual([200])
  }, 90_000)

  it('holds no room for its reports once they are read', async () => {
    await using server = await listening({ bodyBytesInFlightMax: 10_000 })
    await server.gateway.createTopic('orders')
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    for (let turn = 0; turn < 40; turn++) {
      const client = httpRequest({ port: server.port, host: '127.0.0.1', method: 'POST', path: `${server.base}/topics/orders/records`, agent, headers: { 'content-type': 'application/json' } })
      const answer = once(client, 'response')
      // Ended at once, and a while after its first report.
      if (turn % 2 === 0) client.end('{}{}')
      else client.write('{}')
      const reports = reportsOf((await answer)[0] as IncomingMessage)
      expect((await reports.next()).value).toMatchObject({ error_code: 200 })
      if (turn % 2 === 1) client.end('{}')
      expect((await reports.next()).value).toMatchObject({ error_code: 200 })
      expect((await reports.next()).done).toBe(true)
    }
    agent.destroy()
  }, 30_000)

  it('leaves its connection to the next request', async () => {
    await using server = await listening()
    await server.gateway.createTopic('orders')
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    for (let turn = 0; turn < 3; turn++) {
      const client = httpRequest({ port: server.port, host: '127.0.0.1', method: 'POST', path: `${server.base}/topics/orders/records`, agent, headers: { 'content-type': 'application/json' } })
      const answer = once(client, 'response')
      client.end('{"value":{"type":"STRING","data":"a"}}')
      expect((await all((await answer)[0] as IncomingMessage)).map(report => report.offset)).toEqual([turn])
      expect(client.reusedSocket).toBe(turn > 0)
    }
    agent.destroy()
  }, 30_000)
})

describe('a record', () => {
  it('carries headers and its own time', async () => {
    const topic = await withTopic()
    const record = {
      partition_id: 0, timestamp: '2021-02-05T19:14:42Z', headers: [{ name: 'Header-1', value: 'SGVhZGVyLTE=' }, { name: 'none', value: null }, { name: 'absent' }],
      key: { type: 'BINARY', data: 'Zm9vYmFy' }, value: { type: 'JSON', data: { foo: 'bar', n: 12345678901234567890n.toString() } },
    }
    expect(await produce(topic, record)).toMatchObject({ status: 200, error_code: 200, timestamp: '2021-02-05T19:14:42.000Z', key: { type: 'BINARY', size: 6 }, value: { type: 'JSON' } })
    const slice = await topic.gateway.parts.logs.read({ topic: 'orders', partition: 0 }, 0, { bytesMax: 2 ** 20, atLeastOne: true, committedOnly: false })
    if (slice instanceof Refusal) throw new Error(slice.message)
    const [stored] = slice.batches[0]!.records()
    expect(stored!.key!.toString()).toBe('foobar')
    expect(stored!.timestampMs).toBe(Date.UTC(2021, 1, 5, 19, 14, 42))
    expect(stored!.headers.map(header => [header.key, header.value?.toString() ?? null])).toEqual([['Header-1', 'Header-1'], ['none', null], ['absent', null]])
  })

  it('keeps JSON as it came, numbers in full precision', async () => {
    const topic = await withTopic()
    expect(await produce(topic, '{"value":{"type":"JSON","data":{"n": 12345678901234567890.10}}}')).toMatchObject({ error_code: 200 })
    expect(await topic.gateway.values('orders')).toEqual(['{"n": 12345678901234567890.10}'])
  })

  it.each([
    ['{}', {}],
    ['{"value":null}', {}],
    ['{"value":{"type":"STRING"}}', { value: { type: 'STRING', size: 0 } }],
    ['{"value":{"type":"STRING","data":null}}', { value: { type: 'STRING', size: 0 } }],
    ['{"value":{"data":null}}', { value: { type: null, size: 0 } }],
  ])('%s is a tombstone', async (record, expected) => {
    const topic = await withTopic()
    const { status: _status, ...report } = await produce(topic, record)
    expect(report).toEqual({ error_code: 200, cluster_id: expect.any(String), topic_name: 'orders', partition_id: 0, offset: 0, timestamp: expect.any(String), ...expected })
    expect(await topic.gateway.values('orders')).toEqual([null])
  })

  it.each([
    [{ value: { type: 'BINARY', schema_id: 1, data: '' } }, 'Unsupported argument: \'schema_id\' cannot be used with \'type\': \'BINARY\', in value'],
    [{ key: { type: 'STRING', subject: 's', data: '' } }, 'Unsupported argument: \'subject\' cannot be used with \'type\': \'STRING\', in key'],
    [{ value: { type: 'AVRO', data: 1 } }, 'Unsupported argument: \'type\': \'AVRO\' needs a \'schema\', in value'],
    [{ value: { type: 'AVRO', schema_id: 1, data: 1 } }, 'Unsupported argument: \'schema_id\' cannot be used with \'type\', in value'],
    [{ value: { schema: '"int"', data: 1 } }, 'Unsupported argument: \'schema\' needs a \'type\', in value'],
    [{ value: { schema_id: 1, schema_version: 1, data: 1 } }, 'Unsupported argument: \'schema_version\' cannot be used with \'schema_id\', in value'],
    [{ value: { type: 'AVRO', schema: '"int"', schema_id: 1, data: 1 } }, 'Unsupported argument: \'schema_id\' cannot be used with \'schema\', in value'],
    [{ value: { schema_id: 1, subject: 's', subject_name_strategy: 'TOPIC_NAME', data: 1 } }, 'Unsupported argument: \'subject_name_strategy\' cannot be used with \'subject\', in value'],
    [{ value: { subject_name_strategy: 'MINE', data: 1 } }, 'value.subject_name_strategy must be TOPIC_NAME, RECORD_NAME, TOPIC_RECORD_NAME or ASSOCIATED_NAME, not \'MINE\''],
    [{ value: { type: 'XML', data: 1 } }, 'value.type must be one of BINARY, JSON, STRING, AVRO, JSONSCHEMA, PROTOBUF, not \'XML\''],
    [{ value: { data: 1, format: 'x' } }, 'Unrecognized field: value.format'],
    [{ value: 'text' }, 'value must be an object with data'],
    [{ partition_id: -1 }, 'partition_id must be a whole number from 0 to 2147483647, not -1'],
    [{ headers: [{ name: 'a', value: '*' }] }, 'headers[0].value must be base64 or null'],
    [{ headers: [{ key: 'a' }] }, 'Unrecognized field: headers[0].key'],
    [{ timestamp: 'yesterday' }, 'timestamp must be a time like 2026-01-31T12:00:00.000Z, not "yesterday"'],
    ['{"value":{"type":"STRING","data":"a"},"value":null}', 'value was given more than once'],
    ['{"value":{"type":"STRING","data":"a","data":"b"}}', 'value.data was given more than once'],
    ['{"__proto__":{}}', 'Unrecognized field: __proto__'],
  ])('%j is 400', async (record, message) => {
    const topic = await withTopic()
    expect(await produce(topic, record)).toEqual({ status: 200, error_code: 400, message })
    expect(await topic.gateway.values('orders')).toEqual([])
  })

  it('larger than the topic takes is refused alone', async () => {
    const topic = await withTopic({ 'max.message.bytes': '1000' })
    const value = (length: number): string => JSON.stringify({ value: { type: 'STRING', data: 'x'.repeat(length) } })
    const reports = await produceAll(topic, [value(400), value(2_000), value(400), value(400)].join(''))
    expect(reports.map(report => report.error_code)).toEqual([200, 413, 200, 200])
    expect(await topic.gateway.values('orders')).toHaveLength(3)
  })
})

describe('a schema', () => {
  const schema = JSON.stringify({ type: 'record', name: 'Order', fields: [{ name: 'id', type: 'int' }, { name: 'note', type: ['null', 'string'], default: null }] })

  async function withSchema(): Promise<{ gateway: TestGateway; path: string; id: number }> {
    const topic = await withTopic()
    const { registry } = topic.gateway.parts
    const registered = await registry.register('orders-value', { schema }, { normalize: undefined })
    if (!('id' in registered)) throw new Error('not registered')
    const second = await registry.register('other', { schema: '"string"' }, { normalize: undefined })
    if (!('id' in second)) throw new Error('not registered')
    return { ...topic, id: registered.id }
  }

  it.each([
    ['nothing', {}],
    ['schema_id', { schema_id: 1 }],
    ['schema_id and subject', { schema_id: 1, subject: 'orders-value' }],
    ['schema_id and strategy', { schema_id: 1, subject_name_strategy: 'TOPIC_NAME' }],
    ['schema_version', { schema_version: 1 }],
    ['schema_version and subject', { schema_version: 1, subject: 'orders-value' }],
    ['subject', { subject: 'orders-value' }],
    ['strategy', { subject_name_strategy: 'TOPIC_NAME' }],
    ['type and schema', { type: 'AVRO', schema }],
  ])('is found by %s', async (_how, members) => {
    const topic = await withSchema()
    expect(await produce(topic, { value: { ...members, data: { id: 7, note: 'plain' } } })).toMatchObject({
      status: 200, error_code: 200, value: { type: 'AVRO', subject: 'orders-value', schema_id: topic.id, schema_version: 1, size: 13 },
    })
  })

  it('of Avro takes tagged unions as well as plain ones', async () => {
    const topic = await withSchema()
    for (const note of ['plain', { string: 'plain' }]) expect(await produce(topic, { value: { data: { id: 7, note } } })).toMatchObject({ error_code: 200, value: { size: 13 } })
    const [first, second] = await topic.gateway.values('orders')
    expect(first).toBe(second)
  })

  it('that comes along is registered', async () => {
    const topic = await withSchema()
    const text = JSON.stringify({ type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] })
    expect(await produce(topic, { key: { type: 'JSONSCHEMA', subject: 'new', schema: text, data: { n: 1 } } })).toMatchObject({
      error_code: 200, key: { type: 'JSONSCHEMA', subject: 'new', schema_id: 3, schema_version: 1, size: 12 },
    })
  })

  it('of Protobuf is found and told as the others are', async () => {
    const topic = await withSchema()
    const text = 'syntax = "proto3"; message Order { int32 id = 1; string note = 2; }'
    const value = { type: 'PROTOBUF', subject: 'proto', schema: text, data: { id: 7, note: 'a' } }
    expect(await produce(topic, { value })).toMatchObject({ error_code: 200, value: { type: 'PROTOBUF', subject: 'proto', schema_version: 1, size: 11 } })
    expect(await produce(topic, { value: { subject: 'proto', data: { id: 7, note: 'a' } } })).toMatchObject({ error_code: 200, value: { type: 'PROTOBUF', size: 11 } })
    const [first, second] = await topic.gateway.values('orders')
    expect(first).toBe(second)
    expect(await produce(topic, { value: { ...value, data: { id: 'x' } } })).toMatchObject({ error_code: 42206 })
  })

  it.each([
    ['data that does not fit', { data: { id: 'seven' } }, 42206, /^value at \/id: /],
    ['an id that is not known', { schema_id: 99, data: 1 }, 42205, /99/],
    ['an id of another subject', { schema_id: 2, data: 'a' }, 42205, /does not belong to subject 'orders-value'/],
    ['a version that is not there', { schema_version: 9, data: 1 }, 42205, /./],
    ['a subject that is not there', { subject: 'none', data: 1 }, 42205, /none/],
    ['a schema that is none', { type: 'AVRO', schema: '{', data: 1 }, 42205, /./],
    ['a schema of another language', { type: 'JSONSCHEMA', schema: '"int"', data: 1 }, 42205, /./],
  ])('refuses %s', async (_what, members, errorCode, message) => {
    const topic = await withSchema()
    expect(await produce(topic, { value: members })).toMatchObject({ status: 200, error_code: errorCode, message: expect.stringMatching(message) })
    expect(await topic.gateway.values('orders')).toEqual([])
  })

  it('is needed where nothing else says what the data is', async () => {
    const topic = await withTopic()
    expect(await produce(topic, { key: { data: 1 } })).toMatchObject({ error_code: 42201 })
    expect(await produce(topic, { value: { data: 'a' } })).toMatchObject({ error_code: 42202, message: expect.stringMatching(/^No schema is registered for the values of topic 'orders'/) })
  })

  it('of a subject that the caller may not read is refused', async () => {
    const topic = await withSchema()
    await topic.gateway.allow('alice', 'write', 'topic', 'orders')
    expect(await produce(topic, { value: { subject: 'other', data: 'a' } }, 'alice')).toMatchObject({ status: 200, error_code: 40301 })
    await topic.gateway.allow('alice', 'read', 'subject', 'other')
    expect(await produce(topic, { value: { subject: 'other', data: 'a' } }, 'alice')).toMatchObject({ status: 200, error_code: 200 })
  })
})

describe('a topic', () => {
  it('is written by who may write it, and reads the same whether it is there or not for who may not', async () => {
    const topic = await withTopic()
    const record = { value: { type: 'STRING', data: 'a' } }
    for (const path of [topic.path, `${topic.path}:batch`]) {
      const denied = await topic.gateway.as('alice').post(path).send(record)
      expect([denied.status, denied.body]).toEqual([403, { error_code: 40301, message: 'Not authorized to access topics: [orders]' }])
      expect((await topic.gateway.as('alice').post(path.replace('orders', 'absent')).send(record)).body).toEqual({ error_code: 40301, message: 'Not authorized to access topics: [absent]' })
      const absent = await topic.gateway.as(admin).post(path.replace('orders', 'absent')).send(record)
      expect([absent.status, absent.body]).toEqual([404, { error_code: 40403, message: 'This server does not host this topic-partition.' }])
    }
    await topic.gateway.allow('alice', 'write', 'topic', 'orders')
    expect(await produce(topic, record, 'alice')).toMatchObject({ status: 200, error_code: 200 })
  })

  it('is made where topics are made by being written to', async () => {
    const gateway = await testGateway({ autoCreateTopics: true })
    const { id } = await gateway.parts.admin.cluster()
    expect(await produce({ gateway, path: `/v3/clusters/${id}/topics/fresh/records` }, { value: { type: 'STRING', data: 'a' } })).toMatchObject({ error_code: 200 })
  })

  const fault = { part: 'value', pointer: '/a', reason: 'is bad' } as const
  const record = (data: string): string => JSON.stringify({ value: { type: 'STRING', data } })
  const isBad = async (_topic: Topic, records: readonly RecordParts[]): Promise<(RecordFault | null)[]> => records.map(one => (one.value?.toString() === 'bad' ? fault : null))

  async function validating(validation: Partial<Validation>): Promise<{ gateway: TestGateway; path: string }> {
    const gateway = await testGateway({
      validation: { ...rejecting(() => null), check: isBad, putDeadLetters: () => { throw new Error('nothing is put aside') }, ...validation },
    })
    await gateway.createTopic('orders')
    const { id } = await gateway.parts.admin.cluster()
    return { gateway, path: `/v3/clusters/${id}/topics/orders/records` }
  }

  it('has its own validation here too', async () => {
    const topic = await validating({})
    expect(await produceAll(topic, record('bad') + record('good'))).toMatchObject([{ error_code: 42206, message: 'value at /a: is bad', faults: [fault] }, { error_code: 200, offset: 0 }])
    expect(await topic.gateway.values('orders')).toEqual(['good'])
  })

  it('may have its dead letters kept: what fits is stored, and the others are told where they lie', async () => {
    const put: DeadLetter[] = []
    const topic = await validating({
      onInvalid: () => 'dead-letter',
      putDeadLetters: async (_topic, origin, letters) => {
        expect(origin).toMatchObject({ topic: 'orders', partition: 0, wayIn: 'rest', caller: { principal: { name: `CN=${admin}` } } })
        return letters.map(letter => ({ topic: 'dead', partition: 0, offset: put.push(letter) - 1 }))
      },
    })
    const reports = await produceAll(topic, `${record('bad')}${record('good')}{"value":{"type":"BINARY","data":"***"}}`)
    expect(reports).toMatchObject([
      { error_code: 42206, message: 'value at /a: is bad; the record lies in dead-letter topic \'dead\', partition 0, offset 0', faults: [fault] },
      { error_code: 200, offset: 0 },
      { error_code: 42206, message: expect.stringMatching(/lies in dead-letter topic 'dead', partition 0, offset 1$/) },
    ])
    expect(put.map(letter => letter.value?.toString())).toEqual(['bad', '"***"'])
    expect(await topic.gateway.values('orders')).toEqual(['good'])
  })

  it('stores nothing that comes with a record whose dead letter cannot be put', async () => {
    const topic = await validating({ onInvalid: () => 'dead-letter', putDeadLetters: async () => new Refusal('not-enough-replicas', 'not now') })
    expect(await produceAll(topic, record('bad') + record('good'))).toMatchObject([{ error_code: 50003, message: 'not now' }, { error_code: 50003 }])
    expect(await topic.gateway.values('orders')).toEqual([])
  })

  it.each([
    ['', 'application/json', 422, 422, 'Payload error. Request body is empty. Data is required.'],
    [' \n', 'application/json', 422, 422, 'Payload error. Request body is empty. Data is required.'],
    ['{}', 'text/plain', 415, 415, 'HTTP 415 Unsupported Media Type: \'text/plain\'; taken is application/json'],
  ])('takes no body %j of %s', async (body, type, status, errorCode, message) => {
    const { gateway, path } = await withTopic()
    const answer = await gateway.as(admin).post(path).set('content-type', type).send(body)
    expect([answer.status, answer.body]).toEqual([status, { error_code: errorCode, message }])
    description?.expectAnswer(operation, answer.status, answer.body)
  })
})

describe('a batch', () => {
  const batch = `${operation}:batch`

  it('is answered entry by entry', async () => {
    const { gateway, path } = await withTopic({}, 2)
    const entries = [
      { id: '1', partition_id: 1, value: { type: 'STRING', data: 'a' } },
      { id: 'two', value: { type: 'BINARY', data: '*' } },
      { id: '3', partition_id: 9 },
      { id: '4', partition_id: 1, key: { type: 'JSON', data: [1] }, headers: [{ name: 'h', value: 'YQ==' }] },
      { id: '5', offset: 1 },
    ]
    const answer = await gateway.as(admin).post(`${path}:batch`).send({ entries })
    description?.expectAnswer(batch, answer.status, { ...answer.body, failures: (answer.body.failures as Report[]).map(({ faults: _faults, ...one }) => one) })
    expect([answer.status, answer.body]).toMatchObject([207, {
      successes: [{ id: '1', topic_name: 'orders', partition_id: 1, offset: 0, value: { type: 'STRING', size: 1 } }, { id: '4', offset: 1, key: { type: 'JSON', size: 3 } }],
      failures: [
        { id: 'two', error_code: 42206, faults: [{ part: 'value', pointer: '' }] },
        { id: '3', error_code: 40403 },
        { id: '5', error_code: 400, message: 'Unrecognized field: offset' },
      ],
    }])
    expect(await gateway.values('orders', 1)).toEqual(['a', null])
  })

  it.each([
    ['{"entries":[]}', 422, 42208, /^Batch is empty$/],
    ['{}', 422, 42208, /^Batch is empty$/],
    ['{"entries":[{"id":"1"},{"id":"1"}]}', 422, 42208, /^Batch entry ids are not distinct: '1' is used twice$/],
    [`{"entries":[{"id":"${'x'.repeat(81)}"}]}`, 422, 42208, /1 to 80 characters/],
    ['{"entries":[{"id":""}]}', 422, 42208, /1 to 80 characters/],
    ['{"entries":[{"value":null}]}', 422, 42208, /^entries\[0\] has no id$/],
    [`{"entries":[${Array.from({ length: 10_001 }, (_, at) => `{"id":"${at}"}`).join(',')}]}`, 422, 42208, /^Too many entries in batch: more than 10000$/],
    [`{"entries":[{"id":"1","value":{"type":"STRING","data":"${'x'.repeat(4 * 1024 * 1024)}"}}]}`, 413, 413, /larger than/],
    ['{"entries":[{"id":"1"}', 400, 400, /malformed JSON/],
    ['{"entries":[{"id":"1"}]}x', 400, 400, /malformed JSON/],
    ['[]', 400, 400, /must be an object/],
    ['{"entries":{}}', 400, 400, /must be a list/],
    ['{"entries":[{"id":"1"}],"entries":[{"id":"2"}]}', 400, 400, /more than once/],
    ['{"records":[]}', 400, 400, /^Unrecognized field: records$/],
  ])('that is none is refused as a whole: %.60s', async (body, status, errorCode, message) => {
    const { gateway, path } = await withTopic()
    const answer = await gateway.as(admin).post(`${path}:batch`).set('content-type', 'application/json').send(body)
    expect([answer.status, answer.body]).toEqual([status, { error_code: errorCode, message: expect.stringMatching(message) }])
    // The description forgets that a batch may be refused with 413 and 422.
    if (answer.status === 400) description?.expectAnswer(batch, answer.status, answer.body)
    expect(await gateway.values('orders')).toEqual([])
  })
})
