// Our message definitions against those of Apache Kafka, read in place where the reference material is at hand: two sources that must agree.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { apis } from '../../../src/kafka/apis/index.ts'
import { ErrorCode } from '../../../src/kafka/errors.ts'
import type { Message, Shape } from '../../../src/wire/schema.ts'
import { defaultOf, inRange, versionRange, zeroUuid, type Spec } from '../../../src/wire/spec.ts'

const reference = join(import.meta.dirname, '../../../../shared/reference/kafka-protocol')
const isThere = existsSync(reference)
if (!isThere) console.log(`skipped: the definitions of Apache Kafka are not at ${reference}`)

interface JsonField {
  readonly name: string
  readonly type: string
  readonly versions?: string
  readonly nullableVersions?: string
  readonly tag?: number
  readonly taggedVersions?: string
  readonly default?: unknown
  readonly ignorable?: boolean
  readonly fields?: readonly JsonField[]
}

interface JsonMessage {
  readonly apiKey: number
  readonly validVersions: string
  readonly flexibleVersions: string
  readonly latestVersionUnstable?: boolean
  readonly fields: readonly JsonField[]
  readonly commonStructs?: readonly { readonly name: string; readonly fields: readonly JsonField[] }[]
}

describe.skipIf(!isThere)('definitions', () => {
  for (const { definition } of apis) {
    for (const [kind, message] of [['Request', definition.request], ['Response', definition.response]] as const) {
      it(`of ${definition.name}${kind} agree with Apache Kafka's in every version`, () => {
        const json = load(`${definition.name}${kind}`)
        expect(definition.key).toBe(json.apiKey)
        const { validVersions, latestVersionUnstable } = load(`${definition.name}Request`)
        const valid = versionRange(validVersions)
        expect(definition.versions).toEqual({ first: valid.first, last: latestVersionUnstable === true ? valid.last - 1 : valid.last })
        for (let version = definition.versions.first; version <= definition.versions.last; version++) {
          expect(message.isFlexible(version), `flexible v${version}`).toBe(isIn(version, json.flexibleVersions))
          const structs = new Map(json.commonStructs?.map(struct => [struct.name, struct.fields]))
          expect(ours(message, version), `v${version}`).toEqual(theirs(json.fields, version, structs))
          if (kind === 'Request') expect(absentOurs(message, version), `absent in v${version}`).toEqual(absentTheirs(json, version))
        }
      })
    }

    it(`of ${definition.name} call essential only what Apache Kafka does not let be ignored`, () => {
      const json = load(`${definition.name}Request`)
      for (const { name, spec } of definition.request.spec.fields!) {
        if (spec.essential) expect(json.fields.find(field => lowerFirst(field.name) === name)?.ignorable ?? false, name).toBe(false)
      }
    })
  }
})

describe.skipIf(!isThere)('error codes', () => {
  it('have the numbers of the protocol guide', () => {
    const rows = readFileSync(join(reference, 'errors.tsv'), 'utf8').trim().split('\n').slice(1).map(line => line.split('\t'))
    const known = new Map(rows.map(([code, name]) => [name, Number(code)]))
    for (const [name, code] of Object.entries(ErrorCode)) expect(known.get(name), name).toBe(code)
  })
})

/** The fields on the wire of one version, as lines of text. */
function ours(message: Message<Shape>, version: number): string[] {
  return message.spec.fields!.flatMap(field => describeOurs(field.name, field.spec, version))
}

function describeOurs(name: string, spec: Spec, version: number): string[] {
  if (!inRange(version, spec.versions)) return []
  const element = spec.kind === 'array' ? spec.element! : spec
  const kind = `${spec.kind === 'array' ? '[]' : ''}${element.kind === 'offset' ? 'int64' : element.kind}`
  const nullable = spec.nullable !== undefined && inRange(version, spec.nullable) ? ' nullable' : ''
  const tag = spec.tag === undefined ? '' : ` tag ${spec.tag}${spec.kind === 'struct' ? '' : ` unless ${textOf(defaultOf(spec))}`}`
  return [
    `${name}: ${kind}${nullable}${tag}`,
    ...(element.fields ?? []).flatMap(field => describeOurs(`${name}.${field.name}`, field.spec, version)),
  ]
}

function theirs(fields: readonly JsonField[], version: number, structs: ReadonlyMap<string, readonly JsonField[]>, prefix = ''): string[] {
  return fields.flatMap(field => {
    if (!isIn(version, field.versions ?? '0+')) return []
    const isArray = field.type.startsWith('[]')
    const base = isArray ? field.type.slice(2) : field.type
    const kind = base === 'bool' ? 'boolean' : /^[A-Z]/.test(base) ? 'struct' : base
    const nullable = isIn(version, field.nullableVersions ?? 'none') ? ' nullable' : ''
    const isStruct = !isArray && kind === 'struct'
    const unless = isStruct ? '' : ` unless ${textOf(jsonDefault(field, isArray ? 'array' : kind))}`
    const tag = isIn(version, field.taggedVersions ?? 'none') ? ` tag ${field.tag}${unless}` : ''
    const name = `${prefix}${lowerFirst(field.name)}`
    return [
      `${name}: ${isArray ? '[]' : ''}${kind}${nullable}${tag}`,
      ...theirs(field.fields ?? structs.get(base) ?? [], version, structs, `${name}.`),
    ]
  })
}

/** What the handler reads for fields that a version does not have. */
function absentOurs(message: Message<Shape>, version: number): string[] {
  return message.spec.fields!
    .filter(({ spec }) => !inRange(version, spec.versions) && spec.kind !== 'struct')
    .map(({ name, spec }) => `${name} = ${textOf(defaultOf(spec))}`)
}

function absentTheirs(json: JsonMessage, version: number): string[] {
  const valid = versionRange(json.validVersions)
  const last = json.latestVersionUnstable === true ? valid.last - 1 : valid.last
  const isEver = (range: string): boolean => Array.from({ length: last - valid.first + 1 }, (_, index) => valid.first + index).some(one => isIn(one, range))
  return json.fields
    .filter(field => !isIn(version, field.versions ?? '0+') && isEver(field.versions ?? '0+') && !/^[A-Z]/.test(field.type))
    .map(field => `${lowerFirst(field.name)} = ${textOf(jsonDefault(field, field.type.startsWith('[]') ? 'array' : field.type === 'bool' ? 'boolean' : field.type))}`)
}

function jsonDefault(field: JsonField, kind: string): unknown {
  const text = field.default
  if (text === 'null') return null
  if (kind === 'array') return []
  if (kind === 'boolean') return text === true || text === 'true'
  if (kind === 'string') return text ?? ''
  if (kind === 'uuid') return zeroUuid
  if (kind === 'bytes' || kind === 'records') return Buffer.alloc(0)
  // Long.MAX stands for "no bound"; a saturated offset says the same.
  const value = Number(text ?? 0)
  return Number.isSafeInteger(value) ? value : Math.sign(value) * Number.MAX_SAFE_INTEGER
}

function textOf(value: unknown): string {
  return Buffer.isBuffer(value) ? `<${value.toString('hex')}>` : JSON.stringify(value)
}

function isIn(version: number, range: string): boolean {
  return range !== 'none' && inRange(version, versionRange(range))
}

function lowerFirst(name: string): string {
  return name[0]!.toLowerCase() + name.slice(1)
}

function load(name: string): JsonMessage {
  return JSON.parse(readFileSync(join(reference, 'client', `${name}.json`), 'utf8').replaceAll(/^\s*\/\/.*$/gm, '')) as JsonMessage
}
