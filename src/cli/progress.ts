// What a command that takes longer than a second says meanwhile, on standard error: one line that changes on a terminal, a line per change elsewhere.
const tickMs = 1_000
/** Where lines cannot be overwritten the same text is said again only this often. */
const repeatMs = 30_000

/** Runs `work`, which tells by `say` what it is at; the first text is `text`. Work that is done within a second leaves no trace. */
export async function withProgress<T>(text: string, work: (say: (text: string) => void) => Promise<T>): Promise<T> {
  const startedAt = performance.now()
  let [now, shown, shownAt] = [text, '', 0]
  const timer = setInterval(() => {
    const elapsedMs = performance.now() - startedAt
    if (process.stderr.isTTY) {
      process.stderr.write(`\r\x1b[K${now} (${Math.round(elapsedMs / 1000)} s)`)
    } else if (now !== shown || elapsedMs - shownAt >= repeatMs) {
      console.error(`${now} (${Math.round(elapsedMs / 1000)} s)`)
      shownAt = elapsedMs
    }
    shown = now
  }, tickMs)
  try {
    return await work(next => { now = next })
  } finally {
    clearInterval(timer)
    if (process.stderr.isTTY && shown !== '') process.stderr.write('\r\x1b[K')
  }
}
