// A message in which every number and text is a different one, so that whoever decodes it can be asked for each: what a foreign decoder shows of it
// is what it understood.
import { buildBatch } from '../../src/wire/batch.ts'
import type { Message, Shape } from '../../src/wire/schema.ts'
import { defaultOf, inRange, type Spec } from '../../src/wire/spec.ts'

export interface MarkedMessage {
  readonly value: Record<string, unknown>
  /** Path of each marked value: 'topics.name'. */
  readonly marks: ReadonlyMap<string, string>
}

/** Error codes are 0, as decoders stop at others; tagged fields stay unsent; booleans and int8 carry no mark. */
export function markedMessage(message: Message<Shape>, version: number): MarkedMessage {
  const marks = new Map<string, string>()
  let count = 0
  const mark = <T>(path: string, value: T): T => {
    marks.set(path, String(value))
    return value
  }
  const valueOf = (spec: Spec, path: string): unknown => {
    if (!inRange(version, spec.versions) || spec.tag !== undefined) return defaultOf(spec)
    count++
    if (/errorCode$/i.test(path)) return 0
    switch (spec.kind) {
      case 'boolean': return true
      case 'int8': return 1
      case 'int16': case 'uint16': return mark(path, 10_000 + count)
      case 'int32': case 'uint32': return mark(path, 1_000_000 + count)
      case 'int64': case 'offset': return mark(path, 9_000_000_000 + count)
      case 'float64': return mark(path, count + 0.5)
      case 'string': return mark(path, `text-${count}`)
      case 'uuid': return mark(path, `01234567-89ab-cdef-0123-${String(count).padStart(12, '0')}`)
      case 'bytes': return Buffer.alloc(0)
      case 'records': return buildBatch([{ key: Buffer.from(mark(path, `key-${count}`)), value: Buffer.from('v'), headers: [] }], { timestampMs: 1_700_000_000_000 }).bytes
      case 'array': return [valueOf(spec.element!, path)]
      case 'struct': return Object.fromEntries(spec.fields!.map(field => [field.name, valueOf(field.spec, path === '' ? field.name : `${path}.${field.name}`)]))
    }
  }
  return { value: valueOf({ ...message.spec, versions: { first: 0, last: Infinity } }, '') as Record<string, unknown>, marks }
}

/** Every number and text anywhere in a value: Longs and bigints as digits, buffers as text. */
export function leavesOf(value: unknown, found = new Set<string>()): Set<string> {
  if (value === null || value === undefined) return found
  if (Buffer.isBuffer(value)) return found.add(value.toString())
  if (value instanceof Map) return leavesOf([...value.entries()], found)
  if (typeof value !== 'object') return found.add(String(value))
  if ('low' in value && 'high' in value) return found.add(String(value))
  for (const one of Object.values(value)) leavesOf(one, found)
  return found
}
