// /subjects/{subject}/versions: the versions of a subject, registering new ones, what refers to them, and versions made anew with other tags. READ on the subject
// to see, WRITE to register, both to make a version of the one there is, DELETE to delete.
import { Router, type Request, type Response } from 'express'
import { RegistryRefusal, refusals } from '../../registry/errors.ts'
import type { SchemaVersion } from '../../registry/store.ts'
import { allowOnly } from '../problem.ts'
import { registeredAnswer, textOf, versionAnswer } from './answers.ts'
import { readTagRequest } from './bodies.ts'
import type { RegistryDesk } from './desk.ts'
import { flag, normalizeIn, page, versionIn } from './parameters.ts'
import { answered, problemOf } from './refusals.ts'

export function versionRoutes(desk: RegistryDesk): Router {
  const { registry } = desk
  const { store } = registry
  const router = Router({ caseSensitive: true, strict: true })

  const versionOf = (request: Request): number | 'latest' => answered(versionIn(request.params['version'] as string))
  /** The version of the path, whichever context it is in. */
  const found = (request: Request, response: Response): SchemaVersion => {
    const subject = desk.subject(request, response, 'read')
    const spec = versionOf(request)
    let refusal: RegistryRefusal | undefined
    for (const name of desk.sameName(response, subject)) {
      const version = registry.find(name, spec, { deleted: flag(request, 'deleted') })
      if (!(version instanceof RegistryRefusal)) return version
      refusal ??= version
    }
    throw problemOf(refusal!)
  }

  router.route('/subjects/:subject/versions').get((request, response) => {
    const subject = desk.subject(request, response, 'read')
    const isNegated = flag(request, 'deletedAsNegative')
    const which = flag(request, 'deletedOnly') ? 'deleted' : flag(request, 'deleted') || isNegated ? 'all' : 'live'
    const versions = store.versions(subject, which)
    if (versions.length === 0) throw problemOf(refusals.subjectNotFound(subject))
    response.json(page(request, versions.map(each => (each.deleted && isNegated ? -each.version : each.version))))
  }).post(async (request, response) => {
    const subject = desk.subject(request, response, 'write')
    const schema = await desk.schema(request, response, subject)
    // The text of the latest version, which the answer says.
    if (schema.schema.trim() === '') desk.expect(response, 'read', subject, request.params['subject'])
    const version = answered(await registry.register(subject, schema, { normalize: normalizeIn(request), force: flag(request, 'force') }))
    response.json(registeredAnswer(registry, version, request))
  }).all(allowOnly('GET', 'POST'))

  router.route('/subjects/:subject/versions/:version').get((request, response) => {
    response.json(versionAnswer(registry, found(request, response), request))
  }).delete(async (request, response) => {
    const subject = desk.subject(request, response, 'delete')
    response.json(answered(await registry.deleteVersion(subject, versionOf(request), { permanent: flag(request, 'permanent') })))
  }).all(allowOnly('GET', 'DELETE'))

  router.route('/subjects/:subject/versions/:version/schema').get((request, response) => {
    response.send(textOf(registry, found(request, response), request))
  }).all(allowOnly('GET'))

  router.route('/subjects/:subject/versions/:version/referencedby').get((request, response) => {
    const subject = desk.subject(request, response, 'read')
    const { version } = answered(registry.find(subject, versionOf(request), { deleted: flag(request, 'deleted') }))
    const ids = new Set(store.referrers(subject, version, flag(request, 'deleted') ? 'all' : 'live').map(each => each.id))
    response.json(page(request, [...ids].toSorted((a, b) => a - b)))
  }).all(allowOnly('GET'))

  router.route('/subjects/:subject/versions/:version/tags').post(async (request, response) => {
    const subject = desk.subject(request, response, 'write')
    desk.expect(response, 'read', subject, request.params['subject'])
    const body = readTagRequest(await desk.json(request, response))
    response.json(registeredAnswer(registry, answered(await registry.tag(subject, versionOf(request), body)), request))
  }).all(allowOnly('POST'))

  return router
}
