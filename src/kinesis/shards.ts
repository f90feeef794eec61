// Shards as requests name them and answers show them.
import type { Topic } from '../ports.ts'
import { type ValueOf, list, structure, text } from '../wire/operation.ts'
import { AwsError, type Place, invalidArgument, notFound, texts } from './errors.ts'
import type { HashKeyRange } from './hash-keys.ts'
import { endingSequenceNumber, startingSequenceNumber } from './sequence-numbers.ts'
import { type ShardMap, type ShardNode, shardIdOf, shardIndexOf, shardMapOf } from './shard-map.ts'
import { type StreamSelector, namedStream } from './streams.ts'

const hashKeyRangeShape = structure({ StartingHashKey: text().required, EndingHashKey: text().required })
export const shardShape = structure({
  ShardId: text().required,
  ParentShardId: text(),
  AdjacentParentShardId: text(),
  HashKeyRange: hashKeyRangeShape.required,
  SequenceNumberRange: structure({ StartingSequenceNumber: text().required, EndingSequenceNumber: text() }).required,
})
export const childShardShape = structure({ ShardId: text().required, ParentShards: list(text()).required, HashKeyRange: hashKeyRangeShape.required })

type ShardBody = ValueOf<typeof shardShape>
export type ChildShardBody = ValueOf<typeof childShardShape>

// A list of a thousand shards is asked for often, and they hardly ever change.
const described = new WeakMap<ShardNode, ShardBody>()

export function describeShard(shard: ShardNode): ShardBody {
  let body = described.get(shard)
  if (body === undefined) described.set(shard, body = bodyOf(shard))
  return body
}

function bodyOf(shard: ShardNode): ShardBody {
  const [parent, adjacentParent] = shard.parents
  return {
    ShardId: shardIdOf(shard.index),
    ...parent !== undefined && { ParentShardId: shardIdOf(parent) },
    ...adjacentParent !== undefined && { AdjacentParentShardId: shardIdOf(adjacentParent) },
    HashKeyRange: rangeBody(shard.hashKeys),
    SequenceNumberRange: {
      StartingSequenceNumber: startingSequenceNumber(shard),
      ...shard.seal !== undefined && { EndingSequenceNumber: endingSequenceNumber(shard, shard.seal.atMs) },
    },
  }
}

/** What took a closed shard's place, for whoever has read all of it. Both parents of a merged shard name it, so that neither's reader has to know of the other's. */
export function childShardsOf(topic: Topic, shard: ShardNode): ChildShardBody[] {
  const { shards } = shardMapOf(topic)
  return shard.children.map(index => {
    const child = shards[index]!
    return { ShardId: shardIdOf(index), ParentShards: child.parents.map(shardIdOf), HashKeyRange: rangeBody(child.hashKeys) }
  })
}

function rangeBody({ start, end }: HashKeyRange): ValueOf<typeof hashKeyRangeShape> {
  return { StartingHashKey: start.toString(), EndingHashKey: end.toString() }
}

/** The index in the id of a shard that a request is about to change. An id that is none is refused before the stream is looked for, as AWS does. */
export function namedShard(shardId: string, input: StreamSelector, place: Place): number | AwsError {
  const stream = namedStream(input, place)
  if (stream instanceof AwsError) return stream
  return shardIndexOf(shardId) ?? notFound(texts.badShardId(shardId, stream, place))
}

/** The shard with that index, which must be open. */
export function openShard({ shards }: ShardMap, index: number, { name }: Topic, place: Place): ShardNode | AwsError {
  const shard = shards[index]
  if (shard === undefined) return notFound(texts.badShardId(shardIdOf(index), name, place))
  return shard.seal === undefined ? shard : invalidArgument(texts.shardClosed(shardIdOf(index), name, place))
}
