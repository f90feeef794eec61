// Small builders of the JSON Schemas (2020-12) in the OpenAPI document. Objects are closed: what an answer has is described.

export type Schema = { readonly [keyword: string]: unknown }
export type Members = { readonly [name: string]: Schema }

/** A component by its name. */
export function ref(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` }
}

export function object(required: Members, optional: Members = {}): Schema {
  return {
    type: 'object', properties: { ...required, ...optional }, ...Object.keys(required).length > 0 && { required: Object.keys(required) }, additionalProperties: false,
  }
}

/** An object of a request whose unknown members are passed over. */
export function openObject(required: Members, optional: Members = {}): Schema {
  const { additionalProperties: _closed, ...schema } = object(required, optional)
  return schema
}

export function mapOf(values: Schema): Schema {
  return { type: 'object', additionalProperties: values }
}

export function list(items: Schema): Schema {
  return { type: 'array', items }
}

export function nullable(schema: Schema): Schema {
  return typeof schema['type'] === 'string' && schema['enum'] === undefined ? { ...schema, type: [schema['type'], 'null'] } : { anyOf: [schema, { type: 'null' }] }
}

export function oneOf(...schemas: readonly Schema[]): Schema {
  return { oneOf: schemas }
}

export function words(...values: readonly string[]): Schema {
  return { type: 'string', enum: values }
}

export function about(schema: Schema, description: string): Schema {
  return { ...schema, description }
}

export const text: Schema = { type: 'string' }
export const integer: Schema = { type: 'integer' }
export const number: Schema = { type: 'number' }
export const boolean: Schema = { type: 'boolean' }
export const time: Schema = { type: 'string', description: 'ISO 8601' }
export const base64: Schema = { type: 'string', contentEncoding: 'base64' }
export const anything: Schema = {}
export const ids: Schema = list(integer)
