// Which leader epoch began at which offset. Epochs and offsets both only grow, so any two replicas' histories agree up to where they part.
import type { EpochEnd } from '../../ports.ts'

export class Epochs {
  readonly #epochs: number[] = []
  readonly #startOffsets: number[] = []

  get latest(): number {
    return this.#epochs.at(-1) ?? -1
  }

  /** Records at `offset` and above belong to `epoch`, until a later epoch begins. */
  note(epoch: number, offset: number): void {
    if (epoch <= this.latest) return
    this.#epochs.push(epoch)
    this.#startOffsets.push(offset)
  }

  /** Each epoch that began below `endOffset`, with the offset. */
  before(endOffset: number): [epoch: number, startOffset: number][] {
    return this.#epochs.map((epoch, index): [number, number] => [epoch, this.#startOffsets[index]!]).filter(([, startOffset]) => startOffset < endOffset)
  }

  /** Where `epoch` began; undefined where there is no record of it. */
  startOffsetOf(epoch: number): number | undefined {
    return this.#startOffsets[this.#epochs.indexOf(epoch)]
  }

  /**
   * The largest epoch up to the one asked for, and where it ended (OffsetForLeaderEpoch; KIP-101, KIP-279); for one before all there are, that epoch
   * itself and where they begin. Both -1 for an epoch that has not been.
   */
  endOffsetOf(epoch: number, logEndOffset: number): EpochEnd {
    if (epoch < 0 || epoch > this.latest) return { leaderEpoch: -1, endOffset: -1 }
    let index = this.#epochs.length - 1
    while (index >= 0 && this.#epochs[index]! > epoch) index--
    if (index < 0) return { leaderEpoch: epoch, endOffset: this.#startOffsets[0]! }
    return { leaderEpoch: this.#epochs[index]!, endOffset: this.#startOffsets[index + 1] ?? logEndOffset }
  }
}
