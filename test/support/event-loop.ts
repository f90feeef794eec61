// How long the event loop stands still while something is going on.
import { expect } from 'vitest'

/** Generous: slower machines collect garbage too. */
const blockedMsMax = 1_000
/** Between two looks at it, ms. */
const tickMs = 10

/**
 * The outcome of the work, during which the event loop must have gone on: it was never kept busy for as long as `msMax` in one piece, a second unless given. In processor time
 * of the loop's own thread, so that other work on the machine does not count.
 */
export async function withoutBlocking<T>(work: () => Promise<T>, { msMax = blockedMsMax }: { msMax?: number } = {}): Promise<T> {
  let most = 0
  let since = threadMs()
  const look = (): void => {
    const now = threadMs()
    most = Math.max(most, now - since)
    since = now
  }
  const ticking = setInterval(look, tickMs)
  try {
    const outcome = await work()
    // What the work did last lies before this tick.
    await new Promise(resolve => { setTimeout(resolve, 2 * tickMs) })
    look()
    expect(most, 'ms for which the event loop was kept busy in one piece').toBeLessThan(msMax)
    return outcome
  } finally {
    clearInterval(ticking)
  }
}

function threadMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}
