// A registry of many subjects and of many clients: nothing in it may walk through all of them for each.
import { performance } from 'node:perf_hooks'
import request from 'supertest'
import { expect, test } from 'vitest'
import { RegistryRefusal } from '../../src/registry/errors.ts'
import { openRegistry } from '../../src/registry/registry.ts'
import { type SchemaVersion, Store } from '../../src/registry/store.ts'
import { memoryBackend } from '../support/memory-backend.ts'
import { registryApp, silent } from '../support/registry-app.ts'

const count = 20_000

function version(at: number, more: Partial<SchemaVersion> = {}): SchemaVersion {
  return {
    subject: `subject-${at}`, version: 1, id: at + 1, guid: `guid-${at}`, schemaType: 'AVRO', schema: '"int"', references: [], metadata: undefined, ruleSet: undefined,
    deleted: false, timestampMs: 0, ...more,
  }
}

test('20,000 subjects are registered and listed in seconds', async () => {
  const { app, registry } = await registryApp()
  const startedAt = performance.now()
  for (let from = 0; from < count; from += 500) {
    await Promise.all(Array.from({ length: 500 }, (_, at) => {
      const schema = JSON.stringify({ type: 'record', name: `R${from + at}`, fields: [{ name: 'id', type: 'string' }] })
      return registry.register(`subject-${from + at}`, { schema }, { normalize: undefined })
    }))
  }
  const listedAt = performance.now()
  const { body } = await request(app).get('/subjects').expect(200)
  expect(body).toHaveLength(count)
  const { body: page } = await request(app).get('/subjects?offset=19990').expect(200)
  expect(page).toHaveLength(10)
  const { body: schemas } = await request(app).get('/schemas?latestOnly=true&offset=19000').expect(200)
  expect(schemas).toHaveLength(1_000)
  console.log(`20,000 subjects: registered in ${Math.round(listedAt - startedAt)} ms, listed three times in ${Math.round(performance.now() - listedAt)} ms`)
  // Ten times what it takes here; a walk through all subjects for each would take minutes.
  expect(performance.now() - startedAt).toBeLessThan(60_000)
}, 120_000)

test('100 concurrent registrations of one schema give one id and one version', async () => {
  const backend = memoryBackend()
  const registry = await openRegistry({ logs: backend.logs, admin: backend.admin, clock: { now: () => 0 }, logger: silent })
  const answers = await Promise.all(Array.from({ length: 100 }, () => registry.register('s', { schema: '"int"' }, { normalize: undefined })))
  expect(new Set(answers.map(each => (each instanceof RegistryRefusal ? each.message : `${each.id} ${each.version}`)))).toEqual(new Set(['1 1']))
  expect(registry.store.versions('s', 'all')).toHaveLength(1)
})

test('a store answers from indexes: one id of 20,000 subjects, all of which refer to one, deleted and brought back', () => {
  const store = new Store()
  const startedAt = performance.now()
  const references = [{ name: 'base', subject: 'base', version: 1 }]
  for (let at = 0; at < count; at++) store.apply({ type: 'schema', subject: `subject-${at}`, version: 1, value: version(at, { id: 1, guid: 'same', references }) })
  expect(store.referrers('base', 1, 'live')).toHaveLength(count)
  for (let at = 0; at < count; at++) store.apply({ type: 'delete-subject', subject: `subject-${at}`, version: 1 })
  expect([store.referrers('base', 1, 'live').length, store.withId(1).length, store.subjects('live').length, store.subjects('deleted').length]).toEqual([0, count, 0, count])
  for (let at = 0; at < count; at++) store.apply({ type: 'schema', subject: `subject-${at}`, version: 1, value: null })
  expect([store.withId(1), store.idOf('same', 'AVRO'), store.highestId, store.subjects('all')]).toEqual([[], undefined, 1, []])
  expect(performance.now() - startedAt).toBeLessThan(30_000)
})

test('versions of a subject are found by number where some are missing, and stay in their order', () => {
  const store = new Store()
  for (const number of [7, 2, 9, 3]) store.apply({ type: 'schema', subject: 's', version: number, value: version(0, { subject: 's', version: number, id: number, guid: `${number}` }) })
  expect(store.versions('s', 'all').map(each => each.version)).toEqual([2, 3, 7, 9])
  expect([1, 2, 3, 4, 7, 8, 9, 10].map(number => store.version('s', number)?.id)).toEqual([undefined, 2, 3, undefined, 7, undefined, 9, undefined])
  expect(store.latest('s')?.version).toBe(9)
})
