// A log that is let go of as a crash would.
import { expect, test } from 'vitest'
import { TailCache } from '../../../src/engine/log/tail-cache.ts'
import { Refusal } from '../../../src/ports.ts'
import { settle } from '../../sim/clock.ts'
import { SimWorld } from '../../sim/world.ts'
import { append, batchOf, openLog, valuesOf, watch } from './open-log.ts'

test('a log that is abandoned rejects what waits, tells nobody, and leaves its disk alone', async () => {
  for (const [eagerBytes, moment] of [[0, 1], [0, 2], [0, 4], [100_000, 1]] as const) {
    const world = new SimWorld(5)
    const told: string[] = []
    const outcomes: string[] = []
    await world.run(async () => {
      const { log } = await openLog({ disk: world.disk, eagerBytes, onFailure: () => told.push('failed'), onFull: () => told.push('full') })
      await append(log, batchOf(['kept']))
      const watched = watch(world.disk)
      log.onDurable(end => told.push(`durable ${end}`))
      for (let index = 0; index < 5; index++) {
        const appended = log.append(batchOf([`${index}`.repeat(1000)]), 0)
        if (appended instanceof Refusal) throw new Error(appended.message)
        appended.durable.then(() => outcomes.push('durable'), error => outcomes.push(error.message))
        await Promise.resolve()
      }
      const upkeep = [log.checkpoint(), log.deleteBefore(1), log.applyRetention()].map(done => done.then(() => 'done', () => 'rejected'))
      for (let turn = 0; turn < 500 && watched.begun.length < moment; turn++) await settle()
      expect(watched.begun.length).toBeGreaterThanOrEqual(moment)
      const { length } = watched.begun
      const before = { told: [...told], outcomes: [...outcomes] }
      await log.abandon()
      expect([watched.begun.slice(length), [...watched.underWay]]).toEqual([[], []])
      const rest = Array.from({ length: 5 - before.outcomes.length }, () => 'the log in /data/topic/0 was abandoned')
      expect(rest.length).toBeGreaterThan(0)
      expect(outcomes).toEqual([...before.outcomes, ...rest])
      expect(await Promise.all(upkeep)).toContain('rejected')
      expect([told, log.failed, log.full, log.append(batchOf(['x']), 0)]).toEqual([before.told, undefined, undefined, expect.objectContaining({ code: 'not-leader' })])
      await log.close()
      await log.abandon()
      const again = await openLog({ disk: world.disk })
      expect((await valuesOf(again.log))[0]).toBe('kept')
      await again.log.close()
    })
  }
})

test('a log may be abandoned while it closes', async () => {
  const world = new SimWorld(6)
  await world.run(async () => {
    const { log } = await openLog({ disk: world.disk })
    await append(log, batchOf(['a']))
    let isAsked = false
    world.disk.onOperation = () => void (isAsked = true)
    const closing = log.close().then(() => 'closed', (error: Error) => error.message)
    for (let turn = 0; turn < 500 && !isAsked; turn++) await settle()
    await log.abandon()
    expect(await closing).toContain('was abandoned')
  })
})

test('readers of an abandoned log get an end, not an error', async () => {
  const { log } = await openLog({ cacheBytes: 0 })
  for (const value of ['a', 'b']) await append(log, batchOf([value]))
  const reading = log.read(0, { bytesMax: 1000, atLeastOne: true, upTo: 2 })
  await log.abandon()
  expect(await reading).not.toBeInstanceOf(Refusal)
  expect(await log.read(0, { bytesMax: 1000, atLeastOne: true, upTo: 2 })).toEqual([])
})

test.each(['close', 'abandon'] as const)('a read that meets a log being let go of (%s) leaves nothing in the memory that the next one shares with it', async how => {
  const cache = new TailCache(10_000_000)
  const values = Array.from({ length: 30 }, (_, index) => `${index}`.padEnd(1000, '.'))
  const first = await openLog({ cache })
  for (const value of values) await append(first.log, batchOf([value]))
  await first.log.close()
  // Opened again, nothing of it lies in memory.
  const { log } = await openLog({ disk: first.disk, cache })
  const gone = log[how]()
  for (let offset = 0; offset < 30; offset++) await log.read(offset, { bytesMax: 10, atLeastOne: true, upTo: 30 })
  await gone
  await using again = await openLog({ disk: first.disk, cache })
  expect(await valuesOf(again.log)).toEqual(values)
})
