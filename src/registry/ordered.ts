// Lists that are kept in order: where a name stands in one, or would.

/** The index of the first name that is not before `name`; the length where all are. Names are in the order of their UTF-16 code units. */
export function firstAtLeast(names: readonly string[], name: string): number {
  let low = 0
  let high = names.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (names[middle]! < name) low = middle + 1
    else high = middle
  }
  return low
}
