// The account: its commitment to a minimum of billed throughput ("On-demand Advantage"), which unlocks warm throughput and more on-demand streams. One document (kind
// 'kinesis-account', by the account's id), absent as long as there never was a commitment.
import { z } from 'zod'
import { type Document, Refusal } from '../ports.ts'
import { type ValueOf, oneOf, structure, timestamp } from '../wire/operation.ts'
import type { Services } from './context.ts'
import { type AwsError, toAwsError } from './errors.ts'

/** A commitment lasts a day at least. */
const commitmentMsMin = 24 * 3_600_000

const accountSchema = z.object({
  commitment: z.object({
    startedAtMs: z.number(),
    /** When it ends or has ended; absent while nobody has asked for its end. */
    endsAtMs: z.number().optional(),
  }).optional(),
})
type AccountFacts = z.infer<typeof accountSchema>

const nothing: AccountFacts = {}
const parsed = new WeakMap<Document, AccountFacts>()

function accountFacts({ account, documents }: Pick<Services, 'account' | 'documents'>): AccountFacts {
  const document = documents.find('kinesis-account', account)
  if (document === undefined) return nothing
  const facts = parsed.get(document) ?? accountSchema.parse(JSON.parse(document.value))
  parsed.set(document, facts)
  return facts
}

export const commitmentShape = structure({
  Status: oneOf('ENABLED', 'DISABLED', 'ENABLED_UNTIL_EARLIEST_ALLOWED_END').required,
  StartedAt: timestamp(),
  EndedAt: timestamp(),
  EarliestAllowedEndAt: timestamp(),
})

export function commitmentOf(services: Pick<Services, 'account' | 'documents' | 'clock'>): ValueOf<typeof commitmentShape> {
  const { commitment } = accountFacts(services)
  if (commitment === undefined) return { Status: 'DISABLED' }
  const { startedAtMs: StartedAt, endsAtMs } = commitment
  const EarliestAllowedEndAt = StartedAt + commitmentMsMin
  if (endsAtMs === undefined) return { Status: 'ENABLED', StartedAt, EarliestAllowedEndAt }
  if (services.clock.now() < endsAtMs) return { Status: 'ENABLED_UNTIL_EARLIEST_ALLOWED_END', StartedAt, EarliestAllowedEndAt }
  return { Status: 'DISABLED', StartedAt, EndedAt: endsAtMs }
}

/** Whether the commitment holds now, also one that is to end. */
export function isCommitted(services: Pick<Services, 'account' | 'documents' | 'clock'>): boolean {
  return commitmentOf(services).Status !== 'DISABLED'
}

/**
 * Begins a commitment, or ends it: at once where it has lasted long enough, else as soon as it has. Beginning one that is to end keeps it going; what is so already stays
 * as it is.
 */
export async function commit(status: 'ENABLED' | 'DISABLED', services: Pick<Services, 'account' | 'documents' | 'clock'>): Promise<null | AwsError> {
  const { account, clock, documents } = services
  for (;;) {
    const present = commitmentOf(services)
    if (present.Status === status || (status === 'DISABLED' && present.Status === 'ENABLED_UNTIL_EARLIEST_ALLOWED_END')) return null
    const startedAtMs = present.Status === 'DISABLED' ? clock.now() : present.StartedAt!
    const facts: AccountFacts = status === 'ENABLED'
      ? { commitment: { startedAtMs } }
      : { commitment: { startedAtMs, endsAtMs: Math.max(clock.now(), present.EarliestAllowedEndAt!) } }
    const version = documents.find('kinesis-account', account)?.version ?? 0
    const put = await documents.put({ kind: 'kinesis-account', key: account, value: JSON.stringify(facts), topicId: null }, version)
    if (!(put instanceof Refusal)) return null
    if (put.code !== 'version-conflict') return toAwsError(put)
  }
}
