// `npm run sim`: crash states of the log, seed after seed on every core, until the number asked for. Exits with 1 and the line that replays it
// when a check fails. `--seed N` runs that seed alone, or with `--seeds` or `--minutes` begins there.
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { type CrashStates, crashStates } from './crash-states.ts'

const statesPerSeed = 1000
const progressIntervalMs = 10_000
const workersMax = 4

interface Job {
  readonly seed: number
  readonly statesMax: number
}

if (isMainThread) process.exitCode = await main()
else parentPort!.on('message', (job: Job) => void crashStates(job).then(result => parentPort!.postMessage(result)))

async function main(): Promise<number> {
  const { seed, states, seeds, minutes } = parseArgs({
    options: { seed: { type: 'string' }, states: { type: 'string' }, seeds: { type: 'string' }, minutes: { type: 'string' } },
  }).values
  const startedMs = performance.now()
  const firstSeed = count('seed', seed ?? '1')
  if (seed && !seeds && !minutes) return replay({ seed: firstSeed, statesMax: count('states', states ?? String(statesPerSeed)) })

  const statesWanted = seeds || minutes ? Infinity : count('states', states ?? '50000')
  const seedsWanted = seeds ? count('seeds', seeds) : Infinity
  const untilMs = minutes ? startedMs + count('minutes', minutes) * 60_000 : Infinity
  let nextSeed = firstSeed
  let asked = 0
  let done = 0
  let saidMs = startedMs
  let violated: (Job & CrashStates) | undefined
  console.log('sim: crash states of the encrypted log')

  await Promise.all(Array.from({ length: Math.min(availableParallelism(), workersMax) }, async () => {
    const worker = new Worker(import.meta.filename)
    while (!violated && asked < statesWanted && nextSeed < firstSeed + seedsWanted && performance.now() < untilMs) {
      const job = { seed: nextSeed++, statesMax: Math.min(statesPerSeed, statesWanted - asked) }
      asked += job.statesMax
      const result = await ask(worker, job)
      done += result.states
      // An epoch with few disk operations has few states: the rest is asked for again.
      asked += result.states - job.statesMax
      if (result.violations.length > 0) violated ??= { ...job, ...result }
      if (performance.now() - saidMs < progressIntervalMs) continue
      saidMs = performance.now()
      console.log(`sim: ${done} states, ${((saidMs - startedMs) / 1000).toFixed(0)} s`)
    }
    await worker.terminate()
  }))
  if (violated) return fail(violated)
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  console.log(`sim: ${done} crash states from ${nextSeed - firstSeed} seeds in ${seconds} s: 0 acknowledged lost, 0 phantom, 0 false damage`)
  return 0
}

async function replay(job: Job): Promise<number> {
  const result = await crashStates(job)
  console.log(`sim: seed ${job.seed}: ${result.states} states, trace ${result.hash.slice(0, 16)}`)
  return result.violations.length > 0 ? fail({ ...job, ...result }) : 0
}

function fail({ seed, statesMax, violations }: Job & CrashStates): number {
  for (const violation of violations) console.error(`sim: VIOLATION ${violation}`)
  console.error(`sim: replay with: npm run sim -- --seed ${seed} --states ${statesMax}`)
  return 1
}

async function ask(worker: Worker, job: Job): Promise<CrashStates> {
  const answer = once(worker, 'message')
  worker.postMessage(job)
  return (await answer)[0] as CrashStates
}

function count(name: string, text: string): number {
  const number = Number(text)
  if (Number.isInteger(number) && number > 0) return number
  console.error(`sim: --${name} must be a positive whole number, not ${text}`)
  return process.exit(2)
}
