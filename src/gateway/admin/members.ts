// Members of a JSON body, judged by hand: what is missing or wrong is named with its path, and a member that nobody would read is refused rather than ignored.
import type { PartitionRef } from '../../ports.ts'
import { parseJson } from '../body.ts'
import { Problem } from '../problem.ts'

const textLengthMax = 32 * 1024

/** The body as an object whose members are all in `known`. 400 where it is none, 422 for an unknown member. */
export function bodyObject(body: Buffer, known: readonly string[]): Readonly<Record<string, unknown>> {
  const value = parseJson(body)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Problem(400, 'HTTP 400 Bad Request: the body must be a JSON object', { errorCode: 40002 })
  }
  const unknown = Object.keys(value).find(name => !known.includes(name))
  if (unknown !== undefined) throw wrongMember(unknown.slice(0, 64), `is not known; known are ${known.join(', ')}`)
  return value as Record<string, unknown>
}

/** A text of at least one character. */
export function text(value: unknown, name: string): string {
  if (typeof value !== 'string' || value === '' || value.length > textLengthMax) throw wrongMember(name, `must be a text of 1 to ${textLengthMax} characters`)
  return value
}

export function choice<T extends string>(value: unknown, choices: readonly T[], name: string): T {
  const found = choices.find(one => one === value)
  if (found === undefined) throw wrongMember(name, `must be one of ${choices.join(', ')}, not ${JSON.stringify(value)?.slice(0, 64)}`)
  return found
}

/** A whole number within [min, max]; `fallback` where the member is absent. */
export function integer(value: unknown, name: string, bounds: { min: number; max: number; fallback: number }): number {
  if (value === undefined) return bounds.fallback
  if (typeof value !== 'number' || !Number.isInteger(value) || value < bounds.min || value > bounds.max) {
    throw wrongMember(name, `must be a whole number from ${bounds.min} to ${bounds.max}, not ${JSON.stringify(value)?.slice(0, 64)}`)
  }
  return value
}

/** A number, with or without a fraction, within [min, max]. */
export function number(value: unknown, name: string, { min, max }: { min: number; max: number }): number {
  if (typeof value === 'number' && value >= min && value <= max) return value
  throw wrongMember(name, `must be a number from ${min} to ${max}, not ${JSON.stringify(value)?.slice(0, 64)}`)
}

/** A list of 1 to `max` elements, each judged by `element` with its name: `partitions[2]`. */
export function list<T>(value: unknown, name: string, { max, element }: { max: number; element: (value: unknown, name: string) => T }): T[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > max) throw wrongMember(name, `must be a list of 1 to ${max}`)
  return value.map((one: unknown, at) => element(one, `${name}[${at}]`))
}

/** An element of a list as an object whose members are all in `known`. */
export function member(value: unknown, name: string, known: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrongMember(name, 'must be an object')
  const unknown = Object.keys(value).find(one => !known.includes(one))
  if (unknown !== undefined) throw wrongMember(`${name}.${unknown.slice(0, 64)}`, `is not known; known are ${known.join(', ')}`)
  return value as Record<string, unknown>
}

/** Members `topic` and `partition` of an object whose own name is `name` ('' for the body). */
export function partitionRef(value: Readonly<Record<string, unknown>>, name: string): PartitionRef {
  const at = (one: string): string => (name === '' ? one : `${name}.${one}`)
  if (value['partition'] === undefined) throw wrongMember(at('partition'), 'must be given')
  return { topic: text(value['topic'], at('topic')), partition: integer(value['partition'], at('partition'), { min: 0, max: 2_147_483_647, fallback: 0 }) }
}

/** The id of a broker; whether there is one is not judged here. */
export function brokerId(value: unknown, name: string): number {
  if (value === undefined) throw wrongMember(name, 'must be given')
  return integer(value, name, { min: 0, max: 2_147_483_647, fallback: 0 })
}

/** An object of texts, numbers and booleans, as topic configs are written: `{"retention.ms": 60000}`. */
export function settings(value: unknown, name: string): Map<string, string> {
  if (value === undefined) return new Map()
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrongMember(name, 'must be an object')
  return new Map(Object.entries(value).map(([key, one]: [string, unknown]) => {
    if (typeof one !== 'string' && typeof one !== 'number' && typeof one !== 'boolean') {
      throw wrongMember(`${name}["${key.slice(0, 64)}"]`, 'must be a text, a number or a boolean')
    }
    return [key, String(one)]
  }))
}

export function wrongMember(name: string, reason: string): Problem {
  return new Problem(422, `'${name}' ${reason}`)
}
