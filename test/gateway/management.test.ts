import supertest from 'supertest'
import { describe, expect, it } from 'vitest'
import { createManagement, Metrics } from '../../src/gateway/management.ts'
import { admin, testGateway } from '../support/gateway.ts'

const logger = { debug() {}, info() {}, warn() {}, error() {} }

describe('the management app', () => {
  it('is alive, and ready once nothing stands against it', async () => {
    using metrics = new Metrics()
    let reason: string | undefined = 'the log is being recovered'
    const client = supertest(createManagement({ metrics, notReady: () => reason, logger }))
    expect([(await client.get('/livez')).status, (await client.get('/livez')).text]).toEqual([200, 'ok\n'])
    const waiting = await client.get('/readyz')
    expect([waiting.status, waiting.text]).toEqual([503, 'the log is being recovered\n'])
    reason = undefined
    expect((await client.get('/readyz')).status).toBe(200)
    expect((await client.post('/livez')).status).toBe(405)
    expect((await client.get('/debug')).status).toBe(404)
  })

  it('counts what went to the audit log', async () => {
    using metrics = new Metrics()
    const counts = new Map([['access denied', 3]])
    metrics.watchAudit(counts)
    expect(await metrics.text()).toContain('sluice_audit_events_total{kind="access",outcome="denied"} 3\n')
    counts.set('access denied', 5)
    expect(await metrics.text()).toContain('sluice_audit_events_total{kind="access",outcome="denied"} 5\n')
  })

  it('shows requests per facade and route, log positions, memory and event loop delay', async () => {
    using metrics = new Metrics()
    const gateway = await testGateway({ observe: metrics.observe })
    await gateway.createTopic('orders')
    metrics.watch(gateway.backend)
    const body = { records: [{ value: 1 }, { value: 2 }] }
    await gateway.as(admin).post('/topics/orders').type('application/vnd.kafka.json.v2+json').send(body)
    await gateway.as('bob').post('/topics/orders').type('application/vnd.kafka.json.v2+json').send(body)
    metrics.observe({ facade: 'kafka', operation: 'Produce', failed: false, durationMs: 3, bytesIn: 100, bytesOut: 50 })
    const { text } = await supertest(createManagement({ metrics, notReady: () => undefined, logger })).get('/metrics')
    expect(text).toContain('sluice_requests_total{facade="gateway",operation="POST /topics/:topic",outcome="ok"} 1')
    expect(text).toContain('sluice_requests_total{facade="gateway",operation="POST /topics/:topic",outcome="error"} 1')
    expect(text).toContain('sluice_request_seconds_count{facade="kafka",operation="Produce"} 1')
    expect(text).toContain('sluice_bytes_total{facade="kafka",direction="in"} 100')
    expect(text).toContain('sluice_high_watermark{topic="orders",partition="0"} 2')
    expect(text).toContain('sluice_log_start_offset{topic="orders",partition="0"} 0')
    expect(text).toMatch(/sluice_memory_bytes\{kind="rss"\} \d+/)
    expect(text).toMatch(/sluice_event_loop_delay_seconds\{quantile="0.99"\} /)
  })

  it('does not grow with the names that peers make up', async () => {
    using metrics = new Metrics()
    for (let made = 0; made < 2_000; made++) metrics.observe({ facade: 'kafka', operation: `made-up-${made}`, failed: true, durationMs: 0, bytesIn: 0, bytesOut: 0 })
    expect((await metrics.text()).split('\n').filter(line => line.startsWith('sluice_requests_total')).length).toBeLessThanOrEqual(501)
  })
})
