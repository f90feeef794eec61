// Real Kafka clients over mutual TLS with the certificates that Sluice makes: who they are, what their ACLs let them do, what everybody else is told.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ConnectionOptions } from 'node:tls'
import {
  Admin as PlatformaticAdmin, Consumer, MessagesStreamFallbackModes, MessagesStreamModes, Producer, stringDeserializers, stringSerializers,
} from '@platformatic/kafka'
import kafkajs, { type Admin, type Kafka } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { issue } from '../../src/pki/clients.ts'
import { nodeWorld } from '../../src/world/node.ts'
import { certificateIn, confluentKafka, kafkaPython, kcat, runKcat, runPython, until, type ClientCertificate } from '../support/kafka-clients.ts'
import { startSluice, type RunningSluice } from '../support/sluice.ts'

const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, logLevel, Partitioners, ResourcePatternTypes } = kafkajs

let sluice: RunningSluice
let address: string
let adminCertificate: ClientCertificate
let aliceCertificate: ClientCertificate
let admin: Admin
let alice: Kafka

beforeAll(async () => {
  sluice = await startSluice({ dev: false, settings: { 'group.initial.rebalance.delay.ms': 0 } })
  address = `127.0.0.1:${sluice.ports.kafkaTls}`
  adminCertificate = certificateIn(sluice.certificatesDirectory, 'admin')
  const out = join(sluice.directory, 'alice')
  await issue({ world: nodeWorld(), directory: sluice.certificatesDirectory, name: 'alice', hostnames: [], days: 1, out, replace: false })
  aliceCertificate = certificateIn(out, 'alice')
  alice = kafkajsAs(aliceCertificate)
  admin = kafkajsAs(adminCertificate).admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic: 'orders', numPartitions: 2 }, { topic: 'secrets', numPartitions: 1 }] })
})
afterAll(async () => {
  await admin?.disconnect()
  await sluice?.[Symbol.asyncDispose]()
})

function tlsOf({ ca, certificate, key }: ClientCertificate): ConnectionOptions {
  return { ca: readFileSync(ca), cert: readFileSync(certificate), key: readFileSync(key) }
}

function kafkajsAs(certificate: ClientCertificate): Kafka {
  return new kafkajs.Kafka({
    clientId: 'tests', brokers: [address], ssl: tlsOf(certificate), logLevel: logLevel.NOTHING, retry: { retries: 1, initialRetryTime: 20 },
  })
}

function platformaticAs(certificate: ClientCertificate): { clientId: string; bootstrapBrokers: string[]; tls: ConnectionOptions; retries: number } {
  return { clientId: 'tests', bootstrapBrokers: [address], tls: tlsOf(certificate), retries: 1 }
}

interface Grant {
  readonly type: 'TOPIC' | 'GROUP'
  readonly name: string
  readonly operation: 'READ' | 'WRITE' | 'DESCRIBE' | 'ALL'
}

function aclOf({ type, name, operation }: Grant, permission: 'ALLOW' | 'DENY' = 'ALLOW') {
  return {
    principal: 'User:CN=alice', host: '*', resourceType: AclResourceTypes[type], resourceName: name, resourcePatternType: ResourcePatternTypes.LITERAL,
    operation: AclOperationTypes[operation], permissionType: AclPermissionTypes[permission],
  }
}

/** Runs with these ACLs of alice's and takes them away again. */
async function granted<T>(grants: readonly Grant[], run: () => Promise<T>): Promise<T> {
  await admin.createAcls({ acl: grants.map(one => aclOf(one)) })
  try {
    return await run()
  } finally {
    const { filterResponses } = await admin.deleteAcls({ filters: grants.map(one => aclOf(one)) })
    expect(filterResponses.map(one => one.matchingAcls.length)).toEqual(grants.map(() => 1))
  }
}

async function send(kafka: Kafka, topic: string, value: string): Promise<void> {
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  try {
    await producer.send({ topic, messages: [{ key: 'k', value }] })
  } finally {
    await producer.disconnect()
  }
}

function typeOf(error: unknown): string | undefined {
  const { type, cause, errors } = error as { type?: string; cause?: unknown; errors?: unknown[] }
  if (type !== undefined) return type
  const inner = cause ?? errors?.[0]
  return inner === undefined ? String(error) : typeOf(inner)
}

/** The errors that the protocol names, however deep they lie. */
function apiIdsOf(error: unknown): string[] {
  const { apiId, errors = [] } = error as { apiId?: string; errors?: unknown[] }
  return [...apiId === undefined ? [] : [apiId], ...errors.flatMap(apiIdsOf)]
}

describe('a client certificate', () => {
  test('without ACLs may see and do nothing, and is told the same of what exists and what does not', async () => {
    expect(await send(alice, 'secrets', 'x').catch(typeOf)).toBe('TOPIC_AUTHORIZATION_FAILED')
    expect(await send(alice, 'nowhere', 'x').catch(typeOf)).toBe('TOPIC_AUTHORIZATION_FAILED')
    const ofAlice = alice.admin()
    await ofAlice.connect()
    expect(await ofAlice.listTopics()).toEqual([])
    expect((await ofAlice.listGroups()).groups).toEqual([])
    expect(await ofAlice.createTopics({ topics: [{ topic: 'hers' }] }).catch(typeOf)).toBe('TOPIC_AUTHORIZATION_FAILED')
    expect(await ofAlice.deleteTopics({ topics: ['secrets'] }).catch(typeOf)).toBe('TOPIC_AUTHORIZATION_FAILED')
    expect(await ofAlice.createAcls({ acl: [aclOf({ type: 'TOPIC', name: 'orders', operation: 'ALL' })] }).catch(typeOf)).toBe('CLUSTER_AUTHORIZATION_FAILED')
    await ofAlice.disconnect()
    expect(await admin.listTopics()).toContain('secrets')
  })

  test('may do what its ACLs say, as soon as they are there and no longer', async () => {
    await granted([{ type: 'TOPIC', name: 'orders', operation: 'WRITE' }], async () => {
      await send(alice, 'orders', 'hers')
      expect(await send(alice, 'secrets', 'x').catch(typeOf)).toBe('TOPIC_AUTHORIZATION_FAILED')
    })
    expect(await send(alice, 'orders', 'too late').catch(typeOf)).toBe('TOPIC_AUTHORIZATION_FAILED')

    await granted([{ type: 'TOPIC', name: 'orders', operation: 'READ' }, { type: 'GROUP', name: 'alices', operation: 'READ' }], async () => {
      const consumer = alice.consumer({ groupId: 'alices', maxWaitTimeInMs: 50 })
      const read: string[] = []
      await consumer.connect()
      await consumer.subscribe({ topic: 'orders', fromBeginning: true })
      await consumer.run({ eachMessage: async ({ message }) => { read.push(String(message.value)) } })
      await until('her record', () => read.includes('hers'))
      await consumer.disconnect()
      const stranger = new Consumer({ ...platformaticAs(aliceCertificate), groupId: 'not-alices' })
      expect(await stranger.joinGroup({}).then(() => [], apiIdsOf)).toContain('GROUP_AUTHORIZATION_FAILED')
      await stranger.close(true)
    })
  })

  test('is denied by a DENY whatever else allows it', async () => {
    await granted([{ type: 'TOPIC', name: '*', operation: 'ALL' }], async () => {
      await send(alice, 'secrets', 'allowed')
      const writeSecrets = aclOf({ type: 'TOPIC', name: 'secrets', operation: 'WRITE' }, 'DENY')
      await admin.createAcls({ acl: [writeSecrets] })
      expect(await send(alice, 'secrets', 'denied').catch(typeOf)).toBe('TOPIC_AUTHORIZATION_FAILED')
      const { resources } = await admin.describeAcls({ ...writeSecrets, resourcePatternType: ResourcePatternTypes.MATCH })
      expect(resources).toMatchObject([{ resourceName: 'secrets', acls: [{ principal: 'User:CN=alice', host: '*', permissionType: AclPermissionTypes.DENY }] }])
      await admin.deleteAcls({ filters: [writeSecrets] })
      await send(alice, 'secrets', 'allowed again')
    })
  })

  test('is needed: without one the connection ends', async () => {
    const { ca } = tlsOf(adminCertificate)
    const nobody = new kafkajs.Kafka({ clientId: 'tests', brokers: [address], ssl: { ca: ca as Buffer }, logLevel: logLevel.NOTHING, retry: { retries: 0 } })
    const producer = nobody.producer({ createPartitioner: Partitioners.DefaultPartitioner })
    await expect(producer.connect()).rejects.toThrow()
    await producer.disconnect()
  })
})

describe('@platformatic/kafka over mutual TLS', () => {
  test('produces, consumes in a group and manages ACLs', async () => {
    const base = platformaticAs(adminCertificate)
    const producer = new Producer({ ...base, serializers: stringSerializers })
    await producer.send({ messages: [{ topic: 'secrets', key: 'k', value: 'of platformatic' }], compression: 'zstd' })
    await producer.close()
    const consumer = new Consumer({ ...base, groupId: 'platformatic', deserializers: stringDeserializers, maxWaitTime: 50, autocommit: false })
    const stream = await consumer.consume({ topics: ['secrets'], mode: MessagesStreamModes.COMMITTED, fallbackMode: MessagesStreamFallbackModes.EARLIEST })
    for await (const { value } of stream) {
      if (value === 'of platformatic') break
    }
    await consumer.close(true)

    const manager = new PlatformaticAdmin(base)
    // READ on topics whose names begin with bobs-, in Kafka's numbers.
    const pattern = { resourceType: 2, resourceName: 'bobs-', resourcePatternType: 4 } as const
    const acl = { ...pattern, principal: 'User:CN=bob', host: '*', operation: 3, permissionType: 3 } as const
    await manager.createAcls({ creations: [acl] })
    const filter = { ...acl, resourceName: 'bobs-topic', resourcePatternType: 2 } as const
    expect(await manager.describeAcls({ filter })).toMatchObject([{ resourceName: 'bobs-', resourcePatternType: 4, acls: [{ principal: 'User:CN=bob' }] }])
    expect(await manager.deleteAcls({ filters: [filter] })).toMatchObject([acl])
    expect(await manager.describeAcls({ filter })).toEqual([])
    await manager.close()
  })
})

describe.skipIf(kcat.missing)(`kcat over mutual TLS${kcat.note}`, () => {
  test('produces and consumes as admin, and hears why it may not as alice', async () => {
    await runKcat(address, ['-P', '-t', 'orders', '-p', '1'], { input: 'of kcat\n', tls: adminCertificate })
    expect(await runKcat(address, ['-C', '-t', 'orders', '-o', 'beginning', '-e', '-q'], { tls: adminCertificate })).toContain('of kcat\n')
    await expect(runKcat(address, ['-P', '-t', 'orders', '-p', '1'], { input: 'x\n', tls: aliceCertificate })).rejects.toThrow(/authorization failed/i)
  })
})

test.skipIf(kafkaPython.missing)(`python3-kafka does all it can over mutual TLS${kafkaPython.note}`, async () => {
  const seen = await runPython('kafka_python_driver.py', { bootstrap: address, topic: 'python', group: 'programs', tls: adminCertificate })
  expect(seen).toMatchObject({ offsets: [0, 1, 2], committed: 3, retention: '60000', partitions: 3 })
})

test.skipIf(confluentKafka.missing)(`python3-confluent-kafka does all it can over mutual TLS${confluentKafka.note}`, async () => {
  const seen = await runPython('confluent_kafka_driver.py', { bootstrap: address, topic: 'librdkafka', group: 'static-programs', tls: adminCertificate })
  expect(seen).toMatchObject({ delivered: [0, 1, 2, 3, 4].map(offset => [null, 1, offset]), retention: '60000', partitions: 3 })
})
