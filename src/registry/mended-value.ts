// A value that somebody mends a dead letter with, given as JSON: written by the schema that the letter names where that belongs to its topic, else by the latest
// one of the topic's subject, and framed with that schema's id.
import type { Topic } from '../ports.ts'
import type { Letter } from './dead-letter-record.ts'
import { InvalidSchema, RegistryRefusal } from './errors.ts'
import { framePrefix, readFrame } from './framing.ts'
import { idsOf } from './named-schemas.ts'
import type { Registry } from './registry.ts'
import { policyOf } from './topic-policy.ts'

export function mendedValue(registry: Registry, { sent }: Letter, topic: Topic, value: unknown): Buffer | { readonly reason: string } {
  const json = Buffer.from(JSON.stringify(value))
  const policy = policyOf(topic).parts.find(({ part }) => part === 'value')
  // Nothing is asked of the topic's values: they are JSON.
  if (policy === undefined) return json
  const strategy = typeof policy.strategy === 'string' ? policy.strategy : 'TopicName'
  const frame = sent.value === null ? '' : readFrame(sent.value, 'value', sent.headers)
  const named = typeof frame === 'string' ? [] : idsOf(registry, frame.schema)
  const own = typeof named === 'string' ? undefined : named.find(id => typeof registry.subjectOf(id, { topic: topic.name, part: 'value', strategy }) === 'string')
  const subject = registry.subjectBy(strategy, topic.name, 'value', undefined)
  const latest = own !== undefined || typeof subject !== 'string' ? undefined : registry.find(subject, 'latest', { deleted: false })
  const id = own ?? (latest === undefined || latest instanceof RegistryRefusal ? undefined : latest.id)
  if (id === undefined) return { reason: 'there is no schema to write the value by: give it as bytes' }
  // The letter's own frame may be a header, which would then say something else than the prefix.
  if (typeof frame !== 'string' && frame.from === 0 && frame.bytes === sent.value) return { reason: 'the letter names its schema in a header: give the value as bytes' }
  const codec = registry.payloadCodec(id)
  if (codec instanceof InvalidSchema) return { reason: `schema ${id} cannot be read: ${codec.message}` }
  const encoded = codec.encode(value, json)
  return Buffer.isBuffer(encoded) ? Buffer.concat([framePrefix(id), encoded]) : { reason: `value${encoded.pointer === '' ? '' : ` at ${encoded.pointer}`}: ${encoded.reason}` }
}
