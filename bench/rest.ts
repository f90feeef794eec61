// REST produce over loopback TLS with client certificates: a whole Sluice of one broker in one process, the load in another. Batches of 500 of the sample payment, held
// against their JSON Schema; batches of 500 of the sample order, stored as Avro; and requests of one record each. Beside each, in the same run, node:https that does
// nothing but parse the same bodies: what a gateway in this language could reach at the most.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { request as httpsRequest } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startSluice, type RunningSluice } from '../test/support/sluice.ts'
import { percentile, printRows, type BenchRow } from './row.ts'
import { residentMiB } from './served.ts'

const root = join(import.meta.dirname, '..')
const seconds = 3
const rounds = 5

interface Case {
  readonly name: string
  readonly topic: string
  readonly recordsPerRequest: number
  /** Connections, each with one request at a time. */
  readonly inFlight: number
  readonly record: (index: number) => object
  readonly goal?: { readonly recordsPerSecond?: string; readonly residentMemory?: string }
}

const memory = '<= 400 MiB'
const cases: readonly Case[] = [
  { name: 'JSON Schema, 500 × 100 B', topic: 'payments', recordsPerRequest: 500, inFlight: 8, record: index => payment(index, 100), goal: { recordsPerSecond: '>= 100,000 records/s', residentMemory: memory } },
  { name: 'JSON Schema, 500 × 1000 B', topic: 'payments', recordsPerRequest: 500, inFlight: 8, record: index => payment(index, 1_000), goal: { residentMemory: memory } },
  { name: 'Avro from JSON, 500 × 250 B', topic: 'orders', recordsPerRequest: 500, inFlight: 8, record: order, goal: { recordsPerSecond: '>= 60,000 records/s', residentMemory: memory } },
  // Two connections for each of two cores.
  { name: 'JSON Schema, one record per request, 4 connections', topic: 'payments', recordsPerRequest: 1, inFlight: 4, record: index => payment(index, 100), goal: { recordsPerSecond: '>= 8,000 records/s' } },
]

interface Load {
  readonly recordsPerSecond: number
  readonly p99Ms: number
}

export async function run(): Promise<BenchRow[]> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-bench-rest-'))
  await using sluice = await startSluice({ dev: false, settings: { brokers: 1 } })
  const certs = sluice.certificatesDirectory
  const bare = spawn(process.execPath, [join(root, 'bench/load/bare-https.ts'), '--certs', certs], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const [port] = await once(bare.stdout, 'data') as [Buffer]
    for (const [topic, schemaType, file] of [['payments', 'JSON', 'payments-value.v1.json'], ['orders', 'AVRO', 'orders-value.v1.avsc']] as const) {
      await ask(sluice, 'POST', '/admin/topics', { name: topic, partitions: 3 })
      await ask(sluice, 'POST', `/subjects/${topic}-value/versions`, { schemaType, schema: await readFile(join(root, 'schemas', file), 'utf8') })
    }
    const rows: BenchRow[] = []
    for (const one of cases) {
      const body = join(directory, 'body.json')
      await writeFile(body, JSON.stringify({ records: Array.from({ length: one.recordsPerRequest }, (_, index) => ({ value: one.record(index) })) }))
      const loadOn = (port: number): Promise<Load> => load(one, `https://127.0.0.1:${port}/topics/${one.topic}`, certs, body)
      await loadOn(sluice.ports.gateway)
      const ours: Load[] = []
      const theirs: Load[] = []
      for (let round = 0; round < rounds; round++) {
        theirs.push(await loadOn(Number(port)))
        ours.push(await loadOn(sluice.ports.gateway))
      }
      rows.push(...rowsOf(one, ours, theirs, residentMiB(sluice.process)))
    }
    return rows
  } finally {
    bare.kill()
    await rm(directory, { recursive: true })
  }
}

function rowsOf({ name: what, goal = {} }: Case, ours: readonly Load[], theirs: readonly Load[], memoryMiB: number): BenchRow[] {
  const median = (loads: readonly Load[], figure: keyof Load): number => percentile(loads.map(one => one[figure]), 0.5)
  const [our, their] = [median(ours, 'recordsPerSecond'), median(theirs, 'recordsPerSecond')]
  const name = `one broker, REST produce, TLS, ${what}`
  return [
    {
      name, value: `${Math.round(our).toLocaleString('en')} records/s`, against: `node:https + JSON.parse: ${Math.round(their).toLocaleString('en')} records/s`,
      ratio: our / their, ...goal.recordsPerSecond !== undefined && { goal: goal.recordsPerSecond },
    },
    {
      name: `${name}, p99 of a request`, value: `${median(ours, 'p99Ms').toFixed(1)} ms`,
      against: `node:https + JSON.parse: ${median(theirs, 'p99Ms').toFixed(1)} ms`,
    },
    { name: `${name}, resident memory`, value: `${memoryMiB} MiB`, against: '', ...goal.residentMemory !== undefined && { goal: goal.residentMemory } },
  ]
}

/** The sample payment, its order's name drawn out until the record has so many bytes. */
function payment(index: number, bytes: number): object {
  const shortest = { paymentId: `pay-${index}`, orderId: 'order-', amountCents: 100 + index, currency: 'EUR', method: 'card' }
  return { ...shortest, orderId: 'order-'.padEnd(bytes - JSON.stringify(shortest).length + 'order-'.length, '0123456789') }
}

/** The sample order with two items: nested records, an array, an enum, and a union left to its default. */
function order(index: number): object {
  const item = (sku: string): object => ({ sku, quantity: 2, priceCents: 450 + index })
  return { id: `order-${String(index).padStart(8, '0')}`, customer: 'Ada Lovelace, Countess of', currency: 'EUR', items: [item('tea-earl-grey-loose'), item('cup-porcelain-white')] }
}

async function load({ inFlight, recordsPerRequest }: Case, url: string, certs: string, body: string): Promise<Load> {
  const child = spawn(process.execPath, [
    join(root, 'bench/load/rest.ts'), '--url', url, '--certs', certs, '--body', body, '--type', 'application/json',
    '--inFlight', String(inFlight), '--seconds', String(seconds),
  ], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => { output += chunk.toString() })
  await once(child, 'close')
  if (output === '') throw new Error(`the load on ${url} failed`)
  const { requests, seconds: took, p99Ms } = JSON.parse(output) as { requests: number; seconds: number; p99Ms: number }
  return { recordsPerSecond: (requests * recordsPerRequest) / took, p99Ms }
}

async function ask(sluice: RunningSluice, method: string, path: string, value: object): Promise<void> {
  const certs = sluice.certificatesDirectory
  const identity = { cert: await readFile(join(certs, 'admin.pem')), key: await readFile(join(certs, 'admin.key')), ca: await readFile(join(certs, 'ca.pem')) }
  const how = { method, ...identity, headers: { 'content-type': 'application/json' }, agent: false }
  const request = httpsRequest(`https://127.0.0.1:${sluice.ports.gateway}${path}`, how)
  request.end(JSON.stringify(value))
  const [response] = await once(request, 'response') as [NodeJS.ReadableStream & { statusCode: number }]
  response.resume()
  if (response.statusCode >= 300) throw new Error(`${method} ${path}: HTTP ${response.statusCode}`)
}

if (import.meta.main) printRows(await run())
