// The directory of certificates and keys. Nothing in it is open to others, and a key that is gets refused; a file is replaced whole or not at
// all; a key and its certificate are replaced together even if the process dies in between; one process changes things at a time.
import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import type { Clock, Disk, World } from '../world/world.ts'
import { CertificateError } from './error.ts'

const fileBytesMax = 1024 * 1024
const lockWaitMsMax = 30_000
const lockRetryMs = 50
const lockName = '.lock'
const draftSuffix = '.draft'
const nextSuffix = '.pem.next'

export class CertificateFiles {
  readonly directory: string
  readonly #disk: Disk
  readonly #clock: Clock

  constructor(world: Pick<World, 'disk' | 'clock'>, directory: string) {
    this.directory = directory
    this.#disk = world.disk
    this.#clock = world.clock
  }

  path(name: string): string {
    return join(this.directory, name)
  }

  /** The text of a file, or undefined where there is none. */
  async read(name: string): Promise<string | undefined> {
    const path = this.path(name)
    try {
      await using file = await this.#disk.open(path, 'read')
      const size = await file.size()
      if (size > fileBytesMax) throw new Error(`it has ${size} bytes; nothing that belongs here is larger than ${fileBytesMax}`)
      return (await file.read(0, size)).toString('utf8')
    } catch (error) {
      return missingOr(error, `cannot read ${path}`)
    }
  }

  /** Like `read`, for what only its owner may have access to. */
  async readSecret(name: string): Promise<string | undefined> {
    const path = this.path(name)
    try {
      return (await this.#disk.readSecret(path)).toString('utf8')
    } catch (error) {
      return missingOr(error, `cannot use ${path}`)
    }
  }

  /** Names of files, sorted; none where there is no directory. */
  async list(): Promise<string[]> {
    try {
      return await this.#disk.list(this.directory)
    } catch (error) {
      return missingOr(error, `cannot read ${this.directory}`) ?? []
    }
  }

  /** Replaces a file as a whole, durably. Needs the lock. */
  async write(name: string, contents: string | Buffer): Promise<void> {
    const path = this.path(name)
    const draft = `${path}.${randomBytes(6).toString('hex')}${draftSuffix}`
    try {
      {
        await using file = await this.#disk.open(draft, 'create')
        await file.write(0, [Buffer.from(contents)])
        await file.sync()
      }
      await this.#disk.rename(draft, path)
      await this.#disk.syncDirectory(this.directory)
    } catch (error) {
      throw new CertificateError(`cannot write ${path}: ${(error as Error).message}`, { cause: error })
    }
  }

  /** Replaces NAME.pem and NAME.key together: `finishWrites` completes or undoes what a crash in between leaves. Needs the lock. */
  async writePair(name: string, pair: { readonly certificate: string; readonly key: string }): Promise<void> {
    await this.write(`${name}${nextSuffix}`, pair.certificate)
    await this.write(`${name}.key`, pair.key)
    await this.finishWrites()
  }

  /** A certificate whose key is in place becomes NAME.pem; one whose key never came, and drafts, go away. Needs the lock. */
  async finishWrites(): Promise<void> {
    for (const file of await this.list()) {
      if (file.endsWith(draftSuffix)) await this.#disk.remove(this.path(file))
      if (!file.endsWith(nextSuffix)) continue
      const name = file.slice(0, -nextSuffix.length)
      const [certificate, key] = [await this.read(file), await this.readSecret(`${name}.key`)]
      const fits = certificate !== undefined && key !== undefined && new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))
      if (fits) await this.#disk.rename(this.path(file), this.path(`${name}.pem`))
      else await this.#disk.remove(this.path(file))
      await this.#disk.syncDirectory(this.directory)
    }
  }

  /** Whether a write is under way in some process, or was when it died. */
  async hasUnfinishedWrites(): Promise<boolean> {
    return (await this.list()).some(file => file.endsWith(nextSuffix) || file.endsWith(draftSuffix))
  }

  /** Makes the directory where it is missing and runs `task` while no other process, and nobody else in this one, is in here. */
  async exclusively<T>(task: () => Promise<T>): Promise<T> {
    await using _lock = await this.#lock()
    return await task()
  }

  async #lock(): Promise<AsyncDisposable> {
    const path = this.path(lockName)
    const patience = this.#clock.monotonic() + lockWaitMsMax
    for (;;) {
      let lock: AsyncDisposable | undefined
      try {
        await this.#disk.makeDirectory(this.directory)
        lock = await this.#disk.lock(path)
      } catch (error) {
        throw new CertificateError(`cannot write in ${this.directory}: ${(error as Error).message}`, { cause: error })
      }
      if (lock !== undefined) return lock
      if (this.#clock.monotonic() > patience) throw new CertificateError(`another process has held ${path} for ${lockWaitMsMax / 1000} s`)
      // Not the world's timer, which would let a command line end while it waits.
      await new Promise<void>(resolve => setTimeout(resolve, lockRetryMs))
    }
  }
}

function missingOr(error: unknown, what: string): undefined {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
  throw new CertificateError(`${what}: ${(error as Error).message}`, { cause: error })
}
