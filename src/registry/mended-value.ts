// Values that dead letters are mended with. One that somebody gives as JSON is written by the schema that the letter names where that belongs to its topic, else by the
// latest one of the topic's subject; or by the latest one in any case, where a new version was registered for the letters: each keeps its own value then, written
// anew. All are framed with the id of the schema they were written by.
import { parseJsonText } from '../base/json.ts'
import type { Topic } from '../ports.ts'
import type { Letter } from './dead-letter-record.ts'
import { InvalidSchema, RegistryRefusal } from './errors.ts'
import { depthOf, schemaDepthMax } from './exact-json.ts'
import { isUndecided } from './fault.ts'
import { type Frame, framePrefix, readFrame } from './framing.ts'
import { idsOf } from './named-schemas.ts'
import type { Registry } from './registry.ts'
import type { SubjectNameStrategy } from './subjects.ts'
import type { SchemaVersion } from './store.ts'
import { policyOf } from './topic-policy.ts'

type Mended = Buffer | { readonly reason: string }

const noSchema = { reason: 'there is no schema to write the value by: give it as bytes' }

export async function mendedValue(registry: Registry, { sent }: Letter, topic: Topic, value: unknown): Promise<Mended> {
  const json = Buffer.from(JSON.stringify(value))
  const strategy = strategyOf(topic)
  // Nothing is asked of the topic's values: they are JSON.
  if (strategy === undefined) return json
  const frame = sent.value === null ? '' : readFrame(sent.value, 'value', sent.headers)
  const named = typeof frame === 'string' ? [] : idsOf(registry, frame.schema)
  const own = typeof named === 'string' ? undefined : named.find(id => typeof registry.subjectOf(id, { topic: topic.name, part: 'value', strategy }) === 'string')
  const id = own ?? latestOf(registry, topic, strategy)?.id
  if (id === undefined) return noSchema
  return isInHeader(frame, sent.value) ? namedInHeader : await written(registry, id, value, json)
}

/** The letter's own value, or the one that is given, written by the latest schema of its topic's subject. What has no frame is taken for JSON. */
export async function valueByLatest(registry: Registry, { sent }: Letter, topic: Topic, given?: unknown): Promise<Mended> {
  const strategy = strategyOf(topic)
  const latest = strategy === undefined ? undefined : latestOf(registry, topic, strategy)
  if (latest === undefined) return noSchema
  const frame = sent.value === null ? '' : readFrame(sent.value, 'value', sent.headers)
  if (isInHeader(frame, sent.value)) return namedInHeader
  const json = given === undefined ? ownJson(registry, sent.value, frame, latest) : Buffer.from(JSON.stringify(given))
  if (!Buffer.isBuffer(json)) return json
  if (depthOf(json.toString()) > schemaDepthMax) return { reason: `value: is nested more than ${schemaDepthMax} deep` }
  let value: unknown
  try {
    value = parseJsonText(json.toString())
  } catch {
    return { reason: 'value: is not JSON: give another one' }
  }
  return await written(registry, latest.id, value, json)
}

/** JSON of what the letter holds: the payload itself where the schemas are JSON Schema, which it need not fit; else what the schema it names makes of it. */
function ownJson(registry: Registry, value: Buffer | null, frame: Frame | string, { schemaType }: SchemaVersion): Mended {
  if (value === null) return { reason: 'value: is null: give another one' }
  if (typeof frame === 'string') return value
  if (schemaType === 'JSON') return frame.bytes.subarray(frame.from)
  const ids = idsOf(registry, frame.schema)
  if (typeof ids === 'string') return { reason: `value: ${ids}` }
  const codec = registry.payloadCodec(ids[0]!)
  // Nothing is masked of what is written, and shown to nobody.
  const text = codec instanceof InvalidSchema ? { pointer: '', reason: `schema ${ids[0]} cannot be read: ${codec.message}` } : codec.decode(frame.bytes, frame.from, { tagged: true, mayRead: () => true })
  return typeof text === 'string' ? Buffer.from(text) : { reason: `value: ${text.reason}` }
}

async function written(registry: Registry, id: number, value: unknown, json: Buffer): Promise<Mended> {
  const codec = registry.payloadCodec(id)
  if (codec instanceof InvalidSchema) return { reason: `schema ${id} cannot be read: ${codec.message}` }
  const schema = registry.parsed(registry.store.withId(id)[0]!)
  let encoded = codec.encode(value, json)
  // Only JSON payloads are ever given up on, and those are the JSON itself.
  if (!Buffer.isBuffer(encoded) && isUndecided(encoded) && !(schema instanceof InvalidSchema)) {
    encoded = await registry.checkBeside(schema, json) ?? codec.breaks(json, 0, 'GATEWAY') ?? json
  }
  return Buffer.isBuffer(encoded) ? Buffer.concat([framePrefix(id), encoded]) : { reason: `value${encoded.pointer === '' ? '' : ` at ${encoded.pointer}`}: ${encoded.reason}` }
}

/** Undefined where nothing is asked of the topic's values. */
function strategyOf(topic: Topic): SubjectNameStrategy | undefined {
  const policy = policyOf(topic).parts.find(({ part }) => part === 'value')
  return policy === undefined ? undefined : typeof policy.strategy === 'string' ? policy.strategy : 'TopicName'
}

function latestOf(registry: Registry, topic: Topic, strategy: SubjectNameStrategy): SchemaVersion | undefined {
  const subject = registry.subjectBy(strategy, topic.name, 'value', undefined)
  const latest = typeof subject === 'string' ? registry.find(subject, 'latest', { deleted: false }) : undefined
  return latest instanceof RegistryRefusal ? undefined : latest
}

/** The letter's own frame may be a header, which would then say something else than the prefix. */
function isInHeader(frame: Frame | string, value: Buffer | null): boolean {
  return typeof frame !== 'string' && frame.from === 0 && frame.bytes === value
}

const namedInHeader = { reason: 'the letter names its schema in a header: give the value as bytes' }
