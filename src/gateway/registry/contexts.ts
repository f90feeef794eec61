// /contexts: which there are, and taking an empty one out of the list. A context is judged as the subject `:.name:`; the list also has those of which the caller
// may DESCRIBE a subject.
import { Router } from 'express'
import { contextNamed, contextOf, contextPrefix, defaultContext } from '../../registry/contexts.ts'
import { allowOnly, Problem } from '../problem.ts'
import type { RegistryDesk } from './desk.ts'
import { page, text } from './parameters.ts'
import { answered } from './refusals.ts'

export function contextRoutes(desk: RegistryDesk): Router {
  const { registry } = desk
  const { store } = registry
  const router = Router({ caseSensitive: true, strict: true })

  router.route('/contexts').get((request, response) => {
    const prefix = text(request, 'contextPrefix') ?? ''
    const withSubjects = new Set(store.subjects('all').filter(subject => desk.may(response, 'describe', subject)).map(contextOf))
    const isShown = (context: string): boolean => context === defaultContext || withSubjects.has(context) || desk.may(response, 'describe', contextPrefix(context))
    response.json(page(request, store.contexts().filter(context => context.startsWith(prefix) && isShown(context))))
  }).all(allowOnly('GET'))

  router.route('/contexts/:context').delete(async (request, response) => {
    const context = contextNamed(request.params['context'] as string)
    if (context === undefined) throw new Problem(400, 'Context name cannot contain a colon')
    desk.expect(response, 'delete', contextPrefix(context) === '' ? ':.:' : contextPrefix(context))
    answered(await registry.deleteContext(context))
    response.status(204).end()
  }).all(allowOnly('DELETE'))

  return router
}
