// Who leads decides who is in sync: what only shows where a follower and the catalog are heard in an unlucky order.
import { describe, expect, it } from 'vitest'
import type { Log } from '../../../src/engine/log/log.ts'
import { Leadership } from '../../../src/engine/replication/leadership.ts'
import { type Partition, Refusal } from '../../../src/ports.ts'
import { SimWorld } from '../../sim/world.ts'

const partition: Partition = {
  index: 0, leader: 1, leaderEpoch: 3, partitionEpoch: 7, replicas: [1, 2, 3], inSyncReplicas: [1, 3], addingReplicas: [], removingReplicas: [], createdAtMs: 0,
}

describe('a replica that comes back to a partition nobody writes to', () => {
  it('is let in once it is known to run, though it has nothing more to say', () => {
    const { clock } = new SimWorld(1)
    const log = { startOffset: 0, endOffset: 5, durableEndOffset: 5, onDurable: () => ({ [Symbol.dispose]() {} }) } as unknown as Log
    const asked: (readonly number[])[] = []
    let isKnownToRun = false
    const leadership = new Leadership({
      name: 'orders-0', brokerId: 1, partition, log, highWatermark: 5, clock, minInSyncReplicas: () => 2, flushesEachBatch: () => false, lagMsMax: () => 30_000,
      brokerEpoch: id => (id === 2 && !isKnownToRun ? undefined : 40 + id),
      alter: inSyncReplicas => {
        asked.push(inSyncReplicas)
        return Promise.resolve(null)
      },
      moved: () => {},
      seal: () => Promise.resolve(null),
      sealed: () => new Refusal('sealed-partition', 'closed'),
    })
    leadership.heard(2, { brokerEpoch: 42, durableOffset: 5 })
    leadership.checkLag()
    expect(asked).toEqual([])
    isKnownToRun = true
    leadership.checkLag()
    expect(asked).toEqual([[1, 2, 3]])
  })
})

describe('the leader of a closed partition', () => {
  it('says where it ends only once every in-sync replica has told it in this epoch that it has exactly this log, and again until that is known', async () => {
    const { clock } = new SimWorld(1)
    const log = { startOffset: 0, endOffset: 5, durableEndOffset: 5, onDurable: () => ({ [Symbol.dispose]() {} }) } as unknown as Log
    const told: number[] = []
    const closed: Partition = { ...partition, seal: { endOffset: -1, atMs: 0 } }
    const leadership = new Leadership({
      // Everything was committed when the epoch before this one ended; but a follower may have more, from a leader that is gone.
      name: 'orders-0', brokerId: 1, partition: closed, log, highWatermark: 5, clock, minInSyncReplicas: () => 2, flushesEachBatch: () => false, lagMsMax: () => 30_000,
      brokerEpoch: id => 40 + id, alter: () => Promise.resolve(null), moved: () => {},
      seal: endOffset => {
        told.push(endOffset)
        return Promise.reject(new Error('the controller is not there'))
      },
      sealed: () => new Refusal('sealed-partition', 'closed'),
    })
    expect(told).toEqual([])
    leadership.heard(3, { brokerEpoch: 43, durableOffset: 5 })
    expect(told).toEqual([5])
    await clock.advance(1_000)
    expect(told.length).toBeGreaterThan(2)
    leadership.apply({ ...closed, partitionEpoch: 8, seal: { endOffset: 5, atMs: 0 } })
    const { length } = told
    await clock.advance(1_000)
    expect(told.length).toBe(length)
  })
})
