// Long work on the event loop in turns: whoever has had the loop for a while lets others have it in between.

const turnMsMax = 50

export class Turn {
  #until = performance.now() + turnMsMax

  /** Whether it is time to `end` it. */
  get isOver(): boolean {
    return performance.now() > this.#until
  }

  /** Resolves once everything else that waited has been looked after. */
  async end(): Promise<void> {
    await new Promise<void>(resolve => { setImmediate(resolve) })
    this.#until = performance.now() + turnMsMax
  }
}
