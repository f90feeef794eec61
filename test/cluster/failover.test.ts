// Brokers are stopped, crash and are restarted under real clients, in short: nothing that was acknowledged is lost, nothing is there twice that must not be, no
// consumer skips or goes back, and all is read in the end. `test/cluster/run.ts` does it for longer.
import { expect, test } from 'vitest'
import type { Cast } from '../history/workload.ts'
import { confluentKafka } from '../support/kafka-clients.ts'
import { runCluster } from './cluster-run.ts'

const seed = Number(process.env['SEED'] ?? 1)
const faultsMin = 8
const cast: Cast = confluentKafka.missing === undefined
  ? { idempotentSenders: ['kafkajs', 'librdkafka'], plainSenders: ['librdkafka'], members: ['kafkajs', 'librdkafka'], assigned: 1 }
  : { idempotentSenders: ['kafkajs'], plainSenders: ['kafkajs'], members: ['kafkajs'], assigned: 0 }

test(`${faultsMin} faults of brokers under real clients break no promise (seed ${seed})${confluentKafka.note}`, { timeout: 300_000 }, async () => {
  const summary = await runCluster({ seed, cast, faultsMin, msMin: 0, pace: { awayMsMax: 1_500, pauseMsMax: 1_000, quietMs: 1_000 } })
  const { failures, report } = summary
  expect({ failures, bad: report.bad, examples: report.examples.filter(one => one.isBad) }, `kept: ${summary.kept}`).toEqual({ failures: [], bad: {}, examples: [] })
  expect(summary.acknowledged, 'sends that were acknowledged').toBeGreaterThan(0)
  expect(report.outcomes.ok).toBeGreaterThan(0)
})
