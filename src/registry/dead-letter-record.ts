// A dead letter as a record: key, value and headers are the producer's, byte by byte; behind its headers stand ours, which say what is wrong with it and where
// it comes from. The offset it would have had is not among them: a letter is durable before the rest of its batch gets a place.
import { formatPrincipal } from '../security/principal.ts'
import type { DeadLetter, LetterOrigin, RecordParts } from '../ports.ts'
import type { Header, RecordDraft, RecordView } from '../wire/batch.ts'

const prefix = 'sluice.dlq.'
/** Ours begin with this one; a record may have had such headers before, as a letter that was produced again. */
const first = `${prefix}reason`
/** Of what a producer can make as long as it likes. */
const charactersMax = 1_000

/** What a letter says of itself. */
export interface LetterNote {
  readonly part: 'key' | 'value'
  /** JSON pointer to the fault, '' for the whole part. */
  readonly pointer: string
  readonly reason: string
  readonly topic: string
  readonly partition: number
  /** In the batch that its producer sent. */
  readonly index: number
  /** The record's own time; undefined where it had none. Milliseconds since the epoch. */
  readonly timestampMs: number | undefined
  /** An id in digits or a GUID; undefined where the record named none. */
  readonly schema: string | undefined
  readonly principal: string
  readonly clientId: string | undefined
  /** kafka, kinesis or rest. */
  readonly wayIn: string
  /** `producer id:epoch:sequence` of an idempotent producer's batch. */
  readonly batch: string | undefined
  /** When it was put aside. Milliseconds since the epoch. */
  readonly timeMs: number
}

/** The record that is stored. Its time is now, so that the topic's retention counts from here. */
export function letterRecord(letter: DeadLetter, origin: LetterOrigin, timeMs: number): RecordDraft {
  const { fault } = letter
  const { producer } = origin
  const note: readonly (readonly [string, string | number | null | undefined])[] = [
    ['reason', fault.reason.slice(0, charactersMax)], ['part', fault.part], ['pointer', fault.pointer.slice(0, charactersMax)],
    ['topic', origin.topic], ['partition', origin.partition], ['index', letter.index], ['timestamp', letter.timestampMs],
    ['schema', fault.schema], ['principal', formatPrincipal(origin.caller.principal)], ['client.id', origin.clientId?.slice(0, charactersMax)], ['way.in', origin.wayIn],
    ['batch', producer && `${producer.id}:${producer.epoch}:${producer.baseSequence}`], ['time', timeMs],
  ]
  const headers: Header[] = [...letter.headers ?? []]
  for (const [name, value] of note) if (value != null) headers.push({ key: prefix + name, value: Buffer.from(String(value)) })
  return { key: letter.key, value: letter.value, headers, timestampMs: timeMs }
}

/** A record of a dead-letter topic, read. */
export interface Letter {
  readonly note: LetterNote
  /** The record as its producer sent it. */
  readonly sent: RecordParts & { readonly headers: readonly Header[] }
}

/** Undefined for a record that is no letter of ours. */
export function readLetter(record: Pick<RecordView, 'key' | 'value' | 'headers'>): Letter | undefined {
  const at = record.headers.findLastIndex(({ key }) => key === first)
  if (at < 0) return undefined
  const ours = new Map(record.headers.slice(at).map(({ key, value }) => [key.slice(prefix.length), value?.toString() ?? '']))
  const [part, topic, partition, time] = [ours.get('part'), ours.get('topic'), count(ours.get('partition')), count(ours.get('time'))]
  if ((part !== 'key' && part !== 'value') || topic === undefined || partition === undefined || time === undefined) return undefined
  return {
    note: {
      part, topic, partition, timeMs: time, pointer: ours.get('pointer') ?? '', reason: ours.get('reason')!, index: count(ours.get('index')) ?? 0,
      timestampMs: count(ours.get('timestamp')), schema: ours.get('schema'), principal: ours.get('principal') ?? '', clientId: ours.get('client.id'),
      wayIn: ours.get('way.in') ?? '', batch: ours.get('batch'),
    },
    sent: { key: record.key, value: record.value, headers: record.headers.slice(0, at) },
  }
}

function count(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : undefined
}
