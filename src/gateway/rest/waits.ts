// Waits of requests that take long: for a time, or until something else comes first. Nothing of them is left behind.
import type { Clock } from '../../world/world.ts'

/** A signal that aborts after so long. */
export function afterMs(clock: Clock, ms: number): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController()
  const timer = clock.after(Math.max(0, ms), () => controller.abort())
  return { signal: controller.signal, [Symbol.dispose]: () => timer.cancel() }
}

/** Resolves once the signal aborts. */
export async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
}

/** Resolves after so long, or when the signal aborts. */
export async function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  using timer = afterMs(clock, ms)
  await aborted(AbortSignal.any([signal, timer.signal]))
}
