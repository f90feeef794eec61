// What a partition remembers of idempotent producers: their epoch and last five batches, so that a batch sent again is answered with the
// offset it has, and one out of turn is refused (Kafka's ProducerStateManager). Kept in memory; recovery replays the log into it.
import { Refusal } from '../../ports.ts'
import type { Batch } from '../../wire/batch.ts'

/** As many requests as a producer may have in flight. */
const batchesRemembered = 5
const producersMax = 100_000
const sequenceCount = 2 ** 31

interface Remembered {
  readonly firstSequence: number
  readonly lastSequence: number
  readonly baseOffset: number
  readonly lastOffset: number
}

interface Producer {
  epoch: number
  batches: Remembered[]
  usedAtMs: number
}

/** Producer id, epoch, and per batch its first and last sequence and first and last offset: plain data, to be stored. */
export type ProducerSnapshot = readonly (readonly [id: number, epoch: number, batches: readonly (readonly [number, number, number, number])[]])[]

export class Producers {
  /** In order of last use, oldest first. */
  readonly #producers = new Map<number, Producer>()

  get size(): number {
    return this.#producers.size
  }

  snapshot(): ProducerSnapshot {
    return [...this.#producers].map(([id, { epoch, batches }]) => [
      id, epoch, batches.map(({ firstSequence, lastSequence, baseOffset, lastOffset }) => [firstSequence, lastSequence, baseOffset, lastOffset] as const),
    ])
  }

  /** Forgets all, and remembers what the snapshot holds. */
  restore(snapshot: ProducerSnapshot, nowMs: number): void {
    this.#producers.clear()
    for (const [id, epoch, batches] of snapshot) {
      this.#producers.set(id, {
        epoch,
        usedAtMs: nowMs,
        batches: batches.map(([firstSequence, lastSequence, baseOffset, lastOffset]) => ({ firstSequence, lastSequence, baseOffset, lastOffset })),
      })
    }
  }

  /** Undefined where the batch is in turn (or 'inAnyOrder'); where it lies if it is there already; a refusal otherwise. */
  check(batch: Batch, { inAnyOrder }: { inAnyOrder: boolean }): Refusal | Remembered | undefined {
    const { producerId, producerEpoch, baseSequence } = batch
    const producer = this.#producers.get(producerId)
    // A producer nobody remembers may have expired: any first sequence is taken.
    if (!producer) return undefined
    if (producerEpoch < producer.epoch) {
      return new Refusal('invalid-producer-epoch', `producer ${producerId} has epoch ${producer.epoch}; the batch has ${producerEpoch}`)
    }
    if (producerEpoch > producer.epoch) {
      if (baseSequence === 0 || inAnyOrder) return undefined
      return new Refusal('out-of-order-sequence-number', `producer ${producerId} begins epoch ${producerEpoch} with sequence ${baseSequence}, not 0`)
    }
    const lastSequence = lastSequenceOf(batch)
    const duplicate = producer.batches.find(known => known.firstSequence === baseSequence && known.lastSequence === lastSequence)
    if (duplicate) return duplicate
    const expected = (producer.batches.at(-1)!.lastSequence + 1) % sequenceCount
    if (baseSequence === expected || inAnyOrder) return undefined
    return new Refusal('out-of-order-sequence-number', `producer ${producerId} sent sequence ${baseSequence} where ${expected} is next`)
  }

  /** Remembers a batch that has its offsets. */
  note(batch: Batch, nowMs: number): void {
    const { producerId, producerEpoch } = batch
    // The markers that end transactions have a producer, too, but no sequence.
    if (producerId < 0 || batch.baseSequence < 0) return
    const known = this.#producers.get(producerId)
    const producer = known?.epoch === producerEpoch ? known : { epoch: producerEpoch, batches: [], usedAtMs: nowMs }
    producer.usedAtMs = nowMs
    const { baseSequence: firstSequence, baseOffset, lastOffset } = batch
    producer.batches.push({ firstSequence, lastSequence: lastSequenceOf(batch), baseOffset, lastOffset })
    if (producer.batches.length > batchesRemembered) producer.batches.shift()
    this.#producers.delete(producerId)
    this.#producers.set(producerId, producer)
    if (this.#producers.size > producersMax) this.#forgetOldest()
  }

  /** Forgets producers that have been silent for `expirationMs`. */
  expire(nowMs: number, expirationMs: number): void {
    for (const [id, producer] of this.#producers) {
      if (nowMs - producer.usedAtMs < expirationMs) return
      this.#producers.delete(id)
    }
  }

  #forgetOldest(): void {
    for (const id of this.#producers.keys()) {
      this.#producers.delete(id)
      return
    }
  }
}

// 2^31 - 1 is followed by 0.
function lastSequenceOf(batch: Batch): number {
  return (batch.baseSequence + batch.lastOffsetDelta) % sequenceCount
}
