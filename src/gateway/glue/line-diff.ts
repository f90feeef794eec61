// How two texts differ, line by line: the longest lines they have in common in the same order, and what stands between them.

/** Comparisons of one diff; where the parts that differ are larger, they are shown as wholly replaced. */
const cellsMax = 4_000_000

export function lineDiff(before: readonly string[], after: readonly string[]): string {
  let start = 0
  while (start < before.length && start < after.length && before[start] === after[start]) start++
  let end = 0
  while (end < before.length - start && end < after.length - start && before[before.length - 1 - end] === after[after.length - 1 - end]) end++
  const lines = [
    ...before.slice(0, start).map(line => ` ${line}`),
    ...middle(before.slice(start, before.length - end), after.slice(start, after.length - end)),
    ...before.slice(before.length - end).map(line => ` ${line}`),
  ]
  return lines.join('\n')
}

function middle(before: readonly string[], after: readonly string[]): string[] {
  const gone = (lines: readonly string[]): string[] => lines.map(line => `-${line}`)
  const come = (lines: readonly string[]): string[] => lines.map(line => `+${line}`)
  const columns = after.length + 1
  if ((before.length + 1) * columns > cellsMax) return [...gone(before), ...come(after)]
  // common[i * columns + j]: how many lines before[i…] and after[j…] have in common.
  const common = new Uint32Array((before.length + 1) * columns)
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      const at = i * columns + j
      common[at] = before[i] === after[j] ? common[at + columns + 1]! + 1 : Math.max(common[at + columns]!, common[at + 1]!)
    }
  }
  const lines: string[] = []
  let [i, j] = [0, 0]
  while (i < before.length && j < after.length) {
    const at = i * columns + j
    if (before[i] === after[j]) {
      lines.push(` ${before[i]}`)
      i++
      j++
    } else if (common[at + columns]! >= common[at + 1]!) lines.push(`-${before[i++]}`)
    else lines.push(`+${after[j++]}`)
  }
  return [...lines, ...gone(before.slice(i)), ...come(after.slice(j))]
}
