// What v3's requests have in common: the topic, partition or broker that a path names, and a JSON body. Names come before rights only where nothing is told by it.
import type { Request, Response } from 'express'
import { assert } from '../../../base/assert.ts'
import type { Access, AclOperation, Admin, Broker, Partition, Topic } from '../../../ports.ts'
import { bodyObject } from '../../admin/members.ts'
import { readBody, type BodyBudget } from '../../body.ts'
import { callerOf, expectOnTopic } from '../../callers.ts'
import { expectBody } from '../media-types.ts'
import { cannotBeFound, unknownTopicOrPartition } from './refusals.ts'

const bodyBytesMax = 1024 * 1024

/** The topic of a path, for a caller who may do `operation` on it. 403 whether it exists or not, 404 (40403) where access is given and it does not. */
export async function topicOf(parts: { readonly admin: Admin; readonly access: Access }, response: Response, operation: AclOperation, name: string): Promise<Topic> {
  expectOnTopic(parts.access, callerOf(response), operation, name)
  const [topic] = await parts.admin.topics([name])
  if (topic === undefined) throw unknownTopicOrPartition()
  return topic
}

/** 404 (40403). */
export function partitionOf(topic: Topic, text: string): Partition {
  const partition = /^\d{1,9}$/.test(text) ? topic.partitions[Number(text)] : undefined
  if (partition === undefined) throw unknownTopicOrPartition()
  return partition
}

/** 404 for a broker that is not registered. */
export async function brokerOf(admin: Admin, text: string): Promise<Broker> {
  const { brokers } = await admin.cluster()
  const broker = brokers.find(one => String(one.id) === text)
  if (broker === undefined) throw cannotBeFound(`Broker ${text.slice(0, 32)}`)
  return broker
}

/** A JSON object whose members are all in `known`. */
export async function jsonBody(
  request: Request, response: Response, how: { readonly known: readonly string[]; readonly budget: BodyBudget },
): Promise<Readonly<Record<string, unknown>>> {
  expectBody(request)
  return bodyObject(await readBody(request, response, { bytesMax: bodyBytesMax, budget: how.budget }), how.known)
}

/** What only ever fails by a mistake of ours. */
export function given<T>(value: T | undefined): T {
  assert(value !== undefined, 'what was asked for by its name is in the answer')
  return value
}
