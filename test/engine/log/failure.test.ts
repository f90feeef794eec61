import { expect, test, vi } from 'vitest'
import { Prng } from '../../../src/base/prng.ts'
import { Refusal } from '../../../src/ports.ts'
import { SimWorld } from '../../sim/world.ts'
import { append, batchOf, openLog, valuesOf, watch } from './open-log.ts'

test.each([['sync', 'EIO'], ['write', 'EIO']] as const)('a %s that fails with %s is final', async (operation, fault) => {
  const opened = await openLog()
  await append(opened.log, batchOf(['kept']))
  opened.disk.fail(operation, fault)
  const lost = opened.log.append(batchOf(['lost']), 0)
  if (lost instanceof Refusal) throw new Error(lost.message)
  await expect(lost.durable).rejects.toThrow()
  // The next sync would report success: nobody may ask for it.
  expect(opened.log.append(batchOf(['never']), 0)).toMatchObject({ code: 'storage-error' })
  expect(opened.log.failed).toBeInstanceOf(Error)
  expect(opened.log.durableEndOffset).toBe(1)
  expect(await opened.log.read(0, { bytesMax: 1000, atLeastOne: true, upTo: opened.log.durableEndOffset })).toHaveLength(1)
  await opened.log.close()
  await using again = await openLog({ disk: opened.disk.kill() })
  expect((await valuesOf(again.log))[0]).toBe('kept')
})

test.each(['ENOSPC', 'short-write'] as const)('a log whose write fails with %s takes no more until it is opened again, and the disk is not blamed', async fault => {
  for (const eagerBytes of [0, 100_000]) {
    const told: string[] = []
    const opened = await openLog({ eagerBytes, onFailure: () => told.push('failed'), onFull: error => told.push(`full: ${(error as { code?: string }).code}`) })
    const { log, disk } = opened
    await append(log, batchOf(['kept']))
    disk.fail('write', fault)
    const lost = log.append(batchOf(['lost']), 0)
    if (lost instanceof Refusal) throw new Error(lost.message)
    await expect(lost.durable).rejects.toThrow('ENOSPC')
    expect(told).toEqual(['full: ENOSPC'])
    expect([log.failed, log.full]).toEqual([undefined, expect.objectContaining({ code: 'ENOSPC' })])
    expect(log.append(batchOf(['never']), 0)).toMatchObject({ code: 'storage-error', message: expect.stringContaining('no room') })
    expect(log.appendReplicated([batchOf(['never'], 0, { baseOffset: 2, leaderEpoch: 0 })])).toMatchObject({ code: 'storage-error' })
    expect(await log.read(0, { bytesMax: 1000, atLeastOne: true, upTo: log.durableEndOffset })).toHaveLength(1)
    await log.close()
    await using again = await openLog({ disk })
    expect(await valuesOf(again.log)).toEqual(['kept'])
    expect((await append(again.log, batchOf(['goes on']))).baseOffset).toBe(1)
  }
})

test('a log fills its disk, loses nothing that was acknowledged, and goes on when there is room', async () => {
  const config = { segmentBytes: 9_000 }
  let opened = await openLog({ config })
  const { disk } = opened
  const acknowledged: string[] = []
  for (let index = 0; index < 40; index++) {
    if (index % 10 === 5) disk.limitBytes = disk.usedBytes + 3_000
    const value = `${index}:${'x'.repeat(700)}`
    const appended = opened.log.append(batchOf([value]), 0)
    if (!(appended instanceof Refusal) && await appended.durable.then(() => true, () => false)) {
      acknowledged.push(value)
      continue
    }
    expect(opened.log.failed).toBeUndefined()
    await opened.log.close()
    disk.limitBytes = Infinity
    opened = await openLog({ config, disk, seed: 2 + index })
  }
  expect(acknowledged.length).toBeLessThan(40)
  expect(await valuesOf(opened.log)).toEqual(acknowledged)
  await opened.log.close()
})

test('a file that cannot be opened for want of a handle is not the disk\'s failure', async () => {
  const told: string[] = []
  const opened = await openLog({ config: { segmentBytes: 6_000 }, onFailure: () => told.push('failed'), onFull: () => told.push('full') })
  const { log, disk } = opened
  await append(log, batchOf(['x'.repeat(1500)]))
  const open = vi.spyOn(disk, 'open').mockRejectedValue(Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' }))
  await expect(append(log, batchOf(['y'.repeat(1500)]))).rejects.toThrow('EMFILE')
  expect([told, log.failed, log.append(batchOf(['z']), 0)]).toEqual([['full'], undefined, expect.objectContaining({ code: 'storage-error' })])
  await log.close()
  await expect(openLog({ disk })).rejects.toThrow('EMFILE')
  open.mockRestore()
  await using again = await openLog({ disk })
  expect(await valuesOf(again.log)).toEqual(['x'.repeat(1500)])
})

test('a log whose disk has failed closes no file under a call that is under way', async () => {
  const world = new SimWorld(3)
  let atFailure: readonly string[] = []
  await world.run(async () => {
    const { log } = await openLog({ disk: world.disk, eagerBytes: 0, onFailure: () => { atFailure = [...watched.underWay] } })
    await append(log, batchOf(['first']))
    const watched = watch(world.disk)
    world.disk.fail('write', 'EIO', { after: 2 })
    for (const value of ['written', 'lost']) {
      const appended = log.append(batchOf([value]), 0)
      if (!(appended instanceof Refusal)) await appended.written.catch(() => {})
    }
    await log.close()
    expect([log.failed, [...watched.underWay]]).toEqual([expect.objectContaining({ code: 'EIO' }), []])
  })
  expect(atFailure).toContainEqual(expect.stringContaining('sync'))
})

test('bytes whose sync had failed are written again before a restart shows them', async () => {
  const opened = await openLog()
  await append(opened.log, batchOf(['kept']))
  opened.disk.fail('sync', 'EIO')
  const lost = opened.log.append(batchOf(['read but not durable']), 0)
  if (lost instanceof Refusal) throw new Error(lost.message)
  await expect(lost.durable).rejects.toThrow()
  const killed = opened.disk.kill()
  const again = await openLog({ disk: killed })
  expect(await valuesOf(again.log)).toEqual(['kept', 'read but not durable'])
  // Power fails with nothing but durable bytes left.
  await using last = await openLog({ disk: killed.crash(new Prng(1), 'nothing') })
  expect(await valuesOf(last.log)).toEqual(['kept', 'read but not durable'])
})

test('a failed write of the log start is final as well', async () => {
  const opened = await openLog()
  await append(opened.log, batchOf(['a', 'b']))
  opened.disk.fail('sync', 'EIO', { path: 'state' })
  await expect(opened.log.deleteBefore(1)).rejects.toThrow('EIO')
  expect(opened.log.append(batchOf(['c']), 0)).toMatchObject({ code: 'storage-error' })
})

test('what nobody waits for may fail without taking the process down', async () => {
  const opened = await openLog()
  opened.disk.fail('write', 'EIO', { path: 'segment', after: 2 })
  opened.log.append(batchOf(['a']), 0)
  await opened.log.close()
  expect(opened.log.failed).toBeInstanceOf(Error)
})

test('retention that waits for a write that fails is told so, and the log closes', async () => {
  const opened = await openLog({ config: { retentionMs: 1 } })
  await append(opened.log, batchOf(['old']))
  let swept: Promise<void> | undefined
  opened.disk.onOperation = (operation, path) => { if (operation === 'write' && path.endsWith('.segment')) swept ??= opened.log.applyRetention() }
  opened.disk.fail('write', 'EIO', { path: '.segment' })
  const lost = opened.log.append(batchOf(['lost']), 0)
  if (lost instanceof Refusal) throw new Error(lost.message)
  await expect(lost.durable).rejects.toThrow('EIO')
  await expect(swept).rejects.toThrow('EIO')
  await opened.log.close()
})

test('a disk that has failed is left alone from then on', async () => {
  const opened = await openLog({ config: { retentionMs: 0 } })
  await append(opened.log, batchOf(['a'], 0))
  opened.disk.fail('write', 'EIO')
  const lost = opened.log.append(batchOf(['b'], 0), 0)
  if (lost instanceof Refusal) throw new Error(lost.message)
  await expect(lost.durable).rejects.toThrow('EIO')
  const asked: string[] = []
  opened.disk.onOperation = operation => asked.push(operation)
  await opened.log.applyRetention()
  await opened.log.checkpoint()
  await expect(opened.log.deleteBefore(1)).rejects.toThrow('EIO')
  await opened.log.close()
  expect(asked).toEqual([])
})

test('a disk that fails while the log closes says so, and the files are closed all the same', async () => {
  const opened = await openLog()
  await append(opened.log, batchOf(['a']))
  opened.disk.fail('sync', 'EIO', { path: '.segment' })
  await expect(opened.log.close()).rejects.toThrow('EIO')
  expect(opened.log.failed).toBeInstanceOf(Error)
})
