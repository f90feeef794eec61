// What the disk itself does, without anything of ours: the other side of the latency figures.
import { fdatasync, fdatasyncSync, write, writeSync } from 'node:fs'
import { promisify } from 'node:util'

const writeFile = promisify(write)
const syncFile = promisify(fdatasync)

/** Writes and syncs 1 KB `count` times, one after the other; milliseconds of each. */
export function writeOneByOne(file: number, count: number): number[] {
  const bytes = Buffer.alloc(1024, 7)
  const samples: number[] = []
  for (let index = 0; index < count; index++) {
    const startedMs = performance.now()
    writeSync(file, bytes)
    fdatasyncSync(file)
    samples.push(performance.now() - startedMs)
  }
  return samples
}

/** The same with several files at once: each time all are written and synced in parallel before the next; milliseconds of each. */
export async function writeTogether(files: readonly number[], count: number): Promise<number[]> {
  const bytes = Buffer.alloc(1024, 7)
  const samples: number[] = []
  for (let index = 0; index < count; index++) {
    const startedMs = performance.now()
    await Promise.all(files.map(async file => {
      await writeFile(file, bytes)
      await syncFile(file)
    }))
    samples.push(performance.now() - startedMs)
  }
  return samples
}

/** Each file takes `count` pieces of 1 MB, written and synced one after the other, all files at the same time; MB a second of one of them. */
export async function throughputTogether(files: readonly number[], count: number): Promise<number> {
  const bytes = Buffer.alloc(1_000_000, 7)
  const startedMs = performance.now()
  await Promise.all(files.map(async file => {
    for (let index = 0; index < count; index++) {
      await writeFile(file, bytes)
      await syncFile(file)
    }
  }))
  return (count * bytes.length) / 1e3 / (performance.now() - startedMs)
}
