// What is known of a segment up to some position, kept in a small sealed file beside it, so that opening a log need not read all of it again:
// the index, where the chain of frames stands, and what the log knew of epochs and producers there. It holds nothing that the segment does not:
// a summary that is missing, torn or of another segment is passed over, and the frames are read instead.
import type { Disk, Random } from '../../world/world.ts'
import type { SealState, SegmentSeal } from '../sealed/segment-seal.ts'
import type { ProducerSnapshot } from './producers.ts'

/** What a log, not one segment, knew at the summary's end. */
export interface LogSummary {
  /** Leader epochs and the offsets they began at. */
  readonly epochs: readonly (readonly [epoch: number, startOffset: number])[]
  readonly producers: ProducerSnapshot
}

export interface Summary extends LogSummary {
  /** The position in the file up to which all this holds. */
  readonly end: number
  readonly nextOffset: number
  readonly firstTimestampMs: number
  readonly maxTimestampMs: number
  readonly seal: SealState
  /** As SpanIndex gives them. */
  readonly spans: Float64Array
}

const suffix = '.summary'

export function summaryPath(segmentPath: string): string {
  return segmentPath.replace(/\.segment$/, suffix)
}

/** Writes the summary beside its segment. Not synced: losing it costs time only. */
export async function writeSummary(disk: Disk, path: string, options: { seal: SegmentSeal; summary: Summary; random: Random }): Promise<void> {
  await removeSummary(disk, path)
  await using file = await disk.open(path, 'create')
  await file.write(0, options.seal.sealSummary(encode(options.summary), options.random))
}

/** The summary of the segment that `seal` is of; undefined where there is no good one. WrongKey where it is whole but does not open. */
export async function readSummary(disk: Disk, path: string, seal: SegmentSeal): Promise<Summary | undefined> {
  if (!await disk.exists(path)) return undefined
  await using file = await disk.open(path, 'read')
  const plain = seal.openSummary(await file.read(0, await file.size()))
  return plain && decode(plain)
}

export async function removeSummary(disk: Disk, path: string): Promise<void> {
  if (await disk.exists(path)) await disk.remove(path)
}

// Length of the text, the text (JSON, byte strings as base64), then the spans as doubles.
function encode({ spans, seal, ...rest }: Summary): Buffer {
  const text = Buffer.from(JSON.stringify({
    ...rest,
    nextSeq: seal.nextSeq,
    lastTag: seal.lastTag.toString('base64'),
    sessions: seal.sessions.map(({ firstSeq, salt }) => [firstSeq, salt.toString('base64')]),
  }))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(text.length)
  return Buffer.concat([length, text, new Uint8Array(spans.buffer, spans.byteOffset, spans.byteLength)])
}

function decode(plain: Buffer): Summary {
  const textEnd = 4 + plain.readUInt32BE(0)
  const { nextSeq, lastTag, sessions, ...rest } = JSON.parse(plain.toString('utf8', 4, textEnd)) as Omit<Summary, 'seal' | 'spans'> & {
    nextSeq: number; lastTag: string; sessions: [number, string][]
  }
  const seal = {
    nextSeq,
    lastTag: Buffer.from(lastTag, 'base64'),
    sessions: sessions.map(([firstSeq, salt]) => ({ firstSeq, salt: Buffer.from(salt, 'base64') })),
  }
  // Copied to where doubles may lie.
  return { ...rest, seal, spans: new Float64Array(new Uint8Array(plain.subarray(textEnd)).buffer) }
}
