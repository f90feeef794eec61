// The administrator's first access key for the Kinesis API: made with the first start, kept in the catalog, and written beside the certificates in the form
// that AWS's own tools read (AWS_SHARED_CREDENTIALS_FILE). Servers that share a certificate directory share the key.
import type { AccessKey, AccessKeys, Principal } from '../ports.ts'
import { Refusal } from '../ports.ts'
import type { World } from '../world/world.ts'

type KeyWorld = Pick<World, 'disk' | 'random' | 'clock'>

/** Rejects where the file cannot be read or written, or holds something else than a profile with a key. */
export async function ensureAdminKey(world: KeyWorld, accessKeys: AccessKeys, { principal, path }: { principal: Principal; path: string }): Promise<AccessKey> {
  const { disk, random, clock } = world
  const onFile = await disk.exists(path) ? parse((await disk.readSecret(path)).toString('utf8'), path) : undefined
  const known = onFile === undefined ? undefined : accessKeys.find(onFile.id)
  if (known !== undefined) return known
  const { id, secret } = onFile ?? newKeyPair(random)
  const key: AccessKey = { id, secret, principal, createdAtMs: clock.now() }
  if (onFile === undefined) {
    await using file = await disk.open(path, 'create')
    await file.write(0, [Buffer.from(`[default]\naws_access_key_id = ${id}\naws_secret_access_key = ${secret}\n`)])
    await file.sync()
  }
  const refused = await accessKeys.add(key)
  if (refused instanceof Refusal) throw new Error(refused.message)
  return key
}

/** An id and a secret of AWS's shapes: AKIA and 16 characters of base32, 40 characters of base64. */
export function newKeyPair(random: World['random']): { id: string; secret: string } {
  const base32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  const id = `AKIA${Array.from(random.bytes(16), byte => base32[byte & 31]!).join('')}`
  return { id, secret: random.bytes(30).toString('base64') }
}

/** Everything of `accessKeys`, and one more key that is kept nowhere. */
export function withAccessKey(accessKeys: AccessKeys, key: AccessKey): AccessKeys {
  return {
    find: id => (id === key.id ? key : accessKeys.find(id)),
    all: () => [key, ...accessKeys.all()],
    add: async added => (added.id === key.id ? new Refusal('duplicate-resource', `access key '${key.id}' exists`) : accessKeys.add(added)),
    remove: async id => (id === key.id ? new Refusal('policy-violation', `access key '${id}' belongs to --dev and cannot be deleted`) : accessKeys.remove(id)),
  }
}

function parse(text: string, path: string): { id: string; secret: string } {
  const value = (name: string): string | undefined => new RegExp(`^\\s*${name}\\s*=\\s*(\\S+)\\s*$`, 'm').exec(text)?.[1]
  const id = value('aws_access_key_id')
  const secret = value('aws_secret_access_key')
  if (id === undefined || secret === undefined) throw new Error(`${path} holds no aws_access_key_id and aws_secret_access_key`)
  return { id, secret }
}
