// AWS Glue's schema registry at `/glue`, and at `/` by its X-Amz-Target: JSON 1.1, authenticated by AWS signatures of the same access keys as Kinesis's. The checks
// come in AWS's order: method, target, body, signature, rate, types, constraints, and then the operation, which asks for access before it tells what there is.
import { hash } from 'node:crypto'
import { type Request, type Response, Router } from 'express'
import type { Access, AccessKeys, Admin, Logs } from '../../ports.ts'
import { GlueNotes } from '../../registry/glue/notes.ts'
import type { Registry } from '../../registry/registry.ts'
import type { Audit } from '../../security/audit.ts'
import { signedHeadersOf } from '../../security/canonical-request.ts'
import { anonymous, formatPrincipal, hostOf } from '../../security/principal.ts'
import { SignatureFault, SigV4Verifier } from '../../security/sigv4.ts'
import { JsonBody } from '../../wire/aws-json-body.ts'
import { decodeBody, encodeMembers } from '../../wire/aws-json.ts'
import { SerializationFault } from '../../wire/misfit.ts'
import { loggable, violations, violationsMessage } from '../../wire/violations.ts'
import type { Clock, Logger, Random } from '../../world/world.ts'
import { type BodyBudget, readBody } from '../body.ts'
import { Problem } from '../problem.ts'
import type { RateLimits } from '../rate-limits.ts'
import type { Context, Served } from './context.ts'
import { GlueError } from './errors.ts'
import { operations } from './operations/index.ts'

export interface GlueParts {
  readonly registry: Registry
  readonly logs: Logs
  readonly admin: Admin
  readonly access: Access
  readonly accessKeys: AccessKeys
  readonly audit: Audit
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly place: { readonly account: string; readonly region: string }
  readonly budget: BodyBudget
  readonly rateLimits: RateLimits
}

const targetPrefix = 'AWSGlue.'
const contentType = 'application/x-amz-json-1.1'
/** A definition has at most 170,000 characters, each at most six bytes as JSON. */
const bodyBytesMax = 2 * 1_048_576
const served: ReadonlyMap<string, Served> = new Map(operations.map(one => [one.operation.name, one]))

/** To be mounted before the authentication, which is its own. */
export function glueRouter(parts: GlueParts): Router {
  const { clock, random, logger, place } = parts
  const verifier = new SigV4Verifier({ clock, accessKeys: parts.accessKeys, region: place.region, service: 'glue' })
  // Opened when it is first asked for: who does not use Glue has no topic for it. A failure is not kept.
  let opened: Promise<GlueNotes> | undefined
  const notes = (): Promise<GlueNotes> => {
    opened ??= GlueNotes.open(parts).catch((error: unknown) => {
      opened = undefined
      throw error
    })
    return opened
  }

  const perform = async (request: Request, response: Response): Promise<{ one: Served; answer: object } | GlueError> => {
    const target = request.headers['x-amz-target']
    const one = typeof target === 'string' && target.startsWith(targetPrefix) ? served.get(target.slice(targetPrefix.length)) : undefined
    const bytes = await readBody(request, response, { bytesMax: bodyBytesMax, budget: parts.budget })
    if (request.method !== 'POST' || one === undefined) return new GlueError('UnknownOperationException', 'Only the operations of registries, schemas, versions, metadata and tags are here.')
    const body = JsonBody.parse(bytes)
    if (body === undefined) return new GlueError('SerializationException')
    const [path = '', query = ''] = splitTarget(request.originalUrl)
    const host = hostOf(request.socket.remoteAddress)
    const key = verifier.verify({ method: request.method, path, query, headers: signedHeadersOf(request) }, hash('sha256', bytes))
    if (key instanceof SignatureFault) {
      parts.audit.record({
        kind: 'access', outcome: 'denied', principal: formatPrincipal(anonymous), host, operation: 'authenticate', resource: 'listener:glue', reason: key.type,
      })
      return new GlueError(key.type, key.message)
    }
    const caller = { principal: key.principal, host }
    let input: Record<string, unknown> = {}
    try {
      await parts.rateLimits.admit(caller, request, response)
      input = decodeBody(one.operation.input, body)
      const found = violations(one.operation.input, input)
      if (found.length > 0) return new GlueError('ValidationException', violationsMessage(found))
      const context: Context = {
        registry: parts.registry, access: parts.access, ...place, notes: await notes(), caller, now: () => clock.now(),
        operation: one.operation.name,
      }
      const answer = await one.handle(input as never, context)
      return answer instanceof GlueError ? answer : { one, answer }
    } catch (error) {
      if (error instanceof Problem && error.status === 429) return new GlueError('ThrottlingException', 'Rate exceeded')
      if (error instanceof SerializationFault) return new GlueError('SerializationException', error.message)
      logger.error({ operation: one.operation.name, input: loggable(one.operation.input, input), err: error }, 'a Glue request failed')
      return new GlueError('InternalServiceException', 'The request could not be served.')
    }
  }

  const handle = async (request: Request, response: Response): Promise<void> => {
    const done = await perform(request, response)
    const [status, text] = done instanceof GlueError
      ? [done.status, JSON.stringify({ __type: done.type, Message: done.message })]
      : [200, encodeMembers(done.one.operation.output!, done.answer as Record<string, unknown>)]
    // writeHead, because Express would add a charset to AWS's content type.
    const headers = { 'x-amzn-requestid': random.uuid(), 'content-type': contentType, 'content-length': Buffer.byteLength(text) }
    response.writeHead(status, headers).end(text)
  }

  const router = Router({ caseSensitive: true, strict: true })
  router.all('/glue', handle)
  router.all('/glue/', handle)
  router.post('/', async (request, response, next) => {
    const target = request.headers['x-amz-target']
    if (typeof target !== 'string' || !target.startsWith(targetPrefix)) return next()
    await handle(request, response)
  })
  return router
}

function splitTarget(target: string): [path: string, query: string] {
  const mark = target.indexOf('?')
  return mark < 0 ? [target, ''] : [target.slice(0, mark), target.slice(mark + 1)]
}
