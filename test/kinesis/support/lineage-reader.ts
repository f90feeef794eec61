// Reads a stream as KCL does: shards that were open at the start, each to its end, then the children that it names, a merged one once both of its parents are done. What
// comes out is in an order that keeps that of each key. Whatever KCL would refuse fails here.
import { expect } from 'vitest'

/** One call of the API; must succeed. */
export type Ask = <T>(operation: string, input: object) => Promise<T>

export interface LineageRecord {
  readonly shardId: string
  readonly sequenceNumber: string
  readonly partitionKey: string
  readonly data: string
}

interface ChildShard { readonly ShardId: string; readonly ParentShards: readonly string[]; readonly HashKeyRange: { readonly StartingHashKey: string; readonly EndingHashKey: string } }
interface Page {
  readonly Records: readonly { readonly SequenceNumber: string; readonly PartitionKey: string; readonly Data: string | Uint8Array }[]
  readonly NextShardIterator?: string | null
  readonly MillisBehindLatest: number
  readonly ChildShards?: readonly ChildShard[]
}
interface Listed { readonly ShardId: string; readonly HashKeyRange: { readonly StartingHashKey: string; readonly EndingHashKey: string } }

export class LineageReader {
  readonly records: LineageRecord[] = []
  readonly #ask: Ask
  readonly #stream: string
  /** Iterators of shards that are being read. */
  readonly #reading = new Map<string, string>()
  readonly #done = new Set<string>()
  /** Shards that had expired before the reading began have no id in here, and none that is larger than the largest. */
  #listed: readonly string[] = []
  /** Named by one parent, waiting for the other, that may itself not have been named yet. */
  readonly #waiting = new Map<string, readonly string[]>()

  constructor(ask: Ask, stream: string) {
    this.#ask = ask
    this.#stream = stream
  }

  async start(): Promise<this> {
    const list = async (input: object): Promise<Listed[]> => (await this.#ask<{ Shards: Listed[] }>('ListShards', { StreamName: this.#stream, ...input })).Shards
    this.#listed = (await list({})).map(({ ShardId }) => ShardId)
    const Shards = await list({ ShardFilter: { Type: 'AT_TRIM_HORIZON' } })
    expectNoHole(Shards)
    for (const { ShardId } of Shards) await this.#open(ShardId)
    return this
  }

  /** One page of each shard, and of those that follow from it; whether all that is left to read is at its tip. */
  async turn(): Promise<boolean> {
    let isCaughtUp = true
    for (const [shardId, iterator] of this.#reading) {
      const page = await this.#ask<Page>('GetRecords', { ShardIterator: iterator, Limit: 1_000 })
      expectValid(page)
      for (const { SequenceNumber, PartitionKey, Data } of page.Records) {
        const last = this.records.findLast(record => record.shardId === shardId)
        if (last !== undefined) expect(BigInt(SequenceNumber) > BigInt(last.sequenceNumber)).toBe(true)
        this.records.push({ shardId, sequenceNumber: SequenceNumber, partitionKey: PartitionKey, data: typeof Data === 'string' ? Buffer.from(Data, 'base64').toString() : Buffer.from(Data).toString() })
      }
      if (typeof page.NextShardIterator === 'string') {
        this.#reading.set(shardId, page.NextShardIterator)
        isCaughtUp &&= page.Records.length === 0 && page.MillisBehindLatest === 0
      } else {
        isCaughtUp = false
        await this.#finish(shardId, page.ChildShards!)
      }
    }
    return isCaughtUp
  }

  /** Every record there is now. */
  async readAll(): Promise<readonly LineageRecord[]> {
    while (!await this.turn());
    expect([...this.#waiting.keys()]).toEqual([])
    return this.records
  }

  async #finish(shardId: string, children: readonly ChildShard[]): Promise<void> {
    this.#reading.delete(shardId)
    this.#done.add(shardId)
    for (const { ShardId, ParentShards } of children) {
      expect(ParentShards).toContain(shardId)
      this.#waiting.set(ShardId, ParentShards)
    }
    for (const [child, parents] of this.#waiting) {
      const isGone = (parent: string): boolean => !this.#listed.includes(parent) && parent < this.#listed.at(-1)!
      if (!parents.every(parent => this.#done.has(parent) || isGone(parent))) continue
      this.#waiting.delete(child)
      if (!this.#done.has(child) && !this.#reading.has(child)) await this.#open(child)
    }
  }

  async #open(ShardId: string): Promise<void> {
    const { ShardIterator } = await this.#ask<{ ShardIterator: string }>('GetShardIterator', { StreamName: this.#stream, ShardId, ShardIteratorType: 'TRIM_HORIZON' })
    this.#reading.set(ShardId, ShardIterator)
  }
}

/** KCL's DataRetrievalUtil.isValidResult: no iterator means children, each with parents; an iterator means none. */
function expectValid({ NextShardIterator: next, ChildShards: children }: Page): void {
  expect(next === undefined || next === null).toBe(children !== undefined && children.length > 0)
  for (const { ParentShards } of children ?? []) expect(ParentShards.length).toBeGreaterThan(0)
}

/** What KCL asks of the shards it starts with. */
export function expectNoHole(shards: readonly Pick<Listed, 'HashKeyRange'>[]): void {
  let next = 0n
  for (const { HashKeyRange: { StartingHashKey, EndingHashKey } } of shards.toSorted((a, b) => (BigInt(a.HashKeyRange.StartingHashKey) < BigInt(b.HashKeyRange.StartingHashKey) ? -1 : 1))) {
    expect(BigInt(StartingHashKey) <= next).toBe(true)
    if (BigInt(EndingHashKey) >= next) next = BigInt(EndingHashKey) + 1n
  }
  expect(next).toBe(2n ** 128n)
}

/** Of each key, what was read of it, in order. */
export function byKey(records: readonly LineageRecord[]): Map<string, string[]> {
  const all = new Map<string, string[]>()
  for (const { partitionKey, data } of records) all.set(partitionKey, [...all.get(partitionKey) ?? [], data])
  return all
}
