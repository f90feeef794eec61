// A truncation that has been decided, carried out on the files. The decision stands in the log's state, so that a crash at any moment leaves it
// to the next recovery, which does all of it again: each step finds it done or does it.
//
//   segments behind the cut are deleted → the one before it is cut to a size → the rest of the frame that is cut through, which lies ready as
//   a segment of its own, gets its name → the names are durable → the state forgets the cut
import type { Disk } from '../../world/world.ts'
import type { Cut, LogState } from './log-state.ts'
import { deleteSegment, segmentName, segmentOffset } from './segment.ts'
import { removeSummary, summaryPath } from './summary.ts'

const restSuffix = '.new'

/** Where the rest of a frame waits for its name. */
export function restPath(directory: string, cut: Cut): string {
  return `${directory}/${segmentName(cut.offset)}${restSuffix}`
}

/** Finishes the truncation that the state tells of, or removes what one left that had not been decided. */
export async function finishCut(disk: Disk, directory: string, state: LogState): Promise<void> {
  const { cut } = state
  const names = await disk.list(directory)
  if (!cut) {
    for (const name of names) if (name.endsWith(restSuffix)) await disk.remove(`${directory}/${name}`)
    return
  }
  const offsets = names.flatMap(name => segmentOffset(name) ?? [])
  for (const offset of offsets.toReversed()) {
    if (offset > cut.offset || (offset === cut.offset && !cut.hasRest)) await deleteSegment(disk, `${directory}/${segmentName(offset)}`)
  }
  const before = offsets.findLast(offset => offset < cut.offset)
  if (cut.position > 0 && before !== undefined) await shorten(disk, `${directory}/${segmentName(before)}`, cut.position)
  if (cut.hasRest && (await disk.exists(restPath(directory, cut)))) {
    const path = `${directory}/${segmentName(cut.offset)}`
    await removeSummary(disk, summaryPath(path))
    await disk.rename(restPath(directory, cut), path)
  }
  await disk.syncDirectory(directory)
  await state.replace({ startOffset: state.startOffset, durableOffset: state.durableOffset, highWatermark: state.highWatermark, cut: undefined })
}

/** Cuts the segment to `size`. Its summary speaks of what goes. */
async function shorten(disk: Disk, path: string, size: number): Promise<void> {
  await removeSummary(disk, summaryPath(path))
  await using file = await disk.open(path, 'write')
  // A shorter one is damaged, which is for recovery to find; it must not be filled up with zeros.
  if ((await file.size()) > size) await file.truncate(size)
  await file.sync()
}
