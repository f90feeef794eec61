// Directed graphs in typed arrays: what depends on what, the knots in it, and the shortest way round.

/** Kinds of edges, as bits. */
export const edges = { ww: 1, wr: 2, process: 4, realtime: 8 } as const
export type EdgeKind = keyof typeof edges

const firstCapacity = 1024
/** From how many places of a large knot the way round is looked for; the shortest of a knot up to that size is the shortest there is. */
const startsMax = 256

/** Edges as they are found; an edge of a node to itself is left out. */
export class EdgeList {
  count = 0
  from = new Int32Array(firstCapacity)
  to = new Int32Array(firstCapacity)
  kind = new Uint8Array(firstCapacity)

  add(from: number, to: number, kind: EdgeKind): void {
    if (from === to) return
    if (this.count === this.from.length) {
      this.from = grown(this.from)
      this.to = grown(this.to)
      const kinds = new Uint8Array(this.kind.length * 2)
      kinds.set(this.kind)
      this.kind = kinds
    }
    this.from[this.count] = from
    this.to[this.count] = to
    this.kind[this.count++] = edges[kind]
  }
}

export interface Step {
  readonly from: number
  readonly kind: EdgeKind
  readonly to: number
}

/** Compressed rows: the edges of node n are those from starts[n] to starts[n + 1]. */
export class Graph {
  readonly #nodes: number
  readonly #starts: Int32Array
  readonly #targets: Int32Array
  readonly #kinds: Uint8Array

  constructor(nodes: number, list: EdgeList) {
    this.#nodes = nodes
    this.#starts = new Int32Array(nodes + 1)
    this.#targets = new Int32Array(list.count)
    this.#kinds = new Uint8Array(list.count)
    for (let edge = 0; edge < list.count; edge++) this.#starts[list.from[edge]! + 1]!++
    for (let node = 0; node < nodes; node++) this.#starts[node + 1]! += this.#starts[node]!
    const next = this.#starts.slice()
    for (let edge = 0; edge < list.count; edge++) {
      const at = next[list.from[edge]!]!++
      this.#targets[at] = list.to[edge]!
      this.#kinds[at] = list.kind[edge]!
    }
  }

  /** The strongly connected components of two nodes and more, by edges of the kinds in `mask`: Tarjan's algorithm without recursion. */
  knots(mask: number): Int32Array[] {
    const found: Int32Array[] = []
    const index = new Int32Array(this.#nodes).fill(-1)
    const low = new Int32Array(this.#nodes)
    const isOnStack = new Uint8Array(this.#nodes)
    const stack = new Int32Array(this.#nodes)
    const path = new Int32Array(this.#nodes)
    const nextEdge = this.#starts.slice()
    let indexes = 0
    let stacked = 0
    for (let root = 0; root < this.#nodes; root++) {
      if (index[root] !== -1) continue
      let depth = 0
      path[0] = root
      index[root] = low[root] = indexes++
      stack[stacked++] = root
      isOnStack[root] = 1
      while (depth >= 0) {
        const node = path[depth]!
        const edge = nextEdge[node]!
        if (edge < this.#starts[node + 1]!) {
          nextEdge[node] = edge + 1
          if ((this.#kinds[edge]! & mask) === 0) continue
          const target = this.#targets[edge]!
          if (index[target] === -1) {
            index[target] = low[target] = indexes++
            stack[stacked++] = target
            isOnStack[target] = 1
            path[++depth] = target
          } else if (isOnStack[target] === 1 && index[target]! < low[node]!) low[node] = index[target]!
          continue
        }
        if (low[node] === index[node]) {
          const end = stacked
          do isOnStack[stack[--stacked]!] = 0
          while (stack[stacked] !== node)
          if (end - stacked > 1) found.push(stack.slice(stacked, end))
        }
        if (--depth >= 0 && low[node]! < low[path[depth]!]!) low[path[depth]!] = low[node]!
      }
    }
    return found
  }

  /** The shortest way round within a knot that goes over an edge of a kind in `through`; undefined where no such edge lies in it. */
  shortestCycle(knot: Int32Array, mask: number, through: number = mask): Step[] | undefined {
    const within = new Set(knot)
    let shortest: Step[] | undefined
    let starts = 0
    for (const node of knot) {
      for (let edge = this.#starts[node]!; edge < this.#starts[node + 1]! && starts < startsMax; edge++) {
        const target = this.#targets[edge]!
        if ((this.#kinds[edge]! & mask & through) === 0 || !within.has(target)) continue
        starts++
        const back = this.#shortestPath({ from: target, to: node, within, mask, stepsMax: shortest === undefined ? Infinity : shortest.length - 2 })
        if (back !== undefined) shortest = [{ from: node, kind: kindOf(this.#kinds[edge]!), to: target }, ...back]
      }
    }
    return shortest
  }

  /** By breadth-first search; undefined where it takes more than `stepsMax`. */
  #shortestPath({ from, to, within, mask, stepsMax }: { from: number; to: number; within: ReadonlySet<number>; mask: number; stepsMax: number }): Step[] | undefined {
    const cameBy = new Map<number, Step | undefined>([[from, undefined]])
    let reached = [from]
    for (let steps = 0; reached.length > 0 && !cameBy.has(to); steps++) {
      if (steps >= stepsMax) return undefined
      const next: number[] = []
      for (const node of reached) {
        for (let edge = this.#starts[node]!; edge < this.#starts[node + 1]!; edge++) {
          const target = this.#targets[edge]!
          if ((this.#kinds[edge]! & mask) === 0 || !within.has(target) || cameBy.has(target)) continue
          cameBy.set(target, { from: node, kind: kindOf(this.#kinds[edge]!), to: target })
          next.push(target)
        }
      }
      reached = next
    }
    const path: Step[] = []
    for (let step = cameBy.get(to); step !== undefined; step = cameBy.get(step.from)) path.unshift(step)
    return path
  }
}

function kindOf(bit: number): EdgeKind {
  return (Object.keys(edges) as EdgeKind[]).find(kind => edges[kind] === bit)!
}

function grown(column: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(column.length * 2)
  larger.set(column)
  return larger
}
