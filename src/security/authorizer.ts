// The one authorizer behind every way in. Super users may do anything; otherwise the ACLs of the store decide, and what they do not mention
// is refused. Actions of an API in AWS's manner are judged by the policy of their resource, too: a DENY of either side wins, an ALLOW of either is enough.
// Each refusal, each change of authority and what a policy let through goes to the audit log. The index is rebuilt when the store shows a new set, so a
// change is seen by the very next question.
import type {
  AclBinding, AclFilter, AclNeed, AclOperation, AclStore, ActionAccess, ActionDecision, ActionRequest, Caller, NewPolicy, ResourceType,
} from '../ports.ts'
import { Refusal } from '../ports.ts'
import type { AclQuestion } from './acl.ts'
import { AclIndex } from './acl.ts'
import { bindingKey, describeBinding, matchesFilter, refuseBinding } from './acl-bindings.ts'
import type { Audit } from './audit.ts'
import { formatPrincipal } from './principal.ts'
import type { ResourcePolicies } from './resource-policies.ts'

/** The index is built anew on each change: with so many that takes some 20 ms. */
const bindingsMax = 20_000

export interface AuthorizerOptions {
  readonly store: AclStore
  readonly audit: Audit
  /** Absent where resources have none. */
  readonly policies?: ResourcePolicies
  /** `User:CN=admin` and its like: allowed everything, whatever the ACLs say. */
  readonly superUsers: readonly string[]
  /** Kafka's allow.everyone.if.no.acl.found: a resource without any ACL is open to all. */
  readonly allowEveryoneIfNoAcl: boolean
}

export class Authorizer implements ActionAccess {
  readonly #store: AclStore
  readonly #audit: Audit
  readonly #policies: ResourcePolicies | undefined
  readonly #superUsers: ReadonlySet<string>
  readonly #allowEveryoneIfNoAcl: boolean
  #bindings: readonly AclBinding[] = []
  #index = new AclIndex([])

  constructor(options: AuthorizerOptions) {
    this.#store = options.store
    this.#audit = options.audit
    this.#policies = options.policies
    this.#superUsers = new Set(options.superUsers)
    this.#allowEveryoneIfNoAcl = options.allowEveryoneIfNoAcl
  }

  allows(who: Caller, operation: AclOperation, resourceType: ResourceType, resourceName: string): boolean {
    const allowed = this.wouldAllow(who, operation, resourceType, resourceName)
    if (!allowed) this.#recordRefusal(who, operation, `${resourceType}:${resourceName}`)
    return allowed
  }

  wouldAllow(who: Caller, operation: AclOperation, resourceType: ResourceType, resourceName: string): boolean {
    const principal = formatPrincipal(who.principal)
    if (this.#superUsers.has(principal)) return true
    const question: AclQuestion = { principal, host: who.host, operation, resourceType }
    const decision = this.#currentIndex().decide(question, resourceName)
    return decision === 'allow' || (decision === 'no-acl' && this.#allowEveryoneIfNoAcl)
  }

  allowsAny(who: Caller, operation: AclOperation, resourceType: ResourceType): boolean {
    const principal = formatPrincipal(who.principal)
    if (this.#superUsers.has(principal)) return true
    const decision = this.#currentIndex().decideAny({ principal, host: who.host, operation, resourceType })
    const allowed = decision === 'allow' || (decision === 'no-acl' && this.#allowEveryoneIfNoAcl)
    if (!allowed) this.#recordRefusal(who, operation, `${resourceType}:(any)`)
    return allowed
  }

  judge(who: Caller, { action, resources, needs, isEncrypted }: ActionRequest): ActionDecision {
    const principal = formatPrincipal(who.principal)
    if (this.#superUsers.has(principal)) return 'allowed'
    let missing: AclNeed | undefined
    for (const need of needs) {
      const { operation, resourceType, resourceName } = need
      const decision = this.#currentIndex().decide({ principal, host: who.host, operation, resourceType }, resourceName)
      if (decision === 'deny') {
        this.#recordRefusal(who, operation, nameOf(need), `${action}: denied by an ACL`)
        return 'denied-by-acl'
      }
      if (decision !== 'allow' && !(decision === 'no-acl' && this.#allowEveryoneIfNoAcl)) missing ??= need
    }
    const said = this.#policies?.ask(resources, { principal: who.principal, host: who.host, isEncrypted, action })
    if (said?.effect === 'Deny') {
      this.#recordRefusal(who, action, said.resource, `denied by the statement ${said.statement} of its policy`)
      return 'denied-by-policy'
    }
    if (missing === undefined) return 'allowed'
    if (said === undefined) {
      this.#recordRefusal(who, missing.operation, nameOf(missing), `${action}: no ACL and no policy allows it`)
      return 'not-allowed'
    }
    this.#audit.record({
      kind: 'access', outcome: 'allowed', principal, host: who.host, operation: action, resource: said.resource,
      reason: `allowed by the statement ${said.statement} of its policy, and by no ACL`,
    })
    return 'allowed'
  }

  policyOf(resource: string): string | undefined {
    return this.#policies?.textOf(resource)
  }

  async putPolicy(policy: NewPolicy, by: Caller): Promise<null | Refusal> {
    return this.#policies === undefined ? noPolicies : this.#policies.put(policy, by)
  }

  async removePolicy(resource: string, by: Caller): Promise<null | Refusal> {
    return this.#policies === undefined ? noPolicies : this.#policies.remove(resource, by)
  }

  list(filter: AclFilter): readonly AclBinding[] {
    return this.#store.all().filter(binding => matchesFilter(binding, filter))
  }

  async create(bindings: readonly AclBinding[], by: Caller): Promise<readonly (null | Refusal)[]> {
    const kept = new Set(this.#store.all().map(bindingKey))
    const added: AclBinding[] = []
    const answers = bindings.map(binding => {
      const refusal = refuseBinding(binding)
      if (refusal !== null) return refusal
      const key = bindingKey(binding)
      if (kept.has(key)) return null
      if (kept.size >= bindingsMax) return new Refusal('policy-violation', `there are ${bindingsMax} ACLs, and no more are kept`)
      kept.add(key)
      added.push(binding)
      return null
    })
    if (added.length > 0) await this.#store.add(added)
    for (const binding of added) this.#recordChange(by, 'create-acl', binding)
    return answers
  }

  async delete(filters: readonly AclFilter[], by: Caller): Promise<readonly (readonly AclBinding[])[]> {
    const all = this.#store.all()
    const answers = filters.map((filter) => all.filter(binding => matchesFilter(binding, filter)))
    const removed = [...new Set(answers.flat())]
    if (removed.length > 0) await this.#store.remove(removed)
    for (const binding of removed) this.#recordChange(by, 'delete-acl', binding)
    return answers
  }

  #currentIndex(): AclIndex {
    const bindings = this.#store.all()
    if (bindings !== this.#bindings) {
      this.#index = new AclIndex(bindings)
      this.#bindings = bindings
    }
    return this.#index
  }

  #recordRefusal(who: Caller, operation: string, resource: string, reason?: string): void {
    this.#audit.record({
      kind: 'access', outcome: 'denied', principal: formatPrincipal(who.principal), host: who.host, operation, resource, ...(reason === undefined ? {} : { reason }),
    })
  }

  #recordChange(by: Caller, operation: string, binding: AclBinding): void {
    const { resourceType, resourceName } = binding
    this.#audit.record({
      kind: 'authority', outcome: 'allowed', principal: formatPrincipal(by.principal), host: by.host, operation,
      resource: `${resourceType}:${resourceName}`, reason: describeBinding(binding),
    })
  }
}

/** For the audit log. */
function nameOf({ resourceType, resourceName }: AclNeed): string {
  return `${resourceType}:${resourceName}`
}

const noPolicies = new Refusal('unsupported', 'resources have no policies here')

/** With these a policy is looked at and lifted: where there are no super users, it must not stand in its own way. */
const policyActions: ReadonlySet<string> = new Set(['kinesis:GetResourcePolicy', 'kinesis:PutResourcePolicy', 'kinesis:DeleteResourcePolicy'])

/**
 * The access of `--dev`: everything is allowed but what the policy of a resource denies, and since no ACL would mean anything, none is kept. Attempts to change ACLs
 * are audited.
 */
export function allowAll(audit: Audit, policies?: ResourcePolicies): ActionAccess {
  return {
    allows: () => true,
    allowsAny: () => true,
    wouldAllow: () => true,
    judge: ({ principal, host }, { action, resources, isEncrypted }) => {
      const said = policyActions.has(action) ? undefined : policies?.ask(resources, { principal, host, isEncrypted, action })
      if (said?.effect !== 'Deny') return 'allowed'
      audit.record({
        kind: 'access', outcome: 'denied', principal: formatPrincipal(principal), host, operation: action, resource: said.resource,
        reason: `denied by the statement ${said.statement} of its policy`,
      })
      return 'denied-by-policy'
    },
    policyOf: resource => policies?.textOf(resource),
    putPolicy: async (policy, by) => policies?.put(policy, by) ?? noPolicies,
    removePolicy: async (resource, by) => policies?.remove(resource, by) ?? noPolicies,
    list: () => [],
    create: async (bindings, by) => bindings.map(binding => {
      audit.record({
        kind: 'authority', outcome: 'denied', principal: formatPrincipal(by.principal), host: by.host, operation: 'create-acl',
        resource: `${binding.resourceType}:${binding.resourceName}`, reason: describeBinding(binding),
      })
      return new Refusal('unsupported', 'this server was started with --dev: everything is allowed, and ACLs are not kept')
    }),
    delete: async (filters) => filters.map(() => []),
  }
}
