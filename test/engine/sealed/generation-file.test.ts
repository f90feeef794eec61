import { expect, test } from 'vitest'
import { Prng } from '../../../src/base/prng.ts'
import { Damaged } from '../../../src/engine/sealed/errors.ts'
import { GenerationFile } from '../../../src/engine/sealed/generation-file.ts'
import { SimDisk } from '../../sim/disk.ts'

async function emptyDisk(): Promise<SimDisk> {
  const disk = new SimDisk()
  await disk.makeDirectory('/d')
  await disk.syncDirectory('')
  return disk
}

const contentOf = async (disk: SimDisk) => (await GenerationFile.open(disk, '/d', 'f')).found?.payload.toString()

test('the newest content is found, and the one before it is kept', async () => {
  const disk = await emptyDisk()
  const { file, found } = await GenerationFile.open(disk, '/d', 'f')
  expect(found).toBeUndefined()
  for (const text of ['one', 'two', 'three']) await file.write(Buffer.from(text))
  expect(await contentOf(disk)).toBe('three')
  expect(disk.files).toEqual(['/d/f.000000000002', '/d/f.000000000003'])
  await file.write(Buffer.from('four'), { keepPrevious: false })
  expect(disk.files).toEqual(['/d/f.000000000004'])
})

test('a power cut at any moment of a change leaves the old content or the new, never less', async () => {
  for (let seed = 1; seed <= 100; seed++) {
    const random = new Prng(seed)
    const disk = await emptyDisk()
    const { file } = await GenerationFile.open(disk, '/d', 'f')
    const images: { image: SimDisk; done: number }[] = []
    let done = 0
    disk.onOperation = () => images.push({ image: disk.crash(random, 'some'), done })
    for (done = 0; done < 3; done++) await file.write(Buffer.from(`content ${done + 1}`.repeat(100)), { keepPrevious: random.chance(0.5) })
    for (const { image, done: before } of images) {
      const text = await contentOf(image)
      const found = text === undefined ? 0 : Number(text[8])
      expect([before, before + 1], `seed ${seed}`).toContain(found)
      // Whoever has read it goes on from it.
      await (await GenerationFile.open(image, '/d', 'f')).file.write(Buffer.from('content 9'))
      expect(await contentOf(image)).toBe('content 9')
    }
  }
})

test('where no generation is intact, that is damage', async () => {
  const disk = await emptyDisk()
  const { file } = await GenerationFile.open(disk, '/d', 'f')
  await file.write(Buffer.from('one'))
  disk.rot('/d/f.000000000001', 17)
  await expect(contentOf(disk)).rejects.toThrow(Damaged)
})

test('changes that are asked for at once are made one after the other', async () => {
  const disk = await emptyDisk()
  const { file } = await GenerationFile.open(disk, '/d', 'f')
  await Promise.all(['a', 'b', 'c'].map(text => file.write(Buffer.from(text))))
  expect(await contentOf(disk)).toBe('c')
})
