// The schema registry's HTTP API, as Confluent's clients speak it: paths, content types, names of members, error bodies. Each request is judged by the
// ACLs of the subject it names (type `subject`) before anything tells whether there is such a subject.
import { Router, type Request, type Response } from 'express'
import { clusterResource, type Access, type AclOperation, type Caller } from '../../ports.ts'
import { RegistryRefusal, refusals } from '../../registry/errors.ts'
import type { Registry, VersionSpec } from '../../registry/registry.ts'
import { schemaTypes } from '../../registry/schema.ts'
import type { SchemaVersion } from '../../registry/store.ts'
import { BodyBudget, parseJson, readBody } from '../body.ts'
import { allowOnly, Problem } from '../problem.ts'
import { flag, page, versionIn } from './parameters.ts'
import { answered, problemOf } from './refusals.ts'
import { configAsAnswer, idAnswer, readConfigUpdate, readMode, readSchemaRequest, registeredAnswer, versionAnswer } from './bodies.ts'

export interface RegistryRouterParts {
  readonly registry: Registry
  readonly access: Access
  readonly callerOf: (response: Response) => Caller
  /** What GET /v1/metadata/version says. */
  readonly version: string
}

/** A schema of 1 MiB (registry/exact-json.ts) grows when it is written as a JSON string. */
const bodyBytesMax = 2 * 1024 * 1024
const bodyBytesInFlightMax = 32 * 1024 * 1024
const schemasListedMax = 1_000
const bodyTypes = ['application/vnd.schemaregistry.v1+json', 'application/vnd.schemaregistry+json', 'application/json', 'application/octet-stream']
/** In the order in which a client that takes anything gets them. */
const answerTypes = ['application/vnd.schemaregistry.v1+json', 'application/vnd.schemaregistry+json', 'application/json']

/** To be mounted behind the authentication, at the root; passes on what is not a path of the registry. */
export function registryRouter(parts: RegistryRouterParts): Router {
  const { registry, access, callerOf } = parts
  const { store } = registry
  const budget = new BodyBudget(bodyBytesInFlightMax)
  const router = Router({ caseSensitive: true, strict: true })

  const expect = (response: Response, operation: AclOperation, subject: string): void => {
    if (access.allows(callerOf(response), operation, 'subject', subject)) return
    throw new Problem(403, `User is denied operation ${operation} on Subject: ${subject}`, { errorCode: 40301 })
  }
  /** The registry's own settings belong to the cluster. */
  const expectSettings = (response: Response, operation: 'describe-configs' | 'alter-configs', subject: string | null): void => {
    if (subject !== null) return expect(response, operation, subject)
    if (access.allows(callerOf(response), operation, 'cluster', clusterResource)) return
    throw new Problem(403, `User is denied operation ${operation} on the registry`, { errorCode: 40301 })
  }
  const mayRead = (response: Response, subject: string): boolean => access.wouldAllow(callerOf(response), 'read', 'subject', subject)
  const bodyOf = async (request: Request, response: Response): Promise<unknown> => {
    const type = request.headers['content-type']?.split(';')[0]!.trim().toLowerCase()
    if (type !== undefined && !bodyTypes.includes(type)) throw new Problem(415, 'HTTP 415 Unsupported Media Type')
    return parseJson(await readBody(request, response, { bytesMax: bodyBytesMax, budget }))
  }
  const schemaRequestIn = async (request: Request, response: Response): Promise<ReturnType<typeof readSchemaRequest>> => {
    const schema = readSchemaRequest(await bodyOf(request, response))
    // Whoever refers to a schema could otherwise read it out of what becomes of the reference.
    for (const { subject } of schema.references ?? []) expect(response, 'read', subject)
    return schema
  }
  /** Of the versions that share an id, those that the caller may read; `?subject=` names the one that is meant. */
  const readableWithId = (request: Request, response: Response): readonly SchemaVersion[] => {
    const text = request.params['id'] as string
    const versions = /^\d{1,10}$/.test(text) ? store.withId(Number(text)) : []
    if (versions.length === 0) throw problemOf(refusals.schemaNotFound(text))
    const { subject } = request.query
    const readable = versions.filter(each => mayRead(response, each.subject))
    // One refusal for the audit log, of the subject that was meant.
    if (readable.length === 0) expect(response, 'read', typeof subject === 'string' && subject !== '' ? subject : versions[0]!.subject)
    return readable
  }
  const found = (request: Request): SchemaVersion => answered(registry.find(subjectIn(request), versionOf(request), { deleted: flag(request, 'deleted') }))

  router.use((request, response, next) => {
    if (!isRegistryPath(request.path)) return next()
    const type = request.accepts(answerTypes)
    if (type === false) throw new Problem(406, 'HTTP 406 Not Acceptable')
    response.type(type)
    next()
  })

  const alive = (_request: Request, response: Response): void => void response.json({})
  router.route('/').get(alive).post(alive).all(allowOnly('GET', 'POST'))

  router.route('/subjects').get((request, response) => {
    const prefix = typeof request.query['subjectPrefix'] === 'string' && request.query['subjectPrefix'] !== ':*:' ? request.query['subjectPrefix'] : ''
    const which = flag(request, 'deletedOnly') ? 'deleted' : flag(request, 'deleted') ? 'all' : 'live'
    const visible = store.subjects(which).filter(subject => subject.startsWith(prefix) && access.wouldAllow(callerOf(response), 'describe', 'subject', subject))
    response.json(page(request, visible))
  }).all(allowOnly('GET'))

  router.route('/subjects/:subject').post(async (request, response) => {
    const subject = subjectIn(request)
    expect(response, 'read', subject)
    const schema = await schemaRequestIn(request, response)
    response.json(versionAnswer(answered(registry.lookup(subject, schema, { normalize: normalizeIn(request), deleted: flag(request, 'deleted') })), request))
  }).delete(async (request, response) => {
    const subject = subjectIn(request)
    expect(response, 'delete', subject)
    response.json(answered(await registry.deleteSubject(subject, { permanent: flag(request, 'permanent') })))
  }).all(allowOnly('POST', 'DELETE'))

  router.route('/subjects/:subject/versions').get((request, response) => {
    const subject = subjectIn(request)
    expect(response, 'read', subject)
    const which = flag(request, 'deletedOnly') ? 'deleted' : flag(request, 'deleted') || flag(request, 'deletedAsNegative') ? 'all' : 'live'
    const versions = store.versions(subject, which)
    if (versions.length === 0) throw problemOf(refusals.subjectNotFound(subject))
    response.json(page(request, versions.map(each => (each.deleted && flag(request, 'deletedAsNegative') ? -each.version : each.version))))
  }).post(async (request, response) => {
    const subject = subjectIn(request)
    expect(response, 'write', subject)
    const schema = await schemaRequestIn(request, response)
    response.json(registeredAnswer(answered(await registry.register(subject, schema, { normalize: normalizeIn(request) })), request))
  }).all(allowOnly('GET', 'POST'))

  router.route('/subjects/:subject/versions/:version').get((request, response) => {
    expect(response, 'read', subjectIn(request))
    response.json(versionAnswer(found(request), request))
  }).delete(async (request, response) => {
    const subject = subjectIn(request)
    expect(response, 'delete', subject)
    response.json(answered(await registry.deleteVersion(subject, versionOf(request), { permanent: flag(request, 'permanent') })))
  }).all(allowOnly('GET', 'DELETE'))

  router.route('/subjects/:subject/versions/:version/schema').get((request, response) => {
    expect(response, 'read', subjectIn(request))
    response.send(found(request).schema)
  }).all(allowOnly('GET'))

  router.route('/subjects/:subject/versions/:version/referencedby').get((request, response) => {
    const subject = subjectIn(request)
    expect(response, 'read', subject)
    const { version } = found(request)
    response.json(page(request, [...new Set(store.referrers(subject, version, flag(request, 'deleted') ? 'all' : 'live').map(each => each.id))]))
  }).all(allowOnly('GET'))

  router.route('/subjects/:subject/metadata').get((request, response) => {
    const subject = subjectIn(request)
    expect(response, 'read', subject)
    const keys = [request.query['key'] ?? []].flat()
    const values = [request.query['value'] ?? []].flat()
    if (keys.length === 0 || keys.length !== values.length) throw new Problem(400, `HTTP 400 Bad Request: ${keys.length} keys and ${values.length} values`)
    const versions = store.versions(subject, flag(request, 'deleted') ? 'all' : 'live')
    if (versions.length === 0) throw problemOf(refusals.subjectNotFound(subject))
    const match = versions.findLast(({ metadata }) => keys.every((key, index) => metadata?.properties?.[String(key)] === values[index]))
    if (match === undefined) throw problemOf(refusals.schemaNotFound())
    response.json(versionAnswer(match, request))
  }).all(allowOnly('GET'))

  router.route('/schemas').get((request, response) => {
    const prefix = typeof request.query['subjectPrefix'] === 'string' && request.query['subjectPrefix'] !== ':*:' ? request.query['subjectPrefix'] : ''
    const which = flag(request, 'deleted') ? 'all' : 'live'
    const subjects = store.subjects(which).filter(subject => subject.startsWith(prefix) && mayRead(response, subject))
    const versions = subjects.flatMap(subject => (flag(request, 'latestOnly') ? store.versions(subject, which).slice(-1) : store.versions(subject, which)))
    response.json(page(request, versions, schemasListedMax).map(each => versionAnswer(each, request)))
  }).all(allowOnly('GET'))

  router.route('/schemas/types').get((_request, response) => void response.json(schemaTypes)).all(allowOnly('GET'))

  router.route('/schemas/ids/:id').get((request, response) => {
    const maxId = flag(request, 'fetchMaxId') ? store.highestId : undefined
    response.json(idAnswer(chosen(readableWithId(request, response), request), request, maxId))
  }).all(allowOnly('GET'))

  router.route('/schemas/ids/:id/schema').get((request, response) => {
    response.send(chosen(readableWithId(request, response), request).schema)
  }).all(allowOnly('GET'))

  router.route('/schemas/ids/:id/subjects').get((request, response) => {
    const versions = readableWithId(request, response).filter(each => flag(request, 'deleted') || !each.deleted)
    response.json(page(request, [...new Set(versions.map(each => each.subject))].toSorted()))
  }).all(allowOnly('GET'))

  router.route('/schemas/ids/:id/versions').get((request, response) => {
    const versions = readableWithId(request, response).filter(each => flag(request, 'deleted') || !each.deleted)
    response.json(page(request, versions.map(({ subject, version }) => ({ subject, version }))))
  }).all(allowOnly('GET'))

  const readableWithGuid = (request: Request, response: Response): SchemaVersion => {
    const guid = request.params['guid'] as string
    const versions = schemaTypes.map(type => store.idOf(guid, type)).flatMap(id => (id === undefined ? [] : store.withId(id)))
    const version = versions.find(each => mayRead(response, each.subject))
    if (version === undefined) throw problemOf(refusals.schemaNotFound(guid.slice(0, 64)))
    return version
  }
  router.route('/schemas/guids/:guid').get((request, response) => {
    response.json(idAnswer(readableWithGuid(request, response), request, undefined))
  }).all(allowOnly('GET'))
  router.route('/schemas/guids/:guid/ids').get((request, response) => {
    response.json([{ context: '.', id: readableWithGuid(request, response).id }])
  }).all(allowOnly('GET'))

  for (const path of ['/config', '/config/:subject']) {
    router.route(path).get((request, response) => {
      const subject = scopeIn(request)
      expectSettings(response, 'describe-configs', subject)
      const own = store.config(subject)
      if (subject !== null && own === undefined && !flag(request, 'defaultToGlobal')) throw problemOf(refusals.noSubjectConfig(subject))
      response.json(subject !== null && own !== undefined ? configAsAnswer(own) : configAsAnswer(registry.effectiveConfig(subject)))
    }).put(async (request, response) => {
      const subject = scopeIn(request)
      expectSettings(response, 'alter-configs', subject)
      const update = readConfigUpdate(await bodyOf(request, response))
      answered(await registry.updateConfig(subject, update))
      // What was asked for comes back under the request's names: `compatibility`, where GET says `compatibilityLevel`.
      const { compatibilityLevel, ...rest } = update
      response.json({ ...compatibilityLevel != null && { compatibility: compatibilityLevel }, ...rest })
    }).delete(async (request, response) => {
      const subject = scopeIn(request)
      expectSettings(response, 'alter-configs', subject)
      response.json(configAsAnswer(answered(await registry.deleteConfig(subject))))
    }).all(allowOnly('GET', 'PUT', 'DELETE'))
  }

  router.route('/mode').get((_request, response) => {
    expectSettings(response, 'describe-configs', null)
    response.json({ mode: registry.mode(null) })
  }).put(async (request, response) => {
    expectSettings(response, 'alter-configs', null)
    response.json({ mode: answered(await registry.updateMode(null, readMode(await bodyOf(request, response)))) })
  }).all(allowOnly('GET', 'PUT'))

  router.route('/mode/:subject').get((request, response) => {
    const subject = subjectIn(request)
    expectSettings(response, 'describe-configs', subject)
    const mode = store.mode(subject) ?? (flag(request, 'defaultToGlobal') ? registry.mode(null) : undefined)
    if (mode === undefined) throw problemOf(refusals.noSubjectMode(subject))
    response.json({ mode })
  }).put(async (request, response) => {
    const subject = subjectIn(request)
    expectSettings(response, 'alter-configs', subject)
    response.json({ mode: answered(await registry.updateMode(subject, readMode(await bodyOf(request, response)))) })
  }).delete(async (request, response) => {
    const subject = subjectIn(request)
    expectSettings(response, 'alter-configs', subject)
    response.json({ mode: answered(await registry.deleteMode(subject)) })
  }).all(allowOnly('GET', 'PUT', 'DELETE'))

  for (const path of ['/compatibility/subjects/:subject/versions', '/compatibility/subjects/:subject/versions/:version']) {
    router.route(path).post(async (request, response) => {
      const subject = subjectIn(request)
      expect(response, 'read', subject)
      const against = request.params['version'] === undefined ? 'all' : versionOf(request)
      const verdict = await registry.check(subject, await schemaRequestIn(request, response), against, { normalize: normalizeIn(request) })
      const isVerbose = flag(request, 'verbose')
      if (verdict instanceof RegistryRefusal) {
        if (verdict.code !== 42201 || !isVerbose) throw problemOf(verdict)
        return void response.json({ is_compatible: false, messages: [verdict.message] })
      }
      response.json({ is_compatible: verdict.messages.length === 0, ...isVerbose && { messages: verdict.messages } })
    }).all(allowOnly('POST'))
  }

  router.route('/contexts').get((_request, response) => void response.json(['.'])).all(allowOnly('GET'))
  router.route('/v1/metadata/id').get((_request, response) => {
    response.json({ scope: { path: [], clusters: { 'kafka-cluster': registry.clusterId, 'schema-registry-cluster': 'schema-registry' } }, id: '' })
  }).all(allowOnly('GET'))
  router.route('/v1/metadata/version').get((_request, response) => void response.json({ version: parts.version, commitId: '' })).all(allowOnly('GET'))

  return router
}

function isRegistryPath(path: string): boolean {
  return path === '/' || /^\/(?:subjects|schemas|config|mode|compatibility|contexts|v1\/metadata)(?:\/|$)/.test(path)
}

/** Express has taken the percent escapes out: a subject may have any character. */
function subjectIn(request: Request): string {
  return request.params['subject'] as string
}

function scopeIn(request: Request): string | null {
  return request.params['subject'] === undefined ? null : subjectIn(request)
}

function versionOf(request: Request): VersionSpec {
  return answered(versionIn(request.params['version'] as string))
}

function normalizeIn(request: Request): boolean | undefined {
  return request.query['normalize'] === undefined ? undefined : flag(request, 'normalize')
}

/** Of versions with one id, that of the subject asked for, else the first. */
function chosen(versions: readonly SchemaVersion[], request: Request): SchemaVersion {
  return versions.find(each => each.subject === request.query['subject']) ?? versions[0]!
}
