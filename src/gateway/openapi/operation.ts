// One operation of the gateway as OpenAPI 3.1 has it: what a family of paths writes down, and what comes of it in the document.
import { integer, ref, type Schema, text } from './json-schema.ts'

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete'

/** A query parameter. */
export interface Query {
  readonly description: string
  readonly schema: Schema
  readonly required?: boolean
  /** May come more than once. */
  readonly repeated?: boolean
}

/** Schemas by media type. */
export type Content = { readonly [mediaType: string]: Schema }

export interface Answer {
  readonly description: string
  /** Absent where there is no body. */
  readonly content?: Content
}

export interface Operation {
  readonly summary: string
  /** What it asks of the ACLs, and whatever else a caller has to know. */
  readonly description?: string
  readonly query?: { readonly [name: string]: Query }
  readonly body?: Content
  /** False where it may be left out; true unless given. */
  readonly bodyRequired?: boolean
  readonly answers: { readonly [status: number]: Answer }
  /** The body of an answer that refuses; that of all APIs unless given. */
  readonly refusal?: Schema
}

export type Operations = { readonly [method in Method]?: Operation }

/** Paths that belong together, as `/topics/{topic}`. */
export interface Family {
  readonly tag: string
  readonly description: string
  readonly paths: { readonly [path: string]: Operations }
  readonly schemas: { readonly [name: string]: Schema }
  /** Media types of its answers, those that refuse among them; JSON goes without saying. */
  readonly types?: readonly string[]
  /** The paths are also there below `/contexts/{context}`. */
  readonly inContexts?: boolean
}

export function flag(description: string): Query {
  return { description, schema: { type: 'string', enum: ['true', 'false'], default: 'false' } }
}

export function parameter(description: string, schema: Schema = text, more: { required?: boolean; repeated?: boolean } = {}): Query {
  return { description, schema, ...more }
}

export function json(schema: Schema): Content {
  return { 'application/json': schema }
}

export function ok(description: string, content?: Content): { readonly [status: number]: Answer } {
  return content === undefined ? { 204: { description } } : { 200: { description, content } }
}

/** Pages of a list: after which name, and how many. */
export const pages = {
  after: parameter('Only names behind this one.'),
  limit: parameter('How many at most.', integer),
}

const problemTypes = ['application/json']
const pathSchemas: { readonly [name: string]: { readonly description: string; readonly schema: Schema } } = {
  topic: { description: 'Name of a topic.', schema: text },
  stream: { description: 'Name of a stream, which is that of its topic.', schema: text },
  partition: { description: 'Number of a partition, from 0.', schema: integer },
  cluster: { description: 'The cluster\'s id, as `GET /v3/clusters` tells it.', schema: text },
  broker: { description: 'Id of a broker.', schema: integer },
  group: { description: 'Id of a consumer group.', schema: text },
  instance: { description: 'Name of a consumer instance.', schema: text },
  consumer: { description: 'Id of a member of the group.', schema: text },
  subject: { description: 'Name of a subject, `:.context:subject` in a context of its own.', schema: text },
  version: { description: 'Number of a version, or `latest`.', schema: text },
  id: { description: 'An id.', schema: text },
  guid: { description: 'GUID of a schema.', schema: text },
  context: { description: 'Name of a context.', schema: text },
  name: { description: 'Name of a config.', schema: text },
}

/** The operation as the document has it. */
export function operationObject(operation: Operation, { method, path, family: { tag, types: ownTypes = [] } }: { method: Method; path: string; family: Family }): object {
  const { summary, description, query = {}, body, bodyRequired = true, answers, refusal = ref('Problem') } = operation
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => (
    { name, in: 'path', required: true, ...pathSchemas[name] ?? { description: `The ${name}.`, schema: text } }
  ))
  const inQuery = Object.entries(query).map(([name, one]) => ({
    name, in: 'query', description: one.description, ...one.required === true && { required: true },
    schema: one.repeated === true ? { type: 'array', items: one.schema } : one.schema,
  }))
  const answerTypes = Object.values(answers).flatMap(answer => Object.keys(answer.content ?? {})).filter(type => type.endsWith('json') || type === '*/*')
  const types = new Set([...problemTypes, ...ownTypes, ...answerTypes])
  return {
    operationId: `${method} ${path.replace(/\/$/, '/root')}`.replaceAll(/[^A-Za-z0-9]+([A-Za-z0-9])?/g, (_all, next: string | undefined) => next?.toUpperCase() ?? ''),
    tags: [tag], summary,
    ...description !== undefined && { description },
    ...inPath.length + inQuery.length > 0 && { parameters: [...inPath, ...inQuery] },
    ...body !== undefined && { requestBody: { required: bodyRequired, content: contentObject(body) } },
    responses: {
      ...Object.fromEntries(Object.entries(answers).map(([status, answer]) => [
        status, { description: answer.description, ...answer.content !== undefined && { content: contentObject(answer.content) } },
      ])),
      default: { description: 'Refused: the status says how, the body why.', content: contentObject(Object.fromEntries([...types].map(type => [type, refusal]))) },
    },
  }
}

function contentObject(content: Content): object {
  return Object.fromEntries(Object.entries(content).map(([type, schema]) => [type, { schema }]))
}
