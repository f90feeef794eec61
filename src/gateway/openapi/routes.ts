// `/openapi.json` and `/docs`: what the gateway's APIs are, for programs and for people. For whoever got this far: nothing in them depends on the data.
import { Router } from 'express'
import { allowOnly } from '../problem.ts'
import { openApiDocument } from './document.ts'
import { documentPage, pagePolicy } from './page.ts'

export function openApiRoutes({ version }: { readonly version: string }): Router {
  const router = Router({ caseSensitive: true, strict: true })
  let json: string | undefined
  let page: string | undefined
  router.route('/openapi.json')
    .get((_request, response) => {
      response.type('application/json').send(json ??= JSON.stringify(openApiDocument(version)))
    })
    .all(allowOnly('GET'))
  router.route('/docs')
    .get((_request, response) => {
      response.set({ 'content-security-policy': pagePolicy, 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' })
      response.type('text/html').send(page ??= documentPage(openApiDocument(version)))
    })
    .all(allowOnly('GET'))
  return router
}
