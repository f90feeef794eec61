// The one queue of changes to the registry: each is decided on a state that no earlier write can still alter, written, and only then answered.
import { refusals, type RegistryRefusal } from './errors.ts'
import type { ChangeLog } from './log.ts'
import type { Change } from './store.ts'

const waitingMax = 1_000

export class WriteQueue {
  readonly #log: ChangeLog<Change>
  #writing: Promise<unknown> = Promise.resolve()
  #waiting = 0

  constructor(log: ChangeLog<Change>) {
    this.#log = log
  }

  /** Decides and writes in its turn. A refusal where too many wait already. */
  async exclusively<T>(change: () => Promise<T | RegistryRefusal>): Promise<T | RegistryRefusal> {
    if (this.#waiting >= waitingMax) return refusals.tooManyWrites(this.#waiting)
    this.#waiting++
    const turn = this.#writing.then(async () => await this.#log.settle() ?? await change())
    this.#writing = turn.catch(() => undefined)
    try {
      return await turn
    } finally {
      this.#waiting--
    }
  }

  /** Writes all changes or none, and applies them to the state. For the one whose turn it is. */
  async write(changes: readonly Change[]): Promise<null | RegistryRefusal> {
    return this.#log.write(changes)
  }
}
