// What depends on what in a history: who read what another wrote (wr), what follows what in a key (ww), in a process, and in time.
import { EdgeList } from './graph.ts'
import { outcomes, type Operations } from './operations.ts'
import type { VersionOrder } from './version-order.ts'

/**
 * Edges between operations that happened, or may have. An operation nobody knows the outcome of may happen at any time after it was invoked,
 * so nothing follows it in its process or in time.
 */
export function findDependencies(operations: Operations, order: VersionOrder): EdgeList {
  const list = new EdgeList()
  addReads(list, operations, order)
  addVersions(list, operations, order)
  addProcesses(list, operations)
  addTime(list, operations)
  return list
}

function addReads(list: EdgeList, { count, outcome, firstRead, readValue }: Operations, { writer }: VersionOrder): void {
  for (let operation = 0; operation < count; operation++) {
    if (outcome[operation] !== outcomes.ok) continue
    let last = -1
    for (let read = firstRead[operation]!; read < firstRead[operation + 1]!; read++) {
      const by = writer[readValue[read]!]!
      if (by >= 0 && by !== last && outcome[by] !== outcomes.fail) list.add(by, operation, 'wr')
      last = by
    }
  }
}

/** Only neighbours: what is further apart follows from them. */
function addVersions(list: EdgeList, { outcome, keyOf }: Operations, { valueAt, writer }: VersionOrder): void {
  for (let place = 1; place < valueAt.length; place++) {
    const [before, after] = [valueAt[place - 1]!, valueAt[place]!]
    if (keyOf[before] !== keyOf[after]) continue
    const [first, second] = [writer[before]!, writer[after]!]
    if (first >= 0 && second >= 0 && outcome[first] !== outcomes.fail && outcome[second] !== outcomes.fail) list.add(first, second, 'ww')
  }
}

function addProcesses(list: EdgeList, { count, process, processes, outcome, firstSend, firstRead }: Operations): void {
  const last = new Int32Array(processes).fill(-1)
  for (let operation = 0; operation < count; operation++) {
    if (outcome[operation] === outcomes.fail || isEmpty(operation, firstSend, firstRead)) continue
    const by = process[operation]!
    if (last[by]! >= 0) list.add(last[by]!, operation, 'process')
    last[by] = outcome[operation] === outcomes.ok ? operation : -1
  }
}

/**
 * A completed before B was invoked. Each invocation follows the frontier: operations that completed and that none of the frontier follows; a completion
 * takes its own frontier's place. So there are as many edges as operations are under way at once, for each, and not one for each pair.
 */
function addTime(list: EdgeList, { count, outcome, invokedAt, completedAt, firstSend, firstRead }: Operations): void {
  const counted: number[] = []
  for (let operation = 0; operation < count; operation++) {
    if (outcome[operation] !== outcomes.fail && !isEmpty(operation, firstSend, firstRead)) counted.push(operation)
  }
  const completions = Int32Array.from(counted.filter(operation => outcome[operation] === outcomes.ok)).sort((a, b) => completedAt[a]! - completedAt[b]!)
  const frontierAt = new Map<number, readonly number[]>()
  let frontier: readonly number[] = []
  let completed = 0
  const completeUntil = (event: number): void => {
    for (; completed < completions.length && completedAt[completions[completed]!]! < event; completed++) {
      const operation = completions[completed]!
      const before = frontierAt.get(operation)!
      frontierAt.delete(operation)
      frontier = [...frontier.filter(one => !before.includes(one)), operation]
    }
  }
  for (const operation of counted) {
    completeUntil(invokedAt[operation]!)
    for (const one of frontier) list.add(one, operation, 'realtime')
    if (outcome[operation] === outcomes.ok) frontierAt.set(operation, frontier)
  }
}

/** Polls that returned nothing tell nothing about others. */
function isEmpty(operation: number, firstSend: Int32Array, firstRead: Int32Array): boolean {
  return firstSend[operation] === firstSend[operation + 1] && firstRead[operation] === firstRead[operation + 1]
}
