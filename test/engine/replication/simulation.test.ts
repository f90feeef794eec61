// Whole clusters with faults, from seeds. Without TEST_SEEDS a few short ones; `npm run sim` runs many. A seed that once showed a bug stays.
import { describe, expect, it } from 'vitest'
import { simulate } from '../../sim/cluster/simulation.ts'

const seeds = Number(process.env['TEST_SEEDS'] ?? 20)
const firstSeed = Number(process.env['SEED'] ?? 1)
/** Short, so that twenty of them take a minute. */
const faultMs = 60_000
const timeoutMs = 600_000

describe('a cluster that faults befall', () => {
  it(`keeps its promises, and comes back to order (${seeds} seeds from ${firstSeed})`, async () => {
    for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
      const { violations } = await simulate({ seed, faultMs })
      expect(violations, `SEED=${seed}; replay with: SEED=${seed} TEST_SEEDS=1 npx vitest run test/engine/replication/simulation.test.ts`).toEqual([])
    }
  }, timeoutMs)

  it('does the same in two runs of one seed', async () => {
    const [first, second] = [await simulate({ seed: 7, faultMs }), await simulate({ seed: 7, faultMs })]
    expect(second.hash).toBe(first.hash)
    expect(second).toEqual(first)
  }, timeoutMs)
})
