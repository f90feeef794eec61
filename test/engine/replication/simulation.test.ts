// Whole clusters with faults, from seeds. Without TEST_SEEDS a few short ones; `npm run sim` runs many. A seed that once showed a bug stays.
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Replica } from '../../../src/engine/replication/replica.ts'
import { Refusal } from '../../../src/ports.ts'
import type { FaultKind } from '../../sim/cluster/nemesis.ts'
import { cutsToHighWatermark, earlierLivesCount, endsTooEarly, oneIsNotWaitedFor, writtenCountsAsDurable } from '../../sim/cluster/sabotage.ts'
import { simulate, type SimulationOptions } from '../../sim/cluster/simulation.ts'

const seeds = Number(process.env['TEST_SEEDS'] ?? 20)
const firstSeed = Number(process.env['SEED'] ?? 1)
/** Short, so that twenty of them take a minute. */
const faultMs = 40_000
const timeoutMs = 600_000

describe('a cluster that faults befall', () => {
  it(`keeps its promises, and comes back to order (${seeds} seeds from ${firstSeed})`, async () => {
    for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
      const { violations } = await simulate({ seed, faultMs })
      expect(violations, `SEED=${seed}; replay with: SEED=${seed} TEST_SEEDS=1 npx vitest run test/engine/replication/simulation.test.ts`).toEqual([])
    }
  }, timeoutMs)

  it.each([21, 69, 106, 150, 264, 276])('does so with seed %i, which once showed a bug', async seed => {
    const { violations } = await simulate({ seed, quietMs: 480_000, everyMs: [800, 2_000, 5_000][seed % 3]! })
    expect(violations).toEqual([])
  }, timeoutMs)

  it('keeps every key of a stream in order while its shards are split and merged', async () => {
    for (let seed = firstSeed; seed < firstSeed + seeds / 2; seed++) {
      const { violations, faults } = await simulate({ seed, faultMs: 30_000, everyMs: 1_500, kinds: ['reshard', 'reshard', 'reshard', 'cut', 'fail'] })
      expect(violations, `SEED=${seed}`).toEqual([])
      expect(faults.reshard).toBeGreaterThan(0)
    }
  }, timeoutMs)

  it('that are too many leaves what was acknowledged whole or out of reach', async () => {
    let outOfReach = 0
    for (let seed = firstSeed; seed < firstSeed + seeds / 4; seed++) {
      const result = await simulate({ seed, faultMs: 15_000, kinds: ['fail', 'stop', 'cut', 'kill'], isBeyondBudget: true })
      expect(result.violations, `SEED=${seed}`).toEqual([])
      if (result.outOfReach !== 0) outOfReach++
    }
    expect(outOfReach).toBeGreaterThan(0)
  }, timeoutMs)

  it('does the same in two runs of one seed', async () => {
    const [first, second] = [await simulate({ seed: 7, faultMs }), await simulate({ seed: 7, faultMs })]
    expect(second.hash).toBe(first.hash)
    expect(second).toEqual(first)
  }, timeoutMs)
})

describe('a broken rule is noticed', () => {
  afterEach(() => { vi.restoreAllMocks() })

  const seedsMax = 12
  const noticed = async (broken: Partial<SimulationOptions>, kinds: readonly FaultKind[]): Promise<string | undefined> => {
    for (let seed = 1; seed <= seedsMax; seed++) {
      const { violations } = await simulate({ seed, faultMs, everyMs: 3_000, kinds, stopsEarly: true, ...broken })
      if (violations.length > 0) return violations[0]
    }
    return undefined
  }

  it('followers that tell what they have written, not what is durable', async () => {
    expect(await noticed({ sabotage: writtenCountsAsDurable }, ['power'])).toMatch(/^I3 .*durable on/)
  }, timeoutMs)

  it('a high watermark that does not wait for one of the in-sync replicas', async () => {
    expect(await noticed({ sabotage: oneIsNotWaitedFor }, ['cut', 'fail'])).toMatch(/^I[36] /)
  }, timeoutMs)

  it('followers that cut their logs at their own high watermark, not by epoch', async () => {
    expect(await noticed({ sabotage: cutsToHighWatermark }, ['kill', 'fail'])).toMatch(/^I[36] /)
  }, timeoutMs)

  it('a broker that is let into in-sync sets for what an earlier life of it had', async () => {
    expect(await noticed({ sabotage: earlierLivesCount }, ['wipe', 'cut'])).toMatch(/^I3 /)
  }, timeoutMs)

  it('leaders elected from outside the in-sync set', async () => {
    expect(await noticed({ topicConfigs: new Map([['unclean.leader.election.enable', 'true']]) }, ['fail', 'isolate'])).toMatch(/^I5 .*elected from outside/)
  }, timeoutMs)

  it('shards that take records before their parents have come to an end', async () => {
    const { append } = Replica.prototype
    vi.spyOn(Replica.prototype, 'append').mockImplementation(function (this: Replica, batch, how) {
      return this.leadership?.append(batch, how) ?? append.call(this, batch, how)
    })
    expect(await noticed({ everyMs: 1_500 }, ['reshard', 'reshard', 'cut', 'fail'])).toMatch(/^I15 .*took records before/)
  }, timeoutMs)

  it('closed partitions that end too early', async () => {
    expect(await noticed({ sabotage: endsTooEarly, everyMs: 1_500 }, ['reshard', 'fail'])).toMatch(/^I15 .*was committed/)
  }, timeoutMs)

  it('leaders that serve what is above the high watermark', async () => {
    const { read } = Replica.prototype
    vi.spyOn(Replica.prototype, 'read').mockImplementation(async function (this: Replica, from, how) {
      const slice = await read.call(this, from, how)
      const { log } = this
      if (slice instanceof Refusal || log === undefined) return slice
      const batches = await log.read(from, { ...how, upTo: log.endOffset })
      return batches instanceof Refusal ? batches : { ...slice, batches }
    })
    expect(await noticed({}, ['cut'])).toMatch(/^I7 /)
  }, timeoutMs)
})
