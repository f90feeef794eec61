// `sluice kinesis`: what only the Kinesis API has, of a running server.
import { Command, Option } from 'commander'
import { askGateway, printTable, sendJson, withGateway, type GatewayOptions } from './gateway-client.ts'
import { numberWithin, wholeNumber } from './numbers.ts'

interface Trouble {
  readonly throttle: number
  readonly failure: number
  readonly delayMs: number
}

interface ShownLimits {
  readonly profile: 'aws' | 'off' | 'chaos'
  readonly isEnforced: boolean
  readonly chaos: Trouble & {
    readonly seed: number
    readonly failureWhen: 'before' | 'after'
    readonly limits: 'aws' | 'off'
    readonly operations: Readonly<Record<string, Partial<Trouble>>>
  }
  readonly troubles: readonly { readonly operation: string; readonly kind: string; readonly count: number }[]
}

interface LimitsOptions extends GatewayOptions {
  readonly throttle?: string
  readonly failure?: string
  readonly failureWhen?: string
  readonly delay?: string
  readonly seed?: string
  readonly with?: string
  readonly only?: readonly string[]
}

const limitsHelp = `
Profiles:
  aws    AWS's limits: per shard, per stream, per account
  off    no limits
  chaos  throttling, failures and slow answers, for clients to be tried with

Examples:
  sluice kinesis limits
  sluice kinesis limits off
  sluice kinesis limits chaos --throttle 0.2 --failure 0.05 --delay 250
  sluice kinesis limits chaos --only PutRecords GetRecords --throttle 0.5 --seed 7

A throttled record is not stored. The same seed gives the same calls the same troubles. What is set here holds until the server stops.
What is not given stays as it was, at first as the settings kinesis.chaos.… say (sluice start --help): --failure 0 for no failures.`

export function kinesisCommand(): Command {
  const command = new Command('kinesis').description('look at and change the limits of the Kinesis API, and make trouble for its clients')
  withGateway(command.command('limits [profile]').description('show what is enforced, or change it'))
    .option('--throttle <probability>', 'chaos: how many calls, or records of PutRecords, are throttled (0 to 1)')
    .option('--failure <probability>', 'chaos: how many calls get an InternalFailure, HTTP 500 (0 to 1)')
    .addOption(new Option('--failure-when <when>', 'chaos: whether such a call has had its effect').choices(['before', 'after']))
    .option('--delay <ms>', 'chaos: calls wait up to so long')
    .option('--seed <n>', 'chaos: what it is drawn from')
    .addOption(new Option('--with <limits>', 'chaos: what is enforced beside it').choices(['aws', 'off']))
    .option('--only <operations...>', 'chaos: only these operations have troubles')
    .addHelpText('after', limitsHelp)
    .action(limits)
  return command
}

async function limits(profile: string | undefined, options: LimitsOptions): Promise<void> {
  const path = '/admin/kinesis/limits'
  const before = await askGateway(options, 'GET', path) as ShownLimits
  const chaos = chaosOf(options, before.chaos)
  if (profile !== undefined && profile !== 'chaos' && chaos !== undefined) throw new Error(`limits: '${profile}' takes no troubles: \`sluice kinesis limits chaos …\``)
  if (profile === undefined && chaos !== undefined) throw new Error('limits: say which profile: `sluice kinesis limits chaos …`')
  const shown = profile === undefined ? before : await sendJson(options, 'PUT', path, { profile, ...chaos && { chaos } }) as ShownLimits
  if (options.json === true) return console.log(JSON.stringify(shown, null, 2))
  const enforced = shown.isEnforced ? 'AWS\'s limits hold' : 'no limits hold'
  console.log(`profile ${shown.profile}: ${enforced}${shown.profile === 'chaos' ? `, with troubles drawn from seed ${shown.chaos.seed}` : ''}`)
  if (shown.profile === 'chaos') printTroubles(shown.chaos)
  if (shown.troubles.length > 0) {
    console.log('\nmade so far:')
    printTable([['OPERATION', 'TROUBLE', 'COUNT'], ...shown.troubles.map(one => [one.operation, one.kind, String(one.count)])])
  }
}

function printTroubles({ operations, failureWhen, ...rest }: ShownLimits['chaos']): void {
  const row = (name: string, { throttle, failure, delayMs }: Trouble): string[] => [name, String(throttle), `${failure} (${failureWhen} the effect)`, `up to ${delayMs} ms`]
  const hasRest = rest.throttle > 0 || rest.failure > 0 || rest.delayMs > 0
  const own = Object.entries(operations).map(([name, trouble]) => row(name, { ...rest, ...trouble }))
  printTable([['OPERATION', 'THROTTLED', 'FAILED', 'DELAYED'], ...own, ...hasRest ? [row(own.length === 0 ? 'all' : 'all others', rest)] : []])
}

/** What is to be changed of the troubles; undefined where nothing is. */
function chaosOf(options: LimitsOptions, before: ShownLimits['chaos']): object | undefined {
  const trouble: Partial<Trouble> = {
    ...options.throttle === undefined ? {} : { throttle: numberWithin(options.throttle, '--throttle', { min: 0, max: 1 }) },
    ...options.failure === undefined ? {} : { failure: numberWithin(options.failure, '--failure', { min: 0, max: 1 }) },
    ...options.delay === undefined ? {} : { delayMs: wholeNumber(options.delay, '--delay') },
  }
  const rest = {
    ...options.seed === undefined ? {} : { seed: wholeNumber(options.seed, '--seed') },
    ...options.failureWhen === undefined ? {} : { failureWhen: options.failureWhen },
    ...options.with === undefined ? {} : { limits: options.with },
  }
  if (Object.keys(trouble).length === 0 && Object.keys(rest).length === 0 && options.only === undefined) return undefined
  if (options.only === undefined) return Object.keys(trouble).length === 0 ? rest : { ...rest, ...trouble, operations: {} }
  const { throttle, failure, delayMs } = before
  const own = { throttle, failure, delayMs, ...trouble }
  if (own.throttle === 0 && own.failure === 0 && own.delayMs === 0) throw new Error('--only: say which troubles they have: --throttle, --failure or --delay')
  return { ...rest, throttle: 0, failure: 0, delayMs: 0, operations: Object.fromEntries(options.only.map(name => [name, own])) }
}
