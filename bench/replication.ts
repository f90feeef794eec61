// What three replicas cost: produce with acks=all to a topic with replication factor 3 (min.insync.replicas 2) and to one with factor 1, taking turns in the same three
// brokers, with the same load from another process. Beside it what the machine can do at the most: plain code that writes three files and syncs them in parallel.
import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { startSluice } from '../test/support/sluice.ts'
import { throughputTogether, writeTogether } from './plain-disk.ts'
import { percentile, printRows, type BenchRow } from './row.ts'
import { cacheDirectory, kafkaLoad, megabytesPerSecond, processorMs, residentMiB, untilInSync, type Produced } from './served.ts'

const directory = join(cacheDirectory, 'sluice-bench-replication')
const rounds = 5
const factors = [1, 3] as const
type Factor = (typeof factors)[number]

/** 1 KB records in all of them: 100 MB in batches of 1 MB, a record a batch from a producer with many in flight, and one at a time. */
const loads = {
  large: { 'batches': 100, 'in-flight': 5 },
  small: { 'batches': 3_000, 'batch-bytes': 1, 'record-bytes': 1024, 'in-flight': 16 },
  single: { 'batches': 500, 'batch-bytes': 1, 'record-bytes': 1024, 'in-flight': 1 },
} as const
type Load = keyof typeof loads

interface Measured extends Produced {
  readonly processorMs: number
}

export async function run(): Promise<BenchRow[]> {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  await using sluice = await startSluice({ directory })
  const plain = Array.from({ length: 3 }, (_, at) => openSync(join(directory, `plain-${at}`), 'w'))
  try {
    const { kafkaPlaintext, gateway } = sluice.ports
    const ports = new Map<Factor, number>()
    for (const factor of factors) {
      await kafkaLoad(kafkaPlaintext!, 'create', topicOf(factor), { replication: factor })
      ports.set(factor, (await kafkaLoad<{ port: number }>(kafkaPlaintext!, 'leader', topicOf(factor))).port)
    }
    const measured = new Map<string, Measured[]>()
    const disk = { megabytes: [] as number[], p50: [] as number[], p99: [] as number[] }
    for (let round = 0; round <= rounds; round++) {
      const megabytes = await throughputTogether(plain, loads.large.batches)
      const together = await writeTogether(plain, loads.single.batches)
      for (const load of Object.keys(loads) as Load[]) {
        for (const factor of factors) {
          const before = processorMs(sluice.process)
          const produced = await kafkaLoad<Produced>(ports.get(factor)!, 'produce', topicOf(factor), loads[load])
          // The first round warms both up.
          if (round > 0) addTo(measured, `${load} ${factor}`, { ...produced, processorMs: processorMs(sluice.process) - before })
        }
      }
      if (round === 0) continue
      disk.megabytes.push(megabytes)
      disk.p50.push(percentile(together, 0.5))
      disk.p99.push(percentile(together, 0.99))
    }
    await untilInSync(gateway, topicOf(3), { count: 3, msMax: 30_000 })
    const median = (load: Load, factor: Factor, what: (one: Measured) => number): number => percentile(measured.get(`${load} ${factor}`)!.map(what), 0.5)
    const pair = (load: Load, what: (one: Measured) => number): readonly [number, number] => [median(load, 3, what), median(load, 1, what)]
    const [largeRate, largeAlone] = pair('large', megabytesPerSecond)
    const [smallRate, smallAlone] = pair('small', ({ records, seconds }) => records / seconds)
    const diskRate = percentile(disk.megabytes, 0.5)
    const cpu = pair('large', one => one.processorMs / loads.large.batches)
    const name = 'produce, RF 3, acks=all'
    return [
      { name: `${name}, 1 KB records, 1 MB batches`, value: `${largeRate.toFixed(0)} MB/s`, against: `RF 1: ${largeAlone.toFixed(0)} MB/s`, ratio: largeRate / largeAlone },
      { name: 'the same', value: `${largeRate.toFixed(0)} MB/s`, against: `three plain files in parallel: ${diskRate.toFixed(0)} MB/s each`, ratio: largeRate / diskRate },
      { name: 'the same, processor time of 1 MB', value: `${cpu[0].toFixed(1)} ms`, against: `RF 1: ${cpu[1].toFixed(1)} ms`, ratio: cpu[0] / cpu[1] },
      { name: `${name}, 1 KB a batch, 16 in flight`, value: `${smallRate.toFixed(0)} records/s`, against: `RF 1: ${smallAlone.toFixed(0)} records/s`, ratio: smallRate / smallAlone },
      ...(['p50', 'p99'] as const).flatMap(share => {
        const [ours, alone] = pair('single', ({ latencyMs }) => latencyMs[share])
        const plainMs = percentile(disk[share], 0.5)
        const row = { name: `${name}, one 1 KB record at a time, ${share}`, value: `${ours.toFixed(2)} ms` }
        return [
          { ...row, against: `RF 1: ${alone.toFixed(2)} ms`, ratio: ours / alone },
          { ...row, against: `three plain files, write + fdatasync in parallel: ${plainMs.toFixed(2)} ms`, ratio: ours / plainMs },
        ]
      }),
      { name: 'three brokers, resident memory after the loads above', value: `${residentMiB(sluice.process)} MiB`, against: '', goal: '<= 400 MiB' },
    ]
  } finally {
    for (const file of plain) closeSync(file)
    await sluice.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

function topicOf(factor: Factor): string {
  return `bench-${factor}`
}

function addTo<T>(lists: Map<string, T[]>, key: string, value: T): void {
  lists.set(key, [...lists.get(key) ?? [], value])
}

if (import.meta.main) printRows(await run())
