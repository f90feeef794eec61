// A log as a follower keeps it: a leader's batches as they are, epochs, and what is told of its ends.
import { describe, expect, test } from 'vitest'
import { Refusal } from '../../../src/ports.ts'
import { Batch } from '../../../src/wire/batch.ts'
import { append, batchOf, openLog, valuesOf } from './open-log.ts'

const now = Date.UTC(2026, 0, 1)
const all = { bytesMax: 1_000_000, atLeastOne: true, upTo: Infinity }
const replicated = (values: readonly string[], baseOffset: number, leaderEpoch: number, options: Parameters<typeof batchOf>[2] = {}) =>
  batchOf(values, now, { ...options, baseOffset, leaderEpoch })

async function follow(log: Awaited<ReturnType<typeof openLog>>['log'], batches: readonly Batch[]): Promise<void> {
  const taken = log.appendReplicated(batches)
  if (taken instanceof Refusal) throw new Error(`${taken.code}: ${taken.message}`)
  await taken.durable
}

test('a follower has the bytes that its leader has, also after a restart', async () => {
  await using leader = await openLog()
  for (const [value, epoch] of [['a', 0], ['b', 0], ['c', 2], ['d', 5]] as const) await append(leader.log, batchOf([value, value]), epoch)
  const batches = await leader.log.read(0, all) as Batch[]
  const bytes = batches.map(batch => Buffer.from(batch.bytes))
  const follower = await openLog()
  await follow(follower.log, batches.slice(0, 1))
  await follow(follower.log, batches.slice(1))
  expect([follower.log.endOffset, follower.log.durableEndOffset, follower.log.latestEpoch]).toEqual([8, 8, 5])
  expect(batches.map(batch => batch.bytes)).toEqual(bytes)
  await follower.log.close()
  await using again = await openLog({ disk: follower.disk, cacheBytes: 0 })
  expect((await again.log.read(0, all) as Batch[]).map(batch => batch.bytes)).toEqual(bytes)
  for (const epoch of [0, 1, 2, 4, 5, 6]) expect(again.log.endOffsetOfEpoch(epoch)).toEqual(leader.log.endOffsetOfEpoch(epoch))
  expect([0, 1, 2, 5].map(epoch => again.log.epochStartOffset(epoch))).toEqual([0, undefined, 4, 6])
})

describe('batches that do not fit are refused, all of them', () => {
  const damaged = (): Batch => {
    const batch = replicated(['bad'], 4, 3)
    batch.bytes[batch.bytes.length - 1]! ^= 1
    return batch
  }
  test.each<[string, () => Batch, string]>([
    ['before the end', () => replicated(['x'], 2, 3), 'offset-out-of-range'], ['across the end', () => replicated(['x', 'y', 'z'], 2, 3), 'offset-out-of-range'],
    ['of an older epoch', () => replicated(['x'], 4, 2), 'fenced-leader-epoch'], ['damaged', damaged, 'corrupt-message'],
  ])('%s', async (_, build, code) => {
    await using opened = await openLog()
    await follow(opened.log, [replicated(['a', 'b', 'c'], 0, 3)])
    expect(opened.log.appendReplicated([replicated(['d'], 3, 3), build()])).toMatchObject({ code })
    expect([opened.log.endOffset, await valuesOf(opened.log)]).toEqual([3, ['a', 'b', 'c']])
  })
})

test('offsets that a leader has lost are no hindrance, at the start of a log either', async () => {
  const opened = await openLog()
  await follow(opened.log, [replicated(['a'], 3, 0), replicated(['b'], 7, 1)])
  expect([opened.log.startOffset, opened.log.endOffset, opened.log.endOffsetOfEpoch(0)]).toEqual([0, 8, { leaderEpoch: 0, endOffset: 7 }])
  await opened.log.close()
  await using again = await openLog({ disk: opened.disk, cacheBytes: 0 })
  for (const [from, found] of [[0, 3], [3, 3], [4, 7], [7, 7]]) expect((await again.log.read(from!, all) as Batch[])[0]!.baseOffset).toBe(found)
})

test('nothing is nothing', async () => {
  await using opened = await openLog()
  await follow(opened.log, [])
  expect(opened.log.endOffset).toBe(0)
})

test('what is appended may be read at once, and is told of before it is durable', async () => {
  await using opened = await openLog()
  const { log } = opened
  const heard: string[] = []
  const subscription = log.onAppend(end => heard.push(`appended ${end}`))
  log.onDurable(end => heard.push(`durable ${end}`))
  const appended = log.append(batchOf(['a', 'b']), 0)
  const taken = log.appendReplicated([replicated(['c'], 2, 0), replicated(['d'], 3, 0)])
  if (appended instanceof Refusal || taken instanceof Refusal) throw new Error('refused')
  expect([heard, log.endOffset, log.durableEndOffset]).toEqual([['appended 2', 'appended 4'], 4, 0])
  expect((await log.read(1, { ...all, upTo: log.endOffset }) as Batch[]).map(batch => batch.baseOffset)).toEqual([0, 2, 3])
  await taken.durable
  subscription[Symbol.dispose]()
  await append(log, batchOf(['e']))
  expect(heard).toEqual(['appended 2', 'appended 4', 'durable 4', 'durable 5'])
})

test('a follower that becomes leader knows the producers, and gives no time before those it has', async () => {
  const sent = (baseSequence: number) => ({ producer: { id: 9, epoch: 0, baseSequence } })
  await using opened = await openLog({ config: { timestampType: 'append' } })
  const { log } = opened
  const stamped = replicated(['a'], 0, 0, sent(0))
  stamped.stampAppendTime(now + 50_000)
  await follow(log, [stamped])
  expect(await append(log, batchOf(['a'], now, sent(0)), 1)).toMatchObject({ baseOffset: 0, duplicate: true })
  expect(log.append(batchOf(['x'], now, sent(4)), 1)).toMatchObject({ code: 'out-of-order-sequence-number' })
  expect(await append(log, batchOf(['b'], now, sent(1)), 1)).toMatchObject({ baseOffset: 1, logAppendTimeMs: now + 50_000 })
})

test('a time given after a restart is not before those given before it', async () => {
  const opened = await openLog({ config: { timestampType: 'append' } })
  await opened.world.clock.advance(90_000)
  const first = await append(opened.log, batchOf(['a'], 5))
  await opened.log.close()
  // This world begins where that one did.
  await using again = await openLog({ disk: opened.disk, config: { timestampType: 'append' } })
  expect((await append(again.log, batchOf(['b'], 5))).logAppendTimeMs).toBe(first.logAppendTimeMs)
})

test('an empty log has no epochs', async () => {
  await using opened = await openLog()
  expect([opened.log.latestEpoch, opened.log.epochStartOffset(0)]).toEqual([-1, undefined])
  for (const epoch of [-1, 0, 7]) expect(opened.log.endOffsetOfEpoch(epoch)).toEqual({ leaderEpoch: -1, endOffset: -1 })
})

test('an epoch of which a crash leaves nothing but the beginning of a session has not been', async () => {
  const opened = await openLog()
  await append(opened.log, batchOf(['a']), 1)
  await opened.log.close()
  const again = await openLog({ disk: opened.disk })
  await append(again.log, batchOf(['b'.repeat(500)]), 2)
  const segment = again.disk.files.find(path => path.endsWith('.segment'))!
  const torn = again.disk.kill()
  await using file = await torn.open(segment, 'write')
  await file.truncate(torn.contentOf(segment).length - 10)
  await using last = await openLog({ disk: torn })
  expect([last.log.endOffset, last.log.latestEpoch]).toEqual([1, 1])
})

test('producers that are silent for too long are forgotten for good, by followers as well', async () => {
  const sent = (id: number, baseSequence: number) => ({ producer: { id, epoch: 0, baseSequence } })
  const config = { producerExpirationMs: 1000 }
  for (const isFollower of [false, true]) {
    const opened = await openLog({ config })
    await append(opened.log, batchOf(['a'], now, sent(9, 0)))
    await opened.world.clock.advance(700_000)
    if (isFollower) await follow(opened.log, [replicated(['b'], 1, 0, sent(10, 0))])
    else await append(opened.log, batchOf(['b'], now, sent(10, 0)))
    await opened.log.close()
    await using again = await openLog({ disk: opened.disk, config })
    expect(await append(again.log, batchOf(['b'], now, sent(10, 0)))).toMatchObject({ duplicate: true })
    expect(await append(again.log, batchOf(['a'], now, sent(9, 0)))).toMatchObject({ baseOffset: 2, duplicate: false })
  }
})
