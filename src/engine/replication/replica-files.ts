// The files of replicas in a data directory: how they are listed, measured and removed.
import type { Disk } from '../../world/world.ts'
import { quarantineName } from '../log/recovery.ts'

/** Names in a directory; none where there is no such directory. */
export async function listed(disk: Disk, path: string): Promise<string[]> {
  return (await disk.exists(path)) ? disk.list(path) : []
}

/** Bytes of the segments of a log that is not open. */
export async function segmentBytes(disk: Disk, path: string): Promise<number> {
  let bytes = 0
  for (const name of await listed(disk, path)) {
    if (!name.endsWith('.segment')) continue
    await using file = await disk.open(`${path}/${name}`, 'read')
    bytes += await file.size()
  }
  return bytes
}

/** All replicas of a topic that lie below `<directory>/<parent>`. */
export async function removeTopic(disk: Disk, parent: string, topicId: string): Promise<void> {
  const path = `${parent}/${topicId}`
  if (!(await disk.exists(path))) return
  for (const name of await disk.list(path)) await removeReplica(disk, `${path}/${name}`)
  await disk.removeDirectory(path)
  await disk.syncDirectory(parent)
}

/** A replica's directory holds files and at most one level of directories. It is gone durably, files first. */
export async function removeReplica(disk: Disk, path: string): Promise<void> {
  if (!(await disk.exists(path))) return
  for (const name of await disk.list(path)) {
    if (name === quarantineName || name === 'truncation') await removeReplica(disk, `${path}/${name}`)
    else await disk.remove(`${path}/${name}`)
  }
  await disk.removeDirectory(path)
  await disk.syncDirectory(path.slice(0, path.lastIndexOf('/')))
}
