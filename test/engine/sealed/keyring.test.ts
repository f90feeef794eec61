import { expect, test } from 'vitest'
import { Damaged, WrongKey } from '../../../src/engine/sealed/errors.ts'
import type { KeySource } from '../../../src/engine/sealed/kek.ts'
import { Keyring } from '../../../src/engine/sealed/keyring.ts'
import type { SimDisk } from '../../sim/disk.ts'
import { SimWorld } from '../../sim/world.ts'

const topic = '11111111-1111-4111-8111-111111111111'
const other = '22222222-2222-4222-8222-222222222222'
const file: KeySource = { type: 'file', key: Buffer.alloc(32, 1) }
// A cost that tests can pay.
const passphrase: KeySource = { type: 'passphrase', passphrase: 'correct horse', cost: 1024 }

async function open(source: KeySource, disk?: SimDisk): Promise<{ keyring: Keyring; disk: SimDisk }> {
  const world = new SimWorld(disk ? 2 : 1, { disksTakeTime: false, ...(disk && { disk }) })
  await world.disk.makeDirectory('/data')
  await world.disk.syncDirectory('')
  return { keyring: await Keyring.open({ world, directory: '/data', source }), disk: world.disk }
}

const secretOf = async (keyring: Keyring, topicId: string) => (await keyring.current(topicId)).key.export().toString('hex')

test.each([['a key file', file], ['a passphrase', passphrase]] as const)('data keys are the same after a restart with %s', async (_, source) => {
  const { keyring, disk } = await open(source)
  const secrets = [await secretOf(keyring, topic), await secretOf(keyring, other)]
  expect(secrets[0]).not.toBe(secrets[1])
  const { keyring: again } = await open(source, disk)
  expect([await secretOf(again, topic), await secretOf(again, other)]).toEqual(secrets)
  for (const path of disk.files) for (const secret of secrets) expect(disk.contentOf(path).includes(Buffer.from(secret, 'hex'))).toBe(false)
})

test('a wrong key is a wrong key, not damage, and nothing is written', async () => {
  const { keyring, disk } = await open(file)
  await keyring.current(topic)
  const contents = () => disk.files.map(path => [path, disk.contentOf(path).toString('hex')])
  const before = contents()
  await expect(open({ type: 'file', key: Buffer.alloc(32, 2) }, disk)).rejects.toThrow(WrongKey)
  await expect(open(passphrase, disk)).rejects.toThrow(WrongKey)
  await expect(open({ type: 'file', key: Buffer.alloc(31, 1) }, disk)).rejects.toThrow('31 bytes')
  expect(contents()).toEqual(before)
})

test('a wrong passphrase is a wrong key', async () => {
  const { disk } = await open(passphrase)
  await expect(open({ type: 'passphrase', passphrase: 'wrong horse', cost: 1024 }, disk)).rejects.toThrow(WrongKey)
})

test('any flipped bit is survived by the generation before, or called damage, but never believed', async () => {
  const { keyring, disk } = await open(file)
  const secret = await secretOf(keyring, topic)
  await keyring.current(other)
  const newest = disk.files.at(-1)!
  for (let position = 0; position < disk.contentOf(newest).length; position += 7) {
    disk.rot(newest, position)
    const { keyring: again } = await open(file, disk.kill())
    expect(again.find(topic, 1)!.export().toString('hex')).toBe(secret)
    disk.rot(newest, position)
  }
  for (const path of disk.files) disk.rot(path, 20)
  await expect(open(file, disk)).rejects.toThrow(Damaged)
})

test('a rotated topic seals with its new key and still opens what the old one sealed', async () => {
  const { keyring, disk } = await open(file)
  const first = await keyring.current(topic)
  const second = await keyring.rotate(topic)
  expect([first.id, second.id]).toEqual([1, 2])
  const { keyring: again } = await open(file, disk)
  expect((await again.current(topic)).id).toBe(2)
  expect(again.find(topic, 1)!.equals(first.key)).toBe(true)
})

test('many who ask at once for a new topic get one key', async () => {
  const { keyring } = await open(file)
  const keys = await Promise.all(Array.from({ length: 8 }, () => keyring.current(topic)))
  expect(new Set(keys.map(({ id }) => id)).size).toBe(1)
})

test('a shredded topic has no key any more, in no file and after no restart', async () => {
  const { keyring, disk } = await open(file)
  await keyring.current(topic)
  const kept = await secretOf(keyring, other)
  await keyring.shred(topic)
  expect(keyring.find(topic, 1)).toBeUndefined()
  expect(disk.files.filter(path => disk.contentOf(path).includes(topic))).toEqual([])
  const { keyring: again } = await open(file, disk)
  expect([again.find(topic, 1), await secretOf(again, other)]).toEqual([undefined, kept])
})

test('under another key-encryption key all data keys stay what they are, and the old key opens nothing', async () => {
  const { keyring, disk } = await open(file)
  const secret = await secretOf(keyring, topic)
  await keyring.rewrap(passphrase)
  expect(await secretOf(keyring, topic)).toBe(secret)
  const { keyring: again } = await open(passphrase, disk)
  expect(await secretOf(again, topic)).toBe(secret)
  await expect(open(file, disk)).rejects.toThrow(WrongKey)
})

test('a key that could not be stored is not given out', async () => {
  const { keyring, disk } = await open(file)
  disk.fail('sync', 'EIO')
  await expect(keyring.current(topic)).rejects.toThrow('EIO')
  expect(keyring.find(topic, 1)).toBeUndefined()
  expect((await keyring.current(topic)).id).toBe(1)
})
