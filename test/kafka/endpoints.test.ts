// Several brokers in one process: each tells its clients where the others are.
import { describe, expect, it, onTestFinished } from 'vitest'
import { deferred } from '../../src/base/deferred.ts'
import { Produce } from '../../src/kafka/apis/00-produce.ts'
import { Metadata } from '../../src/kafka/apis/03-metadata.ts'
import { FindCoordinator } from '../../src/kafka/apis/10-find-coordinator.ts'
import { DescribeCluster } from '../../src/kafka/apis/60-describe-cluster.ts'
import { Endpoints } from '../../src/kafka/endpoints.ts'
import type { KafkaListenerOptions } from '../../src/kafka/server.ts'
import type { Backend } from '../../src/ports.ts'
import { buildBatch } from '../../src/wire/batch.ts'
import { memoryBackend } from '../support/memory-backend.ts'
import { startBroker, type TestBroker } from './broker.ts'
import { RawClient } from './raw-client.ts'
import { threeBrokers } from './three-brokers.ts'

async function start(brokerId: number, peers: Endpoints, more: { backend?: Backend; listener?: Partial<KafkaListenerOptions> } = {}): Promise<TestBroker> {
  const { admin } = threeBrokers([{}], { states: ['running', 'running', 'running'] })
  const { backend = memoryBackend(), listener = {} } = more
  Object.assign(backend.admin, admin)
  backend.groups.coordinator = async () => 2
  const broker = await startBroker({ backend, brokerId, peers, listener })
  onTestFinished(() => broker[Symbol.asyncDispose]())
  return broker
}

async function told(port: number): Promise<readonly (readonly [number, string, number])[]> {
  using client = await RawClient.connect(port)
  const { brokers } = await client.ask(Metadata, 9, { topics: [] })
  return brokers.map(one => [one.nodeId, one.host, one.port])
}

describe('brokers that share their endpoints', () => {
  it('tell their clients of each other while they listen', async () => {
    const peers = new Endpoints()
    const first = await start(1, peers)
    const second = await start(2, peers)
    const both = [[1, '127.0.0.1', first.port], [2, '127.0.0.1', second.port]]
    expect(await told(first.port)).toEqual(both)
    expect(await told(second.port)).toEqual(both)
    using client = await RawClient.connect(first.port)
    expect(await client.ask(FindCoordinator, 3, { key: 'g' })).toMatchObject({ errorCode: 0, nodeId: 2, port: second.port })
    await second.server.close()
    expect(await told(first.port)).toEqual(both.slice(0, 1))
    expect(await client.ask(FindCoordinator, 3, { key: 'g' })).toMatchObject({ errorCode: 15, nodeId: -1 })
    const again = await start(2, peers, { listener: { port: second.port } })
    expect(again.port).toBe(second.port)
    expect(await told(first.port)).toEqual(both)
  })

  it('are told by the host of the listener that was reached, each with the port it advertises', async () => {
    const peers = new Endpoints()
    const first = await start(1, peers, { listener: { advertised: { host: 'kafka.example.test' } } })
    await start(2, peers, { listener: { advertised: { host: 'kafka.example.test', port: 29092 } } })
    expect(await told(first.port)).toEqual([[1, 'kafka.example.test', first.port], [2, 'kafka.example.test', 29092]])
  })

  it('are told of one listener to those that came by it', async () => {
    const peers = new Endpoints()
    const first = await start(1, peers)
    await start(2, peers, { listener: { name: 'another' } })
    expect((await told(first.port)).map(([id]) => id)).toEqual([1])
  })

  it('that are fenced are shown where they last listened', async () => {
    const peers = new Endpoints()
    const first = await start(1, peers)
    const second = await start(2, peers)
    await second.server.close()
    const { admin } = threeBrokers([], { states: ['running', 'fenced', 'fenced'] })
    first.backend.admin.cluster = admin.cluster
    using client = await RawClient.connect(first.port)
    const { brokers } = await client.ask(DescribeCluster, 2, { includeClusterAuthorizedOperations: false, includeFencedBrokers: true })
    expect(brokers.map(one => [one.brokerId, one.host, one.port, one.isFenced])).toEqual([
      [1, '127.0.0.1', first.port, false], [2, '127.0.0.1', second.port, true], [3, '', -1, true],
    ])
  })
})

describe('a broker that crashes', () => {
  it('cuts its connections with nothing answered, and its port can be taken again at once', async () => {
    const peers = new Endpoints()
    const other = await start(1, peers)
    const backend = memoryBackend()
    const appending = deferred()
    const release = deferred()
    backend.logs.append = async () => {
      appending.resolve()
      await release.promise
      return { baseOffset: 0, logAppendTimeMs: -1, logStartOffset: 0 }
    }
    const crashed = await start(2, peers, { backend })
    using client = await RawClient.connect(crashed.port)
    const records = buildBatch([{ key: null, value: Buffer.from('a') }], { timestampMs: 1 }).bytes
    const answer = client.ask(Produce, 9, { acks: -1, timeoutMs: 1000, topicData: [{ name: 'orders', partitionData: [{ index: 0, records }] }] })
    await appending.promise
    crashed.server.destroy()
    await expect(answer).rejects.toThrow('the connection was closed')
    expect(await told(other.port)).toEqual([[1, '127.0.0.1', other.port]])
    const again = await start(2, peers, { listener: { port: crashed.port } })
    release.resolve()
    expect(await told(again.port)).toEqual([[1, '127.0.0.1', other.port], [2, '127.0.0.1', again.port]])
    await crashed.server.close()
    expect(await told(other.port), 'what was gone before takes nothing away').toHaveLength(2)
  })

  it('or stops while it does is gone at once all the same', async () => {
    const peers = new Endpoints()
    const backend = memoryBackend()
    const appending = deferred()
    backend.logs.append = () => {
      appending.resolve()
      return new Promise(() => {})
    }
    const broker = await start(1, peers, { backend })
    using client = await RawClient.connect(broker.port)
    const records = buildBatch([{ key: null, value: Buffer.from('a') }], { timestampMs: 1 }).bytes
    client.tell(Produce, 9, { acks: -1, timeoutMs: 1000, topicData: [{ name: 'orders', partitionData: [{ index: 0, records }] }] })
    await appending.promise
    const closed = broker.server.close()
    broker.server.destroy()
    await client.closed
    await closed
    expect(broker.server.connectionCount).toBe(0)
  })
})
