// Who may ask what. Every API declares an access rule beside its handler, and one without does not compile. A rule looks at the request before the
// handler does: it answers in its place, or lets it see only what is allowed and adds the denials to its answer. What is denied reads
// the same whether it exists or not.
import { clusterResource, type AclOperation, type ResourceType } from '../ports.ts'
import type { Context } from './context.ts'
import { denialOf } from './errors.ts'

/** `answer` refuses the whole; otherwise the handler gets `request`, and `complete` adds to its answer what was denied. */
export type Verdict<Q, R> = { readonly answer: R } | { readonly request: Q; readonly complete?: (response: R) => R }

export interface AccessRule<Q, R> {
  /** What is asked of the ACLs, in a few words: 'WRITE Topic'. Shown in tables, checked by tests. */
  readonly needs: string
  judge(request: Q, context: Context): Verdict<Q, R> | Promise<Verdict<Q, R>>
}

/** Anybody who got as far as sending a request. */
export function open<Q, R>(): AccessRule<Q, R> {
  return { needs: 'nothing', judge: request => ({ request }) }
}

/** The operation on the cluster; `refuse` shapes the answer to a caller who may not. */
export function onCluster<Q, R>(operation: AclOperation, refuse: (errorCode: number, request: Q) => R): AccessRule<Q, R> {
  return {
    needs: `${operation.toUpperCase()} Cluster`,
    judge: (request, context) => (context.may(operation, 'cluster', clusterResource) ? { request } : { answer: refuse(denialOf('cluster'), request) }),
  }
}

/** The operation on the one group that the request names. */
export function onGroup<Q, R>(operation: AclOperation, how: {
  group: (request: Q) => string
  refuse: (errorCode: number, request: Q) => R
}): AccessRule<Q, R> {
  return {
    needs: `${operation.toUpperCase()} Group`,
    judge: (request, context) => (context.may(operation, 'group', how.group(request)) ? { request } : { answer: how.refuse(denialOf('group'), request) }),
  }
}

/** The operation on every resource that an item of the request names; the others are still served. */
export function onEach<Q, R, Item>(operation: AclOperation, type: ResourceType, how: {
  items: (request: Q) => readonly Item[]
  /** The resource's name. Undefined where the item names nothing that exists: the handler says so itself. */
  name: (item: Item, context: Context) => string | undefined | Promise<string | undefined>
  /** The request without the denied items. */
  keep: (request: Q, allowed: readonly Item[]) => Q
  /** The answer with one more entry for each denied item. */
  refuse: (response: R, denied: readonly Item[], errorCode: number) => R
}): AccessRule<Q, R> {
  return {
    needs: `${operation.toUpperCase()} ${type}`,
    async judge(request, context) {
      const items = how.items(request)
      const allowed: Item[] = []
      const denied: Item[] = []
      for (const item of items) {
        const found = how.name(item, context)
        const name = found instanceof Promise ? await found : found
        const mayPass = name === undefined || context.may(operation, type, name)
        if (mayPass) allowed.push(item)
        else denied.push(item)
      }
      if (denied.length === 0) return { request }
      return { request: how.keep(request, allowed), complete: response => how.refuse(response, denied, denialOf(type)) }
    },
  }
}

/** For rules that none of the others can say. `needs` says it in words. */
export function byRule<Q, R>(needs: string, judge: AccessRule<Q, R>['judge']): AccessRule<Q, R> {
  return { needs, judge }
}

/**
 * For APIs that show a caller the part he may see: the handler asks `context.may` for each thing it would show.
 * `needs` says what it asks.
 */
export function filtered<Q, R>(needs: string): AccessRule<Q, R> {
  return { needs, judge: request => ({ request }) }
}
