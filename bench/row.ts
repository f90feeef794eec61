// What every benchmark prints: a figure of ours beside the figure of the same machine, in the same run, that it is to be judged by.

export interface BenchRow {
  readonly name: string
  /** With its unit. */
  readonly value: string
  /** What it is measured against, with its figure. */
  readonly against: string
  /** Ours to theirs. */
  readonly ratio?: number
  readonly goal?: string
}

/** The rows as a table on standard output. */
export function printRows(rows: readonly BenchRow[]): void {
  const body = rows.map(({ name, value, against, ratio, goal }) => [name, value, against, ratio?.toFixed(2) ?? '', goal ?? ''])
  const cells = [['what', 'measured', 'against', 'ratio', 'goal'], ...body]
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map(row => row[column]!.length)))
  for (const row of cells) console.log(row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ').trimEnd())
}

/** The value below which `share` of the samples lie; sorts them in place. */
export function percentile(samples: number[], share: number): number {
  samples.sort((a, b) => a - b)
  return samples[Math.min(samples.length - 1, Math.floor(share * samples.length))]!
}
