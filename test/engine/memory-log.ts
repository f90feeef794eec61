// The partition of an internal topic, in memory: what a state machine's runtime appends to in tests. Commits wait for `commit()` unless told otherwise.
import { type Deferred, deferred } from '../../src/base/deferred.ts'
import type { MachineLog } from '../../src/engine/machine.ts'
import { Refusal } from '../../src/ports.ts'
import { Batch, type RecordView } from '../../src/wire/batch.ts'

export class MemoryLog implements MachineLog {
  startOffset = 0
  readonly batches: Batch[] = []
  /** The next append is refused. */
  refusal: Refusal | undefined
  /** Deletions are left undone, as if the process died before them. */
  keepsDeleted = false
  #waiting: Deferred<void>[] | undefined

  constructor(options: { readonly commits?: 'at once' | 'when told' } = {}) {
    this.#waiting = options.commits === 'when told' ? [] : undefined
  }

  get endOffset(): number {
    return this.batches.at(-1)?.nextOffset ?? 0
  }

  append(batch: Batch): { readonly durable: Promise<void> } | Refusal {
    const { refusal } = this
    this.refusal = undefined
    if (refusal !== undefined) return refusal
    const kept = Batch.parse(Buffer.from(batch.bytes))
    kept.assign(this.endOffset, 0)
    this.batches.push(kept)
    if (this.#waiting === undefined) return { durable: Promise.resolve() }
    const durable = deferred()
    this.#waiting.push(durable)
    return { durable: durable.promise }
  }

  async read(from: number, bytesMax: number): Promise<readonly Batch[] | Refusal> {
    const found: Batch[] = []
    let bytes = 0
    for (const batch of this.batches) {
      if (batch.lastOffset < from) continue
      bytes += batch.bytes.length
      if (bytes > bytesMax && found.length > 0) break
      found.push(batch)
    }
    return found
  }

  async deleteBefore(offset: number): Promise<void> {
    if (!this.keepsDeleted) this.startOffset = offset
  }

  /** Everything appended so far is durable, or its sync failed. */
  commit(error?: Error | Refusal): void {
    for (const one of this.#waiting?.splice(0) ?? []) {
      if (error === undefined) one.resolve()
      else one.reject(error)
    }
  }

  /** Every record from the start offset on. */
  get records(): RecordView[] {
    return this.batches.flatMap(batch => batch.records()).filter(record => record.offset >= this.startOffset)
  }
}
