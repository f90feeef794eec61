// REST consumers and real Kafka clients in one group: each partition is read by one of them, whoever leads the group and shares out.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import kafkajs, { type Admin, type Consumer, type Kafka } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { kcat, until } from '../../support/kafka-clients.ts'
import { startSluice, type RunningSluice } from '../../support/sluice.ts'

const v2 = 'application/vnd.kafka.v2+json'

let sluice: RunningSluice
let kafka: Kafka
let admin: Admin

beforeAll(async () => {
  sluice = await startSluice({ settings: { brokers: 1 } })
  kafka = new kafkajs.Kafka({ clientId: 'tests', brokers: [`127.0.0.1:${sluice.ports.kafkaPlaintext}`], logLevel: kafkajs.logLevel.NOTHING })
  admin = kafka.admin()
  await admin.connect()
})
afterAll(async () => {
  await admin?.disconnect()
  await sluice?.[Symbol.asyncDispose]()
})

interface KafkaMember {
  readonly consumer: Consumer
  readonly assigned: number[]
  readonly read: string[]
}

async function startKafkaMember(groupId: string, topic: string): Promise<KafkaMember> {
  const consumer = kafka.consumer({ groupId, sessionTimeout: 10_000, rebalanceTimeout: 10_000, heartbeatInterval: 100, maxWaitTimeInMs: 50 })
  const member: KafkaMember = { consumer, assigned: [], read: [] }
  consumer.on('consumer.group_join', event => { member.assigned.splice(0, Infinity, ...event.payload.memberAssignment[topic] ?? []) })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({ async eachMessage({ partition, message: { value } }) { member.read.push(`${partition} ${value}`) } })
  return member
}

async function ask(method: string, path: string, body?: object): Promise<unknown> {
  const response = await fetch(`http://localhost:${sluice.ports.gateway}${path}`, {
    method, headers: { accept: '*/*', ...body && { 'content-type': v2 } }, ...body && { body: JSON.stringify(body) },
  })
  const text = await response.text()
  expect([path, response.ok, response.ok ? '' : text]).toEqual([path, true, ''])
  return text === '' ? undefined : JSON.parse(text) as unknown
}

class RestMember {
  readonly path: string
  readonly read: string[] = []

  private constructor(path: string) {
    this.path = path
  }

  static async start(group: string, topic: string): Promise<RestMember> {
    const { base_uri } = await ask('POST', `/consumers/${group}`, { format: 'string', 'auto.offset.reset': 'earliest' }) as { base_uri: string }
    const member = new RestMember(new URL(base_uri).pathname)
    await ask('POST', `${member.path}/subscription`, { topics: [topic] })
    return member
  }

  async assigned(): Promise<number[]> {
    const { partitions } = await ask('GET', `${this.path}/assignments`) as { partitions: { partition: number }[] }
    return partitions.map(at => at.partition)
  }

  async poll(): Promise<void> {
    for (const { partition, value } of await ask('GET', `${this.path}/records?timeout=100`) as { partition: number; value: string }[]) this.read.push(`${partition} ${value}`)
  }
}

/** One record in each partition, `times` over. */
async function produce(topic: string, partitions: number, name: string): Promise<string[]> {
  const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
  await producer.connect()
  for (let partition = 0; partition < partitions; partition++) await producer.send({ topic, messages: [{ partition, value: name }] })
  await producer.disconnect()
  return Array.from({ length: partitions }, (_, partition) => `${partition} ${name}`)
}

describe('a group of a REST consumer and kafkajs', () => {
  test.each([['kafkajs', 'led-by-kafkajs'], ['the REST consumer', 'led-by-rest']])('is shared out by %s, and each record read once', async (leader, group) => {
    const topic = `${group}-topic`
    await admin.createTopics({ topics: [{ topic, numPartitions: 4 }] })
    let rest: RestMember | undefined
    if (leader !== 'kafkajs') {
      rest = await RestMember.start(group, topic)
      await until('all partitions with the REST consumer', async () => (await rest!.assigned()).length === 4)
    }
    const other = await startKafkaMember(group, topic)
    if (rest === undefined) await until('all partitions with kafkajs', () => other.assigned.length === 4)
    rest ??= await RestMember.start(group, topic)
    await until('two partitions with each', async () => other.assigned.length === 2 && (await rest.assigned()).length === 2)
    expect([...other.assigned, ...await rest.assigned()].toSorted()).toEqual([0, 1, 2, 3])
    const described = (await admin.describeGroups([group])).groups[0]!
    expect([described.state, described.protocol, described.members.length]).toEqual(['Stable', 'RoundRobinAssigner', 2])

    const records = await produce(topic, 4, 'both')
    await until('all four records', async () => {
      await rest.poll()
      return other.read.length + rest.read.length >= 4
    })
    expect([...other.read, ...rest.read].toSorted()).toEqual(records)
    expect(rest.read.map(one => Number(one[0])).toSorted()).toEqual((await rest.assigned()).toSorted())

    // Deleted, it has committed what it read, and kafkajs goes on behind that.
    await ask('DELETE', rest.path)
    await until('all partitions with kafkajs', () => other.assigned.length === 4)
    const more = await produce(topic, 4, 'alone')
    await until('four more records', () => other.read.filter(one => one.endsWith('alone')).length >= 4)
    await other.consumer.disconnect()
    expect(other.read.filter(one => one.endsWith('alone')).toSorted()).toEqual(more)
    expect([...new Set([...other.read, ...rest.read])].filter(one => one.endsWith('both')).toSorted()).toEqual(records)
    expect(other.read.filter(one => rest.read.includes(one))).toEqual([])
  }, 60_000)
})

describe.skipIf(kcat.missing)(`a group of a REST consumer and librdkafka${kcat.note}`, () => {
  test('is shared out by ranges', async () => {
    await admin.createTopics({ topics: [{ topic: 'ranges', numPartitions: 3 }] })
    const rest = await RestMember.start('with-kcat', 'ranges')
    await until('all partitions with the REST consumer', async () => (await rest.assigned()).length === 3)
    const options = ['-b', `127.0.0.1:${sluice.ports.kafkaPlaintext}`, '-G', 'with-kcat', '-q', '-u', '-X', 'auto.offset.reset=earliest', '-X', 'heartbeat.interval.ms=200', '-f', '%p %s\n']
    const member = spawn('kcat', [...options, 'ranges'], { stdio: ['ignore', 'pipe', 'ignore'] })
    const ended = new Promise(resolve => member.once('exit', resolve))
    try {
      const read: string[] = []
      createInterface({ input: member.stdout }).on('line', line => void read.push(line))
      await until('fewer partitions', async () => (await rest.assigned()).length < 3)
      const described = (await admin.describeGroups(['with-kcat'])).groups[0]!
      expect([described.protocol, described.members.length]).toEqual(['range', 2])
      const records = await produce('ranges', 3, 'shared')
      await until('all three records', async () => {
        await rest.poll()
        return read.length + rest.read.length >= 3
      })
      expect([...read, ...rest.read].toSorted()).toEqual(records)
      expect(rest.read.map(one => Number(one[0])).toSorted()).toEqual(await rest.assigned())
    } finally {
      member.kill()
      await ended
    }
    await until('all partitions with the REST consumer again', async () => (await rest.assigned()).length === 3)
    await ask('DELETE', rest.path)
  })
})

describe('a server that stops', () => {
  test('ends event streams and waiting reads cleanly, and its consumers leave their groups', async () => {
    await admin.createTopics({ topics: [{ topic: 'last', numPartitions: 1 }] })
    const rest = await RestMember.start('stopping', 'last')
    await until('the partition', async () => (await rest.assigned()).length === 1)
    const gateway = `http://localhost:${sluice.ports.gateway}`
    const stream = await fetch(`${gateway}/topics/last/events`, { headers: { accept: 'text/event-stream' } })
    const wait = async (): Promise<number> => {
      const { status } = await fetch(`${gateway}${rest.path}/records?timeout=30000`)
      // One of the looks below was quicker.
      return status === 409 ? await wait() : status
    }
    const waiting = wait()
    const all = stream.text()
    await until('the read to wait', async () => (await fetch(`${gateway}${rest.path}/records?timeout=0`)).status === 409)
    const figures = await (await fetch(`http://127.0.0.1:${sluice.ports.management}/metrics`)).text()
    expect(figures).toMatch(/^sluice_rest_consumers [1-9]/m)
    expect(figures).toContain('sluice_event_streams 1\n')
    expect(await sluice.stop()).toBe(0)
    // A connection that is cut off would reject both.
    expect(await all).toBe(': heartbeat\nid: 0:0\n\n')
    expect(await waiting).toBe(404)
  })
})
