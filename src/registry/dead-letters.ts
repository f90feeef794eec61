// Where records go that do not fit their topic. They are durable on all in-sync replicas of the dead-letter topic before anything else of their batch is
// appended, so that a crash in between loses none; the topic is made when it is first needed, by the server, so that a producer needs no right but WRITE on
// the topic it writes to. Nothing in a dead-letter topic is validated.
// A batch of an idempotent producer that is sent again adds no letters: they carry a producer id made of the topic, partition and producer they come from, and the batch's own
// sequence numbers, by which the log knows them. That holds as long as for the producer's own batches (the last five, and producer.id.expiration.ms), and where
// the batch is judged as it was the first time; were it judged otherwise, its letters are put again rather than any lost.
import { createHash } from 'node:crypto'
import { type Admin, type DeadLetter, KeyRefusal, keyIdConfig, type LetterOrigin, type LetterPosition, type Logs, openPartitions, type PartitionRef, Refusal, type Topic } from '../ports.ts'
import { type Batch, buildBatch, type RecordDraft, type RecordView } from '../wire/batch.ts'
import type { Clock, Logger } from '../world/world.ts'
import { letterRecord, readLetter } from './dead-letter-record.ts'
import { deadLetterTopicOf } from './topic-policy.ts'

export interface DeadLettersOptions {
  readonly logs: Logs
  readonly admin: Admin
  readonly clock: Pick<Clock, 'now'>
  readonly logger: Logger
}

const appendTimeoutMs = 30_000
const retentionMs = 30 * 86_400_000
/** What our headers may add to a batch that the topic itself would take. */
const headersBytesMax = 65_536
const batchBytesMax = 2 ** 31 - 1
const sequenceCount = 2 ** 31
/** Ids that are given to producers count up from 0; ours lie above all that will ever be, and below what a varint takes. */
const ownProducerIds = 2 ** 51

export class DeadLetters {
  readonly #options: DeadLettersOptions

  constructor(options: DeadLettersOptions) {
    this.#options = options
  }

  /** Where each letter lies, durably. A refusal names the dead-letter topic; some letters may lie there all the same. */
  async put(topic: Topic, origin: LetterOrigin, letters: readonly DeadLetter[]): Promise<readonly LetterPosition[] | Refusal> {
    const name = deadLetterTopicOf(topic)
    const refuse = (refusal: Refusal): Refusal => (refusal instanceof KeyRefusal ? refusal : new Refusal(refusal.code, `dead-letter topic '${name}': ${refusal.message}`))
    if (name === topic.name) return refuse(new Refusal('invalid-config', 'a topic cannot hold its own dead letters'))
    const target = await this.#topic(name, topic)
    if (target instanceof Refusal) return refuse(target)
    const at = { topic: name, partition: openPartition(target, origin.partition) }
    const timeMs = this.#options.clock.now()
    const records = letters.map(letter => letterRecord(letter, origin, timeMs))
    const bytesMax = Number(this.#options.admin.config(target, 'max.message.bytes'))
    const producer = origin.producer === undefined ? undefined : { id: letterProducerId(topic, origin), baseSequence: origin.producer.baseSequence }
    const positions: LetterPosition[] = []
    for (const { batch, drafts } of batches(records, { timeMs, bytesMax, producer, codec: origin.codec })) {
      const baseOffset = await this.#append(at, batch, drafts, { timeMs, keyId: topic.configs.get(keyIdConfig) || undefined })
      if (baseOffset instanceof Refusal) return refuse(baseOffset)
      for (let index = 0; index < drafts.length; index++) positions.push({ ...at, offset: baseOffset + index })
    }
    return positions
  }

  /** The dead-letter topic `name` of `topic`, made where it is missing: as many partitions and replicas as the topic has, and room for its largest record with our headers. */
  async #topic(name: string, topic: Topic): Promise<Topic | Refusal> {
    const { admin, logger } = this.#options
    const [present] = await admin.topics([name])
    if (present?.internal === true) return new Refusal('invalid-topic', 'it is internal: only the server writes it')
    if (present !== undefined) return present
    const bytesMax = Math.min(Number(admin.config(topic, 'max.message.bytes')) + headersBytesMax, batchBytesMax)
    const wanted = {
      name, partitions: topic.partitions.length, replicationFactor: topic.partitions[0]!.replicas.length,
      configs: new Map([['retention.ms', String(retentionMs)], ['max.message.bytes', String(bytesMax)], ['min.insync.replicas', admin.config(topic, 'min.insync.replicas')]]),
    }
    let made = await admin.createTopic(wanted, { validateOnly: false })
    // Brokers may have gone since the topic was made.
    if (made instanceof Refusal && made.code === 'invalid-replication-factor') made = await admin.createTopic({ ...wanted, replicationFactor: -1 }, { validateOnly: false })
    if (made instanceof Refusal && made.code === 'topic-exists') return (await admin.topics([name]))[0] ?? made
    if (!(made instanceof Refusal)) logger.info({ topic: topic.name, deadLetterTopic: name }, 'a dead-letter topic was made')
    return made
  }

  /** What was to be encrypted under a key is so as a letter, too. */
  async #append(at: PartitionRef, batch: Batch, drafts: readonly RecordDraft[], { timeMs, keyId }: { timeMs: number; keyId: string | undefined }): Promise<number | Refusal> {
    const { logs } = this.#options
    const how = { acks: 'all', timeoutMs: appendTimeoutMs, ...keyId !== undefined && { keyId } } as const
    const appended = await logs.append(at, batch, { ...how, gaps: 'sequences' })
    if (appended instanceof Refusal) return appended
    if (appended.duplicate !== true || await this.#isSame(at, appended.baseOffset, drafts)) return appended.baseOffset
    // The sequence numbers are those of an earlier batch, which was judged in another way (or a producer id is not what it seems): these letters are not there yet.
    const again = await logs.append(at, buildBatch(drafts, { timestampMs: timeMs, codec: batch.codec }), how)
    return again instanceof Refusal ? again : again.baseOffset
  }

  /** Whether the letters that lie at `from` are these. */
  async #isSame(at: PartitionRef, from: number, drafts: readonly RecordDraft[]): Promise<boolean> {
    const slice = await this.#options.logs.read(at, from, { bytesMax: 1, atLeastOne: true, committedOnly: true })
    if (slice instanceof Refusal) return false
    const records = slice.batches[0]?.recordsOrNone() ?? []
    return records.length === drafts.length && records.every((record, index) => isSameLetter(record, drafts[index]!))
  }
}

/** Where in `topic` something goes that comes from partition `index` of another, or was there once: what is a closed shard by now takes nothing. */
export function openPartition(topic: Topic, index: number): number {
  const open = openPartitions(topic)
  return open.includes(index) ? index : open[index % open.length]!
}

function isSameLetter(record: RecordView, draft: RecordDraft): boolean {
  const [one, other] = [readLetter(record), readLetter({ ...draft, headers: draft.headers ?? [] })]
  if (one === undefined || other === undefined) return false
  const isSameOrigin = one.note.topic === other.note.topic && one.note.partition === other.note.partition
  return isSameOrigin && one.note.index === other.note.index && one.note.batch === other.note.batch && equal(record.key, draft.key) && equal(record.value, draft.value)
}

function equal(one: Buffer | null, other: Buffer | null): boolean {
  return one === null || other === null ? one === other : one.equals(other)
}

/** As few batches as the topic takes, each with as many of the records as fit. */
function* batches(
  drafts: readonly RecordDraft[],
  how: { timeMs: number; bytesMax: number; producer: { id: number; baseSequence: number } | undefined; codec: LetterOrigin['codec'] },
  from = 0,
): Generator<{ readonly batch: Batch; readonly drafts: readonly RecordDraft[] }> {
  const { timeMs, bytesMax, producer, codec } = how
  const batch = buildBatch(drafts, {
    timestampMs: timeMs, ...codec && { codec },
    ...producer && { producer: { id: producer.id, epoch: 0, baseSequence: (producer.baseSequence + from) % sequenceCount } },
  })
  if (batch.bytes.length <= bytesMax || drafts.length === 1) return yield { batch, drafts }
  const middle = drafts.length >> 1
  yield* batches(drafts.slice(0, middle), how, from)
  yield* batches(drafts.slice(middle), how, from + middle)
}

/** One for each epoch of a producer in each partition of each topic that shares the dead-letter topic. */
function letterProducerId(topic: Topic, { partition, producer }: LetterOrigin): number {
  const digest = createHash('sha256').update(`${topic.id} ${partition} ${producer!.id} ${producer!.epoch}`).digest()
  return ownProducerIds + digest.readUIntBE(0, 6) * 8 + (digest[6]! & 7)
}
