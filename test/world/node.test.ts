import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { nodeWorld } from '../../src/world/node.ts'

const directory = mkdtempSync(join(tmpdir(), 'sluice-world-'))
const { disk, clock, network, random } = nodeWorld()
afterAll(() => rmSync(directory, { recursive: true }))

test('a file holds what was written where it was written, in one call or many buffers', async () => {
  const path = `${directory}/file`
  await using file = await disk.open(path, 'create')
  await file.write(3, Array.from({ length: 3000 }, (_, index) => Buffer.from([index % 251])))
  await file.sync()
  expect(await file.size()).toBe(3003)
  const bytes = await file.read(0, 5000)
  expect([bytes.length, bytes[0], bytes[3 + 250], bytes[3 + 251]]).toEqual([3003, 0, 250, 0])
  await file.truncate(4)
  expect(await file.size()).toBe(4)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  await expect(disk.open(path, 'create')).rejects.toMatchObject({ code: 'EEXIST' })
  await expect(disk.open(`${directory}/none`, 'write')).rejects.toMatchObject({ code: 'ENOENT' })
})

test('a file that is closed twice closes nothing else', async () => {
  const first = await disk.open(`${directory}/first`, 'create')
  await first.close()
  await using second = await disk.open(`${directory}/second`, 'create')
  await first.close()
  await second.write(0, [Buffer.from('still open')])
})

test('directories are made with those above them, listed in order, and removed when empty', async () => {
  const path = `${directory}/a/b`
  await disk.makeDirectory(path)
  await disk.makeDirectory(path)
  for (const name of ['2', '10', '1']) await (await disk.open(`${path}/${name}`, 'create')).close()
  expect(await disk.list(path)).toEqual(['1', '10', '2'])
  await disk.syncDirectory(path)
  await disk.rename(`${path}/1`, `${path}/3`)
  await expect(disk.removeDirectory(path)).rejects.toMatchObject({ code: 'ENOTEMPTY' })
  for (const name of ['2', '10', '3']) await disk.remove(`${path}/${name}`)
  await disk.removeDirectory(path)
  expect([await disk.exists(path), await disk.exists(`${directory}/a`)]).toEqual([false, true])
  await expect(disk.list(path)).rejects.toMatchObject({ code: 'ENOENT' })
})

test('a directory is refused where there is a file, or the system makes none', async () => {
  await (await disk.open(`${directory}/plain`, 'create')).close()
  await expect(disk.makeDirectory(`${directory}/plain`)).rejects.toMatchObject({ code: 'EEXIST' })
  await expect(disk.makeDirectory(`${directory}/plain/a`)).rejects.toMatchObject({ code: 'ENOTDIR' })
  if (process.platform === 'linux') await expect(disk.makeDirectory('/proc/sluice/a')).rejects.toMatchObject({ code: 'ENOENT' })
})

test('a secret is read only where nobody else may', async () => {
  const path = `${directory}/secret`
  writeFileSync(path, 'thirty-two bytes of secret here!', { mode: 0o600 })
  expect((await disk.readSecret(path)).toString()).toBe('thirty-two bytes of secret here!')
  chmodSync(path, 0o640)
  await expect(disk.readSecret(path)).rejects.toThrow('mode 0640')
  chmodSync(path, 0o400)
  symlinkSync(path, `${directory}/link`)
  await expect(disk.readSecret(`${directory}/link`)).rejects.toMatchObject({ code: 'ELOOP' })
  await expect(disk.readSecret(directory)).rejects.toThrow('not a plain file')
})

test('a lock is held by one process at a time, and that of a dead one is taken over', async () => {
  const path = `${directory}/lock`
  const held = await disk.lock(path)
  expect(held).toBeDefined()
  expect(await disk.lock(path)).toBeUndefined()
  await held![Symbol.asyncDispose]()
  // A process that is no more, and one whose id has come round again.
  const dead = spawnSync(process.execPath, ['-e', '']).pid
  writeFileSync(path, `${dead} boot 1`)
  await (await disk.lock(path))![Symbol.asyncDispose]()
  writeFileSync(path, `${process.pid} another-boot 1`)
  await using again = await disk.lock(path)
  expect(again).toBeDefined()
  expect(readFileSync(path, 'utf8')).toMatch(new RegExp(`^${process.pid}\\b`))
})

test('a timer fires once, unless it is cancelled', async () => {
  const fired: string[] = []
  clock.after(1, () => fired.push('cancelled')).cancel()
  await new Promise<void>(resolve => {
    clock.after(2, () => fired.push('fired'))
    // Unreferenced timers keep nothing alive: this one does.
    const keep = setInterval(() => fired.length > 0 && (clearInterval(keep), resolve()), 1)
  })
  expect(fired).toEqual(['fired'])
})

test('a wait beyond what Node can wait at once does not fire early', async () => {
  let hasFired = false
  const timer = clock.after(2 ** 40, () => { hasFired = true })
  await new Promise(resolve => setTimeout(resolve, 5))
  timer.cancel()
  expect(hasFired).toBe(false)
})

test('a listener takes connections on a free port until it is closed', async () => {
  const accepted = Promise.withResolvers<void>()
  const listener = await network.listen({ host: '127.0.0.1', port: 0 }, socket => (socket.end(), accepted.resolve()))
  expect(listener.port).toBeGreaterThan(0)
  connect(listener.port, '127.0.0.1').resume()
  await accepted.promise
  await expect(network.listen({ host: '127.0.0.1', port: listener.port }, () => {})).rejects.toMatchObject({ code: 'EADDRINUSE' })
  await listener.close()
  await (await network.listen({ host: '127.0.0.1', port: listener.port }, () => {})).close()
})

test('random bytes and ids differ each time', () => {
  expect(random.bytes(16).equals(random.bytes(16))).toBe(false)
  expect(random.uuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
})
