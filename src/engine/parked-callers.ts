// Callers of a state machine whose reply depends on what others do: they wait under a key until a later decision answers it.
import { type Deferred, deferred } from '../base/deferred.ts'
import { Refusal } from '../ports.ts'

export interface Answer<Reply> {
  readonly key: string
  readonly reply: Reply | Refusal
}

export class ParkedCallers<Reply> {
  readonly #waiting = new Map<string, Deferred<Reply | Refusal>>()

  /** One caller waits under a key: the next one takes its place. A signal that aborts gives the wait up. */
  park(key: string, signal: AbortSignal | undefined): Promise<Reply | Refusal> {
    this.#waiting.get(key)?.resolve(new Refusal('rebalance-in-progress', `another request took the place of the one waiting as ${key}`))
    const caller = deferred<Reply | Refusal>()
    this.#waiting.set(key, caller)
    const giveUp = (): void => {
      if (this.#waiting.get(key) === caller) this.#waiting.delete(key)
      caller.resolve(new Refusal('request-timed-out', `the request waiting as ${key} was given up by its caller`))
    }
    if (signal?.aborted) giveUp()
    else signal?.addEventListener('abort', giveUp, { once: true })
    return caller.promise.finally(() => signal?.removeEventListener('abort', giveUp))
  }

  /** Takes the callers out now, so that nobody takes their place, and answers them with the commit, or with its failure. */
  answer(answers: readonly Answer<Reply>[], committed: Promise<void>, failure: () => Refusal | undefined): void {
    if (answers.length === 0) return
    const due = answers.flatMap(({ key, reply }) => {
      const caller = this.#waiting.get(key)
      this.#waiting.delete(key)
      return caller === undefined ? [] : [{ caller, reply }]
    })
    void committed.then(() => {
      for (const { caller, reply } of due) caller.resolve(failure() ?? reply)
    })
  }

  /** Nobody waits any longer. */
  release(refusal: Refusal): void {
    const callers = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const caller of callers) caller.resolve(refusal)
  }
}
