// The disk of one broker's machine, which can break down for good and be replaced. Files that were opened on a broken one fail from then on.
import type { Prng } from '../../../src/base/prng.ts'
import type { Disk, DiskFile } from '../../../src/world/world.ts'
import { SimDisk, type SimDiskOptions, type Survives } from '../disk.ts'

interface Mount {
  readonly disk: SimDisk
  isBroken: boolean
}

export class MachineDisk implements Disk {
  readonly #options: SimDiskOptions
  #mount: Mount

  constructor(options: SimDiskOptions) {
    this.#options = options
    this.#mount = { disk: new SimDisk(options), isBroken: false }
  }

  get present(): SimDisk { return this.#mount.disk }

  get isBroken(): boolean { return this.#mount.isBroken }

  /** Nothing can be read or written any more. */
  break(): void { this.#mount.isBroken = true }

  /** A blank one in its place. */
  replace(): void { this.#mount = { disk: new SimDisk(this.#options), isBroken: false } }

  /** The power fails. */
  cutPower(random: Prng, survives: Survives): void { this.#mount = { disk: this.present.crash(random, survives, this.#options), isBroken: false } }

  /** The process dies, the machine goes on. */
  killProcess(): void { this.#mount = { disk: this.present.kill(this.#options), isBroken: false } }

  async open(path: string, how: 'read' | 'write' | 'create'): Promise<DiskFile> {
    const mount = this.#mount
    const { disk } = sound(mount)
    const file = await disk.open(path, how)
    return {
      size: async () => (sound(mount), file.size()),
      read: async (position, length) => (sound(mount), file.read(position, length)),
      write: async (position, buffers) => (sound(mount), file.write(position, buffers)),
      writeDurably: async (position, buffers) => (sound(mount), file.writeDurably(position, buffers)),
      truncate: async size => (sound(mount), file.truncate(size)),
      sync: async () => (sound(mount), file.sync()),
      close: () => file.close(),
      [Symbol.asyncDispose]: () => file.close(),
    }
  }

  async makeDirectory(path: string): Promise<void> { return sound(this.#mount).disk.makeDirectory(path) }
  async list(path: string): Promise<string[]> { return sound(this.#mount).disk.list(path) }
  async exists(path: string): Promise<boolean> { return sound(this.#mount).disk.exists(path) }
  async rename(from: string, to: string): Promise<void> { return sound(this.#mount).disk.rename(from, to) }
  async remove(path: string): Promise<void> { return sound(this.#mount).disk.remove(path) }
  async removeDirectory(path: string): Promise<void> { return sound(this.#mount).disk.removeDirectory(path) }
  async syncDirectory(path: string): Promise<void> { return sound(this.#mount).disk.syncDirectory(path) }
  async space(): Promise<{ totalBytes: number; freeBytes: number }> { return sound(this.#mount).disk.space() }
  async readSecret(path: string): Promise<Buffer> { return sound(this.#mount).disk.readSecret(path) }
  async lock(path: string): Promise<AsyncDisposable | undefined> { return sound(this.#mount).disk.lock(path) }
}

function sound(mount: Mount): Mount {
  if (mount.isBroken) throw Object.assign(new Error('EIO: the disk is gone'), { code: 'EIO' })
  return mount
}
