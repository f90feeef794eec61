// Cycles of dependencies (Adya's G0 and G1c): information that flows in a circle, so that no order of the operations explains what was seen.
import { findDependencies } from './dependencies.ts'
import type { ErrorClass, Findings } from './findings.ts'
import { edges, Graph, type Step } from './graph.ts'
import { describe, type Operations } from './operations.ts'
import type { VersionOrder } from './version-order.ts'

const { ww, wr, process, realtime } = edges

/** Looked for in turn; a knot that holds one found before in the same row is explained by it. */
const searches: readonly (readonly { readonly class: ErrorClass; readonly mask: number; readonly through: number; readonly isBad: boolean }[])[] = [
  [
    { class: 'G1c', mask: wr, through: wr, isBad: true },
    { class: 'G1c-process', mask: wr | process, through: wr, isBad: true },
    { class: 'G1c-realtime', mask: wr | process | realtime, through: wr, isBad: true },
  ],
  [
    { class: 'G0', mask: ww, through: ww, isBad: false },
    { class: 'G0-process', mask: ww | process, through: ww, isBad: false },
    { class: 'G0-realtime', mask: ww | process | realtime, through: ww, isBad: false },
  ],
]

/** With the order of writes too: only a way round that a search without it does not find. */
const searchesWithWrites: typeof searches[number] = [
  { class: 'G1c-ww', mask: ww | wr, through: wr, isBad: false },
  { class: 'G1c-ww-process', mask: ww | wr | process, through: wr, isBad: false },
  { class: 'G1c-ww-realtime', mask: ww | wr | process | realtime, through: wr, isBad: false },
]

/** Each knot of operations is one finding, explained by its shortest cycle. */
export function checkCycles(operations: Operations, order: VersionOrder, findings: Findings): void {
  const graph = new Graph(operations.count, findDependencies(operations, order))
  const explained = new Set<number>()
  const run = (row: typeof searches[number], known: Set<number>): void => {
    for (const search of row) {
      for (const knot of graph.knots(search.mask)) {
        if (knot.some(node => known.has(node))) continue
        const cycle = graph.shortestCycle(knot, search.mask, search.through)
        if (cycle === undefined) continue
        for (const node of knot) known.add(node)
        findings.add(search.class, search.isBad, () => explain(operations, cycle))
      }
    }
  }
  for (const row of searches) {
    const known = new Set<number>()
    run(row, known)
    for (const node of known) explained.add(node)
  }
  run(searchesWithWrites, explained)
}

const words: Readonly<Record<Step['kind'], string>> = {
  ww: 'which is overwritten by', wr: 'which is read by', process: 'before, in the same process,', realtime: 'which ended before the begin of',
}

function explain(operations: Operations, cycle: readonly Step[]): string {
  return cycle.map(({ from, kind, to }) => `(${describe(operations, from)}) ${words[kind]} (${describe(operations, to)})`).join('; ')
}
