// /config: settings of the registry, of contexts and of subjects. DESCRIBE_CONFIGS to see them, ALTER_CONFIGS to change them.
import { Router } from 'express'
import { defaultLevel, updatedConfig } from '../../registry/configs.ts'
import { refusals } from '../../registry/errors.ts'
import { allowOnly } from '../problem.ts'
import { readConfigUpdate } from './bodies.ts'
import type { RegistryDesk } from './desk.ts'
import { flag } from './parameters.ts'
import { answered, problemOf } from './refusals.ts'

export function configRoutes(desk: RegistryDesk): Router {
  const { registry } = desk
  const router = Router({ caseSensitive: true, strict: true })
  for (const path of ['/config', '/config/:subject']) {
    router.route(path).get((request, response) => {
      const scope = desk.scope(request, response, 'describe-configs')
      const own = registry.store.config(scope)
      if (flag(request, 'defaultToGlobal')) return void response.json(registry.inheritedConfig(scope))
      if (own === undefined && scope !== null) throw problemOf(refusals.noSubjectConfig(scope))
      response.json(scope === null ? updatedConfig({ compatibilityLevel: defaultLevel }, own ?? {}) : own)
    }).put(async (request, response) => {
      const scope = desk.scope(request, response, 'alter-configs')
      const update = readConfigUpdate(await desk.json(request, response))
      answered(await registry.updateConfig(scope, update))
      // What was asked for comes back under the request's names: `compatibility`, where GET says `compatibilityLevel`.
      const { compatibilityLevel, ...rest } = update
      const given = Object.entries({ ...rest, compatibility: compatibilityLevel }).filter(([, value]) => value != null)
      response.json(Object.fromEntries(given))
    }).delete(async (request, response) => {
      const scope = desk.scope(request, response, 'alter-configs')
      response.json(answered(await registry.deleteConfig(scope)))
    }).all(allowOnly('GET', 'PUT', 'DELETE'))
  }
  return router
}
