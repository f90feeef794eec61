// The administrator's first access key for the Kinesis API: made with the first start, kept in the catalog, and written beside the certificates in the form
// that AWS's own tools read (AWS_SHARED_CREDENTIALS_FILE). Servers that share a certificate directory share the key. Each catalog remembers that it had the key (a
// document of kind 'admin-key'), so that one that was deleted there does not come back from the file.
import type { AccessKey, AccessKeys, Documents, Principal } from '../ports.ts'
import { Refusal } from '../ports.ts'
import type { World } from '../world/world.ts'
import { newAccessKey } from './access-keys.ts'

type KeyWorld = Pick<World, 'disk' | 'random' | 'clock'>
interface KeyStore {
  readonly accessKeys: AccessKeys
  readonly documents: Documents
}

/**
 * The key that is in the file, or a new one where there is no file; undefined where the file's key was deleted: whoever wants a new one removes the file. Rejects
 * where the file cannot be read or written, or holds something else than a profile with a key.
 */
export async function ensureAdminKey(
  world: KeyWorld, { accessKeys, documents }: KeyStore, { principal, path }: { principal: Principal; path: string },
): Promise<AccessKey | undefined> {
  const { disk, random, clock } = world
  const onFile = await disk.exists(path) ? parse((await disk.readSecret(path)).toString('utf8'), path) : undefined
  const known = onFile === undefined ? undefined : accessKeys.find(onFile.id)
  if (onFile !== undefined && known === undefined && documents.find('admin-key', onFile.id) !== undefined) return undefined
  const key = known ?? { ...newAccessKey(random, { principal, nowMs: clock.now() }), ...onFile }
  if (onFile === undefined) {
    await using file = await disk.open(path, 'create')
    await file.write(0, [Buffer.from(`[default]\naws_access_key_id = ${key.id}\naws_secret_access_key = ${key.secret}\n`)])
    await file.sync()
  }
  if (known === undefined) orThrow(await accessKeys.add(key))
  if (documents.find('admin-key', key.id) === undefined) orThrow(await documents.put({ kind: 'admin-key', key: key.id, value: '{}', topicId: null }, 0))
  return key
}

function orThrow(answer: unknown): void {
  if (answer instanceof Refusal) throw new Error(answer.message)
}

function parse(text: string, path: string): { id: string; secret: string } {
  const value = (name: string): string | undefined => new RegExp(`^\\s*${name}\\s*=\\s*(\\S+)\\s*$`, 'm').exec(text)?.[1]
  const id = value('aws_access_key_id')
  const secret = value('aws_secret_access_key')
  if (id === undefined || secret === undefined) throw new Error(`${path} holds no aws_access_key_id and aws_secret_access_key`)
  return { id, secret }
}
