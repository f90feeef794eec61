// hot-key: everything under one key, faster than one shard takes.
import { innermost } from '../kafka-side.ts'
import { valueOf } from '../samples.ts'
import type { Outcome, Scenario } from '../scenario.ts'

const batches = 6
const batchCount = 500
const batch = Array.from({ length: batchCount }, () => ({ key: 'hot', value: valueOf(1000) }))

export const hotKey: Scenario = {
  slug: 'hot-key',
  title: 'Hot key and throttling',
  task: 'Send 3,000 records of 1 KB under one key as fast as the client can, without trying again what was refused.',
  number: 'records that were throttled',
  difference: 'On Kafka one partition takes what its broker can write, and a quota, where one is set, delays the answer; a Kinesis shard takes 1,000 records or 1 MiB per second and refuses the rest.',
  migration: 'Spread a hot key (a suffix, or ExplicitHashKey) or split its shard, and back off on ProvisionedThroughputExceededException; a Kafka producer needs neither.',
  snippets: {
    kafka: 'producer.send({ topic, messages })  // throttle_time_ms in the answer pauses the client',
    kinesis: 'if (entry.ErrorCode === \'ProvisionedThroughputExceededException\') retry(entry)',
  },
  documented: [{ text: 'Each shard supports up to 1 MB/s or 1,000 records/s of writes', source: 'Kinesis Data Streams quotas', date: '2025-10' }],
  slots: 3,

  async kafka(side, { name }) {
    const latencies: number[] = []
    let refused = 0
    let reason = ''
    for (let turn = 0; turn < batches; turn++) {
      const startedAt = performance.now()
      try {
        await side.recording.step(`send ${batchCount} records`, () => side.send(name, batch))
      } catch (error) {
        refused += batchCount
        reason = innermost(error)
      }
      latencies.push(performance.now() - startedAt)
    }
    return outcome(refused, latencies, reason)
  },

  async kinesis(side, { name }) {
    const latencies: number[] = []
    let refused = 0
    let reason = ''
    for (let turn = 0; turn < batches; turn++) {
      const startedAt = performance.now()
      const answers = await side.recording.step(`put ${batchCount} records`, () => side.putBatch(name, batch))
      latencies.push(performance.now() - startedAt)
      const failed = answers.filter(answer => answer.ErrorCode !== undefined)
      refused += failed.length
      reason ||= failed[0]?.ErrorMessage ?? ''
    }
    return outcome(refused, latencies, reason)
  },
}

function outcome(refused: number, latencies: readonly number[], reason: string): Outcome {
  const slowest = Math.round(Math.max(...latencies))
  return {
    figure: { value: Math.round((refused / (batches * batchCount)) * 100), unit: '%', label: 'limit enforced' },
    notes: [`${batches * batchCount - refused} of ${batches * batchCount} records are in`, `slowest batch ${slowest} ms (measured here)`, ...(reason === '' ? [] : [`refused with: ${reason}`])],
  }
}
