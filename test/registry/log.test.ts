// The _schemas topic: Confluent's records, everything there again after a restart, and ids that never come twice, whatever becomes of a write.
import { describe, expect, test } from 'vitest'
import { type Backend, Refusal } from '../../src/ports.ts'
import { openRegistry, type Registry } from '../../src/registry/registry.ts'
import { RegistryRefusal } from '../../src/registry/errors.ts'
import { buildBatch } from '../../src/wire/batch.ts'
import { memoryBackend } from '../support/memory-backend.ts'
import { silent } from '../support/registry-app.ts'

const at = { topic: '_schemas', partition: 0 }
const open = (backend: Backend): Promise<Registry> => openRegistry({ logs: backend.logs, admin: backend.admin, clock: { now: () => 1_700_000_000_000 }, logger: silent })
const plain = { normalize: undefined }

async function records(backend: Backend): Promise<[string, string | null][]> {
  const slice = await backend.logs.read(at, 0, { bytesMax: 1 << 20, atLeastOne: true, committedOnly: true })
  if (slice instanceof Refusal) throw new Error(slice.message)
  return slice.batches.flatMap(batch => batch.records()).map(record => [String(record.key), record.value === null ? null : String(record.value)])
}

test('records are Confluent\'s, members in its order', async () => {
  const backend = memoryBackend()
  const registry = await open(backend)
  await registry.register('s-value', { schema: '{"type":"string"}' }, plain)
  await registry.register('j-value', { schema: '{"type":"object"}', schemaType: 'JSON', references: [] }, plain)
  await registry.updateConfig(null, { compatibilityLevel: 'FULL' })
  await registry.updateConfig('s-value', { compatibilityLevel: 'NONE' })
  await registry.updateMode('s-value', 'READWRITE')
  await registry.deleteSubject('s-value', { permanent: false })
  await registry.deleteSubject('s-value', { permanent: true })
  expect(await records(backend)).toEqual([
    ['{"keytype":"SCHEMA","subject":"s-value","version":1,"magic":1}', '{"subject":"s-value","version":1,"id":1,"schema":"\\"string\\"","deleted":false}'],
    ['{"keytype":"SCHEMA","subject":"j-value","version":1,"magic":1}', '{"subject":"j-value","version":1,"id":2,"schemaType":"JSON","schema":"{\\"type\\":\\"object\\"}","deleted":false}'],
    ['{"keytype":"CONFIG","subject":null,"magic":0}', '{"compatibilityLevel":"FULL"}'],
    ['{"keytype":"CONFIG","subject":"s-value","magic":0}', '{"subject":"s-value","compatibilityLevel":"NONE"}'],
    ['{"keytype":"MODE","subject":"s-value","magic":0}', '{"subject":"s-value","mode":"READWRITE"}'],
    ['{"keytype":"DELETE_SUBJECT","subject":"s-value","magic":0}', '{"subject":"s-value","version":1}'],
    ['{"keytype":"SCHEMA","subject":"s-value","version":1,"magic":1}', null],
    ['{"keytype":"CONFIG","subject":"s-value","magic":0}', null],
    ['{"keytype":"MODE","subject":"s-value","magic":0}', null],
  ])
})

test('a restart finds everything again, and gives no id twice, not even of what was deleted for good', async () => {
  const backend = memoryBackend()
  const first = await open(backend)
  await first.register('a', { schema: '"int"' }, plain)
  await first.register('b', { schema: '"long"' }, plain)
  await first.updateConfig('a', { compatibilityLevel: 'FULL' })
  await first.deleteSubject('b', { permanent: false })
  await first.deleteSubject('b', { permanent: true })
  const second = await open(backend)
  expect(second.store.subjects('all')).toEqual(['a'])
  expect(second.effectiveConfig('a').compatibilityLevel).toBe('FULL')
  expect(await second.register('c', { schema: '"double"' }, plain)).toMatchObject({ id: 3, version: 1 })
  expect(await second.register('b', { schema: '"long"' }, plain)).toMatchObject({ id: 4 })
})

test('records of another registry are read, and what is no record of a registry is passed over', async () => {
  const backend = memoryBackend()
  await open(backend)
  const record = (key: string, value: string | null): { key: Buffer; value: Buffer | null } => ({ key: Buffer.from(key), value: value === null ? null : Buffer.from(value) })
  const batch = buildBatch([
    record('{"keytype":"NOOP","magic":0}', null),
    record('not json', '{}'),
    record('{"keytype":"SCHEMA","subject":"p","version":1,"magic":1}', '{"subject":"p","version":1,"id":7,"schemaType":"PROTOBUF","schema":"syntax = \\"proto3\\";","deleted":false}'),
    record('{"keytype":"SCHEMA","subject":"q","version":1,"magic":1}', '{"id":"seven"}'),
    record('{"keytype":"SCHEMA","subject":"m","version":1,"magic":1}', '{"subject":"m","version":1,"id":8,"schema":"\\"int\\"","metadata":{"tags":{"x":3},"properties":7},"references":"none"}'),
    record('{"keytype":"CONFIG","subject":null,"magic":0}', '{"compatibilityLevel":"NONE","alias":"x"}'),
    record('{"keytype":"CONTEXT","magic":0}', '{}'),
  ], { timestampMs: 1 })
  await backend.logs.append(at, batch, { acks: 'all', timeoutMs: 1000, internal: true })
  const registry = await open(backend)
  expect(registry.store.subjects('live')).toEqual(['m', 'p'])
  expect(registry.store.withId(7)).toMatchObject([{ schemaType: 'PROTOBUF' }])
  expect(registry.effectiveConfig(null).compatibilityLevel).toBe('NONE')
  expect(await registry.register('n', { schema: '"int"' }, plain)).toMatchObject({ id: 8 })
})

test('a schema of nearly 1 MiB whose text JSON makes twice as long is kept, and so are changes of thousands of subjects at once', async () => {
  const backend = memoryBackend()
  const registry = await open(backend)
  const schema = JSON.stringify({ type: 'record', name: 'R', doc: '"'.repeat(500_000), fields: [] })
  expect(await registry.register('large', { schema }, plain)).toMatchObject({ id: 1 })
  const subjects = Array.from({ length: 6_000 }, (_, at) => `${at}`.padStart(250, 's'))
  for (let from = 0; from < subjects.length; from += 1_000) {
    const some = subjects.slice(from, from + 1_000)
    await Promise.all(some.map(subject => registry.register(subject, { schema: '"int"' }, plain)))
    await Promise.all(some.map(subject => registry.deleteSubject(subject, { permanent: false })))
  }
  await registry.deleteSubject('large', { permanent: false })
  expect(registry.store.subjects('deleted')).toHaveLength(6_001)
  expect(await registry.updateMode(null, 'IMPORT')).toBe('IMPORT')
  const again = await open(backend)
  expect([again.store.subjects('all'), again.store.highestId, again.mode('s')]).toEqual([[], 2, 'IMPORT'])
})

describe('a write that fails', () => {
  test('changes nothing, and the next one goes on from there', async () => {
    const backend = memoryBackend()
    let failing = false
    const logs = { ...backend.logs, append: async (...args: Parameters<Backend['logs']['append']>) => failing ? new Refusal('not-enough-replicas', 'one of two') : backend.logs.append(...args) }
    const registry = await open({ ...backend, logs })
    failing = true
    expect(await registry.register('a', { schema: '"int"' }, plain)).toMatchObject({ status: 500, code: 50001, message: 'Error in the backend data store: one of two' })
    expect(registry.store.subjects('all')).toEqual([])
    failing = false
    expect(await registry.register('a', { schema: '"int"' }, plain)).toMatchObject({ id: 1 })
  })

  test('but had reached the log is found before the next is decided: its id is not given again', async () => {
    const backend = memoryBackend()
    let losing = false
    const logs = {
      ...backend.logs,
      append: async (...args: Parameters<Backend['logs']['append']>) => {
        const appended = await backend.logs.append(...args)
        return losing ? new Refusal('request-timed-out', 'no answer') : appended
      },
    }
    const registry = await open({ ...backend, logs })
    losing = true
    expect(await registry.register('a', { schema: '"int"' }, plain)).toMatchObject({ status: 500, code: 50002 })
    losing = false
    expect(await registry.register('b', { schema: '"long"' }, plain)).toMatchObject({ id: 2 })
    expect(registry.store.version('a', 1)).toMatchObject({ id: 1 })
  })
})

test('a hundred clients at once get one id per schema, and no two schemas one id', async () => {
  const registry = await open(memoryBackend())
  const answers = await Promise.all(Array.from({ length: 100 }, (_, index) => registry.register(`s${index % 20}`, { schema: JSON.stringify({ type: 'fixed', name: 'F', size: 1 + (index % 20) }) }, plain)))
  const ids = answers.map(answer => { if (answer instanceof RegistryRefusal) throw new Error(answer.message); return `${answer.subject} ${answer.id}` })
  expect(new Set(ids).size).toBe(20)
  expect(new Set(ids.map(each => each.split(' ')[1])).size).toBe(20)
})

test('more waiting writes than the bound are refused', async () => {
  const registry = await open(memoryBackend())
  const answers = await Promise.all(Array.from({ length: 1_100 }, (_, index) => registry.updateConfig(`s${index}`, { normalize: true })))
  expect(answers.filter(answer => answer instanceof RegistryRefusal)).toHaveLength(100)
})
