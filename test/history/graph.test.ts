// Knots and shortest cycles against a plain search, on random graphs.
import { expect, test } from 'vitest'
import { Prng } from '../../src/base/prng.ts'
import { EdgeList, edges, Graph, type EdgeKind } from './graph.ts'

const seed = Number(process.env['SEED'] ?? 1)
const everyKind = edges.ww | edges.wr | edges.process | edges.realtime

/** How many edges lead from each node to each, by repeated relaxation; Infinity where none do. */
function distances(nodes: number, pairs: readonly (readonly [number, number])[]): number[][] {
  const table = Array.from({ length: nodes }, () => Array.from({ length: nodes }, () => Infinity))
  for (const [from, to] of pairs) table[from]![to] = 1
  for (let via = 0; via < nodes; via++) {
    for (let from = 0; from < nodes; from++) for (let to = 0; to < nodes; to++) table[from]![to] = Math.min(table[from]![to]!, table[from]![via]! + table[via]![to]!)
  }
  return table
}

test('knots are the nodes that reach each other, and their cycle is the shortest there is', () => {
  const random = new Prng(seed)
  for (let round = 0; round < 300; round++) {
    const nodes = 2 + random.below(10)
    const list = new EdgeList()
    const pairs: [number, number][] = []
    for (let edge = random.below(2 * nodes); edge > 0; edge--) {
      const [from, to, kind] = [random.below(nodes), random.below(nodes), random.pick(Object.keys(edges) as EdgeKind[])]
      list.add(from, to, kind)
      if (from !== to && kind !== 'ww') pairs.push([from, to])
    }
    const graph = new Graph(nodes, list)
    const mask = everyKind & ~edges.ww
    const distance = distances(nodes, pairs)
    const knots = graph.knots(mask)
    for (let a = 0; a < nodes; a++) {
      for (let b = 0; b < a; b++) {
        const areTied = distance[a]![b]! < Infinity && distance[b]![a]! < Infinity
        expect(knots.some(knot => knot.includes(a) && knot.includes(b)), `round ${round}: ${a} and ${b}`).toBe(areTied)
      }
    }
    for (const knot of knots) {
      const cycle = graph.shortestCycle(knot, mask)!
      expect(cycle.length, `round ${round}`).toBe(Math.min(...[...knot].map(node => distance[node]![node]!)))
      for (const [at, step] of cycle.entries()) expect(step.to).toBe(cycle[(at + 1) % cycle.length]!.from)
    }
  }
})

test('a cycle goes over an edge of the wanted kind, or there is none', () => {
  const list = new EdgeList()
  list.add(0, 1, 'ww')
  list.add(1, 0, 'ww')
  list.add(1, 2, 'wr')
  list.add(2, 0, 'realtime')
  const graph = new Graph(3, list)
  const [knot] = graph.knots(everyKind)
  expect(graph.shortestCycle(knot!, everyKind, edges.wr)).toEqual([{ from: 1, kind: 'wr', to: 2 }, { from: 2, kind: 'realtime', to: 0 }, { from: 0, kind: 'ww', to: 1 }])
  expect(graph.shortestCycle(knot!, everyKind, edges.process)).toBe(undefined)
})

test('a chain of a million is no matter of recursion', () => {
  const list = new EdgeList()
  for (let node = 0; node < 1_000_000; node++) list.add(node, (node + 1) % 1_000_000, 'process')
  expect(new Graph(1_000_000, list).knots(everyKind).map(knot => knot.length)).toEqual([1_000_000])
})
