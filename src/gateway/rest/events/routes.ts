// Server-sent events: `GET /topics/{t}/partitions/{p}/records` with Accept: text/event-stream, and `GET /topics/{t}/events` of a whole topic. Like the stateless
// reads, but without an end: the client's position comes back in Last-Event-ID, and nothing of it is kept here.
import { Router, type Request, type Response } from 'express'
import type { Access, Admin, Caller, Logs, Topic } from '../../../ports.ts'
import type { Clock } from '../../../world/world.ts'
import type { BodyBudget } from '../../body.ts'
import { callerOf, partitionOf, reauthenticate, topicFor } from '../../callers.ts'
import { allowOnly, Problem } from '../../problem.ts'
import { badParameter, choiceParameter } from '../../query.ts'
import type { RateLimits } from '../../rate-limits.ts'
import { orRefuse } from '../../refusals.ts'
import { avroFormOfAnswer, embeddedFormats, eventStreamType } from '../media-types.ts'
import type { Payloads } from '../payload.ts'
import { recordPrinter } from '../record-view.ts'
import { startOf } from '../records.ts'
import { type Cursor, parseCursor } from './cursor.ts'
import type { EventStreams } from './event-streams.ts'
import { tail } from './tail.ts'

export interface EventParts {
  readonly logs: Logs
  readonly admin: Admin
  readonly access: Access
  readonly clock: Clock
  readonly payloads: Payloads
  readonly streams: EventStreams
  readonly rateLimits: RateLimits
  /** Of what all streams hold for clients that are slow. */
  readonly budget: BodyBudget
}

/** Each event names the positions of all partitions, so that there may not be too many. */
const partitionsMax = 200

/**
 * `?offset=` (a number for one partition, `earliest` or `latest`, the default) or `?timestamp=` say where to begin without a Last-Event-ID; `?format=` is the
 * embedded format (`auto` unless given), `?avro=` the form of Avro. READ on the topic, judged again as long as the stream runs.
 */
export function eventRoutes(parts: EventParts): Router {
  const router = Router({ caseSensitive: true, strict: true })

  router.route('/topics/:topic/partitions/:partition/records')
    .get(async (request, response, next) => {
      if (request.accepts('application/json', eventStreamType) !== eventStreamType) return next('route')
      const topic = await topicFor(parts, callerOf(response), 'read', request.params.topic)
      const { index } = partitionOf(topic, request.params.partition)
      await stream(parts, request as Request, response, topic, [index], 'partition')
    })

  router.route('/topics/:topic/events')
    .get(async (request, response) => {
      if (request.accepts(eventStreamType) === false) {
        throw new Problem(406, `HTTP 406 Not Acceptable: '${request.headers.accept ?? ''}'; given is ${eventStreamType}`, { errorCode: 40601 })
      }
      const topic = await topicFor(parts, callerOf(response), 'read', request.params.topic)
      if (topic.partitions.length > partitionsMax) {
        throw new Problem(422, `topic '${topic.name}' has ${topic.partitions.length} partitions, and at most ${partitionsMax} go into one stream: read its partitions one by one`)
      }
      await stream(parts, request as Request, response, topic, topic.partitions.map(({ index }) => index), 'topic')
    })
    .all(allowOnly('GET'))
  return router
}

async function stream(parts: EventParts, request: Request, response: Response, topic: Topic, partitions: readonly number[], follows: 'topic' | 'partition'): Promise<void> {
  const caller = callerOf(response)
  const format = choiceParameter(request, 'format', [...embeddedFormats, 'auto'], 'auto')
  const shown = { format, avro: avroFormOfAnswer(request, format), caller }
  const cursor = await startCursor(parts.logs, request, topic, partitions)
  if (request.method === 'HEAD') {
    response.type(eventStreamType).end()
    return
  }
  const signal = parts.streams.open(caller, response)
  parts.rateLimits.countsItself(response)
  await tail(response, {
    logs: parts.logs, clock: parts.clock, budget: parts.budget, topic: topic.name, cursor, follows, signal,
    spend: async bytes => await parts.rateLimits.spend(caller, 'bytesOut', bytes),
    async reopen() {
      reauthenticate(response)
      const found = await sameTopic(parts, caller, topic)
      return { topic: found, print: recordPrinter(parts.payloads, found, shown) }
    },
  })
}

/** A topic that was made anew under the old name has other records. */
async function sameTopic(parts: EventParts, caller: Caller, topic: Topic): Promise<Topic> {
  const found = await topicFor(parts, caller, 'read', topic.name)
  if (found.id !== topic.id) throw new Problem(404, `Topic '${topic.name}' was deleted and made anew.`, { errorCode: 40401 })
  return found
}

async function startCursor(logs: Logs, request: Request, topic: Topic, partitions: readonly number[]): Promise<Cursor> {
  const last = request.headers['last-event-id']
  // An event source that has seen no event yet may send an empty one.
  if (typeof last === 'string' && last !== '') return await resumed(logs, topic, partitions, parseCursor(last))
  if (partitions.length > 1 && /^\d/.test(String(request.query['offset'] ?? ''))) throw badParameter('offset', 'must be earliest or latest where it is of all partitions')
  const offsets = await Promise.all(partitions.map(partition => startOf(logs, { topic: topic.name, partition }, request, 'latest')))
  return new Map(partitions.map((partition, at) => [partition, offsets[at]!]))
}

/** Partitions that the client does not know are newer than its last event. An offset that is still to come was never given to anybody: 404 (40403). */
async function resumed(logs: Logs, topic: Topic, partitions: readonly number[], given: Cursor): Promise<Cursor> {
  const stray = [...given.keys()].find(partition => !partitions.includes(partition))
  if (stray !== undefined) throw badParameter('Last-Event-ID', `names partition ${stray}, which is not of this stream`)
  for (const [partition, offset] of given) {
    const { highWatermark } = orRefuse(await logs.ends({ topic: topic.name, partition }))
    if (offset > highWatermark) {
      throw new Problem(404, `Last-Event-ID names offset ${offset} of partition ${partition}, which ends at ${highWatermark}`, { errorCode: 40403 })
    }
  }
  return new Map(partitions.map(partition => [partition, given.get(partition) ?? 0]))
}
