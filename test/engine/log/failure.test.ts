import { expect, test } from 'vitest'
import { Prng } from '../../../src/base/prng.ts'
import { Refusal } from '../../../src/ports.ts'
import { append, batchOf, openLog, valuesOf } from './open-log.ts'

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
