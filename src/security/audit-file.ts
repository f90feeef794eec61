// The audit log as a file of JSON lines, bounded by rotation: audit.log, then audit.log.1 (the last one before) and so on. Lines are queued,
// written together and synced; what a queue that is full loses is counted in a line of its own.
import type { Disk, DiskFile, Logger } from '../world/world.ts'
import type { AuditLine } from './audit.ts'

export interface AuditFileOptions {
  readonly disk: Disk
  /** The file; the older ones get a number behind their name. Its directory must exist. */
  readonly path: string
  readonly logger: Logger
  readonly bytesMax?: number
  readonly filesMax?: number
}

const queueLinesMax = 10_000

export class AuditFile implements AsyncDisposable {
  readonly #disk: Disk
  readonly #path: string
  readonly #logger: Logger
  readonly #bytesMax: number
  readonly #filesMax: number
  #file: DiskFile
  #size: number
  #queue: string[] = []
  #lost = 0
  #draining: Promise<void> | undefined

  /** Opens the file for appending, or makes it. A line that a crash cut off is ended, so that the next one stands alone. */
  static async open(options: AuditFileOptions): Promise<AuditFile> {
    const { disk, path } = options
    const file = await disk.open(path, (await disk.exists(path)) ? 'write' : 'create')
    let size = await file.size()
    if (size > 0 && (await file.read(size - 1, 1))[0] !== newline) {
      await file.write(size, [Buffer.of(newline)])
      size++
    }
    return new AuditFile(options, file, size)
  }

  private constructor(options: AuditFileOptions, file: DiskFile, size: number) {
    this.#disk = options.disk
    this.#path = options.path
    this.#logger = options.logger
    this.#bytesMax = options.bytesMax ?? 16 * 1024 * 1024
    this.#filesMax = options.filesMax ?? 5
    this.#file = file
    this.#size = size
  }

  /** The sink for AuditLog. */
  readonly write = (line: AuditLine): void => {
    if (this.#queue.length >= queueLinesMax) {
      this.#lost++
      return
    }
    this.#queue.push(`${JSON.stringify(line)}\n`)
    this.#draining ??= this.#drain()
  }

  /** Resolves when all lines so far are on disk. */
  async flush(): Promise<void> {
    await this.#draining
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.flush()
    await this.#file.close()
  }

  async #drain(): Promise<void> {
    try {
      while (this.#queue.length > 0) {
        const lines = this.#queue
        this.#queue = []
        if (this.#lost > 0) lines.push(`${JSON.stringify({ ...overflow, count: this.#lost })}\n`)
        this.#lost = 0
        const bytes = Buffer.from(lines.join(''))
        if (this.#size > 0 && this.#size + bytes.length > this.#bytesMax) await this.#rotate()
        await this.#file.write(this.#size, [bytes])
        this.#size += bytes.length
        await this.#file.sync()
      }
    } catch (error) {
      // The log that says who was refused must not take the server down, nor fail in silence.
      this.#logger.error({ path: this.#path, error: (error as Error).message }, 'the audit log cannot be written')
    } finally {
      this.#draining = undefined
    }
  }

  async #rotate(): Promise<void> {
    await this.#file.close()
    for (let age = this.#filesMax - 1; age >= 1; age--) {
      const from = age === 1 ? this.#path : `${this.#path}.${age - 1}`
      if (await this.#disk.exists(from)) await this.#disk.rename(from, `${this.#path}.${age}`)
    }
    this.#file = await this.#disk.open(this.#path, 'create')
    this.#size = 0
    await this.#disk.syncDirectory(this.#path.slice(0, this.#path.lastIndexOf('/')) || '.')
  }
}

const overflow = { kind: 'access', operation: 'overflow', reason: 'lines lost because the disk was too slow' }

const newline = 0x0a
