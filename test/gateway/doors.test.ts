// What stands before every route: nobody without a certificate gets past, bodies and hosts are bounded, and answers of the inside stay inside.
import { once } from 'node:events'
import type { RequestListener, Server, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import express from 'express'
import supertest from 'supertest'
import { describe, expect, it } from 'vitest'
import { deferred } from '../../src/base/deferred.ts'
import { createGateway, type GatewayParts } from '../../src/gateway/app.ts'
import { BodyBudget, readBody } from '../../src/gateway/body.ts'
import { answerProblems } from '../../src/gateway/problem.ts'
import { startGateway } from '../../src/gateway/server.ts'
import type { Logs } from '../../src/ports.ts'
import { admin, testGateway, type TestGateway } from '../support/gateway.ts'

const json = 'application/vnd.kafka.json.v2+json'
const logger = { debug() {}, info() {}, warn() {}, error() {} }

/** Parts that allow everything. */
function open(gateway: TestGateway): Pick<GatewayParts, 'access'> {
  return { access: { ...gateway.parts.access, allows: () => true, wouldAllow: () => true } }
}

interface Layer {
  readonly route?: { readonly path: string; readonly methods: Readonly<Record<string, boolean>> }
  readonly handle: { readonly stack?: readonly Layer[] }
}

/** Every path of the app, from its router itself, so that a new route cannot be forgotten here. */
function pathsOf(stack: readonly Layer[]): string[] {
  return [...new Set(stack.flatMap(layer => (layer.route === undefined ? pathsOf(layer.handle.stack ?? []) : [layer.route.path])))]
}

describe('every route', () => {
  it('is closed to clients without a certificate, but for the three that have an authentication of their own', async () => {
    const gateway = await testGateway()
    const paths = pathsOf(createGateway(gateway.parts).router.stack as unknown as Layer[])
    expect(paths.length).toBeGreaterThan(30)
    const nobody = gateway.as()
    const unguarded: string[] = []
    for (const path of paths) {
      for (const method of ['get', 'post', 'put', 'patch', 'delete'] as const) {
        const response = await nobody[method](path.replace(/:\w+/g, 'orders'))
        if (response.status !== 401) unguarded.push(path)
      }
    }
    expect([...new Set(unguarded)]).toEqual(['/kinesis', '/kinesis/', '/kinesis/service/:service/operation/:operation', '/glue', '/glue/', '/oauth2/token'])
  })

  it('shows a client without ACLs nothing of what there is', async () => {
    const gateway = await testGateway()
    await gateway.createTopic('secret-topic')
    await gateway.as(admin).post('/subjects/secret-subject/versions').send({ schema: '"string"' })
    const paths = pathsOf(createGateway(gateway.parts).router.stack as unknown as Layer[])
    const bob = gateway.as('bob')
    for (const path of paths.filter(one => !one.startsWith('/kinesis') || one.includes('streams'))) {
      const response = await bob.get(path.replace(/:subject/g, 'secret-subject').replace(/:partition/g, '0').replace(/:\w+/g, 'secret-topic'))
      expect([path, response.status === 200 && response.text.includes('secret-')]).toEqual([path, false])
    }
  })

  it('knows only its own methods, and says which', async () => {
    const gateway = await testGateway()
    const answer = await gateway.as(admin).put('/kafka/topics').send({})
    expect([answer.status, answer.headers['allow'], answer.headers['x-powered-by']]).toEqual([405, 'GET', undefined])
  })
})

describe('with dev', () => {
  it('everybody is anonymous, but only under the names of loopback', async () => {
    const gateway = await testGateway(open(await testGateway()))
    const app = supertest(createGateway(gateway.parts))
    expect((await app.get('/topics')).status).toBe(200)
    expect((await app.get('/topics').set('host', 'localhost:8443')).status).toBe(200)
    for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example:8443']) expect((await app.get('/topics').set('host', host)).status).toBe(421)
  })

  it('a page in a browser cannot produce, because every type we take needs a preflight', async () => {
    const gateway = await testGateway(open(await testGateway()))
    await gateway.createTopic('orders')
    const app = supertest(createGateway(gateway.parts))
    const body = '{"records":[{"value":1}]}'
    for (const type of ['', 'text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
      expect((await app.post('/topics/orders').set('content-type', type).send(body)).status).toBe(415)
    }
    const preflight = await app.options('/topics/orders').set('origin', 'https://evil.example')
    expect(preflight.headers['access-control-allow-origin']).toBeUndefined()
  })

  it('REST makes a topic that is not there, where that is on', async () => {
    const gateway = await testGateway({ autoCreateTopics: true })
    const body = { records: [{ value: 1 }] }
    expect((await gateway.as(admin).post('/topics/new').type(json).send(body)).status).toBe(200)
    expect((await gateway.as(admin).post('/topics/not%20legal').type(json).send(body)).status).toBe(400)
    await gateway.allow('bob', 'write', 'topic', 'other')
    expect((await gateway.as('bob').post('/topics/other').type(json).send(body)).status).toBe(404)
    await gateway.allow('bob', 'create', 'topic', 'other')
    expect((await gateway.as('bob').post('/topics/other').type(json).send(body)).status).toBe(200)
  })
})

describe('a body', () => {
  it('is bounded, and all bodies in flight together are', async () => {
    const budget = new BodyBudget(1_000)
    let release = (): void => {}
    const held = new Promise<void>(resolve => { release = resolve })
    const app = express()
    app.post('/hold', async (request, response) => {
      const body = await readBody(request, response, { bytesMax: 800, budget })
      if (request.headers['x-wait'] === 'yes') await held
      response.json(body.length)
    })
    app.use(answerProblems(logger))
    const server: Server = app.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const ask = (bytes: number, headers: Record<string, string> = {}): supertest.Test => supertest(server).post('/hold').set(headers).type('application/octet-stream').send(Buffer.alloc(bytes))
    const first = ask(700, { 'x-wait': 'yes' }).then(response => response.body as number)
    while (budget.bytesLeased < 700) await new Promise(resolve => setImmediate(resolve))
    const second = await ask(400)
    expect([second.status, second.headers['retry-after']]).toEqual([503, '1'])
    expect((await ask(200)).body).toBe(200)
    release()
    expect(await first).toBe(700)
    expect((await ask(801)).status).toBe(413)
    expect((await ask(800)).body).toBe(800)
    while (budget.bytesLeased > 0) await new Promise(resolve => setImmediate(resolve))
    server.closeAllConnections()
    server.close()
  })

  it('that is chunked is counted as it comes, and ended where it passes the bound', async () => {
    const gateway = await testGateway()
    await using server = await startGateway({ app: createGateway({ ...gateway.parts, ...open(gateway) }), host: '127.0.0.1', port: 0 })
    const socket = connect(server.port, '127.0.0.1')
    socket.on('error', () => {})
    let received = ''
    socket.on('data', (chunk: Buffer) => { received += chunk.toString() })
    socket.write(`POST /topics/orders HTTP/1.1\r\nhost: localhost\r\ncontent-type: ${json}\r\ntransfer-encoding: chunked\r\n\r\n`)
    const chunk = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(0x10000, ' '), Buffer.from('\r\n')])
    for (let sent = 0; sent < 80 && !socket.destroyed && received === ''; sent++) if (!socket.write(chunk)) await Promise.race([once(socket, 'drain'), once(socket, 'close')])
    if (!socket.destroyed) await once(socket, 'close')
    expect(received).toMatch(/^HTTP\/1\.1 413 /)
  })

  it('in chunks of a byte comes whole', async () => {
    const gateway = await testGateway()
    await gateway.createTopic('orders')
    await using server = await startGateway({ app: createGateway({ ...gateway.parts, ...open(gateway) }), host: '127.0.0.1', port: 0 })
    const socket = connect(server.port, '127.0.0.1')
    let received = ''
    socket.on('data', (chunk: Buffer) => { received += chunk.toString() })
    socket.write(`POST /topics/orders HTTP/1.1\r\nhost: localhost\r\ncontent-type: ${json}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n`)
    const body = JSON.stringify({ records: [{ value: 'x'.repeat(200_000) }] })
    const chunks = [...body].map(character => `1\r\n${character}\r\n`)
    socket.write(`${chunks.join('')}0\r\n\r\n`)
    await once(socket, 'close')
    expect(received).toMatch(/^HTTP\/1\.1 200 /)
    expect((await gateway.values('orders'))[0]).toBe(`"${'x'.repeat(200_000)}"`)
  })

  it('that is announced and never sent takes nothing from the others', async () => {
    const gateway = await testGateway({ bodyBytesInFlightMax: 100_000 })
    await gateway.createTopic('orders')
    const app = createGateway({ ...gateway.parts, ...open(gateway) })
    await using server = await startGateway({ app, host: '127.0.0.1', port: 0, limits: { closeTimeoutMs: 100 } })
    const silent = Array.from({ length: 50 }, () => connect(server.port, '127.0.0.1'))
    for (const socket of silent) {
      socket.on('error', () => {})
      socket.write(`POST /topics/orders HTTP/1.1\r\nhost: localhost\r\ncontent-type: ${json}\r\ncontent-length: 90000\r\n\r\n{`)
    }
    const answer = await supertest(`http://127.0.0.1:${server.port}`).post('/topics/orders').type(json).send({ records: [{ value: 'x'.repeat(50_000) }] })
    expect(answer.status).toBe(200)
    for (const socket of silent) socket.destroy()
  })

  it('with a bound that is no number never starts', () => {
    for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY, 0, -1, undefined as unknown as number]) expect(() => new BodyBudget(wrong)).toThrow('must be a positive whole number')
  })
})

describe('the listener', () => {
  it('lets one address have only so many connections', async () => {
    const gateway = await testGateway()
    await using server = await startGateway({ app: createGateway(gateway.parts), host: '127.0.0.1', port: 0, limits: { connectionsPerAddressMax: 2, closeTimeoutMs: 100 } })
    const sockets = [connect(server.port, '127.0.0.1'), connect(server.port, '127.0.0.1')]
    await Promise.all(sockets.map(socket => once(socket, 'connect')))
    const third = connect(server.port, '127.0.0.1')
    third.on('error', () => {})
    await once(third, 'close')
    sockets[0]!.destroy()
    await once(sockets[0]!, 'close')
    const ask = (): Promise<number> => supertest(`http://127.0.0.1:${server.port}`).get('/brokers').then(response => response.status, () => 0)
    // The server hears of the closed connection a moment later.
    await expect.poll(ask).toBe(200)
    sockets[1]!.destroy()
  })

  it('answers what is under way before it closes, and takes nothing new', async () => {
    const gateway = await testGateway()
    await gateway.createTopic('orders')
    const started = deferred()
    const { logs } = gateway.parts
    const changed: Logs['changed'] = (seen, signal) => {
      started.resolve()
      return logs.changed(seen, signal)
    }
    const server = await startGateway({ app: createGateway({ ...gateway.parts, ...open(gateway), logs: { ...logs, changed } }), host: '127.0.0.1', port: 0 })
    const waiting = supertest(`http://127.0.0.1:${server.port}`).get('/topics/orders/partitions/0/records?timeout=500').then(response => response.status)
    await started.promise
    const closing = server.close()
    expect(await waiting).toBe(200)
    await closing
    await expect(supertest(`http://127.0.0.1:${server.port}`).get('/topics')).rejects.toThrow('ECONNREFUSED')
  })

  it('ends a connection whose peer does not read', async () => {
    const gateway = await testGateway()
    await gateway.createTopic('orders')
    const app = createGateway({ ...gateway.parts, ...open(gateway) })
    const ended = deferred<boolean>()
    const watched: RequestListener = (request, response) => {
      if (request.method === 'GET') response.once('close', () => ended.resolve(response.writableFinished))
      app(request, response)
    }
    await using server = await startGateway({ app: watched, host: '127.0.0.1', port: 0, limits: { idleTimeoutMs: 2_000 } })
    for (let sent = 0; sent < 8; sent++) {
      await supertest(`http://127.0.0.1:${server.port}`).post('/topics/orders').type(json).send({ records: [{ value: 'x'.repeat(1_000_000) }] })
    }
    const socket = connect(server.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.pause()
    socket.write('GET /topics/orders/partitions/0/records?max_bytes=8000000 HTTP/1.1\r\nhost: localhost\r\n\r\n')
    expect(await ended.promise).toBe(false)
    socket.destroy()
  })
})

describe('answers', () => {
  it.each([
    ['/topics/orders', { records: Array.from({ length: 200 }, () => ({})) }],
    ['/v3/clusters/{c}/topics/orders/records:batch', { entries: Array.from({ length: 50 }, (_, at) => ({ id: String(at) })) }],
  ])('that tell what was stored have their room before anything is: %s', async (path, body) => {
    const gateway = await testGateway({ bodyBytesInFlightMax: 15_000 })
    await gateway.createTopic('orders')
    const { id } = await gateway.parts.admin.cluster()
    const refused = await gateway.as(admin).post(path.replace('{c}', id)).send(body)
    expect([refused.status, refused.body]).toEqual([503, { error_code: 503, message: 'HTTP 503 Service Unavailable: too many answer bytes in flight' }])
    expect(await gateway.values('orders')).toEqual([])
  })

  it('that wait for readers who do not read are bounded together', async () => {
    const gateway = await testGateway({ bodyBytesInFlightMax: 20_000_000 })
    await gateway.createTopic('orders')
    const app = createGateway({ ...gateway.parts, ...open(gateway) })
    const answers: ServerResponse[] = []
    const watched: RequestListener = (request, response) => {
      if (request.method === 'GET') answers.push(response)
      app(request, response)
    }
    await using server = await startGateway({ app: watched, host: '127.0.0.1', port: 0, limits: { closeTimeoutMs: 100 } })
    for (let sent = 0; sent < 8; sent++) {
      await supertest(`http://127.0.0.1:${server.port}`).post('/topics/orders').type(json).send({ records: [{ value: 'x'.repeat(1_000_000) }] })
    }
    const path = '/topics/orders/partitions/0/records?max_bytes=8000000'
    const greedy = Array.from({ length: 2 }, () => connect(server.port, '127.0.0.1'))
    for (const socket of greedy) {
      socket.on('error', () => {})
      socket.pause()
      socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`)
    }
    await expect.poll(() => answers.filter(answer => answer.headersSent).length).toBe(2)
    const refused = await supertest(`http://127.0.0.1:${server.port}`).get(path)
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1'])
    for (const socket of greedy) socket.destroy()
    await expect.poll(() => answers.filter(answer => answer.closed).length).toBe(3)
    expect((await supertest(`http://127.0.0.1:${server.port}`).get(path)).status).toBe(200)
  })
})

describe('an error of ours', () => {
  it('is a bare 500 for the client, and a line with its stack for the operator', async () => {
    const gateway = await testGateway()
    const broken = await testGateway({ ...gateway.parts, admin: { ...gateway.parts.admin, topics: async () => { throw new Error('the password is hunter2') } } })
    const response = await broken.as(admin).get('/topics')
    expect([response.status, response.body]).toEqual([500, { error_code: 500, message: 'HTTP 500 Internal Server Error' }])
    expect(JSON.stringify(gateway.logged)).toContain('hunter2')
  })
})
