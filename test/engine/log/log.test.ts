import { expect, test } from 'vitest'
import { Prng } from '../../../src/base/prng.ts'
import { Refusal } from '../../../src/ports.ts'
import { type Batch, buildBatch } from '../../../src/wire/batch.ts'
import { thinned } from '../../../src/wire/thinning.ts'
import { append, batchOf, openLog, valuesOf } from './open-log.ts'

const all = { bytesMax: 1_000_000, atLeastOne: true, upTo: Infinity }
const now = Date.UTC(2026, 0, 1)

test('records get consecutive offsets, and read back from any of them', async () => {
  await using opened = await openLog()
  const { log } = opened
  expect((await append(log, batchOf(['a', 'b']))).baseOffset).toBe(0)
  expect((await append(log, batchOf(['c']))).baseOffset).toBe(2)
  expect([log.startOffset, log.endOffset, log.durableEndOffset]).toEqual([0, 3, 3])
  expect(await valuesOf(log)).toEqual(['a', 'b', 'c'])
  // Whole batches: the one that holds the offset comes first.
  expect((await log.read(1, all) as Batch[]).map(batch => batch.baseOffset)).toEqual([0, 2])
  expect(await log.read(3, all)).toEqual([])
})

test('what was written is there after a restart, in files that show none of it', async () => {
  const opened = await openLog()
  for (let index = 0; index < 50; index++) await append(opened.log, batchOf([`secret ${index} ${'x'.repeat(200)}`]))
  await opened.log.close()
  for (const path of opened.disk.files) expect(opened.disk.contentOf(path).includes('secret'), path).toBe(false)
  await using again = await openLog({ disk: opened.disk })
  expect(await valuesOf(again.log)).toHaveLength(50)
  expect((await append(again.log, batchOf(['more']))).baseOffset).toBe(50)
})

test('a restart after each append leaves one chain of sessions', async () => {
  let disk
  for (let index = 0; index < 5; index++) {
    const opened = await openLog(disk ? { disk } : {})
    await append(opened.log, batchOf([`run ${index}`]))
    await opened.log.close()
    disk = opened.disk
  }
  await using opened = await openLog({ disk: disk! })
  expect(await valuesOf(opened.log)).toEqual(['run 0', 'run 1', 'run 2', 'run 3', 'run 4'])
})

test('an offset outside of the log is refused', async () => {
  await using opened = await openLog()
  await append(opened.log, batchOf(['a']))
  for (const offset of [-1, 2, Number.MAX_SAFE_INTEGER]) expect(await opened.log.read(offset, all)).toMatchObject({ code: 'offset-out-of-range' })
})

test('a read stops at the bound on bytes and at the offset given, but not before its first batch', async () => {
  await using opened = await openLog()
  const { log } = opened
  for (const value of ['a', 'b', 'c']) await append(log, batchOf([value.repeat(100)]))
  const size = batchOf(['a'.repeat(100)]).bytes.length
  const counts = async (bytesMax: number, atLeastOne: boolean, upTo: number) => (await log.read(0, { bytesMax, atLeastOne, upTo }) as Batch[]).length
  expect(await counts(2 * size, false, 3)).toBe(2)
  expect(await counts(1, true, 3)).toBe(1)
  expect(await counts(1, false, 3)).toBe(0)
  expect(await counts(10 * size, true, 2)).toBe(2)
})

test('a full segment is followed by another, and reading runs on through all', async () => {
  const opened = await openLog({ config: { segmentBytes: 20_000 }, cacheBytes: 0 })
  for (let index = 0; index < 60; index++) await append(opened.log, batchOf([`${index}:${'x'.repeat(1000)}`]))
  expect(opened.disk.files.filter(path => path.endsWith('.segment')).length).toBeGreaterThan(3)
  expect((await valuesOf(opened.log)).map(value => Number(value.split(':')[0]))).toEqual(Array.from({ length: 60 }, (_, index) => index))
  await opened.log.close()
  await using again = await openLog({ config: { segmentBytes: 20_000 }, disk: opened.disk })
  expect((await valuesOf(again.log, 31)).length).toBe(29)
})

test('a log that is older than segment.ms goes on in a new segment', async () => {
  await using opened = await openLog({ config: { segmentMs: 1000 } })
  await append(opened.log, batchOf(['a'], now))
  await append(opened.log, batchOf(['b'], now + 1000))
  await append(opened.log, batchOf(['c'], now + 1001))
  expect(opened.disk.files.filter(path => path.endsWith('.segment'))).toEqual(['/data/topic/0/00000000000000000000.segment', '/data/topic/0/00000000000000000002.segment'])
})

test('older batches come from disk once the cache has let them go, and the cache keeps its bound', async () => {
  await using opened = await openLog({ cacheBytes: 20_000 })
  const { log } = opened
  for (let index = 0; index < 200; index++) await append(log, batchOf([`${index}:${'x'.repeat(500)}`]))
  expect((await valuesOf(log)).map(value => Number(value.split(':')[0]))).toEqual(Array.from({ length: 200 }, (_, index) => index))
})

test('a batch with the leader epoch of a former leader is fenced', async () => {
  await using opened = await openLog()
  const { log } = opened
  await append(log, batchOf(['a']), 3)
  expect(log.append(batchOf(['b']), 2)).toMatchObject({ code: 'fenced-leader-epoch' })
  await append(log, batchOf(['c', 'd']), 7)
  expect(log.latestEpoch).toBe(7)
  expect([2, 3, 6, 7, 8].map(epoch => log.endOffsetOfEpoch(epoch))).toEqual([
    { leaderEpoch: 2, endOffset: 0 }, { leaderEpoch: 3, endOffset: 1 }, { leaderEpoch: 3, endOffset: 1 }, { leaderEpoch: 7, endOffset: 3 }, { leaderEpoch: -1, endOffset: -1 },
  ])
})

test('leader epochs are known again after a restart', async () => {
  const opened = await openLog()
  await append(opened.log, batchOf(['a']), 3)
  await append(opened.log, batchOf(['b']), 7)
  await opened.log.close()
  await using again = await openLog({ disk: opened.disk })
  expect([again.log.latestEpoch, again.log.endOffsetOfEpoch(5)]).toEqual([7, { leaderEpoch: 3, endOffset: 1 }])
})

test('with LogAppendTime the log gives the time, which never goes back', async () => {
  await using opened = await openLog({ config: { timestampType: 'append' } })
  const { log, world } = opened
  const first = await append(log, batchOf(['a'], 5))
  world.clock.skewMs = -60_000
  const second = await append(log, batchOf(['b'], 5))
  expect([first.logAppendTimeMs, second.logAppendTimeMs]).toEqual([now, now])
  const [batch] = await log.read(0, all) as Batch[]
  expect([batch!.crcIsValid(), batch!.timestampType, batch!.records()[0]!.timestampMs]).toEqual([true, 'append', now])
})

test('listeners hear of every advance of the durable end until they are disposed of', async () => {
  await using opened = await openLog()
  const heard: number[] = []
  const subscription = opened.log.onDurable(end => heard.push(end))
  await append(opened.log, batchOf(['a']))
  await append(opened.log, batchOf(['b', 'c']))
  subscription[Symbol.dispose]()
  await append(opened.log, batchOf(['d']))
  expect(heard).toEqual([1, 3])
})

test('records cut off by DeleteRecords stay gone after a restart, and files that hold nothing else are deleted', async () => {
  const config = { segmentBytes: 20_000 }
  const opened = await openLog({ config })
  for (let index = 0; index < 60; index++) await append(opened.log, batchOf([`${index}:${'x'.repeat(1000)}`]))
  const before = opened.log.bytes
  await opened.log.deleteBefore(41)
  expect(opened.log.startOffset).toBe(41)
  expect(opened.log.bytes).toBeLessThan(before / 2)
  expect(await opened.log.read(40, all)).toMatchObject({ code: 'offset-out-of-range' })
  await opened.log.close()
  await using again = await openLog({ config, disk: opened.disk })
  expect([again.log.startOffset, (await valuesOf(again.log))[0]!.split(':')[0]]).toEqual([41, '41'])
  await again.log.deleteBefore(1_000_000)
  expect([again.log.startOffset, again.log.endOffset]).toEqual([60, 60])
})

test('retention.bytes keeps the newest segments', async () => {
  await using opened = await openLog({ config: { segmentBytes: 20_000, retentionBytes: 30_000 } })
  const { log } = opened
  for (let index = 0; index < 60; index++) await append(log, batchOf([`${index}:${'x'.repeat(1000)}`]))
  log.noteHighWatermark(20)
  await log.applyRetention()
  // What is not committed yet is not old.
  expect(log.startOffset).toBeGreaterThan(0)
  expect(log.startOffset).toBeLessThanOrEqual(20)
  log.noteHighWatermark(60)
  await log.applyRetention()
  expect(log.startOffset).toBeGreaterThan(20)
  expect(log.bytes).toBeGreaterThanOrEqual(30_000)
  expect(log.bytes).toBeLessThan(60_000)
})

test('retention.ms forgets what has expired, the last segment included', async () => {
  await using opened = await openLog({ config: { retentionMs: 60_000 } })
  const { log, world } = opened
  await append(log, batchOf(['old'], world.clock.now()))
  await log.applyRetention()
  expect(log.startOffset).toBe(0)
  await world.clock.advance(60_001)
  await log.applyRetention()
  expect(log.startOffset).toBe(0)
  log.noteHighWatermark(1)
  await log.applyRetention()
  expect([log.startOffset, log.endOffset]).toEqual([1, 1])
  expect((await append(log, batchOf(['new'], world.clock.now()))).baseOffset).toBe(1)
  expect(await valuesOf(log)).toEqual(['new'])
})

test('retention.ms takes no record without a time for an old one', async () => {
  await using opened = await openLog({ config: { retentionMs: 10_000, segmentBytes: 10_000 } })
  const { log, world } = opened
  for (let index = 0; index < 20; index++) await append(log, batchOf(['x'.repeat(1000)], -1))
  await log.applyRetention()
  expect(log.startOffset).toBe(0)
  // What lies behind them has expired, and so have they.
  await append(log, batchOf(['old'], world.clock.now() - 20_000))
  log.noteHighWatermark(21)
  await log.applyRetention()
  expect(log.startOffset).toBe(21)
})

test('a search by time finds the first record at or after it, to the record', async () => {
  const config = { segmentBytes: 20_000 }
  const opened = await openLog({ config, cacheBytes: 0 })
  for (let index = 0; index < 60; index += 3) {
    const records = [0, 1, 2].map(more => ({ key: null, value: Buffer.alloc(1000), timestampMs: now + (index + more) * 10 }))
    await append(opened.log, buildBatch(records, { timestampMs: now + index * 10, codec: 'lz4' }))
  }
  for (const { log, done } of [{ log: opened.log, done: false }, { log: opened.log, done: true }]) {
    if (done) await log.deleteBefore(7)
    expect(await log.offsetForTime(now + 301, 60)).toEqual({ offset: 31, timestampMs: now + 310, leaderEpoch: 0 })
    expect(await log.offsetForTime(now + 310, 60)).toMatchObject({ offset: 31 })
    expect(await log.offsetForTime(0, 60)).toMatchObject({ offset: done ? 7 : 0 })
    expect(await log.offsetForTime(now + 591, 60)).toBeNull()
    expect(await log.offsetForTime(now + 400, 30)).toBeNull()
    expect(await log.offsetOfMaxTimestamp(60)).toMatchObject({ offset: 59, timestampMs: now + 590 })
    expect(await log.offsetOfMaxTimestamp(30)).toMatchObject({ offset: 29 })
  }
  await opened.log.close()
})

test('the largest time is found wherever it lies, the first record of those that have it', async () => {
  await using opened = await openLog({ cacheBytes: 0 })
  const times = [5, 90, 30, 90, 10]
  for (const time of times) await append(opened.log, batchOf(['x'.repeat(5000)], now + time))
  expect(await opened.log.offsetOfMaxTimestamp(5)).toMatchObject({ offset: 1, timestampMs: now + 90 })
  expect(await opened.log.offsetOfMaxTimestamp(1)).toMatchObject({ offset: 0 })
  expect(await opened.log.offsetOfMaxTimestamp(0)).toBeNull()
})

test('a batch that is sent again by an idempotent producer is answered with its place, also after a restart', async () => {
  const sent = (baseSequence: number) => batchOf(['a', 'b'], now, { producer: { id: 9, epoch: 0, baseSequence } })
  const opened = await openLog()
  for (const sequence of [0, 2, 4]) await append(opened.log, sent(sequence))
  expect(await append(opened.log, sent(2))).toMatchObject({ baseOffset: 2, duplicate: true })
  await opened.log.close()
  await using again = await openLog({ disk: opened.disk })
  expect(await append(again.log, sent(4))).toMatchObject({ baseOffset: 4, duplicate: true })
  expect(again.log.append(sent(8), 0)).toMatchObject({ code: 'out-of-order-sequence-number' })
  expect(await append(again.log, sent(6))).toMatchObject({ baseOffset: 6, duplicate: false })
  expect(again.log.endOffset).toBe(8)
})

test('a duplicate of a batch that is not yet durable waits for that batch', async () => {
  await using opened = await openLog()
  const sent = () => batchOf(['a'], now, { producer: { id: 9, epoch: 0, baseSequence: 0 } })
  const first = opened.log.append(sent(), 0)
  const second = opened.log.append(sent(), 0)
  if (first instanceof Refusal || second instanceof Refusal) throw new Error('refused')
  expect(second).toMatchObject({ baseOffset: 0, duplicate: true })
  await second.durable
  expect(opened.log.durableEndOffset).toBe(1)
})

test('compression.type makes the log store batches in that compression', async () => {
  await using opened = await openLog({ config: { compressionType: 'zstd' } })
  await append(opened.log, batchOf(['x'.repeat(1000)], now, { codec: 'gzip', producer: { id: 3, epoch: 1, baseSequence: 0 } }))
  const [batch] = await opened.log.read(0, all) as Batch[]
  expect([batch!.codec, batch!.crcIsValid(), batch!.producerId, `${batch!.records()[0]!.value}`]).toEqual(['zstd', true, 3, 'x'.repeat(1000)])
})

test.each(['producer', 'gzip'] as const)('batches of which records were set aside keep their offsets and their producer\'s sequence where compression.type is %s', async compressionType => {
  const opened = await openLog({ config: { compressionType } })
  const sent = (from: number): Batch => batchOf(['a', 'b', 'c'].map(value => value + from), now, { codec: 'lz4', producer: { id: 3, epoch: 1, baseSequence: from } })
  const stored = async (batch: Batch): Promise<number> => (await append(opened.log, batch, 0, 'offsets')).baseOffset
  expect([await stored(thinned(sent(0), new Set([0, 2]))), await stored(thinned(sent(3), new Set([0, 1, 2]))), await stored(thinned(sent(6), new Set([2])))]).toEqual([0, 3, 6])
  await append(opened.log, sent(9))
  await opened.log.close()
  await using again = await openLog({ disk: opened.disk, config: { compressionType } })
  const batches = await again.log.read(0, all) as Batch[]
  expect(batches.map(batch => [batch.baseOffset, batch.nextOffset, batch.isControl, batch.crcIsValid(), batch.maxTimestampMs])).toEqual(
    [[0, 3, false, true, now], [3, 6, true, true, now], [6, 9, false, true, now], [9, 12, false, true, now]],
  )
  expect(batches.filter(batch => !batch.isControl).flatMap(batch => batch.records()).map(({ offset, value }) => `${offset} ${value}`)).toEqual(
    ['1 b0', '6 a6', '7 b6', '9 a9', '10 b9', '11 c9'],
  )
  expect(again.log.append(sent(9), 0)).toMatchObject({ baseOffset: 9, duplicate: true })
  expect((await append(again.log, sent(12))).baseOffset).toBe(12)
})

test('who closes a log that is being closed waits, too', async () => {
  const opened = await openLog()
  await append(opened.log, batchOf(['a']))
  const order: string[] = []
  await Promise.all([opened.log.close().then(() => order.push('first')), opened.log.close().then(() => order.push('second'))])
  expect(order).toEqual(['first', 'second'])
})

test('a log may be closed while its old records are being removed', async () => {
  const opened = await openLog({ config: { segmentBytes: 10_000 } })
  for (let index = 0; index < 20; index++) await append(opened.log, batchOf([String(index), 'x'.repeat(1000)]))
  opened.log.noteHighWatermark(20)
  const removed = [opened.log.deleteBefore(21), opened.log.checkpoint(), opened.log.applyRetention()]
  await opened.log.close()
  await Promise.all(removed)
  expect(opened.log.startOffset).toBe(21)
  expect(opened.log.failed).toBeUndefined()
  await expect(opened.log.deleteBefore(22)).rejects.toThrow('is closed')
})

test('DeleteRecords is durable for everybody who asked for it at once', async () => {
  const opened = await openLog()
  await append(opened.log, batchOf(['a', 'b', 'c']))
  void opened.log.deleteBefore(2)
  await opened.log.deleteBefore(2)
  await using again = await openLog({ disk: opened.disk.crash(new Prng(1), 'nothing') })
  expect(again.log.startOffset).toBe(2)
})
