// Which shard a record goes to: where its key says (USER_PARTITION_KEY), or wherever it is the next one's turn (AUTO, on-demand streams only), so that every open shard
// gets as many, whatever the keys are.
import type { Topic } from '../ports.ts'
import { violationsMessage } from '../wire/violations.ts'
import type { Services } from './context.ts'
import { AwsError, invalidArgument, validation } from './errors.ts'
import { parseHashKey } from './hash-keys.ts'
import { type ShardMap, type ShardNode, shardMapOf } from './shard-map.ts'
import { factsOf } from './stream-facts.ts'

export interface Keys {
  /** Undefined only where no key is needed. */
  readonly partitionKey: string | undefined
  readonly explicitHashKey: string | undefined
}

/** The open shard for each record in turn, or why its ExplicitHashKey names none. */
export type Route = (record: Keys) => ShardNode | AwsError

export function routeOf(topic: Topic, services: Pick<Services, 'documents'>): Route {
  const map = shardMapOf(topic)
  if (factsOf(topic, services).distribution === 'AUTO') return () => nextOf(map)
  return record => shardByKey(record, map)
}

function shardByKey({ partitionKey, explicitHashKey }: Keys, map: ShardMap): ShardNode | AwsError {
  // A record without a key was taken while none was needed: it is anybody's.
  if (explicitHashKey === undefined) return partitionKey === undefined ? nextOf(map) : map.shardOfPartitionKey(partitionKey)
  const hashKey = parseHashKey(explicitHashKey)
  if (hashKey !== undefined) return map.shardOfHashKey(hashKey)
  return invalidArgument(`Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was ${explicitHashKey}`)
}

interface Turns {
  readonly shards: readonly ShardNode[]
  next: number
}

const turns = new WeakMap<ShardMap, Turns>()

function nextOf(map: ShardMap): ShardNode {
  let state = turns.get(map)
  if (state === undefined) {
    const ready = map.open.filter(({ takesRecords }) => takesRecords)
    turns.set(map, state = { shards: ready.length > 0 ? ready : map.open, next: 0 })
  }
  const shard = state.shards[state.next]!
  state.next = (state.next + 1) % state.shards.length
  return shard
}

const violationsMax = 10

/** AWS's refusal where keys say where records go and some have none; null where all is well. `pathOf` words where the key is missing. */
export function judgeKeys(
  records: readonly { readonly PartitionKey?: string | undefined }[], topic: Topic, services: Pick<Services, 'documents'>, pathOf: (at: number) => string,
): null | AwsError {
  if (records.every(({ PartitionKey }) => PartitionKey !== undefined) || factsOf(topic, services).distribution === 'AUTO') return null
  const missing = records.flatMap(({ PartitionKey }, at) => (PartitionKey === undefined ? [at] : [])).slice(0, violationsMax)
  return validation(violationsMessage(missing.map(at => `Value null at '${pathOf(at)}' failed to satisfy constraint: Member must not be null`)))
}
