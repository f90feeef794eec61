// Moving partitions between brokers: what is under way, and what shall be. ALTER on the cluster to change, DESCRIBE to look, as in Kafka.
import { Router } from 'express'
import { Refusal, type Access, type Admin, type Reassignment } from '../../ports.ts'
import type { Audit } from '../../security/audit.ts'
import { readBody, type BodyBudget } from '../body.ts'
import { callerOf, expectOnCluster } from '../callers.ts'
import { allowOnly, Problem } from '../problem.ts'
import { textParameter } from '../query.ts'
import { answerTo, orRefuse } from '../refusals.ts'
import { expectBody } from '../rest/media-types.ts'
import { recordChange } from './changes.ts'
import { bodyObject, brokerId, integer, list, member, partitionRef, text, wrongMember } from './members.ts'
import { settledReplicas, spread } from './spread.ts'

const bodyBytesMax = 1024 * 1024
const partitionsPerRequestMax = 10_000
const topicsPerRequestMax = 1_000
const brokersMax = 1_000

interface Parts {
  readonly admin: Admin
  readonly access: Access
  readonly audit: Audit
  readonly budget: BodyBudget
}

/**
 * `GET /admin/reassignments?topic=` → `{reassignments: [{topic, partition, replicas, addingReplicas, removingReplicas}]}`, what is under way;
 * `POST` of `{partitions: [{topic, partition, replicas: [ids] | null}]}` (null gives one under way up), or of `{topics: [names], brokers: [ids], replicationFactor?}` to have them
 * spread over those brokers → 202 with `{partitions: [{topic, partition, replicas, error}]}`, 207 where some were refused, 200 where nothing has to move.
 */
export function reassignmentRoutes({ admin, access, audit, budget }: Parts): Router {
  const router = Router({ caseSensitive: true, strict: true })
  router.route('/admin/reassignments')
    .get(async (request, response) => {
      expectOnCluster(access, callerOf(response), 'describe')
      const topic = textParameter(request, 'topic')
      const all = await admin.reassignments(null)
      response.json({ reassignments: topic === undefined ? all : all.filter(one => one.topic === topic) })
    })
    .post(async (request, response) => {
      const caller = callerOf(response)
      expectOnCluster(access, caller, 'alter')
      expectBody(request)
      const wishes = await wishesOf(admin, bodyObject(await readBody(request, response, { bytesMax: bodyBytesMax, budget }), ['partitions', 'topics', 'brokers', 'replicationFactor']))
      const outcomes = wishes.length === 0 ? [] : orRefuse(await admin.reassign(wishes))
      // Each wish stands alone; a request of one is refused as a whole.
      if (outcomes.length === 1) orRefuse(outcomes[0])
      for (const [topic, begun] of Map.groupBy(wishes.filter((_, at) => outcomes[at] === null), wish => wish.topic)) {
        const reason = begun.map(({ partition, replicas }) => `${partition} → ${replicas === null ? 'as before' : replicas.join(',')}`).join('; ')
        recordChange(audit, caller, { operation: 'reassign-partitions', resource: `topic:${topic}`, reason })
      }
      const status = wishes.length === 0 ? 200 : outcomes.some(one => one instanceof Refusal) ? 207 : 202
      response.status(status).json({ partitions: wishes.map((wish, at) => ({ ...wish, error: errorBody(outcomes[at] ?? null) })) })
    })
    .all(allowOnly('GET', 'POST'))
  return router
}

/** A refusal as a member of a body; null stays null. */
export function errorBody(refusal: Refusal | null): { readonly error_code: number; readonly message: string } | null {
  return refusal === null ? null : { error_code: answerTo(refusal).errorCode, message: refusal.message }
}

async function wishesOf(admin: Admin, body: Readonly<Record<string, unknown>>): Promise<readonly Reassignment[]> {
  const isSpread = ['topics', 'brokers', 'replicationFactor'].some(name => body[name] !== undefined)
  if (isSpread === (body['partitions'] !== undefined)) throw wrongMember('partitions', 'must be given, or topics and brokers in its place')
  if (isSpread) return await spreadWishes(admin, body)
  return list(body['partitions'], 'partitions', { max: partitionsPerRequestMax, element: (value, name) => {
    const one = member(value, name, ['topic', 'partition', 'replicas'])
    const replicas = one['replicas'] === null ? null : list(one['replicas'], `${name}.replicas`, { max: brokersMax, element: brokerId })
    return { ...partitionRef(one, name), replicas }
  } })
}

/** What has to move for the topics to be spread over the brokers; partitions that lie right are left out. */
async function spreadWishes(admin: Admin, body: Readonly<Record<string, unknown>>): Promise<readonly Reassignment[]> {
  const names = [...new Set(list(body['topics'], 'topics', { max: topicsPerRequestMax, element: text }))]
  const ids = [...new Set(list(body['brokers'], 'brokers', { max: brokersMax, element: brokerId }))]
  const count = body['replicationFactor'] === undefined ? undefined : integer(body['replicationFactor'], 'replicationFactor', { min: 1, max: brokersMax, fallback: 0 })
  const { brokers: registered } = await admin.cluster()
  const stranger = ids.find(id => !registered.some(one => one.id === id))
  if (stranger !== undefined) throw wrongMember('brokers', `names broker ${stranger}, which is not registered; there are ${registered.map(one => one.id).join(', ')}`)
  const topics = await admin.topics(names)
  const missing = names.find(name => !topics.some(topic => topic.name === name))
  if (missing !== undefined) throw new Problem(404, `Topic '${missing}' not found.`, { errorCode: 40401 })

  const present = topics.flatMap(topic => topic.partitions.map(one => ({ topic: topic.name, partition: one.index, replicas: settledReplicas(one) })))
  if (present.length > partitionsPerRequestMax) throw wrongMember('topics', `have ${present.length} partitions, which is more than ${partitionsPerRequestMax}; name fewer at a time`)
  if (count !== undefined && count > ids.length) throw wrongMember('replicationFactor', `is ${count}, and there are only ${ids.length} brokers to spread over`)
  const widest = count !== undefined ? undefined : present.find(one => one.replicas.length > ids.length)
  if (widest !== undefined) {
    throw wrongMember('brokers', `names ${ids.length}, which is fewer than the ${widest.replicas.length} replicas of partition ${widest.partition} of topic '${widest.topic}'`)
  }
  const wanted = spread(present, registered.filter(one => ids.includes(one.id)), count)
  return wanted.filter((one, at) => one.replicas.join() !== present[at]!.replicas.join())
}
