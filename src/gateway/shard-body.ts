// What the views of topics say of a partition that has become a shard: its hash keys, whose place it took, and where it ended.
import type { Partition } from '../ports.ts'

/** Nulls for a partition of a topic that was never resharded; `endOffset` is null as long as the leader of a closed one has not said where it ends. */
export interface ShardBody {
  readonly shard: { readonly hashKeys: { readonly start: string; readonly end: string }; readonly parents: readonly number[] } | null
  readonly closed: { readonly at: string; readonly endOffset: number | null } | null
}

export function shardBody({ shard, seal }: Pick<Partition, 'shard' | 'seal'>): ShardBody {
  return {
    shard: shard ?? null,
    closed: seal === undefined ? null : { at: new Date(seal.atMs).toISOString(), endOffset: seal.endOffset < 0 ? null : seal.endOffset },
  }
}
