// How long the event loop stands still while something is going on.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { expect } from 'vitest'

/** Generous: three times slower machines collect garbage too. */
const blockedMsMax = 1_000

/** The outcome of the work, during which the event loop must have gone on: it never stood still for as long as a second. */
export async function withoutBlocking<T>(work: Promise<T>): Promise<T> {
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  const outcome = await work
  delay.disable()
  expect(delay.max / 1e6, 'ms in which the event loop stood still').toBeLessThan(blockedMsMax)
  return outcome
}
