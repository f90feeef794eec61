// Directories that are made and removed as a whole, in an order that a crash cannot turn against their owner.
import type { Disk } from '../../world/world.ts'

/** Makes the directory, and those above it that are missing, each name durable before anything is put under it. */
export async function ensureDirectory(disk: Disk, directory: string): Promise<void> {
  if (await disk.exists(directory)) return
  const parent = parentOf(directory)
  await ensureDirectory(disk, parent)
  await disk.makeDirectory(directory)
  await disk.syncDirectory(parent)
}

/** Removes the directory with all that is in it, `subdirectories` included. */
export async function removeDirectory(disk: Disk, directory: string, subdirectories: readonly string[]): Promise<void> {
  for (const name of await disk.list(directory)) {
    if (subdirectories.includes(name)) await removeDirectory(disk, `${directory}/${name}`, [])
    else await disk.remove(`${directory}/${name}`)
  }
  await disk.removeDirectory(directory)
}

export function parentOf(path: string): string {
  const at = path.lastIndexOf('/')
  return at > 0 ? path.slice(0, at) : at === 0 ? '/' : '.'
}
