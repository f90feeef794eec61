// The process as it is shipped, its three brokers stopped, failed, restarted, added and removed through the administration while clients of every kind go on: they
// see no error that their library does not try again by itself, and in the end everything that was acknowledged is there, once.
import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { KinesisClient, PutRecordCommand } from '@aws-sdk/client-kinesis'
import { Kafka, logLevel, Partitioners } from 'kafkajs'
import { describe, expect, it } from 'vitest'
import { BrokersOverHttp } from '../cluster/brokers.ts'
import { startSluice } from '../support/sluice.ts'

const root = join(import.meta.dirname, '..', '..')
const run = promisify(execFile)
const topic = 'orders'
const partitions = 3
const waitMsMax = 60_000

function kafkaOf(brokers: readonly string[]): Kafka {
  return new Kafka({
    clientId: 'e2e', brokers: [...brokers], logLevel: logLevel.NOTHING, connectionTimeout: 5_000, requestTimeout: 15_000,
    retry: { retries: 20, initialRetryTime: 50, maxRetryTime: 500 },
  })
}

async function bootstrapOf(brokers: BrokersOverHttp): Promise<string[]> {
  return (await brokers.list()).map(({ ports }) => `127.0.0.1:${ports['kafka-plaintext']}`)
}

async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + waitMsMax
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`${waitMsMax} ms went by without ${what}`)
    await pause(50)
  }
}

/** Sends one thing after the other until it is told to stop. What is acknowledged, and what went wrong. */
class Sending {
  readonly acknowledged: string[] = []
  readonly errors: string[] = []
  #isOver = false
  readonly #run: Promise<void>

  constructor(name: string, send: (value: string) => Promise<void>) {
    this.#run = (async () => {
      for (let count = 0; !this.#isOver; count++) {
        const value = `${name} ${count}`
        try {
          await send(value)
          this.acknowledged.push(value)
        } catch (error) {
          this.errors.push(`${value}: ${error instanceof Error ? `${error.name} ${error.message}` : String(error)}`)
        }
        await pause(5)
      }
    })()
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await this.#run
  }
}

async function json(url: string, method = 'GET', body?: unknown, type = 'application/json'): Promise<{ status: number; body: Record<string, unknown> }> {
  const answer = await fetch(url, { method, ...(body === undefined ? {} : { headers: { 'content-type': type }, body: JSON.stringify(body) }) })
  const text = await answer.text()
  return { status: answer.status, body: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown> }
}

/** Every value of the topic by where it is. */
class Reading {
  readonly places = new Map<string, Set<string>>()

  note(partition: number, offset: string, value: string): void {
    const places = this.places.get(value) ?? new Set()
    this.places.set(value, places.add(`${partition}/${offset}`))
  }

  get doubled(): string[] {
    return [...this.places].filter(([, places]) => places.size > 1).map(([value]) => value)
  }
}

/** A file system of its own, where this machine lets us mount one. */
class SmallDisk implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'sluice-disk-'))
  readonly missing: string | undefined

  constructor(megabytes: number) {
    const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', this.path], { encoding: 'utf8' })
    this.missing = status === 0 ? undefined : `nothing can be mounted here: ${stderr?.trim() ?? 'there is no mount'}`
  }

  grow(megabytes: number): void {
    expect(spawnSync('mount', ['-o', `remount,size=${megabytes}m`, this.path]).status).toBe(0)
  }

  [Symbol.dispose](): void {
    // Lazily: whoever was killed may still be letting go of its files.
    if (this.missing === undefined) spawnSync('umount', ['-l', this.path])
    rmSync(this.path, { recursive: true, force: true })
  }
}

describe('three brokers in one process', () => {
  it('stop, fail, restart, come and go under clients of every kind', { timeout: 180_000 }, async () => {
    await using sluice = await startSluice()
    const gateway = `http://127.0.0.1:${sluice.ports.gateway}`
    const brokers = new BrokersOverHttp(gateway)
    await brokers.untilRunning({ msMax: waitMsMax, inSync: true })
    const kafka = kafkaOf(await bootstrapOf(brokers))
    const admin = kafka.admin()
    await admin.connect()
    await admin.createTopics({ topics: [{ topic, numPartitions: partitions, replicationFactor: 3 }] })

    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, allowAutoTopicCreation: false, createPartitioner: Partitioners.DefaultPartitioner })
    await producer.connect()
    const kinesis = new KinesisClient({
      region: 'us-east-1', endpoint: `http://127.0.0.1:${sluice.ports.kinesis}`, credentials: { accessKeyId: sluice.accessKey.id, secretAccessKey: 'test' },
    })
    const consumer = kafka.consumer({ groupId: 'readers', sessionTimeout: 10_000, heartbeatInterval: 500, maxWaitTimeInMs: 100, retry: { retries: 20, initialRetryTime: 50, maxRetryTime: 500 } })
    const reading = new Reading()
    const crashes: string[] = []
    consumer.on('consumer.crash', ({ payload }) => void crashes.push(`${payload.error.name} ${payload.error.message}`))
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({
      autoCommitInterval: 500,
      eachMessage: async ({ partition, message }) => {
        const text = message.value!.toString()
        reading.note(partition, message.offset, text.startsWith('"') ? JSON.parse(text) as string : text)
      },
    })

    let next = 0
    const senders = [
      // One partition each: kafkajs keeps answers by broker, and forgets a partition whose leadership moves between its attempts to one that has answered for others.
      new Sending('kafka', async value => void await producer.send({ topic, acks: -1, timeout: 10_000, messages: [{ value, partition: next++ % partitions }] })),
      new Sending('kinesis', async value => void await kinesis.send(new PutRecordCommand({ StreamName: topic, PartitionKey: String(next++), Data: Buffer.from(value) }))),
      new Sending('rest', async value => {
        const { status, body } = await json(`${gateway}/topics/${topic}`, 'POST', { records: [{ value }] }, 'application/vnd.kafka.json.v2+json')
        const [offset] = body['offsets'] as { error_code: number | null; error: string | null }[]
        if (status !== 200 || offset?.error_code != null) throw new Error(JSON.stringify(body))
      }),
    ]
    const settle = (): Promise<void> => brokers.untilRunning({ msMax: waitMsMax, inSync: true })
    const grown = async (): Promise<void> => {
      const counts = senders.map(({ acknowledged }) => acknowledged.length)
      const isStuck = (): boolean => senders.some(({ acknowledged }, at) => acknowledged.length <= counts[at]! + 5)
      await until('progress of every sender', () => !isStuck() || senders.some(({ errors }) => errors.length > 0))
      expect(senders.flatMap(({ errors }) => errors)).toEqual([])
    }
    await grown()
    await brokers.act(2, 'stop')
    await grown()
    await brokers.act(2, 'start')
    await settle()
    await brokers.act(1, 'restart')
    await settle()
    await brokers.act(3, 'fail')
    await grown()
    await brokers.act(3, 'start')
    await settle()

    // Another one comes, takes a partition over, puts it in another directory of its own, and goes again.
    const directories = ['one', 'two'].map(name => join(sluice.directory, 'data', `broker-4-${name}`))
    const added = await json(`${gateway}/admin/brokers`, 'POST', { rack: 'a', directories })
    expect(added).toMatchObject({ status: 201, body: { id: 4, rack: 'a', isUp: true } })
    const { stdout: listed } = await run(process.execPath, [join(root, 'src/cli/sluice.ts'), 'broker', 'list', '--gateway', gateway], { cwd: root })
    const rows = listed.trimEnd().split('\n').map(line => line.split(/ {2,}/).slice(0, 3))
    expect(rows).toEqual([['ID', 'RACK', 'STATE'], ['1', 'a', 'running'], ['2', 'b', 'running'], ['3', 'c', 'running'], ['4', 'a', 'running']])
    expect(await json(`${gateway}/admin/reassignments`, 'POST', { partitions: [{ topic, partition: 0, replicas: [4, 2, 3] }] })).toMatchObject({ status: 202 })
    await until('the end of the reassignment', async () => ((await json(`${gateway}/admin/reassignments`)).body['reassignments'] as unknown[]).length === 0)
    await settle()
    const [moved] = (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0]!.partitions.filter(({ partitionId }) => partitionId === 0)
    expect(moved!.replicas).toEqual([4, 2, 3])
    const placesOf = async (): Promise<{ path: string; isFuture: boolean }[]> => {
      const { body } = await json(`${gateway}/admin/brokers/4/log-dirs`)
      const all = body['directories'] as { path: string; replicas: { topic: string; partition: number; isFuture: boolean }[] }[]
      return all.flatMap(({ path, replicas }) => replicas.filter(one => one.topic === topic && one.partition === 0).map(({ isFuture }) => ({ path, isFuture })))
    }
    const [here] = await placesOf()
    const target = directories.find(path => path !== here!.path)!
    expect(await json(`${gateway}/admin/brokers/4/log-dirs/move`, 'POST', { topic, partition: 0, path: target })).toMatchObject({ status: 202 })
    await until('the replica in the other directory', async () => JSON.stringify(await placesOf()) === JSON.stringify([{ path: target, isFuture: false }]))
    await grown()
    expect(await json(`${gateway}/admin/brokers/4`, 'DELETE')).toMatchObject({ status: 204 })
    await settle()
    expect((await brokers.list()).map(({ id }) => id)).toEqual([1, 2, 3])
    await grown()

    await Promise.all(senders.map(sender => sender.stop()))
    expect(senders.flatMap(({ errors }) => errors)).toEqual([])
    const wanted = senders.flatMap(({ acknowledged }) => acknowledged)
    await until(`all ${wanted.length} values at the consumer`, () => wanted.every(value => reading.places.has(value))).catch((error: unknown) => {
      throw new Error(`${String(error)}; missing ${wanted.filter(value => !reading.places.has(value)).slice(0, 5).join(', ')}; ${crashes.join('; ')}`, { cause: error })
    })
    expect(reading.doubled).toEqual([])
    expect(reading.places.size).toBe(wanted.length)
    expect(crashes).toEqual([])
    await Promise.all([consumer.disconnect(), producer.disconnect(), admin.disconnect()])
    kinesis.destroy()
  })
})

describe('a disk that is really full', () => {
  it('refuses what can be tried again, loses nothing, and takes everything once it is larger', { timeout: 180_000 }, async context => {
    using disk = new SmallDisk(64)
    if (disk.missing !== undefined) return context.skip(disk.missing)
    await using sluice = await startSluice({ settings: { 'data.dir': join(disk.path, 'data') } })
    const brokers = new BrokersOverHttp(`http://127.0.0.1:${sluice.ports.gateway}`)
    await brokers.untilRunning({ msMax: waitMsMax, inSync: true })
    const bootstrap = await bootstrapOf(brokers)
    const admin = kafkaOf(bootstrap).admin()
    await admin.connect()
    await admin.createTopics({ topics: [{ topic, numPartitions: partitions, replicationFactor: 3 }] })
    // It tells each refusal; whoever sends decides whether to try again.
    const producer = new Kafka({ brokers: bootstrap, logLevel: logLevel.NOTHING, connectionTimeout: 5_000, requestTimeout: 30_000, retry: { retries: 0 } })
      .producer({ allowAutoTopicCreation: false, createPartitioner: Partitioners.DefaultPartitioner })
    await producer.connect()
    const refused = new Map<string, boolean>()
    const padding = 'x'.repeat(250_000)
    const acknowledged: string[] = []
    let isOver = false
    const sending = Promise.all([0, 1, 2].map(async partition => {
      for (let count = 0; !isOver; count++) {
        const value = `${partition}-${count}`
        try {
          await producer.send({ topic, acks: -1, timeout: 10_000, messages: [{ key: value, value: padding, partition }] })
          acknowledged.push(value)
        } catch (error) {
          const { type, name, retriable } = ((error as Error).cause ?? error) as { type?: string; name: string; retriable?: boolean }
          refused.set(type ?? name, retriable === true)
          await pause(100)
        }
      }
    }))
    await until('a refusal because the storage is full', () => refused.has('KAFKA_STORAGE_ERROR')).catch((error: unknown) => {
      throw new Error(`${String(error)}, but ${[...refused.keys()].join(', ')}; ${acknowledged.length} acknowledged; ${sluice.errors()}`, { cause: error })
    })
    // Somebody else takes the rest: now the broker has no room for what it writes for itself either.
    spawnSync('dd', ['if=/dev/zero', `of=${join(disk.path, 'foreign')}`, 'bs=64k'])
    const later = admin.createTopics({ topics: [{ topic: 'later', numPartitions: 60, replicationFactor: 3 }], timeout: 1_000 }).catch(() => false)
    await pause(2_000)
    expect(sluice.process.exitCode).toBeNull()
    const before = acknowledged.length
    disk.grow(1_024)
    await later
    await until('more that is acknowledged', () => acknowledged.length > before + 10).catch((error: unknown) => {
      throw new Error(`${String(error)}, but ${[...refused.keys()].join(', ')}; ${sluice.errors()}`, { cause: error })
    })
    await until('a topic made', async () => (await admin.listTopics()).includes('later') || admin.createTopics({ topics: [{ topic: 'later' }] }).catch(() => false))
    isOver = true
    await sending
    expect([...refused].filter(([, isRetriable]) => !isRetriable)).toEqual([])
    await brokers.untilRunning({ msMax: waitMsMax, inSync: true })

    const found = new Map<string, number>()
    const consumer = kafkaOf(bootstrap).consumer({ groupId: 'all', maxWaitTimeInMs: 100 })
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({ eachMessage: async ({ message }) => void found.set(message.key!.toString(), message.value!.length) })
    await until(`all ${acknowledged.length} values`, () => acknowledged.every(value => found.get(value) === padding.length))
    await Promise.all([consumer.disconnect(), producer.disconnect(), admin.disconnect()])
    expect(sluice.process.exitCode).toBeNull()
  })
})
