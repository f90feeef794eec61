// What validation costs Kafka producers: 1 KB records in batches of 1 MB with acks=all to one broker, to topics that differ in nothing but their validation, taking turns in one run: none, of the schema id, of
// the payload (JSON Schema, and Avro). The load runs in a process of its own.
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import avro, { type Schema } from 'avsc'
import { framePrefix } from '../src/registry/framing.ts'
import { startSluice } from '../test/support/sluice.ts'
import { percentile, printRows, type BenchRow } from './row.ts'
import { cacheDirectory, kafkaLoad, megabytesPerSecond, processorMs, type Produced } from './served.ts'

const directory = join(cacheDirectory, 'sluice-bench-validation')
const rounds = 5
const batches = 100
const inFlight = 5
const goals = { id: 0.97, payload: 0.65 } as const

const avroSchema = {
  type: 'record', name: 'Order', fields: [
    { name: 'id', type: 'long' }, { name: 'customer', type: 'string' }, { name: 'note', type: ['null', 'string'], default: null },
    { name: 'lines', type: { type: 'array', items: { type: 'record', name: 'Line', fields: [
      { name: 'article', type: 'string' }, { name: 'quantity', type: 'int' }, { name: 'price', type: 'double' }, { name: 'text', type: 'string' },
    ] } } },
  ],
}
const jsonSchema = {
  type: 'object', required: ['id', 'customer', 'lines'], additionalProperties: false,
  properties: {
    id: { type: 'integer' }, customer: { type: 'string' }, note: { type: ['null', 'string'] },
    lines: { type: 'array', items: {
      type: 'object', required: ['article', 'quantity', 'price'], additionalProperties: false,
      properties: { article: { type: 'string' }, quantity: { type: 'integer', minimum: 1 }, price: { type: 'number', minimum: 0 }, text: { type: 'string' } },
    } },
  },
}
/** About 1 KB in either language. */
function order(lines: number, textCharacters: number) {
  return {
    id: 4_711, customer: 'c-0815', note: 'leave it with the neighbours',
    lines: Array.from({ length: lines }, (_, at) => ({ article: `a-${at}`, quantity: at + 1, price: 9.95 + at, text: 'x'.repeat(textCharacters) })),
  }
}

interface Topic {
  readonly name: string
  readonly schemaType: 'AVRO' | 'JSON'
  /** Topics are compared with the unvalidated one of the same payload. */
  readonly mode: 'none' | 'id' | 'payload'
}

const topics: readonly Topic[] = (['AVRO', 'JSON'] as const).flatMap(schemaType => (['none', 'id', 'payload'] as const).map(mode => ({ name: `${schemaType}-${mode}`, schemaType, mode })))

export async function run(): Promise<BenchRow[]> {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  await using sluice = await startSluice({ directory, settings: { brokers: 1 } })
  try {
    const gateway = `http://127.0.0.1:${sluice.ports.gateway}`
    const values = new Map<string, string>()
    for (const topic of topics) values.set(topic.schemaType, (await create(gateway, topic)).toString('base64'))
    const rates = new Map(topics.map(({ name }) => [name, [] as number[]]))
    const costs = new Map(topics.map(({ name }) => [name, [] as number[]]))
    for (let round = 0; round <= rounds; round++) {
      for (const { name, schemaType } of topics) {
        const before = processorMs(sluice.process)
        const made = await kafkaLoad<Produced>(sluice.ports.kafkaPlaintext!, 'produce', name, { batches, 'in-flight': inFlight, value: values.get(schemaType)! })
        // The first round warms up.
        if (round === 0) continue
        rates.get(name)!.push(megabytesPerSecond(made))
        costs.get(name)!.push((processorMs(sluice.process) - before) / (made.bytes / 1e6))
      }
    }
    return topics.filter(({ mode }) => mode !== 'none').flatMap(({ name, schemaType, mode }): BenchRow[] => {
      const what = `Kafka produce, 1 KB ${schemaType} records, 1 MB batches, acks=all, validated by ${mode}`
      const [cost, plainCost] = [percentile(costs.get(name)!, 0.5), percentile(costs.get(`${schemaType}-none`)!, 0.5)]
      const [ours, plain] = [percentile(rates.get(name)!, 0.5), percentile(rates.get(`${schemaType}-none`)!, 0.5)]
      return [{
        name: what, value: `${ours.toFixed(0)} MB/s`,
        against: `not validated: ${plain.toFixed(0)} MB/s`, ratio: ours / plain, goal: `>= ${goals[mode as 'id' | 'payload'].toFixed(2)}`,
      }, {
        // On a machine that is shared, this says more than the rate.
        name: `${what}: processor time of the server`, value: `${cost.toFixed(2)} ms/MB`, against: `not validated: ${plainCost.toFixed(2)} ms/MB`, ratio: cost / plainCost,
      }]
    })
  } finally {
    await sluice.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** The topic and its schema (which has the same id in each subject); a value that fits, framed. */
async function create(gateway: string, { name, schemaType, mode }: Topic): Promise<Buffer> {
  const configs = mode === 'none' ? {} : { 'confluent.value.schema.validation': 'true', 'sluice.validation.mode': mode }
  const schema = schemaType === 'AVRO' ? avroSchema : jsonSchema
  const { id } = await post(`${gateway}/subjects/${name}-value/versions`, { schema: JSON.stringify(schema), schemaType }) as { id: number }
  await post(`${gateway}/admin/topics`, { name, partitions: 1, configs })
  const payload = schemaType === 'JSON' ? Buffer.from(JSON.stringify(order(8, 60))) : avro.Type.forSchema(avroSchema as Schema, { wrapUnions: false }).toBuffer(order(8, 100))
  return Buffer.concat([framePrefix(id), payload])
}

async function post(url: string, body: object): Promise<unknown> {
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`)
  return await response.json()
}

if (import.meta.main) printRows(await run())
