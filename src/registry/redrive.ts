// Redriving: dead letters are judged again and, where they fit by now, appended to the topic they were meant for. Each exactly once, wherever the server may stop in between:
// 1. an intent names the letters, the place and a producer id of its own, durably;
// 2. the letters are appended as that producer's first batch, durably;
// 3. 'done' says where they lie, durably.
// Whoever redrives next first finishes what is open: a batch of the intent's producer that lies behind where the partition ended is step 2 done; otherwise it is
// done now, and a log that was given the batch already but did not show it yet knows producer and sequence. All of it happens in the one process that serves
// the data directory, one dead-letter partition at a time.
import { type Admin, type AppendOptions, type Logs, type PartitionRef, type RecordParts, Refusal, type RefusalCode, type Topic, type Validation } from '../ports.ts'
import { type Batch, buildBatch, type RecordDraft } from '../wire/batch.ts'
import type { Clock } from '../world/world.ts'
import type { Letter } from './dead-letter-record.ts'
import { openPartition } from './dead-letters.ts'
import { entries, lettersAt, letterStates, type LetterStates } from './letter-log.ts'
import { type Intent, type Mark, markBatch } from './redrive-marks.ts'

export interface RedriverOptions {
  readonly logs: Logs
  readonly admin: Admin
  readonly validation: Validation
  readonly clock: Pick<Clock, 'now'>
}

export interface Redrive {
  /** Of the letters that wait, which; all unless given. */
  readonly wanted?: (letter: Letter, offset: number) => boolean
  /** Where to begin; the partition's start unless given. */
  readonly from?: number
  /** The last letter to look at; the partition's end unless given. */
  readonly upTo?: number
  /** In place of the value of the letter. */
  readonly mended?: (letter: Letter, topic: Topic) => Buffer | { readonly reason: string } | Promise<Buffer | { readonly reason: string }>
  /** Whether whoever asks may write to the topic. */
  readonly mayWrite: (topic: string) => boolean
  /** The principal, for the record. */
  readonly by: string
  /** Judges only. */
  readonly dryRun?: boolean
  readonly onProgress?: (soFar: RedriveSummary) => void
  readonly signal?: AbortSignal
}

export interface RedriveSummary {
  redriven: number
  /** Letters that do not fit, or cannot be appended: they stay. */
  failed: number
  /** Why, of the first. */
  readonly failures: { readonly partition: number; readonly offset: number; readonly reason: string }[]
}

interface PlacedLetter {
  readonly offset: number
  readonly letter: Letter
}

interface Ready {
  readonly offset: number
  readonly draft: RecordDraft
  /** In base64, where it was mended. */
  readonly value: string | undefined
}

/** The header that says of a record which letter it was. */
export const redrivenFromHeader = 'sluice.dlq.redriven-from'

const how: AppendOptions = { acks: 'all', timeoutMs: 30_000 }
const recordsPerBatchMax = 500
const bytesPerBatchMax = 512 * 1024
const failuresShownMax = 100
/** After these nothing was appended, and never will be as it stands. */
const final: ReadonlySet<RefusalCode> = new Set<RefusalCode>([
  'unknown-topic', 'unknown-partition', 'sealed-partition', 'message-too-large', 'record-list-too-large', 'invalid-record', 'invalid-timestamp', 'corrupt-message', 'unsupported-compression-type',
])

export class Redriver {
  readonly #options: RedriverOptions
  /** By partition, what settles when nobody works on it. */
  readonly #busy = new Map<string, Promise<unknown>>()

  constructor(options: RedriverOptions) {
    this.#options = options
  }

  /** One partition of a dead-letter topic; adds to `summary`. A refusal: the log could not be read or written, and what was not counted may be open until the next time. */
  async redrive(at: PartitionRef, request: Redrive, summary: RedriveSummary): Promise<null | Refusal> {
    return this.#exclusively(at, async () => {
      const states = await this.#settled(at, request.from)
      return states instanceof Refusal ? states : await this.#redrive(at, request, states, summary)
    })
  }

  async #redrive(at: PartitionRef, request: Redrive, { redriven }: LetterStates, summary: RedriveSummary): Promise<null | Refusal> {
    const chunk: PlacedLetter[] = []
    let bytes = 0
    const flush = async (): Promise<null | Refusal> => {
      const refused = await this.#redriveChunk(at, chunk.splice(0), request, summary)
      bytes = 0
      request.onProgress?.(summary)
      return refused
    }
    for await (const entry of entries(this.#options.logs, at, request.from)) {
      if (entry instanceof Refusal) return entry
      if (request.signal?.aborted === true || entry.offset > (request.upTo ?? Infinity)) break
      if (!('letter' in entry) || redriven.has(entry.offset) || request.wanted?.(entry.letter, entry.offset) === false) continue
      chunk.push(entry)
      bytes += (entry.letter.sent.key?.length ?? 0) + (entry.letter.sent.value?.length ?? 0)
      if (chunk.length < recordsPerBatchMax && bytes < bytesPerBatchMax) continue
      const refused = await flush()
      if (refused !== null) return refused
    }
    return chunk.length === 0 ? null : await flush()
  }

  async #redriveChunk(at: PartitionRef, chunk: readonly PlacedLetter[], request: Redrive, summary: RedriveSummary): Promise<null | Refusal> {
    const fail = (offset: number, reason: string): void => {
      summary.failed++
      if (summary.failures.length < failuresShownMax) summary.failures.push({ partition: at.partition, offset, reason })
    }
    for (const [name, own] of Map.groupBy(chunk, ({ letter }) => letter.note.topic)) {
      const topic = request.mayWrite(name) ? (await this.#options.admin.topics([name]))[0] : null
      if (topic == null || topic.internal) {
        const reason = topic === undefined ? `topic '${name}' does not exist any more` : `not authorized to write to topic '${name}'`
        for (const { offset } of own) fail(offset, reason)
        continue
      }
      const ready = await this.#judge(at, topic, own, request, fail)
      if (request.dryRun === true) {
        summary.redriven += ready.length
        continue
      }
      const partitionOf = new Map(own.map(({ offset, letter }) => [offset, openPartition(topic, letter.note.partition)]))
      for (const [partition, group] of Map.groupBy(ready, ({ offset }) => partitionOf.get(offset)!)) {
        const refused = await this.#append(at, topic, partition, group, request, summary, fail)
        if (refused !== null) return refused
      }
    }
    return null
  }

  /** Those that fit the topic now; the others are told to `fail`. */
  async #judge(
    at: PartitionRef, topic: Topic, letters: readonly PlacedLetter[], request: Redrive, fail: (offset: number, reason: string) => void,
  ): Promise<readonly Ready[]> {
    const candidates: (PlacedLetter & { readonly record: RecordParts; readonly value: string | undefined })[] = []
    for (const { offset, letter } of letters) {
      const value = await request.mended?.(letter, topic)
      if (value !== undefined && !Buffer.isBuffer(value)) fail(offset, value.reason)
      else candidates.push({ offset, letter, record: value === undefined ? letter.sent : { ...letter.sent, value }, value: value?.toString('base64') })
    }
    const { validation } = this.#options
    const faults = validation.appliesTo(topic) ? await validation.check(topic, candidates.map(({ record }) => record), 'redrive') : []
    return candidates.flatMap(({ offset, letter, record, value }, nth): Ready[] => {
      const fault = faults[nth] ?? null
      if (fault === null) return [{ offset, draft: draftOf(at, offset, letter, record.value), value }]
      fail(offset, `${fault.part}${fault.pointer === '' ? '' : ` at ${fault.pointer}`}: ${fault.reason}`)
      return []
    })
  }

  /** Steps 1 to 3 for one batch; for more where it is larger than the topic takes, and for each letter with another value, of which an intent keeps one. */
  async #append(
    at: PartitionRef, topic: Topic, partition: number, ready: readonly Ready[], request: Redrive, summary: RedriveSummary, fail: (offset: number, reason: string) => void,
  ): Promise<null | Refusal> {
    const { logs, admin, clock } = this.#options
    const halves = (): readonly (readonly Ready[])[] => [ready.slice(0, ready.length >> 1), ready.slice(ready.length >> 1)]
    const bytesMax = Number(admin.config(topic, 'max.message.bytes'))
    if (ready.length > 1 && (ready.some(({ value }) => value !== undefined) || batchOf(ready.map(({ draft }) => draft), 0, clock.now()).bytes.length > bytesMax)) {
      for (const half of halves()) {
        const refused = await this.#append(at, topic, partition, half, request, summary, fail)
        if (refused !== null) return refused
      }
      return null
    }
    const target = { topic: topic.name, partition }
    const ends = await logs.ends(target)
    if (ends instanceof Refusal) return ends
    const producerId = await logs.allocateProducerId()
    if (producerId instanceof Refusal) return producerId
    const [{ value }] = ready as [Ready]
    const intent: Intent = {
      kind: 'intent', offsets: ready.map(({ offset }) => offset), ...target, topicId: topic.id, from: ends.highWatermark, producerId, by: request.by, timeMs: clock.now(),
      ...value !== undefined && { value },
    }
    const mark = await this.#write(at, intent)
    if (mark instanceof Refusal) return mark
    const appended = await this.#finish(at, mark, intent, ready.map(({ draft }) => draft))
    if (!(appended instanceof Refusal)) {
      summary.redriven += ready.length
      return null
    }
    if (!final.has(appended.code)) return appended
    for (const { offset } of ready) fail(offset, appended.message)
    return null
  }

  /** Steps 2 and 3. A refusal that is final gives the intent up; any other leaves it open. */
  async #finish(at: PartitionRef, mark: number, intent: Intent, drafts: readonly RecordDraft[]): Promise<number | Refusal> {
    const appended = await this.#options.logs.append({ topic: intent.topic, partition: intent.partition }, batchOf(drafts, intent.producerId, intent.timeMs), how)
    if (appended instanceof Refusal) {
      const written = final.has(appended.code) ? await this.#write(at, { kind: 'void', intent: mark }) : null
      return written instanceof Refusal ? written : appended
    }
    const done = await this.#write(at, { kind: 'done', intent: mark, at: appended.baseOffset })
    return done instanceof Refusal ? done : appended.baseOffset
  }

  /** Finishes what was left open of the letters from `from` on, whose intents lie behind them; what is known of the letters then. */
  async #settled(at: PartitionRef, from?: number): Promise<LetterStates | Refusal> {
    const { logs, admin } = this.#options
    const states = await letterStates(logs, at, from)
    if (states instanceof Refusal || states.open.size === 0) return states
    for (const [mark, intent] of states.open) {
      const [topic] = await admin.topics([intent.topic])
      const letters = await lettersAt(logs, at, intent.offsets)
      if (letters instanceof Refusal) return letters
      const lies = topic?.id === intent.topicId ? await this.#find(intent) : null
      if (lies instanceof Refusal) return lies
      // A topic that was made anew knows nothing of the letters; letters that have expired cannot be appended any more.
      const isOver = topic?.id !== intent.topicId || letters.size < intent.offsets.length
      const value = intent.value === undefined ? undefined : Buffer.from(intent.value, 'base64')
      const settled = lies !== null ? await this.#write(at, { kind: 'done', intent: mark, at: lies })
        : isOver ? await this.#write(at, { kind: 'void', intent: mark })
          : await this.#finish(at, mark, intent, intent.offsets.map(offset => draftOf(at, offset, letters.get(offset)!, value ?? letters.get(offset)!.sent.value)))
      if (settled instanceof Refusal && !final.has(settled.code)) return settled
    }
    return await letterStates(logs, at, from)
  }

  /** Where the intent's batch lies; null where it does not. */
  async #find({ topic, partition, from, producerId }: Intent): Promise<number | null | Refusal> {
    const { logs } = this.#options
    const at = { topic, partition }
    const ends = await logs.ends(at)
    if (ends instanceof Refusal) return ends
    for (let next = Math.max(from, ends.logStartOffset); next < ends.highWatermark;) {
      const slice = await logs.read(at, next, { bytesMax: bytesPerBatchMax, atLeastOne: true, committedOnly: true })
      if (slice instanceof Refusal) return slice
      const found = slice.batches.find(batch => batch.producerId === producerId)
      if (found !== undefined) return found.baseOffset
      const last = slice.batches.at(-1)
      if (last === undefined) return null
      next = last.nextOffset
    }
    return null
  }

  /** Where the mark lies. */
  async #write(at: PartitionRef, mark: Mark): Promise<number | Refusal> {
    const { logs, clock } = this.#options
    const appended = await logs.append(at, markBatch(mark, clock.now()), { ...how, gaps: 'offsets' })
    return appended instanceof Refusal ? appended : appended.baseOffset
  }

  async #exclusively<T>({ topic, partition }: PartitionRef, work: () => Promise<T>): Promise<T> {
    const key = `${topic} ${partition}`
    const before = this.#busy.get(key) ?? Promise.resolve()
    const turn = before.then(work)
    const settled = turn.catch(() => {})
    this.#busy.set(key, settled)
    try {
      return await turn
    } finally {
      if (this.#busy.get(key) === settled) this.#busy.delete(key)
    }
  }
}

/** The record as it is appended: as it was sent but for a mended value, and with where it comes from. */
function draftOf(at: PartitionRef, offset: number, { note, sent }: Letter, value: Buffer | null): RecordDraft {
  const headers = [...sent.headers.filter(({ key }) => key !== redrivenFromHeader), { key: redrivenFromHeader, value: Buffer.from(`${at.topic}-${at.partition}-${offset}`) }]
  return { key: sent.key, value, headers, timestampMs: note.timestampMs ?? note.timeMs }
}

function batchOf(drafts: readonly RecordDraft[], producerId: number, timestampMs: number): Batch {
  return buildBatch(drafts, { timestampMs, producer: { id: producerId, epoch: 0, baseSequence: 0 } })
}
