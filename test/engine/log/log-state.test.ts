import { createHmac, createSecretKey, hkdfSync } from 'node:crypto'
import { expect, test } from 'vitest'
import { LogState } from '../../../src/engine/log/log-state.ts'
import { WrongKey } from '../../../src/engine/sealed/errors.ts'
import { GenerationFile } from '../../../src/engine/sealed/generation-file.ts'
import type { DataKeys } from '../../../src/engine/sealed/keyring.ts'
import { scopeOf } from '../../../src/engine/sealed/session.ts'
import { SimDisk } from '../../sim/disk.ts'
import { append, batchOf, identity, openLog } from './open-log.ts'

const dataKey = { id: 7, key: createSecretKey(Buffer.alloc(32, 9)) }
const keys: DataKeys = { current: async () => dataKey, find: (_, id) => (id === dataKey.id ? dataKey.key : undefined) }

async function stateOn(disk: SimDisk): Promise<LogState> {
  await disk.makeDirectory('/log')
  return LogState.open({ disk, directory: '/log', identity, keys })
}

test('a state says after a restart what it was told', async () => {
  const disk = new SimDisk()
  const state = await stateOn(disk)
  expect([state.startOffset, state.durableOffset, state.highWatermark, state.cut]).toEqual([0, 0, 0, undefined])
  await state.advance({ startOffset: 5, durableOffset: 20 })
  await state.advance({ highWatermark: 12, durableOffset: 3 })
  const again = await stateOn(disk)
  expect([again.startOffset, again.durableOffset, again.highWatermark, again.cut]).toEqual([5, 20, 12, undefined])
  for (const hasRest of [false, true]) {
    const cut = { offset: 2 ** 40, position: 4711, hasRest }
    await state.replace({ startOffset: 1, durableOffset: 2, highWatermark: 1, cut })
    const last = await stateOn(disk)
    expect([last.startOffset, last.durableOffset, last.highWatermark, last.cut]).toEqual([1, 2, 1, cut])
  }
})

test('marks that move nothing write nothing', async () => {
  const disk = new SimDisk()
  const state = await stateOn(disk)
  await state.advance({ durableOffset: 20, highWatermark: 9 })
  const { trace } = disk
  await state.advance({ durableOffset: 20, highWatermark: 8, startOffset: 0 })
  expect(disk.trace).toBe(trace)
})

test('a state from before there were high watermarks is understood, and one that was altered is not', async () => {
  const disk = new SimDisk()
  const body = Buffer.alloc(24)
  body.writeUInt32BE(dataKey.id, 0)
  body.writeBigUInt64BE(3n, 8)
  body.writeBigUInt64BE(40n, 16)
  const macKey = Buffer.from(hkdfSync('sha256', dataKey.key, Buffer.alloc(0), `state-v1|${scopeOf(identity, Buffer.alloc(0))}`, 32))
  const write = async (payload: Buffer): Promise<void> => {
    await disk.makeDirectory('/log')
    const { file } = await GenerationFile.open(disk, '/log', 'state')
    await file.write(Buffer.concat([payload, createHmac('sha256', macKey).update(body).digest()]))
  }
  await write(body)
  const state = await stateOn(disk)
  expect([state.startOffset, state.durableOffset, state.highWatermark, state.cut]).toEqual([3, 40, 0, undefined])
  await state.advance({ highWatermark: 30 })
  expect((await stateOn(disk)).highWatermark).toBe(30)
  const altered = Buffer.from(body)
  altered.writeBigUInt64BE(4n, 8)
  await write(altered)
  await expect(stateOn(disk)).rejects.toThrow(WrongKey)
  await write(Buffer.concat([body, Buffer.alloc(8)]))
  await expect(stateOn(disk)).rejects.toThrow(WrongKey)
})

test('a log keeps its high watermark with each checkpoint and when it closes, never ahead of what is durable', async () => {
  const opened = await openLog()
  const { log, disk } = opened
  expect(log.recoveredHighWatermark).toBe(0)
  for (const value of ['a', 'b', 'c', 'd']) await append(log, batchOf([value]))
  const found = async (): Promise<number> => {
    await using again = await openLog({ disk: disk.kill() })
    return again.log.recoveredHighWatermark
  }
  log.noteHighWatermark(2)
  expect(await found()).toBe(0)
  await log.checkpoint()
  expect(await found()).toBe(2)
  log.noteHighWatermark(3)
  await log.deleteBefore(1)
  expect(await found()).toBe(3)
  log.noteHighWatermark(99)
  await log.close()
  expect(await found()).toBe(4)
})

test('the high watermark does not lie below the start of the log', async () => {
  const opened = await openLog()
  for (const value of ['a', 'b', 'c']) await append(opened.log, batchOf([value]))
  await opened.log.deleteBefore(2)
  await opened.log.close()
  await using again = await openLog({ disk: opened.disk })
  expect(again.log.recoveredHighWatermark).toBe(2)
})
