// Kafka's ACL rules (StandardAuthorizer), as an index over bindings that answers questions fast. The rules:
//  · a matching DENY wins over any ALLOW, however specific either is
//  · a resource is matched by its literal name, by a prefixed name it starts with, and by the literal `*`
//  · principal and host match exactly, or by `User:*` and `*`; an operation matches itself and `all`
//  · an ALLOW of read, write, delete or alter implies describe, of alter-configs describe-configs; a DENY implies nothing
// What happens where nothing matches, and who is above the rules, is the authorizer's.
import type { AclBinding, AclOperation, ResourceType } from '../ports.ts'
import { everyone } from './principal.ts'

/** 'deny': a DENY matches. 'not-allowed': there are ACLs, and none of them allows. 'no-acl': the resource has no ACL at all, of anybody. */
export type AclDecision = 'allow' | 'deny' | 'not-allowed' | 'no-acl'

export interface AclQuestion {
  /** `User:CN=alice`. */
  readonly principal: string
  readonly host: string
  readonly operation: AclOperation
  readonly resourceType: ResourceType
}

export const wildcard = '*'

/** One question costs a few map look-ups and a binary search, however many bindings there are. Immutable. */
export class AclIndex {
  readonly #types = new Map<ResourceType, TypeIndex>()

  constructor(bindings: readonly AclBinding[]) {
    for (const binding of bindings) {
      let type = this.#types.get(binding.resourceType)
      if (type === undefined) this.#types.set(binding.resourceType, type = { literal: new Map(), prefixed: new Map(), sorted: [] })
      const entries = type[binding.patternType]
      let entry = entries.get(binding.resourceName)
      if (entry === undefined) entries.set(binding.resourceName, entry = new Entry(binding.resourceName))
      entry.add(binding)
    }
    for (const type of this.#types.values()) type.sorted = linkPrefixes([...type.prefixed.values()])
  }

  /** `resourceName` is literal; '' is matched by the wildcard alone. */
  decide(question: AclQuestion, resourceName: string): AclDecision {
    const type = this.#types.get(question.resourceType)
    if (type === undefined) return 'no-acl'
    let found = 0
    const all = type.literal.get(wildcard)
    if (all !== undefined) found |= all.ask(question)
    if (resourceName !== wildcard) {
      const named = type.literal.get(resourceName)
      if (named !== undefined) found |= named.ask(question)
    }
    for (let entry = lastUpTo(type.sorted, resourceName); entry !== undefined; entry = entry.parent) {
      if (resourceName.startsWith(entry.name)) found |= entry.ask(question)
    }
    return decisionOf(found)
  }

  /** Whether some resource name of the type would be allowed (KIP-679). A name that no ACL mentions counts: infinitely many exist. */
  decideAny(question: AclQuestion): Exclude<AclDecision, 'deny'> {
    const type = this.#types.get(question.resourceType)
    if (type === undefined) return 'no-acl'
    const all = type.literal.get(wildcard)?.ask(question) ?? 0
    if ((all & denied) !== 0) return 'not-allowed'
    if ((all & allowed) !== 0) return 'allow'
    for (const entry of type.literal.values()) {
      if ((entry.ask(question) & allowed) !== 0 && this.decide(question, entry.name) === 'allow') return 'allow'
    }
    for (const entry of type.sorted) {
      if ((entry.ask(question) & allowed) === 0) continue
      let found = 0
      for (let outer: Entry | undefined = entry; outer !== undefined; outer = outer.parent) found |= outer.ask(question)
      if ((found & denied) === 0) return 'allow'
    }
    return all === 0 ? 'no-acl' : 'not-allowed'
  }
}

interface TypeIndex {
  readonly literal: Map<string, Entry>
  readonly prefixed: Map<string, Entry>
  /** The prefixed entries by name. */
  sorted: Entry[]
}

/** Bits of what an entry says to a question. */
const hasAcl = 1
const allowed = 2
const denied = 4

function decisionOf(found: number): AclDecision {
  if (found === 0) return 'no-acl'
  if ((found & denied) !== 0) return 'deny'
  return (found & allowed) === 0 ? 'not-allowed' : 'allow'
}

/** All bindings of one resource pattern: per principal and host a bit per operation. */
class Entry {
  readonly name: string
  /** For prefixed entries: the longest other prefix that this one starts with. */
  parent: Entry | undefined
  readonly #grants = new Map<string, Map<string, { allow: number; deny: number }>>()

  constructor(name: string) {
    this.name = name
  }

  add(binding: AclBinding): void {
    let hosts = this.#grants.get(binding.principal)
    if (hosts === undefined) this.#grants.set(binding.principal, hosts = new Map())
    let grant = hosts.get(binding.host)
    if (grant === undefined) hosts.set(binding.host, grant = { allow: 0, deny: 0 })
    if (binding.permission === 'allow') grant.allow |= allowMasks[binding.operation]
    else grant.deny |= denyMasks[binding.operation]
  }

  ask(question: AclQuestion): number {
    const bit = bits[question.operation]
    return hasAcl | this.#askAs(question.principal, question.host, bit) | this.#askAs(everyone, question.host, bit)
  }

  #askAs(principal: string, host: string, bit: number): number {
    const hosts = this.#grants.get(principal)
    if (hosts === undefined) return 0
    let found = 0
    const anywhere = hosts.get(wildcard)
    if (anywhere !== undefined) found |= ((anywhere.allow & bit) === 0 ? 0 : allowed) | ((anywhere.deny & bit) === 0 ? 0 : denied)
    const here = hosts.get(host)
    if (here !== undefined) found |= ((here.allow & bit) === 0 ? 0 : allowed) | ((here.deny & bit) === 0 ? 0 : denied)
    return found
  }
}

const bits = {
  'all': 1, 'read': 2, 'write': 4, 'create': 8, 'delete': 16, 'alter': 32, 'describe': 64, 'cluster-action': 128, 'describe-configs': 256,
  'alter-configs': 512, 'idempotent-write': 1024,
} as const satisfies Record<AclOperation, number>

const every = 2047
const denyMasks: Record<AclOperation, number> = { ...bits, all: every }
const allowMasks: Record<AclOperation, number> = {
  ...denyMasks,
  'read': bits.read | bits.describe,
  'write': bits.write | bits.describe,
  'delete': bits.delete | bits.describe,
  'alter': bits.alter | bits.describe,
  'alter-configs': bits['alter-configs'] | bits['describe-configs'],
}

/**
 * Sorts by name and links each entry to its nearest enclosing prefix. In this order everything between a prefix and a name that starts
 * with it starts with it too, so the entries that enclose a name are all on the chain of the last entry that sorts up to it.
 */
function linkPrefixes(entries: Entry[]): Entry[] {
  entries.sort((a, b) => (a.name < b.name ? -1 : 1))
  let before: Entry | undefined
  for (const entry of entries) {
    let parent: Entry | undefined = before
    while (parent !== undefined && !entry.name.startsWith(parent.name)) parent = parent.parent
    entry.parent = parent
    before = entry
  }
  return entries
}

function lastUpTo(sorted: readonly Entry[], name: string): Entry | undefined {
  let from = 0
  let to = sorted.length
  while (from < to) {
    const middle = (from + to) >> 1
    if (sorted[middle]!.name <= name) from = middle + 1
    else to = middle
  }
  return sorted[from - 1]
}
