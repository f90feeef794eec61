// What a produce request comes to once its records are encoded: the topic's own validation, one batch per partition, the appends. What does not fit refuses the
// whole request before anything is appended, unless the topic has its dead letters kept: then it goes there, and the other records are stored.
import {
  Refusal, type Admin, type Appended, type Caller, type DeadLetter, type Logs, type LetterPosition, type RecordFault, type Topic, type Validation,
} from '../../ports.ts'
import { buildBatch, type Batch, type RecordDraft } from '../../wire/batch.ts'
import type { Clock } from '../../world/world.ts'
import { Problem } from '../problem.ts'
import { problemOf } from '../refusals.ts'

const appendTimeoutMs = 30_000
const faultsShownMax = 100
/** Confluent's number for a payload that does not fit. */
export const invalidPayload = 42206

export interface AppendParts {
  readonly logs: Logs
  readonly admin: Admin
  readonly validation: Validation
  readonly clock: Clock
}

/** The records of a request. */
export interface RecordsToAppend {
  readonly topic: Topic
  readonly caller: Caller
  readonly drafts: readonly RecordDraft[]
  /** The partition of each. */
  readonly assigned: readonly number[]
  /** By index, what could not even be encoded: its draft has the part as the client sent it. */
  readonly faults?: ReadonlyMap<number, RecordFault>
}

/** One record that does not fit. */
export interface IndexedFault extends RecordFault {
  readonly index: number
}

/** A record that was not stored where it was sent, but lies in the dead-letter topic. */
export interface SetAside {
  readonly fault: RecordFault
  readonly at: LetterPosition
}

export interface AppendOutcome {
  /** By partition: where the first of its records lies and the others of this request behind it, in their order; or why none of them was stored. */
  readonly appended: ReadonlyMap<number, Appended | Refusal>
  /** By index, those that are not among them. */
  readonly setAside: ReadonlyMap<number, SetAside>
}

/**
 * Validates and appends, durably. Throws a Problem where nothing was stored: 422 (42206) with a list of all faults, 413 for a batch that the topic would refuse, or what
 * keeps the dead letters from being put.
 */
export async function appendRecords(parts: AppendParts, request: RecordsToAppend): Promise<AppendOutcome> {
  const { topic, drafts } = request
  const faults = await findFaults(parts.validation, request)
  if (faults.length > 0 && parts.validation.onInvalid(topic) === 'reject') throw unfit(faults)
  const bad = new Set(faults.map(({ index }) => index))
  const batches = build(parts, topic, bad.size === 0 ? drafts.keys() : drafts.keys().filter(index => !bad.has(index)), request)
  const setAside = await putAside(parts.validation, request, faults)
  const appended = new Map(await Promise.all([...batches].map(async ([partition, batch]) =>
    [partition, await parts.logs.append({ topic: topic.name, partition }, batch, { acks: 'all', timeoutMs: appendTimeoutMs })] as const)))
  return { appended, setAside }
}

/** `value at /amount: must be number`, and where the record is now. */
export function setAsideText({ fault, at }: SetAside): string {
  return `${faultText(fault)}; the record lies in dead-letter topic '${at.topic}', partition ${at.partition}, offset ${at.offset}`
}

/** What does not fit, by index: what could not be encoded, and what the topic's own validation finds. */
export async function findFaults(validation: Validation, { topic, drafts, faults: given = new Map() }: RecordsToAppend): Promise<readonly IndexedFault[]> {
  const faults = [...given].map(([index, fault]): IndexedFault => ({ ...fault, index }))
  if (!validation.appliesTo(topic)) return faults
  const others = given.size === 0 ? [...drafts.keys()] : [...drafts.keys()].filter(index => !given.has(index))
  const verdicts = await validation.check(topic, given.size === 0 ? drafts : others.map(index => drafts[index]!), 'rest')
  for (const [nth, fault] of verdicts.entries()) if (fault !== null) faults.push({ ...fault, index: others[nth]! })
  return faults.toSorted((a, b) => a.index - b.index)
}

/** One batch per partition. A batch that the topic would refuse for its size refuses the request, before any other is appended. */
function build({ admin, clock }: AppendParts, topic: Topic, indexes: Iterable<number>, { drafts, assigned }: RecordsToAppend): Map<number, Batch> {
  const groups = Map.groupBy(indexes, index => assigned[index]!)
  const bytesMax = Number(admin.config(topic, 'max.message.bytes'))
  const timestampMs = clock.now()
  return new Map([...groups].map(([partition, own]) => {
    const batch = buildBatch(own.length === drafts.length ? drafts : own.map(index => drafts[index]!), { timestampMs })
    if (batch.bytes.length > bytesMax) {
      const size = batch.bytes.length
      throw new Problem(413, `The records for partition ${partition} make a batch of ${size} bytes, where topic '${topic.name}' takes ${bytesMax}`)
    }
    return [partition, batch]
  }))
}

/** Puts what does not fit into the dead-letter topic. Throws where a partition's letters cannot be put; those of others may lie there then. */
export async function putAside(validation: Validation, { topic, caller, drafts, assigned }: RecordsToAppend, faults: readonly IndexedFault[]): Promise<Map<number, SetAside>> {
  const setAside = new Map<number, SetAside>()
  await Promise.all([...Map.groupBy(faults, ({ index }) => assigned[index]!)].map(async ([partition, own]) => {
    const letters = own.map((fault): DeadLetter => ({ ...drafts[fault.index]!, index: fault.index, fault }))
    const put = await validation.putDeadLetters(topic, { topic: topic.name, partition, wayIn: 'rest', caller, clientId: null }, letters)
    if (put instanceof Refusal) throw problemOf(put)
    for (const [nth, { index, ...fault }] of own.entries()) setAside.set(index, { fault, at: put[nth]! })
  }))
  return setAside
}

/** `value at /amount: must be number`. */
export function faultText({ part, pointer, reason }: RecordFault): string {
  return `${part}${pointer === '' ? '' : ` at ${pointer}`}: ${reason}`
}

/** 422 with the faults, up to a bound. */
export function unfit(faults: readonly IndexedFault[]): Problem {
  const all = faults.flatMap(({ index, part, pointer, reason, more = [] }) => [{ pointer, reason }, ...more].map(one => ({ index, part, ...one })))
  const more = all.length === 1 ? '' : ` (and ${all.length - 1} more)`
  return new Problem(422, `records[${faults[0]!.index}].${faultText(faults[0]!)}${more}; nothing was stored`, {
    errorCode: invalidPayload,
    details: { fault_count: all.length, faults: all.slice(0, faultsShownMax) },
  })
}
