// Who is calling, and what of the topics they may see. Every request is made as its caller, never as the server: one authorizer decides, by Kafka's rules.
import type { Response } from 'express'
import { assert } from '../base/assert.ts'
import { clusterResource, type Access, type AclOperation, type Admin, type Caller, type Partition, type Topic } from '../ports.ts'
import { Problem } from './problem.ts'

/** The caller that authentication.ts found. */
export function callerOf(response: Response): Caller {
  const caller: unknown = response.locals['caller']
  assert(caller !== undefined, 'a route that asks for its caller stands behind the authentication')
  return caller as Caller
}

/** Makes `caller` the one that `callerOf` gives. */
export function setCaller(response: Response, caller: Caller): void {
  response.locals['caller'] = caller
}

/** How to authenticate the caller of a response that goes on for long once more; throws what the authentication throws. */
export function setReauthentication(response: Response, again: () => void): void {
  response.locals['reauthenticate'] = again
}

/** Throws 401 where the caller would not be let in any more: the token has run out. */
export function reauthenticate(response: Response): void {
  const again = response.locals['reauthenticate'] as (() => void) | undefined
  again?.()
}

/** Throws 403 (40301) unless the caller may do the operation on the cluster. */
export function expectOnCluster(access: Access, caller: Caller, operation: AclOperation): void {
  if (access.allows(caller, operation, 'cluster', clusterResource)) return
  throw new Problem(403, `Not authorized: operation ${operation} on the cluster`, { errorCode: 40301 })
}

/** Throws 403 (40301) unless the caller may do the operation on the topic, whether there is such a topic or not: a refusal must not tell. */
export function expectOnTopic(access: Access, caller: Caller, operation: AclOperation, topic: string): void {
  if (access.allows(caller, operation, 'topic', topic)) return
  throw new Problem(403, `Not authorized to access topics: [${topic}]`, { errorCode: 40301 })
}

/** The topic, for a caller who may do `operation` on it. Throws 403 (40301), or 404 (40401) where access is given and the topic is missing. */
export async function topicFor(parts: { admin: Admin; access: Access }, caller: Caller, operation: AclOperation, name: string): Promise<Topic> {
  expectOnTopic(parts.access, caller, operation, name)
  const [topic] = await parts.admin.topics([name])
  if (topic === undefined) throw new Problem(404, `Topic '${name}' not found.`, { errorCode: 40401 })
  return topic
}

/** The topics that the caller may describe; the others are left out without a word, and without a line in the audit log. */
export async function describableTopics(parts: { admin: Admin; access: Access }, caller: Caller): Promise<readonly Topic[]> {
  const topics = await parts.admin.topics()
  return topics.filter(topic => parts.access.wouldAllow(caller, 'describe', 'topic', topic.name))
}

/** The partition by the number in a path. Throws 404 (40402). */
export function partitionOf(topic: Topic, text: string): Partition {
  const partition = /^\d{1,9}$/.test(text) ? topic.partitions[Number(text)] : undefined
  if (partition === undefined) throw new Problem(404, `Partition '${text}' of topic '${topic.name}' not found.`, { errorCode: 40402 })
  return partition
}
