// How long the event loop stands still while something is going on.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { expect } from 'vitest'

/** Generous: three times slower machines collect garbage too. */
const blockedMsMax = 1_000
/** Of the ticks that are looked at, ms. */
const resolution = 10

/** The outcome of the work, during which the event loop must have gone on: it never stood still for as long as `msMax`, a second unless given. */
export async function withoutBlocking<T>(work: () => Promise<T>, { msMax = blockedMsMax }: { msMax?: number } = {}): Promise<T> {
  const delay = monitorEventLoopDelay({ resolution })
  delay.enable()
  // What is measured lies between two ticks, of which the first must come before the work begins.
  await new Promise(resolve => { setTimeout(resolve, 3 * resolution) })
  const outcome = await work()
  await new Promise(resolve => { setTimeout(resolve, 3 * resolution) })
  delay.disable()
  expect(delay.max / 1e6, 'ms in which the event loop stood still').toBeLessThan(msMax)
  return outcome
}
