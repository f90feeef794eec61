// What stands before every route: nobody without a certificate gets past, bodies and hosts are bounded, and answers of the inside stay inside.
import { once } from 'node:events'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import express from 'express'
import supertest from 'supertest'
import { describe, expect, it } from 'vitest'
import { createGateway } from '../../src/gateway/app.ts'
import { BodyBudget, readBody } from '../../src/gateway/body.ts'
import { answerProblems } from '../../src/gateway/problem.ts'
import { startGateway } from '../../src/gateway/server.ts'
import { admin, testGateway } from '../support/gateway.ts'

const json = 'application/vnd.kafka.json.v2+json'
const logger = { debug() {}, info() {}, warn() {}, error() {} }

interface Layer {
  readonly route?: { readonly path: string; readonly methods: Readonly<Record<string, boolean>> }
  readonly handle: { readonly stack?: readonly Layer[] }
}

/** Every path of the app, from its router itself, so that a new route cannot be forgotten here. */
function pathsOf(stack: readonly Layer[]): string[] {
  return [...new Set(stack.flatMap(layer => (layer.route === undefined ? pathsOf(layer.handle.stack ?? []) : [layer.route.path])))]
}

describe('every route', () => {
  it('is closed to clients without a certificate, but for the two that have an authentication of their own', async () => {
    const gateway = await testGateway()
    const paths = pathsOf(createGateway(gateway.parts).router.stack as unknown as Layer[])
    expect(paths.length).toBeGreaterThan(30)
    const open: string[] = []
    for (const path of paths) {
      for (const method of ['get', 'post', 'put', 'patch', 'delete'] as const) {
        const response = await gateway.as()[method](path.replace(/:\w+/g, 'orders'))
        if (response.status !== 401) open.push(path)
      }
    }
    expect([...new Set(open)]).toEqual(['/kinesis', '/kinesis/', '/oauth2/token'])
  })

  it('shows a client without ACLs nothing of what there is', async () => {
    const gateway = await testGateway()
    await gateway.createTopic('secret-topic')
    await gateway.as(admin).post('/subjects/secret-subject/versions').send({ schema: '"string"' })
    const paths = pathsOf(createGateway(gateway.parts).router.stack as unknown as Layer[])
    for (const path of paths.filter(one => !one.startsWith('/kinesis') || one.includes('streams'))) {
      const response = await gateway.as('bob').get(path.replace(/:subject/g, 'secret-subject').replace(/:partition/g, '0').replace(/:\w+/g, 'secret-topic'))
      expect([path, response.status === 200 && response.text.includes('secret')]).toEqual([path, false])
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
    const gateway = await testGateway({ access: { ...(await testGateway()).parts.access, allows: () => true, wouldAllow: () => true } })
    const app = supertest(createGateway(gateway.parts))
    expect((await app.get('/topics')).status).toBe(200)
    expect((await app.get('/topics').set('host', 'localhost:8443')).status).toBe(200)
    for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example:8443']) expect((await app.get('/topics').set('host', host)).status).toBe(421)
  })

  it('a page in a browser cannot produce, because every type we take needs a preflight', async () => {
    const gateway = await testGateway({ access: { ...(await testGateway()).parts.access, allows: () => true, wouldAllow: () => true } })
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
    await using server = await startGateway({ app: createGateway({ ...gateway.parts, access: { ...gateway.parts.access, allows: () => true } }), host: '127.0.0.1', port: 0 })
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

  it('with a bound that is no number never starts', () => {
    for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY, 0, -1, undefined as unknown as number]) expect(() => new BodyBudget(wrong)).toThrow('must be a positive whole number')
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
