// A run: three brokers in a process of their own, real clients on them, faults, and at the end the checker's word on the clients' history.
import { createWriteStream, type WriteStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { Prng } from '../../src/base/prng.ts'
import { checkHistory, type Report } from '../history/checker.ts'
import { Recorder } from '../history/recorder.ts'
import { isExactlyOnce, Workload, type Cast, type WorkloadStatus } from '../history/workload.ts'
import { startSluice, type RunningSluice } from '../support/sluice.ts'
import { BrokersOverHttp } from './brokers.ts'
import { Faults, type Fault, type FaultPace } from './faults.ts'

export interface RunOptions {
  readonly seed: number
  readonly cast: Cast
  readonly pace: FaultPace
  /** Faults go on until both are reached. */
  readonly msMin: number
  readonly faultsMin: number
  /** Every ten seconds. */
  readonly onProgress?: (progress: RunProgress) => void
}

export interface RunProgress extends WorkloadStatus {
  readonly elapsedMs: number
  readonly faults: Readonly<Record<Fault, number>>
}

export interface RunSummary extends RunProgress {
  readonly seed: number
  readonly isValid: boolean
  /** What went wrong besides the history: an operation that was refused, a broker that did not come back, a key that could not be read to its end. */
  readonly failures: readonly string[]
  readonly report: Report
  /** Where history.jsonl, the data, the certificates and the end of what the server wrote to standard error are; only where something was bad. */
  readonly kept?: string
}

const brokersWanted = 3
const healMsMax = 60_000
const progressEveryMs = 10_000

/** Rejects where the server or the clients cannot even be started; what goes wrong later is in the summary. */
export async function runCluster(options: RunOptions): Promise<RunSummary> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-cluster-'))
  const sluice = await startSluice({ directory })
  let isKept = false
  try {
    const summary = await runOn(sluice, options)
    isKept = !summary.isValid
    return isKept ? { ...summary, kept: directory } : summary
  } catch (error) {
    isKept = true
    throw new Error(`${error instanceof Error ? error.message : String(error)} (kept: ${directory}) ${sluice.errors()}`, { cause: error })
  } finally {
    await sluice.kill()
    if (isKept) await writeFile(join(directory, 'errors.log'), sluice.errors())
    else await rm(directory, { recursive: true, force: true })
  }
}

async function runOn(sluice: RunningSluice, { seed, cast, pace, msMin, faultsMin, onProgress }: RunOptions): Promise<RunSummary> {
  const random = new Prng(seed)
  const brokers = new BrokersOverHttp(`http://127.0.0.1:${sluice.ports.gateway}`)
  await brokers.untilRunning({ msMax: healMsMax, inSync: true })
  const all = await brokers.list()
  if (all.length !== brokersWanted) throw new Error(`the server has ${all.length} brokers and not ${brokersWanted}`)
  const bootstrap = all.map(({ ports }) => `127.0.0.1:${ports['kafka-plaintext']}`)

  const file = createWriteStream(join(sluice.directory, 'history.jsonl'))
  const recorder = new Recorder({ now: () => performance.now(), write: line => void file.write(line) })
  await using workload = await Workload.start({ bootstrap, recorder, random: random.fork(), partitions: 3, replicationFactor: 3, minInsyncReplicas: 2, cast, pauseMs: 5 })
  const faults = new Faults({ brokers, random: random.fork(), pace })
  const failures: string[] = []
  const attempt = async (step: () => Promise<unknown>): Promise<boolean> => {
    try {
      await step()
      return true
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error))
      return false
    }
  }
  const beginMs = performance.now()
  const progress = (): RunProgress => ({ ...workload.status, elapsedMs: performance.now() - beginMs, faults: faults.counts })
  sluice.process.once('exit', (code, signal) => failures.push(`the server ended with ${code ?? signal}: ${sluice.errors()}`))
  const timer = setInterval(() => onProgress?.(progress()), progressEveryMs)
  try {
    const ids = all.map(({ id }) => id)
    const isOver = (): boolean => performance.now() - beginMs >= msMin && faults.total >= faultsMin
    // A while without faults first: what breaks then is not the faults' doing.
    await pause(pace.quietMs)
    let goesOn = true
    while (goesOn && !isOver()) goesOn = await attempt(() => faults.next(ids))
    await attempt(() => brokers.startAll())
    await attempt(() => brokers.untilRunning({ msMax: healMsMax, inSync: true }))
    await pause(pace.quietMs)
    const atTheEnd = progress()
    await attempt(() => workload.stopSending())
    await attempt(async () => void failures.push(...await workload.readToTheEnd(healMsMax)))
    const hasFinalPolls = failures.length === 0
    // What the kill at the end of the run says is no failure.
    sluice.process.removeAllListeners('exit')
    const report = checkHistory(recorder.events, { isExactlyOnce, isDurable: true, hasFinalPolls })
    return { seed, ...atTheEnd, records: workload.status.records, isValid: report.isValid && failures.length === 0, failures, report }
  } finally {
    clearInterval(timer)
    sluice.process.removeAllListeners('exit')
    await close(file)
  }
}

async function close(file: WriteStream): Promise<void> {
  file.end()
  await finished(file)
}
