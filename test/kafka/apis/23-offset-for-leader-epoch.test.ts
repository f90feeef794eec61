import { describe, expect, it } from 'vitest'
import { OffsetForLeaderEpoch } from '../../../src/kafka/apis/23-offset-for-leader-epoch.ts'
import { Refusal, type EpochEnd, type Logs } from '../../../src/ports.ts'
import { buildBatch } from '../../../src/wire/batch.ts'
import { kafkaDesk, versionsOf, type Desk } from '../../support/kafka-desk.ts'

const alice = 'User:CN=alice'

async function ask(desk: Desk, leaderEpoch: number, more: { currentLeaderEpoch?: number; topic?: string; partition?: number; version?: number; as?: string } = {}) {
  const { version = 4, as, topic = 'orders', partition = 0, ...epoch } = more
  const { topics } = await desk.send(OffsetForLeaderEpoch, version, { topics: [{ topic, partitions: [{ partition, leaderEpoch, ...epoch }] }] }, as)
  const [{ errorCode, leaderEpoch: found, endOffset }] = topics[0]!.partitions as [typeof topics[0]['partitions'][0]]
  return [errorCode, found, endOffset]
}

/** A log whose epochs began at these offsets; the leader's is the last. */
function logOf(epochs: Readonly<Record<number, number>>, ends: { readonly start: number; readonly end: number }): Partial<Logs> {
  const begun = Object.entries(epochs).map(([epoch, start]) => [Number(epoch), start] as const)
  const latest = begun.at(-1)![0]
  return {
    ends: async () => ({ logStartOffset: ends.start, lastStableOffset: ends.end, highWatermark: ends.end, logEndOffset: ends.end, leaderEpoch: latest }),
    async endOfEpoch(_at, epoch, { leaderEpoch }): Promise<EpochEnd | Refusal> {
      if (leaderEpoch !== undefined && leaderEpoch < latest) return new Refusal('fenced-leader-epoch', 'over')
      if (leaderEpoch !== undefined && leaderEpoch > latest) return new Refusal('unknown-leader-epoch', 'not yet')
      const at = begun.findLastIndex(([known]) => known <= epoch)
      return at < 0 ? { leaderEpoch: -1, endOffset: -1 } : { leaderEpoch: begun[at]![0], endOffset: begun[at + 1]?.[1] ?? ends.end }
    },
  }
}

describe('OffsetForLeaderEpoch', () => {
  it('says where the log of the only epoch ends, in every version', async () => {
    for (const version of versionsOf(OffsetForLeaderEpoch)) {
      const desk = kafkaDesk()
      await desk.topic('orders')
      await desk.backend.logs.append({ topic: 'orders', partition: 0 }, buildBatch([{ key: null, value: Buffer.from('a') }], { timestampMs: 1 }), { acks: 'all', timeoutMs: 1 })
      expect(await ask(desk, 0, { version }), `v${version}`).toEqual([0, 0, 1])
    }
  })

  it('knows the epoch asked for, or the largest below it, but none above the leader\'s own', async () => {
    const desk = kafkaDesk({ logs: logOf({ 2: 10, 4: 20, 7: 30 }, { start: 10, end: 40 }) })
    expect(await ask(desk, 2)).toEqual([0, 2, 20])
    expect(await ask(desk, 3)).toEqual([0, 2, 20])
    expect(await ask(desk, 4)).toEqual([0, 4, 30])
    expect(await ask(desk, 6)).toEqual([0, 4, 30])
    expect(await ask(desk, 7)).toEqual([0, 7, 40])
    expect(await ask(desk, 8)).toEqual([0, -1, -1])
    expect(await ask(desk, -1)).toEqual([0, -1, -1])
  })

  it('answers an epoch whose records are all deleted with the log\'s start, so that nobody takes it for another history', async () => {
    const desk = kafkaDesk({ logs: logOf({ 2: 10, 4: 20 }, { start: 10, end: 40 }) })
    expect(await ask(desk, 1)).toEqual([0, 1, 10])
  })

  it('fences who believes in another leader epoch', async () => {
    const desk = kafkaDesk({ logs: logOf({ 2: 10, 4: 20 }, { start: 10, end: 40 }) })
    expect((await ask(desk, 2, { currentLeaderEpoch: 3 }))[0]).toBe(74)
    expect((await ask(desk, 2, { currentLeaderEpoch: 5 }))[0]).toBe(75)
    expect(await ask(desk, 2, { currentLeaderEpoch: 4 })).toEqual([0, 2, 20])
  })

  it('needs DESCRIBE on the topic, or CLUSTER_ACTION', async () => {
    const desk = kafkaDesk()
    await desk.topic('orders')
    expect(await ask(desk, 0, { as: alice })).toEqual([29, -1, -1])
    expect(await ask(desk, 0, { as: alice, topic: 'nowhere' })).toEqual([29, -1, -1])
    await desk.grant(alice, 'describe', 'topic', 'orders')
    expect(await ask(desk, 0, { as: alice })).toEqual([0, 0, 0])
    await desk.grant('User:CN=bob', 'cluster-action', 'cluster', 'kafka-cluster')
    expect(await ask(desk, 0, { as: 'User:CN=bob' })).toEqual([0, 0, 0])
  })

  it('does not know what is not there', async () => {
    const desk = kafkaDesk()
    await desk.topic('orders')
    expect(await ask(desk, 0, { topic: 'nowhere' })).toEqual([3, -1, -1])
    expect(await ask(desk, 0, { partition: 9 })).toEqual([3, -1, -1])
  })
})
