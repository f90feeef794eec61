// Which segments a log may forget, by time and by size. The last segment always stays.
import type { LogConfig } from './config.ts'
import type { Segment } from './segment.ts'

/** The offset the log begins at once retention is applied; never past `upTo`, the high watermark: what is not committed yet is not old. */
export function retainedFrom(
  segments: readonly Segment[], { retentionMs, retentionBytes }: LogConfig, { nowMs, upTo }: { readonly nowMs: number; readonly upTo: number },
): number {
  let bytes = segments.reduce((sum, segment) => sum + segment.bytes, 0)
  let startOffset = 0
  for (const [index, segment] of segments.entries()) {
    const next = segments[index + 1]
    if (!next || next.baseOffset > upTo) break
    const hasExpired = retentionMs >= 0 && latestMs(segments, index) < nowMs - retentionMs
    const isSurplus = retentionBytes >= 0 && bytes - segment.bytes >= retentionBytes
    if (!hasExpired && !isSurplus) break
    startOffset = next.baseOffset
    bytes -= segment.bytes
  }
  return startOffset
}

/** Records may come without a time (-1): a segment of such only is as old as those behind it, and kept while none of them has a time either. */
function latestMs(segments: readonly Segment[], index: number): number {
  return segments.slice(index).find(({ maxTimestampMs }) => maxTimestampMs >= 0)?.maxTimestampMs ?? Infinity
}
