// The key-encryption key as an operator meets it: made once, asked for ever after, and never mistaken for damage.
import { chmod, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startSluice } from '../support/sluice.ts'

let directory: string
let certsDirectory: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-keys-'))
  certsDirectory = join(directory, 'certs')
  // One CA for all of these: making it is what takes long.
  const { directory: first, stop } = await startSluice({ certsDirectory })
  await stop()
  await rm(first, { recursive: true, force: true })
}, 60_000)

afterAll(async () => { await rm(directory, { recursive: true, force: true }) })

/** Starts on `data`, creates a topic over the plain gateway, and gives the names of all topics. */
async function topicsAfterStart(data: string, settings: Record<string, string>, create?: string): Promise<string[]> {
  const sluice = await startSluice({ directory: join(directory, data), certsDirectory, settings })
  try {
    const gateway = `http://127.0.0.1:${sluice.ports.gateway}`
    if (create !== undefined) await fetch(`${gateway}/admin/topics`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ name: create }) })
    return await (await fetch(`${gateway}/topics`)).json() as string[]
  } finally {
    await sluice.stop()
  }
}

async function passphraseFile(text: string): Promise<string> {
  const path = join(directory, `passphrase-${Buffer.from(text).toString('hex')}`)
  await writeFile(path, `${text}\n`, { mode: 0o600 })
  return path
}

describe('the key-encryption key', () => {
  it('comes from a passphrase, and another passphrase stops the start without touching anything', async () => {
    const right = { 'kek.passphrase.file': await passphraseFile('correct horse') }
    expect(await topicsAfterStart('phrase', right, 'kept')).toContain('kept')
    const files = async (): Promise<string[]> => (await readdir(join(directory, 'phrase', 'data'), { recursive: true })).filter(name => !name.endsWith('.log')).toSorted()
    const before = await files()
    await expect(topicsAfterStart('phrase', { 'kek.passphrase.file': await passphraseFile('battery staple') })).rejects.toThrow('cannot be opened with this key')
    expect(await files()).toEqual(before)
    expect(await topicsAfterStart('phrase', right)).toContain('kept')
  })

  it('comes from a file that is made on the first start, and is never made again over sealed data', async () => {
    const keyFile = join(directory, 'a.key')
    const settings = { 'kek.file': keyFile }
    expect(await topicsAfterStart('file', settings, 'kept')).toContain('kept')
    expect((await readFile(keyFile)).length).toBe(32)

    await rename(keyFile, `${keyFile}.away`)
    await expect(topicsAfterStart('file', settings)).rejects.toThrow(`sluice: the key file ${keyFile} is missing`)
    await writeFile(keyFile, Buffer.alloc(32, 7), { mode: 0o600 })
    await expect(topicsAfterStart('file', settings)).rejects.toThrow('cannot be opened with this key')
    await rename(`${keyFile}.away`, keyFile)
    await chmod(keyFile, 0o644)
    await expect(topicsAfterStart('file', settings)).rejects.toThrow(`sluice: ${keyFile} has mode 0644; only its owner may have access`)
    await chmod(keyFile, 0o600)
    expect(await topicsAfterStart('file', settings)).toContain('kept')
  })
})
