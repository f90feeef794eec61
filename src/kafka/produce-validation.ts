// What a topic's validation makes of a batch that a producer sent: taken as it is, refused with the index and the reason of each record that does not fit, or, where
// the topic has its dead letters kept, taken without those.
import { Refusal, type LetterOrigin, type RecordError, type RecordFault, type Topic } from '../ports.ts'
import type { Batch } from '../wire/batch.ts'
import { WireError } from '../wire/bytes.ts'
import { thinned } from '../wire/thinning.ts'
import type { Context } from './context.ts'

/** Of one record. Names of members are part of it, and the protocol's texts end at 32,767 bytes. */
const reasonCharactersMax = 1_000
/** Of all records together; those that come later are named by their index only. A batch may hold a hundred thousand. */
const reasonsCharactersMax = 1_048_576
const errorsShown = 3

export interface FitBatch {
  readonly batch: Batch
  /** Records that do not fit were taken out and lie in the dead-letter topic. */
  readonly isThinned: boolean
}

/** Nothing is stored of a batch that is refused; its producer's sequence does not move. */
export async function fitBatch(topic: Topic, partition: number, batch: Batch, context: Context): Promise<FitBatch | Refusal> {
  const validation = context.validation!
  // Not for a client to send: the log says so, and must not be told that it is ours.
  if (batch.isControl || batch.baseOffset !== 0 || batch.lastOffsetDelta + 1 !== batch.count) return { batch, isThinned: false }
  if (!batch.crcIsValid()) return new Refusal('corrupt-message', 'the CRC of the batch does not match its bytes')
  let bad: Awaited<ReturnType<typeof validation.checkBatch>>
  try {
    bad = await validation.checkBatch(topic, batch, 'kafka')
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    return new Refusal('corrupt-message', error.message)
  }
  if (bad.length === 0) return { batch, isThinned: false }
  if (validation.onInvalid(topic) === 'reject') return rejected(bad)
  // A broker that does not lead the partition stores nothing, and so puts nothing aside.
  const ends = await context.logs.ends({ topic: topic.name, partition })
  if (ends instanceof Refusal && ends.code !== 'offset-not-available') return ends
  const { producerId: id, producerEpoch: epoch, baseSequence, codec } = batch
  const origin: LetterOrigin = {
    topic: topic.name, partition, wayIn: 'kafka', caller: context.caller, clientId: context.clientId, codec,
    ...id >= 0 && { producer: { id, epoch, baseSequence } },
  }
  const records = batch.records()
  const put = await validation.putDeadLetters(topic, origin, bad.map(({ index, fault }) => ({ ...records[index]!, index, fault })))
  return put instanceof Refusal ? put : { batch: thinned(batch, new Set(bad.map(({ index }) => index))), isThinned: true }
}

/** In Kafka's words for a batch of which it refuses records. */
function rejected(bad: readonly { readonly index: number; readonly fault: RecordFault }[]): Refusal {
  let left = reasonsCharactersMax
  const errors = bad.map(({ index, fault }): RecordError => {
    const message = left > 0 ? textOf(fault).slice(0, reasonCharactersMax) : ''
    left -= message.length
    return { index, message }
  })
  const shown = errors.slice(0, errorsShown).map(({ index, message }) => `RecordError(batchIndex=${index}, message='${message}')`).join(', ')
  const message = `One or more records have been rejected due to ${errors.length} record errors in total, and only showing the first three errors at most: [${shown}]`
  return new Refusal('invalid-record', message, errors)
}

function textOf({ part, pointer, reason }: RecordFault): string {
  return pointer === '' ? `${part}: ${reason}` : `${part} at ${pointer}: ${reason}`
}
