// A disk that can be taken away from its user at one stroke, as a crash takes it: from then on nothing that changes it is begun. Calls that
// are under way end as they will; reading and closing are always let through.
import type { Disk, DiskFile } from '../../world/world.ts'

export class Gate {
  #shutBy: Error | undefined

  /** Rejects with `reason` whatever would change the disk from now on. */
  shut(reason: Error): void {
    this.#shutBy ??= reason
  }

  /** `disk`, as far as the gate lets one. */
  disk(disk: Disk): Disk {
    const pass = <T>(ask: () => Promise<T>): Promise<T> => (this.#shutBy === undefined ? ask() : Promise.reject(this.#shutBy))
    return {
      open: (path, how) => pass(async () => gated(await disk.open(path, how), pass)),
      makeDirectory: path => pass(() => disk.makeDirectory(path)),
      list: path => disk.list(path),
      exists: path => disk.exists(path),
      rename: (from, to) => pass(() => disk.rename(from, to)),
      remove: path => pass(() => disk.remove(path)),
      removeDirectory: path => pass(() => disk.removeDirectory(path)),
      syncDirectory: path => pass(() => disk.syncDirectory(path)),
      space: path => disk.space(path),
      readSecret: path => disk.readSecret(path),
      lock: path => pass(() => disk.lock(path)),
    }
  }
}

function gated(file: DiskFile, pass: <T>(ask: () => Promise<T>) => Promise<T>): DiskFile {
  return {
    size: () => file.size(),
    read: (position, length) => file.read(position, length),
    write: (position, buffers) => pass(() => file.write(position, buffers)),
    writeDurably: (position, buffers) => pass(() => file.writeDurably(position, buffers)),
    truncate: size => pass(() => file.truncate(size)),
    sync: () => pass(() => file.sync()),
    close: () => file.close(),
    [Symbol.asyncDispose]: () => file.close(),
  }
}
