// Logs that are cut, emptied and written on, held against a plain list of what they must hold.
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Prng } from '../../../src/base/prng.ts'
import { Log } from '../../../src/engine/log/log.ts'
import { LogDamaged, WrongKey } from '../../../src/engine/sealed/errors.ts'
import { decodeHeader } from '../../../src/engine/sealed/frame.ts'
import { Session } from '../../../src/engine/sealed/session.ts'
import { Refusal } from '../../../src/ports.ts'
import type { Batch } from '../../../src/wire/batch.ts'
import type { SimDisk } from '../../sim/disk.ts'
import { append, batchOf, directory, openLog, valuesOf } from './open-log.ts'

const seed = Number(process.env['SEED'] ?? 1)
const seeds = Array.from({ length: Number(process.env['TEST_SEEDS'] ?? 12) }, (_, index) => seed + index)
const all = { bytesMax: 10_000_000, atLeastOne: true, upTo: Infinity }

afterEach(() => void vi.restoreAllMocks())

const truncated = (offset: number) => (options: Parameters<typeof Log.open>[0]) => Log.truncate(options, offset)
const emptied = (offset: number) => (options: Parameters<typeof Log.open>[0]) => Log.reset(options, offset)

/** A closed log of ten batches of two records, in one frame each or, `together`, in one frame; the disk it is on. */
async function tenBatches(options: { together: boolean; segmentBytes?: number }): Promise<SimDisk> {
  const config = { segmentBytes: options.segmentBytes ?? 1_000_000 }
  const opened = await openLog({ config })
  const waits: Promise<void>[] = []
  for (let index = 0; index < 10; index++) {
    const appended = opened.log.append(batchOf([`${2 * index}`, `${2 * index + 1}`]), index >> 2)
    if (appended instanceof Refusal) throw new Error(appended.message)
    waits.push(appended.durable)
    if (!options.together) await appended.durable
  }
  await Promise.all(waits)
  await opened.log.close()
  return opened.disk
}

const upTo = (end: number): string[] => Array.from({ length: end }, (_, index) => `${index}`)

describe.each<[name: string, how: { together: boolean; segmentBytes?: number }]>([
  ['in frames of their own', { together: false }], ['in one frame', { together: true }], ['in small segments', { together: false, segmentBytes: 5_000 }],
])('batches %s', (_, how) => {
  const config = { segmentBytes: how.segmentBytes ?? 1_000_000 }

  test('are cut at any offset, for good, and the log goes on there', async () => {
    for (let offset = 0; offset <= 21; offset++) {
      const disk = await tenBatches(how)
      const end = offset > 19 ? 20 : offset - offset % 2
      const opened = await openLog({ disk, config, how: truncated(offset) })
      expect([opened.log.startOffset, opened.log.endOffset, opened.log.durableEndOffset], `cut at ${offset}`).toEqual([0, end, end])
      expect(await valuesOf(opened.log)).toEqual(upTo(end))
      expect((await append(opened.log, batchOf(['next']), 5)).baseOffset).toBe(end)
      await opened.log.close()
      await using again = await openLog({ disk: disk.crash(new Prng(1), 'nothing'), config })
      expect(await valuesOf(again.log)).toEqual([...upTo(end), 'next'])
      expect(disk.files.filter(path => path.endsWith('.new'))).toEqual([])
    }
  })

  test('have the epochs of what is left', async () => {
    for (let offset = 2; offset <= 20; offset += 2) {
      await using opened = await openLog({ disk: await tenBatches(how), config, how: truncated(offset) })
      const { log } = opened
      expect(log.latestEpoch, `cut at ${offset}`).toBe((offset - 1) >> 3)
      for (const epoch of [0, 1, 2]) expect(log.epochStartOffset(epoch)).toBe(8 * epoch < offset ? 8 * epoch : undefined)
      expect(log.endOffsetOfEpoch(log.latestEpoch)).toEqual({ leaderEpoch: log.latestEpoch, endOffset: offset })
      expect(log.endOffsetOfEpoch(log.latestEpoch + 1)).toEqual({ leaderEpoch: -1, endOffset: -1 })
    }
  })
})

test('a cut at or behind the end changes nothing', async () => {
  const disk = await tenBatches({ together: false })
  const before = disk.files.map(path => [path, disk.contentOf(path)])
  const opened = await openLog({ disk: disk.kill(), how: truncated(20) })
  expect(opened.log.endOffset).toBe(20)
  expect(opened.disk.files.map(path => [path, opened.disk.contentOf(path)])).toEqual(before)
  await opened.log.close()
})

test.each([-1, 1.5, NaN])('no log is cut at offset %d, or begins there', async offset => {
  await expect(openLog({ how: truncated(offset) })).rejects.toThrow(RangeError)
  await expect(openLog({ how: emptied(offset) })).rejects.toThrow(RangeError)
})

test('a log that is cut at its start, or into the batch that lies across it, is empty and begins where it did', async () => {
  const first = await openLog()
  for (const values of [['0', '1'], ['2', '3', '4'], ['5']]) await append(first.log, batchOf(values), 4)
  await first.log.deleteBefore(3)
  await first.log.close()
  for (const offset of [3, 4]) {
    await using opened = await openLog({ disk: first.disk.kill(), how: truncated(offset) })
    const { log } = opened
    expect([log.startOffset, log.endOffset, log.latestEpoch]).toEqual([3, 3, -1])
    expect(await log.read(3, all)).toEqual([])
    expect((await append(log, batchOf(['again']), 5)).baseOffset).toBe(3)
  }
  await using lower = await openLog({ disk: first.disk.kill(), how: truncated(1) })
  expect([lower.log.startOffset, lower.log.endOffset]).toEqual([1, 1])
})

test('the high watermark does not lie behind the end of a log that was cut', async () => {
  const first = await openLog()
  for (const value of ['a', 'b', 'c', 'd']) await append(first.log, batchOf([value]))
  first.log.noteHighWatermark(4)
  await first.log.close()
  const cut = await openLog({ disk: first.disk, how: truncated(2) })
  expect(cut.log.recoveredHighWatermark).toBe(2)
  await append(cut.log, batchOf(['e']))
  await cut.log.close()
  await using again = await openLog({ disk: first.disk })
  expect([again.log.endOffset, again.log.recoveredHighWatermark]).toEqual([3, 2])
})

test('what an abandoned log had written is cut as well', async () => {
  const first = await openLog()
  for (const value of ['a', 'b', 'c']) await append(first.log, batchOf([value]))
  await first.log.abandon()
  await using cut = await openLog({ disk: first.disk, how: truncated(1) })
  expect(await valuesOf(cut.log)).toEqual(['a'])
})

test('an empty log begins at the offset it is given, whatever was there', async () => {
  const disk = await tenBatches({ together: false, segmentBytes: 5_000 })
  const opened = await openLog({ disk, how: emptied(100) })
  expect([opened.log.startOffset, opened.log.endOffset, opened.log.latestEpoch, opened.log.bytes]).toEqual([100, 100, -1, 0])
  expect((await append(opened.log, batchOf(['first']), 7)).baseOffset).toBe(100)
  await opened.log.close()
  await using again = await openLog({ disk: disk.crash(new Prng(1), 'nothing') })
  expect([again.log.startOffset, again.log.endOffset, await valuesOf(again.log)]).toEqual([100, 101, ['first']])
  await using fresh = await openLog({ how: emptied(5) })
  expect([fresh.log.startOffset, fresh.log.endOffset]).toEqual([5, 5])
})

test('a damaged log is emptied, and the copy of its damaged segment is kept', async () => {
  const disk = await tenBatches({ together: false })
  const segment = `${directory}/00000000000000000000.segment`
  disk.rot(segment, 4096 + 100)
  for (const path of disk.files.filter(path => path.endsWith('.summary'))) await disk.remove(path)
  const damaged = Buffer.from(disk.contentOf(segment))
  await expect(openLog({ disk })).rejects.toThrow(LogDamaged)
  await using opened = await openLog({ disk, how: emptied(6) })
  await append(opened.log, batchOf(['refilled']), 3)
  expect(await valuesOf(opened.log)).toEqual(['refilled'])
  expect(disk.contentOf(`${directory}/quarantine/00000000000000000000.segment`).equals(damaged)).toBe(true)
})

test('a log whose state is damaged is emptied, and the damaged state is kept', async () => {
  const disk = await tenBatches({ together: false })
  const states = disk.files.filter(path => path.startsWith(`${directory}/state.`))
  for (const path of states) disk.rot(path, 20)
  await expect(openLog({ disk })).rejects.toThrow(/no intact generation/)
  const opened = await openLog({ disk, how: emptied(6) })
  await opened.log.close()
  for (const path of states) expect(disk.files).toContain(path.replace(directory, `${directory}/quarantine`))
  await using again = await openLog({ disk })
  expect([again.log.startOffset, again.log.endOffset]).toEqual([6, 6])
})

test('with the wrong key nothing is cut and nothing emptied', async () => {
  const first = await openLog()
  await append(first.log, batchOf(['a']))
  await first.log.close()
  const other = await openLog({ identity: { clusterId: 'x'.repeat(22), topicId: '22222222-2222-4222-8222-222222222222', partition: 0, broker: 1 } })
  await other.log.close()
  const otherIdentity = { clusterId: 'x'.repeat(22), topicId: '22222222-2222-4222-8222-222222222222', partition: 0, broker: 1 }
  for (const how of [truncated(0), emptied(0)]) {
    const disk = first.disk.kill()
    const logFiles = () => disk.files.filter(path => path.startsWith(directory)).map(path => [path, disk.contentOf(path).toString('hex')])
    const before = logFiles()
    await expect(openLog({ disk, identity: otherIdentity, how })).rejects.toThrow(WrongKey)
    expect(logFiles()).toEqual(before)
  }
})

/** What a log must hold. */
interface Model {
  start: number
  batches: Batch[]
}

test.each(seeds)('a log of seed %i, appended to, cut, emptied, abandoned and opened again, is what a list would be', async seed => {
  const random = new Prng(seed)
  const config = { segmentBytes: random.pick([6_000, 9_000, 1_000_000]) }
  const eagerBytes = random.pick([0, 500, 100_000])
  const model: Model = { start: 0, batches: [] }
  const sequences = new Map<number, number>()
  let epoch = 0
  const nonces = countNonces()
  let opened = await openLog({ config, eagerBytes, seed: random.uint32() })
  const endOf = (): number => model.batches.at(-1)?.nextOffset ?? model.start
  for (let step = 0; step < 60; step++) {
    const { log, disk } = opened
    const action = random.below(10)
    if (action < 6) {
      if (random.chance(0.2)) epoch += 1 + random.below(2)
      const waits: Promise<void>[] = []
      for (let count = 1 + random.below(4); count > 0; count--) {
        const id = 1 + random.below(3)
        const values = Array.from({ length: 1 + random.below(4) }, () => random.uint32().toString(36).repeat(1 + random.below(60)))
        const baseSequence = sequences.get(id) ?? 0
        const producer = random.chance(0.5) ? { producer: { id, epoch: 0, baseSequence } } : {}
        if (producer.producer) sequences.set(id, baseSequence + values.length)
        const isReplica = random.chance(0.5)
        const baseOffset = isReplica ? endOf() + random.pick([0, 0, 0, 3]) : 0
        const batch = batchOf(values, undefined, { ...producer, ...(isReplica && { baseOffset, leaderEpoch: epoch }) })
        const taken = isReplica ? log.appendReplicated([batch]) : log.append(batch, epoch)
        if (taken instanceof Refusal) throw new Error(`${taken.code}: ${taken.message}`)
        model.batches.push(batch)
        waits.push(taken.durable)
      }
      await Promise.all(waits)
    } else if (action === 6) {
      const start = model.start + random.below(Math.max(endOf() - model.start, 1))
      await log.deleteBefore(start)
      model.start = Math.max(model.start, start)
    } else {
      await (random.chance(0.5) ? log.abandon() : log.close())
      let how: ((options: Parameters<typeof Log.open>[0]) => Promise<Log>) | undefined
      if (action === 7 || action === 8) {
        const offset = random.chance(0.8) ? Math.max(endOf() - random.below(20), 0) : random.below(endOf() + 2)
        how = truncated(offset)
        if (offset < endOf()) {
          model.batches = model.batches.filter(batch => batch.nextOffset <= offset)
          if (endOf() <= model.start) Object.assign(model, { start: Math.min(model.start, offset), batches: [] })
        }
      } else if (random.chance(0.4)) {
        const offset = random.below(500)
        how = emptied(offset)
        Object.assign(model, { start: offset, batches: [] })
      }
      opened = await openLog({ disk: random.chance(0.5) ? disk : disk.crash(random, 'nothing'), config, eagerBytes, seed: random.uint32(), ...(how && { how }) })
      // What producers sent and lost, they send again under the numbers that the log now expects.
      sequences.clear()
      for (const { producerId, baseSequence, count } of model.batches) if (producerId >= 0) sequences.set(producerId, baseSequence + count)
    }
    await holds(opened.log, model)
  }
  await opened.log.close()
  expect(nonces.sealed).toBeGreaterThan(20)
  expect(nonces.distinct.size).toBe(nonces.sealed)
})

/** Every salt and counter that a frame is sealed with from now on. */
function countNonces(): { sealed: number; readonly distinct: Set<string> } {
  const nonces = { sealed: 0, distinct: new Set<string>() }
  const { seal } = Session.prototype
  vi.spyOn(Session.prototype, 'seal').mockImplementation(function (this: Session, header, parts, previousTag) {
    nonces.sealed++
    nonces.distinct.add(`${this.salt.toString('hex')} ${decodeHeader(header, 0).seq - this.firstSeq}`)
    return seal.call(this, header, parts, previousTag)
  })
  return nonces
}

async function holds(log: Log, { start, batches }: Model): Promise<void> {
  const end = batches.at(-1)?.nextOffset ?? start
  expect([log.startOffset, log.endOffset, log.durableEndOffset]).toEqual([start, end, end])
  const held = await log.read(start, all) as Batch[]
  const expected = batches.filter(batch => batch.nextOffset > start)
  expect(held.map(({ bytes }) => bytes.toString('hex'))).toEqual(expected.map(({ bytes }) => bytes.toString('hex')))
  if (expected.length === 0) return
  expect(log.latestEpoch).toBe(expected.at(-1)!.leaderEpoch)
  for (const { leaderEpoch } of expected) {
    const next = expected.find(batch => batch.leaderEpoch > leaderEpoch)
    expect(log.endOffsetOfEpoch(leaderEpoch)).toEqual({ leaderEpoch, endOffset: next?.baseOffset ?? end })
  }
}
