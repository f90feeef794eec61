import { expect, test } from 'vitest'
import { glueVersionId, glueVersionIdOf } from '../../../src/registry/glue/version-ids.ts'
import { openRegistry, type Registry } from '../../../src/registry/registry.ts'
import type { SchemaVersion } from '../../../src/registry/store.ts'
import { memoryBackend } from '../../support/memory-backend.ts'
import { silent } from '../../support/registry-app.ts'

const backend = memoryBackend()
const open = (): Promise<Registry> => openRegistry({ logs: backend.logs, admin: backend.admin, clock: { now: () => 0 }, logger: silent })
const register = async (registry: Registry, subject: string, schema: string): Promise<SchemaVersion> => {
  return await registry.register(subject, { schema }, { normalize: undefined }) as SchemaVersion
}

test('a version id is a UUIDv5 that is the same everywhere', () => {
  const id = glueVersionId({ subject: 'orders-value', version: 1, id: 7 })
  expect(id).toBe('bf197311-ca87-59e2-8b37-cc673676de16')
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(glueVersionIdOf(Buffer.from(id.replaceAll('-', ''), 'hex'))).toBe(id)
  expect(glueVersionId({ subject: ':.eu:orders-value', version: 1, id: 7 })).not.toBe(id)
})

test('a version id leads to its version while that can be read, after a restart too', async () => {
  const registry = await open()
  const first = await register(registry, 'orders', '"string"')
  const uuid = glueVersionId(first)
  expect(registry.ofGlueVersion(uuid)).toEqual(first)
  expect(registry.ofGlueVersion(uuid.toUpperCase())).toEqual(first)
  expect(registry.ofGlueVersion('00000000-0000-0000-0000-000000000000')).toBeUndefined()

  await registry.deleteSubject('orders', { permanent: false })
  expect(registry.ofGlueVersion(uuid)).toMatchObject({ subject: 'orders', version: 1, deleted: true })
  expect((await open()).ofGlueVersion(uuid)).toMatchObject({ subject: 'orders', version: 1, deleted: true })
  await registry.deleteSubject('orders', { permanent: true })
  expect(registry.ofGlueVersion(uuid)).toBeUndefined()

  const again = await register(registry, 'orders', '"long"')
  expect(again.version).toBe(1)
  expect(glueVersionId(again)).not.toBe(uuid)
  expect((await open()).ofGlueVersion(uuid)).toBeUndefined()
  expect((await open()).ofGlueVersion(glueVersionId(again))).toEqual(again)
})

test('what was soft-deleted and registered again keeps the id that records have', async () => {
  const registry = await open()
  const old = await register(registry, 'again', '"bytes"')
  await registry.deleteSubject('again', { permanent: false })
  const renewed = await register(registry, 'again', '"bytes"')
  expect(renewed).toMatchObject({ version: 2, id: old.id })
  expect(registry.ofGlueVersion(glueVersionId(old))).toEqual(renewed)
  expect((await open()).ofGlueVersion(glueVersionId(old))).toEqual(renewed)
})
