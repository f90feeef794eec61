// The registry's real clients over mutual TLS, as a principal whose ACLs cover what it needs and no more, with the serializers of both in front of a Kafka topic that
// validates payloads: what they write is taken, what a careless producer writes is not, and REST, Kafka and both clients read the same records.
import { readFileSync } from 'node:fs'
import { Agent } from 'node:https'
import { join } from 'node:path'
import { AvroDeserializer, AvroSerializer, Compatibility, JsonSerializer, RestError, SchemaRegistryClient, SerdeType } from '@confluentinc/schemaregistry'
import { COMPATIBILITY, SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry'
import kafkajs, { type Kafka, type Message } from 'kafkajs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sendJson } from '../../src/cli/gateway-client.ts'
import { issue } from '../../src/pki/clients.ts'
import { nodeWorld } from '../../src/world/node.ts'
import { certificateIn, until, type ClientCertificate } from '../support/kafka-clients.ts'
import { startSluice, type RunningSluice } from '../support/sluice.ts'

const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, logLevel, Partitioners, ResourcePatternTypes } = kafkajs

const orderSchema = (...extra: object[]): string => JSON.stringify({
  type: 'record', name: 'Order', namespace: 'shop', fields: [{ name: 'id', type: 'string' }, { name: 'note', type: ['null', 'string'], default: null }, ...extra],
})
const paymentSchema = JSON.stringify({
  $schema: 'http://json-schema.org/draft-07/schema#', title: 'Payment', type: 'object', properties: { amount: { type: 'number', minimum: 0 } }, required: ['amount'], additionalProperties: false,
})

const disposing = new AsyncDisposableStack()
let sluice: RunningSluice
let kafka: Kafka
let agents: { readonly alice: Agent; readonly bob: Agent }
let url: string

beforeAll(async () => {
  sluice = disposing.use(await startSluice({ dev: false, settings: { 'brokers': 1, 'group.initial.rebalance.delay.ms': 0 } }))
  url = `https://127.0.0.1:${sluice.ports.gateway}`
  const certificate = async (name: string): Promise<ClientCertificate> => {
    const out = join(sluice.directory, name)
    await issue({ world: nodeWorld(), directory: sluice.certificatesDirectory, name, hostnames: [], days: 1, out, replace: false })
    return certificateIn(out, name)
  }
  const alice = await certificate('alice')
  agents = { alice: agentOf(alice), bob: agentOf(await certificate('bob')) }
  kafka = kafkaOf(alice)
  const admin = kafkaOf(certificateIn(sluice.certificatesDirectory, 'admin')).admin()
  await admin.connect()
  const configEntries = [{ name: 'confluent.value.schema.validation', value: 'true' }, { name: 'sluice.validation.mode', value: 'payload' }]
  await admin.createTopics({ topics: ['confluent', 'kafkajs', 'payments'].map(topic => ({ topic, numPartitions: 1, configEntries })) })
  const acl = { principal: 'User:CN=alice', host: '*', permissionType: AclPermissionTypes.ALLOW, resourcePatternType: ResourcePatternTypes.LITERAL, resourceName: '*' }
  await admin.createAcls({ acl: [AclResourceTypes.TOPIC, AclResourceTypes.GROUP].map(resourceType => ({ ...acl, resourceType, operation: AclOperationTypes.ALL })) })
  await admin.disconnect()
  // Kafka's clients know no subjects; the gateway's ACLs do.
  const subject = { principal: 'User:CN=alice', host: '*', operation: 'all', permission: 'allow', resourceType: 'subject', resourceName: '*', patternType: 'literal' }
  await sendJson({ gateway: url, certsDir: sluice.certificatesDirectory }, 'POST', '/admin/acls', { acls: [subject] })
})
afterAll(() => disposing.disposeAsync())

function tlsOf({ ca, certificate, key }: ClientCertificate) {
  return { ca: readFileSync(ca), cert: readFileSync(certificate), key: readFileSync(key) }
}

function agentOf(certificate: ClientCertificate): Agent {
  const agent = new Agent({ ...tlsOf(certificate), keepAlive: true })
  disposing.defer(() => agent.destroy())
  return agent
}

function kafkaOf(certificate: ClientCertificate): Kafka {
  return new kafkajs.Kafka({ clientId: 'tests', brokers: [`127.0.0.1:${sluice.ports.kafkaTls}`], ssl: tlsOf(certificate), logLevel: logLevel.NOTHING, retry: { retries: 1, initialRetryTime: 20 } })
}

function confluentClient(agent = agents.alice): SchemaRegistryClient {
  return new SchemaRegistryClient({ baseURLs: [url], maxRetries: 0, createAxiosDefaults: { httpsAgent: agent } })
}

function kafkajsClient(agent = agents.alice): SchemaRegistry {
  return new SchemaRegistry({ host: url, agent, retry: { retries: 0 } })
}

async function send(topic: string, messages: Message[]): Promise<void> {
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  try {
    await producer.send({ topic, messages })
  } finally {
    await producer.disconnect()
  }
}

/** The first `count` values of a topic. */
async function valuesOf(topic: string, count: number): Promise<Buffer[]> {
  const consumer = kafka.consumer({ groupId: `readers-of-${topic}`, maxWaitTimeInMs: 50 })
  await consumer.connect()
  const values: Buffer[] = []
  try {
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({ eachMessage: async ({ message: { value } }) => void values.push(value!) })
    await until(`${count} records of ${topic}`, () => values.length >= count)
  } finally {
    await consumer.disconnect()
  }
  return values
}

test('@confluentinc/schemaregistry: a whole life, and records that its serializers wrote', async () => {
  const client = confluentClient()
  const subject = 'confluent-value'
  const id = await client.register(subject, { schema: orderSchema(), schemaType: 'AVRO' })
  expect(await client.register(subject, { schema: orderSchema(), schemaType: 'AVRO' })).toBe(id)
  await client.updateCompatibility(subject, Compatibility.FULL)
  expect(await client.getCompatibility(subject)).toBe('FULL')
  expect(await client.testCompatibility(subject, 1, { schema: orderSchema({ name: 'total', type: 'long' }) })).toBe(false)
  const next = orderSchema({ name: 'total', type: 'long', default: 0 })
  expect(await client.testSubjectCompatibility(subject, { schema: next })).toBe(true)
  expect(await client.register(subject, { schema: next })).toBeGreaterThan(id)
  expect(await client.getAllVersions(subject)).toEqual([1, 2])

  const serializer = new AvroSerializer(client, SerdeType.VALUE, { autoRegisterSchemas: false, useLatestVersion: true })
  await send('confluent', [{ value: await serializer.serialize('confluent', { id: 'o-1', note: null, total: 3 }) }])
  // The bytes of another record behind the same id: what only a look at the payload finds.
  const careless = Buffer.concat([(await serializer.serialize('confluent', { id: 'o-2', note: null, total: 3 })).subarray(0, 5), Buffer.from([2])])
  await expect(send('confluent', [{ value: careless }])).rejects.toThrow()
  await expect(send('confluent', [{ value: 'no schema at all' }])).rejects.toThrow()
  const [value] = await valuesOf('confluent', 1)
  const deserializer = new AvroDeserializer(client, SerdeType.VALUE, {})
  const order = await deserializer.deserialize('confluent', value!) as { total: number }
  expect({ ...order, total: Number(order.total) }).toEqual({ id: 'o-1', note: null, total: 3 })
  expect(await kafkajsClient().decode(value!)).toMatchObject({ id: 'o-1', total: 3 })

  await client.register('payments-value', { schema: paymentSchema, schemaType: 'JSON' })
  const json = new JsonSerializer(client, SerdeType.VALUE, { autoRegisterSchemas: false, useLatestVersion: true })
  await send('payments', [{ value: await json.serialize('payments', { amount: 12.5 }) }])
  await expect(send('payments', [{ value: await json.serialize('payments', { amount: -1 }) }])).rejects.toThrow()

  expect(await client.deleteSubject(subject)).toEqual([1, 2])
  expect(await client.deleteSubject(subject, true)).toEqual([1, 2])
  expect(await client.getAllSubjects()).not.toContain(subject)
})

test('@kafkajs/confluent-schema-registry: a whole life, and records that it encoded', async () => {
  const registry = kafkajsClient()
  const { id } = await registry.register({ type: SchemaType.AVRO, schema: orderSchema() }, { subject: 'kafkajs-value' })
  expect(await registry.getLatestSchemaId('kafkajs-value')).toBe(id)
  expect(await registry.getRegistryId('kafkajs-value', 1)).toBe(id)
  expect(await registry.getRegistryIdBySchema('kafkajs-value', { type: SchemaType.AVRO, schema: orderSchema() })).toBe(id)
  // It sets the compatibility of a new subject, and compares it with what it is told afterwards.
  expect(await registry.register({ type: SchemaType.AVRO, schema: orderSchema() }, { subject: 'kafkajs-value', compatibility: COMPATIBILITY.BACKWARD })).toMatchObject({ id })
  await expect(registry.register({ type: SchemaType.AVRO, schema: orderSchema() }, { subject: 'kafkajs-value', compatibility: COMPATIBILITY.FULL })).rejects.toThrow('Compatibility')
  await expect(registry.register({ type: SchemaType.AVRO, schema: orderSchema({ name: 'total', type: 'long' }) }, { subject: 'kafkajs-value' })).rejects.toThrow('incompatible')

  await send('kafkajs', [{ value: await registry.encode(id, { id: 'o-1', note: 'fragile' }) }])
  const [value] = await valuesOf('kafkajs', 1)
  expect({ ...await kafkajsClient().decode(value!) as object }).toEqual({ id: 'o-1', note: 'fragile' })
  expect(await new AvroDeserializer(confluentClient(), SerdeType.VALUE, {}).deserialize('kafkajs', value!)).toMatchObject({ id: 'o-1', note: 'fragile' })

  const payment = await registry.register({ type: SchemaType.JSON, schema: paymentSchema }, { subject: 'kafkajs-json' })
  expect(await registry.decode(await registry.encode(payment.id, { amount: 1 }))).toEqual({ amount: 1 })
})

test('who has no ACLs on subjects is refused by both clients', async () => {
  const refused = await confluentClient(agents.bob).getLatestSchemaMetadata('kafkajs-value').catch((error: unknown) => error)
  expect(refused).toBeInstanceOf(RestError)
  expect((refused as RestError).status).toBe(403)
  await expect(kafkajsClient(agents.bob).getLatestSchemaId('kafkajs-value')).rejects.toThrow('denied')
})
