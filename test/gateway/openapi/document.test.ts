// The OpenAPI description: complete, sound, and readable.
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import { createGateway } from '../../../src/gateway/app.ts'
import { families } from '../../../src/gateway/openapi/document.ts'
import { admin, testGateway } from '../../support/gateway.ts'
import { openApiOfTests as document, violationOf } from '../../support/openapi.ts'

interface Layer {
  readonly route?: { readonly path: string; readonly stack: readonly { readonly method?: string }[] }
  readonly handle?: { readonly stack?: readonly Layer[] }
}

/** `get /topics/{topic}` of all that Express has mounted, below routers too. */
function mounted(stack: readonly Layer[]): string[] {
  return stack.flatMap(({ route, handle }) => {
    if (route === undefined) return mounted(handle?.stack ?? [])
    const path = route.path.replaceAll(/(?<!\\):(\w+)/g, '{$1}').replaceAll('\\', '')
    const methods = route.stack.map(({ method }) => method).filter(method => method !== undefined && method !== 'head')
    return methods.map(method => `${method} ${path}`)
  })
}

const described = Object.entries(document.paths).flatMap(([path, operations]) => Object.keys(operations).filter(name => name !== 'servers').map(method => `${method} ${path}`))

describe('the description', () => {
  it('has every route that is mounted, and no other', async () => {
    const app = createGateway((await testGateway()).parts) as unknown as { readonly router: { readonly stack: readonly Layer[] } }
    // AWS's APIs are one handler for all methods.
    const routes = [...new Set([...mounted(app.router.stack), ...['/kinesis', '/kinesis/', '/kinesis/service/{service}/operation/{operation}', '/glue', '/glue/'].map(path => `post ${path}`)])]
    expect(routes.filter(route => !described.includes(route))).toEqual([])
    expect(described.filter(route => !routes.includes(route))).toEqual([])
    expect(described.length).toBeGreaterThan(140)
  })

  it('is what OpenAPI 3.1 has it be: members, parameters of paths, ids of operations, references', () => {
    expect(document.openapi).toMatch(/^3\.1\.\d$/)
    expect(Object.keys(document).filter(name => !['openapi', 'info', 'jsonSchemaDialect', 'servers', 'security', 'tags', 'paths', 'components'].includes(name))).toEqual([])
    const operationIds: string[] = []
    for (const [path, operations] of Object.entries(document.paths)) {
      expect(path).toMatch(/^\//)
      for (const [method, operation] of Object.entries(operations)) {
        if (method === 'servers') continue
        expect(['get', 'post', 'put', 'patch', 'delete']).toContain(method)
        const { parameters = [], responses, operationId, tags, requestBody } = operation as {
          parameters?: { name: string; in: string; required?: boolean; schema: object; description: string }[]
          responses: Record<string, { description: string; content?: object }>; operationId: string; tags: string[]; requestBody?: { content: object }
        }
        expect(Object.keys(operation).filter(name => !['operationId', 'tags', 'summary', 'description', 'parameters', 'requestBody', 'responses'].includes(name))).toEqual([])
        operationIds.push(operationId)
        const inPath = parameters.filter(one => one.in === 'path')
        expect([path, inPath.map(({ name }) => name)]).toEqual([path, [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)])
        expect(inPath.every(one => one.required === true)).toBe(true)
        expect(new Set(parameters.map(one => `${one.in} ${one.name}`)).size).toBe(parameters.length)
        expect(tags.every(tag => document.tags.some(({ name }) => name === tag))).toBe(true)
        for (const [status, answer] of Object.entries(responses)) {
          expect(status).toMatch(/^(?:[1-5]\d\d|default)$/)
          expect(answer.description.length).toBeGreaterThan(3)
        }
        if (requestBody !== undefined) expect(Object.keys(requestBody.content).length).toBeGreaterThan(0)
      }
    }
    expect(new Set(operationIds).size).toBe(operationIds.length)
    const names = families.flatMap(({ schemas }) => Object.keys(schemas))
    expect(new Set(names).size).toBe(names.length)
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(([, name]) => name!)
    expect(references.filter(name => !Object.hasOwn(document.components.schemas, name))).toEqual([])
    expect([...names].filter(name => !references.includes(name))).toEqual([])
    const ajv = new Ajv2020({ strict: false, validateFormats: false })
    for (const [name, schema] of Object.entries(document.components.schemas)) expect([name, ajv.validateSchema(schema)]).toEqual([name, true])
  })

  it('is served as JSON, and as a page without scripts or anything from elsewhere', async () => {
    const gateway = await testGateway()
    const { body, type } = await gateway.as('nobody').get('/openapi.json')
    expect([type, body]).toEqual(['application/json', { ...document, info: { ...document.info, version: gateway.parts.version } }])
    const page = await gateway.as('nobody').get('/docs')
    expect([page.status, page.type]).toEqual([200, 'text/html'])
    expect(page.headers['content-security-policy']).toMatch(/^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/=]{44}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/)
    expect(page.text).not.toMatch(/<script|<link|<img|<iframe|\son\w+=|style="|(?:href|src)="(?!#|\/openapi\.json")/)
    for (const path of Object.keys(document.paths)) expect(page.text).toContain(`<code>${path}</code>`)
    const ids = [...page.text.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id!)
    expect(new Set(ids).size).toBe(ids.length)
    expect([...page.text.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id!).filter(id => !ids.includes(id))).toEqual([])
    expect((await gateway.as().get('/docs')).status).toBe(401)
    expect((await gateway.as(admin).post('/docs')).status).toBe(405)
  })
})

describe('what tests hold against it', () => {
  const exchange = { method: 'GET', url: '/topics', requestType: undefined, requestBody: Buffer.alloc(0), status: 200, type: 'application/vnd.kafka.v2+json', body: Buffer.from('["orders"]') }
  it.each<[object, RegExp | undefined]>([
    [{}, undefined],
    [{ body: Buffer.from('[1]') }, /the answer \/0 must be string/],
    [{ type: 'text/html' }, /has type 'text\/html'/],
    [{ status: 201 }, /the status is not described/],
    [{ url: '/nowhere' }, /the path is not described/],
    [{ method: 'PUT' }, /the method is not described/],
    [{ url: '/topics?wrong=1' }, /the parameter wrong is not described/],
    [{ status: 404, body: Buffer.from('{"error_code":404,"message":"no"}') }, undefined],
    [{ status: 404, body: Buffer.from('{"error_code":404,"message":"no","more":1}') }, /must NOT have additional properties/],
    [{ requestBody: Buffer.from('{}') }, /a body is not described/],
    [{ url: '/contexts/c/subjects', type: 'application/json' }, undefined],
    [{ url: '/v3/clusters/c/topics/-/configs', body: Buffer.from('{}'), type: 'application/json' }, /must have required property 'kind'/],
  ])('%j', (change, violation) => {
    const found = violationOf({ ...exchange, ...change })
    if (violation === undefined) expect(found).toBeUndefined()
    else expect(found).toMatch(violation)
  })
})
