import { describe, expect, it } from 'vitest'
import type { Document, Topic } from '../../../src/ports.ts'
import { code, open, replayed } from './open-catalog.ts'

const facts: Omit<Document, 'version'> = { kind: 'kinesis-stream', key: 'orders', value: '{"mode":"ON_DEMAND"}', topicId: null }

describe('documents', () => {
  it('are there after a restart as they were changed last', async () => {
    const { submit, log, create } = await open()
    const { id } = await create('orders') as Topic
    await submit({ type: 'put-document', document: facts, ifVersion: 0 })
    await submit({ type: 'put-document', document: { ...facts, value: '{}', topicId: id }, ifVersion: 1 })
    await submit({ type: 'put-document', document: { ...facts, kind: 'kms-key' }, ifVersion: 0 })
    await submit({ type: 'remove-document', kind: 'kms-key', key: 'orders', ifVersion: 1 })
    const { documents } = await replayed(log)
    expect([...documents]).toEqual([{ ...facts, value: '{}', topicId: id, version: 2 }])
  })

  it('are all in a snapshot', async () => {
    const { submit, log, runtime } = await open({ snapshotRecordsMin: 20 })
    for (let nth = 0; nth < 3; nth++) await submit({ type: 'put-document', document: { ...facts, key: `k${nth}` }, ifVersion: 0 })
    for (let version = 1; version < 80; version++) await submit({ type: 'put-document', document: { ...facts, key: 'k1', value: String(version) }, ifVersion: version })
    await runtime.close()
    expect(log.startOffset).toBeGreaterThan(0)
    expect((await replayed(log)).documents.all('kinesis-stream').map(({ key, version }) => `${key} ${version}`)).toEqual(['k0 1', 'k1 80', 'k2 1'])
  })

  it('go with their topic, by its id', async () => {
    const { submit, catalog, create, log } = await open()
    const { id } = await create('orders') as Topic
    await submit({ type: 'put-document', document: { ...facts, topicId: id }, ifVersion: 0 })
    await submit({ type: 'delete-topic', name: 'orders' })
    expect(catalog.documents.size).toBe(0)
    expect((await replayed(log)).documents.size).toBe(0)
    await create('orders')
    expect(await submit({ type: 'put-document', document: { ...facts, topicId: id }, ifVersion: 0 })).toEqual(code('unknown-topic-id'))
  })

  it('that nobody has are removed without a record', async () => {
    const { submit, log } = await open()
    const before = log.records.length
    expect(await submit({ type: 'remove-document', kind: 'kms-key', key: 'none', ifVersion: 0 })).toBeNull()
    expect(log.records.length).toBe(before)
  })
})
