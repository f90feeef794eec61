// The JavaScript clients with Protobuf. Confluent's registers descriptors in base64 and reads schemas as such; there is no generated code here, its messages are of
// descriptors made at run time. KafkaJS's goes by text.
import { create, createFileRegistry, createMutableRegistry, type DescMessage, fromBinary } from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema, type FileDescriptorProto, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import { ProtobufDeserializer, ProtobufSerializer, RestError, SchemaRegistryClient, SerdeType } from '@confluentinc/schemaregistry'
import { SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { framePrefix } from '../../src/registry/framing.ts'
import { parseProtobuf } from '../../src/registry/protobuf/document.ts'
import { compileProtobuf } from '../../src/registry/protobuf/payload.ts'
import { listening, registryApp } from '../support/registry-app.ts'

let url: string
const disposing = new AsyncDisposableStack()
beforeAll(async () => {
  const { app } = await registryApp()
  ;({ url } = disposing.use(await listening(app)))
})
afterAll(() => disposing.disposeAsync())

const client = (): SchemaRegistryClient => new SchemaRegistryClient({ baseURLs: [url], maxRetries: 0 })

const address = 'syntax = "proto3"; package geo; message Address { string city = 1; Kind kind = 2; enum Kind { HOME = 0; WORK = 1; } }'
const order = `syntax = "proto3"; package shop; import "address.proto"; import "google/protobuf/timestamp.proto";
  message Order { int64 id = 1; geo.Address to = 2; repeated Line lines = 3; google.protobuf.Timestamp at = 4; optional string note = 5; message Line { string sku = 1; } }
  message Refund { int64 id = 1; message Reason { string text = 1; } }`

/** The files as a code generator would hand them to a program. */
function types(): (name: string) => DescMessage {
  const known = new Map([['address.proto', parseProtobuf(address, new Map(), { normalize: false, strict: true })]])
  const file = (name: string, text: string): FileDescriptorProto => {
    const bytes = Buffer.from(parseProtobuf(text, known, { normalize: false, strict: true }).formatted('serialized'), 'base64')
    return Object.assign(fromBinary(FileDescriptorProtoSchema, bytes), { name })
  }
  const timestamp = [...parseProtobuf('syntax = "proto3"; import "google/protobuf/timestamp.proto";', new Map(), { normalize: false, strict: true }).registry.files].find(each => each.proto.name.includes('timestamp'))!
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [timestamp.proto, file('address.proto', address), file('order.proto', order)] }))
  return name => registry.getMessage(name)!
}

test('its serializer registers a schema and its reference, and its deserializer reads what was written', async () => {
  const type = types()
  const registry = createMutableRegistry(type('shop.Order'), type('shop.Refund'), type('shop.Refund.Reason'))
  const serializer = new ProtobufSerializer(client(), SerdeType.VALUE, { autoRegisterSchemas: true, registry } as ConstructorParameters<typeof ProtobufSerializer>[2])
  const deserializer = new ProtobufDeserializer(client(), SerdeType.VALUE, {})
  const value = create(type('shop.Order'), { id: 7n, to: { $typeName: 'geo.Address', city: 'Rome', kind: 1 }, lines: [{ $typeName: 'shop.Order.Line', sku: 'a' }], note: '' })
  const bytes = await serializer.serialize('orders', value)
  // Magic byte, id, the indexes of the first message.
  expect([bytes[0], bytes[5]]).toEqual([0, 0])
  expect(await deserializer.deserialize('orders', bytes)).toMatchObject({ $typeName: 'shop.Order', id: 7n, to: { city: 'Rome', kind: 1 }, lines: [{ sku: 'a' }], note: '' })

  // The canonical text is that of the descriptor: full names, and the import by its reference.
  const stored = await client().getLatestSchemaMetadata('orders-value')
  expect(stored).toMatchObject({ schemaType: 'PROTOBUF', references: [{ name: 'address.proto', subject: 'address.proto', version: 1 }] })
  expect(stored.schema).toContain('import "address.proto";')
  expect(stored.schema).toContain('  .geo.Address to = 2;\n')
  expect((await client().getBySubjectAndId('orders-value', stored.id!, 'serialized')).schema).toMatch(/^[A-Za-z0-9+/]+=*$/)

  const nested = await serializer.serialize('refunds', create(type('shop.Refund.Reason'), { text: 'broken' }))
  expect(nested.subarray(5, 8)).toEqual(Buffer.from([4, 2, 0]))
  expect(await deserializer.deserialize('refunds', nested)).toMatchObject({ $typeName: 'shop.Refund.Reason', text: 'broken' })
})

test('text and descriptor of a schema are one when normalised', async () => {
  const descriptor = parseProtobuf(address, new Map(), { normalize: false, strict: true }).formatted('serialized')
  const id = await client().register('same', { schema: address, schemaType: 'PROTOBUF' }, true)
  expect(await client().register('same', { schema: descriptor, schemaType: 'PROTOBUF' }, true)).toBe(id)
  expect(await client().getVersion('same', { schema: descriptor, schemaType: 'PROTOBUF' }, true)).toBe(1)
})

test('the registry client of KafkaJS registers text and reads what is written here', async () => {
  const registry = new SchemaRegistry({ host: url })
  const schema = 'syntax = "proto3"; package shop; message Parcel { string id = 1; repeated int32 weights = 2; State state = 3; enum State { SENT = 0; LOST = 1; } }'
  const { id } = await registry.register({ type: SchemaType.PROTOBUF, schema }, { subject: 'parcels-value' })
  const codec = compileProtobuf(parseProtobuf(schema, new Map(), { normalize: false, strict: true }))
  const value = { id: 'p-2', weights: [3, 200], state: 'LOST' }
  const body = codec.encode(value, Buffer.from(JSON.stringify(value))) as Buffer
  expect(await registry.decode(Buffer.concat([framePrefix(id), body]))).toMatchObject({ id: 'p-2', weights: [3, 200], state: 1 })
  // What it writes itself lacks the message indexes that Confluent's framing has, and so is not taken for a message.
  const theirs = await registry.encode(id, { id: 'p-2', weights: [3, 200], state: 1 })
  expect(codec.decode(Buffer.concat([Buffer.of(0), theirs.subarray(5)]), 0)).toBe(JSON.stringify(value))
  expect(codec.check(theirs, 5)).toEqual({ pointer: '', reason: 'has no message indexes before the message' })
})

test('texts are registered with references, compared and refused in Confluent\'s words', async () => {
  await client().register('geo-address', { schema: address, schemaType: 'PROTOBUF' })
  const references = [{ name: 'address.proto', subject: 'geo-address', version: 1 }]
  const refusal = async (schema: string, refs = references): Promise<[number, number, string]> => {
    try {
      await client().register('text-orders', { schema, schemaType: 'PROTOBUF', references: refs })
    } catch (error) {
      if (error instanceof RestError) return [error.status, error.errorCode, error.message]
      throw error
    }
    throw new Error('it was not refused')
  }
  const [status, code, message] = await refusal(order, [])
  expect([status, code]).toEqual([422, 42201])
  expect(message).toContain('of type PROTOBUF, details: Could not resolve import "address.proto"')
  await client().register('text-orders', { schema: order, schemaType: 'PROTOBUF', references })
  expect(await client().testCompatibility('text-orders', 1, { schema: order.replace('string note', 'bytes note'), schemaType: 'PROTOBUF', references })).toBe(true)
  const incompatible = await refusal(order.replace('int64 id = 1; geo', 'string id = 1; geo'))
  expect(incompatible.slice(0, 2)).toEqual([409, 40901])
  expect(incompatible[2]).toContain(
    '{errorType:"FIELD_SCALAR_KIND_CHANGED", description:"The kind of a SCALAR field at path \'#/Order/1\' in the new schema does not match its kind in the old schema"}',
  )
})

