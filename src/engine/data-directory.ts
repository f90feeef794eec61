// One data directory of one broker, open: whose it is, its keys, and whether its disk is still to be trusted. It belongs to the process, not to the broker that
// serves from it: a broker may stop and start again, while the directory's copy of the catalog goes on being written.
//
//   <directory>/lock              held by the one process that may write here
//   <directory>/identity.N        which cluster and broker this directory belongs to, and its own UUID
//   <directory>/keyring.N         the topics' data keys, wrapped
//   <directory>/clean-shutdown    there while nobody writes and the last one stopped in order
//   <directory>/metadata/         a copy of the log of __cluster_metadata (in a broker's first directory)
//   <directory>/topics/<id>/<n>/  the log of partition n of a topic
//   <directory>/future/<id>/<n>/  one that is on its way here from another directory of the broker
//   <directory>/moved/<id>/<n>/   one that has gone to another directory, until it is deleted
import type { Logger, World } from '../world/world.ts'
import { claimDirectory, type DirectoryClaim, EngineError, type Identity, openIdentity } from './directory.ts'
import { DiskFailure } from './disk-failure.ts'
import { WrongKey } from './sealed/errors.ts'
import type { KeySource } from './sealed/kek.ts'
import { Keyring } from './sealed/keyring.ts'

export interface DataDirectoryOptions {
  readonly world: World
  readonly path: string
  readonly brokerId: number
  /** The cluster a new directory will belong to. */
  readonly clusterId: () => string
  readonly kek: KeySource
  readonly logger: Logger
}

export class DataDirectory implements AsyncDisposable {
  readonly path: string
  readonly world: World
  readonly identity: Identity
  readonly keyring: Keyring
  readonly failure: DiskFailure
  readonly wasClean: boolean
  readonly #claim: DirectoryClaim
  #isReleased = false

  private constructor(options: DataDirectoryOptions, opened: { claim: DirectoryClaim; identity: Identity; keyring: Keyring }) {
    this.path = options.path
    this.world = options.world
    this.identity = opened.identity
    this.keyring = opened.keyring
    this.failure = new DiskFailure(options.path, options.logger)
    this.wasClean = opened.claim.wasClean
    this.#claim = opened.claim
  }

  /** Opens the directory, or a new one; rejects with an EngineError of one line where it cannot be. */
  static async open(options: DataDirectoryOptions): Promise<DataDirectory> {
    const { world, path } = options
    const claim = await claimDirectory(world, path)
    try {
      const identity = await openIdentity(world, { directory: path, clusterId: options.clusterId, brokerId: options.brokerId })
      return new DataDirectory(options, { claim, identity, keyring: await openKeyring(options) })
    } catch (error) {
      await claim.release({ isClean: claim.wasClean })
      throw error
    }
  }

  /** The directory's own UUID: one on a disk that was replaced has another. */
  get id(): string { return this.identity.directoryId }

  /** Gives the directory back, marked as left in order unless its disk failed. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isReleased) return
    this.#isReleased = true
    await this.#claim.release({ isClean: this.failure.refusal === undefined })
  }
}

async function openKeyring({ world, path, kek }: DataDirectoryOptions): Promise<Keyring> {
  try {
    return await Keyring.open({ world, directory: path, source: kek })
  } catch (error) {
    if (error instanceof WrongKey) throw new EngineError('wrong-key', `${path} cannot be opened with this key: ${error.message}`, { cause: error })
    throw new EngineError('damaged', `the keyring in ${path} cannot be read: ${(error as Error).message}`, { cause: error })
  }
}
