// `npm run sim`: simulations from seeds, on every core, until the time or the number asked for is over. Without `--states`, whole clusters with faults; with it,
// crash states of one log. Exits with 1 and the line that replays it when a rule is broken. `--seed N` alone runs that seed, or with a bound begins there.
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { type SimulationResult, simulate } from './cluster/simulation.ts'
import { type CrashStates, crashStates } from './crash-states.ts'

const usage = `usage: npm run sim -- [options]

whole clusters with faults (the default):
  --minutes N       run seeds until N minutes are over (default 5)
  --seeds N         run N seeds
  --seed N          run this seed alone; with --minutes or --seeds, begin there
  --verbose         with --seed alone: print all that happens
  --json            print the result as JSON

crash states of one log:
  --states N        run seeds until N states have been looked at; --seed, --seeds and --minutes as above

  --help            print this
`
const statesPerSeed = 1000
const progressIntervalMs = 10_000
const workersMax = 4
/** Every so many seeds one is run twice, to see that both runs are the same. */
const twiceEvery = 8
/** Behind the faults of each seed: idle brokers, whose sessions, timers and balances go on. */
const quietMs = 480_000
/** The mean times between two faults. */
const paces = [800, 2_000, 5_000]

interface Job {
  readonly seed: number
  /** For crash states. */
  readonly statesMax?: number
}

if (isMainThread) process.exitCode = await main()
else {
  parentPort!.on('message', ({ seed, statesMax }: Job) => {
    void (statesMax === undefined ? runCluster(seed) : crashStates({ seed, statesMax })).then(result => parentPort!.postMessage(result))
  })
}

interface ClusterRun extends SimulationResult {
  readonly wasTwice: boolean
}

function shapeOf(seed: number): { readonly seed: number; readonly quietMs: number; readonly everyMs: number } {
  return { seed, quietMs, everyMs: paces[seed % paces.length]! }
}

async function runCluster(seed: number): Promise<ClusterRun> {
  const first = await simulate({ ...shapeOf(seed) })
  if (seed % twiceEvery !== 0) return { ...first, wasTwice: false }
  const second = await simulate({ ...shapeOf(seed) })
  const isSame = first.hash === second.hash
  return { ...first, wasTwice: true, violations: [...first.violations, ...(isSame ? [] : [`two runs of the seed differ: ${first.hash} and ${second.hash}`])] }
}

async function main(): Promise<number> {
  const options = {
    seed: { type: 'string' }, states: { type: 'string' }, seeds: { type: 'string' }, minutes: { type: 'string' }, json: { type: 'boolean' }, verbose: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  } as const
  let given
  try {
    given = parseArgs({ options }).values
  } catch (error) {
    console.error(`sim: ${(error as Error).message.split('. ')[0]}\n\n${usage}`)
    return 2
  }
  if (given.help === true) {
    console.log(usage)
    return 0
  }
  const { seed, states, seeds, minutes, json = false, verbose = false } = given
  const firstSeed = count('seed', seed ?? '1')
  const isOne = seed !== undefined && seeds === undefined && minutes === undefined
  if (states !== undefined) return isOne ? replayStates({ seed: firstSeed, statesMax: count('states', states) }) : runStates(firstSeed, count('states', states), { seeds, minutes })
  return isOne ? replayCluster(firstSeed, { json, isVerbose: verbose }) : runClusters(firstSeed, { seeds, minutes, json })
}

interface Bounds {
  readonly seeds: string | undefined
  readonly minutes: string | undefined
}

// ------------------------------------------------------------------------------------------------------------ clusters

interface Totals {
  seeds: number
  twice: number
  milliseconds: number
  busyMilliseconds: number
  events: number
  messages: number
  operations: number
  acknowledged: number
  read: number
  processStarts: number
  faults: Record<string, number>
}

async function runClusters(firstSeed: number, { seeds, minutes, json }: Bounds & { readonly json: boolean }): Promise<number> {
  const startedMs = performance.now()
  const seedsWanted = seeds === undefined ? Infinity : count('seeds', seeds)
  const untilMs = seeds !== undefined && minutes === undefined ? Infinity : startedMs + count('minutes', minutes ?? '5') * 60_000
  const totals: Totals = { seeds: 0, twice: 0, milliseconds: 0, busyMilliseconds: 0, events: 0, messages: 0, operations: 0, acknowledged: 0, read: 0, processStarts: 0, faults: {} }
  const violated: ClusterRun[] = []
  const seconds = (): number => (performance.now() - startedMs) / 1000
  const say = (line: string): void => (json ? console.error(line) : console.log(line))
  say('sim: whole clusters with faults')
  const progress = setInterval(() => say(`sim: ${told(totals, seconds(), violated.length)}`), progressIntervalMs)
  await inWorkers(firstSeed, seed => violated.length === 0 && seed < firstSeed + seedsWanted && performance.now() < untilMs, async (worker, seed) => {
    const result = await ask<ClusterRun>(worker, { seed })
    add(totals, result)
    if (result.violations.length > 0) violated.push(result)
  })
  clearInterval(progress)
  const passed = seconds()
  if (json) console.log(JSON.stringify({ ...totals, seconds: passed, violated: violated.map(({ seed, violations }) => ({ seed, violations })) }, null, 2))
  else {
    say(`sim: ${told(totals, passed, violated.length)}`)
    say(`sim: of the simulated time ${hours(totals.busyMilliseconds)} h had faults and full load; the rest is recovery, brokers without clients (8 minutes in each seed) and the last checks`)
    say(`sim: ${totals.operations} operations of clients, ${totals.acknowledged} records acknowledged, ${totals.read} read; ${totals.messages} messages; ${totals.processStarts} starts of the process; ${totals.twice} seeds run twice with the same trace`)
    say(`sim: faults: ${Object.entries(totals.faults).toSorted(([, a], [, b]) => b - a).map(([kind, times]) => `${kind} ${times}`).join(', ')}`)
  }
  for (const result of violated) tellFailure(result)
  return violated.length > 0 ? 1 : 0
}

function told({ seeds, milliseconds, events, faults }: Totals, seconds: number, violated: number): string {
  const count = Object.values(faults).reduce((sum, times) => sum + times, 0)
  return `${seeds} seeds, ${hours(milliseconds)} simulated cluster-hours, ${count} faults, ${Math.round(events / seconds)} events/s, ${violated} seeds with violations, ${seconds.toFixed(0)} s`
}

function add(totals: Totals, result: ClusterRun): void {
  const times = result.wasTwice ? 2 : 1
  totals.seeds++
  totals.twice += times - 1
  // A second run of a seed shows nothing new, but that it is the same.
  for (const name of ['milliseconds', 'busyMilliseconds', 'events', 'messages', 'operations', 'acknowledged', 'read', 'processStarts'] as const) totals[name] += result[name]
  for (const [kind, happened] of Object.entries(result.faults)) totals.faults[kind] = (totals.faults[kind] ?? 0) + happened
}

async function replayCluster(seed: number, { json, isVerbose }: { readonly json: boolean; readonly isVerbose: boolean }): Promise<number> {
  const result = await simulate({ ...shapeOf(seed), ...(isVerbose ? { onLine: (line: string) => console.log(line) } : {}) })
  if (json) console.log(JSON.stringify(result, null, 2))
  else console.log(`sim: seed ${seed}: ${hours(result.milliseconds)} h, ${result.operations} operations, ${result.events} events, trace ${result.hash}`)
  if (result.violations.length === 0) return 0
  tellFailure(result)
  return 1
}

function tellFailure({ seed, violations }: SimulationResult): void {
  console.error(`sim: SEED=${seed}`)
  for (const violation of violations) console.error(`sim: VIOLATION ${violation}`)
  console.error(`sim: replay with: npm run sim -- --seed ${seed} --verbose`)
}

function hours(milliseconds: number): string {
  return (milliseconds / 3_600_000).toFixed(2)
}

// -------------------------------------------------------------------------------------------------------- crash states

async function runStates(firstSeed: number, states: number, { seeds, minutes }: Bounds): Promise<number> {
  const startedMs = performance.now()
  const statesWanted = seeds !== undefined || minutes !== undefined ? Infinity : states
  const seedsWanted = seeds === undefined ? Infinity : count('seeds', seeds)
  const untilMs = minutes === undefined ? Infinity : startedMs + count('minutes', minutes) * 60_000
  let asked = 0
  let done = 0
  let seedsDone = 0
  let saidMs = startedMs
  let violated: (Required<Job> & CrashStates) | undefined
  console.log('sim: crash states of the encrypted log')
  await inWorkers(firstSeed, seed => violated === undefined && asked < statesWanted && seed < firstSeed + seedsWanted && performance.now() < untilMs, async (worker, seed) => {
    const job = { seed, statesMax: Math.min(statesPerSeed, statesWanted - asked) }
    asked += job.statesMax
    const result = await ask<CrashStates>(worker, job)
    seedsDone++
    done += result.states
    // An epoch with few disk operations has few states: the rest is asked for again.
    asked += result.states - job.statesMax
    if (result.violations.length > 0) violated ??= { ...job, ...result }
    if (performance.now() - saidMs < progressIntervalMs) return
    saidMs = performance.now()
    console.log(`sim: ${done} states, ${((saidMs - startedMs) / 1000).toFixed(0)} s`)
  })
  if (violated !== undefined) return failStates(violated)
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  console.log(`sim: ${done} crash states from ${seedsDone} seeds in ${seconds} s: 0 acknowledged lost, 0 phantom, 0 false damage`)
  return 0
}

async function replayStates(job: Required<Job>): Promise<number> {
  const result = await crashStates(job)
  console.log(`sim: seed ${job.seed}: ${result.states} states, trace ${result.hash.slice(0, 16)}`)
  return result.violations.length > 0 ? failStates({ ...job, ...result }) : 0
}

function failStates({ seed, statesMax, violations }: Required<Job> & CrashStates): number {
  for (const violation of violations) console.error(`sim: VIOLATION ${violation}`)
  console.error(`sim: replay with: npm run sim -- --seed ${seed} --states ${statesMax}`)
  return 1
}

// ------------------------------------------------------------------------------------------------------------- workers

/** Seed after seed, one in each worker at a time, for as long as there are more. */
async function inWorkers(firstSeed: number, hasMore: (seed: number) => boolean, work: (worker: Worker, seed: number) => Promise<void>): Promise<void> {
  let nextSeed = firstSeed
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), workersMax) }, async () => {
    const worker = new Worker(import.meta.filename)
    while (hasMore(nextSeed)) await work(worker, nextSeed++)
    await worker.terminate()
  }))
}

async function ask<Result>(worker: Worker, job: Job): Promise<Result> {
  const answer = once(worker, 'message')
  worker.postMessage(job)
  return (await answer)[0] as Result
}

function count(name: string, text: string): number {
  const number = Number(text)
  if (Number.isInteger(number) && number > 0) return number
  console.error(`sim: --${name} must be a positive whole number, not ${text}`)
  return process.exit(2)
}
