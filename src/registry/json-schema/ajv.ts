// ajv, loaded when the first JSON Schema needs it: its modules are a tenth of what a start loads, and many a server never sees a JSON Schema.
import { createRequire } from 'node:module'
import type { Ajv, AnySchemaObject } from 'ajv'
import type { Ajv2019 } from 'ajv/dist/2019.js'
import type { Ajv2020 } from 'ajv/dist/2020.js'
import type addFormats from 'ajv-formats'
import type { Draft } from './drafts.ts'

type AjvClass = typeof Ajv | typeof Ajv2019 | typeof Ajv2020

const load = createRequire(import.meta.url)

/** The class that knows a draft's keywords. */
export function ajvFor(draft: Draft): AjvClass {
  if (draft === '2019-09') return (load('ajv/dist/2019.js') as { Ajv2019: typeof Ajv2019 }).Ajv2019
  if (draft === '2020-12') return (load('ajv/dist/2020.js') as { Ajv2020: typeof Ajv2020 }).Ajv2020
  return (load('ajv') as { Ajv: typeof Ajv }).Ajv
}

/** Teaches an instance the formats of JSON Schema. Not `url`, which is none of them and whose pattern takes quadratic time. */
export function addFormatsTo(ajv: Ajv): void {
  const formats = load('ajv-formats') as typeof addFormats
  formats.default(ajv)
  delete ajv.formats['url']
}

/** Draft 6's own schema. */
export function metaSchemaOf06(): AnySchemaObject {
  return load('ajv/dist/refs/json-schema-draft-06.json') as AnySchemaObject
}
