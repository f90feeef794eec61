// SubscribeToShard over every transport of a started listener: what is on the wire, how a slow peer slows it down, what its going frees, how it ends when the listener closes.
import { once } from 'node:events'
import { type IncomingMessage, request as httpRequest } from 'node:http'
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from 'node:http2'
import type { Readable } from 'node:stream'
import { crc32 } from 'node:zlib'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type KinesisServer, startKinesis } from '../../src/kinesis/server.ts'
import { EventDecoder, type EventMessage } from '../../src/wire/event-stream.ts'
import { selfSigned } from './support/certificate.ts'
import { arn, realClock, sign, testKinesis, type TestKinesis } from './support/kinesis.ts'

const certificate = selfSigned()
const ShardId = 'shardId-000000000000'
const closing: (() => unknown)[] = []
afterEach(async () => { for (const close of closing.splice(0).toReversed()) await close() })

interface World {
  readonly kinesis: TestKinesis
  readonly server: KinesisServer
  readonly arns: readonly string[]
}

async function world(consumers = 1): Promise<World> {
  const kinesis = await testKinesis({ clock: realClock })
  const server = await startKinesis({ host: '127.0.0.1', port: 0, plain: true, tls: certificate, handler: kinesis.handler, logger: kinesis.logger })
  closing.push(() => server.close())
  await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 1 })
  const arns: string[] = []
  for (let nth = 0; nth < consumers; nth++) {
    arns.push((await kinesis.ok<{ Consumer: { ConsumerARN: string } }>('RegisterStreamConsumer', { StreamARN: arn('orders'), ConsumerName: `c${nth}` })).Consumer.ConsumerARN)
  }
  return { kinesis, server, arns }
}

interface Opened {
  readonly stream: Readable
  readonly headers: Readonly<Record<string, unknown>>
  /** Resolves when the server has ended it, with the code where it was reset. */
  readonly ended: Promise<number>
  cut(): void
}

const bodyOf = (ConsumerARN: string, Type = 'TRIM_HORIZON'): string => JSON.stringify({ ConsumerARN, ShardId, StartingPosition: { Type } })

async function overHttp1(server: KinesisServer, ConsumerARN: string): Promise<Opened> {
  const body = bodyOf(ConsumerARN)
  const request = httpRequest({ port: server.port, host: '127.0.0.1', method: 'POST', path: '/', headers: sign('SubscribeToShard', body, Date.now()), agent: false })
  request.on('error', () => {}).end(body)
  const [response] = await once(request, 'response') as [IncomingMessage]
  response.on('error', () => {})
  closing.push(() => request.destroy())
  return { stream: response, headers: response.headers, ended: new Promise(resolve => { response.once('close', () => resolve(response.complete ? 0 : 1)) }), cut: () => request.destroy() }
}

function session(server: KinesisServer, scheme: 'http' | 'https' = 'http', settings = {}): ClientHttp2Session {
  const one = connectHttp2(`${scheme}://127.0.0.1:${server.port}`, { ca: certificate.cert, settings }).on('error', () => {})
  closing.push(() => one.destroy())
  return one
}

async function overHttp2(one: ClientHttp2Session, ConsumerARN: string): Promise<Opened & { readonly stream: ClientHttp2Stream }> {
  const body = bodyOf(ConsumerARN)
  const stream = one.request({ ':method': 'POST', ':path': '/', ...sign('SubscribeToShard', body, Date.now()) }).on('error', () => {})
  stream.end(body)
  const [headers] = await once(stream, 'response') as [Record<string, unknown>]
  return { stream, headers, ended: new Promise(resolve => { stream.once('close', () => resolve(stream.rstCode ?? -1)) }), cut: () => stream.close(8) }
}

/** Messages as they come. */
class Messages {
  readonly #iterator: AsyncIterator<Buffer>
  readonly #decoder = new EventDecoder()
  readonly #whole: EventMessage[] = []
  /** The first bytes of all. */
  readonly #first: Buffer[] = []

  constructor(stream: Readable) {
    this.#iterator = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  }

  get first(): Buffer {
    return Buffer.concat(this.#first)
  }

  /** Undefined at the end. */
  async next(): Promise<{ type: string; body: Record<string, unknown> } | undefined> {
    while (this.#whole.length === 0) {
      const { done, value } = await this.#iterator.next()
      if (done === true) return undefined
      if (this.#first.length < 10) this.#first.push(value)
      this.#whole.push(...this.#decoder.take(value))
    }
    const { headers, payload } = this.#whole.shift()!
    return { type: headers.get(headers.get(':message-type') === 'exception' ? ':exception-type' : ':event-type')!, body: JSON.parse(payload.toString()) as Record<string, unknown> }
  }
}

const put = (kinesis: TestKinesis, data: string | Buffer): Promise<{ SequenceNumber: string }> => (
  kinesis.ok('PutRecord', { StreamName: 'orders', PartitionKey: 'k', Data: Buffer.from(data).toString('base64') }))

const transports: Record<string, (server: KinesisServer, ConsumerARN: string) => Promise<Opened>> = {
  'HTTP/1.1': overHttp1,
  'HTTP/2 in the clear': (server, ConsumerARN) => overHttp2(session(server), ConsumerARN),
  'HTTP/2 over TLS': (server, ConsumerARN) => overHttp2(session(server, 'https'), ConsumerARN),
}

describe.each(Object.entries(transports))('over %s', (_name, open) => {
  it('messages come as they are made, byte by byte as the format has it', async () => {
    const { kinesis, server, arns: [ConsumerARN] } = await world()
    const { stream, headers } = await open(server, ConsumerARN!)
    expect(headers['content-type']).toBe('application/vnd.amazon.eventstream')
    expect(headers['content-length']).toBeUndefined()
    expect(headers['x-amzn-requestid']).toMatch(/^[0-9a-f-]{36}$/)
    const messages = new Messages(stream)
    expect(await messages.next()).toEqual({ type: 'initial-response', body: {} })
    const first = await messages.next()
    expect(first).toMatchObject({ type: 'SubscribeToShardEvent', body: { Records: [], MillisBehindLatest: 0 } })
    const { SequenceNumber } = await put(kinesis, 'hello')
    expect(await messages.next()).toMatchObject({ type: 'SubscribeToShardEvent', body: { Records: [{ SequenceNumber, PartitionKey: 'k', Data: Buffer.from('hello').toString('base64') }] } })
    expect(messages.first.subarray(0, 104)).toEqual(initialResponse())
  })

  it('its place is free as soon as the peer goes', async () => {
    const { kinesis, server, arns: [ConsumerARN] } = await world()
    const opened = await open(server, ConsumerARN!)
    await new Messages(opened.stream).next()
    expect(kinesis.handler.services.fanOut.count).toBe(1)
    opened.cut()
    await vi.waitFor(() => expect(kinesis.handler.services.fanOut.count).toBe(0))
    const again = await open(server, ConsumerARN!)
    expect(await new Messages(again.stream).next()).toMatchObject({ type: 'initial-response' })
  })

  it('a listener that closes ends it cleanly', async () => {
    const { kinesis, server, arns: [ConsumerARN] } = await world()
    const { stream, ended } = await open(server, ConsumerARN!)
    const messages = new Messages(stream)
    await messages.next()
    await messages.next()
    const closed = server.close()
    expect(await messages.next()).toBeUndefined()
    expect(await ended).toBe(0)
    await closed
    expect(kinesis.handler.services.fanOut.count).toBe(0)
    expect(kinesis.logger.lines.filter(line => line.level === 'error')).toEqual([])
  })

  it('a peer that does not read is not read for: what is under way is bounded', async () => {
    const { kinesis, server, arns: [ConsumerARN] } = await world()
    const count = 60
    const Data = Buffer.alloc(500_000).toString('base64')
    for (let put = 0; put < count; put += 15) await kinesis.ok('PutRecords', { StreamName: 'orders', Records: Array.from({ length: 15 }, () => ({ PartitionKey: 'k', Data })) })
    let pages = 0
    const { logs } = kinesis.backend
    const ends = logs.ends.bind(logs)
    logs.ends = at => { pages++; return ends(at) }
    const { stream } = await open(server, ConsumerARN!)
    stream.pause()
    // Sockets take some megabytes by themselves.
    let before = -1
    await vi.waitFor(() => {
      const isStill = pages === before
      before = pages
      if (!isStill) throw new Error('still reading')
    }, { interval: 100, timeout: 10_000 })
    expect(pages).toBeLessThan(count / 2)
    const messages = new Messages(stream)
    let records = 0
    while (records < count) records += ((await messages.next())!.body['Records'] as unknown[] | undefined)?.length ?? 0
    expect(records).toBe(count)
  })
})

describe('over one HTTP/2 session', () => {
  it('many subscriptions go side by side, and one that is not read holds up no other', async () => {
    const { kinesis, server, arns } = await world(20)
    const one = session(server)
    const opened = await Promise.all(arns.map(ConsumerARN => overHttp2(one, ConsumerARN)))
    const [stalled, ...others] = opened.map(({ stream }) => ({ stream, messages: new Messages(stream) }))
    stalled!.stream.pause()
    for (let nth = 0; nth < 10; nth++) await put(kinesis, Buffer.alloc(100_000, nth))
    for (const { messages } of others) {
      let records = 0
      while (records < 10) records += ((await messages.next())!.body['Records'] as unknown[] | undefined)?.length ?? 0
    }
    expect(kinesis.handler.services.fanOut.count).toBe(20)
  })
})

/** Written out by hand. */
function initialResponse(): Buffer {
  const header = (name: string, value: string): Buffer => Buffer.concat([
    Buffer.from([name.length]), Buffer.from(name), Buffer.from([7, 0, value.length]), Buffer.from(value),
  ])
  const headers = Buffer.concat([header(':message-type', 'event'), header(':event-type', 'initial-response'), header(':content-type', 'application/json')])
  const prelude = Buffer.alloc(12)
  prelude.writeUInt32BE(12 + headers.length + 2 + 4, 0)
  prelude.writeUInt32BE(headers.length, 4)
  prelude.writeUInt32BE(crc32(prelude.subarray(0, 8)), 8)
  const message = Buffer.concat([prelude, headers, Buffer.from('{}'), Buffer.alloc(4)])
  message.writeUInt32BE(crc32(message.subarray(0, -4)), message.length - 4)
  return message
}
