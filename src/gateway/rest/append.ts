// What a produce request comes to once its records are encoded: the topic's own validation, one batch per partition, the appends. A record that does not fit
// refuses the whole request before anything is appended.
import { type Refusal, type Admin, type Appended, type Logs, type RecordFault, type Topic, type Validation } from '../../ports.ts'
import { buildBatch, type Batch, type RecordDraft } from '../../wire/batch.ts'
import type { Clock } from '../../world/world.ts'
import { Problem } from '../problem.ts'

const appendTimeoutMs = 30_000
const faultsShownMax = 100
/** Confluent's number for a payload that does not fit. */
const invalidPayload = 42206

/** One record that does not fit. */
export interface IndexedFault extends RecordFault {
  readonly index: number
}

/** The topic's own policy, the same as at every other way in. */
export async function validate(validation: Validation, topic: Topic, drafts: readonly RecordDraft[]): Promise<void> {
  if (!validation.appliesTo(topic)) return
  const verdicts = await validation.check(topic, drafts)
  const faults = verdicts.flatMap((fault, index): IndexedFault[] => (fault === null ? [] : [{ index, ...fault }]))
  if (faults.length > 0) throw unfit(faults)
}

/** One batch per partition. A batch that the topic would refuse for its size refuses the request, before any other is appended. */
export function build(assigned: readonly number[], drafts: readonly RecordDraft[], { admin, clock }: { admin: Admin; clock: Clock }, topic: Topic): Map<number, Batch> {
  const groups = Map.groupBy(drafts.keys(), index => assigned[index]!)
  const bytesMax = Number(admin.config(topic, 'max.message.bytes'))
  const timestampMs = clock.now()
  return new Map([...groups].map(([partition, indexes]) => {
    const batch = buildBatch(indexes.length === drafts.length ? drafts : indexes.map(index => drafts[index]!), { timestampMs })
    if (batch.bytes.length > bytesMax) {
      const size = batch.bytes.length
      throw new Problem(413, `The records for partition ${partition} make a batch of ${size} bytes, where topic '${topic.name}' takes ${bytesMax}`)
    }
    return [partition, batch]
  }))
}

export async function append(logs: Logs, topic: string, batches: ReadonlyMap<number, Batch>): Promise<Map<number, Appended | Refusal>> {
  return new Map(await Promise.all([...batches].map(async ([partition, batch]) =>
    [partition, await logs.append({ topic, partition }, batch, { acks: 'all', timeoutMs: appendTimeoutMs })] as const)))
}

/** 422 with the faults, up to a bound. */
export function unfit(faults: readonly IndexedFault[]): Problem {
  const { index, part, pointer, reason } = faults[0]!
  const more = faults.length === 1 ? '' : ` (and ${faults.length - 1} more)`
  return new Problem(422, `records[${index}].${part}${pointer === '' ? '' : ` at ${pointer}`}: ${reason}${more}; nothing was stored`, {
    errorCode: invalidPayload,
    details: { fault_count: faults.length, faults: faults.slice(0, faultsShownMax) },
  })
}
