// /mode: whether the registry, a context or a subject takes schemas, and whose ids. DESCRIBE_CONFIGS to see it, ALTER_CONFIGS to change it.
import { Router } from 'express'
import { refusals } from '../../registry/errors.ts'
import { allowOnly } from '../problem.ts'
import { readMode } from './bodies.ts'
import type { RegistryDesk } from './desk.ts'
import { flag } from './parameters.ts'
import { answered, problemOf } from './refusals.ts'

export function modeRoutes(desk: RegistryDesk): Router {
  const { registry } = desk
  const router = Router({ caseSensitive: true, strict: true })
  for (const path of ['/mode', '/mode/:subject']) {
    router.route(path).get((request, response) => {
      const scope = desk.scope(request, response, 'describe-configs')
      const isOverridden = registry.mode(scope) === 'READONLY_OVERRIDE'
      const hasOwn = scope === null || flag(request, 'defaultToGlobal') || isOverridden || registry.store.mode(scope) !== undefined
      if (!hasOwn) throw problemOf(refusals.noSubjectMode(scope))
      response.json({ mode: registry.mode(scope) })
    }).put(async (request, response) => {
      const scope = desk.scope(request, response, 'alter-configs')
      const mode = readMode(await desk.json(request, response))
      response.json({ mode: answered(await registry.updateMode(scope, mode, { force: flag(request, 'force') })) })
    }).delete(async (request, response) => {
      const scope = desk.scope(request, response, 'alter-configs')
      response.json({ mode: answered(await registry.deleteMode(scope, { recursive: flag(request, 'recursive') })) })
    }).all(allowOnly('GET', 'PUT', 'DELETE'))
  }
  return router
}
