import supertest from 'supertest'
import { describe, expect, it } from 'vitest'
import { createManagement, Metrics } from '../../src/gateway/management.ts'
import { admin, testGateway } from '../support/gateway.ts'

const logger = { debug() {}, info() {}, warn() {}, error() {} }

describe('the management app', () => {
  it('is alive, and ready once nothing stands against it', async () => {
    using metrics = new Metrics()
    let reason: string | undefined = 'the log is being recovered'
    const client = supertest(createManagement({ metrics, ...(await testGateway()).cluster, notReady: () => reason, logger }))
    expect([(await client.get('/livez')).status, (await client.get('/livez')).text]).toEqual([200, 'ok\n'])
    const waiting = await client.get('/readyz')
    expect([waiting.status, waiting.text]).toEqual([503, 'the log is being recovered\n'])
    reason = undefined
    expect((await client.get('/readyz')).text).toBe('ok\n')
    expect((await client.post('/livez')).status).toBe(405)
    expect((await client.get('/debug')).status).toBe(404)
  })

  it('stays ready while brokers are down, and names them', async () => {
    using metrics = new Metrics()
    const { cluster, createTopic } = await testGateway({}, { brokerIds: [1, 2, 3] })
    await createTopic('orders')
    await createTopic('__consumer_offsets')
    const client = supertest(createManagement({ metrics, ...cluster, notReady: () => undefined, logger }))
    const ready = async (): Promise<unknown> => {
      const { status, text } = await client.get('/readyz')
      return [status, text]
    }
    await cluster.brokers.stop(3)
    cluster.breakDown(2, 'its disk failed: EIO')
    expect(await ready()).toEqual([200, 'ok\nbroker 2 is down: its disk failed: EIO\nbroker 3 is down\n'])
  })

  it('is not ready where nobody leads what it lives on itself', async () => {
    using metrics = new Metrics()
    const { cluster, createTopic } = await testGateway({}, { brokerIds: [1, 2] })
    await createTopic('orders', { partitions: 8 })
    await createTopic('_schemas')
    const client = supertest(createManagement({ metrics, ...cluster, notReady: () => undefined, logger }))
    await cluster.brokers.stop(1)
    expect((await client.get('/readyz')).status).toBe(200)
    await cluster.brokers.stop(2)
    const down = await client.get('/readyz')
    expect([down.status, down.text.split('\n')]).toEqual([503, [
      'no broker is running', 'no leader: _schemas-0', 'broker 1 is down', 'broker 2 is down', 'no leader: orders-0, orders-1, orders-2, orders-3, orders-4 and 3 more', '',
    ]])
    await cluster.brokers.start(2)
    expect((await client.get('/readyz')).text).toBe('ok\nbroker 1 is down\n')
  })

  it('shows where partitions and brokers stand', async () => {
    using metrics = new Metrics()
    const gateway = await testGateway({}, { brokerIds: [1, 2, 3] })
    const { cluster } = gateway
    await gateway.createTopic('orders', { partitions: 2, configs: { 'min.insync.replicas': '3' } })
    metrics.watch(cluster)
    await gateway.as(admin).post('/topics/orders').type('application/vnd.kafka.json.v2+json').send({ records: [{ value: 1, partition: 1 }] })
    await cluster.brokers.setStorageLimit(2, 5_000)
    await cluster.brokers.stop(1)
    const lines = new Set((await metrics.text()).split('\n'))
    for (const line of [
      'sluice_log_start_offset{topic="orders",partition="1"} 0', 'sluice_last_stable_offset{topic="orders",partition="1"} 1',
      'sluice_high_watermark{topic="orders",partition="1"} 1', 'sluice_log_end_offset{topic="orders",partition="1"} 1', 'sluice_log_end_offset{topic="orders",partition="0"} 0',
      'sluice_under_replicated_partitions 2', 'sluice_under_min_isr_partitions 2', 'sluice_offline_partitions 0', 'sluice_reassigning_partitions 0',
      'sluice_broker_up{broker="1"} 0', 'sluice_broker_up{broker="2"} 1', 'sluice_broker_state{broker="1",state="fenced"} 1', 'sluice_broker_state{broker="2",state="running"} 1',
      'sluice_broker_leaders{broker="2"} 2', 'sluice_broker_replicas{broker="2"} 2', 'sluice_broker_replicas_out_of_sync{broker="1"} 2',
      'sluice_broker_storage_bytes{broker="2"} 100', 'sluice_broker_storage_limit_bytes{broker="2"} 5000', 'sluice_active_controller{broker="2"} 1',
    ]) expect(lines).toContain(line)
    const text = [...lines].join('\n')
    expect(text).not.toMatch(/sluice_broker_storage_bytes\{broker="1"\}|sluice_broker_storage_limit_bytes\{broker="3"\}|sluice_active_controller\{broker="1"\}|state="running"\} 0/)

    await cluster.brokers.stop(2)
    await cluster.brokers.stop(3)
    expect(await metrics.text()).toContain('sluice_offline_partitions 2\n')
    expect(await metrics.text()).not.toContain('sluice_high_watermark{')
  })

  it('shows the first two thousand partitions and counts them all', async () => {
    using metrics = new Metrics()
    const gateway = await testGateway({}, { brokerIds: [1, 2] })
    await gateway.createTopic('many', { partitions: 2_100 })
    metrics.watch(gateway.cluster)
    await gateway.cluster.brokers.stop(2)
    const lines = (await metrics.text()).split('\n')
    expect(lines.filter(line => line.startsWith('sluice_log_end_offset{'))).toHaveLength(2_000)
    expect(lines).toContain('sluice_under_replicated_partitions 2100')
  })

  it('counts what went to the audit log', async () => {
    using metrics = new Metrics()
    const counts = new Map([['access denied', 3]])
    metrics.watchAudit(counts)
    expect(await metrics.text()).toContain('sluice_audit_events_total{kind="access",outcome="denied"} 3\n')
    counts.set('access denied', 5)
    expect(await metrics.text()).toContain('sluice_audit_events_total{kind="access",outcome="denied"} 5\n')
  })

  it('counts records that did not fit their topic, by topic, way in and what became of them', async () => {
    using metrics = new Metrics()
    metrics.watchValidation(new Map([['orders kafka rejected', 3], [' rest dead-lettered', 2]]))
    const text = await metrics.text()
    expect(text).toContain('sluice_invalid_records_total{topic="orders",way="kafka",outcome="rejected"} 3\n')
    expect(text).toContain('sluice_invalid_records_total{topic="",way="rest",outcome="dead-lettered"} 2\n')
  })

  it('shows requests per facade and route, log positions, memory and event loop delay', async () => {
    using metrics = new Metrics()
    const gateway = await testGateway({ observe: metrics.observe })
    await gateway.createTopic('orders')
    metrics.watch(gateway.cluster)
    const body = { records: [{ value: 1 }, { value: 2 }] }
    await gateway.as(admin).post('/topics/orders').type('application/vnd.kafka.json.v2+json').send(body)
    await gateway.as('bob').post('/topics/orders').type('application/vnd.kafka.json.v2+json').send(body)
    metrics.observe({ facade: 'kafka', operation: 'Produce', failed: false, durationMs: 3, bytesIn: 100, bytesOut: 50 })
    const { text } = await supertest(createManagement({ metrics, ...gateway.cluster, notReady: () => undefined, logger })).get('/metrics')
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
