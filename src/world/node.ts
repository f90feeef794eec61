// The real world: Node's files, sockets, timers and randomness behind the interfaces of world.ts. The only file that knows them.
import { randomBytes, randomUUID } from 'node:crypto'
import * as fs from 'node:fs'
import { link, lstat, mkdir, readdir, readFile, rename, rm, rmdir, stat, statfs, unlink, writeFile } from 'node:fs/promises'
import * as net from 'node:net'
import * as tls from 'node:tls'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import type { Clock, Disk, DiskFile, Listener, ListenOptions, Network, Random, Timer, World } from './world.ts'

export function nodeWorld(): World {
  return { clock: nodeClock, disk: nodeDisk, network: nodeNetwork, random: nodeRandom }
}

// ------------------------------------------------------------------------------------------------------- time and chance

// setTimeout fires at once beyond 2^31 - 1 ms; longer waits are made of several.
const delayMsMax = 2 ** 31 - 1

const nodeClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs: number, task: () => void): Timer {
    let rest = delayMs
    let timeout: NodeJS.Timeout
    const arm = () => {
      const step = Math.min(rest, delayMsMax)
      rest -= step
      timeout = setTimeout(rest > 0 ? arm : task, step).unref()
    }
    arm()
    const cancel = () => clearTimeout(timeout)
    return { cancel, [Symbol.dispose]: cancel }
  },
}

const nodeRandom: Random = {
  bytes: count => randomBytes(count),
  uuid: () => randomUUID(),
}

// ------------------------------------------------------------------------------------------------------------------ disk

// Data directories and what is in them are their owner's alone.
const fileMode = 0o600
const directoryMode = 0o700
const openFlags = { read: 'r', write: 'r+', create: 'wx+' } as const

const openFile = promisify(fs.open)
const closeFile = promisify(fs.close)
const statFile = promisify(fs.fstat)
const truncateFile = promisify(fs.ftruncate)
const syncData = promisify(fs.fdatasync)
const syncAll = promisify(fs.fsync)

const nodeDisk: Disk = {
  async open(path, how) {
    return new NodeFile(path, await openFile(path, openFlags[how], fileMode))
  },
  async makeDirectory(path) {
    // One by one: Node's `recursive` tries without end where a directory that is there takes none, as those of /proc.
    const above = dirname(path)
    if (above !== path && !(await nodeDisk.exists(above))) await nodeDisk.makeDirectory(above)
    try {
      await mkdir(path, directoryMode)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !(await stat(path)).isDirectory()) throw error
    }
  },
  async list(path) {
    return (await readdir(path)).sort()
  },
  async exists(path) {
    return lstat(path).then(() => true, error => refuseUnless(error, 'ENOENT', false))
  },
  rename,
  remove: unlink,
  removeDirectory: rmdir,
  async space(path) {
    const { bsize, blocks, bavail } = await statfs(path)
    return { totalBytes: blocks * bsize, freeBytes: bavail * bsize }
  },
  async syncDirectory(path) {
    const fd = await openFile(path, 'r')
    try {
      await syncAll(fd)
    } finally {
      await closeFile(fd)
    }
  },
  readSecret,
  lock,
}

class NodeFile implements DiskFile {
  readonly #path: string
  readonly #fd: number
  /** The same file with O_DSYNC, once it is needed. */
  #durableFd: Promise<number> | undefined
  #isOpen = true

  constructor(path: string, fd: number) {
    this.#path = path
    this.#fd = fd
  }

  async size(): Promise<number> {
    return (await statFile(this.#fd)).size
  }

  async read(position: number, length: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(length)
    let filled = 0
    while (filled < length) {
      const count = await readSome(this.#fd, buffer, filled, position + filled)
      if (count === 0) break
      filled += count
    }
    return filled === length ? buffer : buffer.subarray(0, filled)
  }

  write(position: number, buffers: readonly Uint8Array[]): Promise<void> {
    return writeAll(this.#fd, buffers, position)
  }

  async writeDurably(position: number, buffers: readonly Uint8Array[]): Promise<void> {
    // Elsewhere O_DSYNC promises less than fdatasync does (macOS leaves the bytes in the drive's cache).
    if (process.platform !== 'linux') {
      await this.write(position, buffers)
      return this.sync()
    }
    this.#durableFd ??= openFile(this.#path, fs.constants.O_WRONLY | fs.constants.O_DSYNC)
    await writeAll(await this.#durableFd, buffers, position)
  }

  truncate(size: number): Promise<void> {
    return truncateFile(this.#fd, size)
  }

  sync(): Promise<void> {
    return syncData(this.#fd)
  }

  // A second close must not close whatever file has been given the same number since.
  async close(): Promise<void> {
    if (!this.#isOpen) return
    this.#isOpen = false
    await closeFile(this.#fd)
    if (this.#durableFd) await closeFile(await this.#durableFd)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function readSome(fd: number, buffer: Buffer, start: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.read(fd, buffer, start, buffer.length - start, position, (error, count) => error ? reject(error) : resolve(count))
  })
}

async function writeAll(fd: number, buffers: readonly Uint8Array[], position: number): Promise<void> {
  let left = buffers
  let at = position
  while (left.length > 0) {
    const count = await writeSome(fd, left, at)
    at += count
    left = without(left, count)
  }
}

function writeSome(fd: number, buffers: readonly Uint8Array[], position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.writev(fd, buffers, position, (error, count) => error ? reject(error) : resolve(count))
  })
}

function without(buffers: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let rest = count
  let index = 0
  while (index < buffers.length && rest >= buffers[index]!.length) rest -= buffers[index++]!.length
  if (rest === 0) return buffers.slice(index)
  return [buffers[index]!.subarray(rest), ...buffers.slice(index + 1)]
}

async function readSecret(path: string): Promise<Buffer> {
  // O_NOFOLLOW refuses a symbolic link; the checks are made on the open file, so that nobody can swap it in between.
  const fd = await openFile(path, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW)
  try {
    const stat = await statFile(fd)
    if (!stat.isFile()) throw new Error(`${path} is not a plain file`)
    if (stat.mode & 0o077) throw new Error(`${path} has mode 0${(stat.mode & 0o777).toString(8)}; only its owner may have access (0600 or 0400)`)
    const uid = process.getuid?.()
    if (uid !== undefined && stat.uid !== uid) throw new Error(`${path} belongs to user ${stat.uid}, not to ${uid} who runs this process`)
    if (stat.size > secretBytesMax) throw new Error(`${path} has ${stat.size} bytes; a secret has at most ${secretBytesMax}`)
    return await new NodeFile(path, fd).read(0, stat.size)
  } finally {
    await closeFile(fd)
  }
}

const secretBytesMax = 64 * 1024

// Node has no flock. The lock is a file that names its holder, linked into place in one step; a holder that no longer lives is taken over.
async function lock(path: string): Promise<AsyncDisposable | undefined> {
  const mine = await processIdentity(process.pid) ?? String(process.pid)
  const candidate = `${path}.${process.pid}.${randomUUID()}`
  await writeFile(candidate, mine, { mode: fileMode })
  try {
    for (let attempt = 0; attempt < 3; attempt++) {
      const isMine = await link(candidate, path).then(() => true, error => refuseUnless(error, 'EEXIST', false))
      if (isMine) return { [Symbol.asyncDispose]: () => rm(path, { force: true }) }
      const holder = await readFile(path, 'utf8').catch(error => refuseUnless(error, 'ENOENT', ''))
      if (holder === '') continue
      if (await isAlive(holder) || !await takeAway(path, holder, `${candidate}.dead`)) return undefined
    }
    return undefined
  } finally {
    await rm(candidate, { force: true })
  }
}

/** Removes the lock of a dead holder; false where another process was quicker, whose lock is put back. */
async function takeAway(path: string, holder: string, aside: string): Promise<boolean> {
  try {
    await rename(path, aside)
    if (await readFile(aside, 'utf8') === holder) return true
    await link(aside, path)
    return false
  } catch (error) {
    return refuseUnless(error, 'ENOENT', true)
  } finally {
    await rm(aside, { force: true })
  }
}

async function isAlive(holder: string): Promise<boolean> {
  const pid = Number.parseInt(holder, 10)
  return Number.isInteger(pid) && await processIdentity(pid) === holder
}

// A process id alone comes round again, in containers at once; with its start time and the boot it is one process.
async function processIdentity(pid: number): Promise<string | undefined> {
  try {
    if (process.platform !== 'linux') return process.kill(pid, 0) ? String(pid) : undefined
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    const startTicks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
    const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
    return `${pid} ${boot} ${startTicks}`
  } catch {
    return undefined
  }
}

function refuseUnless<T>(error: unknown, code: string, instead: T): T {
  if ((error as NodeJS.ErrnoException).code === code) return instead
  throw error
}

// --------------------------------------------------------------------------------------------------------------- network

const nodeNetwork: Network = {
  async listen(options: ListenOptions, accept: (connection: net.Socket) => void): Promise<Listener> {
    const server = options.tls
      ? tls.createServer({ noDelay: true, ...options.tls }, accept)
      : net.createServer({ noDelay: true }, accept)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    server.once('error', reject)
    server.listen({ host: options.host, port: options.port }, resolve)
    await promise
    server.off('error', reject)
    // Node reports a handshake that fails or takes too long, and leaves the socket open unless somebody ends it.
    server.on('tlsClientError', (_error: Error, socket: net.Socket) => socket.destroy())
    // An accept that fails later (too many open files) concerns one connection, not the listener.
    server.on('error', () => {})
    const address = server.address() as net.AddressInfo
    // The port is free as soon as close() is called; its callback would wait for every connection that stands.
    const close = async () => void server.close()
    return {
      host: address.address,
      port: address.port,
      setSecureContext: context => (server as tls.Server).setSecureContext(context),
      close,
      [Symbol.asyncDispose]: close,
    }
  },
}
