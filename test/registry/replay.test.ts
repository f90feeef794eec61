// Logs that Confluent's server has written, read by ours; and what ours writes for each kind of change, in Confluent's form.
import { expect, test } from 'vitest'
import { openRegistry, type Registry } from '../../src/registry/registry.ts'
import { buildBatch } from '../../src/wire/batch.ts'
import { memoryBackend } from '../support/memory-backend.ts'
import { silent } from '../support/registry-app.ts'

type Backend = ReturnType<typeof memoryBackend>
const at = { topic: '_schemas', partition: 0 }
const open = (backend: Backend): Promise<Registry> => openRegistry({ logs: backend.logs, admin: backend.admin, clock: { now: () => 1_000 }, logger: silent })
const plain = { normalize: undefined }

async function written(backend: Backend): Promise<(readonly [string, string | null])[]> {
  const slice = await backend.logs.read(at, 0, { bytesMax: 1 << 20, atLeastOne: true, committedOnly: true })
  if (!('batches' in slice)) throw new Error(slice.message)
  return slice.batches.flatMap(batch => batch.recordsOrNone().map(({ key, value }) => [String(key), value === null ? null : String(value)] as const))
}

async function replayed(records: readonly (readonly [string, string | null])[]): Promise<Registry> {
  const backend = memoryBackend()
  await open(backend)
  const batch = buildBatch(records.map(([key, value]) => ({ key: Buffer.from(key), value: value === null ? null : Buffer.from(value) })), { timestampMs: 7 })
  await backend.logs.append(at, batch, { acks: 'all', timeoutMs: 30_000, internal: true })
  return open(backend)
}

test('a log of Confluent\'s server is read: contexts, modes, settings, metadata, rules, deletions', async () => {
  const registry = await replayed([
    ['{"keytype":"NOOP","magic":0}', null],
    ['{"keytype":"SCHEMA","subject":"s","version":1,"magic":1}', '{"subject":"s","version":1,"id":1,"md5":"ujJ/ysNIWRoIDAsiVoiD1Q==","schema":"\\"int\\"","deleted":false}'],
    ['{"keytype":"SCHEMA","subject":"s","version":2,"magic":1}', '{"subject":"s","version":2,"id":2,"metadata":{"tags":{"x":["T"]},"properties":{"confluent:version":"2"}},"ruleSet":{"domainRules":[{"name":"r","kind":"CONDITION","mode":"WRITE","type":"CEL","expr":"true","disabled":false}]},"schema":"\\"int\\"","deleted":false}'],
    ['{"keytype":"CONTEXT","tenant":"default","context":".a","magic":0}', '{"tenant":"default","context":".a"}'],
    ['{"keytype":"SCHEMA","subject":":.a:s","version":3,"magic":1}', '{"subject":":.a:s","version":3,"id":100001,"schemaType":"JSON","references":[],"schema":"{}","deleted":false}'],
    ['{"keytype":"CONTEXT","tenant":"default","context":".gone","magic":0}', '{"tenant":"default","context":".gone"}'],
    ['{"keytype":"CONTEXT","tenant":"default","context":".gone","magic":0}', null],
    ['{"keytype":"CONFIG","subject":null,"magic":0}', '{"compatibilityLevel":"FULL"}'],
    ['{"keytype":"CONFIG","subject":":.a:","magic":0}', '{"subject":":.a:","alias":"x","normalize":true,"compatibilityPolicy":"LOGICAL","compatibilityGroup":"g","overrideMetadata":{"properties":{"o":"p"}}}'],
    ['{"keytype":"MODE","subject":":.a:","magic":0}', '{"subject":":.a:","mode":"IMPORT"}'],
    ['{"keytype":"MODE","subject":"s","magic":0}', '{"mode":"READONLY"}'],
    ['{"keytype":"MODE","subject":"s","magic":0}', null],
    ['{"keytype":"DELETE_SUBJECT","subject":"s","magic":0}', '{"subject":"s","version":1}'],
    ['{"keytype":"SCHEMA","subject":"t","version":1,"magic":1}', '{"subject":"t","version":1,"id":9,"schema":"\\"long\\"","deleted":true}'],
    ['{"keytype":"CLEAR_SUBJECT","subject":"t","magic":0}', '{"subject":"t"}'],
    ['{"keytype":"SCHEMA","subject":"u","version":1,"magic":1}', '{"subject":"u","version":1,"id":10,"schema":"\\"long\\"","deleted":true}'],
  ])
  const { store } = registry
  expect(store.contexts()).toEqual(['.', '.a'])
  expect(store.subjects('all')).toEqual([':.a:s', 's', 'u'])
  expect(store.versions('s', 'all').map(each => [each.version, each.deleted])).toEqual([[1, true], [2, false]])
  expect(store.version('s', 2)).toMatchObject({ metadata: { tags: { x: ['T'] } }, ruleSet: { domainRules: [{ name: 'r' }] }, timestampMs: 7 })
  expect(store.withId(100001, '.a')).toHaveLength(1)
  expect(store.withId(100001)).toEqual([])
  expect([registry.mode('s'), registry.mode(':.a:s')]).toEqual(['READWRITE', 'IMPORT'])
  expect(store.config(':.a:')).toEqual({ alias: 'x', normalize: true, compatibilityGroup: 'g', overrideMetadata: { properties: { o: 'p' } } })
  // The same content under another guid is the same id; ids go on behind the highest there ever was.
  expect(await registry.register('new', { schema: '"int"' }, plain)).toMatchObject({ id: 1 })
  expect(await registry.register('newer', { schema: '"double"' }, plain)).toMatchObject({ id: 11 })
})

test('each kind of change is written in Confluent\'s form, and read again the same', async () => {
  const backend = memoryBackend()
  const registry = await open(backend)
  await registry.register(':.a:s', { schema: '"int"', metadata: { properties: { k: 'v' } } }, plain)
  await registry.updateConfig(':.a:', { normalize: true, compatibilityLevel: 'NONE', defaultMetadata: { sensitive: ['k'] } })
  await registry.deleteSubject(':.a:s', { permanent: false })
  await registry.updateMode(':.a:', 'IMPORT')
  await registry.updateMode(null, 'IMPORT')
  await registry.deleteContext('.a')
  expect(await written(backend)).toEqual([
    ['{"keytype":"CONTEXT","tenant":"default","context":".a","magic":0}', '{"tenant":"default","context":".a"}'],
    ['{"keytype":"SCHEMA","subject":":.a:s","version":1,"magic":1}', '{"subject":":.a:s","version":1,"id":1,"metadata":{"properties":{"k":"v"}},"schema":"\\"int\\"","deleted":false}'],
    ['{"keytype":"CONFIG","subject":":.a:","magic":0}', '{"subject":":.a:","normalize":true,"compatibilityLevel":"NONE","defaultMetadata":{"sensitive":["k"]}}'],
    ['{"keytype":"DELETE_SUBJECT","subject":":.a:s","magic":0}', '{"subject":":.a:s","version":1}'],
    ['{"keytype":"SCHEMA","subject":":.a:s","version":1,"magic":1}', null],
    ['{"keytype":"CLEAR_SUBJECT","subject":":.a:","magic":0}', '{"subject":":.a:"}'],
    ['{"keytype":"MODE","subject":":.a:","magic":0}', '{"subject":":.a:","mode":"IMPORT"}'],
    ['{"keytype":"CLEAR_SUBJECT","magic":0}', '{}'],
    ['{"keytype":"MODE","subject":null,"magic":0}', '{"mode":"IMPORT"}'],
    ['{"keytype":"CONTEXT","tenant":"default","context":".a","magic":0}', null],
    ['{"keytype":"CONFIG","subject":":.a:","magic":0}', null],
    ['{"keytype":"MODE","subject":":.a:","magic":0}', null],
  ])
  const again = await open(backend)
  expect([again.store.contexts(), again.store.subjects('all'), again.mode(null), again.store.highestIdIn('.a')]).toEqual([['.'], [], 'IMPORT', 1])
})
