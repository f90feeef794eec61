// What a client says of the consumer instance it asks for: the body of `POST /consumers/{group}`, in Confluent's names.
import { Problem } from '../../problem.ts'
import { type EmbeddedFormat, embeddedFormats } from '../media-types.ts'

export interface InstanceConfig {
  /** Undefined: one is made up. */
  readonly name: string | undefined
  /** `auto`, which Confluent's proxy does not have: as reads in plain JSON. */
  readonly format: EmbeddedFormat | 'auto'
  /** Where to begin in a partition for which the group has no offset, or one that is gone. `none`: nowhere, that is an error. */
  readonly reset: 'earliest' | 'latest' | 'none'
  /** Each read commits what the one before it returned. */
  readonly autoCommit: boolean
  /** A read waits until it has so many bytes, or its time is over. */
  readonly bytesMin: number
  /** How long a read waits that does not say so itself. */
  readonly timeoutMs: number
}

/** What a client asks for beyond is taken, as it is by Confluent's proxy, and ends here. */
export const timeoutMsMax = 30_000

const timeoutMsAsked = 2 ** 31 - 1
const nameCharactersMax = 255
const bytesMinMax = 10_000_000
const members = ['name', 'format', 'auto.offset.reset', 'auto.commit.enable', 'fetch.min.bytes', 'consumer.request.timeout.ms']

/** Numbers and booleans may come as texts, as in Confluent's own examples. Throws 422 with 42204 (or 422, for a member that is unknown). */
export function parseInstanceConfig(body: unknown): InstanceConfig {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw new Problem(422, 'the body must be an object')
  const given = new Map(Object.entries(body).filter(([, value]) => value !== null))
  for (const member of given.keys()) if (!members.includes(member)) throw new Problem(422, `Unrecognized field: ${member.slice(0, 64)}`)
  const name = given.get('name')
  if (name !== undefined && !isName(name)) throw invalid(`name must be a text of 1 to ${nameCharactersMax} printable characters`)
  return {
    name,
    format: choice(given, 'format', [...embeddedFormats, 'auto'], 'binary'),
    reset: choice(given, 'auto.offset.reset', ['earliest', 'latest', 'none'], 'latest'),
    autoCommit: choice(given, 'auto.commit.enable', ['true', 'false'], 'true') === 'true',
    bytesMin: whole(given, 'fetch.min.bytes', bytesMinMax, 1),
    timeoutMs: Math.min(whole(given, 'consumer.request.timeout.ms', timeoutMsAsked, 1_000), timeoutMsMax),
  }
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length <= nameCharactersMax && /^[^\p{C}/]+$/u.test(value)
}

function choice<T extends string>(given: ReadonlyMap<string, unknown>, name: string, choices: readonly T[], fallback: T): T {
  const value = given.get(name)
  if (value === undefined) return fallback
  const found = choices.find(one => one === String(value).toLowerCase())
  if (found !== undefined) return found
  throw invalid(`Invalid value ${shown(value)} for configuration ${name}: must be one of ${choices.join(', ')}`)
}

/** -1, which Confluent's clients send for "as it is", is the fallback. */
function whole(given: ReadonlyMap<string, unknown>, name: string, max: number, fallback: number): number {
  const value = given.get(name)
  const number = typeof value === 'string' && /^-?\d{1,10}$/.test(value) ? Number(value) : value
  if (number === undefined || number === -1) return fallback
  if (typeof number === 'number' && Number.isInteger(number) && number >= 0 && number <= max) return number
  throw invalid(`Invalid value ${shown(value)} for configuration ${name}: must be a whole number from 0 to ${max}`)
}

function shown(value: unknown): string {
  return String(JSON.stringify(value)).slice(0, 64)
}

function invalid(reason: string): Problem {
  return new Problem(422, `Invalid consumer configuration: ${reason}`, { errorCode: 42204 })
}
