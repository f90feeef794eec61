// Replicas on their way from one data directory of their broker to another (AlterReplicaLogDirs). Each directory has a keyring of its own, so a log is not renamed
// across but written anew, from what the present one has on disk, while that one goes on serving:
//
//   1  <target>/future/<topic id>/<n>    is filled until little is missing
//   2  in the replica's turn, while it neither leads nor follows: the rest is copied, both logs are closed
//   3  <old>/topics/<topic id>/<n>       becomes <old>/moved/<topic id>/<n>, durably: from here on the copy is the replica
//   4  <target>/future/<topic id>/<n>    becomes <target>/topics/<topic id>/<n>, durably; the replica serves from there
//   5  <old>/moved/<topic id>/<n>        is deleted
//
// A crash before 3 leaves the old log and a copy that may be half, which goes; one after 3 a whole copy, which `finishMoves` puts in its place.
import { parentOf } from '../../base/path.ts'
import { Refusal } from '../../ports.ts'
import type { Disk, Logger } from '../../world/world.ts'
import type { DataDirectory } from '../data-directory.ts'
import { ensureDirectory } from '../directory.ts'
import { Log, type LogOptions } from '../log/log.ts'
import { listed, removeReplica } from './replica-files.ts'
import type { Replica } from './replica.ts'

/** Read at once; it is durable at its new place before the next is read. */
const chunkBytes = 4 * 1024 * 1024
/** What may be left for the moment in which the replica does not serve. */
const restBytesMax = 1024 * 1024
const movesMax = 4
const pauseMs = 100

export interface DirectoryMovesOptions {
  readonly logger: Logger
  /** How the replica's log is opened in that directory, below `parent`. */
  readonly logOptions: (replica: Replica, directory: DataDirectory, parent: 'future' | 'topics') => LogOptions
  /** Called while the replica's log is closed: its files are in that directory from now on. */
  readonly moved: (replica: Replica, directory: DataDirectory) => void
}

/** What is being moved on one broker; a few at a time. */
export class DirectoryMoves {
  readonly #options: DirectoryMovesOptions
  readonly #moves = new Map<Replica, DirectoryMove>()
  #waiting: DirectoryMove[] = []
  #running = 0

  constructor(options: DirectoryMovesOptions) {
    this.#options = options
  }

  get all(): readonly DirectoryMove[] {
    return [...this.#moves.values()]
  }

  /** Begins, in place of another move of the replica; the log, where there is one, is open. */
  begin(replica: Replica, from: DataDirectory, to: DataDirectory): void {
    const move = new DirectoryMove(replica, from, to, this.#options)
    this.#moves.set(replica, move)
    this.#waiting.push(move)
    this.#next()
  }

  get(replica: Replica): DirectoryMove | undefined {
    return this.#moves.get(replica)
  }

  /** Ends the replica's move, if there is one; resolves once nothing more is written. The replica is where it was, or at its new place. */
  async cancel(replica: Replica): Promise<void> {
    const move = this.#moves.get(replica)
    if (move === undefined) return
    this.#moves.delete(replica)
    this.#waiting = this.#waiting.filter(one => one !== move)
    await move.cancel()
  }

  async close(): Promise<void> {
    await Promise.all([...this.#moves.keys()].map(replica => this.cancel(replica)))
  }

  #next(): void {
    while (this.#running < movesMax) {
      const move = this.#waiting.shift()
      if (move === undefined) return
      this.#running++
      void move.run().finally(() => {
        this.#running--
        if (this.#moves.get(move.replica) === move) this.#moves.delete(move.replica)
        this.#next()
      })
    }
  }
}

export class DirectoryMove {
  readonly replica: Replica
  readonly to: DataDirectory
  readonly #from: DataDirectory
  readonly #options: DirectoryMovesOptions
  readonly #futureOptions: LogOptions
  /** The log that the copy is of: another one, after a truncation, may have another history. */
  #source: Log | undefined
  #future: Log | undefined
  #isCancelled = false
  #hasMoved = false
  #run: Promise<void> | undefined

  constructor(replica: Replica, from: DataDirectory, to: DataDirectory, options: DirectoryMovesOptions) {
    this.replica = replica
    this.to = to
    this.#from = from
    this.#options = options
    const future = options.logOptions(replica, to, 'future')
    // A copy that finds no room is given up.
    this.#futureOptions = { ...future, onFull: () => {} }
  }

  /** Of the copy, on disk. */
  get bytes(): number { return this.#future?.bytes ?? 0 }

  /** By how many offsets the copy ends behind the log it is of. */
  get lag(): number {
    const log = this.replica.log
    return log === undefined ? 0 : Math.max(0, log.endOffset - (this.#future?.endOffset ?? log.startOffset))
  }

  /** Resolves once the replica has moved, or has not, as the operator's log says. */
  run(): Promise<void> {
    this.#run ??= this.#move()
    return this.#run
  }

  async cancel(): Promise<void> {
    this.#isCancelled = true
    await this.#run
  }

  async #move(): Promise<void> {
    const { logger } = this.#options
    const about = { partition: this.replica.name, from: this.#from.path, to: this.to.path }
    try {
      await this.#fill()
      if (this.#isCancelled) return
      await ensureDirectory(this.#from.world.disk, parentOf(this.#pathOf('moved')))
      await ensureDirectory(this.to.world.disk, parentOf(this.#pathOf('topics')))
      const refusal = await this.replica.relocate(this.#options.logOptions(this.replica, this.to, 'topics'), (log, highWatermark) => this.#switchOver(log, highWatermark))
      if (refusal !== null && !this.#isCancelled) logger.warn({ ...about, reason: refusal.message }, 'a replica that was moved to another directory does not serve')
      else if (this.#hasMoved) logger.info(about, 'a replica has moved to another directory')
    } catch (error) {
      if (!this.#isCancelled) logger.error({ ...about, error: String(error) }, 'a replica could not be moved to another directory and stays where it is')
    } finally {
      await this.#cleanUp()
    }
  }

  /** Copies what is durable until little is missing. */
  async #fill(): Promise<void> {
    const { clock } = this.#from.world
    while (!this.#isCancelled) {
      const { log } = this.replica
      try {
        // Between two logs, such as before and after a truncation, there is none.
        if (log === undefined) await new Promise<void>(resolve => void clock.after(pauseMs, resolve))
        else if ((await this.#copy(log, log.durableEndOffset)) < restBytesMax) return
      } catch (error) {
        // What goes wrong with a log that has been closed meanwhile says nothing.
        if (this.replica.log === log) throw error
      }
    }
  }

  /** Appends what the copy lacks below `upTo`; the bytes it was. */
  async #copy(log: Log, upTo: number): Promise<number> {
    let future = this.#source === log && this.#future !== undefined && this.#future.endOffset >= log.startOffset ? this.#future : await this.#begin(log)
    let copied = 0
    while (future.endOffset < upTo && !this.#isCancelled) {
      const batches = await log.read(future.endOffset, { bytesMax: chunkBytes, atLeastOne: true, upTo })
      if (batches instanceof Refusal) {
        if (future.endOffset >= log.startOffset) throw new Error(batches.message)
        // Retention has overtaken the copy.
        future = await this.#begin(log)
        continue
      }
      if (batches.length === 0) break
      const taken = future.appendReplicated(batches)
      if (taken instanceof Refusal) throw new Error(taken.message)
      await taken.durable
      for (const batch of batches) copied += batch.bytes.length
    }
    return copied
  }

  /** An empty copy, which begins with the first whole batch of the log. */
  async #begin(log: Log): Promise<Log> {
    await this.#future?.close()
    this.#future = undefined
    const first = await log.read(log.startOffset, { bytesMax: 0, atLeastOne: true, upTo: log.endOffset })
    if (first instanceof Refusal) throw new Error(first.message)
    this.#future = await Log.reset(this.#futureOptions, Math.min(log.startOffset, first[0]?.baseOffset ?? log.startOffset))
    this.#source = log
    return this.#future
  }

  /** In the replica's turn: nobody appends to its log meanwhile. Whether the copy is in its place; rejects where that cannot be told. Closes the log. */
  async #switchOver(log: Log, highWatermark: number): Promise<boolean> {
    const isWhole = await this.#complete(log, highWatermark).catch((error: unknown) => {
      this.#options.logger.error({ partition: this.replica.name, error: String(error) }, 'the copy of a replica could not be finished')
      return false
    })
    await log.close()
    if (!isWhole || log.failed !== undefined || log.full !== undefined) return false
    this.#hasMoved = await this.#swap()
    if (this.#hasMoved) this.#options.moved(this.replica, this.to)
    return this.#hasMoved
  }

  /** Whether the copy is the same as the log, and durable, and closed. */
  async #complete(log: Log, highWatermark: number): Promise<boolean> {
    await this.#copy(log, log.endOffset)
    const future = this.#future
    if (this.#isCancelled || future === undefined || future.endOffset !== log.endOffset) return false
    await future.deleteBefore(log.startOffset)
    future.noteHighWatermark(highWatermark)
    await future.close()
    return future.failed === undefined && future.full === undefined
  }

  async #swap(): Promise<boolean> {
    const from = this.#from.world.disk
    await renamed(from, this.#oldPath, this.#pathOf('moved'))
    try {
      await renamed(this.to.world.disk, this.#pathOf('future'), this.#pathOf('topics'))
      return true
    } catch (error) {
      this.#options.logger.error({ partition: this.replica.name, error: String(error) }, 'the copy of a replica could not be put in its place')
      await renamed(from, this.#pathOf('moved'), this.#oldPath)
      return false
    }
  }

  async #cleanUp(): Promise<void> {
    try {
      await this.#future?.close()
      this.#future = undefined
      const [directory, parent] = this.#hasMoved ? [this.#from, 'moved'] as const : [this.to, 'future'] as const
      await removeReplica(directory.world.disk, this.#pathOf(parent))
    } catch (error) {
      this.#options.logger.warn({ partition: this.replica.name, error: String(error) }, 'what a move to another directory has left is removed at the next start of the broker')
    }
  }

  get #oldPath(): string {
    return pathIn(this.#from, 'topics', this.replica)
  }

  #pathOf(parent: 'moved' | 'future' | 'topics'): string {
    return pathIn(parent === 'moved' ? this.#from : this.to, parent, this.replica)
  }
}

/** Where a replica's files are in a directory. */
export function pathIn({ path }: DataDirectory, parent: 'moved' | 'future' | 'topics', { topicId, index }: Pick<Replica, 'topicId' | 'index'>): string {
  return `${path}/${parent}/${topicId}/${index}`
}

/**
 * Makes good what moves have left that were under way when the process or the broker ended: one whole copy of each replica stays. Before any log of these
 * directories is opened.
 */
export async function finishMoves(directories: readonly DataDirectory[], logger: Logger): Promise<void> {
  for (const directory of directories) {
    const { disk } = directory.world
    for await (const at of replicasBelow(directory, 'moved')) {
      const holds = async (parent: 'future' | 'topics'): Promise<DataDirectory | undefined> => {
        for (const one of directories) if (await one.world.disk.exists(pathIn(one, parent, at))) return one
        return undefined
      }
      if ((await holds('topics')) === undefined) {
        const copy = await holds('future')
        // With the copy's disk gone, what was left is still whole: it is deleted only once the copy is in its place.
        const [in_, parent] = copy === undefined ? [directory, 'moved'] as const : [copy, 'future'] as const
        const path = pathIn(in_, 'topics', at)
        await ensureDirectory(in_.world.disk, parentOf(path))
        await renamed(in_.world.disk, pathIn(in_, parent, at), path)
        logger.info({ ...at, directory: in_.path }, copy === undefined ? 'a replica is back where it was before it moved' : 'a move to another directory was finished')
      }
      await removeReplica(disk, pathIn(directory, 'moved', at))
    }
  }
  for (const directory of directories) {
    for await (const at of replicasBelow(directory, 'future')) {
      logger.info({ ...at, directory: directory.path }, 'a move to another directory was not finished; the replica stays where it was')
      await removeReplica(directory.world.disk, pathIn(directory, 'future', at))
    }
  }
}

async function* replicasBelow({ path, world: { disk } }: DataDirectory, parent: 'moved' | 'future'): AsyncGenerator<{ readonly topicId: string; readonly index: number }> {
  for (const topicId of await listed(disk, `${path}/${parent}`)) {
    for (const index of await listed(disk, `${path}/${parent}/${topicId}`)) yield { topicId, index: Number(index) }
  }
}

/** Durable when it resolves, in the new place and gone from the old one. */
async function renamed(disk: Disk, from: string, to: string): Promise<void> {
  await disk.rename(from, to)
  await disk.syncDirectory(parentOf(to))
  await disk.syncDirectory(parentOf(from))
}
