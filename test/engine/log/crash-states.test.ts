// Some thousand crash states, as `npm run sim` runs by the ten thousand.
import { expect, test } from 'vitest'
import { crashStates } from '../../sim/crash-states.ts'

test.each([101, 102, 103])('no crash from seed %i loses what was acknowledged, shows what was not written, or is called damage', async seed => {
  const result = await crashStates({ seed, statesMax: 600 })
  expect(result.violations, `replay with: npm run sim -- --seed ${seed} --states 600`).toEqual([])
  expect(result.acknowledged).toBeGreaterThan(20)
})

test('one seed always does the same', async () => {
  const [first, second, other] = [await crashStates({ seed: 7, statesMax: 100 }), await crashStates({ seed: 7, statesMax: 100 }), await crashStates({ seed: 8, statesMax: 100 })]
  expect(second).toEqual(first)
  expect(other.hash).not.toBe(first.hash)
})
