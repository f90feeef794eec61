// /compatibility: whether a schema goes with one version of a subject, or by its settings with all. READ on the subject.
import { Router } from 'express'
import { RegistryRefusal } from '../../registry/errors.ts'
import { allowOnly } from '../problem.ts'
import type { RegistryDesk } from './desk.ts'
import { flag, normalizeIn, versionIn } from './parameters.ts'
import { answered, problemOf } from './refusals.ts'

export function compatibilityRoutes(desk: RegistryDesk): Router {
  const router = Router({ caseSensitive: true, strict: true })
  for (const path of ['/compatibility/subjects/:subject/versions', '/compatibility/subjects/:subject/versions/:version']) {
    router.route(path).post(async (request, response) => {
      const subject = desk.subject(request, response, 'read')
      const against = request.params['version'] === undefined ? 'all' : answered(versionIn(request.params['version'] as string))
      const schema = await desk.schema(request, response, subject)
      const verdict = await desk.registry.check(subject, schema, against, { normalize: normalizeIn(request) })
      const isVerbose = flag(request, 'verbose')
      if (verdict instanceof RegistryRefusal) {
        if (verdict.code !== 42201 || !isVerbose) throw problemOf(verdict)
        return void response.json({ is_compatible: false, messages: [verdict.message] })
      }
      response.json({ is_compatible: verdict.messages.length === 0, ...isVerbose && { messages: verdict.messages } })
    }).all(allowOnly('POST'))
  }
  return router
}
