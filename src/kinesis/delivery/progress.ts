// How far a channel has delivered each shard: a document of its own (kind 'kinesis-delivery', by the channel's id). Objects are set aside whole and synced, then the document
// says how far they reach and which they are, then they are placed. Whoever goes on places first what it names, and begins anew where it says: each record is delivered once,
// whenever the process ends.
import { z } from 'zod'
import { Refusal } from '../../ports.ts'
import type { Channel } from '../channels.ts'
import type { Services } from '../context.ts'
import type { ReadyObject } from './objects.ts'

const progressSchema = z.object({
  /** The next offset, by the shard's index. */
  positions: z.record(z.string(), z.number()),
  /** What reaches so far; to be placed, unless it is. */
  ready: z.array(z.object({ bucketArn: z.string(), file: z.string(), key: z.string() })).default([]),
})

export interface Progress {
  /** The next offset by the shard's index. Shards that are not in it begin where `startOf` says. */
  readonly positions: Map<number, number>
  readonly ready: readonly ReadyObject[]
}

/** Where the channel goes on. */
export function committedProgress(id: string, { documents }: Pick<Services, 'documents'>): Progress {
  const document = documents.find('kinesis-delivery', id)
  if (document === undefined) return { positions: new Map(), ready: [] }
  const { positions, ready } = progressSchema.parse(JSON.parse(document.value))
  return { positions: new Map(Object.entries(positions).map(([index, offset]) => [Number(index), offset])), ready }
}

/** Of the shards that were there when the channel was made, what came later; of all others everything. */
export function startOf({ startOffsets }: Channel, shardIndex: number): number {
  return startOffsets[shardIndex] ?? 0
}

/** Durable when it resolves. Nobody else writes it, but somebody may take it away with its channel. */
export async function commitProgress(channel: Channel, { positions, ready }: Progress, { documents }: Pick<Services, 'documents'>): Promise<null | Refusal> {
  const version = documents.find('kinesis-delivery', channel.id)?.version ?? 0
  const value = JSON.stringify({ positions: Object.fromEntries(positions), ready: ready.map(({ bucketArn, file, key }) => ({ bucketArn, file, key })) })
  const put = await documents.put({ kind: 'kinesis-delivery', key: channel.id, value, topicId: channel.topicId }, version)
  return put instanceof Refusal ? put : null
}

export async function forgetProgress({ id }: Pick<Channel, 'id'>, { documents }: Pick<Services, 'documents'>): Promise<void> {
  const document = documents.find('kinesis-delivery', id)
  if (document !== undefined) await documents.remove('kinesis-delivery', id, document.version)
}
