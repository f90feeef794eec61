// Where the key-encryption key comes from when the server starts: a file of 32 bytes, made on the very first start, or a file with a passphrase.
import type { World } from '../../world/world.ts'
import { keyBytes, type KeySource } from './kek.ts'

export interface KekPlace {
  readonly keyFile: string
  /** In place of `keyFile`; '' where there is none. */
  readonly passphraseFile: string
  /** Holds keyrings once something was sealed: from then on a missing key file is an error, never a reason to make a new one. */
  readonly dataDirectory: string
}

/** Rejects with one line that names the file. */
export async function readKek({ disk, random }: Pick<World, 'disk' | 'random'>, place: KekPlace): Promise<KeySource> {
  if (place.passphraseFile !== '') {
    const [passphrase = ''] = (await disk.readSecret(place.passphraseFile)).toString('utf8').split(/\r?\n/)
    if (passphrase === '') throw new Error(`the first line of ${place.passphraseFile} is empty; it must hold the passphrase`)
    return { type: 'passphrase', passphrase }
  }
  if (!(await disk.exists(place.keyFile))) await createKey({ disk, random }, place)
  const key = await disk.readSecret(place.keyFile)
  if (key.length !== keyBytes) throw new Error(`${place.keyFile} has ${key.length} bytes; a key-encryption key has ${keyBytes}`)
  return { type: 'file', key }
}

async function createKey({ disk, random }: Pick<World, 'disk' | 'random'>, { keyFile, dataDirectory }: KekPlace): Promise<void> {
  const names = await disk.exists(dataDirectory) ? await disk.list(dataDirectory) : []
  if (names.some(name => name.startsWith('keyring'))) throw new Error(`the key file ${keyFile} is missing, and ${dataDirectory} is sealed with it: put it back`)
  const directory = keyFile.slice(0, Math.max(0, keyFile.lastIndexOf('/'))) || '.'
  await disk.makeDirectory(directory)
  {
    await using file = await disk.open(`${keyFile}.draft`, 'create')
    await file.write(0, [random.bytes(keyBytes)])
    await file.sync()
  }
  await disk.rename(`${keyFile}.draft`, keyFile)
  await disk.syncDirectory(directory)
}
