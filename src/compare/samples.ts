// Test values and small statistics that scenarios share.

/** A value of exactly `bytes` bytes of ASCII that does not compress to nothing. */
export function valueOf(bytes: number, label = ''): string {
  let text = label
  let state = 1
  while (text.length < bytes) {
    state = (state * 48271) % 2147483647
    text += state.toString(36)
  }
  return text.slice(0, bytes)
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return Math.round((sorted[sorted.length >> 1] ?? 0) * 100) / 100
}

/** How many neighbours in `order` stand the wrong way round. */
export function inversions(order: readonly number[]): number {
  return order.reduce((count, value, at) => (at > 0 && value < order[at - 1]! ? count + 1 : count), 0)
}

/** How far the fullest slot lies above the mean, in percent. */
export function skewPercent(counts: readonly number[]): number {
  const mean = counts.reduce((sum, one) => sum + one, 0) / counts.length
  return mean === 0 ? 0 : Math.round((Math.max(...counts) / mean - 1) * 100)
}
