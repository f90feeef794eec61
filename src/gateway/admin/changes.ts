// The line that every change by an administrator leaves in the audit log.
import type { Caller } from '../../ports.ts'
import type { Audit } from '../../security/audit.ts'
import { formatPrincipal } from '../../security/principal.ts'

export interface Change {
  /** 'create-topic', 'stop-broker', … */
  readonly operation: string
  /** 'topic:orders', 'broker:2', … */
  readonly resource: string
  /** What it was changed to, in a few words. */
  readonly reason?: string
}

/** To be called once a change is made; for one that takes long, once it has begun. */
export function recordChange(audit: Audit, by: Caller, change: Change): void {
  audit.record({ kind: 'change', outcome: 'allowed', principal: formatPrincipal(by.principal), host: by.host, ...change })
}
