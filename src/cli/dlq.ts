// `sluice dlq`: records that did not fit their topic, in its dead-letter topic: which there are, what is wrong with them, and back with them once that is mended.
import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { askGateway, followGateway, printTable, queryOf, withGateway, type GatewayOptions } from './gateway-client.ts'
import { counted, wholeNumber } from './numbers.ts'
import { withProgress } from './progress.ts'

interface ShownTopic {
  readonly topic: string
  readonly letters: number
  readonly waiting: number
  readonly redriven: number
  readonly open: number
  readonly origins: readonly string[]
  readonly reasons: readonly { readonly reason: string; readonly count: number }[]
}

type ShownPart = { readonly json?: unknown; readonly text?: string; readonly base64?: string; readonly withheld?: string } | null

interface ShownLetter {
  readonly partition: number
  readonly offset: number
  readonly state: string
  readonly redrivenTo: { readonly topic: string; readonly partition: number; readonly offset: number } | null
  readonly reason: string
  readonly part: string
  readonly pointer: string
  readonly schema: string | null
  readonly origin: { readonly topic: string; readonly partition: number; readonly index: number; readonly timestamp: string | null }
  readonly principal: string
  readonly clientId: string | null
  readonly wayIn: string
  readonly time: string
  readonly keyBytes: number | null
  readonly valueBytes: number | null
  readonly headers: readonly { readonly name: string; readonly value?: string | null }[]
  readonly key?: ShownPart
  readonly value?: ShownPart
}

interface Summary {
  readonly redriven: number
  readonly failed: number
  readonly failures: readonly { readonly partition: number; readonly offset: number; readonly reason: string }[]
}

interface FilterOptions extends GatewayOptions {
  readonly origin?: string
  readonly reason?: string
  readonly since?: string
}

export function dlqCommand(): Command {
  const command = new Command('dlq').description('list, show and redrive records that did not fit their topic')
  const subcommand = (usage: string, sentence: string, example: string): Command =>
    withGateway(command.command(usage).description(sentence)).addHelpText('after', `\nExample: sluice dlq ${example}`)
  const filtered = (one: Command): Command => one
    .option('--origin <topic>', 'only letters of this topic')
    .option('--reason <text>', 'only letters whose reason has this text in it')
    .option('--since <time>', 'only letters from this time on, as in 2026-01-31T12:00:00Z')

  subcommand('list', 'list dead-letter topics: how many letters wait, and why', 'list').action(list)
  filtered(subcommand('show <topic> [partition] [offset]', 'show letters, or one of them', 'show orders.dlq 0 17 --contents'))
    .option('--state <state>', 'waiting, redriven, open or all', 'waiting')
    .option('--limit <n>', 'how many at most', '100')
    .option('--contents', 'with keys, values and headers')
    .action(show)
  filtered(subcommand('redrive <topic> [partition] [offset]', 'judge letters again and append those that fit to the topic they were meant for', 'redrive orders.dlq --reason "must be number"'))
    .option('--value <json|@file>', 'another value for the one letter, as JSON: it is written by the letter\'s schema, or the latest one of its topic')
    .option('--value-bytes <@file>', 'another value for the one letter, as it is')
    .option('--latest-schema', 'write values by the latest schema of their topic: for letters that a new version was registered for')
    .option('--dry-run', 'only say what would be done')
    .action(redrive)
  return command
}

async function list(options: GatewayOptions): Promise<void> {
  const { topics } = await withProgress('counting dead letters', () => followGateway(options, 'GET', '/admin/dlq', () => {})) as { topics: ShownTopic[] }
  if (options.json === true) return console.log(JSON.stringify(topics, null, 2))
  if (topics.length === 0) return console.log('no dead-letter topics')
  printTable([['TOPIC', 'OF', 'LETTERS', 'WAITING', 'REDRIVEN'], ...topics.map(one => [
    one.topic, one.origins.join(',') || '-', String(one.letters), String(one.waiting + one.open), String(one.redriven),
  ])])
  for (const { topic, reasons } of topics) {
    if (reasons.length === 0) continue
    console.log(`\n${topic}: why letters wait`)
    printTable([['COUNT', 'REASON'], ...reasons.map(({ reason, count }) => [String(count), reason])])
  }
}

async function show(
  topic: string, partition: string | undefined, offset: string | undefined,
  options: FilterOptions & { readonly state: string; readonly limit: string; readonly contents?: boolean },
): Promise<void> {
  const path = `/admin/dlq/${encodeURIComponent(topic)}`
  const contents = options.contents === true ? 'true' : undefined
  if (partition !== undefined && offset !== undefined) {
    const at = `${path}/${wholeNumber(partition, 'partition')}/${offsetOf(offset)}${queryOf({ contents })}`
    const letter = await askGateway(options, 'GET', at) as ShownLetter
    return options.json === true ? console.log(JSON.stringify(letter, null, 2)) : describe(letter)
  }
  const { origin, reason, since, state, limit } = options
  const query = queryOf({ partition, origin, reason, since, state, limit: String(wholeNumber(limit, '--limit')), contents })
  const read = (): Promise<unknown> => followGateway(options, 'GET', `${path}${query}`, () => {})
  const page = await withProgress('reading dead letters', read) as { letters: ShownLetter[]; next: object | null }
  if (options.json === true) return console.log(JSON.stringify(page, null, 2))
  if (page.letters.length === 0) return console.log(state === 'all' ? 'no letters' : `no letters are ${state}`)
  if (options.contents === true) for (const letter of page.letters) describe(letter)
  else {
    printTable([['PARTITION', 'OFFSET', 'STATE', 'TIME', 'OF', 'BY', 'REASON'], ...page.letters.map(one => [
      String(one.partition), String(one.offset), one.state, one.time, `${one.origin.topic}-${one.origin.partition}`, one.principal, reasonOf(one),
    ])])
  }
  if (page.next !== null) console.error('there are more: raise --limit, or narrow the choice')
}

function describe(letter: ShownLetter): void {
  const { origin, redrivenTo } = letter
  const rows: [string, string][] = [
    ['letter', `partition ${letter.partition}, offset ${letter.offset}, ${letter.state}`],
    ...redrivenTo === null ? [] : [['redriven to', `${redrivenTo.topic}-${redrivenTo.partition}, offset ${redrivenTo.offset}`] as [string, string]],
    ['reason', reasonOf(letter)],
    ['schema', letter.schema ?? '-'],
    ['meant for', `${origin.topic}-${origin.partition}, record ${origin.index} of its batch${origin.timestamp === null ? '' : `, of ${origin.timestamp}`}`],
    ['sent by', `${letter.principal}${letter.clientId === null ? '' : `, client ${letter.clientId}`}, through ${letter.wayIn}, at ${letter.time}`],
    ['key', letter.key === undefined ? sizeOf(letter.keyBytes) : contentsOf(letter.key)],
    ['value', letter.value === undefined ? sizeOf(letter.valueBytes) : contentsOf(letter.value)],
    ...letter.headers.map(({ name, value }): [string, string] => ['header', value === undefined ? name : `${name} = ${value === null ? 'null' : Buffer.from(value, 'base64').toString()}`]),
  ]
  for (const [name, value] of rows) console.log(`${name.padEnd(12)}${value}`)
  console.log()
}

async function redrive(
  topic: string, partition: string | undefined, offset: string | undefined,
  options: FilterOptions & { readonly value?: string; readonly valueBytes?: string; readonly latestSchema?: boolean; readonly dryRun?: boolean },
): Promise<void> {
  const { origin, reason, since, latestSchema, dryRun } = options
  const body = {
    ...partition !== undefined && { partition: wholeNumber(partition, 'partition') }, ...offset !== undefined && { offset: offsetOf(offset) },
    origin, reason, since, dryRun, latestSchema, ...valueOf(options),
  }
  const path = `/admin/dlq/${encodeURIComponent(topic)}/redrive`
  const summary = await withProgress('redriving', say => followGateway(options, 'POST', path, line => {
    const { redriven, failed } = line as Summary
    say(`redriving: ${redriven} done, ${failed} cannot be`)
  }, body)) as Summary
  if (options.json === true) console.log(JSON.stringify(summary, null, 2))
  else {
    const nothing = summary.redriven + summary.failed === 0
    console.log(nothing ? offset === undefined ? 'no such letters are waiting' : 'this letter is not waiting: it was redriven before, or is none' : `${counted(summary.redriven, 'letter')} ${dryRun === true ? 'would be redriven' : 'redriven'}${summary.failed === 0 ? '' : `, ${summary.failed} cannot be:`}`)
    if (summary.failures.length > 0) {
      printTable([['PARTITION', 'OFFSET', 'REASON'], ...summary.failures.map(one => [String(one.partition), String(one.offset), one.reason])])
    }
    if (summary.failed > summary.failures.length) console.log(`and ${summary.failed - summary.failures.length} more`)
  }
  if (summary.failed > 0) throw new Error(`${counted(summary.failed, 'letter')} cannot be redriven: ${latestSchema === true ? mendOne : `${mendOne}, or write them by a newer version of the schema with --latest-schema`}`)
}

const mendOne = 'mend one with --value'

function valueOf({ value, valueBytes }: { readonly value?: string; readonly valueBytes?: string }): { value?: unknown; valueBase64?: string } {
  if (value !== undefined && valueBytes !== undefined) throw new Error('--value and --value-bytes cannot be given together')
  if (valueBytes !== undefined) {
    if (!valueBytes.startsWith('@')) throw new Error(`--value-bytes: '${valueBytes}' is not written @file`)
    return { valueBase64: read('--value-bytes', valueBytes.slice(1)).toString('base64') }
  }
  if (value === undefined) return {}
  const text = value.startsWith('@') ? read('--value', value.slice(1)).toString() : value
  try {
    return { value: JSON.parse(text) as unknown }
  } catch (error) {
    throw new Error(`--value: not JSON: ${(error as Error).message}`, { cause: error })
  }
}

function read(option: string, path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new Error(`${option}: cannot read ${path}: ${(error as Error).message}`, { cause: error })
  }
}

function offsetOf(text: string): number {
  if (!/^(0|[1-9]\d{0,14})$/.test(text)) throw new Error(`offset: '${text}' is not a whole number`)
  return Number(text)
}

function reasonOf({ part, pointer, reason }: ShownLetter): string {
  return `${part}${pointer === '' ? '' : ` at ${pointer}`}: ${reason}`
}

function sizeOf(bytes: number | null): string {
  return bytes === null ? 'null' : counted(bytes, 'byte')
}

function contentsOf(part: ShownPart): string {
  if (part === null) return 'null'
  if (part.withheld !== undefined) return `withheld: ${part.withheld}`
  return part.text ?? (part.base64 === undefined ? JSON.stringify(part.json) : `base64 ${part.base64}`)
}
