// Certificates that were withdrawn before their end: a list in the certificate directory, kept by `sluice certs revoke`. A running server
// reads the file every second; its listeners ask for each connection, new or resumed, and those that stand are ended. There is no CRL to
// expire and lock everybody out: the list counts from the moment it is on disk.
import { CertificateError } from './error.ts'
import { CertificateFiles } from './files.ts'
import { readCertificate } from './authority.ts'
import type { Clock, Logger, Timer, World } from '../world/world.ts'

export interface Revoked {
  /** Upper-case hexadecimal, as X509Certificate prints it. */
  readonly serialNumber: string
  readonly name: string
  /** ISO 8601. */
  readonly revokedAt: string
}

const listName = 'revoked.jsonl'
const pollMs = 1_000

/**
 * Withdraws the certificate NAME.pem, or one known only by its serial number, durably. Returns its entry; the same one again if it was
 * withdrawn before.
 */
export async function revoke(world: Pick<World, 'disk' | 'clock'>, directory: string, nameOrSerial: string): Promise<Revoked> {
  const files = new CertificateFiles(world, directory)
  return files.exclusively(async () => {
    const { name, serialNumber } = await find(files, nameOrSerial)
    const revoked = await readRevoked(files)
    const before = revoked.get(serialNumber)
    if (before !== undefined) return before
    const entry: Revoked = { serialNumber, name, revokedAt: new Date(world.clock.now()).toISOString() }
    await files.write(listName, [...revoked.values(), entry].map(one => `${JSON.stringify(one)}\n`).join(''))
    return entry
  })
}

/** By serial number. A list that cannot be read in full is an error: to go on without it would let the withdrawn back in. */
export async function readRevoked(files: CertificateFiles): Promise<ReadonlyMap<string, Revoked>> {
  const text = await files.read(listName)
  const lines = (text ?? '').split('\n').filter(line => line !== '')
  return new Map(lines.map((line, index) => {
    const entry = parse(line)
    if (entry === undefined) throw new CertificateError(`${files.path(listName)}:${index + 1} is not a withdrawn certificate: ${line.slice(0, 80)}`)
    return [entry.serialNumber, entry]
  }))
}

export interface RevocationOptions {
  readonly world: Pick<World, 'disk' | 'clock'>
  readonly directory: string
  readonly logger: Logger
}

/** The list as a running server sees it. */
export class RevocationList implements Disposable {
  readonly #files: CertificateFiles
  readonly #clock: Clock
  readonly #logger: Logger
  /** What to end, by serial number: at most one entry per open connection. */
  readonly #standing = new Map<string, Set<() => void>>()
  #revoked: ReadonlyMap<string, Revoked> = new Map()
  #timer: Timer | undefined
  #isClosed = false

  /** Throws CertificateError where the list is damaged. */
  static async open(options: RevocationOptions): Promise<RevocationList> {
    const list = new RevocationList(options)
    await list.#refresh()
    list.#schedule()
    return list
  }

  private constructor(options: RevocationOptions) {
    this.#files = new CertificateFiles(options.world, options.directory)
    this.#clock = options.world.clock
    this.#logger = options.logger
  }

  isRevoked(serialNumber: string): boolean {
    return this.#revoked.has(serialNumber)
  }

  /** Calls `end` once if the certificate is withdrawn before the result is disposed of. */
  onRevoked(serialNumber: string, end: () => void): Disposable {
    const ends = this.#standing.get(serialNumber) ?? new Set()
    ends.add(end)
    this.#standing.set(serialNumber, ends)
    return {
      [Symbol.dispose]: () => {
        ends.delete(end)
        if (ends.size === 0 && this.#standing.get(serialNumber) === ends) this.#standing.delete(serialNumber)
      },
    }
  }

  [Symbol.dispose](): void {
    this.#isClosed = true
    this.#timer?.cancel()
  }

  #schedule(): void {
    if (this.#isClosed) return
    this.#timer = this.#clock.after(pollMs, () => {
      this.#refresh()
        .catch((error: unknown) => {
          this.#logger.error({ error: (error as Error).message }, 'the list of withdrawn certificates cannot be read; the one read before stays in force')
        })
        .finally(() => this.#schedule())
    })
  }

  async #refresh(): Promise<void> {
    this.#revoked = await readRevoked(this.#files)
    for (const [serialNumber, ends] of this.#standing) {
      if (!this.#revoked.has(serialNumber)) continue
      this.#standing.delete(serialNumber)
      for (const end of ends) end()
    }
  }
}

async function find(files: CertificateFiles, nameOrSerial: string): Promise<{ name: string; serialNumber: string }> {
  const path = files.path(`${nameOrSerial}.pem`)
  const pem = /[/\\]/.test(nameOrSerial) ? undefined : await files.read(`${nameOrSerial}.pem`)
  if (pem === undefined) {
    if (/^[0-9A-F]{32}$/i.test(nameOrSerial)) return { name: '', serialNumber: nameOrSerial.toUpperCase() }
    throw new CertificateError(`there is no certificate ${path}, and ${JSON.stringify(nameOrSerial)} is not a serial number (32 hexadecimal digits)`)
  }
  const { ca, serialNumber } = readCertificate(pem, path)
  if (ca) throw new CertificateError(`${nameOrSerial} is a CA, and only what it issued can be withdrawn: to replace it, move ${files.directory} away`)
  return { name: nameOrSerial, serialNumber }
}

function parse(line: string): Revoked | undefined {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return undefined
  }
  const { serialNumber, name, revokedAt } = (value ?? {}) as Partial<Record<keyof Revoked, unknown>>
  if (typeof serialNumber !== 'string' || !/^[0-9A-F]+$/.test(serialNumber) || typeof name !== 'string' || typeof revokedAt !== 'string') return undefined
  return { serialNumber, name, revokedAt }
}
