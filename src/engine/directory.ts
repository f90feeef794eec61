// Who a data directory belongs to: one process at a time, one broker of one cluster for good, and whether the last one left it in order.
import { parentOf } from '../base/path.ts'
import type { Disk, World } from '../world/world.ts'
import { Damaged } from './sealed/errors.ts'
import { GenerationFile } from './sealed/generation-file.ts'

export type EngineFault = 'locked' | 'unusable' | 'wrong-key' | 'another-cluster' | 'damaged' | 'no-quorum'

/** Why a data directory cannot be opened: one line for the operator. */
export class EngineError extends Error {
  override readonly name = 'EngineError'
  readonly fault: EngineFault

  constructor(fault: EngineFault, message: string, options?: ErrorOptions) {
    super(message, options)
    this.fault = fault
  }
}

export interface Identity {
  readonly version: 1
  readonly clusterId: string
  readonly brokerId: number
  /** A UUID, made with the directory. */
  readonly directoryId: string
}

const cleanFile = 'clean-shutdown'

/** The right to write to a directory, until it is released. */
export class DirectoryClaim {
  /** Whether the last one left it in order; true for a new directory, too. */
  readonly wasClean: boolean
  readonly #disk: Disk
  readonly #directory: string
  readonly #lock: AsyncDisposable

  constructor(disk: Disk, directory: string, lock: AsyncDisposable, wasClean: boolean) {
    this.#disk = disk
    this.#directory = directory
    this.#lock = lock
    this.wasClean = wasClean
  }

  /** Gives the directory back, marked as left in order where it is. */
  async release(how: { readonly isClean: boolean }): Promise<void> {
    await using lock = this.#lock
    void lock
    if (!how.isClean) return
    await using file = await this.#disk.open(`${this.#directory}/${cleanFile}`, 'create')
    await file.sync()
    await this.#disk.syncDirectory(this.#directory)
  }
}

/** Makes the directory if need be, locks it, and takes its clean mark away for as long as it is held. */
export async function claimDirectory({ disk }: World, directory: string): Promise<DirectoryClaim> {
  const lock = await usable(directory, async () => {
    await ensureDirectory(disk, directory)
    return disk.lock(`${directory}/lock`)
  })
  if (lock === undefined) throw new EngineError('locked', `${directory} is in use by another process; a second server needs a data directory of its own`)
  await using held = new AsyncDisposableStack()
  held.use(lock)
  const mark = `${directory}/${cleanFile}`
  const wasClean = await usable(directory, async () => {
    const isNew = !(await disk.exists(`${directory}/metadata`))
    if (!(await disk.exists(mark))) return isNew
    await disk.remove(mark)
    await disk.syncDirectory(directory)
    return true
  })
  held.move()
  return new DirectoryClaim(disk, directory, lock, wasClean)
}

/** Whose directory this is, as far as it says; undefined for a new one. Nothing is written. */
export async function readIdentity({ disk }: World, directory: string): Promise<Identity | undefined> {
  if (!(await usable(directory, () => disk.exists(directory)))) return undefined
  const { found } = await usable(directory, () => GenerationFile.open(disk, directory, 'identity'))
  return found === undefined ? undefined : JSON.parse(found.payload.toString()) as Identity
}

/** Whose directory this is: a new one is given to the cluster and the broker that want it, another one must be theirs. */
export async function openIdentity(
  { disk, random }: World, wanted: { readonly directory: string; readonly clusterId: () => string; readonly brokerId: number },
): Promise<Identity> {
  const { directory, brokerId } = wanted
  const clusterId = wanted.clusterId()
  const { file, found } = await usable(directory, () => GenerationFile.open(disk, directory, 'identity'))
  const known = found === undefined ? undefined : JSON.parse(found.payload.toString()) as Partial<Identity>
  if (known?.clusterId !== undefined && clusterId !== known.clusterId) {
    throw new EngineError('another-cluster', `${directory} belongs to cluster ${known.clusterId}, not ${clusterId}`)
  }
  if (known?.brokerId !== undefined && known.brokerId !== brokerId) {
    throw new EngineError('another-cluster', `${directory} belongs to broker ${known.brokerId}, not ${brokerId}`)
  }
  const identity: Identity = { version: 1, clusterId, brokerId, directoryId: known?.directoryId ?? random.uuid() }
  // Directories made before they had a UUID get one.
  if (known?.directoryId === undefined) await usable(directory, () => file.write(Buffer.from(JSON.stringify(identity))))
  return identity
}

/**
 * Makes the directory, and those above it, so that a power cut does not take their names away. A directory that holds something went through this
 * before; one that is empty may be left from a process that died before the names were synced.
 */
export async function ensureDirectory(disk: Disk, path: string): Promise<void> {
  const parent = parentOf(path)
  if ((await disk.exists(path)) && (await disk.list(path)).length > 0) return
  if (parent !== '/' && parent !== '.') await ensureDirectory(disk, parent)
  await disk.makeDirectory(path)
  await disk.syncDirectory(parent)
}

/** 16 random bytes as Kafka prints a UUID; one that begins with a dash would read as an option on a command line. */
export function newClusterId(bytes: (count: number) => Buffer): string {
  for (;;) {
    const id = bytes(16).toString('base64url')
    if (!id.startsWith('-')) return id
  }
}

/** What goes wrong with a directory's files, in one line for the operator. */
export async function usable<T>(directory: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof Damaged) throw new EngineError('damaged', error.message, { cause: error })
    throw new EngineError('unusable', `${directory} cannot be used: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}
