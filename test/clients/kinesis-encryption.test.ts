// Encryption of a stream as users have it: the AWS SDK starts it, `sluice kms` makes, disables and enables the key, Kafka's clients write and read the same topic, and
// the server is killed in between.
import {
  CreateStreamCommand, DescribeStreamSummaryCommand, GetRecordsCommand, GetShardIteratorCommand, KinesisClient, PutRecordCommand, PutRecordsCommand,
  StartStreamEncryptionCommand, StopStreamEncryptionCommand,
} from '@aws-sdk/client-kinesis'
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import kafkajs, { type Kafka } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { until } from '../support/kafka-clients.ts'
import { startSluice, type RunningSluice } from '../support/sluice.ts'

const StreamName = 'vault'
const program = join(import.meta.dirname, '../../src/cli/sluice.ts')
const settings = { 'kinesis.limits': 'off', 'brokers': 3 }
const timeoutMs = 60_000

let sluice: RunningSluice
let kinesis: KinesisClient
let kafka: Kafka

function connect(): void {
  kinesis = new KinesisClient({ endpoint: `http://127.0.0.1:${sluice.ports.kinesis}`, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' }, maxAttempts: 1 })
  kafka = new kafkajs.Kafka({ brokers: sluice.brokers.map(({ kafkaPlaintext }) => `127.0.0.1:${kafkaPlaintext}`), logLevel: kafkajs.logLevel.NOTHING, retry: { retries: 0 } })
}

beforeAll(async () => {
  sluice = await startSluice({ settings })
  connect()
  await kinesis.send(new CreateStreamCommand({ StreamName, ShardCount: 1 }))
})
afterAll(async () => {
  kinesis.destroy()
  await sluice[Symbol.asyncDispose]()
})

async function kms(...args: string[]): Promise<{ id: string; state: string; topics: string[] }> {
  const { stdout } = await promisify(execFile)(process.execPath, [program, 'kms', ...args, '--json', '--gateway', `http://127.0.0.1:${sluice.ports.gateway}`])
  return JSON.parse(stdout) as { id: string; state: string; topics: string[] }
}

const put = (text: string) => kinesis.send(new PutRecordCommand({ StreamName, PartitionKey: 'a', Data: Buffer.from(text) }))

async function read(): Promise<[text: string, encryption: string | undefined][]> {
  const { ShardIterator } = await kinesis.send(new GetShardIteratorCommand({ StreamName, ShardId: 'shardId-000000000000', ShardIteratorType: 'TRIM_HORIZON' }))
  const { Records } = await kinesis.send(new GetRecordsCommand({ ShardIterator }))
  return Records!.map(({ Data, EncryptionType }) => [Buffer.from(Data!).toString(), EncryptionType])
}

async function produce(value: string): Promise<void> {
  const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
  await producer.connect()
  try {
    await producer.send({ topic: StreamName, messages: [{ value, partition: 0 }] })
  } finally {
    await producer.disconnect()
  }
}

async function consumed(count: number): Promise<string[]> {
  const values: string[] = []
  const consumer = kafka.consumer({ groupId: `readers-${count}`, maxWaitTimeInMs: 50 })
  await consumer.connect()
  await consumer.subscribe({ topic: StreamName, fromBeginning: true })
  await consumer.run({ eachMessage: async ({ message }) => void values.push(String(message.value)) })
  await until(`${count} records`, () => values.length >= count)
  await consumer.disconnect()
  return values
}

describe('a stream under a key', () => {
  it('is encrypted from the answer on, for every client alike', async () => {
    await kms('create', '--alias', 'alias/vault')
    await put('plain')
    await kinesis.send(new StartStreamEncryptionCommand({ StreamName, EncryptionType: 'KMS', KeyId: 'alias/vault' }))
    expect(await put('a')).toMatchObject({ EncryptionType: 'KMS' })
    expect(await kinesis.send(new PutRecordsCommand({ StreamName, Records: [{ PartitionKey: 'a', Data: Buffer.from('b') }] }))).toMatchObject({ EncryptionType: 'KMS' })
    await produce('of Kafka')
    const { StreamDescriptionSummary } = await kinesis.send(new DescribeStreamSummaryCommand({ StreamName }))
    expect(StreamDescriptionSummary).toMatchObject({ EncryptionType: 'KMS', KeyId: 'alias/vault', StreamStatus: 'ACTIVE' })
    expect(await kms('describe', 'alias/vault')).toMatchObject({ state: 'Enabled', topics: [StreamName] })
    expect(await read()).toEqual([['plain', undefined], ['a', 'KMS'], ['b', 'KMS'], ['of Kafka', 'KMS']])
    expect(await consumed(4)).toEqual(['plain', 'a', 'b', 'of Kafka'])
  }, timeoutMs)

  it('lets nothing in or out while its key is disabled, also after a kill, and everything once it is enabled', async () => {
    const { id } = await kms('disable', 'alias/vault')
    const disabled = { name: 'KMSDisabledException', message: `arn:aws:kms:us-east-1:000000000000:key/${id} is disabled.` }
    const closed = async (): Promise<void> => {
      await expect(put('never')).rejects.toMatchObject(disabled)
      expect(await read()).toEqual([['plain', undefined]])
      await expect(produce('never')).rejects.toMatchObject({ type: 'TOPIC_AUTHORIZATION_FAILED' })
      const rest = await fetch(`http://127.0.0.1:${sluice.ports.gateway}/topics/${StreamName}/partitions/0/records?offset=1`)
      expect(rest.status).toBe(403)
    }
    await closed()
    await sluice.kill()
    kinesis.destroy()
    sluice = await startSluice({ directory: sluice.directory, settings })
    connect()
    await closed()
    await kms('enable', 'alias/vault')
    await put('c')
    expect(await read()).toEqual([['plain', undefined], ['a', 'KMS'], ['b', 'KMS'], ['of Kafka', 'KMS'], ['c', 'KMS']])
    expect(await consumed(5)).toEqual(['plain', 'a', 'b', 'of Kafka', 'c'])
  }, timeoutMs)

  it('goes on without one, and nothing of key or records lies open in any file', async () => {
    await kinesis.send(new StopStreamEncryptionCommand({ StreamName, EncryptionType: 'KMS', KeyId: 'alias/vault' }))
    expect(await put('the plans of the vault')).not.toHaveProperty('EncryptionType')
    expect((await read()).slice(-2)).toEqual([['c', 'KMS'], ['the plans of the vault', undefined]])
    await sluice.stop()
    const files = readdirSync(sluice.dataDirectory, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile())
    const open = files.map(entry => readFileSync(join(entry.parentPath, entry.name)).toString('latin1')).filter(text => /the plans of the vault|material/.test(text))
    expect([files.length > 10, open]).toEqual([true, []])
  }, timeoutMs)
})
