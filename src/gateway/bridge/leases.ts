// The leases of a KCL application as JSON, one for each shard: what its lease table in DynamoDB holds (amazon-kinesis-client, DynamoDBLeaseSerializer), either plain or as
// `aws dynamodb scan` prints it, with the type of each attribute. What says nothing of a position is read over: attributes (owner, counters of throughput), and in the table of a KCL 3
// the items that are no leases but its leader, its workers and its version (CoordinatorStateDAO, WorkerMetricStatsDAO), told apart by their `entityType`.
import { parseJson } from '../body.ts'
import { Problem } from '../problem.ts'
import { wrongMember } from '../admin/members.ts'

/** In place of a sequence number: from the oldest record, from what comes next, all of a closed shard. */
export const sentinels = ['TRIM_HORIZON', 'LATEST', 'SHARD_END'] as const

export interface Checkpoint {
  /** The shard's id. */
  readonly leaseKey: string
  /** The last sequence number that is done with, or a sentinel. */
  readonly checkpoint: string
  /** How far within an aggregated record: its user records up to this are done with. */
  readonly checkpointSubSequenceNumber: number
}

/** A checkpoint as it was given. */
export interface GivenCheckpoint extends Checkpoint {
  /** Where the application reads several streams, its leases say which (`account:stream:epoch:shardId-…`). */
  readonly stream: string | undefined
}

/** What a whole lease has beside its checkpoint. */
export interface Lease extends Checkpoint {
  readonly leaseCounter: number
  readonly ownerSwitchesSinceCheckpoint: number
  readonly parentShardId: readonly string[]
  readonly childShardIds: readonly string[]
  readonly startingHashKey: string
  readonly endingHashKey: string
}

const leasesMax = 10_000
const keyLengthMax = 512
const digitsMax = 129

type Attribute = { readonly S: string } | { readonly N: string } | { readonly SS: readonly string[] }

/** The leases as `aws dynamodb scan` prints them. DynamoDB knows no empty set: what is one is left out. */
export function asDynamoDbScan(leases: readonly Lease[]): object {
  const items = leases.map(lease => Object.fromEntries(Object.entries(lease).flatMap(([name, value]): [string, Attribute][] => {
    if (typeof value === 'number') return [[name, { N: String(value) }]]
    if (typeof value === 'string') return [[name, { S: value }]]
    return value.length === 0 ? [] : [[name, { SS: value }]]
  })))
  return { Items: items, Count: items.length, ScannedCount: items.length }
}

/** From `{leases: […]}` or `{Items: […]}`. 400 where the body is no JSON object, 422 for what is neither a lease nor marked as something else. */
export function parseLeases(body: Buffer): readonly GivenCheckpoint[] {
  const value = parseJson(body) as { readonly leases?: unknown; readonly Items?: unknown } | null
  if (typeof value !== 'object' || value === null) throw new Problem(400, 'HTTP 400 Bad Request: the body must be a JSON object', { errorCode: 40002 })
  const name = value.Items === undefined ? 'leases' : 'Items'
  const all = value[name]
  if (!Array.isArray(all) || all.length === 0 || all.length > leasesMax) throw wrongMember(name, `must be a list of 1 to ${leasesMax} leases`)
  const checkpoints = all.flatMap((one: unknown, index) => {
    const at = `${name}[${index}]`
    if (typeof one !== 'object' || one === null) throw wrongMember(at, 'must be an object')
    const member = (key: string): unknown => (name === 'Items' ? untyped(one, key, at) : (one as Record<string, unknown>)[key])
    return (member('entityType') ?? 'LEASE') === 'LEASE' ? [checkpointOf(member, at)] : []
  })
  if (checkpoints.length === 0) throw wrongMember(name, 'must hold a lease, and not only what the library keeps beside its leases')
  return checkpoints
}

function checkpointOf(member: (name: string) => unknown, at: string): GivenCheckpoint {
  const leaseKey = member('leaseKey')
  if (typeof leaseKey !== 'string' || leaseKey === '' || leaseKey.length > keyLengthMax) throw wrongMember(`${at}.leaseKey`, 'must be the id of a shard')
  const checkpoint = member('checkpoint')
  const isPosition = typeof checkpoint === 'string' && ((/^\d+$/.test(checkpoint) && checkpoint.length <= digitsMax) || sentinels.some(one => one === checkpoint))
  if (!isPosition) throw wrongMember(`${at}.checkpoint`, `must be a sequence number of digits, or ${sentinels.join(', ')}, not ${JSON.stringify(checkpoint)?.slice(0, 64)}`)
  const within = member('checkpointSubSequenceNumber') ?? 0
  if (typeof within !== 'number' || !Number.isSafeInteger(within) || within < 0) {
    throw wrongMember(`${at}.checkpointSubSequenceNumber`, `must be a whole number, not ${JSON.stringify(within)?.slice(0, 64)}`)
  }
  const parts = leaseKey.split(':')
  return { leaseKey: parts.at(-1)!, stream: parts.at(-3), checkpoint, checkpointSubSequenceNumber: within }
}

/** `{"S": "text"}` or `{"N": "12"}` as what it says. */
function untyped(item: object, name: string, at: string): unknown {
  const attribute = (item as Record<string, unknown>)[name]
  if (attribute === undefined) return undefined
  const { S, N } = (attribute ?? {}) as { readonly S?: unknown; readonly N?: unknown }
  if (typeof S === 'string') return S
  if (typeof N === 'string') return Number(N)
  throw wrongMember(`${at}.${name}`, 'must be an attribute as DynamoDB has it: {"S": "…"} or {"N": "…"}')
}
