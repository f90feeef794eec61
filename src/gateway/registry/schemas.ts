// /schemas: all versions of all subjects, and schemas by id and by guid. Shown is what the caller may READ of the subjects that have them.
import { Router, type Request, type Response } from 'express'
import { type Association, filtered } from '../../registry/associations.ts'
import { contextOf, defaultContext, everyContext, normalSubject, splitSubject } from '../../registry/contexts.ts'
import { refusals } from '../../registry/errors.ts'
import { hasRuleOfType } from '../../registry/rule-set.ts'
import { schemaTypes } from '../../registry/schema.ts'
import type { SchemaVersion } from '../../registry/store.ts'
import { allowOnly } from '../problem.ts'
import { answerArray } from './array-answer.ts'
import { idAnswer, textOf, versionAnswer } from './answers.ts'
import { answerOf, filterIn } from './associations.ts'
import type { RegistryDesk } from './desk.ts'
import { flag, page, text, texts } from './parameters.ts'
import { problemOf } from './refusals.ts'

const schemasListedMax = 1_000

interface Shared {
  /** All versions with the id in its context that the caller may read. */
  readonly readable: readonly SchemaVersion[]
  /** The one that is meant. */
  readonly chosen: SchemaVersion
}

export function schemaRoutes(desk: RegistryDesk): Router {
  const { registry } = desk
  const { store } = registry
  const router = Router({ caseSensitive: true, strict: true })

  /**
   * What has the id of the path. `?subject=` says in which context, and which subject is meant: one of the default context is also sought in the others, and
   * passed over where it does not have the id anywhere.
   */
  const withId = (request: Request, response: Response): Shared => {
    const idText = request.params['id'] as string
    const id = /^\d{1,10}$/.test(idText) ? Number(idText) : -1
    const asked = registry.aliased(normalSubject(text(request, 'subject') ?? ''))
    const { subject, context } = splitSubject(asked)
    const has = (name: string): boolean => store.withId(id, contextOf(name)).some(each => each.subject === name)
    const named = subject === '' ? undefined : desk.sameName(response, asked).find(has)
    const versions = store.withId(id, contextOf(named ?? asked))
    const isElsewhere = subject !== '' && named === undefined && context !== defaultContext
    if (versions.length === 0 || isElsewhere) throw problemOf(refusals.schemaNotFound(idText.slice(0, 64)))
    const readable = versions.filter(each => desk.mayRead(response, each))
    // One refusal for the audit log, of the subject that was meant; its name is told only to who said it.
    if (readable.length === 0) desk.expect(response, 'read', named ?? versions[0]!.subject, named === undefined ? `of schema ${id}` : text(request, 'subject'))
    return { readable, chosen: readable.find(each => each.subject === named) ?? readable[0]! }
  }
  /** Of the versions that share the id, those that are asked for. */
  const listed = (request: Request, response: Response): readonly SchemaVersion[] => {
    const subject = registry.aliased(normalSubject(text(request, 'subject') ?? ''))
    const { readable } = withId(request, response)
    return readable.filter(each => (flag(request, 'deleted') || !each.deleted) && (splitSubject(subject).subject === '' || each.subject === subject))
  }

  router.route('/schemas').get(async (request, response) => {
    const prefix = text(request, 'subjectPrefix') ?? ''
    const which = flag(request, 'deleted') ? 'all' : 'live'
    const ruleType = text(request, 'ruleType') ?? ''
    const aliases = flag(request, 'aliases') ? aliasesBelow(prefix) : new Map<string, string[]>()
    const ofResources = ['resourceType', 'associationType', 'lifecycle'].some(name => texts(request, name).some(value => value !== '')) ? filterIn(request) : undefined
    const associationsOf = (subject: string): Association[] => (ofResources === undefined ? [] : filtered(store.associations.ofSubject(subject), ofResources))
    const names = [...new Set([...store.subjects(which, prefix), ...aliases.keys()])].filter(subject => ofResources === undefined || associationsOf(subject).length > 0)
    const readable = names.filter(subject => desk.may(response, 'read', subject)).toSorted()
    const versions = readable.flatMap(subject => (flag(request, 'latestOnly') ? store.versions(subject, which).slice(-1) : store.versions(subject, which)))
    const wanted = ruleType === '' ? versions : versions.filter(each => hasRuleOfType(each.ruleSet, ruleType))
    await answerArray(response, Iterator.from(page(request, wanted, schemasListedMax)).map(each => {
      const others = (aliases.get(each.subject) ?? []).filter(alias => desk.may(response, 'read', alias))
      const associations = associationsOf(each.subject).map(answerOf)
      return { ...versionAnswer(registry, each, request), ...others.length > 0 && { aliases: others }, ...associations.length > 0 && { associations } }
    }))
  }).all(allowOnly('GET'))

  /** The subjects that others are aliases of, with those, as far as the aliases begin with the prefix. */
  function aliasesBelow(prefix: string): Map<string, string[]> {
    const isBelow = (name: string): boolean => (
      prefix.startsWith(everyContext) ? splitSubject(name).subject.startsWith(prefix.slice(everyContext.length)) : name.startsWith(prefix)
    )
    const found = new Map<string, string[]>()
    for (const [alias] of store.configured()) {
      if (alias === null || !isBelow(alias)) continue
      const target = registry.aliased(alias)
      if (target === alias) continue
      const others = found.get(target)
      if (others === undefined) found.set(target, [alias])
      else others.push(alias)
    }
    return found
  }

  router.route('/schemas/types').get((_request, response) => void response.json(schemaTypes)).all(allowOnly('GET'))

  router.route('/schemas/ids/:id').get((request, response) => {
    const { chosen } = withId(request, response)
    const maxId = flag(request, 'fetchMaxId') ? { maxId: store.highestIdIn(contextOf(chosen.subject)) } : {}
    response.json(idAnswer(registry, chosen, request, maxId))
  }).all(allowOnly('GET'))

  router.route('/schemas/ids/:id/schema').get((request, response) => {
    response.send(textOf(registry, withId(request, response).chosen, request))
  }).all(allowOnly('GET'))

  router.route('/schemas/ids/:id/subjects').get((request, response) => {
    response.json(page(request, [...new Set(listed(request, response).map(each => each.subject))].toSorted()))
  }).all(allowOnly('GET'))

  router.route('/schemas/ids/:id/versions').get((request, response) => {
    response.json(page(request, listed(request, response).map(({ subject, version }) => ({ subject, version }))))
  }).all(allowOnly('GET'))

  /** Versions with the guid of the path that the caller may read, one of each context and id. */
  const withGuid = (request: Request, response: Response): readonly SchemaVersion[] => {
    const guid = request.params['guid'] as string
    const versions = store.contexts().flatMap(context => schemaTypes.flatMap(type => {
      return store.idsOf(guid, type, context).flatMap(id => store.withId(id, context).find(each => desk.mayRead(response, each)) ?? [])
    }))
    if (versions.length === 0) throw problemOf(refusals.schemaNotFound(guid.slice(0, 64)))
    return versions
  }
  router.route('/schemas/guids/:guid').get((request, response) => {
    response.json(idAnswer(registry, withGuid(request, response)[0]!, request, { isOfGuid: true }))
  }).all(allowOnly('GET'))
  router.route('/schemas/guids/:guid/ids').get((request, response) => {
    response.json(withGuid(request, response).map(({ subject, id }) => ({ context: contextOf(subject), id })))
  }).all(allowOnly('GET'))

  return router
}
