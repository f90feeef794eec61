// Requests and answers of the gateway held against its own OpenAPI description: every answer, and every request that was taken. What does not fit fails the test in which
// it happened.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { afterEach, expect } from 'vitest'
import { openApiDocument } from '../../src/gateway/openapi/document.ts'

interface Described {
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required?: boolean; readonly schema: object }[]
  readonly requestBody?: { readonly required: boolean; readonly content: Contents }
  readonly responses: { readonly [status: string]: { readonly content?: Contents } }
}

type Contents = { readonly [type: string]: { readonly schema: object } }

interface Exchange {
  readonly method: string
  readonly url: string
  readonly requestType: string | undefined
  readonly requestBody: Buffer
  readonly status: number
  readonly type: string | undefined
  readonly body: Buffer
}

const document = openApiDocument('0.0.0-test')
const templates = Object.keys(document.paths).map(path => ({
  path, inContexts: 'servers' in document.paths[path]!,
  pattern: new RegExp(`^${path.split(/(\{\w+\})/).map(part => (part.startsWith('{') ? '([^/]+)' : part.replaceAll(/[.*+?^$()|[\]\\]/g, '\\$&'))).join('')}$`),
  names: [...path.matchAll(/\{(\w+)\}/g)].length,
  // Of two that match, the one whose first parameter comes later says more.
  firstParameter: path.includes('{') ? path.indexOf('{') : Infinity,
})).toSorted((a, b) => a.names - b.names || b.firstParameter - a.firstParameter)

const ajv = new Ajv2020({ allErrors: false, strict: false, validateFormats: false })
ajv.addSchema({ $id: 'document', components: document.components })
const compiled = new Map<string, ValidateFunction>()
const violations: string[] = []

/** The description as tests see it. */
export { document as openApiOfTests }

afterEach(() => {
  expect(violations.splice(0)).toEqual([])
})

/** What in the exchange is not as described; undefined where all is. */
export function violationOf(exchange: Exchange): string | undefined {
  const [path = '', query = ''] = split(exchange.url)
  const found = templateOf(path)
  const wrong = (what: string): string => `${exchange.method} ${exchange.url} → ${exchange.status}: ${what}`
  if (found === undefined) return exchange.status < 400 ? wrong('the path is not described') : undefined
  const method = exchange.method === 'HEAD' ? 'get' : exchange.method.toLowerCase()
  const operation = (document.paths[found] as { readonly [method: string]: Described | undefined })[method]
  if (operation === undefined) return exchange.status < 400 ? wrong('the method is not described') : undefined
  const answer = operation.responses[exchange.status] ?? (exchange.status >= 400 ? operation.responses['default'] : undefined)
  if (answer === undefined) return wrong('the status is not described')
  const inAnswer = exchange.method === 'HEAD' ? undefined : faultOfBody(answer.content, exchange.type, exchange.body)
  if (inAnswer !== undefined) return wrong(`the answer ${inAnswer}`)
  if (exchange.status >= 400) return undefined
  const inQuery = faultOfQuery(operation, query)
  if (inQuery !== undefined) return wrong(inQuery)
  if (operation.requestBody === undefined) return exchange.requestBody.length > 0 ? wrong('a body is not described') : undefined
  if (exchange.requestBody.length === 0) return operation.requestBody.required ? wrong('the body is described as required') : undefined
  // Of several records some may have been wrong.
  if (/"error_code":(?!null|200\b)/.test(exchange.body.toString())) return undefined
  const inRequest = faultOfBody(operation.requestBody.content, exchange.requestType ?? 'application/octet-stream', exchange.requestBody)
  return inRequest === undefined ? undefined : wrong(`the request ${inRequest}`)
}

/** Watches one exchange. To be called before anything reads the request or writes the response. */
export function holdToOpenApi(request: IncomingMessage, response: ServerResponse): void {
  const { method = '', url = '' } = request
  const received: Buffer[] = []
  const sent: Buffer[] = []
  const push = request.push.bind(request)
  request.push = (chunk: unknown, encoding?: BufferEncoding) => {
    if (Buffer.isBuffer(chunk)) received.push(Buffer.from(chunk))
    return push(chunk, encoding)
  }
  const keep = (chunk: unknown): void => {
    if (typeof chunk === 'string') sent.push(Buffer.from(chunk))
    else if (chunk instanceof Uint8Array) sent.push(Buffer.from(chunk))
  }
  const write = response.write.bind(response) as (...given: unknown[]) => boolean
  response.write = ((...given: unknown[]) => {
    keep(given[0])
    return write(...given)
  }) as typeof response.write
  let headType: string | undefined
  const writeHead = response.writeHead.bind(response) as (...given: unknown[]) => ServerResponse
  response.writeHead = ((...given: unknown[]) => {
    const headers = given.findLast(each => typeof each === 'object' && each !== null) as { readonly [name: string]: unknown } | undefined
    headType = Object.entries(headers ?? {}).find(([name]) => name.toLowerCase() === 'content-type')?.[1] as string | undefined
    return writeHead(...given)
  }) as typeof response.writeHead
  const end = response.end.bind(response) as (...given: unknown[]) => ServerResponse
  response.end = ((...given: unknown[]) => {
    keep(given[0])
    const ended = end(...given)
    const type = response.getHeader('content-type') ?? headType
    const violation = violationOf({
      method, url, requestType: request.headers['content-type'], requestBody: Buffer.concat(received), status: response.statusCode,
      type: typeof type === 'string' ? type : undefined, body: Buffer.concat(sent),
    })
    if (violation !== undefined) violations.push(violation)
    return ended
  }) as typeof response.end
}

function templateOf(path: string): string | undefined {
  const direct = templates.find(({ pattern }) => pattern.test(path))
  if (direct !== undefined) return direct.path
  const below = /^\/contexts\/[^/]+(\/.*)$/.exec(path)?.[1]
  return below === undefined ? undefined : templates.find(({ pattern, inContexts }) => inContexts && pattern.test(below))?.path
}

function faultOfQuery(operation: Described, query: string): string | undefined {
  const given = new URLSearchParams(query)
  const known = (operation.parameters ?? []).filter(one => one.in === 'query')
  const unknown = [...given.keys()].find(name => !known.some(one => one.name === name))
  if (unknown !== undefined) return `the parameter ${unknown} is not described`
  for (const { name, required, schema } of known) {
    const values = given.getAll(name)
    if (values.length === 0 && required === true) return `the parameter ${name} is described as required`
    const isList = 'type' in schema && schema.type === 'array'
    if (values.length > 1 && !isList) return `the parameter ${name} is described as one`
    const isWhole = 'type' in schema && schema.type === 'integer'
    const validate = validator(schema)
    if (values.length > 0 && !validate(isList ? values : isWhole && /^-?\d+$/.test(values[0]!) ? Number(values[0]) : values[0])) return `the parameter ${name} ${errorOf(validate)}`
  }
  return undefined
}

function faultOfBody(content: Contents | undefined, header: string | undefined, body: Buffer): string | undefined {
  if (content === undefined) return body.length > 0 ? `has a body, and none is described: ${body.toString().slice(0, 200)}` : undefined
  const type = header?.split(';')[0]!.trim().toLowerCase() ?? ''
  const described = content[type] ?? content['*/*']
  if (described === undefined) return `has type '${type}', which is not among ${Object.keys(content).join(', ')}`
  const validate = validator(described.schema)
  for (const value of valuesOf(type, body)) if (!validate(value)) return `${errorOf(validate)}: ${JSON.stringify(value).slice(0, 500)}`
  return undefined
}

/** JSON documents may stand one behind the other; texts of schemas are what they are. */
function valuesOf(type: string, body: Buffer): unknown[] {
  const text = body.toString()
  if (type === 'application/x-www-form-urlencoded') return [Object.fromEntries(new URLSearchParams(text))]
  if (!type.endsWith('json') || type.endsWith('ndjson')) return [text]
  try {
    return [JSON.parse(text)]
  } catch {
    try {
      return text.split('\n').filter(line => line.trim() !== '').map(line => JSON.parse(line) as unknown)
    } catch {
      return [text]
    }
  }
}

function validator(schema: object): ValidateFunction {
  const key = JSON.stringify(schema)
  let validate = compiled.get(key)
  if (validate === undefined) compiled.set(key, validate = ajv.compile(JSON.parse(key.replaceAll('"#/components', '"document#/components')) as object))
  return validate
}

function errorOf({ errors }: ValidateFunction): string {
  const [error] = errors ?? []
  return `${error?.instancePath ?? ''} ${error?.message ?? 'does not fit'} ${JSON.stringify(error?.params)}`
}

function split(url: string): [string, string?] {
  const at = url.indexOf('?')
  return at < 0 ? [url] : [url.slice(0, at), url.slice(at + 1)]
}
