// /subjects: which there are, whether one has a schema, the latest version with certain metadata, and deletion. READ on the subject to look something up, DELETE to
// delete it; the list has what the caller may DESCRIBE.
import { Router } from 'express'
import { everyContext } from '../../registry/contexts.ts'
import { RegistryRefusal, refusals } from '../../registry/errors.ts'
import { propertyOf } from '../../registry/metadata.ts'
import { allowOnly, Problem } from '../problem.ts'
import { versionAnswer } from './answers.ts'
import type { RegistryDesk } from './desk.ts'
import { flag, normalizeIn, page, text, texts } from './parameters.ts'
import { answered, problemOf } from './refusals.ts'

export function subjectRoutes(desk: RegistryDesk): Router {
  const { registry } = desk
  const { store } = registry
  const router = Router({ caseSensitive: true, strict: true })

  router.route('/subjects').get((request, response) => {
    const which = flag(request, 'deletedOnly') ? 'deleted' : flag(request, 'deleted') ? 'all' : 'live'
    const names = store.subjects(which, text(request, 'subjectPrefix') ?? everyContext)
    response.json(page(request, names.filter(subject => desk.may(response, 'describe', subject))))
  }).all(allowOnly('GET'))

  router.route('/subjects/:subject').post(async (request, response) => {
    const subject = desk.subject(request, response, 'read')
    const schema = await desk.schema(request, response, subject)
    const how = { normalize: normalizeIn(request), deleted: flag(request, 'deleted') }
    const found = registry.lookup(subject, schema, how)
    if (!(found instanceof RegistryRefusal) || found.status !== 404) return void response.json(versionAnswer(registry, answered(found), request))
    for (const other of desk.sameName(response, subject).drop(1)) {
      const elsewhere = registry.lookup(other, schema, how)
      if (!(elsewhere instanceof RegistryRefusal)) return void response.json(versionAnswer(registry, elsewhere, request))
    }
    throw problemOf(found)
  }).delete(async (request, response) => {
    const subject = desk.subject(request, response, 'delete')
    response.json(answered(await registry.deleteSubject(subject, { permanent: flag(request, 'permanent') })))
  }).all(allowOnly('POST', 'DELETE'))

  router.route('/subjects/:subject/metadata').get((request, response) => {
    const subject = desk.subject(request, response, 'read')
    const keys = texts(request, 'key')
    const values = texts(request, 'value')
    if (keys.length === 0 || keys.length !== values.length) throw new Problem(400, `HTTP 400 Bad Request: ${keys.length} keys and ${values.length} values`)
    const versions = store.versions(subject, flag(request, 'deleted') ? 'all' : 'live')
    if (versions.length === 0) throw problemOf(refusals.subjectNotFound(subject))
    const match = versions.findLast(({ metadata }) => keys.every((key, at) => propertyOf(metadata, key) === values[at]))
    if (match === undefined) throw problemOf(refusals.schemaNotFound())
    response.json(versionAnswer(registry, match, request))
  }).all(allowOnly('GET'))

  return router
}
