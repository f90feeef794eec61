// Access keys for signing requests: how they are made, for good or for a time, and how those whose time is over are removed.
import { type AccessKey, type AccessKeys, type Principal, Refusal } from '../ports.ts'
import type { Clock, Logger, Random } from '../world/world.ts'
import type { Audit } from './audit.ts'
import { formatPrincipal } from './principal.ts'

/** The longest that AWS gives a session token to a user. */
export const sessionSecondsMax = 129_600

/** Ids and secrets have AWS's shapes: AKIA (ASIA for a temporary key) and 16 characters of base32, 40 characters of base64. */
export function newAccessKey(random: Random, { principal, nowMs, durationSeconds }: { principal: Principal; nowMs: number; durationSeconds?: number | undefined }): AccessKey {
  const base32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  const id = Array.from(random.bytes(16), byte => base32[byte & 31]!).join('')
  const key = { secret: random.bytes(30).toString('base64'), principal, createdAtMs: nowMs }
  if (durationSeconds === undefined) return { id: `AKIA${id}`, ...key }
  return { id: `ASIA${id}`, ...key, session: { token: random.bytes(96).toString('base64'), expiresAtMs: nowMs + durationSeconds * 1_000 } }
}

/** Everything of `accessKeys`, and one more key that is kept nowhere. */
export function withAccessKey(accessKeys: AccessKeys, key: AccessKey): AccessKeys {
  return {
    find: id => (id === key.id ? key : accessKeys.find(id)),
    all: () => [key, ...accessKeys.all()],
    add: async added => (added.id === key.id ? new Refusal('duplicate-resource', `access key '${key.id}' exists`) : accessKeys.add(added)),
    remove: async id => (id === key.id ? new Refusal('policy-violation', `access key '${id}' belongs to --dev and cannot be deleted`) : accessKeys.remove(id)),
  }
}

/** Who comes back late is told for so long that the token is expired; then nothing is left of the key, and it is unknown. */
const keptExpiredMs = 3_600_000
const sweepEveryMs = 600_000

/** Removes temporary keys some time after they have expired, now and every ten minutes until disposed of. */
export function removeExpired(parts: { accessKeys: AccessKeys; clock: Clock; audit: Audit; logger: Logger }): Disposable {
  const { accessKeys, clock, audit, logger } = parts
  const sweep = async (): Promise<void> => {
    for (const { id, principal, session } of accessKeys.all()) {
      if (session === undefined || clock.now() < session.expiresAtMs + keptExpiredMs) continue
      // Somebody else may have been quicker, and what fails is tried again with the next sweep.
      if (await accessKeys.remove(id) instanceof Refusal) continue
      audit.record({
        kind: 'credential', outcome: 'allowed', principal: formatPrincipal(principal), host: '', operation: 'delete-access-key', resource: `access-key:${id}`,
        reason: `expired at ${new Date(session.expiresAtMs).toISOString()}`,
      })
    }
  }
  const run = (): void => void sweep().catch((error: unknown) => logger.warn({ err: error }, 'expired access keys could not be removed; they are refused all the same'))
  const next = (): void => {
    run()
    timer = clock.after(sweepEveryMs, next)
  }
  let timer = clock.after(0, next)
  return { [Symbol.dispose]: () => timer.cancel() }
}
