// How much a broker may still write: its storage limit, and what is left of the disk. Clients are refused before the disk is really full, so that what the
// broker itself has to write (the catalog, offsets, what it was promised) still finds room.
import { Refusal } from '../../ports.ts'
import type { DataDirectory } from '../data-directory.ts'

/** Left free for the broker's own writes. */
const reserveBytes = 32 * 1024 * 1024
/** A disk smaller than this many times the reserve is not asked for one. */
const reserveShare = 20
/** After so many bytes the disk is asked again, and after this share of what is left above the reserve: followers and fellows write to it, too. */
const measureBytes = 4 * 1024 * 1024
const measureShare = 16

export interface Space {
  readonly totalBytes: number
  readonly freeBytes: number
}

export class StorageLimit {
  readonly #brokerId: number
  readonly #directories: readonly DataDirectory[]
  readonly #stored: () => number
  readonly #limitBytes: () => number | undefined
  readonly #space = new Map<DataDirectory, Space>()
  #usedBytes = 0
  #bytesSinceAsked = 0
  /** Above the reserve, on the disk that has least. */
  #roomBytes = 0

  constructor(options: {
    readonly brokerId: number
    readonly directories: readonly DataDirectory[]
    /** Bytes of all replicas of the broker, their logs open or not. */
    readonly stored: () => number
    readonly limitBytes: () => number | undefined
  }) {
    this.#brokerId = options.brokerId
    this.#directories = options.directories
    this.#stored = options.stored
    this.#limitBytes = options.limitBytes
  }

  get usedBytes(): number { return this.#usedBytes }
  get limitBytes(): number | undefined { return this.#limitBytes() }

  /** Of the file system that holds the directory, as measured last. */
  space(directory: DataDirectory): Space | undefined {
    return this.#space.get(directory)
  }

  async measure(): Promise<void> {
    this.#usedBytes = this.#stored()
    await this.#askDisks()
  }

  /** Clients' records of so many bytes were taken since the last measurement. */
  took(bytes: number): void {
    this.#usedBytes += bytes
    this.#bytesSinceAsked += bytes
    if (this.#bytesSinceAsked > Math.min(measureBytes, this.#roomBytes / measureShare)) void this.#askDisks()
  }

  async #askDisks(): Promise<void> {
    this.#bytesSinceAsked = 0
    for (const directory of this.#directories) {
      try {
        this.#space.set(directory, await directory.world.disk.space(directory.path))
      } catch {
        // A disk that cannot be asked will refuse the next write itself.
        this.#space.delete(directory)
      }
    }
    this.#roomBytes = Math.min(...[...this.#space.values()].map(space => space.freeBytes - reserveOf(space)))
  }

  /** Why no client's record is taken into this directory now; null where it is. */
  refusal(directory: DataDirectory): null | Refusal {
    const limit = this.#limitBytes()
    if (limit !== undefined && this.#usedBytes >= limit) {
      return new Refusal('storage-error', `the storage of broker ${this.#brokerId} is full: ${this.#usedBytes} bytes of its limit of ${limit}; `
        + 'raise the limit (sluice broker storage), or let retention remove something')
    }
    const space = this.#space.get(directory)
    if (space === undefined || space.freeBytes >= reserveOf(space)) return null
    return new Refusal('storage-error', `the disk that holds ${directory.path} is full: ${space.freeBytes} bytes are free`)
  }
}

function reserveOf({ totalBytes }: Space): number {
  return Math.min(reserveBytes, totalBytes / reserveShare)
}
