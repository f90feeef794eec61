// A data directory whose disk failed once is not trusted again, whichever file it was: a sync that is tried a second time proves nothing, because the
// pages it lost count as clean. From the first failure on nothing of the directory is served, and whoever runs the process is told.
import { Refusal } from '../ports.ts'
import type { Logger } from '../world/world.ts'

export class DiskFailure {
  /** Resolves when the disk has failed. */
  readonly happened: Promise<Error>
  readonly #directory: string
  readonly #logger: Logger
  readonly #resolve: (error: Error) => void
  #refusal: Refusal | undefined

  constructor(directory: string, logger: Logger) {
    const { promise, resolve } = Promise.withResolvers<Error>()
    this.happened = promise
    this.#resolve = resolve
    this.#directory = directory
    this.#logger = logger
  }

  /** What everybody is told from then on; undefined while the disk is sound. */
  get refusal(): Refusal | undefined {
    return this.#refusal
  }

  readonly report = (error: Error): void => {
    if (this.#refusal !== undefined) return
    this.#refusal = new Refusal('storage-error', `the data directory has failed: ${error.message}`)
    this.#logger.error({ directory: this.#directory, error: error.message }, 'the data directory has failed; nothing is served from it any more')
    this.#resolve(error)
  }
}
