// Policies that resources have: each a document of kind 'resource-policy' in the catalog, which goes with the resource's topic. What one says is asked by the authorizer alone,
// with every request, so each is parsed once per version. One that can no longer be read (the account has another number, a later version wrote it) denies everything.
import { type Caller, type Document, type Documents, type NewPolicy, Refusal } from '../ports.ts'
import type { Audit } from './audit.ts'
import { PolicyFault } from './policy-conditions.ts'
import { askPolicy, parsePolicy, type Policy, type PolicyQuestion, type PolicyVerdict } from './policy-document.ts'
import { formatPrincipal } from './principal.ts'

export interface ResourcePoliciesOptions {
  readonly documents: Documents
  readonly audit: Audit
  readonly account: string
  readonly region: string
  readonly now: () => number
}

interface Kept {
  /** The whole ARN of what it was put on. */
  readonly resource: string
  readonly policy: string
}

type Question = Omit<PolicyQuestion, 'nowMs' | 'account' | 'region'>

const unreadable: PolicyVerdict = { effect: 'Deny', statement: 'none that can be read' }

export class ResourcePolicies {
  readonly #options: ResourcePoliciesOptions
  readonly #parsed = new WeakMap<Document, Kept & { readonly read: Policy | PolicyFault }>()

  constructor(options: ResourcePoliciesOptions) {
    this.#options = options
  }

  /** What the policies of these resources say of a request: a Deny before any Allow. Undefined where none speaks of it. */
  ask(resources: readonly string[], question: Question): (PolicyVerdict & { readonly resource: string }) | undefined {
    let allow: (PolicyVerdict & { readonly resource: string }) | undefined
    for (const resource of resources) {
      const kept = this.#find(resource)
      if (kept === undefined) continue
      const { account, region, now } = this.#options
      const verdict = kept.read instanceof PolicyFault ? unreadable : askPolicy(kept.read, { ...question, account, region, nowMs: now() })
      if (verdict?.effect === 'Deny') return { ...verdict, resource: kept.resource }
      if (verdict !== undefined) allow = { ...verdict, resource: kept.resource }
    }
    return allow
  }

  /** The policy's text, as it was put. */
  textOf(resource: string): string | undefined {
    return this.#find(resource)?.policy
  }

  /** Takes the place of the one before, durably. Refused ('invalid-request') where it is no policy for the resource. */
  async put({ resource, policy, topicId, actions }: NewPolicy, by: Caller): Promise<null | Refusal> {
    const { documents, account } = this.#options
    const read = parsePolicy(policy, { resource, account, actions })
    if (read instanceof PolicyFault) return new Refusal('invalid-request', `The policy of ${resource} is not valid: ${read.message}.`)
    const key = keyOf(resource)
    for (;;) {
      const version = documents.find('resource-policy', key)?.version ?? 0
      const put = await documents.put({ kind: 'resource-policy', key, value: JSON.stringify({ resource, policy } satisfies Kept), topicId }, version)
      if (put instanceof Refusal && put.code === 'version-conflict') continue
      if (put instanceof Refusal) return put
      this.#changed(by, 'put-resource-policy', resource, `${read.statements.length} statements`)
      return null
    }
  }

  /** Refused ('resource-not-found') where there is none. */
  async remove(resource: string, by: Caller): Promise<null | Refusal> {
    const { documents } = this.#options
    for (;;) {
      const document = this.#find(resource) && documents.find('resource-policy', keyOf(resource))
      if (document === undefined) return new Refusal('resource-not-found', `No resource policy found for resource ARN ${resource}.`)
      const removed = await documents.remove(document.kind, document.key, document.version)
      if (removed instanceof Refusal && removed.code === 'version-conflict') continue
      if (removed === null) this.#changed(by, 'delete-resource-policy', resource)
      return removed
    }
  }

  #find(resource: string): (Kept & { readonly read: Policy | PolicyFault }) | undefined {
    const document = this.#options.documents.find('resource-policy', keyOf(resource))
    if (document === undefined) return undefined
    let kept = this.#parsed.get(document)
    if (kept === undefined) {
      const { resource: on, policy } = JSON.parse(document.value) as Kept
      this.#parsed.set(document, kept = { resource: on, policy, read: parsePolicy(policy, { resource: on, account: this.#options.account }) })
    }
    // One that had the resource's name before it, or that is asked for without saying which of them.
    const which = resource.split(':')[6]
    return which === undefined || which === kept.resource.split(':')[6] ? kept : undefined
  }

  #changed(by: Caller, operation: string, resource: string, reason?: string): void {
    this.#options.audit.record({
      kind: 'authority', outcome: 'allowed', principal: formatPrincipal(by.principal), host: by.host, operation, resource, ...(reason === undefined ? {} : { reason }),
    })
  }
}

/** What an ARN names, without its place, which a server may change, and without what tells it from an earlier one of its name: `stream/orders/consumer/billing`. */
function keyOf(arn: string): string {
  return arn.split(':')[5] ?? arn
}
