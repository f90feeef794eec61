// /associations: which subjects have the schemas of a resource's keys and values. WRITE on a subject to associate it, DELETE to take that back; lists have what the
// caller may DESCRIBE, and what it may not is absent.
import { randomUUID } from 'node:crypto'
import { Router, type Request, type Response } from 'express'
import {
  type Association, type AssociationFilter, type AssociationType, filtered, type Resource, topicResource, type WantedAssociation, wantedSubject,
} from '../../registry/associations.ts'
import { contextNamed, contextPrefix, normalSubject, splitSubject } from '../../registry/contexts.ts'
import { refusals } from '../../registry/errors.ts'
import { isObject, type JsonObject } from '../../registry/exact-json.ts'
import { allowOnly, Problem } from '../problem.ts'
import { versionAnswer } from './answers.ts'
import { readSchemaRequest } from './bodies.ts'
import type { RegistryDesk } from './desk.ts'
import { flag, page, text, texts } from './parameters.ts'
import { answered, problemOf } from './refusals.ts'

const requestsMax = 1_000
/** Of all requests of a batch together. */
const answeredMax = 20_000

export function associationRoutes(desk: RegistryDesk): Router {
  const { registry } = desk
  const { associations } = registry.store
  const router = Router({ caseSensitive: true, strict: true })

  const shown = (response: Response, found: readonly Association[], filter: AssociationFilter): Association[] => {
    return filtered(found, filter).filter(each => desk.may(response, 'describe', each.subject))
  }

  const associate = async (request: Request, response: Response, wanted: ResourceRequest, how: { create: boolean; dryRun: boolean }): Promise<object> => {
    const prefix = contextOf(request)
    for (const each of wanted.associations) {
      const subject = wantedSubject(wanted.resource, each, prefix)
      desk.expect(response, 'write', subject)
      desk.expectReferences(response, subject, each.schema?.references ?? [])
    }
    const made = answered(await registry.associate(wanted.resource, wanted.associations, { ...how, contextPrefix: prefix, guid: randomUUID }))
    return responseOf(made, association => {
      const isNew = wanted.associations.some(each => each.associationType === association.associationType && each.schema !== undefined)
      const version = isNew && !how.dryRun ? registry.store.latest(association.subject) : undefined
      return version && { schema: versionAnswer(registry, version, request) }
    })
  }

  const dissociate = async (response: Response, resourceId: string, filter: AssociationFilter, how: { cascade: boolean; dryRun: boolean }): Promise<void> => {
    const going = shown(response, associations.ofResourceId(resourceId), filter)
    if (going.length === 0) throw problemOf(refusals.associationNotFound(resourceId))
    const subjects = new Set(filtered(associations.ofResourceId(resourceId), filter).map(each => each.subject))
    for (const subject of subjects) desk.expect(response, 'delete', subject)
    answered(await registry.dissociate(resourceId, filter, { ...how, subjects }))
  }

  router.route('/associations').post(async (request, response) => {
    const wanted = readResourceRequest(await desk.json(request, response))
    response.json(await associate(request, response, wanted, { create: true, dryRun: flag(request, 'dryRun') }))
  }).all(allowOnly('POST'))

  router.route('/associations/resources/:id').get((request, response) => {
    response.json(page(request, shown(response, associations.ofResourceId(request.params['id'] as string), filterIn(request)).map(answerOf)))
  }).put(async (request, response) => {
    const id = request.params['id'] as string
    const body = objectOf(await desk.json(request, response), 'the body')
    if (body['resourceId'] != null && body['resourceId'] !== id) {
      throw problemOf(refusals.invalidAssociation('resourceId', 'Resource ID in the path parameter does not match the resource ID in the request body'))
    }
    response.json(await associate(request, response, readResourceRequest({ ...body, resourceId: id }), { create: false, dryRun: flag(request, 'dryRun') }))
  }).delete(async (request, response) => {
    const how = { cascade: flag(request, 'cascadeLifecycle'), dryRun: flag(request, 'dryRun') }
    await dissociate(response, request.params['id'] as string, { ...filterIn(request), lifecycle: undefined }, how)
    response.status(204).end()
  }).all(allowOnly('GET', 'PUT', 'DELETE'))

  router.route('/associations/resources/:namespace/:name').get((request, response) => {
    const found = associations.ofResourceName(request.params['name'] as string, request.params['namespace'] as string)
    response.json(page(request, shown(response, found, filterIn(request)).map(answerOf)))
  }).all(allowOnly('GET'))

  router.route('/associations/subjects/:subject').get((request, response) => {
    const subject = normalSubject(request.params['subject'] as string)
    desk.expect(response, 'describe', subject)
    response.json(page(request, filtered(associations.ofSubject(subject), filterIn(request)).map(answerOf)))
  }).all(allowOnly('GET'))

  /** Each request is tried as a whole before any of it is done; one that is refused leaves the others alone. */
  const mutate = async (request: Request, response: Response): Promise<void> => {
    const requests = requestsIn(await desk.json(request, response))
    const dryRun = flag(request, 'dryRun')
    const results: object[] = []
    for (const each of requests) {
      results.push(await resultOf(async () => {
        const body = objectOf(each, 'a request')
        const operations = listOf(body['associations'], 'associations').map(one => objectOf(one, 'an association'))
        if (operations.length === 0) throw problemOf(refusals.invalidAssociation('associations', 'cannot be null or empty'))
        let result: object = responseOf([], () => undefined)
        for (const dry of dryRun ? [true] : [true, false]) {
          const done: object[] = []
          for (const operation of operations) {
            const type = operation['opType']
            if (type === 'DELETE') {
              const { resource } = readResourceRequest({ ...body, associations: [] })
              const associationTypes = operation['associationType'] == null ? [] : [typeIn(operation['associationType'])]
              await dissociate(response, resource.resourceId, { resourceType: topicResource, associationTypes, lifecycle: undefined }, { cascade: false, dryRun: dry })
            } else if (type === 'CREATE' || type === 'UPSERT') {
              done.push(await associate(request, response, readResourceRequest({ ...body, associations: [operation] }), { create: type === 'CREATE', dryRun: dry }))
            } else throw problemOf(refusals.invalidAssociation('opType', 'must be CREATE, UPSERT or DELETE'))
          }
          const { resource } = readResourceRequest({ ...body, associations: [] })
          result = { ...resource, resourceType: topicResource, associations: done.flatMap(one => (one as { associations: object[] }).associations) }
        }
        return { result }
      }))
    }
    response.status(207).json({ results })
  }
  router.route('/associations\\:batch').post(mutate).all(allowOnly('POST'))
  router.route('/associations\\:batchMutate').post(mutate).all(allowOnly('POST'))

  router.route('/associations\\:batchGet').post(async (request, response) => {
    let count = 0
    const results = requestsIn(await desk.json(request, response)).map(each => {
      const { resourceId, resourceName, resourceNamespace, resourceType, associationTypes, lifecycle } = objectOf(each, 'a request')
      const found = typeof resourceId === 'string' ? associations.ofResourceId(resourceId) : associations.ofResourceName(String(resourceName ?? ''), String(resourceNamespace ?? '-'))
      const filter = {
        resourceType: typeof resourceType === 'string' && resourceType !== '' ? resourceType : topicResource,
        associationTypes: listOf(associationTypes ?? [], 'associationTypes').map(String), lifecycle: lifecycleIn(lifecycle),
      }
      // Many requests may each be for many.
      if ((count += found.length) > answeredMax) throw problemOf(refusals.tooLargeABatch())
      return { result: responseOf(shown(response, found, filter), () => undefined) }
    })
    response.status(207).json({ results })
  }).all(allowOnly('POST'))

  return router
}

interface ResourceRequest {
  readonly resource: Resource
  readonly associations: readonly WantedAssociation[]
}

function readResourceRequest(body: unknown): ResourceRequest {
  const { resourceName, resourceNamespace, resourceId, resourceType, associations } = objectOf(body, 'the body')
  if (resourceType != null && resourceType !== '' && resourceType !== topicResource) {
    throw problemOf(refusals.invalidAssociation('resourceType', `must be '${topicResource}'`))
  }
  return {
    resource: {
      resourceName: textOf(resourceName, 'resourceName') ?? '', resourceNamespace: textOf(resourceNamespace, 'resourceNamespace') ?? '',
      resourceId: textOf(resourceId, 'resourceId') ?? '',
    },
    associations: listOf(associations ?? [], 'associations').map(each => readWanted(objectOf(each, 'an association'))),
  }
}

function readWanted({ subject, associationType, lifecycle, frozen, schema, normalize }: JsonObject): WantedAssociation {
  return {
    subject: textOf(subject, 'subject'), associationType: typeIn(associationType), lifecycle: lifecycleIn(lifecycle), frozen: flagOf(frozen, 'frozen'),
    schema: schema == null ? undefined : readSchemaRequest(schema), normalize: flagOf(normalize, 'normalize'),
  }
}

function typeIn(value: unknown): AssociationType {
  if (value == null || value === '') return 'value'
  if (value === 'key' || value === 'value') return value
  throw problemOf(refusals.invalidAssociation('associationType', 'must be either \'key\' or \'value\''))
}

function lifecycleIn(value: unknown): 'STRONG' | 'WEAK' | undefined {
  if (value == null || value === 'STRONG' || value === 'WEAK') return value ?? undefined
  throw problemOf(refusals.invalidAssociation('lifecycle', 'must be STRONG or WEAK'))
}

/** `resourceType` (a topic unless it says otherwise), `associationType` (any number of them) and `lifecycle`. */
export function filterIn(request: Request): AssociationFilter {
  const type = text(request, 'resourceType') ?? ''
  return { resourceType: type === '' ? topicResource : type, associationTypes: texts(request, 'associationType'), lifecycle: lifecycleIn(text(request, 'lifecycle')) }
}

/** What stands before subjects that the request names without a context. */
function contextOf(request: Request): string {
  const given = text(request, 'context') ?? ''
  if (given === '') return ''
  if (given.startsWith(':.')) return contextPrefix(splitSubject(given).context)
  const context = contextNamed(given)
  if (context === undefined) throw new Problem(400, 'Context name cannot contain a colon')
  return contextPrefix(context)
}

function requestsIn(body: unknown): readonly unknown[] {
  const requests = listOf(objectOf(body, 'the body')['requests'] ?? [], 'requests')
  if (requests.length === 0) throw problemOf(refusals.invalidAssociation('requests', 'cannot be null or empty'))
  if (requests.length > requestsMax) throw problemOf(refusals.tooLargeABatch())
  return requests
}

async function resultOf(perform: () => Promise<object>): Promise<object> {
  try {
    return await perform()
  } catch (error) {
    if (error instanceof Problem) return { error: { error_code: error.errorCode, message: error.message } }
    throw error
  }
}

/** Association. */
export function answerOf(association: Association): object {
  const { subject, guid, resourceName, resourceNamespace, resourceId, resourceType, associationType, lifecycle, frozen, createdMs, updatedMs } = association
  return { subject, guid, resourceName, resourceNamespace, resourceId, resourceType, associationType, lifecycle, frozen, createTs: createdMs, updateTs: updatedMs }
}

/** AssociationResponse: the resource, and what is said of its keys and values. */
function responseOf(associations: readonly Association[], besides: (association: Association) => object | undefined): object {
  const [first] = associations
  const { resourceName, resourceNamespace, resourceId, resourceType } = first ?? {}
  return {
    ...first !== undefined && { resourceName, resourceNamespace, resourceId, resourceType },
    associations: associations.map(each => ({
      subject: each.subject, associationType: each.associationType, lifecycle: each.lifecycle, frozen: each.frozen, ...besides(each),
    })),
  }
}

function objectOf(value: unknown, what: string): JsonObject {
  if (isObject(value)) return value
  throw new Problem(400, `HTTP 400 Bad Request: ${what} must be a JSON object`)
}

function listOf(value: unknown, what: string): readonly unknown[] {
  if (Array.isArray(value)) return value as readonly unknown[]
  throw new Problem(400, `HTTP 400 Bad Request: '${what}' must be an array`)
}

function textOf(value: unknown, what: string): string | undefined {
  if (value == null || typeof value === 'string') return value ?? undefined
  throw new Problem(400, `HTTP 400 Bad Request: '${what}' must be a text`)
}

function flagOf(value: unknown, what: string): boolean | undefined {
  if (value == null || typeof value === 'boolean') return value ?? undefined
  throw new Problem(400, `HTTP 400 Bad Request: '${what}' must be true or false`)
}
