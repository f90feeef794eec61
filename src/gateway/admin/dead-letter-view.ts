// A dead letter as JSON: what it says of itself, and its contents where they are asked for, as far as the caller may see them.
import type { Access, Caller, RecordParts } from '../../ports.ts'
import type { Letter } from '../../registry/dead-letter-record.ts'
import { InvalidSchema } from '../../registry/errors.ts'
import { readFrame, schemaText } from '../../registry/framing.ts'
import type { LetterStates } from '../../registry/letter-log.ts'
import { idsOf, payloadOf } from '../../registry/named-schemas.ts'
import type { Registry } from '../../registry/registry.ts'
import { withheldBytes } from '../rest/part-reader.ts'

export interface LetterViewParts {
  readonly registry: Registry
  readonly access: Access
}

/**
 * Bytes as they can be read best: `json` where they fit a schema by now, else `text` where the payload behind the frame is some, else `base64` of all; `withheld` says
 * why a caller may not see them.
 */
type ShownPart = { readonly json: unknown } | { readonly text: string } | { readonly base64: string } | { readonly withheld: string } | null

/** 'waiting', 'redriven', or 'open': its redriving was interrupted, and the next one finishes it. */
export function letterState(states: LetterStates, offset: number): 'waiting' | 'redriven' | 'open' {
  if (states.redriven.has(offset)) return 'redriven'
  return states.open.values().some(intent => intent.offsets.includes(offset)) ? 'open' : 'waiting'
}

/** Without contents but with their sizes unless `contents` says so. */
export function showLetter(
  at: { readonly topic: string; readonly partition: number; readonly offset: number }, { note, sent }: Letter, states: LetterStates,
  { caller, contents, parts }: { readonly caller: Caller; readonly contents: boolean; readonly parts: LetterViewParts },
): object {
  const { timeMs, timestampMs, wayIn, clientId, schema, batch, ...rest } = note
  const shown = (part: 'key' | 'value'): ShownPart => showPart(sent, part, caller, parts)
  return {
    ...at, state: letterState(states, at.offset), redrivenTo: states.redriven.get(at.offset) ?? null,
    reason: rest.reason, part: rest.part, pointer: rest.pointer, schema: schema ?? null,
    origin: {
      topic: rest.topic, partition: rest.partition, index: rest.index, batch: batch ?? null,
      timestamp: timestampMs === undefined ? null : new Date(timestampMs).toISOString(),
    },
    principal: rest.principal, clientId: clientId ?? null, wayIn, time: new Date(timeMs).toISOString(),
    keyBytes: sent.key?.length ?? null, valueBytes: sent.value?.length ?? null,
    headers: sent.headers.map(({ key, value }) => ({ name: key, ...contents ? { value: value?.toString('base64') ?? null } : { bytes: value?.length ?? null } })),
    ...contents && { key: shown('key'), value: shown('value') },
  }
}

function showPart(record: RecordParts, part: 'key' | 'value', caller: Caller, { registry, access }: LetterViewParts): ShownPart {
  const bytes = record[part]
  if (bytes === null) return null
  const frame = readFrame(bytes, part, record.headers)
  if (typeof frame === 'string') return plain(bytes, bytes)
  const behind = frame.bytes.subarray(frame.from)
  const mayRead = (tag: string): boolean => access.wouldAllow(caller, 'read', 'tag', tag)
  const ids = idsOf(registry, frame.schema)
  if (typeof ids === 'string') {
    // It may be a schema of another context.
    const withheld = withheldBytes(registry, frame, mayRead)
    return withheld === null ? plain(bytes, behind) : { withheld: withheld.reason }
  }
  let json: ShownPart = null
  for (const id of ids) {
    const codec = registry.payloadCodec(id)
    const payload = payloadOf(frame, registry.parsed(registry.store.withId(id)[0]!))
    // What its tags are on cannot be told of bytes that its schema cannot read.
    if (codec instanceof InvalidSchema) return { withheld: `schema ${schemaText(frame.schema)} cannot be used: ${codec.message}` }
    if ('reason' in payload) continue
    const decoded = codec.decode(payload.bytes, payload.from, { tagged: false, mayRead })
    if (typeof decoded === 'string') json ??= { json: JSON.parse(decoded) as unknown }
    else {
      const withheld = codec.withholds(payload.bytes, payload.from, mayRead)
      if (withheld !== null) return { withheld: withheld.reason }
    }
  }
  return json ?? plain(bytes, behind)
}

const utf8 = new TextDecoder('utf-8', { fatal: true })
const notText = /[\p{Cc}--[\t\n\r]]/v

function plain(bytes: Buffer, payload: Buffer): ShownPart {
  try {
    const text = utf8.decode(payload)
    if (!notText.test(text)) return { text }
  } catch { /* no text */ }
  return { base64: bytes.toString('base64') }
}
