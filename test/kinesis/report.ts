// What of the Kinesis API is there, operation by operation, found by trying it: the table of wrong requests in both forms, and one right call of each operation
// over every transport and through every client that is installed. Exit code 1 where an operation of AWS's model is missing or anything fails.
//   npm run report:kinesis [-- --json] [--java]     (--java: also through the AWS SDK for Java, which takes half a minute)
import { operations } from '../../src/kinesis/operations/index.ts'
import { type ClientKind, clientKinds, tryClients } from './report/clients.ts'
import { defined, modelled } from './model/definitions.ts'
import { model } from './model/model.ts'
import { tryStates } from './model/states.ts'
import { tryAll } from './model/table.ts'
import { testKinesis } from './support/kinesis.ts'

interface Line {
  readonly operation: string
  readonly served: boolean
  /** Whether its definition is that of the model. */
  readonly asModelled: boolean
  /** Requests of the table that were sent. */
  readonly cases: number
  /** Through which it was called and answered as it should. */
  readonly clients: readonly ClientKind[]
  readonly failures: readonly string[]
}

const served = new Map(operations.map(({ operation }) => [operation.name, operation]))
const forms = ['json', 'cbor'] as const

async function lineOf(name: string, walked: Awaited<ReturnType<typeof tryClients>>): Promise<Line> {
  const operation = served.get(name)
  if (operation === undefined) return { operation: name, served: false, asModelled: false, cases: 0, clients: [], failures: [] }
  const tried = []
  for (const form of forms) tried.push(await tryAll(await testKinesis(), name, form), await tryStates(name, form))
  return {
    operation: name, served: true, asModelled: JSON.stringify(sorted(defined(operation))) === JSON.stringify(sorted(modelled(name))),
    cases: tried.reduce((sum, { cases }) => sum + cases, 0),
    clients: clientKinds.filter(kind => walked.done.get(kind)?.has(name) === true),
    failures: [...tried.flatMap(({ failures }) => failures), ...walked.failures.filter(failure => failure.startsWith(`${name}:`) || failure.startsWith(`${name} `))],
  }
}

/** Members by name; their order is compared as a list of its own. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, one]) => [name, sorted(one)]))
}

function printed({ operation, served: isServed, asModelled, cases, clients, failures }: Line): string {
  if (!isServed) return `${operation.padEnd(40)}MISSING`
  const state = failures.length === 0 ? asModelled ? 'served' : 'served, not as modelled' : `${failures.length} FAILED`
  const byClient = Object.entries(Object.groupBy(clients, kind => kind.split(' ')[0]!)).map(([client, kinds = []]) => `${client} ${kinds.map(kind => kind.split(' ')[1]).join('/')}`)
  return `${operation.padEnd(40)}${state}${`${cases} cases`.padStart(12)}   ${byClient.join(' · ')}${failures.map(failure => `\n    ${failure}`).join('')}`
}

const asJson = process.argv.includes('--json')
const walked = await tryClients(new Set(served.keys()), { java: process.argv.includes('--java') })
const lines: Line[] = []
for (const name of Object.keys(model.operations)) {
  const line = await lineOf(name, walked)
  lines.push(line)
  if (!asJson) console.log(printed(line))
}
const there = lines.filter(line => line.served)
const isWhole = there.length === lines.length && lines.every(line => line.asModelled && line.failures.length === 0)
if (asJson) console.log(JSON.stringify({ operations: lines, skipped: walked.skipped, served: there.length, of: lines.length, passed: isWhole }, null, 2))
else {
  for (const reason of walked.skipped) console.log(reason)
  console.log(`${lines.reduce((sum, { cases }) => sum + cases, 0)} cases in JSON and CBOR\n${there.length} of ${lines.length}`)
}
process.exit(isWhole ? 0 : 1)
