// Real clients in front of three brokers, each of which has the partitions that it leads and no others: they find their way, and follow when it changes.
import { Kafka, logLevel, type Producer } from 'kafkajs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Endpoints } from '../../src/kafka/endpoints.ts'
import { Refusal, type Backend, type Logs, type PartitionRef, type Topic } from '../../src/ports.ts'
import { kcat, runKcat } from '../support/kafka-clients.ts'
import { memoryBackend } from '../support/memory-backend.ts'
import { startBroker, type TestBroker } from './broker.ts'

/** A cluster without an engine: one set of logs, and of each partition a leader that the test appoints. */
class Cluster {
  readonly brokers = new Map<number, TestBroker>()
  readonly #peers = new Endpoints()
  readonly #whole = memoryBackend()
  readonly #leaders = [1, 2, 3]
  #epoch = 0

  async start(): Promise<void> {
    await this.#whole.admin.createTopic({ name: 'orders', partitions: 3, replicationFactor: -1, configs: new Map() }, { validateOnly: false })
    for (const id of [1, 2, 3]) this.brokers.set(id, await startBroker({ backend: this.#backendOf(id), brokerId: id, peers: this.#peers }))
  }

  /** The broker is gone, and its partitions are led by another. */
  fail(id: number, successor: number): void {
    this.brokers.get(id)!.server.destroy()
    this.brokers.delete(id)
    this.move(id, successor)
  }

  /** What the one led, the other leads. */
  move(from: number, to: number): void {
    this.#epoch++
    for (const [partition, leader] of this.#leaders.entries()) if (leader === from) this.#leaders[partition] = to
  }

  async stop(): Promise<void> {
    for (const broker of this.brokers.values()) broker.server.destroy()
    await this.#whole[Symbol.asyncDispose]()
  }

  #backendOf(id: number): Backend {
    const { admin, logs } = this.#whole
    const led = (topic: Topic): Topic => ({
      ...topic, partitions: topic.partitions.map(one => ({ ...one, leader: this.#leaders[one.index]!, leaderEpoch: this.#epoch, replicas: [1, 2, 3] })),
    })
    const mine = <Args extends unknown[], T>(ask: (at: PartitionRef, ...args: Args) => Promise<T | Refusal>) => (
      async (at: PartitionRef, ...args: Args): Promise<T | Refusal> => (
        this.#leaders[at.partition] === id ? ask(at, ...args) : new Refusal('not-leader', `broker ${id} does not lead ${at.topic}-${at.partition}`)
      )
    )
    // The logs know one epoch only; what a client believes of it is not looked at here.
    const read: Logs['read'] = (at, from, { bytesMax, atLeastOne, committedOnly }) => logs.read(at, from, { bytesMax, atLeastOne, committedOnly })
    return {
      ...this.#whole,
      admin: {
        ...admin,
        cluster: async () => ({ id: 'bWVtb3J5LWJhY2tlbmQtMQ', controllerId: 2, brokers: [1, 2, 3].map(one => ({ id: one, rack: 'abc'[one - 1]!, state: 'running' as const })) }),
        topics: async names => (await admin.topics(names)).map(led),
        topicById: async topicId => {
          const topic = await admin.topicById(topicId)
          return topic && led(topic)
        },
      },
      logs: { ...logs, append: mine(logs.append), read: mine(read), ends: mine(logs.ends), offsetForTime: mine(logs.offsetForTime) },
    }
  }
}

async function cluster(): Promise<Cluster> {
  const one = new Cluster()
  await one.start()
  onTestFinished(() => one.stop())
  return one
}

function client(of: Cluster): Kafka {
  return new Kafka({
    clientId: 'several', brokers: [of.brokers.get(3)!.address], logLevel: logLevel.NOTHING, retry: { initialRetryTime: 20, maxRetryTime: 200, retries: 30 },
  })
}

/**
 * One message to each partition, each sent by itself: of several partitions in one call kafkajs forgets those whose new leader has answered for
 * others of them already.
 */
async function round(producer: Producer, value: string): Promise<void> {
  for (const partition of [0, 1, 2]) await producer.send({ topic: 'orders', messages: [{ partition, value: `${value}${partition}` }] })
}

describe('kafkajs in front of three brokers', () => {
  it('produces to each partition\'s leader, follows it when it moves, and when it crashes', { timeout: 60_000 }, async () => {
    const three = await cluster()
    const producer = client(three).producer()
    await producer.connect()
    onTestFinished(() => producer.disconnect())
    await round(producer, 'a')
    three.move(1, 2)
    await round(producer, 'b')
    three.fail(2, 3)
    await round(producer, 'c')
    expect(await readBack(three)).toEqual([0, 1, 2].flatMap(partition => ['a', 'b', 'c'].map(value => `${value}${partition}`)).sort())
  })

  it('sees who they are', async () => {
    const three = await cluster()
    const admin = client(three).admin()
    await admin.connect()
    onTestFinished(() => admin.disconnect())
    const { brokers, controller } = await admin.describeCluster()
    expect(brokers.map(broker => broker.port).sort()).toEqual([...three.brokers.values()].map(broker => broker.port).sort())
    expect(controller).toBe(2)
    expect(await admin.listPartitionReassignments({})).toEqual({ topics: [] })
  })
})

describe.skipIf(kcat.missing !== undefined)(`kcat in front of three brokers${kcat.note}`, () => {
  it('writes and reads all partitions, whichever broker it asks first', { timeout: 60_000 }, async () => {
    const three = await cluster()
    const { address } = three.brokers.get(1)!
    for (const partition of [0, 1, 2]) await runKcat(address, ['-P', '-t', 'orders', '-p', String(partition)], { input: `x${partition}\n` })
    three.move(3, 1)
    const output = await runKcat(address, ['-C', '-t', 'orders', '-o', 'beginning', '-e', '-q'])
    expect(output.trim().split('\n').sort()).toEqual(['x0', 'x1', 'x2'])
  })
})

/** Every value in the topic, sorted. */
async function readBack(of: Cluster): Promise<readonly string[]> {
  const values: string[] = []
  for (const partition of [0, 1, 2]) {
    for (const broker of of.brokers.values()) {
      const slice = await broker.backend.logs.read({ topic: 'orders', partition }, 0, { bytesMax: 1 << 20, atLeastOne: true, committedOnly: false })
      if (!(slice instanceof Refusal)) values.push(...slice.batches.flatMap(batch => batch.records().map(record => String(record.value))))
    }
  }
  return values.sort()
}
