// The directory of certificates and keys. Keys are written with mode 0600 and refused when others could read them; a file is replaced whole
// or not at all; a key and its certificate are replaced together even if the process dies in between; one process changes things at a time.
import { constants } from 'node:fs'
import { link, mkdir, open, readdir, readFile, rename, rm, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto'
import { CertificateError } from './error.ts'

const fileBytesMax = 1024 * 1024
const lockWaitMsMax = 30_000
const lockRetryMs = 50

export class CertificateFiles {
  readonly directory: string

  constructor(directory: string) {
    this.directory = directory
  }

  path(name: string): string {
    return join(this.directory, name)
  }

  /** The text of a file, or undefined where there is none. */
  async read(name: string): Promise<string | undefined> {
    return (await this.readBytes(name))?.toString('utf8')
  }

  async readBytes(name: string): Promise<Buffer | undefined> {
    const path = this.path(name)
    try {
      const { size } = await stat(path)
      if (size > fileBytesMax) throw new CertificateError(`${path} has ${size} bytes; nothing that belongs here is larger than ${fileBytesMax}`)
      return await readFile(path)
    } catch (error) {
      return missingOr(error, path)
    }
  }

  /** Like `readBytes`, for what only its owner may read. */
  async readSecret(name: string): Promise<Buffer | undefined> {
    const path = this.path(name)
    const bytes = await this.readBytes(name)
    if (bytes === undefined || process.platform === 'win32') return bytes
    const mode = (await stat(path)).mode & 0o777
    if ((mode & 0o077) !== 0) {
      throw new CertificateError(`${path} holds a secret and its mode is ${mode.toString(8).padStart(4, '0')}, so others can use it: run chmod 600 ${path}`)
    }
    return bytes
  }

  /** Modification time in milliseconds, or undefined where there is no such file. */
  async modifiedAt(name: string): Promise<number | undefined> {
    try {
      return (await stat(this.path(name))).mtimeMs
    } catch (error) {
      return missingOr(error, this.path(name))
    }
  }

  /** Names of files, sorted; none where there is no directory. */
  async list(): Promise<string[]> {
    try {
      return (await readdir(this.directory)).sort()
    } catch (error) {
      return missingOr(error, this.directory) ?? []
    }
  }

  /** Replaces a file as a whole, durably. */
  async write(name: string, contents: string | Buffer, how: { readonly secret: boolean }): Promise<void> {
    const path = this.path(name)
    const draft = `${path}.${randomBytes(6).toString('hex')}.draft`
    try {
      const file = await open(draft, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, how.secret ? 0o600 : 0o644)
      try {
        await file.writeFile(contents)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(draft, path)
      await this.#syncNames()
    } catch (error) {
      await rm(draft, { force: true })
      throw new CertificateError(`cannot write ${path}: ${(error as Error).message}`, { cause: error })
    }
  }

  /** Replaces NAME.pem and NAME.key together: `finishPairs` completes or undoes what a crash in between leaves. Needs the lock. */
  async writePair(name: string, pair: { readonly certificate: string; readonly key: string }): Promise<void> {
    await this.write(`${name}.pem${nextSuffix}`, pair.certificate, { secret: false })
    await this.write(`${name}.key`, pair.key, { secret: true })
    await this.finishPairs()
  }

  /** A certificate whose key is in place becomes NAME.pem; one whose key never came goes away. Needs the lock. */
  async finishPairs(): Promise<void> {
    for (const name of await this.unfinishedPairs()) {
      const next = `${name}.pem${nextSuffix}`
      const [certificate, key] = [await this.read(next), await this.readSecret(`${name}.key`)]
      if (certificate !== undefined && key !== undefined && new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))) {
        await rename(this.path(next), this.path(`${name}.pem`))
      } else {
        await rm(this.path(next), { force: true })
      }
      await this.#syncNames()
    }
  }

  async unfinishedPairs(): Promise<string[]> {
    const suffix = `.pem${nextSuffix}`
    return (await this.list()).filter(file => file.endsWith(suffix)).map(file => file.slice(0, -suffix.length))
  }

  /** A file of random bytes that is made when it is first asked for, such as a key-encryption key. Safe against two processes at once. */
  async ensureRandom(name: string, bytes: number): Promise<Buffer> {
    const kept = await this.readSecret(name)
    if (kept !== undefined) return kept
    return this.exclusively(async () => {
      const raced = await this.readSecret(name)
      if (raced !== undefined) return raced
      const made = randomBytes(bytes)
      await this.write(name, made, { secret: true })
      return made
    })
  }

  /** Makes the directory where it is missing and runs `task` while no other process is in here. */
  async exclusively<T>(task: () => Promise<T>): Promise<T> {
    try {
      await mkdir(this.directory, { recursive: true, mode: 0o700 })
    } catch (error) {
      throw new CertificateError(`cannot make the directory ${this.directory}: ${(error as Error).message}`, { cause: error })
    }
    await this.#lock()
    try {
      return await task()
    } finally {
      await unlink(this.path(lockName))
    }
  }

  /** The lock is a file that names its process and appears whole (link); one whose process is gone is taken over. */
  async #lock(): Promise<void> {
    const path = this.path(lockName)
    const draft = `${path}.${process.pid}.${randomBytes(6).toString('hex')}`
    try {
      const file = await open(draft, 'wx', 0o600)
      await file.writeFile(String(process.pid))
      await file.close()
      const patience = performance.now() + lockWaitMsMax
      for (;;) {
        try {
          return await link(draft, path)
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
        }
        const owner = Number(await readFile(path, 'utf8').catch(() => ''))
        if (owner > 0 && !isAlive(owner)) await rm(path, { force: true })
        else if (performance.now() > patience) throw new CertificateError(`process ${owner} has held ${path} for ${lockWaitMsMax / 1000} s; remove the file if that process is not a Sluice`)
        else await new Promise(resolve => setTimeout(resolve, lockRetryMs))
      }
    } catch (error) {
      if (error instanceof CertificateError) throw error
      throw new CertificateError(`cannot write in ${this.directory}: ${(error as Error).message}`, { cause: error })
    } finally {
      await rm(draft, { force: true })
    }
  }

  async #syncNames(): Promise<void> {
    if (process.platform === 'win32') return
    const directory = await open(this.directory, 'r')
    try {
      await directory.sync()
    } finally {
      await directory.close()
    }
  }
}

const lockName = '.lock'
const nextSuffix = '.next'

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function missingOr(error: unknown, path: string): undefined {
  if (error instanceof CertificateError) throw error
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
  throw new CertificateError(`cannot read ${path}: ${(error as Error).message}`, { cause: error })
}
