// The schema registry's HTTP API, as Confluent's clients speak it: paths, content types, names of members, error bodies. This file says what is there and which
// media types go in and out; each resource has a file of its own.
import { Router, type Request, type Response } from 'express'
import { BodyBudget } from '../body.ts'
import { allowOnly, Problem } from '../problem.ts'
import { associationRoutes } from './associations.ts'
import { compatibilityRoutes } from './compatibility.ts'
import { configRoutes } from './config.ts'
import { withoutContext } from './context-paths.ts'
import { contextRoutes } from './contexts.ts'
import { RegistryDesk, type RegistryRouterParts } from './desk.ts'
import { modeRoutes } from './mode.ts'
import { schemaRoutes } from './schemas.ts'
import { serverMetadataRoutes } from './server-metadata.ts'
import { subjectRoutes } from './subjects.ts'
import { versionRoutes } from './versions.ts'

const bodyBytesInFlightMax = 32 * 1024 * 1024
/** In the order in which a client that takes anything gets them. */
const answerTypes = ['application/vnd.schemaregistry.v1+json', 'application/vnd.schemaregistry+json', 'application/json']

/** To be mounted behind the authentication, at the root; passes on what is not a path of the registry. */
export function registryRouter(parts: RegistryRouterParts): Router {
  const desk = new RegistryDesk(parts, new BodyBudget(bodyBytesInFlightMax))
  const router = Router({ caseSensitive: true, strict: true })
  router.use((request, response, next) => {
    request.url = withoutContext(request.url)
    if (!isRegistryPath(request.path)) return next()
    const type = request.accepts(answerTypes)
    if (type === false) throw new Problem(406, 'HTTP 406 Not Acceptable')
    response.type(type)
    next()
  })
  const alive = (_request: Request, response: Response): void => void response.json({})
  router.route('/').get(alive).post(alive).all(allowOnly('GET', 'POST'))
  for (const routes of [subjectRoutes, versionRoutes, schemaRoutes, configRoutes, modeRoutes, compatibilityRoutes, contextRoutes, associationRoutes]) router.use(routes(desk))
  router.use(serverMetadataRoutes(parts))
  return router
}

function isRegistryPath(path: string): boolean {
  return path === '/' || /^\/(?:subjects|schemas|config|mode|compatibility|contexts|associations(?::batch(?:Get|Mutate)?)?|v1\/metadata)(?:\/|$)/.test(path)
}
