import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2, constants } from 'node:http2'
import { type Socket, connect } from 'node:net'
import { type TLSSocket, connect as connectTls } from 'node:tls'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { bodiesBytesMax, bodyBytesMax } from '../../src/kinesis/body.ts'
import type { KinesisRequest } from '../../src/kinesis/handler.ts'
import { type KinesisServer, type KinesisServerOptions, startKinesis } from '../../src/kinesis/server.ts'
import { realClock, sign, testKinesis, type TestKinesis } from './support/kinesis.ts'
import { selfSigned } from './support/certificate.ts'

const certificate = selfSigned()
const started: KinesisServer[] = []
const sockets: { destroy(): void }[] = []
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await Promise.all(started.splice(0).map(server => server.close()))
})

async function start(options: Partial<KinesisServerOptions> = {}): Promise<{ kinesis: TestKinesis; server: KinesisServer }> {
  const kinesis = await testKinesis({ clock: realClock })
  const server = await startKinesis({ host: '127.0.0.1', port: 0, plain: true, handler: kinesis.handler, logger: kinesis.logger, ...options })
  started.push(server)
  return { kinesis, server }
}

function open(server: KinesisServer): Socket {
  const socket = connect(server.port, '127.0.0.1').on('error', () => {})
  sockets.push(socket)
  return socket
}

function session(server: KinesisServer): ClientHttp2Session {
  const one = connectHttp2(`http://127.0.0.1:${server.port}`).on('error', () => {})
  sockets.push(one)
  return one
}

/** Everything the peer sends until it closes; a reset is a way of closing. */
async function all(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', (chunk: Buffer) => { text += chunk.toString('latin1') })
  await closed(socket)
  return text
}

/** `once(…, 'close')` would reject for the error that comes before. */
function closed(one: NodeJS.EventEmitter): Promise<void> {
  return new Promise(resolve => void one.once('close', () => resolve()))
}

/** ListStreams over HTTP/2; its status. */
async function listStreams(one: ClientHttp2Session, body = '{}'): Promise<number> {
  const stream = one.request({ ':method': 'POST', ':path': '/', ...sign('ListStreams', body, Date.now()) })
  stream.end(body)
  stream.resume()
  const [headers] = await once(stream, 'response') as [Record<string, unknown>]
  await closed(stream)
  return Number(headers[':status'])
}

/** ListStreams over HTTP/1.1; its status. */
async function listStreams1(server: KinesisServer): Promise<number> {
  const body = '{}'
  const request = httpRequest({ port: server.port, host: '127.0.0.1', method: 'POST', path: '/', headers: sign('ListStreams', body, Date.now()), agent: false })
  request.end(body)
  const [response] = await once(request, 'response') as [{ statusCode: number; resume(): void }]
  response.resume()
  return response.statusCode
}

describe('one port', () => {
  test('answers HTTP/1.1, HTTP/2 and TLS with either, told apart by the first bytes', async () => {
    const kinesis = await testKinesis({ clock: realClock })
    const encrypted: unknown[] = []
    // What policies ask for as aws:SecureTransport.
    const handler = { ...kinesis.handler, handle: (asked: KinesisRequest) => { encrypted.push(asked.isEncrypted); return kinesis.handler.handle(asked) } }
    const { server } = await start({ tls: certificate, handler })
    expect(await listStreams1(server)).toBe(200)
    expect(await listStreams(session(server))).toBe(200)
    expect(encrypted.splice(0)).toEqual([false, false])
    const one = connectHttp2(`https://127.0.0.1:${server.port}`, { ca: certificate.cert })
    expect(await listStreams(one)).toBe(200)
    one.close()
    const tls = connectTls({ port: server.port, host: '127.0.0.1', ca: certificate.cert, ALPNProtocols: ['http/1.1'] })
    await once(tls, 'secureConnect')
    expect(tls.alpnProtocol).toBe('http/1.1')
    tls.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
    expect(await all(tls)).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/)
    expect(encrypted).toEqual([true, true])
  })

  test('knows a greeting that comes byte by byte', async () => {
    const { server } = await start()
    for (const greeting of ['POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n', 'PUT / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n']) {
      const socket = open(server).setNoDelay(true)
      const answer = all(socket)
      for (const char of greeting) {
        socket.write(char)
        await new Promise(setImmediate)
      }
      expect(await answer).toMatch(/^HTTP\/1\.1 403/)
    }
  })

  test('knows HTTP/2 and HTTP/1.1 by their first bytes from TLS clients, too, that negotiate no protocol, as the SDK for Java does', async () => {
    const { server } = await start({ tls: certificate, plain: false, limits: { greetingMs: 300 } })
    const unnegotiated = (): TLSSocket => {
      const socket = connectTls({ port: server.port, host: '127.0.0.1', ca: certificate.cert })
      sockets.push(socket)
      return socket
    }
    const one = connectHttp2(`https://127.0.0.1:${server.port}`, { createConnection: unnegotiated })
    expect(await listStreams(one)).toBe(200)
    expect((one.socket as TLSSocket).alpnProtocol).toBe(false)
    one.close()
    const older = unnegotiated()
    older.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
    expect(await all(older)).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/)
    const silent = unnegotiated()
    expect(await all(silent)).toBe('')
  })

  test('speaks only TLS where plain is not allowed', async () => {
    const { server } = await start({ tls: certificate, plain: false })
    for (const greeting of ['POST / HTTP/1.1\r\n\r\n', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n']) {
      const socket = open(server)
      socket.write(greeting)
      expect(await all(socket)).toBe('')
    }
    const one = connectHttp2(`https://127.0.0.1:${server.port}`, { ca: certificate.cert })
    expect(await listStreams(one)).toBe(200)
    one.close()
  })

  test('takes a new certificate for handshakes to come', async () => {
    const { server } = await start({ tls: certificate, plain: false })
    const next = selfSigned()
    server.setSecureContext(next)
    const one = connectHttp2(`https://127.0.0.1:${server.port}`, { ca: next.cert })
    expect(await listStreams(one)).toBe(200)
    one.close()
  })

  test('that is taken is told at once', async () => {
    const { server, kinesis } = await start()
    await expect(startKinesis({ host: '127.0.0.1', port: server.port, plain: true, handler: kinesis.handler, logger: kinesis.logger })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })
})

test('answers say who they are and when, in AWS\'s spelling where spelling shows', async () => {
  const { server } = await start()
  const request = httpRequest({ port: server.port, host: '127.0.0.1', method: 'POST', path: '/', headers: sign('ListStreams', '{}', Date.now()), agent: false })
  request.end('{}')
  const [response] = await once(request, 'response') as [{ rawHeaders: string[]; headers: Record<string, string>; resume(): void }]
  response.resume()
  expect(response.rawHeaders.filter((_, at) => at % 2 === 0)).toEqual(['x-amzn-RequestId', 'Date', 'x-amz-id-2', 'Content-Type', 'Content-Length', 'Connection'])
  expect(Math.abs(Date.parse(response.headers['date']!) - Date.now())).toBeLessThan(60_000)
  const stream = session(server).request({ ':method': 'POST', ':path': '/', ...sign('ListStreams', '{}', Date.now()) })
  stream.end('{}')
  const [headers] = await once(stream, 'response') as [Record<string, string>]
  expect(Object.keys(headers)).toEqual(expect.arrayContaining([':status', 'x-amzn-requestid', 'date', 'x-amz-id-2', 'content-type', 'content-length']))
  stream.resume()
})

test('a session as the KCL has it, with a window of half a MiB and a PING every minute, stays and gets its answers', async () => {
  const { server, kinesis } = await start()
  await kinesis.ok('CreateStream', { StreamName: 'large', ShardCount: 1 })
  for (let at = 0; at < 3; at++) await kinesis.ok('PutRecord', { StreamName: 'large', PartitionKey: 'k', Data: Buffer.alloc(1_000_000, at).toString('base64') })
  const one = connectHttp2(`http://127.0.0.1:${server.port}`, { settings: { initialWindowSize: 524_288 } })
  sockets.push(one)
  await once(one, 'connect')
  const ping = (): Promise<number> => new Promise((resolve, reject) => void one.ping((error, duration) => (error === null ? resolve(duration) : reject(error))))
  const call = async (operation: string, input: object): Promise<Record<string, unknown>> => {
    const body = JSON.stringify(input)
    const stream = one.request({ ':method': 'POST', ':path': '/', ...sign(operation, body, Date.now()) })
    stream.end(body)
    return textOf(stream)
  }
  const textOf = async (stream: ClientHttp2Stream): Promise<Record<string, unknown>> => {
    const chunks: Buffer[] = []
    for await (const chunk of stream) chunks.push(chunk as Buffer)
    return JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>
  }
  await ping()
  const { ShardIterator } = await call('GetShardIterator', { StreamName: 'large', ShardId: '0', ShardIteratorType: 'TRIM_HORIZON' })
  // Eight pages of four MB at once, through windows that hold an eighth of one; while none is read, the session answers other calls.
  const unread = Array.from({ length: 8 }, () => {
    const body = JSON.stringify({ ShardIterator })
    return one.request({ ':method': 'POST', ':path': '/', ...sign('GetRecords', body, Date.now()) }).end(body)
  })
  await Promise.all(unread.map(stream => once(stream, 'response')))
  expect(await call('ListStreams', {})).toMatchObject({ StreamNames: ['large'] })
  for (const page of await Promise.all(unread.map(textOf))) {
    expect((page['Records'] as { Data: string }[]).map(record => Buffer.from(record.Data, 'base64')[0])).toEqual([0, 1, 2])
  }
  await ping()
  expect(one.closed).toBe(false)
})

test('a session on which nothing happens is asked to go before it is closed', async () => {
  const { server } = await start({ limits: { sessionIdleMs: 200 } })
  const one = session(server)
  const asked = once(one, 'goaway')
  expect(await listStreams(one)).toBe(200)
  expect((await asked)[0]).toBe(constants.NGHTTP2_NO_ERROR)
  await closed(one)
  const silent = session(server)
  const stream = silent.request({ ':method': 'POST', ':path': '/' }, { endStream: false }).on('error', () => {})
  await Promise.all([closed(silent), closed(stream)])
})

describe('peers that mean no good', () => {
  const limits = { greetingMs: 200, headersMs: 200, requestMs: 300, idleMs: 400, sessionIdleMs: 400 }

  test('and say nothing, or half a greeting, or half a head, or half a body, are let go', async () => {
    const { server } = await start({ tls: certificate, limits })
    for (const words of ['', 'PR', 'PRI * HT', '\x16\x03\x01', 'POST / HTTP/1.1\r\nhost: x\r\nx-', 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nab']) {
      const socket = open(server)
      if (words !== '') socket.write(Buffer.from(words, 'latin1'))
      const answer = await all(socket)
      expect(answer === '' || answer.startsWith('HTTP/1.1 408') || !answer.startsWith('HTTP'), words).toBe(true)
    }
    expect(await listStreams1(server)).toBe(200)
  })

  test('and hold an HTTP/2 stream open without its body are reset', async () => {
    const { server } = await start({ limits })
    const stream = session(server).request({ ':method': 'POST', ':path': '/', 'content-type': 'x' })
    stream.on('error', () => {})
    stream.write('{')
    await closed(stream)
    expect(await listStreams(session(server))).toBe(200)
  })

  test.each([
    ['no HTTP', 'hello there\r\n\r\n'],
    ['zeros', '\0'.repeat(1_000)],
    ['a smuggled length', 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd'],
    ['a length beside chunks', 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['folded headers', 'POST / HTTP/1.1\r\nhost: x\r\n folded\r\n\r\n'],
    ['a head of a hundred KiB', `POST / HTTP/1.1\r\nhost: x\r\nx: ${'a'.repeat(100_000)}\r\n\r\n`],
    ['an HTTP/2 greeting and then noise', `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${'\xff'.repeat(500)}`],
    ['a TLS greeting and then noise', `\x16\x03\x01\x00\x05${'\xff'.repeat(500)}`],
  ])('and send %s get an error or are closed', async (_what, words) => {
    const { server, kinesis } = await start({ tls: certificate, limits })
    const socket = open(server)
    socket.write(Buffer.from(words, 'latin1'))
    expect(await all(socket)).not.toMatch(/^HTTP\/1\.1 [25]/)
    expect(await listStreams1(server)).toBe(200)
    expect(kinesis.logger.lines.filter(line => line.level === 'error')).toEqual([])
  })

  test('and send more than fifteen MiB are cut off, over either protocol, without its being kept', async () => {
    const { server } = await start()
    const one = httpRequest({ port: server.port, host: '127.0.0.1', method: 'POST', headers: { 'content-type': 'x' }, agent: false })
    one.on('error', () => {})
    const answered = once(one, 'response') as Promise<[{ statusCode: number }]>
    const chunk = Buffer.alloc(1_048_576)
    for (let at = 0; at < 16; at++) one.write(chunk)
    expect((await answered)[0].statusCode).toBe(413)
    one.destroy()
    const stream = session(server).request({ ':method': 'POST', ':path': '/', 'content-type': 'x' })
    stream.on('error', () => {})
    const response = once(stream, 'response') as Promise<[Record<string, unknown>]>
    for (let at = 0; at < 16; at++) stream.write(chunk)
    expect((await response)[0][':status']).toBe(413)
  })

  test('and open streams only to reset them are the only ones to suffer', async () => {
    const { server } = await start()
    const bad = session(server)
    const gone = closed(bad)
    for (let at = 0; at < 3_000 && !bad.destroyed; at++) {
      const stream = bad.request({ ':method': 'POST', ':path': '/' }, { endStream: false })
      stream.on('error', () => {})
      stream.close(constants.NGHTTP2_CANCEL)
      if (at % 50 === 0) await new Promise(setImmediate)
    }
    bad.close()
    await gone
    expect(await listStreams(session(server))).toBe(200)
  })

  test('and open more streams than a session may have are held to it', async () => {
    const { server } = await start()
    const one = session(server)
    await once(one, 'remoteSettings')
    expect(one.remoteSettings).toMatchObject({ maxConcurrentStreams: 128, maxHeaderListSize: 16_384, enablePush: false })
    // What the peer may send before it is told to go on, over all streams.
    await vi.waitFor(() => expect(one.state.remoteWindowSize).toBe(4_194_304))
  })

  test('and ask for large answers that they do not read are bounded in what is kept for them', async () => {
    const { kinesis, server } = await start()
    await kinesis.ok('CreateStream', { StreamName: 'large', ShardCount: 1, MaxRecordSizeInKiB: 10_240 })
    await kinesis.ok('PutRecord', { StreamName: 'large', PartitionKey: 'k', Data: Buffer.alloc(10_000_000).toString('base64') })
    const { ShardIterator } = await kinesis.ok('GetShardIterator', { StreamName: 'large', ShardId: '0', ShardIteratorType: 'TRIM_HORIZON' })
    const body = JSON.stringify({ ShardIterator })
    const head = Object.entries(sign('GetRecords', body, Date.now())).map(([name, value]) => `${name}: ${value}\r\n`).join('')
    // Each answer has 13 MB as base64; the first bytes of it tell which it is, and no more are read.
    const statuses = await Promise.all(Array.from({ length: 40 }, async () => {
      const socket = open(server)
      socket.write(`POST / HTTP/1.1\r\n${head}\r\n${body}`)
      await once(socket, 'readable')
      return (socket.read(12) as Buffer).toString()
    }))
    const count = (status: string): number => statuses.filter(one => one === `HTTP/1.1 ${status}`).length
    expect(count('200') * 13_333_336).toBeLessThanOrEqual(bodiesBytesMax)
    expect([count('200') > 0, count('503') > 0, count('200') + count('503')]).toEqual([true, true, 40])
    for (const socket of sockets.splice(0)) socket.destroy()
    await vi.waitFor(async () => expect(await listStreams1(server)).toBe(200))
  })

  // Elsewhere than on Linux a machine has one address of its own only.
  test.runIf(process.platform === 'linux')('and hold half-sent bodies for as long as they may keep nobody else from putting ten MiB', async () => {
    const { kinesis, server } = await start()
    await kinesis.ok('CreateStream', { StreamName: 'large', ShardCount: 1, MaxRecordSizeInKiB: 10_240 })
    // All but the last byte, from another address of this machine; the server's answers, where there is no more room, are left unread.
    const part = Buffer.alloc(bodyBytesMax - 1)
    const hoarders = Array.from({ length: Math.ceil(bodiesBytesMax / part.length) + 2 }, () => {
      const socket = connect({ port: server.port, host: '127.0.0.1', localAddress: '127.0.0.2' }).on('error', () => {})
      sockets.push(socket)
      socket.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-length: ${bodyBytesMax}\r\n\r\n`)
      return new Promise<string>(resolve => {
        socket.once('data', (answer: Buffer) => resolve(answer.subarray(0, 12).toString()))
        socket.write(part, () => resolve('held'))
      })
    })
    expect(await Promise.race(hoarders.map(async (one, at) => (await one === 'HTTP/1.1 503' ? at : new Promise(() => {}))))).toBeTypeOf('number')
    const body = JSON.stringify({ StreamName: 'large', PartitionKey: 'k', Data: Buffer.alloc(10_485_759).toString('base64') })
    const request = httpRequest({ port: server.port, host: '127.0.0.1', method: 'POST', path: '/', headers: sign('PutRecord', body, Date.now()), agent: false })
    request.end(body)
    const [response] = await once(request, 'response') as [{ statusCode: number; resume(): void }]
    response.resume()
    expect(response.statusCode).toBe(200)
  }, 30_000)

  test.each(['HTTP/1.1', 'HTTP/2'] as const)('over %s and leave before they are answered hold nothing of what the others may hold', async protocol => {
    const kinesis = await testKinesis({ clock: realClock })
    const large = { status: 200, headers: {}, body: Buffer.alloc(bodiesBytesMax / 4) }
    let answer = (): void => {}
    let asked = Promise.withResolvers<void>()
    const handle: typeof kinesis.handler.handle = async request => {
      if (request.path !== '/large') return kinesis.handler.handle(request)
      asked.resolve()
      await new Promise<void>(resolve => { answer = resolve })
      return large
    }
    const { server } = await start({ handler: { ...kinesis.handler, handle } })
    for (let peer = 0; peer < 4; peer++) {
      asked = Promise.withResolvers()
      if (protocol === 'HTTP/1.1') {
        const socket = open(server)
        socket.write('GET /large HTTP/1.1\r\nhost: x\r\n\r\n')
        await asked.promise
        socket.destroy()
      } else {
        const one = session(server)
        const stream = one.request({ ':path': '/large' }).on('error', () => {})
        await asked.promise
        stream.close(constants.NGHTTP2_CANCEL)
        // What is answered to this has come after the other.
        await new Promise(resolve => void one.ping(resolve))
      }
      answer()
    }
    await expect.poll(() => listStreams1(server)).toBe(200)
    asked = Promise.withResolvers()
    const stream = session(server).request({ ':path': '/large' })
    await asked.promise
    answer()
    const [headers] = await once(stream, 'response') as [Record<string, unknown>]
    expect(headers[':status']).toBe(200)
    stream.resume()
    await closed(stream)
  })

  test('and vanish in the middle of anything leave no trace', async () => {
    const { server, kinesis } = await start({ tls: certificate })
    const body = '{}'
    const head = Object.entries(sign('ListStreams', body, Date.now())).map(([name, value]) => `${name}: ${value}\r\n`).join('')
    const whole = `POST / HTTP/1.1\r\n${head}\r\n${body}`
    for (let at = 0; at <= whole.length; at += 7) {
      const socket = open(server)
      await once(socket, 'connect')
      socket.write(whole.slice(0, at), () => socket.resetAndDestroy())
      await closed(socket)
    }
    expect(await listStreams1(server)).toBe(200)
    expect(kinesis.logger.lines.filter(line => line.level !== 'debug')).toEqual([])
  })
})

test('hundreds of short HTTP/2 sessions, one call each, all get their answer', async () => {
  const { server } = await start()
  const call = async (): Promise<number> => {
    const one = connectHttp2(`http://127.0.0.1:${server.port}`)
    const status = await listStreams(one)
    one.close()
    return status
  }
  for (let round = 0; round < 10; round++) expect(new Set(await Promise.all(Array.from({ length: 30 }, call)))).toEqual(new Set([200]))
})

test('closing lets a request that is being served finish, then ends', async () => {
  const { server, kinesis } = await start()
  const topics = kinesis.backend.admin.topics
  const asked = Promise.withResolvers<void>()
  const go = Promise.withResolvers<void>()
  kinesis.backend.admin.topics = async (...names) => {
    asked.resolve()
    await go.promise
    return topics(...names)
  }
  const one = session(server)
  const statuses = Promise.all([listStreams(one), listStreams1(server)])
  await asked.promise
  const isClosed = vi.fn()
  const closing = server.close().then(isClosed)
  await new Promise(setImmediate)
  expect(isClosed).not.toHaveBeenCalled()
  go.resolve()
  expect(await statuses).toEqual([200, 200])
  await closing
  const late = open(server)
  await closed(late)
})

test('closing does not wait for idle connections, nor for ever for slow ones', async () => {
  const { server } = await start({ limits: { drainMs: 200 } })
  const [silent, half, one] = [open(server), open(server), session(server)]
  half.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nab')
  expect(await listStreams(one)).toBe(200)
  await server.close()
  await Promise.all([silent, half].map(socket => (socket.closed ? undefined : closed(socket))))
})
