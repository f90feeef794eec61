// What the disk itself does, without anything of ours: the other side of the latency figures.
import { fdatasyncSync, writeSync } from 'node:fs'

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
