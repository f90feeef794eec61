// What a leader tells its followers, and when: a follower that hears of a high watermark takes its log for the leader's.
import { describe, expect, it } from 'vitest'
import type { FetchPosition, FetchRequest } from '../../../src/engine/links.ts'
import { FetchSessions } from '../../../src/engine/replication/fetch-sessions.ts'
import type { Replica } from '../../../src/engine/replication/replica.ts'
import { SimWorld } from '../../sim/world.ts'

const at = { topicId: 'orders', partition: 0 }
const position: FetchPosition = { ...at, leaderEpoch: 3, offset: 5, lastEpoch: 1, durableOffset: -1 }
const request: FetchRequest = { brokerId: 2, brokerEpoch: 7, session: 0, turn: 1, positions: [position], forgotten: [], bytesMax: 1_000, partitionBytesMax: 1_000, waitMs: 0 }

describe('a follower that begins a session', () => {
  it('is told nothing of a partition whose leader had not opened its log yet when it asked, before the logs are compared', async () => {
    const { clock } = new SimWorld(1)
    const head = { ...at, leaderEpoch: 3, highWatermark: 4, logStartOffset: 0 }
    const replica = {
      topicId: at.topicId, index: 0, leads: true, isOpen: false, leadership: undefined as { epoch: number } | undefined, partition: { inSyncReplicas: [1, 3] },
      open() {
        Object.assign(this, { isOpen: true, leadership: { epoch: 3 } })
        return Promise.resolve(null)
      },
      head: () => head,
      serve: ({ offset }: FetchPosition) => Promise.resolve(offset === 5 ? { ...head, offset, batches: [], diverging: { leaderEpoch: 1, endOffset: 4 } } : undefined),
    }
    const sessions = new FetchSessions({ clock, find: () => replica as unknown as Replica })
    const first = await sessions.fetch(request)
    expect(first.partitions).toEqual([])
    sessions.appended(replica as unknown as Replica)
    const second = await sessions.fetch({ ...request, session: first.session, turn: 2, positions: [] })
    expect(second.partitions).toMatchObject([{ diverging: { endOffset: 4 } }])
    // Cut off, it is the leader's log, and may know how far everybody is.
    sessions.moved(replica as unknown as Replica)
    const third = await sessions.fetch({ ...request, session: first.session, turn: 3, positions: [{ ...position, offset: 4, durableOffset: 4 }] })
    expect(third.partitions).toMatchObject([{ offset: 4, highWatermark: 4, batches: [] }])
    // Another epoch: it has not said that it follows that one.
    replica.leadership = { epoch: 4 }
    sessions.moved(replica as unknown as Replica)
    expect((await sessions.fetch({ ...request, session: first.session, turn: 4, positions: [] })).partitions).toEqual([])
  })
})
