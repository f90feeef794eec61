import { expect, test } from 'vitest'
import { Prng } from '../../../src/base/prng.ts'
import { LogDamaged, WrongKey } from '../../../src/engine/sealed/errors.ts'
import { append, batchOf, directory, identity, openLog, valuesOf } from './open-log.ts'
import type { SimDisk } from '../../sim/disk.ts'
import { SimWorld } from '../../sim/world.ts'

const segment = `${directory}/00000000000000000000.segment`

async function written(count: number, options: { close: boolean; segmentBytes?: number }): Promise<SimDisk> {
  const opened = await openLog({ config: { segmentBytes: options.segmentBytes ?? 1_000_000 } })
  for (let index = 0; index < count; index++) await append(opened.log, batchOf([`value ${index}`]))
  if (options.close) await opened.log.close()
  return opened.disk
}

async function damage(disk: SimDisk, path: string, change: (bytes: Buffer) => Buffer): Promise<void> {
  const changed = change(Buffer.from(disk.contentOf(path)))
  await using file = await disk.open(path, 'write')
  await file.write(0, [changed])
  await file.truncate(changed.length)
}

test('a torn tail is cut off, and the log goes on behind what is left', async () => {
  const disk = await written(10, { close: false })
  const size = disk.contentOf(segment).length
  await damage(disk, segment, bytes => bytes.subarray(0, size - 5))
  const opened = await openLog({ disk })
  expect(await valuesOf(opened.log)).toHaveLength(9)
  expect((await append(opened.log, batchOf(['value 9 again']))).baseOffset).toBe(9)
  await opened.log.close()
  await using again = await openLog({ disk })
  expect((await valuesOf(again.log)).at(-1)).toBe('value 9 again')
})

test('zeros or garbage behind the last frame are a torn tail', async () => {
  for (const tail of [Buffer.alloc(5000), new Prng(5).bytes(5000)]) {
    const disk = await written(3, { close: true })
    await damage(disk, segment, bytes => Buffer.concat([bytes, tail]))
    await using opened = await openLog({ disk })
    expect(await valuesOf(opened.log)).toEqual(['value 0', 'value 1', 'value 2'])
  }
})

test('damage below what a later frame saw as durable is no torn tail: the log stays shut and a copy is kept', async () => {
  const disk = await written(10, { close: false })
  const before = Buffer.from(disk.contentOf(segment))
  disk.rot(segment, 4096 + 100)
  const damaged = Buffer.from(disk.contentOf(segment))
  await expect(openLog({ disk })).rejects.toThrow(LogDamaged)
  expect(disk.contentOf(segment).equals(damaged)).toBe(true)
  expect(disk.contentOf(`${directory}/quarantine/00000000000000000000.segment`).equals(damaged)).toBe(true)
  // With the bit put right again nothing is lost.
  disk.rot(segment, 4096 + 100)
  expect(disk.contentOf(segment).equals(before)).toBe(true)
  await using opened = await openLog({ disk })
  expect(await valuesOf(opened.log)).toHaveLength(10)
})

test('after a clean end any flipped bit is found, by the opening or by whoever reads it', async () => {
  const disk = await written(4, { close: true })
  const size = disk.contentOf(segment).length
  for (let position = 0; position < size; position += position < 4096 ? 97 : 1) {
    disk.rot(segment, position)
    await expect(openAndRead(disk.kill()), `position ${position}`).rejects.toThrow(/damaged|storage-error/)
    for (const path of disk.files.filter(path => path.endsWith('.summary'))) {
      const scanned = disk.kill()
      await scanned.remove(path)
      await expect(openLog({ disk: scanned }), `position ${position} without a summary`).rejects.toThrow(LogDamaged)
    }
    disk.rot(segment, position)
  }
})

async function openAndRead(disk: SimDisk): Promise<string[]> {
  await using opened = await openLog({ disk })
  return await valuesOf(opened.log)
}

test('a summary that is lost, cut short, altered or of another segment is passed over', async () => {
  const config = { segmentBytes: 6000 }
  const opened = await openLog({ config })
  const sent = (sequence: number) => batchOf([`value ${sequence}`.repeat(20)], undefined, { producer: { id: 4, epoch: 0, baseSequence: sequence } })
  for (let sequence = 0; sequence < 60; sequence++) await append(opened.log, sent(sequence), sequence >> 4)
  await opened.log.close()
  const summaries = opened.disk.files.filter(path => path.endsWith('.summary'))
  expect(summaries.length).toBeGreaterThan(3)
  const known = async (disk: SimDisk) => {
    await using again = await openLog({ disk, config })
    const { log } = again
    const epochs = [0, 1, 2, 3].map(epoch => log.endOffsetOfEpoch(epoch).endOffset)
    const answers = [54, 55, 59].map(sequence => (log.append(sent(sequence), 3) as { baseOffset?: number }).baseOffset)
    return [await valuesOf(log), epochs, answers, await log.offsetForTime(1, 60), log.bytes]
  }
  const expected = await known(opened.disk.kill())
  expect(expected.slice(1, 3)).toEqual([[16, 32, 48, 60], [undefined, 55, 59]])
  const changes: ((bytes: Buffer) => Buffer)[] = [bytes => bytes.subarray(0, -1), () => Buffer.alloc(0), bytes => bytes.fill(0, 40, 60), bytes => Buffer.alloc(bytes.length)]
  for (const path of summaries) {
    for (const change of changes) {
      const disk = opened.disk.kill()
      await damage(disk, path, change)
      expect(await known(disk)).toEqual(expected)
    }
    const disk = opened.disk.kill()
    await disk.remove(path)
    expect(await known(disk)).toEqual(expected)
  }
  const swapped = opened.disk.kill()
  await damage(swapped, summaries[0]!, () => Buffer.from(swapped.contentOf(summaries[1]!)))
  expect(await known(swapped)).toEqual(expected)
})

test('a log that was closed is opened without reading its frames again', async () => {
  const disk = await written(50, { close: true })
  const reads: string[] = []
  const again = disk.kill()
  again.onOperation = (operation, path) => operation === 'read' && reads.push(path)
  await using opened = await openLog({ disk: again })
  expect(reads.filter(path => path === segment)).toHaveLength(1)
  expect(await valuesOf(opened.log)).toHaveLength(50)
})

test('after a kill a flipped bit is found, or costs at most the last batch', async () => {
  const disk = await written(6, { close: false })
  const size = disk.contentOf(segment).length
  let silent = 0
  for (let position = 4096; position < size; position++) {
    disk.rot(segment, position)
    try {
      await using opened = await openLog({ disk: disk.kill() })
      expect((await valuesOf(opened.log)).length, `position ${position}`).toBeGreaterThanOrEqual(5)
      silent++
    } catch (error) {
      expect(error).toBeInstanceOf(LogDamaged)
    }
    disk.rot(segment, position)
  }
  expect(silent).toBeLessThan((size - 4096) / 5)
})

test('a segment that is gone, cut short or from elsewhere is damage', async () => {
  const whole = await written(60, { close: true, segmentBytes: 6000 })
  const paths = whole.files.filter(path => path.endsWith('.segment'))
  expect(paths.length).toBeGreaterThan(3)
  const cases: ((disk: SimDisk) => Promise<void>)[] = [
    disk => disk.remove(paths[0]!),
    disk => disk.remove(paths[1]!),
    disk => disk.remove(paths.at(-1)!),
    disk => damage(disk, paths[1]!, bytes => bytes.subarray(0, -1)),
    disk => damage(disk, paths.at(-1)!, bytes => bytes.subarray(0, -90)),
    disk => damage(disk, paths[1]!, () => Buffer.from(disk.contentOf(paths[2]!))),
  ]
  for (const [index, change] of cases.entries()) {
    const disk = whole.kill()
    await change(disk)
    await expect(openLog({ disk }), `case ${index}`).rejects.toThrow(LogDamaged)
  }
})

test('a whole frame that is cut off at its border is missed after a clean end', async () => {
  const disk = await written(3, { close: true })
  const length = disk.contentOf(segment).readUInt32BE(4096 + 4)
  await damage(disk, segment, bytes => bytes.subarray(0, bytes.length - length))
  await expect(openLog({ disk })).rejects.toThrow(LogDamaged)
})

test('another key is a wrong key at once, and not a byte is changed', async () => {
  const disk = await written(10, { close: false })
  const before = disk.files.map(path => [path, disk.contentOf(path).toString('hex')])
  await expect(openLog({ disk, key: Buffer.alloc(32, 9) })).rejects.toThrow(WrongKey)
  expect(disk.files.map(path => [path, disk.contentOf(path).toString('hex')])).toEqual(before)
})

test('a log whose keyring is gone is not taken for an empty or a damaged one', async () => {
  const disk = await written(3, { close: true })
  for (const path of disk.files.filter(path => path.startsWith('/data/keyring'))) await disk.remove(path)
  await expect(openLog({ disk })).rejects.toThrow(WrongKey)
})

test("one partition's files do not open as another's", async () => {
  const disk = await written(3, { close: false })
  await expect(openLog({ disk, identity: { ...identity, partition: 1 } })).rejects.toThrow(WrongKey)
})

test('a new segment whose making was cut short is removed', async () => {
  const disk = await written(3, { close: false })
  await using file = await disk.open(`${directory}/00000000000000000003.segment`, 'create')
  await file.write(0, [Buffer.alloc(4096)])
  await using opened = await openLog({ disk })
  expect([opened.log.endOffset, disk.files.filter(path => path.endsWith('.segment'))]).toEqual([3, [segment]])
})

test('a process that was killed at any moment of making a log leaves nothing that makes the next one lose an acknowledged record', async () => {
  const images: SimDisk[] = []
  const world = new SimWorld(1, { disksTakeTime: false })
  world.disk.onOperation = () => images.push(world.disk.kill())
  const first = await openLog({ disk: world.disk })
  await append(first.log, batchOf(['of the first process']))
  expect(images.length).toBeGreaterThan(20)
  for (const [index, disk] of images.entries()) {
    const second = await openLog({ disk })
    await append(second.log, batchOf(['acknowledged']))
    // No clean end, and then the power fails.
    await using last = await openLog({ disk: disk.crash(new Prng(index), 'nothing') })
    expect((await valuesOf(last.log)).at(-1), `killed at operation ${index}`).toBe('acknowledged')
  }
})
