// A disk in memory that knows what would be left of it after a power cut: of bytes and names that were not synced any subset may survive,
// sector by sector and entry by entry. It also fails as real ones do: an error of a sync that is reported once and then forgotten, a full
// disk, a write cut short, bits that rot.
import { crc32c } from '@node-rs/crc32'
import type { Prng } from '../../src/base/prng.ts'
import type { Disk, DiskFile } from '../../src/world/world.ts'

/** The unit a device writes whole or not at all. */
const sectorBytes = 512

export type DiskOperation = 'open' | 'read' | 'write' | 'truncate' | 'sync' | 'rename' | 'remove' | 'make-directory' | 'sync-directory'
export type Fault = 'EIO' | 'ENOSPC' | 'short-write'

interface PendingWrite {
  readonly position: number
  readonly bytes: Buffer
  /** Size of the file once it is done. */
  readonly size: number
}

interface Inode {
  isDirectory: boolean
  /** What a reader sees. */
  content: Buffer
  size: number
  /** What survives for certain. */
  durable: Buffer
  pending: PendingWrite[]
}

/** A change of names that its directory's sync makes durable. */
interface PendingName {
  readonly directory: string
  readonly kind: 'add' | 'rename' | 'remove'
  readonly path: string
  readonly from: string
  readonly inode: Inode
}

export type Survives = 'nothing' | 'everything' | 'some'

export interface SimDiskOptions {
  /** How long an operation takes, by waiting; absent: no time at all. */
  readonly delay?: (operation: DiskOperation) => Promise<void>
}

export class SimDisk implements Disk {
  readonly #delay: SimDiskOptions['delay']
  #names = new Map<string, Inode>()
  #durableNames = new Map<string, Inode>()
  #pendingNames: PendingName[] = []
  readonly #locks = new Set<string>()
  readonly #faults: { operation: DiskOperation; fault: Fault; after: number; path: string }[] = []
  /** Of all operations so far: two runs that agree here did the same. */
  #trace = 0
  /** What all files together may hold: a write that would pass it is cut short with ENOSPC. More room, or fewer files, and there is space again. */
  limitBytes = Infinity
  /** Called when an operation begins and when it has ended. */
  onOperation: ((operation: DiskOperation, path: string) => void) | undefined

  constructor(options: SimDiskOptions = {}) {
    this.#delay = options.delay
    this.#names.set('', emptyDirectory())
    this.#durableNames.set('', emptyDirectory())
  }

  get trace(): number { return this.#trace }

  // ------------------------------------------------------------------------------------------------ what the world sees

  async open(path: string, how: 'read' | 'write' | 'create'): Promise<DiskFile> {
    await this.#operate('open', path)
    const existing = this.#names.get(path)
    if (how !== 'create') {
      if (!existing || existing.isDirectory) throw errno('ENOENT', path)
      return this.#file(path, existing)
    }
    if (existing) throw errno('EEXIST', path)
    this.#directory(parentOf(path))
    const inode: Inode = { isDirectory: false, content: Buffer.alloc(0), size: 0, durable: Buffer.alloc(0), pending: [] }
    this.#change('add', path, inode)
    this.onOperation?.('open', path)
    return this.#file(path, inode)
  }

  async makeDirectory(path: string): Promise<void> {
    await this.#operate('make-directory', path)
    if (this.#names.has(path)) return
    const parent = parentOf(path)
    if (!this.#names.has(parent)) await this.makeDirectory(parent)
    const inode = emptyDirectory()
    this.#change('add', path, inode)
    this.onOperation?.('make-directory', path)
  }

  async list(path: string): Promise<string[]> {
    this.#directory(path)
    const prefix = `${path}/`
    return [...this.#names.keys()].filter(name => name.startsWith(prefix) && !name.includes('/', prefix.length)).map(name => name.slice(prefix.length)).sort()
  }

  async exists(path: string): Promise<boolean> {
    return this.#names.has(path === '/' ? '' : path)
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#operate('rename', to)
    const inode = this.#names.get(from)
    if (!inode) throw errno('ENOENT', from)
    this.#directory(parentOf(to))
    this.#change('rename', to, inode, from)
    this.onOperation?.('rename', to)
  }

  async remove(path: string): Promise<void> {
    await this.#operate('remove', path)
    const inode = this.#names.get(path)
    if (!inode || inode.isDirectory) throw errno('ENOENT', path)
    this.#change('remove', path, inode)
    this.onOperation?.('remove', path)
  }

  async removeDirectory(path: string): Promise<void> {
    if ((await this.list(path)).length > 0) throw errno('ENOTEMPTY', path)
    this.#change('remove', path, this.#directory(path))
  }

  async syncDirectory(given: string): Promise<void> {
    const path = given === '/' ? '' : given
    this.#directory(path)
    const due = this.#pendingNames.filter(change => change.directory === (path === '/' ? '' : path))
    await this.#operate('sync-directory', path)
    for (const change of due) applyName(change, this.#durableNames)
    this.#pendingNames = this.#pendingNames.filter(change => !due.includes(change))
    this.onOperation?.('sync-directory', path)
  }

  async space(): Promise<{ totalBytes: number; freeBytes: number }> {
    const totalBytes = Math.min(this.limitBytes, Number.MAX_SAFE_INTEGER)
    return { totalBytes, freeBytes: Math.max(totalBytes - this.usedBytes, 0) }
  }

  async readSecret(path: string): Promise<Buffer> {
    await using file = await this.open(path, 'read')
    return file.read(0, await file.size())
  }

  async lock(path: string): Promise<AsyncDisposable | undefined> {
    if (this.#locks.has(path)) return undefined
    this.#locks.add(path)
    return { [Symbol.asyncDispose]: async () => void this.#locks.delete(path) }
  }

  // ------------------------------------------------------------------------------------------- what the simulation does

  /**
   * The `after`-th next operation of this kind on a path that contains `path` fails. A sync's EIO is reported once, and its bytes are lost though
   * they read well.
   */
  fail(operation: DiskOperation, fault: Fault, { after = 1, path = '' }: { after?: number; path?: string } = {}): void {
    this.#faults.push({ operation, fault, after, path })
  }

  /** Failures that were asked for and have not come yet do not come. */
  disarm(): void {
    this.#faults.length = 0
  }

  /** What the death of the process leaves: everything it has written, as far from durable as before. The disk itself goes on. */
  kill(options: SimDiskOptions = {}): SimDisk {
    const image = new SimDisk(options)
    const inodes = new Map<Inode, Inode>()
    const inodeOf = (inode: Inode): Inode => {
      const copy = inodes.get(inode) ?? { ...inode, content: copyOf(inode.content), durable: copyOf(inode.durable), pending: [...inode.pending] }
      inodes.set(inode, copy)
      return copy
    }
    image.#names = new Map([...this.#names].map(([path, inode]) => [path, inodeOf(inode)]))
    image.#durableNames = new Map([...this.#durableNames].map(([path, inode]) => [path, inodeOf(inode)]))
    image.#pendingNames = this.#pendingNames.map(change => ({ ...change, inode: inodeOf(change.inode) }))
    return image
  }

  /** What a power cut at this moment may leave. `survives`: nothing unsynced, all of it, or a random part. The disk itself goes on. */
  crash(random: Prng, survives: Survives, options: SimDiskOptions = {}): SimDisk {
    const image = new SimDisk(options)
    const names = new Map(this.#durableNames)
    for (const change of this.#pendingNames) {
      if (survives === 'everything' || (survives === 'some' && random.chance(0.5))) applyName(change, names)
    }
    const inodes = new Map<Inode, Inode>()
    for (const [path, inode] of names) {
      if (!isReachable(path, names)) continue
      let copy = inodes.get(inode)
      if (!copy) inodes.set(inode, copy = inode.isDirectory ? emptyDirectory() : crashed(inode, random, survives))
      image.#names.set(path, copy)
      image.#durableNames.set(path, copy)
    }
    return image
  }

  /** Flips a bit of what a file holds, durable or not. */
  rot(path: string, position: number): void {
    const inode = this.#names.get(path)!
    inode.content[position]! ^= 0x10
    if (position < inode.durable.length) inode.durable[position]! ^= 0x10
  }

  /** Everything in a file, as a reader sees it. */
  contentOf(path: string): Buffer {
    const inode = this.#names.get(path)
    if (!inode) throw errno('ENOENT', path)
    return inode.content.subarray(0, inode.size)
  }

  /** The sizes of all files together. */
  get usedBytes(): number {
    let bytes = 0
    for (const { size } of this.#names.values()) bytes += size
    return bytes
  }

  get files(): string[] {
    return [...this.#names].filter(([, inode]) => !inode.isDirectory).map(([path]) => path).sort()
  }

  // ------------------------------------------------------------------------------------------------------------ helpers

  #file(path: string, inode: Inode): DiskFile {
    const close = async () => {}
    return {
      size: async () => inode.size,
      read: async (position, length) => {
        await this.#operate('read', path)
        return Buffer.from(inode.content.subarray(position, Math.max(position, Math.min(position + length, inode.size))))
      },
      write: async (position, buffers) => {
        const bytes = Buffer.concat(buffers)
        const fault = this.#faultFor('write', path)
        const written = fault === 'EIO' ? bytes.subarray(0, 0) : this.#fitting(inode, position, bytes, fault)
        if (written.length > 0) write(inode, position, Buffer.from(written))
        await this.#operate('write', path, position, crc32c(bytes))
        this.onOperation?.('write', path)
        if (fault === 'EIO') throw errno('EIO', path)
        if (written.length < bytes.length) throw errno('ENOSPC', path)
      },
      writeDurably: async (position, buffers) => {
        const bytes = Buffer.concat(buffers)
        const fault = this.#faultFor('write', path) ?? this.#faultFor('sync', path)
        const written = this.#fitting(inode, position, bytes, fault)
        if (written.length < bytes.length) {
          if (written.length > 0) write(inode, position, Buffer.from(written))
          await this.#operate('write', path, position, crc32c(bytes))
          this.onOperation?.('write', path)
          throw errno('ENOSPC', path)
        }
        write(inode, position, bytes)
        const own = inode.pending.at(-1)!
        await this.#operate('write', path, position, crc32c(bytes))
        // Reported once, lost for good: the page reads well and counts as clean.
        inode.pending.splice(inode.pending.indexOf(own), 1)
        if (fault === undefined) {
          inode.durable = applied(inode.durable, { ...own, size: Math.max(inode.durable.length, own.size) })
          inode.pending = inode.pending.map(pending => ({ ...pending, size: Math.max(pending.size, own.size) }))
        }
        this.onOperation?.('write', path)
        if (fault !== undefined) throw errno('EIO', path)
      },
      truncate: async size => {
        inode.content = grown(inode.content, size)
        inode.content.fill(0, size)
        inode.size = size
        inode.pending.push({ position: size, bytes: Buffer.alloc(0), size })
        await this.#operate('truncate', path, size)
        this.onOperation?.('truncate', path)
      },
      sync: async () => {
        const due = inode.pending.length
        const fault = this.#faultFor('sync', path)
        await this.#operate('sync', path)
        const synced = inode.pending.splice(0, due)
        if (fault === undefined) for (const pending of synced) inode.durable = applied(inode.durable, pending)
        this.onOperation?.('sync', path)
        if (fault !== undefined) throw errno('EIO', path)
      },
      close,
      [Symbol.asyncDispose]: close,
    }
  }

  /** What of the bytes there is room for. */
  #fitting(inode: Inode, position: number, bytes: Buffer, fault: Fault | undefined): Buffer {
    if (fault === 'ENOSPC') return bytes.subarray(0, 0)
    if (fault === 'short-write') return bytes.subarray(0, bytes.length >> 1)
    const growth = position + bytes.length - inode.size
    if (this.limitBytes === Infinity || growth <= 0) return bytes
    return bytes.subarray(0, Math.max(bytes.length - Math.max(growth - Math.max(this.limitBytes - this.usedBytes, 0), 0), 0))
  }

  #change(kind: PendingName['kind'], path: string, inode: Inode, from = ''): void {
    const change = { kind, path, inode, from, directory: parentOf(path) }
    applyName(change, this.#names)
    // What is pending within a directory stays so under the directory's new name.
    if (kind === 'rename' && inode.isDirectory) this.#pendingNames = this.#pendingNames.map(one => movedChange(one, from, path))
    this.#pendingNames.push(change)
  }

  #directory(path: string): Inode {
    const inode = this.#names.get(path === '/' ? '' : path)
    if (!inode?.isDirectory) throw errno('ENOENT', path)
    return inode
  }

  async #operate(operation: DiskOperation, path: string, ...details: number[]): Promise<void> {
    this.#trace = crc32c(`${operation} ${path} ${details.join(' ')}`, this.#trace)
    this.onOperation?.(operation, path)
    if (this.#delay) await this.#delay(operation)
  }

  #faultFor(operation: DiskOperation, path: string): Fault | undefined {
    for (const [index, fault] of this.#faults.entries()) {
      if (fault.operation !== operation || !path.includes(fault.path) || --fault.after > 0) continue
      this.#faults.splice(index, 1)
      return fault.fault
    }
    return undefined
  }
}

function write(inode: Inode, position: number, bytes: Buffer): void {
  const size = Math.max(inode.size, position + bytes.length)
  inode.content = grown(inode.content, size)
  bytes.copy(inode.content, position)
  inode.size = size
  inode.pending.push({ position, bytes, size })
}

/** In place, as far as its memory reaches: only Buffer.alloc gives a buffer memory of its own. */
function applied(durable: Buffer, { position, bytes, size }: PendingWrite): Buffer {
  let result = durable.subarray(0, size)
  if (size > durable.length) {
    const hasRoom = durable.buffer.byteLength >= size
    result = hasRoom ? Buffer.from(durable.buffer, 0, size) : Buffer.alloc(Math.max(size, durable.length * 2)).subarray(0, size)
    if (hasRoom) result.fill(0, durable.length)
    else durable.copy(result)
  }
  bytes.copy(result, position)
  return result
}

function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.alloc(bytes.length)
  bytes.copy(copy)
  return copy
}

// Each sector has, on its own, seen the first few of the pending writes. A sector that was never durable and has seen none holds zeros or
// garbage; one that was durable keeps its old bytes, since devices write a sector whole. The size is that after some of the writes, or between.
function crashed(inode: Inode, random: Prng, survives: Survives): Inode {
  const { durable, pending } = inode
  let content: Buffer
  if (survives === 'nothing' || pending.length === 0) content = copyOf(durable)
  else if (survives === 'everything') content = copyOf(inode.content.subarray(0, inode.size))
  else content = survivors(inode, random)
  return { isDirectory: false, content, size: content.length, durable: copyOf(content), pending: [] }
}

function survivors({ durable, pending }: Inode, random: Prng): Buffer {
  const sizes = [durable.length, ...pending.map(({ size }) => size)]
  const upTo = random.below(sizes.length)
  let size = sizes[upTo]!
  if (upTo > 0 && size > sizes[upTo - 1]! && random.chance(0.3)) size = sizes[upTo - 1]! + random.below(size - sizes[upTo - 1]!)
  const content = Buffer.alloc(size)
  durable.copy(content, 0, 0, size)
  const seen: number[] = []
  const firstSector = Math.ceil(durable.length / sectorBytes)
  for (let sector = 0; sector * sectorBytes < size; sector++) {
    const count = random.below(pending.length + 1)
    seen.push(count)
    if (sector >= firstSector && count === 0 && random.chance(0.3)) random.bytes(16).copy(content, sector * sectorBytes)
  }
  for (const [index, { position, bytes }] of pending.entries()) {
    for (let at = position; at < position + bytes.length && at < size;) {
      const sector = Math.floor(at / sectorBytes)
      const end = Math.min((sector + 1) * sectorBytes, position + bytes.length, size)
      if (seen[sector]! > index) bytes.copy(content, at, at - position, end - position)
      at = end
    }
  }
  return content
}

function grown(content: Buffer, size: number): Buffer {
  if (content.length >= size) return content
  const larger = Buffer.alloc(Math.max(size, content.length * 2))
  content.copy(larger)
  return larger
}

function applyName({ kind, path, from, inode }: PendingName, names: Map<string, Inode>): void {
  if (kind === 'remove') {
    if (names.get(path) === inode) names.delete(path)
    return
  }
  if (kind === 'rename') {
    names.delete(from)
    // A directory takes along what is in it.
    if (inode.isDirectory) for (const [name, child] of names) if (name.startsWith(`${from}/`)) {
      names.delete(name)
      names.set(path + name.slice(from.length), child)
    }
  }
  names.set(path, inode)
}

function movedChange(change: PendingName, from: string, to: string): PendingName {
  const moved = (path: string): string => (path === from || path.startsWith(`${from}/`) ? to + path.slice(from.length) : path)
  // The directory's own name is its parent's.
  if (change.path === from) return change
  return { ...change, path: moved(change.path), from: moved(change.from), directory: moved(change.directory) }
}

function isReachable(path: string, names: Map<string, Inode>): boolean {
  for (let at = parentOf(path); ; at = parentOf(at)) {
    if (!names.get(at)?.isDirectory) return false
    if (at === '') return true
  }
}

function emptyDirectory(): Inode {
  return { isDirectory: true, content: Buffer.alloc(0), size: 0, durable: Buffer.alloc(0), pending: [] }
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 0))
}

function errno(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code })
}
