// What a new user does with a secure Sluice, with the tools a new user has: certificates, both protocols, a schema, the bridge, a client without ACLs, a crash.
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { DescribeStreamSummaryCommand, GetRecordsCommand, GetShardIteratorCommand, KinesisClient, PutRecordCommand, type _Record as KinesisRecord } from '@aws-sdk/client-kinesis'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startSluice, type RunningSluice } from '../support/sluice.ts'

const root = join(import.meta.dirname, '..', '..')
const run = promisify(execFile)
const secret = 'a-customer-nobody-may-read'
const order = { id: 'o-1', customer: secret, items: [{ sku: 'tea', quantity: 2, priceCents: 450 }], currency: 'EUR', note: null }

let directory: string
let sluice: RunningSluice

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-first-'))
  sluice = await startSluice({ dev: false, directory })
}, 60_000)

afterAll(async () => {
  await sluice?.[Symbol.asyncDispose]()
  await rm(directory, { recursive: true, force: true })
})

const certificate = async (name: string) => {
  const file = (what: string): Promise<string> => readFile(join(sluice.certificatesDirectory, what), 'utf8')
  return { ca: await file('ca.pem'), cert: await file(`${name}.pem`), key: await file(`${name}.key`) }
}

/** `sluice …` from the command line, as the administrator. */
async function cli(...args: string[]): Promise<string> {
  const where = args[0] === 'certs' ? [] : ['--gateway', `https://localhost:${sluice.ports.gateway}`]
  const { stdout } = await run(process.execPath, [join(root, 'src/cli/sluice.ts'), ...args, ...where, '--certs-dir', sluice.certificatesDirectory], { cwd: root })
  return stdout
}

/** `curl --cert` as `name`. */
async function curl(name: string, method: string, path: string, body?: unknown, type = 'application/json'): Promise<{ status: number; body: Record<string, never> }> {
  const tls = await certificate(name)
  return new Promise((resolve, reject) => {
    const sent = request({ host: 'localhost', port: sluice.ports.gateway, method, path, ...tls, agent: false, headers: body === undefined ? {} : { 'content-type': type } }, response => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        resolve({ status: response.statusCode!, body: (text === '' ? {} : JSON.parse(text)) as Record<string, never> })
      })
    })
    sent.on('error', reject)
    sent.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

async function kafka(name: string): Promise<Kafka> {
  const { ca, cert, key } = await certificate(name)
  return new Kafka({ clientId: name, brokers: [`localhost:${sluice.ports.kafkaTls}`], ssl: { ca: [ca], cert, key }, logLevel: logLevel.NOTHING, retry: { retries: 2 } })
}

async function kinesis(credentials: { accessKeyId: string; secretAccessKey: string }): Promise<KinesisClient> {
  const { ca } = await certificate('admin')
  return new KinesisClient({
    region: 'us-east-1', endpoint: `https://localhost:${sluice.ports.kinesis}`, credentials, maxAttempts: 1,
    requestHandler: { disableConcurrentStreams: true, nodeHttp2ConnectOptions: { ca } },
  })
}

async function adminKinesis(): Promise<KinesisClient> {
  const text = await readFile(join(sluice.certificatesDirectory, 'admin.aws'), 'utf8')
  const value = (name: string): string => new RegExp(`${name} = (\\S+)`).exec(text)![1]!
  return kinesis({ accessKeyId: value('aws_access_key_id'), secretAccessKey: value('aws_secret_access_key') })
}

/** Reads `count` records of a topic in a new group. */
async function consume(name: string, topic: string, count: number, groupId: string): Promise<Buffer[]> {
  const consumer = (await kafka(name)).consumer({ groupId })
  const values: Buffer[] = []
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await new Promise<void>((resolve, reject) => {
    consumer.on('consumer.crash', event => reject(event.payload.error))
    void consumer.run({ eachMessage: async ({ message }) => { if (values.push(message.value!) === count) resolve() } }).catch(reject)
  })
  await consumer.disconnect()
  return values
}

/** What the Kinesis API gives from the start of the one shard. */
async function getAll(client: KinesisClient, stream: string): Promise<KinesisRecord[]> {
  const { ShardIterator } = await client.send(new GetShardIteratorCommand({ StreamName: stream, ShardId: 'shardId-000000000000', ShardIteratorType: 'TRIM_HORIZON' }))
  return (await client.send(new GetRecordsCommand({ ShardIterator: ShardIterator! }))).Records ?? []
}

describe('a new user', () => {
  it('posts JSON against an Avro subject: what fits is stored in Confluent\'s wire format, what does not is answered with its pointer and stored nowhere', async () => {
    await cli('topics', 'create', 'orders')
    const schema = await readFile(join(root, 'schemas/orders-value.v1.avsc'), 'utf8')
    expect((await curl('admin', 'POST', '/subjects/orders-value/versions', { schema })).body).toMatchObject({ id: 1 })

    const good = await curl('admin', 'POST', '/topics/orders', { records: [{ value: order }] })
    expect(good).toMatchObject({ status: 200, body: { offsets: [{ partition: 0, offset: 0 }], value_schema_id: 1 } })

    const bad = await curl('admin', 'POST', '/topics/orders', { records: [{ value: order }, { value: { ...order, items: [{ sku: 'tea', quantity: 'two', priceCents: 450 }] } }] })
    expect(bad.status).toBe(422)
    expect(JSON.stringify(bad.body)).toContain('/items/0/quantity')
    const topic = await curl('admin', 'GET', '/kafka/topics/orders')
    expect(JSON.stringify(topic.body)).toMatch(/"highWatermark":1\b/)
  })

  it('reads the same record through Kafka and through Kinesis, and turns its offset into its sequence number and back', async () => {
    const [value] = await consume('admin', 'orders', 1, 'readers')
    expect(value!.subarray(0, 5).toString('hex')).toBe('0000000001')
    expect(value!.includes(secret)).toBe(true)

    using client = disposable(await adminKinesis())
    const [record] = await getAll(client.value, 'orders')
    expect(Buffer.from(record!.Data!).equals(value!)).toBe(true)

    const there = await curl('admin', 'GET', '/bridge/positions?topic=orders&partition=0&offset=0')
    expect(there.body).toMatchObject({ stream: 'orders', shardId: 'shardId-000000000000', sequenceNumber: record!.SequenceNumber })
    const back = await curl('admin', 'GET', `/bridge/positions?stream=orders&shard=shardId-000000000000&sequence=${record!.SequenceNumber}`)
    expect(back.body).toMatchObject({ topic: 'orders', partition: 0, offset: 0 })
  })

  it('sees a second certificate refused at every way in, in each protocol\'s own words, until ACLs let it in', async () => {
    await cli('certs', 'issue', 'bob')
    const key = JSON.parse(await cli('access-keys', 'create', 'User:CN=bob', '--json')) as { id: string; secret: string }
    const bobSigns = { accessKeyId: key.id, secretAccessKey: key.secret }

    const producer = (await kafka('bob')).producer({ allowAutoTopicCreation: false })
    await producer.connect()
    await expect(producer.send({ topic: 'orders', messages: [{ value: 'x' }] })).rejects.toThrow('Not authorized to access topics')
    using client = disposable(await kinesis(bobSigns))
    const put = new PutRecordCommand({ StreamName: 'orders', PartitionKey: 'k', Data: Buffer.from('x') })
    await expect(client.value.send(put)).rejects.toMatchObject({ name: 'AccessDeniedException', message: expect.stringContaining('is not authorized to perform: kinesis:PutRecord') })
    expect(await curl('bob', 'POST', '/topics/orders', { records: [{ value: order }] })).toMatchObject({ status: 403, body: { error_code: 40301 } })
    expect(await curl('bob', 'GET', '/subjects/orders-value/versions/1')).toMatchObject({ status: 403, body: { error_code: 40301 } })

    await cli('acls', 'add', '--principal', 'User:CN=bob', '--operation', 'read', 'write', '--topic', 'orders')
    await cli('acls', 'add', '--principal', 'User:CN=bob', '--operation', 'read', '--subject', 'orders-value')
    await producer.send({ topic: 'orders', messages: [{ value: 'by kafka' }] })
    await producer.disconnect()
    await client.value.send(put)
    expect(await curl('bob', 'POST', '/topics/orders', { records: [{ value: order }] })).toMatchObject({ status: 200 })
    expect(await curl('bob', 'GET', '/subjects/orders-value/versions/1')).toMatchObject({ status: 200, body: { id: 1 } })

    const audit = await readFile(join(sluice.dataDirectory, 'audit.log'), 'utf8')
    const denied = audit.split('\n').filter(Boolean).map(line => JSON.parse(line) as Record<string, string>).filter(line => line['outcome'] === 'denied' && line['principal'] === 'User:CN=bob')
    expect(new Set(denied.map(line => line['resource']))).toEqual(new Set(['topic:orders', 'subject:orders-value']))
    expect(audit).not.toContain(key.secret)
  })

  it('gets a token for a certificate, which nobody can use with another certificate', async () => {
    const { access_token: token } = JSON.parse(await cli('token', '--json')) as { access_token: string }
    const ask = async (name: string): Promise<number> => {
      const tls = await certificate(name)
      return new Promise((resolve, reject) => {
        const options = { host: 'localhost', port: sluice.ports.gateway, path: '/admin/acls', ...tls, agent: false, headers: { authorization: `Bearer ${token}` } }
        request(options, response => { response.resume(); resolve(response.statusCode!) }).on('error', reject).end()
      })
    }
    expect(await ask('admin')).toBe(200)
    expect(await ask('bob')).toBe(401)
  })

  it('finds everything acknowledged after kill -9, and no plaintext in the data directory', async () => {
    const acknowledged = 4
    await sluice.kill()
    for (const entry of await readdir(sluice.dataDirectory, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue
      const bytes = await readFile(join(entry.parentPath, entry.name))
      for (const plain of [secret, 'by kafka', 'shop.orders', 'priceCents']) expect(bytes.includes(plain), `${entry.name} holds '${plain}'`).toBe(false)
    }
    sluice = await startSluice({ dev: false, directory })
    const values = await consume('admin', 'orders', acknowledged, 'after-the-crash')
    expect(values.map(value => value.toString()).filter(text => text.includes(secret) || ['by kafka', 'x'].includes(text))).toHaveLength(acknowledged)
    using client = disposable(await adminKinesis())
    expect(await getAll(client.value, 'orders')).toHaveLength(acknowledged)
    expect((await client.value.send(new DescribeStreamSummaryCommand({ StreamName: 'orders' }))).StreamDescriptionSummary).toMatchObject({ StreamStatus: 'ACTIVE', OpenShardCount: 1 })
    expect(await curl('bob', 'POST', '/topics/orders', { records: [{ value: order }] })).toMatchObject({ status: 200, body: { value_schema_id: 1 } })
  })

  it('is told in one line what is wrong with a setting, a port or a directory', async () => {
    const start = (...args: string[]): Promise<string> => run(process.execPath, [join(root, 'src/cli/sluice.ts'), 'start', '--data-dir', join(directory, 'other'), '--certs-dir', sluice.certificatesDirectory, ...args], { cwd: root, timeout: 20_000 })
      .then(() => 'started', (error: { stderr: string }) => error.stderr.trim())
    expect(await start('--kinesis-chaos-operations', 'PutRecords, PutRecrods')).toBe('sluice: kinesis.chaos.operations: Kinesis has no operation \'PutRecrods\'; names are as in PutRecords,GetRecords')
    expect(await start('--kinesis-limits', 'none')).toMatch(/^sluice: kinesis\.limits: "none" \(from the command line\) is not valid: .*$/)
    expect(await start('--no-such')).toMatch(/^error: unknown option '--no-such'/)
    const free = ['--kafka-tls-port', '0', '--gateway-port', '0', '--management-port', '0']
    expect(await start(...free, '--kinesis-port', String(sluice.ports.kinesis))).toBe(`sluice: port ${sluice.ports.kinesis} for Kinesis is in use; stop what listens there, or shift all ports with --port-offset`)
    expect(await start('--data-dir', sluice.dataDirectory)).toMatch(/^sluice: .*broker-1.*(lock|another process).*$/)
    const belowFile = join(sluice.certificatesDirectory, 'ca.pem', 'data')
    expect(await start('--data-dir', belowFile)).toMatch(/^sluice: .*ca\.pem\/data.* cannot be used: ENOTDIR.*$/)
  })
})

function disposable(value: KinesisClient): Disposable & { value: KinesisClient } {
  return { value, [Symbol.dispose]: () => value.destroy() }
}
