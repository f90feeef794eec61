// Event streams over a real connection: what comes, where it goes on, and when it ends. Time is simulated and runs along, so that heartbeats come soon.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { createGateway } from '../../../src/gateway/app.ts'
import type { Door } from '../../../src/gateway/authentication.ts'
import { formatCursor, parseCursor } from '../../../src/gateway/rest/events/cursor.ts'
import { EventStreams } from '../../../src/gateway/rest/events/event-streams.ts'
import type { Logs } from '../../../src/ports.ts'
import { buildBatch } from '../../../src/wire/batch.ts'
import { admin, testGateway, type TestGateway } from '../../support/gateway.ts'
import { until } from '../../support/kafka-clients.ts'
import { listening } from '../../support/registry-app.ts'
import { SimClock } from '../../sim/clock.ts'

const json = 'application/vnd.kafka.json.v2+json'

interface Event {
  readonly name: string
  readonly id: string
  readonly data: unknown
}

interface Stream extends AsyncDisposable {
  readonly status: number
  readonly type: string
  readonly events: Event[]
  /** The id that a client would send back. */
  lastId: string
  comments: number
  isOver: boolean
}

interface Desk extends AsyncDisposable {
  readonly gateway: TestGateway
  readonly streams: EventStreams
  readonly url: string
  open(path: string, headers?: Record<string, string>): Promise<Stream>
  produce(topic: string, partition: number, ...values: unknown[]): Promise<void>
}

async function desk(options: { as?: string; streams?: EventStreams; logs?: (logs: Logs) => Logs; bodyBytesInFlightMax?: number; verify?: () => ReturnType<Door['tokens']['verify']> } = {}): Promise<Desk> {
  const clock = new SimClock()
  const streams = options.streams ?? new EventStreams()
  const plain = await testGateway({ clock, streams, ...options.bodyBytesInFlightMax !== undefined && { bodyBytesInFlightMax: options.bodyBytesInFlightMax } })
  const gateway = options.logs === undefined ? plain : { ...plain, parts: { ...plain.parts, logs: options.logs(plain.parts.logs) } }
  const name = options.as ?? admin
  const door = {
    judge: () => ({ principal: { type: 'User', name: `CN=${name}` }, certificateSha256: 'thumbprint' }),
    tokens: { verify: options.verify ?? (() => ({ principal: { type: 'User', name: `CN=${name}` }, expiresAt: 0 })) }, tokenTtlS: 1, audit: gateway.parts.audit,
  } as unknown as Door
  const server = await listening(createGateway({ ...gateway.parts, door }))
  let isRunning = true
  const time = (async () => { while (isRunning) await clock.advance(5) })()
  return {
    gateway, streams, url: server.url,
    async open(path, headers = {}) {
      const ending = new AbortController()
      const response = await fetch(`${server.url}${path}`, { headers: { accept: 'text/event-stream', ...headers }, signal: ending.signal })
      const stream: Stream = {
        status: response.status, type: response.headers.get('content-type') ?? '', events: [], lastId: '', comments: 0, isOver: false,
        async [Symbol.asyncDispose]() {
          ending.abort()
          await reading
        },
      }
      const reading = read(response, stream).catch(() => { stream.isOver = true })
      return stream
    },
    async produce(topic, partition, ...values) {
      const { status } = await gateway.as(admin).post(`/topics/${topic}/partitions/${partition}`).type(json).send({ records: values.map(value => ({ value })) })
      expect(status).toBe(200)
    },
    async [Symbol.asyncDispose]() {
      streams[Symbol.dispose]()
      await server[Symbol.asyncDispose]()
      isRunning = false
      await time
    },
  }
}

/** As the HTML standard reads an event stream. */
async function read(response: Response, stream: Stream): Promise<void> {
  let text = ''
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk
    for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
      const lines = text.slice(0, end).split('\n')
      text = text.slice(end + 2)
      const field = (name: string): string[] => lines.filter(line => line.startsWith(`${name}: `)).map(line => line.slice(name.length + 2))
      stream.comments += lines.filter(line => line.startsWith(':')).length
      const [id = stream.lastId] = field('id')
      stream.lastId = id
      const data = field('data')
      if (data.length > 0) stream.events.push({ name: field('event')[0] ?? 'message', id, data: JSON.parse(data.join('\n')) as unknown })
    }
  }
  stream.isOver = true
}

const valuesOf = (stream: Stream): unknown[] => stream.events.map(event => (event.data as { value: unknown }).value)

describe('an event stream of a partition', () => {
  it('gives each record as it comes, in the shape of the reads, with where to go on as its id', async () => {
    await using d = await desk()
    await d.gateway.createTopic('orders')
    await d.produce('orders', 0, 'before')
    await using stream = await d.open('/topics/orders/partitions/0/records?format=json')
    expect([stream.status, stream.type]).toEqual([200, 'text/event-stream; charset=utf-8'])
    await until('the first mark', () => stream.lastId === '0:1')
    await d.produce('orders', 0, { n: 1 }, 'two\nlines')
    await until('two events', () => stream.events.length === 2)
    expect(stream.events[0]).toEqual({
      name: 'message', id: '0:2', data: { topic: 'orders', key: null, value: { n: 1 }, partition: 0, offset: 1, timestamp: expect.any(Number), headers: [] },
    })
    expect(stream.events[1]).toMatchObject({ id: '0:3', data: { value: 'two\nlines' } })
  })

  it('begins where it is told', async () => {
    await using d = await desk()
    await d.gateway.createTopic('orders')
    await d.produce('orders', 0, 1, 2, 3)
    const values = async (query: string, headers?: Record<string, string>): Promise<unknown[]> => {
      await using stream = await d.open(`/topics/orders/partitions/0/records${query}`, headers)
      await until('the last event', () => stream.lastId === '0:3')
      return valuesOf(stream)
    }
    expect(await values('?offset=earliest')).toEqual([1, 2, 3])
    expect(await values('?offset=1')).toEqual([2, 3])
    expect(await values('')).toEqual([])
    expect(await values('', { 'last-event-id': '0:2' })).toEqual([3])
    expect(await values('?offset=earliest', { 'last-event-id': '0:3' })).toEqual([])
  })

  it('goes on exactly where its client was, whenever the connection breaks', async () => {
    await using d = await desk()
    await d.gateway.createTopic('orders')
    await d.produce('orders', 0, ...Array.from({ length: 50 }, (_, at) => at))
    const seen: unknown[] = []
    let last = '0:0'
    for (let connections = 0; seen.length < 50; connections++) {
      expect(connections).toBeLessThan(50)
      await using stream = await d.open('/topics/orders/partitions/0/records', { 'last-event-id': last })
      await until('some events', () => stream.events.length > 0)
      // As if only these had come through.
      const through = stream.events.slice(0, 7)
      seen.push(...through.map(event => (event.data as { value: unknown }).value))
      last = through.at(-1)!.id
    }
    expect(seen).toEqual(Array.from({ length: 50 }, (_, at) => at))
  })

  it('sends a heartbeat with its position where nothing happens', async () => {
    await using d = await desk()
    await d.gateway.createTopic('orders')
    await using stream = await d.open('/topics/orders/partitions/0/records')
    await until('heartbeats', () => stream.comments >= 3)
    expect([stream.lastId, stream.events]).toEqual(['0:0', []])
  })

  it('shows formats as the reads do, and Avro in either form', async () => {
    await using d = await desk()
    await d.gateway.createTopic('orders')
    const schema = JSON.stringify({ type: 'record', name: 'O', fields: [{ name: 'note', type: ['null', 'string'] }] })
    await d.gateway.as(admin).post('/subjects/orders-value/versions').send({ schema })
    await d.gateway.as(admin).post('/topics/orders').type('application/json').send({ records: [{ value: { note: 'gift' } }] })
    const first = async (query: string): Promise<unknown> => {
      await using stream = await d.open(`/topics/orders/partitions/0/records?offset=earliest${query}`)
      await until('an event', () => stream.events.length > 0)
      return valuesOf(stream)[0]
    }
    expect(await first('')).toEqual({ note: 'gift' })
    expect(await first('&format=avro')).toEqual({ note: { string: 'gift' } })
    expect(await first('&format=avro&avro=plain')).toEqual({ note: 'gift' })
    expect(await first('&format=binary')).toBe(Buffer.from('0000000001' + '0208' + Buffer.from('gift').toString('hex'), 'hex').toString('base64'))
  })

  it('says what retention took before the client came back, and goes on', async () => {
    await using d = await desk()
    await d.gateway.createTopic('orders')
    await d.produce('orders', 0, 1, 2, 3)
    await d.gateway.parts.admin.deleteRecords({ topic: 'orders', partition: 0 }, 2)
    await using stream = await d.open('/topics/orders/partitions/0/records', { 'last-event-id': '0:1' })
    await until('the last record', () => stream.events.length === 2)
    expect(stream.events).toMatchObject([{ name: 'gap', id: '0:2', data: { topic: 'orders', partition: 0, from: 1, to: 2 } }, { name: 'message', data: { value: 3 } }])
  })

  it.each([
    ['', { 'last-event-id': 'seven' }, 400, 40002],
    ['', { 'last-event-id': '1:0' }, 400, 40002],
    ['', { 'last-event-id': '0:9' }, 404, 40403],
    ['?format=xml', {}, 400, 40002],
    ['?offset=-1', {}, 400, 40002],
  ])('is refused with %s %o', async (query, headers: Record<string, string>, status, errorCode) => {
    const gateway = await testGateway()
    await gateway.createTopic('orders')
    const { status: given, body } = await gateway.as(admin).get(`/topics/orders/partitions/0/records${query}`).set({ accept: 'text/event-stream', ...headers })
    expect([given, (body as { error_code: number }).error_code]).toEqual([status, errorCode])
  })
})

describe('an event stream of a topic', () => {
  it('has the records of all partitions, and goes on in each', async () => {
    await using d = await desk()
    await d.gateway.createTopic('orders', { partitions: 3 })
    await d.produce('orders', 0, 'a')
    await d.produce('orders', 2, 'b')
    let last: string
    {
      await using stream = await d.open('/topics/orders/events?offset=earliest')
      await until('both', () => stream.events.length === 2)
      expect(valuesOf(stream).toSorted()).toEqual(['a', 'b'])
      last = stream.lastId
    }
    expect(last).toBe('0:1,1:0,2:1')
    await d.produce('orders', 1, 'c')
    await d.produce('orders', 2, 'd')
    await using stream = await d.open('/topics/orders/events', { 'last-event-id': last })
    await until('both', () => stream.events.length === 2)
    expect(valuesOf(stream).toSorted()).toEqual(['c', 'd'])
  })

  it('takes partitions in that are new, from their beginning', async () => {
    await using d = await desk()
    await d.gateway.createTopic('orders')
    await using stream = await d.open('/topics/orders/events')
    await until('the first mark', () => stream.lastId === '0:0')
    await d.gateway.parts.admin.createPartitions('orders', 2, { validateOnly: false })
    await d.produce('orders', 1, 'new')
    await until('its record', () => stream.events.length === 1)
    expect(stream.lastId).toBe('0:0,1:1')
  })

  it('ends with an error where the topic is deleted', async () => {
    await using d = await desk()
    await d.gateway.createTopic('orders')
    await using stream = await d.open('/topics/orders/events')
    await until('the first mark', () => stream.lastId !== '')
    await d.gateway.parts.admin.deleteTopic('orders')
    await until('its end', () => stream.isOver)
    expect(stream.events).toMatchObject([{ name: 'error', data: { error_code: 40401 } }])
  })

  it('is given as an event stream only', async () => {
    const gateway = await testGateway()
    await gateway.createTopic('orders')
    const { status, body } = await gateway.as(admin).get('/topics/orders/events').set('accept', 'application/json')
    expect([status, (body as { error_code: number }).error_code]).toEqual([406, 40601])
    const wide = await testGateway()
    await wide.createTopic('wide', { partitions: 201 })
    expect((await wide.as(admin).get('/topics/wide/events').set('accept', 'text/event-stream')).status).toBe(422)
  })
})

describe('who has an event stream', () => {
  it('may read the topic; a refusal does not tell whether it exists', async () => {
    const gateway = await testGateway()
    await gateway.createTopic('orders')
    for (const path of ['/topics/orders/events', '/topics/orders/partitions/0/records', '/topics/phantom/events', '/topics/phantom/partitions/0/records']) {
      const { status, body } = await gateway.as('bob').get(path).set('accept', 'text/event-stream')
      expect([path, status, body]).toEqual([path, 403, { error_code: 40301, message: `Not authorized to access topics: [${path.split('/')[2]}]` }])
    }
  })

  it('loses it with the right to read, at the next heartbeat', async () => {
    await using d = await desk({ as: 'bob' })
    await d.gateway.createTopic('orders')
    await d.gateway.allow('bob', 'read', 'topic', 'orders')
    await using stream = await d.open('/topics/orders/events')
    expect(stream.status).toBe(200)
    await d.gateway.parts.access.delete([{ resourceType: 'topic' }], { principal: { type: 'User', name: 'CN=admin' }, host: '127.0.0.1' })
    await until('its end', () => stream.isOver)
    expect(stream.events).toMatchObject([{ name: 'error', data: { error_code: 40301 } }])
  })

  it('loses it when the token runs out', async () => {
    let isValid = true
    await using d = await desk({ verify: () => (isValid ? { principal: { type: 'User', name: `CN=${admin}` }, expiresAt: 0 } : { rejected: 'jwt expired' }) })
    await d.gateway.createTopic('orders')
    await using stream = await d.open('/topics/orders/events', { authorization: 'Bearer x' })
    await until('the first mark', () => stream.lastId !== '')
    isValid = false
    await until('its end', () => stream.isOver)
    expect(stream.events).toMatchObject([{ name: 'error', data: { error_code: 40101 } }])
  })

  it('has a bounded number of them', async () => {
    await using d = await desk({ streams: new EventStreams({ countPerPrincipalMax: 1 }) })
    await d.gateway.createTopic('orders')
    {
      await using stream = await d.open('/topics/orders/events')
      expect([stream.status, (await fetch(`${d.url}/topics/orders/events`)).status]).toEqual([200, 429])
    }
    await until('the place to be free', () => d.streams.count === 0)
    await using again = await d.open('/topics/orders/events')
    expect(again.status).toBe(200)
  })
})

describe('every event stream', () => {
  it('ends cleanly when the server stops, and none begins after that', async () => {
    await using d = await desk()
    await d.gateway.createTopic('orders')
    await using stream = await d.open('/topics/orders/events')
    await until('the first mark', () => stream.lastId !== '')
    d.streams[Symbol.dispose]()
    await until('its end', () => stream.isOver)
    expect(stream.events).toEqual([])
    expect((await fetch(`${d.url}/topics/orders/events`)).status).toBe(503)
  })

  it('waits for a client that does not read, and reads nothing ahead of it', async () => {
    let bytesRead = 0
    await using d = await desk({
      bodyBytesInFlightMax: 500_000,
      logs: logs => ({
        ...logs,
        async read(at, from, how) {
          const slice = await logs.read(at, from, how)
          if ('batches' in slice) bytesRead += slice.batches.reduce((sum, batch) => sum + batch.bytes.length, 0)
          return slice
        },
      }),
    })
    await d.gateway.createTopic('orders')
    const count = 250
    const record = { key: null, value: Buffer.from(JSON.stringify('x'.repeat(150_000))) }
    for (let at = 0; at < count; at++) {
      await d.gateway.backend.logs.append({ topic: 'orders', partition: 0 }, buildBatch([record], { timestampMs: 0 }), { acks: 'all', timeoutMs: 1_000 })
    }
    const socket = connect(Number(new URL(d.url).port), '127.0.0.1')
    socket.pause()
    socket.write('GET /topics/orders/events?offset=earliest HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n')
    // Until what the system buffers for the two sockets is full.
    let before = 0
    let looks = 0
    await until('the stream to stand still', () => {
      looks = bytesRead > 0 && bytesRead === before ? looks + 1 : 0
      before = bytesRead
      return looks === 25
    })
    expect(bytesRead).toBeLessThan(24_000_000)
    // What the slow client holds is counted: another that would hold more than there is room for is sent away, and may come back.
    await using second = await d.open('/topics/orders/events?offset=earliest')
    await until('the end of the second', () => second.isOver)
    expect(second.events.at(-1)).toMatchObject({ name: 'error', data: { error_code: 503 } })
    let received = 0
    socket.on('data', chunk => { received += chunk.length }).resume()
    await until('all of it', () => received > count * 150_000)
    expect(bytesRead).toBeGreaterThan(count * 150_000)
    socket.destroy()
  })
})

describe('a client that is gone before its stream begins', () => {
  it('is not counted, and nothing is read for it', async () => {
    const streams = new EventStreams()
    const signals: AbortSignal[] = []
    const server = createServer((request, response) => {
      response.once('close', () => setImmediate(() => {
        signals.push(streams.open({ principal: { type: 'User', name: 'bob' }, host: '127.0.0.1' }, response as unknown as Parameters<EventStreams['open']>[1]))
      }))
      request.socket.destroy()
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`).catch(() => {})
    await until('the stream', () => signals.length > 0)
    server.close()
    expect([streams.count, signals.map(signal => signal.aborted)]).toEqual([0, [true]])
  })
})

describe('the id of an event', () => {
  it('is read as it is written, and nothing else is', () => {
    const cursor = new Map([[0, 42], [7, 0]])
    expect(parseCursor(formatCursor(cursor))).toEqual(cursor)
    for (const text of ['', '0', '0:', '0:1,', '0:1,0:2', '-1:0', '0:1e3', `0:${'9'.repeat(16)}`, '0:1,'.repeat(5000)]) expect(() => parseCursor(text), text.slice(0, 20)).toThrow('Last-Event-ID')
  })
})
