// `npm run bench [-- NAME…] [-- --json]`: every benchmark, or the named ones, one after the other on an otherwise idle machine; a table each.
import { cpus, loadavg } from 'node:os'
import { printRows, type BenchRow } from './row.ts'

interface Bench {
  run(): Promise<BenchRow[]>
}

const benches: Readonly<Record<string, () => Promise<Bench>>> = {
  append: () => import('./append.ts'),
  'catch-up': () => import('./catch-up.ts'),
  failover: () => import('./failover.ts'),
  'fan-out': () => import('./fan-out.ts'),
  kafka: () => import('./kafka.ts'),
  kinesis: () => import('./kinesis.ts'),
  'kinesis-memory': () => import('./kinesis-memory.ts'),
  'kinesis-peers': () => import('./kinesis-peers.ts'),
  replication: () => import('./replication.ts'),
  registry: () => import('./registry.ts'),
  rest: () => import('./rest.ts'),
  start: () => import('./start.ts'),
  validation: () => import('./validation.ts'),
}

const asked = process.argv.slice(2)
const asJson = asked.includes('--json')
const names = asked.filter(one => one !== '--json')
const unknown = names.find(name => benches[name] === undefined)
if (unknown !== undefined) {
  console.error(`there is no bench '${unknown}'; there are ${Object.keys(benches).join(', ')}`)
  process.exit(1)
}

const results: Record<string, BenchRow[]> = {}
for (const [name, load] of Object.entries(benches)) {
  if (names.length > 0 && !names.includes(name)) continue
  const before = loadavg()[0]!
  if (!asJson) console.log(`\n${name} (${cpus().length} cores, load ${before.toFixed(2)} before)`)
  results[name] = await (await load()).run()
  if (!asJson) printRows(results[name])
}
if (asJson) console.log(JSON.stringify(results, null, 2))
