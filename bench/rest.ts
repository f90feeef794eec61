// REST produce of JSON-Schema-validated records over loopback TLS with client certificates: a whole Sluice of one broker in one process, the load
// in another, batches of 500 of the sample payment. Beside it, in the same run, node:https that does nothing but parse the same bodies: what a gateway in this
// language could reach at the most.
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
const recordsPerRequest = 500
const inFlight = 8
const seconds = 3
const rounds = 5

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
    await ask(sluice, 'POST', '/admin/topics', { name: 'payments', partitions: 3 })
    const schema = await readFile(join(root, 'schemas/payments-value.v1.json'), 'utf8')
    await ask(sluice, 'POST', '/subjects/payments-value/versions', { schemaType: 'JSON', schema })
    const rows: BenchRow[] = []
    for (const bytes of [100, 1_000]) {
      const body = join(directory, `${bytes}.json`)
      await writeFile(body, JSON.stringify({ records: Array.from({ length: recordsPerRequest }, (_, index) => ({ value: payment(index, bytes) })) }))
      const loadOn = (port: number): Promise<Load> => load(`https://127.0.0.1:${port}/topics/payments`, certs, body)
      await loadOn(sluice.ports.gateway)
      const ours: Load[] = []
      const theirs: Load[] = []
      for (let round = 0; round < rounds; round++) {
        theirs.push(await loadOn(Number(port)))
        ours.push(await loadOn(sluice.ports.gateway))
      }
      rows.push(...rowsOf(bytes, ours, theirs, residentMiB(sluice.process)))
    }
    return rows
  } finally {
    bare.kill()
    await rm(directory, { recursive: true })
  }
}

function rowsOf(bytes: number, ours: readonly Load[], theirs: readonly Load[], memoryMiB: number): BenchRow[] {
  const median = (loads: readonly Load[], what: keyof Load): number => percentile(loads.map(one => one[what]), 0.5)
  const [our, their] = [median(ours, 'recordsPerSecond'), median(theirs, 'recordsPerSecond')]
  const name = `one broker, REST produce, JSON Schema, ${recordsPerRequest} × ${bytes} B, TLS`
  return [
    {
      name, value: `${Math.round(our).toLocaleString('en')} records/s`, against: `node:https + JSON.parse: ${Math.round(their).toLocaleString('en')} records/s`,
      ratio: our / their, ...bytes === 100 && { goal: '>= 100,000 records/s' },
    },
    {
      name: `${name}, p99 of a request`, value: `${median(ours, 'p99Ms').toFixed(0)} ms`,
      against: `node:https + JSON.parse: ${median(theirs, 'p99Ms').toFixed(0)} ms`,
    },
    { name: `${name}, resident memory`, value: `${memoryMiB} MiB`, against: '', goal: '<= 400 MiB' },
  ]
}

/** The sample payment, its order's name drawn out until the record has so many bytes. */
function payment(index: number, bytes: number): object {
  const shortest = { paymentId: `pay-${index}`, orderId: 'order-', amountCents: 100 + index, currency: 'EUR', method: 'card' }
  return { ...shortest, orderId: 'order-'.padEnd(bytes - JSON.stringify(shortest).length + 'order-'.length, '0123456789') }
}

async function load(url: string, certs: string, body: string): Promise<Load> {
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
