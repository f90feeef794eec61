// Where an event stream goes on: the offset to read next, per partition, as the text that stands in each event's `id` and comes back in Last-Event-ID. So a
// client that reconnects misses nothing and gets nothing twice, whichever server answers it.
import { badParameter } from '../../query.ts'

/** Next offset by partition, of every partition that the stream reads. */
export type Cursor = Map<number, number>

const charactersMax = 8 * 1024

/** `0:42,1:17` */
export function formatCursor(cursor: ReadonlyMap<number, number>): string {
  return [...cursor].map(([partition, offset]) => `${partition}:${offset}`).join(',')
}

/** Throws 400 for what formatCursor did not make. */
export function parseCursor(text: string): Cursor {
  const cursor: Cursor = new Map()
  const isWhole = text.length <= charactersMax && text.split(',').every(part => {
    const [, partition, offset] = /^(\d{1,9}):(\d{1,15})$/.exec(part) ?? []
    if (partition === undefined || cursor.has(Number(partition))) return false
    cursor.set(Number(partition), Number(offset))
    return true
  })
  if (!isWhole) throw badParameter('Last-Event-ID', `must be the id of an event, like 0:42,1:17, not '${text.slice(0, 64)}'`)
  return cursor
}
