// Whether a plan to split and merge partitions as shards can be carried out on a topic: the open shards own every hash key once, before and after, and a new shard's
// keys come from those that it names as its parents, which the plan closes. Nothing here depends on brokers.
import { type HashKeyRange, Refusal, type ReshardPlan, type Topic } from '../../ports.ts'

/** Hash keys are those of MD5. */
const hashKeyMax = 2n ** 128n - 1n
/** A split has one, a merge two. */
const parentsMax = 2

interface Range {
  readonly start: bigint
  readonly end: bigint
}

/** Undefined where it can. */
export function planFault(topic: Topic, plan: ReshardPlan): Refusal | undefined {
  const { partitions, name } = topic
  if (plan.partitions !== partitions.length) return invalid(`topic '${name}' has ${partitions.length} partitions, not ${plan.partitions} as when this was planned`)
  if (plan.hashKeys.length !== partitions.length) return invalid(`the plan names the hash keys of ${plan.hashKeys.length} partitions; topic '${name}' has ${partitions.length}`)
  const stranger = plan.closes.find((index, at) => partitions[index] === undefined || plan.closes.indexOf(index) !== at)
  if (stranger !== undefined) return invalid(`partition ${stranger} of topic '${name}' cannot be closed: it ${partitions[stranger] === undefined ? 'does not exist' : 'is named twice'}`)
  if (plan.closes.length === 0) return invalid(`the plan for topic '${name}' closes no partition`)
  const again = plan.closes.find(index => partitions[index]!.seal !== undefined)
  if (again !== undefined) return new Refusal('sealed-partition', `Partition ${name}-${again} is closed already.`)
  const ranges = rangesOf([...plan.hashKeys, ...plan.opens.map(({ hashKeys }) => hashKeys)])
  if (typeof ranges === 'string') return invalid(`topic '${name}': ${ranges}`)
  const moved = partitions.find(({ shard, index }) => shard !== undefined && !isSame(shard.hashKeys, plan.hashKeys[index]!))
  if (moved !== undefined) return invalid(`the hash keys of ${name}-${moved.index} are ${textOf(moved.shard!.hashKeys)}, not ${textOf(plan.hashKeys[moved.index]!)}`)
  const closes = new Set(plan.closes)
  const before = partitions.flatMap(({ seal }, index) => (seal === undefined ? [index] : []))
  const opened = plan.opens.flatMap(({ isClosed }, nth) => (isClosed ? [] : [partitions.length + nth]))
  const fault = coverageFault(before, ranges) ?? parentsFault(plan, ranges) ?? coverageFault([...before.filter(index => !closes.has(index)), ...opened], ranges)
  return fault === undefined ? undefined : invalid(`topic '${name}': ${fault}`)
}

/** Every new shard takes the place of shards that the plan closes, or that are closed from the start, and has its keys from them; each of those has a successor. */
function parentsFault({ partitions, closes, opens }: ReshardPlan, ranges: readonly Range[]): string | undefined {
  const isClosed = new Set(closes)
  const childless = new Set(closes)
  for (const [nth, { parents, isClosed: isStep }] of opens.entries()) {
    const index = partitions + nth
    if (parents.length === 0 || parents.length > parentsMax || new Set(parents).size < parents.length) {
      return `partition ${index} is to have the parents ${parents.join(', ') || '(none)'}; a shard takes the place of one or two others`
    }
    const open = parents.find(parent => !isClosed.has(parent))
    if (open !== undefined) return `partition ${index} cannot take the place of partition ${open}, which the plan does not close before it`
    if (!isWithin(ranges[index]!, parents.map(parent => ranges[parent]!))) return `partition ${index} is to have hash keys that its parents ${parents.join(', ')} do not have`
    for (const parent of parents) childless.delete(parent)
    if (!isStep) continue
    isClosed.add(index)
    childless.add(index)
  }
  const [left] = childless
  return left === undefined ? undefined : `partition ${left} is closed, but none takes its place`
}

/** Sorted by their first key, these follow each other from the first key there is to the last. */
function coverageFault(indexes: readonly number[], ranges: readonly Range[]): string | undefined {
  let next = 0n
  for (const index of indexes.toSorted((a, b) => (ranges[a]!.start < ranges[b]!.start ? -1 : 1))) {
    const { start, end } = ranges[index]!
    if (start !== next) return `the hash keys of partition ${index} begin at ${start}, where ${next} is the first that no open shard has`
    next = end + 1n
  }
  return next > hashKeyMax ? undefined : `no open shard has the hash keys from ${next}`
}

function isWithin({ start, end }: Range, parents: readonly Range[]): boolean {
  let next = start
  for (const parent of parents.toSorted((a, b) => (a.start < b.start ? -1 : 1))) if (parent.start <= next && parent.end >= next) next = parent.end + 1n
  return next > end
}

function rangesOf(hashKeys: readonly HashKeyRange[]): readonly Range[] | string {
  const ranges: Range[] = []
  for (const [index, { start, end }] of hashKeys.entries()) {
    if (!isKey(start) || !isKey(end) || BigInt(start) > BigInt(end)) return `the hash keys of partition ${index} cannot be ${textOf({ start, end })}`
    ranges.push({ start: BigInt(start), end: BigInt(end) })
  }
  return ranges
}

function isKey(digits: string): boolean {
  return /^(0|[1-9]\d{0,38})$/.test(digits) && BigInt(digits) <= hashKeyMax
}

function isSame(a: HashKeyRange, b: HashKeyRange): boolean {
  return a.start === b.start && a.end === b.end
}

function textOf({ start, end }: HashKeyRange): string {
  return `${start} to ${end}`
}

function invalid(message: string): Refusal {
  return new Refusal('invalid-request', message)
}
