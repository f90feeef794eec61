// /v1/metadata: what kind of registry this is. Clients ask for it to find out what they can use.
import { Router } from 'express'
import { allowOnly } from '../problem.ts'
import type { RegistryRouterParts } from './desk.ts'

export function serverMetadataRoutes({ registry, version }: RegistryRouterParts): Router {
  const router = Router({ caseSensitive: true, strict: true })
  router.route('/v1/metadata/id').get((_request, response) => {
    response.json({ scope: { path: [], clusters: { 'kafka-cluster': registry.clusterId, 'schema-registry-cluster': 'schema-registry' } }, id: '' })
  }).all(allowOnly('GET'))
  router.route('/v1/metadata/version').get((_request, response) => void response.json({ version, commitId: '' })).all(allowOnly('GET'))
  router.route('/v1/metadata/deployment').get((_request, response) => void response.json({ attributes: [] })).all(allowOnly('GET'))
  return router
}
