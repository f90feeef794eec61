// How keys and values name their schema: each framing, what is wrong with one that is none, and what the policy makes of the schemas that they name.
import { deflateSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { uvarintSize, writeUvarint } from '../../src/base/varint.ts'
import type { RecordParts, Topic } from '../../src/ports.ts'
import { RegistryRefusal } from '../../src/registry/errors.ts'
import { framePrefix, readFrame } from '../../src/registry/framing.ts'
import { glueVersionId } from '../../src/registry/glue/version-ids.ts'
import { writeMessageIndexes } from '../../src/registry/protobuf/message-indexes.ts'
import type { Registry } from '../../src/registry/registry.ts'
import type { SchemaVersion } from '../../src/registry/store.ts'
import { memoryBackend } from '../support/memory-backend.ts'
import { registryApp } from '../support/registry-app.ts'
import { schemaValidation } from '../support/validation.ts'

const guid = '00112233-4455-6677-8899-aabbccddeeff'
const uuidBytes = (uuid: string): Buffer => Buffer.from(uuid.replaceAll('-', ''), 'hex')
const payload = Buffer.from('payload')
const glue = (uuid: string, body: Buffer, compression = 0): Buffer => Buffer.concat([Buffer.of(3, compression), uuidBytes(uuid), compression === 5 ? deflateSync(body) : body])

describe('a frame', () => {
  const rest = (bytes: Buffer, headers?: RecordParts['headers']): unknown => {
    const frame = readFrame(bytes, 'value', headers)
    return typeof frame === 'string' ? frame : [frame.schema, frame.bytes.subarray(frame.from).toString(), frame.indexes?.toString('hex')]
  }
  const header = (value: Buffer | null, key = '__value_schema_id') => [{ key: 'other', value: null }, { key, value }]

  test.each<[string, Buffer, RecordParts['headers'], unknown]>([
    ['an id before the payload', Buffer.concat([framePrefix(7), payload]), undefined, [{ kind: 'id', id: 7 }, 'payload', undefined]],
    ['a GUID before the payload', Buffer.concat([Buffer.of(1), uuidBytes(guid), payload]), undefined, [{ kind: 'guid', guid }, 'payload', undefined]],
    ['a GUID in the header', payload, header(Buffer.concat([Buffer.of(1), uuidBytes(guid)])), [{ kind: 'guid', guid }, 'payload', undefined]],
    ['a GUID and message indexes in the header', payload, header(Buffer.concat([Buffer.of(1), uuidBytes(guid), Buffer.of(4, 2, 0)])), [{ kind: 'guid', guid }, 'payload', '040200']],
    ['an id in the header', payload, header(framePrefix(7)), [{ kind: 'id', id: 7 }, 'payload', undefined]],
    ['a header before a prefix', Buffer.concat([framePrefix(7), payload]), header(framePrefix(8)), [{ kind: 'id', id: 8 }, '\0\0\0\0\u0007payload', undefined]],
    ['the key\'s header is not the value\'s', Buffer.concat([framePrefix(7), payload]), header(framePrefix(8), '__key_schema_id'), [{ kind: 'id', id: 7 }, 'payload', undefined]],
    ['Glue\'s', glue(guid, payload), undefined, [{ kind: 'glue', version: guid }, 'payload', undefined]],
    ['Glue\'s, compressed', glue(guid, payload, 5), undefined, [{ kind: 'glue', version: guid }, 'payload', undefined]],
    ['nothing', Buffer.alloc(0), undefined, '0 bytes are too short for a schema id (magic byte 0 and 4 bytes)'],
    ['another byte', Buffer.from('{"n":1}'), undefined, 'missing magic byte: the first byte is 123, not 0'],
    ['a cut GUID', Buffer.of(1, 2, 3), undefined, '3 bytes are too short for a schema GUID (magic byte 1 and 16 bytes)'],
    ['a cut Glue header', Buffer.of(3, 0, 1), undefined, '3 bytes are too short for Glue\'s header (18 bytes)'],
    ['a compression that Glue has not', glue(guid, payload, 4), undefined, 'Glue\'s header has compression 4; 0 (none) and 5 (zlib) are known'],
    ['compressed bytes that are none', Buffer.concat([Buffer.of(3, 5), uuidBytes(guid), payload]), undefined, 'zlib data of 7 bytes does not decompress within 33554432 bytes'],
    ['an empty header', payload, header(Buffer.alloc(0)), 'header __value_schema_id holds no schema: magic byte 1 and 16 bytes, or 0 and 4 bytes'],
    ['a null header', payload, header(null), 'header __value_schema_id holds no schema: magic byte 1 and 16 bytes, or 0 and 4 bytes'],
  ])('%s', (_what, bytes, headers, expected) => expect(rest(bytes, headers)).toEqual(expected))

  test('of compressed bytes that burst is refused', () => {
    expect(rest(glue(guid, Buffer.alloc(40 * 1024 * 1024), 5))).toMatch(/^zlib data of \d+ bytes does not decompress within 33554432 bytes$/)
  })
})

describe('the policy', () => {
  const topic = (mode: string): Topic => ({
    name: 'orders', id: '00000000-0000-4000-8000-000000000001', internal: false, createdAtMs: 0, partitions: [],
    configs: new Map([['confluent.value.schema.validation', 'true'], ['sluice.validation.mode', mode]]),
  })
  const proto = 'syntax = "proto3"; package shop; message Zebra { message Inner { int32 n = 1; } string a = 1; } message Apple { int32 n = 1; }'
  const json = JSON.stringify({ type: 'object', properties: { n: { type: 'number' } } })

  async function registered(subject: string, schema: string, schemaType: string): Promise<{ registry: Registry; version: SchemaVersion }> {
    const { registry } = await registryApp()
    const version = await registry.register(subject, { schema, schemaType }, { normalize: undefined })
    if (version instanceof RegistryRefusal) throw new Error(version.message)
    return { registry, version }
  }
  const judge = async (registry: Registry, value: Buffer, { mode = 'payload', headers = [] }: { mode?: string; headers?: NonNullable<RecordParts['headers']> } = {}): Promise<string | null> => {
    const [fault] = await schemaValidation(registry, memoryBackend()).check(topic(mode), [{ key: null, value, headers }], 'kafka')
    return fault == null ? null : `${fault.schema ?? '-'} ${fault.pointer}: ${fault.reason}`
  }

  test('knows a schema by its id, its GUID and Glue\'s id, and judges the payload behind each', async () => {
    const { registry, version } = await registered('orders-value', json, 'JSON')
    const [good, bad] = [Buffer.from('{"n":1}'), Buffer.from('{"n":"1"}')]
    const guidFrame = Buffer.concat([Buffer.of(1), uuidBytes(version.guid)])
    const headers = [{ key: '__value_schema_id', value: guidFrame }]
    const glueId = glueVersionId(version)
    for (const mode of ['id', 'payload']) {
      expect(await judge(registry, Buffer.concat([framePrefix(version.id), good]), { mode })).toBeNull()
      expect(await judge(registry, Buffer.concat([guidFrame, good]), { mode })).toBeNull()
      expect(await judge(registry, good, { mode, headers })).toBeNull()
      expect(await judge(registry, glue(glueId, good), { mode })).toBeNull()
      expect(await judge(registry, glue(glueId, good, 5), { mode })).toBeNull()
    }
    expect(await judge(registry, Buffer.concat([guidFrame, bad]))).toBe(`${version.guid} /n: must be number`)
    expect(await judge(registry, bad, { headers })).toBe(`${version.guid} /n: must be number`)
    expect(await judge(registry, glue(glueId, bad, 5))).toBe(`${glueId} /n: must be number`)
    expect(await judge(registry, Buffer.concat([Buffer.of(1), uuidBytes(guid), good]))).toBe(`${guid} : schema ${guid} is not known`)
    expect(await judge(registry, glue(guid, good))).toBe(`${guid} : schema version ${guid} is not known`)
  })

  test('takes Glue\'s schema of the topic\'s own name for the topic\'s, and none of another registry or name', async () => {
    const { registry, version } = await registered('orders', json, 'JSON')
    expect(await judge(registry, glue(glueVersionId(version), Buffer.from('{}')))).toBeNull()
    expect(await judge(registry, Buffer.concat([framePrefix(version.id), Buffer.from('{}')]))).toBe(`${version.id} : schema ${version.id} does not belong to subject 'orders-value'`)
    for (const subject of [':.other:orders', 'payments']) {
      const other = await registry.register(subject, { schema: JSON.stringify({ title: subject }), schemaType: 'JSON' }, { normalize: undefined })
      if (other instanceof RegistryRefusal) throw new Error(other.message)
      expect(await judge(registry, glue(glueVersionId(other), Buffer.from('{}')))).not.toBeNull()
    }
  })

  test('reads Protobuf\'s message indexes where each framing has them', async () => {
    const { registry, version } = await registered('orders-value', proto, 'PROTOBUF')
    // Field 1 as a varint: an Apple or an Inner, and no Zebra, whose field 1 is text.
    const number = Buffer.of(0x08, 0x05)
    const text = Buffer.of(0x0a, 0x02, 0xff, 0xfe)
    const at = (...indexes: number[]): Buffer => writeMessageIndexes(indexes)
    const guidHeader = (indexes: Buffer) => ({ headers: [{ key: '__value_schema_id', value: Buffer.concat([Buffer.of(1), uuidBytes(version.guid), indexes]) }] })
    expect(await judge(registry, Buffer.concat([framePrefix(version.id), at(1), number]))).toBeNull()
    expect(await judge(registry, number, guidHeader(at(1)))).toBeNull()
    expect(await judge(registry, number, guidHeader(at(0, 0)))).toBeNull()
    expect(await judge(registry, text, guidHeader(at(0)))).toBe(`${version.guid} : is not a message shop.Zebra`)
    expect(await judge(registry, number, guidHeader(at(5)))).toMatch(/names a message that the schema does not have, with the indexes 5/)
    // Glue counts the names in their order: Apple, Zebra, Zebra.Inner.
    const byGlue = (index: number, body: Buffer): Buffer => {
      const prefix = Buffer.alloc(uvarintSize(index))
      writeUvarint(prefix, 0, index)
      return glue(glueVersionId(version), Buffer.concat([prefix, body]), 5)
    }
    expect(await judge(registry, byGlue(0, number))).toBeNull()
    expect(await judge(registry, byGlue(1, text))).toBe(`${glueVersionId(version)} : is not a message shop.Zebra`)
    expect(await judge(registry, byGlue(2, number))).toBeNull()
    expect(await judge(registry, byGlue(3, number))).toBe(`${glueVersionId(version)} : names a message that the schema does not have, with the index 3`)
    expect(await judge(registry, glue(glueVersionId(version), Buffer.alloc(0)))).toMatch(/names a message/)
  })
})
