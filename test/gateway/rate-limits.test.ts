import { afterEach, describe, expect, it, vi } from 'vitest'
import { RateLimits } from '../../src/gateway/rate-limits.ts'
import type { Caller } from '../../src/ports.ts'
import { admin, testGateway } from '../support/gateway.ts'
import { until } from '../support/kafka-clients.ts'

const json = 'application/vnd.kafka.json.v2+json'
const off = { requests: 0, bytesIn: 0, bytesOut: 0 }
const caller = (name: string): Caller => ({ principal: { type: 'User', name }, host: '127.0.0.1' })

describe('a limit of requests', () => {
  it('refuses what is over with 429 and when to come again, and lets it through then', async () => {
    const rateLimits = new RateLimits({ ...off, requests: 2 })
    const gateway = await testGateway({ rateLimits })
    const answers = await Promise.all(Array.from({ length: 4 }, () => gateway.as(admin).get('/topics')))
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 200, 429, 429])
    const refused = answers.find(({ status }) => status === 429)!
    expect(refused.headers['retry-after']).toBe('1')
    expect(refused.body).toEqual({ error_code: 429, message: 'HTTP 429 Too Many Requests: User:CN=admin may have 2 requests per second' })
    expect([...rateLimits.refused]).toEqual([['requests', 2]])
    await until('the next second', async () => (await gateway.as(admin).get('/topics')).status === 200)
  })

  it('is of each principal by itself', async () => {
    const gateway = await testGateway({ rateLimits: new RateLimits({ ...off, requests: 1 }) })
    expect([(await gateway.as(admin).get('/topics')).status, (await gateway.as('bob').get('/topics')).status, (await gateway.as(admin).get('/topics')).status]).toEqual([200, 200, 429])
  })

  it('holds on every path behind the authentication, the registry\'s too', async () => {
    const gateway = await testGateway({ rateLimits: new RateLimits({ ...off, requests: 1 }) })
    await gateway.as(admin).get('/topics')
    for (const path of ['/subjects', '/v3/clusters', '/admin/acls', '/consumers/g']) expect([path, (await gateway.as(admin).get(path)).status]).toEqual([path, 429])
    expect((await gateway.as().get('/topics')).status).toBe(401)
  })

  it('is asked by streams for each record', async () => {
    const limits = new RateLimits({ ...off, requests: 3 })
    const waits = await Promise.all(Array.from({ length: 5 }, () => limits.take(caller('bob'), 'requests', 1)))
    expect(waits.map(ms => ms > 0)).toEqual([false, false, false, true, true])
    expect(waits[4]).toBeLessThanOrEqual(1000)
    expect([limits.has('requests'), limits.has('bytesIn'), await limits.take(caller('bob'), 'bytesIn', 1e9)]).toEqual([true, false, 0])
  })
})

describe('a limit of bytes', () => {
  it('in lets one large request through, and makes the next ones wait for as long as it was too large', async () => {
    const gateway = await testGateway({ rateLimits: new RateLimits({ ...off, bytesIn: 1_000 }) })
    await gateway.createTopic('orders')
    const produce = (size: number) => gateway.as(admin).post('/topics/orders').type(json).send({ records: [{ value: 'x'.repeat(size) }] })
    expect((await produce(4_500)).status).toBe(200)
    const refused = await produce(1)
    expect(refused.status).toBe(429)
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(2)
    expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(5)
    expect(refused.body).toMatchObject({ message: expect.stringContaining('1000 bytes of requests per second') })
    expect(await gateway.values('orders')).toHaveLength(1)
  })

  it('out counts what was answered, and refuses the next request', async () => {
    const gateway = await testGateway({ rateLimits: new RateLimits({ ...off, bytesOut: 2_000 }) })
    await gateway.createTopic('orders')
    expect((await gateway.as(admin).post('/topics/orders').type(json).send({ records: [{ value: 'x'.repeat(5_000) }] })).status).toBe(200)
    expect((await gateway.as(admin).get('/topics/orders/partitions/0/records').set('accept', json)).status).toBe(200)
    const refused = await until('a refusal', async () => {
      const answer = await gateway.as(admin).get('/topics')
      return answer.status === 429 && answer
    })
    expect(refused.body).toMatchObject({ error_code: 429, message: expect.stringContaining('2000 bytes of answers per second') })
  })

  it('tells a stream how long to wait before it writes more', async () => {
    const limits = new RateLimits({ ...off, bytesOut: 1_000 })
    expect(await limits.spend(caller('bob'), 'bytesOut', 900)).toBe(0)
    const waitMs = await limits.spend(caller('bob'), 'bytesOut', 2_100)
    expect(waitMs).toBeGreaterThan(2_000)
    expect(waitMs).toBeLessThanOrEqual(3_000)
  })
})

describe('what is more than a second may have', () => {
  afterEach(() => { vi.useRealTimers() })

  it('is waited for, and not the whole second again: whoever always has more gets as much as the limit says', async () => {
    vi.useFakeTimers()
    const limits = new RateLimits({ ...off, bytesOut: 1_000 })
    let sent = 0
    const start = Date.now()
    while (Date.now() - start < 60_000) {
      const waitMs = await limits.spend(caller('bob'), 'bytesOut', 300)
      sent += 300
      // They take a while to be written, too.
      await vi.advanceTimersByTimeAsync(Math.max(waitMs, 290))
    }
    expect(sent).toBeGreaterThan(55_000)
    expect(sent).toBeLessThan(66_000)
  })
})

describe('the principals that are counted', () => {
  it('are bounded: whoever was silent longest starts anew', async () => {
    const limits = new RateLimits({ ...off, requests: 1 })
    await limits.take(caller('first'), 'requests', 1)
    for (let at = 0; at < 10_000; at++) await limits.take(caller(`other-${at}`), 'requests', 1)
    expect(await limits.take(caller('other-9999'), 'requests', 1)).toBeGreaterThan(0)
    expect(await limits.take(caller('first'), 'requests', 1)).toBe(0)
  })
})
