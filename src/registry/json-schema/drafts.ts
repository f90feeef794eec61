// The drafts of JSON Schema: which one a document is written in, whether it keeps to that draft's rules, and what it says in words
// that mean the same in all of them, which everything else here works on.
import type { Ajv } from 'ajv'
import { ajvFor, metaSchemaOf06 } from './ajv.ts'
import { InvalidSchema } from '../errors.ts'
import { isObject, type JsonObject } from '../exact-json.ts'
import { tellApartInOnePass } from './unique-items.ts'

export type Draft = 'draft-04' | 'draft-06' | 'draft-07' | '2019-09' | '2020-12'

/** Members of these are schemas by name… */
export const schemaMaps: ReadonlySet<string> = new Set(['properties', 'patternProperties', 'definitions', '$defs', 'dependentSchemas', 'dependencies'])
/** …and these hold values, in which a `$ref` is none. */
export const valueKeywords: ReadonlySet<string> = new Set(['enum', 'const', 'default', 'examples'])

const drafts: { readonly [uri: string]: Draft } = {
  'http://json-schema.org/draft-04/schema': 'draft-04',
  'http://json-schema.org/draft-06/schema': 'draft-06',
  'http://json-schema.org/draft-07/schema': 'draft-07',
  'https://json-schema.org/draft/2019-09/schema': '2019-09',
  'https://json-schema.org/draft/2020-12/schema': '2020-12',
}

/** What is a word of other drafts only, and so means nothing. */
const since2020 = ['prefixItems', '$dynamicRef', '$dynamicAnchor']
const since2019 = [
  ...since2020, 'unevaluatedProperties', 'unevaluatedItems', 'minContains', 'maxContains', 'dependentRequired', 'dependentSchemas', '$anchor', '$recursiveRef',
  '$recursiveAnchor',
]
const since07 = [...since2019, 'if', 'then', 'else']
const meaningless: { readonly [draft in Draft]: ReadonlySet<string> } = {
  'draft-04': new Set([...since07, '$id', 'const', 'contains', 'propertyNames', 'examples']),
  'draft-06': new Set(since07),
  'draft-07': new Set(since2019),
  '2019-09': new Set(since2020),
  '2020-12': new Set(['additionalItems', '$recursiveRef', '$recursiveAnchor']),
}

/** 7 where none is named. Throws InvalidSchema where one is named that is none of these. */
export function draftOf(root: unknown): Draft {
  const uri = isObject(root) ? root['$schema'] : undefined
  if (uri === undefined) return 'draft-07'
  // Half the world writes the older ones with https.
  const draft = typeof uri === 'string' ? drafts[uri.replace(/#$/, '').replace(/^https(?=:\/\/json-schema\.org\/draft-)/, 'http')] : undefined
  if (draft === undefined) throw new InvalidSchema(`$schema ${JSON.stringify(uri).slice(0, 200)} is not known; drafts 4, 6, 7, 2019-09 and 2020-12 are`)
  return draft
}

const judges = new Map<Draft, (schema: unknown) => string | undefined>()

/** Throws InvalidSchema where the schema breaks the rules of its draft. */
export function expectDraft(root: unknown, draft: Draft): void {
  // Compiling a draft's own schema takes longer than everything else together: all documents share it.
  let judge = judges.get(draft)
  if (judge === undefined) judges.set(draft, judge = judgeOf(draft))
  const { $schema: _draft, ...schema } = isObject(root) ? root : {}
  const fault = judge(typeof root === 'boolean' ? root : schema)
  if (fault !== undefined) throw new InvalidSchema(fault)
}

function judgeOf(draft: Draft): (schema: unknown) => string | undefined {
  const ajv = tellApartInOnePass(new (ajvFor(draft))({ strict: false, logger: false, validateFormats: false }))
  const own = draft === 'draft-04' ? metaSchemaOf04 : draft === 'draft-06' ? metaSchemaOf06() : undefined
  const validate = own === undefined ? undefined : ajv.compile(own)
  return schema => {
    const isGood = validate === undefined ? ajv.validateSchema(schema as JsonObject | boolean) : validate(schema)
    return isGood === true ? undefined : ajv.errorsText(validate === undefined ? ajv.errors : validate.errors, { dataVar: 'schema' })
  }
}

/** The document without words that its draft does not know, draft 4 in the words of the later ones. */
export function inModernWords(root: unknown, draft: Draft): unknown {
  const translate = (schema: unknown): unknown => {
    if (Array.isArray(schema)) return schema.map(translate)
    if (!isObject(schema)) return schema
    const known = Object.entries(schema).filter(([name]) => !meaningless[draft].has(name))
    const words = draft === 'draft-04' ? from04(schema, known) : known
    return Object.fromEntries(words.map(([name, member]) => {
      if (valueKeywords.has(name)) return [name, member]
      if (schemaMaps.has(name) && isObject(member)) return [name, Object.fromEntries(Object.entries(member).map(([key, each]) => [key, translate(each)]))]
      return [name, translate(member)]
    }))
  }
  return translate(root)
}

/** One schema: `id` was not `$id` yet, and whether a bound is exclusive was said beside it. */
function from04(schema: JsonObject, known: readonly [name: string, value: unknown][]): [name: string, value: unknown][] {
  const words = new Map(known)
  if (typeof schema['id'] === 'string') {
    words.delete('id')
    words.set('$id', schema['id'])
  }
  for (const [bound, exclusive] of [['maximum', 'exclusiveMaximum'], ['minimum', 'exclusiveMinimum']] as const) {
    words.delete(exclusive)
    if (schema[exclusive] !== true || schema[bound] === undefined) continue
    words.delete(bound)
    words.set(exclusive, schema[bound])
  }
  return [...words]
}

const schemas04 = { type: 'object', additionalProperties: { $ref: '#' } }
const list04 = { type: 'array', minItems: 1, items: { $ref: '#' } }
const names04 = { type: 'array', minItems: 1, uniqueItems: true, items: { type: 'string' } }
const count04 = { type: 'integer', minimum: 0 }
const type04 = { enum: ['array', 'boolean', 'integer', 'null', 'number', 'object', 'string'] }

/** What draft 4 asks of its keywords (Internet-Draft fge-json-schema-validation-00), in words of draft 7. */
const metaSchemaOf04: Parameters<Ajv['compile']>[0] = {
  type: 'object',
  properties: {
    id: { type: 'string' }, $schema: { type: 'string' }, title: { type: 'string' }, description: { type: 'string' },
    multipleOf: { type: 'number', exclusiveMinimum: 0 },
    maximum: { type: 'number' }, exclusiveMaximum: { type: 'boolean' }, minimum: { type: 'number' }, exclusiveMinimum: { type: 'boolean' },
    maxLength: count04, minLength: count04, pattern: { type: 'string' },
    items: { anyOf: [{ $ref: '#' }, list04] }, additionalItems: { anyOf: [{ type: 'boolean' }, { $ref: '#' }] },
    maxItems: count04, minItems: count04, uniqueItems: { type: 'boolean' },
    maxProperties: count04, minProperties: count04, required: names04,
    properties: schemas04, patternProperties: schemas04, definitions: schemas04, additionalProperties: { anyOf: [{ type: 'boolean' }, { $ref: '#' }] },
    dependencies: { type: 'object', additionalProperties: { anyOf: [{ $ref: '#' }, names04] } },
    enum: { type: 'array', minItems: 1, uniqueItems: true },
    type: { anyOf: [type04, { type: 'array', minItems: 1, uniqueItems: true, items: type04 }] },
    format: { type: 'string' }, allOf: list04, anyOf: list04, oneOf: list04, not: { $ref: '#' },
  },
  dependencies: { exclusiveMaximum: ['maximum'], exclusiveMinimum: ['minimum'] },
}
