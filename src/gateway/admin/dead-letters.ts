// Dead letters over HTTP: which there are, what is wrong with them, and redriving them. Whoever may READ a dead-letter topic sees its letters; redriving
// needs WRITE on the topic they were meant for, too. Contents are shown only where they are asked for.
import { Router, type Request, type Response } from 'express'
import { Refusal, type Access, type Admin, type Caller, type Logs, type PartitionRef, type Topic, type Validation } from '../../ports.ts'
import type { Letter } from '../../registry/dead-letter-record.ts'
import { entries, letterStates, type LetterStates } from '../../registry/letter-log.ts'
import { mendedValue, valueByLatest } from '../../registry/mended-value.ts'
import { Redriver, type Redrive, type RedriveSummary } from '../../registry/redrive.ts'
import type { Registry } from '../../registry/registry.ts'
import { deadLetterSuffix, deadLetterTopicOf } from '../../registry/topic-policy.ts'
import type { Audit } from '../../security/audit.ts'
import { formatPrincipal } from '../../security/principal.ts'
import type { Clock } from '../../world/world.ts'
import { readBody, type BodyBudget } from '../body.ts'
import { callerOf, partitionOf, topicFor } from '../callers.ts'
import { allowOnly, Problem } from '../problem.ts'
import { badParameter, choiceParameter, integerParameter, textParameter } from '../query.ts'
import { answerTo, orRefuse, problemOf } from '../refusals.ts'
import { expectBody } from '../rest/media-types.ts'
import { recordChange } from './changes.ts'
import { letterState, showLetter } from './dead-letter-view.ts'
import { bodyObject, integer, text, wrongMember } from './members.ts'
import { ProgressLines } from './progress-lines.ts'

const bodyBytesMax = 4 * 1024 * 1024
const lettersPerPageMax = 1_000
const reasonsShownMax = 20
/** Reasons may quote ids that producers make up: further ones are counted together. */
const reasonsCountedMax = 1_000
const redriveMembers = ['partition', 'offset', 'value', 'valueBase64', 'origin', 'reason', 'since', 'dryRun', 'latestSchema']

interface Parts {
  readonly logs: Logs
  readonly admin: Admin
  readonly access: Access
  readonly validation: Validation
  readonly registry: Registry
  readonly audit: Audit
  readonly clock: Clock
  readonly budget: BodyBudget
}

/**
 * `GET /admin/dlq` → `{topics: [{topic, letters, waiting, redriven, open, origins: [names], reasons: [{reason, count}]}]}`, reasons of those that wait;
 * `GET /admin/dlq/{t}?partition=&from=&limit=&state=&origin=&reason=&since=&contents=` → `{letters: […], next: {partition, offset} | null}`;
 * `GET /admin/dlq/{t}/{p}/{o}?contents=` → the letter;
 * `POST /admin/dlq/{t}/redrive` of `{partition?, offset?, value? | valueBase64?, origin?, reason?, since?, dryRun?, latestSchema?}` →
 * `{redriven, failed, failures: [{partition, offset, reason}]}`: all letters that wait and match, or the one at partition and offset, whose value may be given anew (as
 * JSON for its schema, or as bytes); with `latestSchema` values are written by the latest schema of their topic. Asked for application/x-ndjson it tells how far it is.
 */
export function deadLetterRoutes(parts: Parts): Router {
  const { admin, access, audit, clock, logs, budget } = parts
  const redriver = new Redriver(parts)
  const router = Router({ caseSensitive: true, strict: true })

  router.route('/admin/dlq')
    .get(async (_request, response) => {
      const caller = callerOf(response)
      const topics = await admin.topics()
      const targets = new Set(topics.map(deadLetterTopicOf))
      const own = topics.filter(({ name, internal }) => !internal && (targets.has(name) || name.endsWith(deadLetterSuffix)) && access.wouldAllow(caller, 'read', 'topic', name))
      const counted: object[] = []
      for (const topic of own) {
        if (response.destroyed) return
        counted.push(await countLetters(logs, topic))
      }
      response.json({ topics: counted })
    })
    .all(allowOnly('GET'))

  router.route('/admin/dlq/:topic')
    .get(async (request, response) => {
      const caller = callerOf(response)
      const topic = await topicFor(parts, caller, 'read', request.params.topic)
      const page = await readPage(request as Request, response, topic, logs)
      const contents = choiceParameter(request as Request, 'contents', ['true', 'false'], 'false') === 'true'
      response.json({ letters: page.letters.map(({ at, letter, states }) => showLetter(at, letter, states, { caller, contents, parts })), next: page.next })
    })
    .all(allowOnly('GET'))

  router.route('/admin/dlq/:topic/redrive')
    .post(async (request, response) => {
      const caller = callerOf(response)
      const topic = await topicFor(parts, caller, 'read', request.params.topic)
      expectBody(request)
      const body = bodyObject(await readBody(request, response, { bytesMax: bodyBytesMax, budget }), redriveMembers)
      const wanted = redriveOf(body, topic, caller, parts)
      if (wanted.request.dryRun !== true) recordChange(audit, caller, { operation: 'redrive', resource: `topic:${topic.name}`, reason: wanted.text })
      request.setTimeout(0)
      const gone = new AbortController()
      response.once('close', () => gone.abort())
      const work = (onProgress?: (summary: RedriveSummary) => void): Promise<RedriveSummary | Refusal> =>
        redriveAll(redriver, wanted, { ...wanted.request, signal: gone.signal, ...onProgress && { onProgress } })
      if (request.accepts('application/json', 'application/x-ndjson') !== 'application/x-ndjson') return void response.json(orRefuse(await work()))
      using lines = new ProgressLines(response, clock)
      const done = await work(({ redriven, failed }) => lines.write({ redriven, failed }))
      lines.end(done instanceof Refusal ? { error_code: answerTo(done).errorCode, message: done.message } : done)
    })
    .all(allowOnly('POST'))

  router.route('/admin/dlq/:topic/:partition/:offset')
    .get(async (request, response) => {
      const caller = callerOf(response)
      const topic = await topicFor(parts, caller, 'read', request.params.topic)
      const at = { topic: topic.name, partition: partitionOf(topic, request.params.partition).index }
      const offset = /^\d{1,15}$/.test(request.params.offset) ? Number(request.params.offset) : -1
      const contents = choiceParameter(request as Request, 'contents', ['true', 'false'], 'false') === 'true'
      const letter = offset < 0 ? undefined : await letterAt(logs, at, offset)
      if (letter === undefined) throw new Problem(404, `No dead letter at offset ${request.params.offset.slice(0, 32)} of partition ${at.partition} of topic '${topic.name}'.`, { errorCode: 40403 })
      const states = orRefuse(await letterStates(logs, at, offset))
      response.json(showLetter({ ...at, offset }, letter, states, { caller, contents, parts }))
    })
    .all(allowOnly('GET'))

  return router
}

async function countLetters(logs: Logs, topic: Topic): Promise<object> {
  const counts = { letters: 0, waiting: 0, redriven: 0, open: 0 }
  const reasons = new Map<string, number>()
  const origins = new Set<string>()
  for (const { index: partition } of topic.partitions) {
    const at = { topic: topic.name, partition }
    const states = orRefuse(await letterStates(logs, at))
    for await (const entry of entries(logs, at)) {
      if (entry instanceof Refusal) throw problemOf(entry)
      if (!('letter' in entry)) continue
      const state = letterState(states, entry.offset)
      counts.letters++
      counts[state]++
      origins.add(entry.letter.note.topic)
      if (state !== 'waiting') continue
      const { part, reason } = entry.letter.note
      const named = `${part}: ${reason}`
      const key = reasons.has(named) || reasons.size < reasonsCountedMax ? named : 'others'
      reasons.set(key, (reasons.get(key) ?? 0) + 1)
    }
  }
  const sorted = [...reasons].toSorted((a, b) => b[1] - a[1]).slice(0, reasonsShownMax)
  return { topic: topic.name, ...counts, origins: [...origins].toSorted(), reasons: sorted.map(([reason, count]) => ({ reason, count })) }
}

interface FoundLetter {
  readonly at: PartitionRef & { readonly offset: number }
  readonly letter: Letter
  readonly states: LetterStates
}

async function readPage(request: Request, response: Response, topic: Topic, logs: Logs) {
  const limit = integerParameter(request, 'limit', { min: 1, max: lettersPerPageMax, fallback: 100 })
  const state = choiceParameter(request, 'state', ['waiting', 'redriven', 'open', 'all'], 'all')
  const from = integerParameter(request, 'from', { min: 0, max: Number.MAX_SAFE_INTEGER, fallback: 0 })
  const only = textParameter(request, 'partition')
  const first = only === undefined ? 0 : partitionOf(topic, only).index
  const since = textParameter(request, 'since')
  const sinceMs = since === undefined ? undefined : timeOf(since, () => badParameter('since', notATime))
  const matches = matcher({ origin: textParameter(request, 'origin'), reason: textParameter(request, 'reason'), sinceMs })
  const letters: FoundLetter[] = []
  for (const { index: partition } of only === undefined ? topic.partitions : [topic.partitions[first]!]) {
    const at = { topic: topic.name, partition }
    const states = orRefuse(await letterStates(logs, at))
    for await (const entry of entries(logs, at, partition === first ? from : 0)) {
      if (entry instanceof Refusal) throw problemOf(entry)
      if (response.destroyed) return { letters, next: null }
      if (!('letter' in entry) || !matches(entry.letter) || (state !== 'all' && letterState(states, entry.offset) !== state)) continue
      if (letters.length === limit) return { letters, next: { partition, offset: entry.offset } }
      letters.push({ at: { ...at, offset: entry.offset }, letter: entry.letter, states })
    }
  }
  return { letters, next: null }
}

async function letterAt(logs: Logs, at: PartitionRef, offset: number): Promise<Letter | undefined> {
  for await (const entry of entries(logs, at, offset)) {
    if (entry instanceof Refusal) throw problemOf(entry)
    return entry.offset === offset && 'letter' in entry ? entry.letter : undefined
  }
  return undefined
}

interface WantedRedrive {
  readonly partitions: readonly PartitionRef[]
  readonly request: Redrive
  /** For the audit log. */
  readonly text: string
}

function redriveOf(body: Readonly<Record<string, unknown>>, topic: Topic, caller: Caller, { access, registry }: Parts): WantedRedrive {
  const number = (name: string): number | undefined =>
    (body[name] === undefined ? undefined : integer(body[name], name, { min: 0, max: Number.MAX_SAFE_INTEGER, fallback: 0 }))
  const [partition, offset] = [number('partition'), number('offset')]
  const words = (name: string): string | undefined => (body[name] === undefined ? undefined : text(body[name], name))
  const [origin, reason, since] = [words('origin'), words('reason'), words('since')]
  if (offset !== undefined && partition === undefined) throw wrongMember('partition', 'must be given with an offset')
  if (partition !== undefined && topic.partitions[partition] === undefined) {
    throw new Problem(404, `Partition '${partition}' of topic '${topic.name}' not found.`, { errorCode: 40402 })
  }
  const { dryRun } = body
  if (dryRun !== undefined && typeof dryRun !== 'boolean') throw wrongMember('dryRun', 'must be true or false')
  const mended = mendedOf(body, registry)
  if ((body['value'] !== undefined || body['valueBase64'] !== undefined) && offset === undefined) throw wrongMember('offset', 'must be given with a value: it is the value of one letter')
  const sinceMs = since === undefined ? undefined : timeOf(since, () => wrongMember('since', notATime))
  const partitions = (partition === undefined ? topic.partitions : [topic.partitions[partition]!]).map(({ index }) => ({ topic: topic.name, partition: index }))
  const filters = Object.entries({ partition, offset, origin, reason, since }).filter(([, value]) => value !== undefined).map(([name, value]) => `${name} ${value}`)
  return {
    partitions,
    request: {
      by: formatPrincipal(caller.principal), wanted: matcher({ origin, reason, sinceMs }),
      mayWrite: name => access.allows(caller, 'write', 'topic', name),
      ...offset !== undefined && { from: offset, upTo: offset },
      ...mended && { mended },
      ...dryRun === true && { dryRun },
    },
    text: `${filters.length === 0 ? 'all letters that wait' : filters.join(', ')}${mended === undefined ? '' : ', with another value'}`,
  }
}

function mendedOf(body: Readonly<Record<string, unknown>>, registry: Registry): Redrive['mended'] {
  const { value, valueBase64, latestSchema } = body
  if (latestSchema !== undefined && typeof latestSchema !== 'boolean') throw wrongMember('latestSchema', 'must be true or false')
  if (value !== undefined && valueBase64 !== undefined) throw wrongMember('valueBase64', 'cannot be given together with value')
  if (valueBase64 !== undefined && latestSchema === true) throw wrongMember('latestSchema', 'cannot be given together with valueBase64, which is stored as it is')
  if (latestSchema === true) return (letter, topic) => valueByLatest(registry, letter, topic, value)
  if (value !== undefined) return (letter, topic) => mendedValue(registry, letter, topic, value)
  if (valueBase64 === undefined) return undefined
  if (typeof valueBase64 !== 'string' || !/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(valueBase64)) throw wrongMember('valueBase64', 'must be base64')
  const bytes = Buffer.from(valueBase64, 'base64')
  return () => bytes
}

async function redriveAll(redriver: Redriver, { partitions }: WantedRedrive, request: Redrive): Promise<RedriveSummary | Refusal> {
  const summary: RedriveSummary = { redriven: 0, failed: 0, failures: [] }
  for (const at of partitions) {
    const refused = await redriver.redrive(at, request, summary)
    // What was done before is done; what was not is there to be redriven again.
    if (refused !== null) return new Refusal(refused.code, `${refused.message} (${summary.redriven} letters were redriven before)`)
  }
  return summary
}

const notATime = 'must be a time as in 2026-01-31T12:00:00Z'

function timeOf(given: string, problem: () => Problem): number {
  const ms = Date.parse(given)
  if (Number.isNaN(ms)) throw problem()
  return ms
}

/** `reason` is any part of the reason's text. */
function matcher({ origin, reason, sinceMs }: { origin: string | undefined; reason: string | undefined; sinceMs: number | undefined }): (letter: Letter) => boolean {
  return ({ note }) =>
    (origin === undefined || note.topic === origin) && (reason === undefined || `${note.part}: ${note.reason}`.includes(reason)) && (sinceMs === undefined || note.timeMs >= sinceMs)
}
