// `node test/cluster/run.ts --minutes 5`: real Kafka clients on three brokers that are stopped, crash and are restarted, and the checker's word on what the
// clients saw. Exits with 1 when anything was bad, and keeps the history and the data. `--seed N` draws the same faults again, `--json` prints the summary as JSON.
import { parseArgs } from 'node:util'
import type { Cast } from '../history/workload.ts'
import { confluentKafka } from '../support/kafka-clients.ts'
import { runCluster, type RunProgress, type RunSummary } from './cluster-run.ts'

const withLibrdkafka: Cast = {
  idempotentSenders: ['kafkajs', 'librdkafka'], plainSenders: ['kafkajs', 'librdkafka'], members: ['kafkajs', 'kafkajs', 'librdkafka', 'librdkafka'], assigned: 1,
}
const kafkajsOnly: Cast = { idempotentSenders: ['kafkajs', 'kafkajs'], plainSenders: ['kafkajs'], members: ['kafkajs', 'kafkajs'], assigned: 0 }

const { minutes, seed, json } = parseArgs({ options: { minutes: { type: 'string' }, seed: { type: 'string' }, json: { type: 'boolean' } } }).values
process.exitCode = await main()

async function main(): Promise<number> {
  const chosen = number('seed', seed ?? String(Date.now() % 1_000_000))
  const msMin = number('minutes', minutes ?? '1') * 60_000
  const say = json ? () => {} : (line: string) => console.log(line)
  say(`cluster: seed ${chosen}${confluentKafka.missing === undefined ? '' : `; kafkajs only, python3-confluent-kafka is ${confluentKafka.missing}`}`)
  const summary = await runCluster({
    seed: chosen, msMin, faultsMin: 1, cast: confluentKafka.missing === undefined ? withLibrdkafka : kafkajsOnly,
    pace: { awayMsMax: 5_000, pauseMsMax: 3_000, quietMs: 6_000 },
    onProgress: progress => say(`cluster: ${status(progress)}, ${seconds(progress.unavailableMs)} unavailable now`),
  })
  if (json) console.log(JSON.stringify(summary))
  else tell(summary)
  return summary.isValid ? 0 : 1
}

function tell(summary: RunSummary): void {
  const { report, failures, kept } = summary
  for (const failure of failures) console.log(`cluster: ${failure}`)
  for (const { class: name, isBad, text } of report.examples) if (isBad) console.log(`cluster: ${name}: ${text}`)
  const unknown = Object.entries(report.unknownBecause).map(([cause, count]) => `${count} ${cause}`).join(', ')
  console.log(`cluster: ${status(summary)}; ${report.operations} operations checked, unknown: ${unknown || 'none'}; bad: ${counts(report.bad)}; allowed: ${counts(report.reported)}`)
  if (kept !== undefined) console.log(`cluster: history and data are in ${kept}; the same faults: node test/cluster/run.ts --seed ${summary.seed} --minutes ${minutes ?? '1'}`)
}

function status({ elapsedMs, sends, acknowledged, records, faults, longestUnavailableMs }: RunProgress): string {
  return `${seconds(elapsedMs)}: ${sends} sends, ${acknowledged} acknowledged, ${records} records read; faults: ${counts(faults)}; longest unavailable ${seconds(longestUnavailableMs)}`
}

function counts(of: Readonly<Record<string, number>>): string {
  return Object.entries(of).map(([name, count]) => `${count} ${name}`).join(', ') || 'none'
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

function number(name: string, text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value) || value < 0) throw new Error(`--${name}: '${text}' is no number of zero or more`)
  return value
}
