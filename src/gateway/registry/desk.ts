// What every route of the registry needs: who may do what with which subject, and the bodies of requests. A subject is judged by its qualified name (type
// `subject`) before anything tells whether it exists; settings of the whole registry belong to the cluster.
import type { Request, Response } from 'express'
import { clusterResource, type Access, type AclOperation, type Caller } from '../../ports.ts'
import type { SchemaRequest } from '../../registry/candidates.ts'
import { besideSubject, contextOf, contextPrefix, defaultContext, globalScope, normalSubject } from '../../registry/contexts.ts'
import type { Registry } from '../../registry/registry.ts'
import type { SchemaVersion } from '../../registry/store.ts'
import { type BodyBudget, parseJson, readBody } from '../body.ts'
import { Problem } from '../problem.ts'
import { readSchemaRequest } from './bodies.ts'

export interface RegistryRouterParts {
  readonly registry: Registry
  readonly access: Access
  readonly callerOf: (response: Response) => Caller
  /** What GET /v1/metadata/version says. */
  readonly version: string
}

/** A schema of 1 MiB (registry/exact-json.ts) grows when it is written as a JSON string. */
const bodyBytesMax = 2 * 1024 * 1024
const bodyTypes = ['application/vnd.schemaregistry.v1+json', 'application/vnd.schemaregistry+json', 'application/json', 'application/octet-stream']

export class RegistryDesk {
  readonly registry: Registry
  readonly #access: Access
  readonly #callerOf: (response: Response) => Caller
  readonly #budget: BodyBudget

  constructor({ registry, access, callerOf }: RegistryRouterParts, budget: BodyBudget) {
    this.registry = registry
    this.#access = access
    this.#callerOf = callerOf
    this.#budget = budget
  }

  /** 403 unless the caller may; `named` is what the request said where it said an alias. */
  expect(response: Response, operation: AclOperation, subject: string, named = subject): void {
    if (this.#access.allows(this.#callerOf(response), operation, 'subject', subject)) return
    throw new Problem(403, `User is denied operation ${operation} on Subject: ${named}`, { errorCode: 40301 })
  }

  /** For lists: asks without leaving a trace in the audit log. */
  may(response: Response, operation: AclOperation, subject: string): boolean {
    return this.#access.wouldAllow(this.#callerOf(response), operation, 'subject', subject)
  }

  /** The subject of the path, aliases followed, once the caller is known to be allowed. */
  subject(request: Request, response: Response, operation: AclOperation): string {
    const named = subjectIn(request)
    const subject = this.registry.aliased(named)
    this.expect(response, operation, subject, named)
    return subject
  }

  /** Whose settings the path means, null for the whole registry; no alias is followed. */
  scope(request: Request, response: Response, operation: 'describe-configs' | 'alter-configs'): string | null {
    const scope = request.params['subject'] === undefined ? null : subjectIn(request)
    // Express has no empty segments, but `:.:` is the default context.
    const subject = scope === '' ? null : scope
    if (subject !== null && subject !== globalScope) this.expect(response, operation, subject)
    else if (!this.#access.allows(this.#callerOf(response), operation, 'cluster', clusterResource)) {
      throw new Problem(403, `User is denied operation ${operation} on the registry`, { errorCode: 40301 })
    }
    return subject
  }

  /**
   * The subject itself, and where it is of the default context also those of the same name in other contexts, as far as the caller may read them: a client that
   * knows nothing of contexts finds what is in one. One after the other, as there may be many contexts and the subject itself mostly is what was meant.
   */
  *sameName(response: Response, subject: string): Generator<string, void> {
    yield subject
    if (contextOf(subject) !== defaultContext) return
    const { store } = this.registry
    for (const context of store.contexts()) {
      const other = contextPrefix(context) + subject
      if (context !== defaultContext && store.versions(other, 'all').length > 0 && this.may(response, 'read', other)) yield other
    }
  }

  async json(request: Request, response: Response): Promise<unknown> {
    const type = request.headers['content-type']?.split(';')[0]!.trim().toLowerCase()
    if (type !== undefined && !bodyTypes.includes(type)) throw new Problem(415, 'HTTP 415 Unsupported Media Type')
    return parseJson(await readBody(request, response, { bytesMax: bodyBytesMax, budget: this.#budget }))
  }

  async schema(request: Request, response: Response, subject: string): Promise<SchemaRequest> {
    const schema = readSchemaRequest(await this.json(request, response))
    this.expectReferences(response, subject, schema.references ?? [])
    return schema
  }

  /** Whoever refers to a schema could otherwise read it out of what becomes of the reference. */
  expectReferences(response: Response, subject: string, references: readonly { readonly subject: string }[]): void {
    for (const reference of references) this.expect(response, 'read', besideSubject(subject, reference.subject))
  }

  mayRead(response: Response, version: SchemaVersion): boolean {
    return this.may(response, 'read', version.subject)
  }
}

/** Express has taken the percent escapes out: a subject may have any character. */
function subjectIn(request: Request): string {
  return normalSubject(request.params['subject'] as string)
}
