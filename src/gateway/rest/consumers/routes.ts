// REST proxy v2, consumer instances: `/consumers/{group}[/instances/{instance}/…]`, in Confluent's paths, bodies and numbers. Each request needs READ on the
// group and on the topics it is about, now, not when the instance was made. Reads wait, but hold nothing that others need.
import { Router, type Request, type RequestHandler, type Response } from 'express'
import type { Access, Admin, Caller, PartitionRef } from '../../../ports.ts'
import { growingAnswer, parseJson, readBody, type BodyBudget } from '../../body.ts'
import { callerOf, expectOnTopic } from '../../callers.ts'
import { allowOnly, Problem } from '../../problem.ts'
import { choiceParameter, integerParameter } from '../../query.ts'
import { avroFormOfAnswer, expectPlainBody, formatOfInstance, plainAnswerType } from '../media-types.ts'
import { originOf } from '../origin.ts'
import type { Payloads } from '../payload.ts'
import { recordPrinter, type RecordPrinter } from '../record-view.ts'
import type { ConsumerInstance } from './consumer-instance.ts'
import type { ConsumerInstances } from './consumer-instances.ts'
import { offsetToCommit } from './held-partitions.ts'
import { parseInstanceConfig, timeoutMsMax } from './instance-config.ts'
import { parseSubscription } from './subscription.ts'

export interface ConsumerParts {
  readonly admin: Admin
  readonly access: Access
  readonly payloads: Payloads
  readonly consumers: ConsumerInstances
  readonly budget: BodyBudget
  /** Of the answers that wait for their readers. */
  readonly answers: BodyBudget
}

/** What a path names; `end` only that of one end of the positions. */
type Names = Readonly<Record<'group' | 'instance' | 'end', string>>

const bodyBytesMax = 1024 * 1024
const partitionsMax = 10_000
/** A client may ask for as much as Confluent's 64 MiB; it gets as much as one answer may hold. */
const bytesMaxAsked = 2 ** 31 - 1
const bytesMax = 8 * 1024 * 1024
const charactersMax = 32 * 1024 * 1024
const metadataCharactersMax = 4_096

export function consumerRoutes(parts: ConsumerParts): Router {
  const router = Router({ caseSensitive: true, strict: true })
  const { consumers } = parts

  router.route('/consumers/:group')
    .post(async (request, response) => {
      const { group } = request.params
      const caller = readerOf(parts.access, response, group)
      response.type(plainAnswerType(request as Request))
      // Also without a body: a browser sends a request without a content type anywhere, which with dev would let every page make instances.
      expectPlainBody(request as Request)
      const config = parseInstanceConfig(await bodyOf(parts, request as Request, response) ?? {})
      const { name } = consumers.create(group, config, caller)
      response.send(JSON.stringify({ instance_id: name, base_uri: `${originOf(request as Request)}/consumers/${encodeURIComponent(group)}/instances/${encodeURIComponent(name)}` }))
    })
    .all(allowOnly('POST'))

  /** A request on one instance; what `handle` gives is the answer's body, undefined is 204. */
  const onInstance = (handle: (instance: ConsumerInstance, request: Request, response: Response, caller: Caller, names: Names) => unknown): RequestHandler =>
    async (request, response) => {
      const names = request.params as Names
      const { group, instance } = names
      const caller = readerOf(parts.access, response, group)
      response.type(plainAnswerType(request))
      const answer: unknown = await consumers.use(group, instance, caller, one => handle(one, request, response, caller, names))
      if (answer === undefined) response.status(204).removeHeader('content-type')
      response.send(answer === undefined ? undefined : JSON.stringify(answer))
    }
  const path = '/consumers/:group/instances/:instance'

  router.route(path)
    .delete(async (request, response) => {
      const { group, instance } = request.params
      await consumers.delete(group, instance, readerOf(parts.access, response, group))
      response.status(204).end()
    })
    .all(allowOnly('DELETE'))

  router.route(`${path}/subscription`)
    .post(onInstance(async (instance, request, response, caller) => {
      await instance.subscribe(parseSubscription(await bodyOf(parts, request, response), { ...parts, caller }))
    }))
    .get(onInstance(async instance => ({ topics: await instance.subscription?.topics() ?? [] })))
    .delete(onInstance(instance => instance.unsubscribe()))
    .all(allowOnly('POST', 'GET', 'DELETE'))

  router.route(`${path}/assignments`)
    .post(onInstance(async (instance, request, response, caller) => {
      const partitions = partitionsOf(await bodyOf(parts, request, response), 'partitions')
      expectOnTopics(parts.access, caller, partitions)
      await expectExisting(parts.admin, partitions)
      instance.assign(partitions)
    }))
    .get(onInstance(instance => ({ partitions: instance.assignment })))
    .all(allowOnly('POST', 'GET'))

  router.route(`${path}/positions`)
    .post(onInstance(async (instance, request, response, caller) => {
      const offsets = offsetsOf(await bodyOf(parts, request, response), 0)
      expectOnTopics(parts.access, caller, offsets)
      for (const one of offsets) instance.seek(one, one.offset)
    }))
    .all(allowOnly('POST'))

  router.route(`${path}/positions/:end`)
    .post(onInstance(async (instance, request, response, caller, { end }) => {
      if (end !== 'beginning' && end !== 'end') throw new Problem(404, 'HTTP 404 Not Found')
      const partitions = partitionsOf(await bodyOf(parts, request, response), 'partitions')
      expectOnTopics(parts.access, caller, partitions)
      for (const at of partitions) await instance.seekToEnd(at, end)
    }))
    .all(allowOnly('POST'))

  router.route(`${path}/offsets`)
    .post(onInstance(async (instance, request, response, caller) => {
      const isAsync = choiceParameter(request, 'async', ['false', 'true', ''], 'false') !== 'false'
      const body = await bodyOf(parts, request, response)
      // Confluent's clients name the record they did last; the group's offset is the next one.
      const offsets = isEmpty(body)
        ? instance.uncommitted
        : offsetsOf(body, -1).map(({ offset, metadata, ...at }) => offsetToCommit(at, offset + 1, metadata))
      expectOnTopics(parts.access, caller, offsets)
      const committing = instance.commit(offsets)
      // Nobody hears of a failure, as the client wished.
      if (isAsync) committing.catch(() => undefined)
      else await committing
    }))
    .get(onInstance(async (instance, request, response, caller) => {
      const body = await bodyOf(parts, request, response)
      // Many clients cannot send a body with a GET: they hear of all that the instance has.
      const partitions = isEmpty(body) ? instance.assignment : partitionsOf(body, 'partitions')
      expectOnTopics(parts.access, caller, partitions)
      const committed = await instance.committed(partitions)
      return { offsets: committed.map(({ topic, partition, offset, metadata }) => ({ topic, partition, offset, metadata })) }
    }))
    .all(allowOnly('POST', 'GET'))

  router.route(`${path}/records`)
    // Express would answer it with GET's handler, and the records would be read by nobody.
    .head(allowOnly('GET'))
    .get(async (request, response) => {
      const { group, instance: name } = request.params
      const caller = readerOf(parts.access, response, group)
      await consumers.use(group, name, caller, async instance => {
        const { format, timeoutMs: timeoutDefault } = instance.config
        const type = formatOfInstance(request as Request, format)
        const shown = { format, avro: avroFormOfAnswer(request as Request, format), caller }
        const timeoutMs = integerParameter(request as Request, 'timeout', { min: 0, max: 2 ** 31 - 1, fallback: timeoutDefault })
        const bytes = integerParameter(request as Request, 'max_bytes', { min: 1, max: bytesMaxAsked, fallback: bytesMax })
        const open = async (partitions: readonly PartitionRef[]): Promise<ReadonlyMap<string, RecordPrinter>> => {
          expectOnTopics(parts.access, caller, partitions)
          const topics = await parts.admin.topics([...new Set(partitions.map(({ topic }) => topic))])
          return new Map(topics.map(topic => [topic.name, recordPrinter(parts.payloads, topic, shown)]))
        }
        const gone = new AbortController()
        response.once('close', () => gone.abort())
        const read = await instance.read({
          timeoutMs: Math.min(timeoutMs, timeoutMsMax), bytesMax: Math.min(bytes, bytesMax), charactersMax, signal: gone.signal, open,
          hold: growingAnswer(response, parts.answers),
        })
        if (response.destroyed) return
        read.accept()
        response.type(type).send(`[${read.records.join(',')}]`)
      })
    })
    .all(allowOnly('GET'))
  return router
}

/** The caller, who may read the group. Throws 403 (40301), whether there is such a group or not. */
function readerOf(access: Access, response: Response, group: string): Caller {
  const caller = callerOf(response)
  if (access.allows(caller, 'read', 'group', group)) return caller
  throw new Problem(403, `Not authorized to access group: ${group}`, { errorCode: 40301 })
}

function expectOnTopics(access: Access, caller: Caller, partitions: readonly PartitionRef[]): void {
  for (const topic of new Set(partitions.map(at => at.topic))) expectOnTopic(access, caller, 'read', topic)
}

async function expectExisting(admin: Admin, partitions: readonly PartitionRef[]): Promise<void> {
  const topics = new Map((await admin.topics([...new Set(partitions.map(({ topic }) => topic))])).map(topic => [topic.name, topic]))
  for (const { topic: name, partition } of partitions) {
    const topic = topics.get(name)
    if (topic === undefined) throw new Problem(404, `Topic '${name}' not found.`, { errorCode: 40401 })
    if (topic.partitions[partition] === undefined) throw new Problem(404, `Partition '${partition}' of topic '${name}' not found.`, { errorCode: 40402 })
  }
}

/** Undefined where there is none, for which no content type is asked either. */
async function bodyOf(parts: ConsumerParts, request: Request, response: Response): Promise<unknown> {
  const bytes = await readBody(request, response, { bytesMax: bodyBytesMax, budget: parts.budget })
  if (bytes.length === 0) return undefined
  expectPlainBody(request)
  return parseJson(bytes)
}

function isEmpty(body: unknown): boolean {
  return body === undefined || body === null || (typeof body === 'object' && Object.keys(body).length === 0)
}

function partitionsOf(body: unknown, member: string): PartitionRef[] {
  return listOf(body, member).map((element, index) => partitionIn(element, `${member}[${index}]`))
}

function offsetsOf(body: unknown, min: number): (PartitionRef & { offset: number; metadata: string })[] {
  return listOf(body, 'offsets').map((element, index) => {
    const path = `offsets[${index}]`
    const at = partitionIn(element, path)
    const { offset, metadata = '' } = element as { offset?: unknown; metadata?: unknown }
    if (typeof offset !== 'number' || !Number.isSafeInteger(offset) || offset < min) throw new Problem(422, `${path}.offset must be a whole number from ${min}`)
    if (metadata !== null && (typeof metadata !== 'string' || metadata.length > metadataCharactersMax)) {
      throw new Problem(422, `${path}.metadata must be a text of at most ${metadataCharactersMax} characters`)
    }
    return { ...at, offset, metadata: metadata ?? '' }
  })
}

function listOf(body: unknown, member: string): readonly unknown[] {
  const list: unknown = typeof body === 'object' && body !== null && Object.hasOwn(body, member) ? (body as Readonly<Record<string, unknown>>)[member] : undefined
  if (Array.isArray(list) && list.length <= partitionsMax) return list
  throw new Problem(422, `${member} must be a list of at most ${partitionsMax} elements`)
}

function partitionIn(element: unknown, path: string): PartitionRef {
  const { topic, partition } = (typeof element === 'object' && element !== null ? element : {}) as { topic?: unknown; partition?: unknown }
  if (typeof topic !== 'string' || topic === '') throw new Problem(422, `${path}.topic must be the name of a topic`)
  if (typeof partition !== 'number' || !Number.isInteger(partition) || partition < 0 || partition > 2 ** 31 - 1) {
    throw new Problem(422, `${path}.partition must be a whole number`)
  }
  return { topic, partition }
}
