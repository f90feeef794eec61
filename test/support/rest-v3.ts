// A gateway over a real engine of one broker, for the REST API v3: `alice` is who the tests give rights to, `admin` the super user. And Confluent's description of that API,
// to hold answers against.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv, type ValidateFunction } from 'ajv'
import { expect } from 'vitest'
import { parse } from 'yaml'
import type { GatewayParts } from '../../src/gateway/app.ts'
import { type EngineWorld, openEngineWorld } from './engine-world.ts'
import { testGateway, type TestGateway } from './gateway.ts'

export interface V3Gateway extends AsyncDisposable {
  readonly gateway: TestGateway
  readonly engine: EngineWorld
  /** `/v3/clusters/<id>`. */
  readonly base: string
}

export async function v3Gateway(overrides: Partial<GatewayParts> = {}): Promise<V3Gateway> {
  const engine = await openEngineWorld()
  const { logs, admin, groups } = engine.backend
  const gateway = await testGateway({ logs, admin, groups, ...overrides })
  const { id } = await admin.cluster()
  return { gateway, engine, base: `/v3/clusters/${id}`, [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose]() }
}

const file = join(import.meta.dirname, '../../../shared/reference/registry/confluent-kafka-rest-v3-openapi.yaml')

type Json = { [name: string]: Json } | Json[] | string | number | boolean | null
type Node = { [name: string]: Json }

export interface V3Description {
  /** `GET /clusters/{cluster_id}`, all of them. */
  readonly operations: readonly string[]
  /** The operation of a request; fails where there is none. */
  operationOf(method: string, path: string): string
  /** Fails unless the operation may answer with that status, and with that body: closed, so that a member of another name or type is found. */
  expectAnswer(operation: string, status: number, body: unknown): void
}

/** Undefined where the description does not lie beside the tree. */
export function v3Description(): V3Description | undefined {
  if (!existsSync(file)) {
    console.log(`skipped: ${file}, the document to hold answers against, is not there`)
    return undefined
  }
  const document = parse(readFileSync(file, 'utf8')) as Node
  const paths = document['paths'] as Record<string, Node>
  const at = (ref: string): Node => ref.slice(2).split('/').reduce<Json>((node, name) => (node as Node)[name]!, document) as Node
  const resolved = (node: Node): Node => (typeof node['$ref'] === 'string' ? resolved(at(node['$ref'])) : node)
  const ajv = new Ajv({ strict: false, logger: false, validateFormats: false })
  const compiled = new Map<string, ValidateFunction>()
  const operations = operationsIn(paths)
  const notFound = at('#/components/responses/NotFoundErrorResponse')
  return {
    operations,
    operationOf(method, path) {
      const [bare = ''] = path.replace(/^.*\/v3/, '').split('?')
      const fits = (operation: string): boolean => {
        const [of, template = ''] = operation.split(' ')
        return of === method.toUpperCase() && new RegExp(`^${template.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(bare)
      }
      // What is written out means itself before it is anybody's name.
      const [found] = operations.filter(fits).toSorted((a, b) => a.split('{').length - b.split('{').length)
      expect(found, `no operation is ${method} ${path}`).toBeDefined()
      return found!
    },
    expectAnswer(operation, status, body) {
      const [method, path] = operation.split(' ') as [string, string]
      const responses = (paths[path]![method.toLowerCase()] as Node)['responses'] as Record<string, Node>
      // Of many operations the description forgets that what their path names may not be there.
      const response = responses[String(status)] ?? responses[`${Math.floor(status / 100)}XX`] ?? (status === 404 ? notFound : undefined)
      expect(response, `${operation} may not answer ${status}: ${JSON.stringify(body)}`).toBeDefined()
      const content = resolved(response!)['content'] as Record<string, Node> | undefined
      if (content === undefined) {
        expect(body, `${operation} ${status} has no body`).toEqual({})
        return
      }
      const name = `${operation} ${status}`
      const validate = compiled.get(name) ?? ajv.compile(closed(content['application/json']!['schema'] as Node, resolved, status >= 400))
      compiled.set(name, validate)
      expect(validate(body), `${operation} ${status}: ${ajv.errorsText(validate.errors)}\n${JSON.stringify(body)}`).toBe(true)
    },
  }
}

function operationsIn(paths: Readonly<Record<string, Node>>): string[] {
  return Object.entries(paths).flatMap(([path, item]) => Object.keys(item)
    .filter(name => ['get', 'post', 'put', 'patch', 'delete'].includes(name)).map(method => `${method.toUpperCase()} ${path}`))
}

/** The schema without references, each object with all its members in one place and none besides; errors may say more than the description knows. */
function closed(schema: Node, resolved: (node: Node) => Node, isError: boolean): Node {
  const node = merged(resolved(schema), resolved)
  const properties = node['properties'] as Record<string, Node> | undefined
  return {
    // `int64` stands for a type where the document means a format.
    ...node['type'] !== undefined && { type: node['type'] === 'int64' ? 'integer' : node['type'] },
    ...node['nullable'] === true && node['type'] !== undefined && { nullable: true },
    ...node['enum'] !== undefined && { enum: node['enum'] },
    ...node['x-extensible-enum'] !== undefined && { enum: [...node['x-extensible-enum'] as string[], ...node['nullable'] === true ? [null] : []] },
    ...node['required'] !== undefined && { required: node['required'] },
    ...node['items'] !== undefined && { items: closed(node['items'] as Node, resolved, isError) },
    ...properties !== undefined && {
      properties: Object.fromEntries(Object.entries(properties).map(([name, member]) => [name, closed(member, resolved, isError)])),
      additionalProperties: isError,
    },
  }
}

function merged(node: Node, resolved: (node: Node) => Node): Node {
  const parts = node['allOf'] as Node[] | undefined
  if (parts === undefined) return node
  const all = parts.map(part => merged(resolved(part), resolved))
  return {
    type: 'object',
    required: all.flatMap(part => (part['required'] ?? []) as string[]),
    properties: Object.assign({}, ...all.map(part => part['properties'] ?? {})) as Node,
  }
}
