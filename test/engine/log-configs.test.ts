// What a topic's configs come to for its logs.
import { expect, test } from 'vitest'
import { Configs } from '../../src/engine/catalog/configs.ts'
import { validate } from '../../src/engine/log/validation.ts'
import { logConfigOf } from '../../src/engine/log-configs.ts'
import { Batch, buildBatch } from '../../src/wire/batch.ts'

const nowMs = 1_800_000_000_000

function configs(): Configs {
  return new Configs({ brokerId: 1, settings: {}, dynamic: () => new Map() })
}

test('by default records may have any past time, and no batch is opened to see it', () => {
  const config = logConfigOf(configs(), new Map())
  expect(config.timestampBeforeMaxMs).toBe(Infinity)
  const batch = unopened(buildBatch([{ key: null, value: Buffer.from('old'), timestampMs: 1 }], { timestampMs: 1, codec: 'gzip' }))
  expect(validate(batch, config, nowMs)).toBe(batch)
})

test('a bound on past times is a number of milliseconds', () => {
  expect(logConfigOf(configs(), new Map([['message.timestamp.before.max.ms', '1000']])).timestampBeforeMaxMs).toBe(1000)
})

/** The batch, which fails the test when its records are opened. */
function unopened(batch: Batch): Batch {
  batch.records = () => { throw new Error('the records were opened') }
  return batch
}
