// Maximum bipartite matching by augmenting paths (Kuhn): which parts on the left can all have a partner of their own on the right.

/** Asks `fits` once per pair at most. The matched left indexes, each with its right one. */
export function maximumMatching(leftCount: number, rightCount: number, fits: (left: number, right: number) => boolean): ReadonlyMap<number, number> {
  const edges = Array.from({ length: leftCount }, (_, left) => Array.from({ length: rightCount }, (_, right) => right).filter(right => fits(left, right)))
  const partner = new Map<number, number>()
  const augment = (left: number, tried: Set<number>): boolean => {
    for (const right of edges[left]!) {
      if (tried.has(right)) continue
      tried.add(right)
      const other = partner.get(right)
      if (other !== undefined && !augment(other, tried)) continue
      partner.set(right, left)
      return true
    }
    return false
  }
  for (let left = 0; left < leftCount; left++) augment(left, new Set())
  return new Map([...partner].map(([right, left]) => [left, right]))
}
