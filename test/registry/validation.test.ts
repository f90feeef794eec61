// The validation policy: what a topic's settings make of keys and values, with the part, the pointer and the reason of each fault.
import { describe, expect, test } from 'vitest'
import { Prng } from '../../src/base/prng.ts'
import type { RecordFault, Topic } from '../../src/ports.ts'
import { framePrefix } from '../../src/registry/framing.ts'
import { RegistryRefusal } from '../../src/registry/errors.ts'
import { InvalidSchema } from '../../src/registry/errors.ts'
import { buildBatch } from '../../src/wire/batch.ts'
import type { Registry } from '../../src/registry/registry.ts'
import { parseStrategy } from '../../src/registry/subjects.ts'
import type { SchemaValidation } from '../../src/registry/validation.ts'
import { memoryBackend } from '../support/memory-backend.ts'
import { registryApp } from '../support/registry-app.ts'
import { seed } from '../support/seed.ts'
import { schemaValidation } from '../support/validation.ts'

const topic = (configs: Record<string, string>): Topic => ({ name: 'orders', id: '00000000-0000-4000-8000-000000000001', internal: false, createdAtMs: 0, partitions: [], configs: new Map(Object.entries(configs)) })
const byId = topic({ 'confluent.value.schema.validation': 'true' })
const byPayload = topic({ 'confluent.value.schema.validation': 'true', 'sluice.validation.mode': 'payload' })
const byRecord = topic({ 'confluent.value.schema.validation': 'true', 'sluice.validation.mode': 'payload', 'confluent.value.subject.name.strategy': 'TopicRecordNameStrategy' })
const avro = JSON.stringify({ type: 'record', name: 'Order', namespace: 'shop', fields: [{ name: 'id', type: 'string' }, { name: 'n', type: 'int' }] })
const json = JSON.stringify({ title: 'Payment', type: 'object', properties: { amount: { type: 'number' } } })

const validationOf = (registry: Registry): SchemaValidation => schemaValidation(registry, memoryBackend())

async function registered(subjects: Record<string, { schema: string; schemaType?: string }>): Promise<{ registry: Registry; ids: Record<string, number> }> {
  const { registry } = await registryApp()
  const ids: Record<string, number> = {}
  for (const [subject, schema] of Object.entries(subjects)) {
    const version = await registry.register(subject, schema, { normalize: undefined })
    if (version instanceof RegistryRefusal) throw new Error(version.message)
    ids[subject] = version.id
  }
  return { registry, ids }
}

function encoded(registry: Registry, id: number, value: unknown): Buffer {
  const codec = registry.payloadCodec(id)
  if (codec instanceof InvalidSchema) throw codec
  return Buffer.concat([framePrefix(id), codec.encode(value, Buffer.from(JSON.stringify(value))) as Buffer])
}

const verdict = async (registry: Registry, of: Topic, value: Buffer | null, key: Buffer | null = null): Promise<RecordFault | null | undefined> => {
  const [fault] = await validationOf(registry).check(of, [{ key, value }], 'kafka')
  return fault && { part: fault.part, pointer: fault.pointer, reason: fault.reason }
}

test('a topic without validation is not looked at', async () => {
  const { registry } = await registered({})
  expect(validationOf(registry).appliesTo(topic({}))).toBe(false)
  expect(validationOf(registry).appliesTo(topic({ 'confluent.key.schema.validation': 'false' }))).toBe(false)
  expect(validationOf(registry).appliesTo(byId)).toBe(true)
})

describe('by id', () => {
  test('passes what names a schema of the subject, whatever follows, and null', async () => {
    const { registry, ids } = await registered({ 'orders-value': { schema: avro } })
    expect(await verdict(registry, byId, Buffer.concat([framePrefix(ids['orders-value']!), Buffer.from('anything')]))).toBeNull()
    expect(await verdict(registry, byId, null)).toBeNull()
  })

  test.each<[string, Buffer, RegExp]>([
    ['no bytes', Buffer.alloc(0), /too short/],
    ['plain JSON', Buffer.from('{"id":1}'), /missing magic byte: the first byte is 123/],
    ['an unknown id', framePrefix(99), /schema 99 is not known/],
    ['a negative id', framePrefix(-1), /schema -1 is not known/],
    ['another subject', framePrefix(2), /schema 2 does not belong to subject 'orders-value'/],
  ])('refuses %s', async (_what, value, reason) => {
    const { registry } = await registered({ 'orders-value': { schema: avro }, 'payments-value': { schema: json, schemaType: 'JSON' } })
    expect(await verdict(registry, byId, value)).toEqual({ part: 'value', pointer: '', reason: expect.stringMatching(reason) as string })
  })

  test('each record has its own verdict, not that of the last one', async () => {
    const { registry, ids } = await registered({ 'orders-value': { schema: avro } })
    const good = framePrefix(ids['orders-value']!)
    const faults = await validationOf(registry).check(byId, [good, Buffer.from('x'), good].map(value => ({ key: null, value })), 'kafka')
    expect(faults.map(fault => fault === null)).toEqual([true, false, true])
  })

  test('a schema that was deleted since is still one of the subject', async () => {
    const { registry, ids } = await registered({ 'orders-value': { schema: avro } })
    await registry.deleteSubject('orders-value', { permanent: false })
    expect(await verdict(registry, byId, framePrefix(ids['orders-value']!))).toBeNull()
  })

  test('keys have a switch and a subject of their own', async () => {
    const { registry, ids } = await registered({ 'orders-key': { schema: '"string"' }, 'orders-value': { schema: avro } })
    const both = topic({ 'confluent.value.schema.validation': 'true', 'confluent.key.schema.validation': 'true' })
    expect(await verdict(registry, both, framePrefix(ids['orders-value']!), framePrefix(ids['orders-key']!))).toBeNull()
    expect(await verdict(registry, both, framePrefix(ids['orders-value']!), framePrefix(ids['orders-value']!))).toMatchObject({ part: 'key' })
    expect(await verdict(registry, byId, framePrefix(ids['orders-value']!), Buffer.from('plain'))).toBeNull()
  })

  test.each([
    ['RecordName', 'shop.Order'],
    ['io.confluent.kafka.serializers.subject.RecordNameStrategy', 'shop.Order'],
    ['TopicRecordName', 'orders-shop.Order'],
    ['io.confluent.kafka.serializers.subject.TopicNameStrategy', 'orders-value'],
  ])('the strategy %s finds the subject %s', async (strategy, subject) => {
    const { registry, ids } = await registered({ [subject]: { schema: avro } })
    const strict = topic({ 'confluent.value.schema.validation': 'true', 'confluent.value.subject.name.strategy': strategy })
    expect(await verdict(registry, strict, framePrefix(ids[subject]!))).toBeNull()
    expect(parseStrategy('NoSuchStrategy')).toBeUndefined()
  })
})

test('by an association where the topic has one, else by its name', async () => {
  const { registry, ids } = await registered({ 'orders-value': { schema: avro }, 'shared-orders': { schema: json, schemaType: 'JSON' } })
  const strict = topic({ 'confluent.value.schema.validation': 'true', 'confluent.value.subject.name.strategy': 'io.confluent.kafka.serializers.subject.AssociatedNameStrategy' })
  const [named, shared] = [framePrefix(ids['orders-value']!), framePrefix(ids['shared-orders']!)]
  expect(await verdict(registry, strict, named)).toBeNull()
  expect(await verdict(registry, strict, shared)).toMatchObject({ reason: `schema ${ids['shared-orders']} does not belong to subject 'orders-value'` })
  const wanted = [{ subject: 'shared-orders', associationType: 'value', lifecycle: 'WEAK', frozen: undefined, schema: undefined, normalize: undefined }] as const
  const resource = { resourceName: 'orders', resourceNamespace: registry.clusterId, resourceId: 'orders-id' }
  expect(await registry.associate(resource, wanted, { create: true, contextPrefix: '', dryRun: false, guid: () => '00000000-0000-4000-8000-00000000000a' })).toHaveLength(1)
  expect(await verdict(registry, strict, shared)).toBeNull()
  expect(await verdict(registry, strict, named)).toMatchObject({ reason: `schema ${ids['orders-value']} does not belong to subject 'shared-orders'` })
})

test('by the batch it says the same as by the record', async () => {
  const { registry, ids } = await registered({ 'orders-key': { schema: '"string"' }, 'orders-value': { schema: avro } })
  const both = topic({ 'confluent.value.schema.validation': 'true', 'confluent.key.schema.validation': 'true', 'sluice.validation.mode': 'payload' })
  const [key, value] = [encoded(registry, ids['orders-key']!, 'k'), encoded(registry, ids['orders-value']!, { id: 'a', n: 1 })]
  const headers = [{ key: '__value_schema_id', value: Buffer.from('01', 'hex') }]
  const records = [{ key, value }, { key: value, value }, { key: null, value: null }, { key, value: Buffer.from('x') }, { key, value, headers }, { key, value }, { key: Buffer.alloc(0), value: Buffer.alloc(0) }]
  for (const codec of ['none', 'zstd'] as const) {
    for (const of of [both, byId, byPayload]) {
      const validation = validationOf(registry)
      const byRecord = (await validation.check(of, records, 'kafka')).flatMap((fault, index) => (fault === null ? [] : [{ index, fault }]))
      expect(await validation.checkBatch(of, buildBatch(records, { timestampMs: 0, codec }), 'kafka')).toEqual(byRecord)
      expect(byRecord.length).toBeGreaterThan(1)
      expect(validation.counts.get('orders kafka rejected')).toBe(2 * byRecord.length)
    }
  }
})

describe('by payload', () => {
  test('passes Avro and JSON that fit', async () => {
    const { registry, ids } = await registered({ 'orders-value': { schema: avro } })
    expect(await verdict(registry, byPayload, encoded(registry, ids['orders-value']!, { id: 'a', n: 1 }))).toBeNull()
    const other = await registered({ 'orders-value': { schema: json, schemaType: 'JSON' } })
    expect(await verdict(other.registry, byPayload, encoded(other.registry, other.ids['orders-value']!, { amount: 1 }))).toBeNull()
  })

  test('says where Avro data is at fault', async () => {
    const { registry, ids } = await registered({ 'orders-value': { schema: avro } })
    const prefix = framePrefix(ids['orders-value']!)
    expect(await verdict(registry, byPayload, Buffer.concat([prefix, Buffer.from('0261', 'hex')]))).toEqual({ part: 'value', pointer: '/n', reason: 'is not an int: longer than 32 bits, or cut off' })
    expect(await verdict(registry, byPayload, Buffer.concat([prefix, Buffer.from('02610200', 'hex')]))).toEqual({ part: 'value', pointer: '', reason: '1 bytes follow the end of the value' })
  })

  test('says where JSON is at fault, and does not quote what is none', async () => {
    const { registry, ids } = await registered({ 'orders-value': { schema: json, schemaType: 'JSON' } })
    const prefix = framePrefix(ids['orders-value']!)
    expect(await verdict(registry, byPayload, Buffer.concat([prefix, Buffer.from('{"amount":"1"}')]))).toEqual({ part: 'value', pointer: '/amount', reason: 'must be number' })
    const broken = await verdict(registry, byPayload, Buffer.concat([prefix, Buffer.from('secret stuff')]))
    expect(broken).toEqual({ part: 'value', pointer: '', reason: expect.stringMatching(/^is not JSON/) as string })
    expect(broken!.reason).not.toContain('secret')
    const deep = await verdict(registry, byPayload, Buffer.concat([prefix, Buffer.from(`${'['.repeat(100_000)}${']'.repeat(100_000)}`)]))
    expect(deep).toEqual({ part: 'value', pointer: '', reason: 'is nested more than 64 deep' })
  })

  test('says the same of records in a batch as of each by itself, on random good and damaged ones of every language', async () => {
    const proto = 'syntax = "proto3"; message Order { string id = 1; int32 n = 2; }'
    const { registry, ids } = await registered({
      'orders-value': { schema: avro }, 'orders-Payment': { schema: json, schemaType: 'JSON' }, 'orders-Order': { schema: proto, schemaType: 'PROTOBUF' },
    })
    // Every schema is one of some subject of the topic's: the strategies differ in nothing else here.
    const of = { 'orders-value': byPayload, 'orders-Payment': byRecord, 'orders-Order': byRecord }
    const random = new Prng(seed)
    const counts = { fit: 0, refused: 0 }
    for (const [subject, on] of Object.entries(of)) {
      const good = encoded(registry, ids[subject]!, { 'orders-Payment': { amount: 1.5, note: 'ä "\\u0041" \\' } }[subject] ?? { id: 'ab', n: 7 })
      for (let round = 0; round < 40; round++) {
        const records = Array.from({ length: 1 + random.below(12) }, () => ({ key: null, value: damaged(random, good), headers: [] }))
        const alone = await validationOf(registry).check(on, records, 'kafka')
        const faults = alone.flatMap((fault, index) => (fault === null ? [] : [{ index, fault }]))
        expect(await validationOf(registry).checkBatch(on, buildBatch(records, { timestampMs: 0 }), 'kafka'), `${subject}, seed ${seed}`).toEqual(faults)
        counts.refused += faults.length
        counts.fit += records.length - faults.length
      }
    }
    expect(Math.min(counts.fit, counts.refused)).toBeGreaterThan(100)
  })
})

/** Often the bytes themselves; else null, cut short, drawn out, or with one byte changed, the frame's own among them. */
function damaged(random: Prng, good: Buffer): Buffer | null {
  const bytes = Buffer.from(good)
  switch (random.below(8)) {
    case 0: return null
    case 1: return bytes.subarray(0, random.below(bytes.length))
    case 2: return Buffer.concat([bytes, Buffer.from([random.below(256)])])
    case 3: case 4:
      bytes[random.below(bytes.length)] = random.below(256)
      return bytes
    default: return bytes
  }
}

describe('AssociatedName', () => {
  const byAssociation = topic({ 'confluent.value.schema.validation': 'true', 'confluent.value.subject.name.strategy': 'io.confluent.kafka.serializers.subject.AssociatedNameStrategy' })
  const resource = { resourceName: 'orders', resourceNamespace: 'lkc-1', resourceId: 'id-1' }
  const wanted = { associationType: 'value', lifecycle: undefined, frozen: undefined, normalize: undefined } as const
  const how = { create: true, contextPrefix: '', dryRun: false, guid: () => 'a guid' }

  test('asks for a schema of the associated subject; without one, of the topic\'s own', async () => {
    const { registry, ids } = await registered({ 'orders-value': { schema: avro }, 'shared': { schema: json, schemaType: 'JSON' } })
    const own = framePrefix(ids['orders-value']!)
    const shared = framePrefix(ids['shared']!)
    expect(await verdict(registry, byAssociation, own)).toBeNull()
    expect(await verdict(registry, byAssociation, shared)).toMatchObject({ reason: expect.stringContaining('does not belong to subject \'orders-value\'') })
    await registry.associate(resource, [{ ...wanted, subject: 'shared', schema: undefined }], how)
    expect(await verdict(registry, byAssociation, shared)).toBeNull()
    expect(await verdict(registry, byAssociation, own)).toMatchObject({ reason: expect.stringContaining('does not belong to subject \'shared\'') })
    expect(await verdict(registry, byId, own)).toBeNull()
  })

  test('an association with another context\'s subject lets nothing in that would be read by other ids', async () => {
    const { registry, ids } = await registered({ 'orders-value': { schema: avro } })
    await registry.associate(resource, [{ ...wanted, subject: undefined, schema: { schema: avro } }], how)
    expect(registry.subjectByAssociation('orders', 'value')).toBe(':.lkc-1:orders-value')
    expect(await verdict(registry, byAssociation, framePrefix(ids['orders-value']!))).toMatchObject({ reason: 'subject \':.lkc-1:orders-value\' is of another context than the ids of records' })
  })
})
