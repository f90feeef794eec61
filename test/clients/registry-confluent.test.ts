// Confluent's own JavaScript client against the registry over HTTP: the whole life of subjects, and its Avro and JSON serializers both ways.
import { AvroDeserializer, AvroSerializer, Compatibility, JsonDeserializer, JsonSerializer, RestError, SchemaRegistryClient, SerdeType } from '@confluentinc/schemaregistry'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { listening, registryApp } from '../support/registry-app.ts'

const order = (...extra: object[]): string => JSON.stringify({ type: 'record', name: 'Order', namespace: 'shop', fields: [{ name: 'id', type: 'string' }, ...extra] })
const withNote = order({ name: 'note', type: ['null', 'string'], default: null })
const withTotal = order({ name: 'total', type: 'long' })

let url: string
const disposing = new AsyncDisposableStack()
beforeAll(async () => {
  const { app } = await registryApp()
  ;({ url } = disposing.use(await listening(app)))
})
afterAll(() => disposing.disposeAsync())

const client = (): SchemaRegistryClient => new SchemaRegistryClient({ baseURLs: [url], maxRetries: 0 })
const refusal = async (call: Promise<unknown>): Promise<[number, number]> => {
  try {
    await call
  } catch (error) {
    if (error instanceof RestError) return [error.status, error.errorCode]
    throw error
  }
  throw new Error('it was not refused')
}

test('registers, finds, compares, configures and deletes', async () => {
  const subject = 'life/of:a subject-value'
  const full = await client().registerFullResponse(subject, { schema: order(), schemaType: 'AVRO' })
  expect(full).toMatchObject({ version: 1, schema: order(), schemaType: 'AVRO' })
  expect(await client().getId(subject, { schema: order() })).toBe(full.id)
  expect(await client().getVersion(subject, { schema: order() })).toBe(1)
  expect(await client().getBySubjectAndId(subject, full.id!)).toMatchObject({ schema: order() })
  expect(await client().getByGuid(full.guid!)).toMatchObject({ schema: order() })

  expect(await client().testSubjectCompatibility(subject, { schema: withNote })).toBe(true)
  expect(await client().testCompatibility(subject, 1, { schema: withTotal })).toBe(false)
  expect(await refusal(client().register(subject, { schema: withTotal }))).toEqual([409, 40901])
  expect(await client().register(subject, { schema: withNote })).toBeGreaterThan(full.id!)
  expect(await client().getLatestSchemaMetadata(subject)).toMatchObject({ version: 2, schema: withNote })

  expect(await refusal(client().getConfig(encodeURIComponent(subject)))).toEqual([404, 40408])
  await client().updateCompatibility(subject, Compatibility.NONE)
  expect(await client().getCompatibility(subject)).toBe('NONE')
  expect((await client().getDefaultConfig()).compatibilityLevel).toBe('BACKWARD')
  expect(await client().register(subject, { schema: withTotal })).toBeGreaterThan(0)

  expect(await client().deleteSubjectVersion(subject, 1)).toBe(1)
  expect(await refusal(client().getSchemaMetadata(subject, 1))).toEqual([404, 40402])
  expect(await client().getSchemaMetadata(subject, 1, true)).toMatchObject({ version: 1, deleted: true })
  expect(await client().getAllVersions(encodeURIComponent(subject))).toEqual([2, 3])
  expect(await client().deleteSubject(subject)).toEqual([2, 3])
  expect(await refusal(client().deleteSubject(subject))).toEqual([404, 40404])
  expect(await client().deleteSubject(subject, true)).toEqual([1, 2, 3])
  expect(await client().getAllSubjects()).not.toContain(subject)
})

test('references name types of other subjects, which then cannot be deleted', async () => {
  const address = JSON.stringify({ type: 'record', name: 'Address', namespace: 'shop', fields: [{ name: 'city', type: 'string' }] })
  await client().register('address', { schema: address })
  const customer = JSON.stringify({ type: 'record', name: 'Customer', namespace: 'shop', fields: [{ name: 'home', type: 'shop.Address' }] })
  expect(await refusal(client().register('customer', { schema: customer }))).toEqual([422, 42201])
  const references = [{ name: 'shop.Address', subject: 'address', version: 1 }]
  const id = await client().register('customer', { schema: customer, references })
  // The type is of the same namespace as the record around it, so that the canonical text needs its short name only.
  expect(await client().getBySubjectAndId('customer', id)).toMatchObject({ schema: customer.replace('"shop.Address"', '"Address"'), references })
  expect(await refusal(client().deleteSubject('address'))).toEqual([422, 42206])
})

test('metadata and rules are kept, found again and carried to the next version', async () => {
  const metadata = { properties: { owner: 'sales' } }
  await client().register('owned', { schema: order(), metadata })
  expect(await client().getLatestWithMetadata('owned', { owner: 'sales' })).toMatchObject({ version: 1, metadata })
  expect(await refusal(client().getLatestWithMetadata('owned', { owner: 'nobody' }))).toEqual([404, 40403])
  await client().register('owned', { schema: withNote })
  expect(await client().getLatestSchemaMetadata('owned')).toMatchObject({ version: 2, metadata })
})

test('its Avro serializer and deserializer work, with the topic\'s subject', async () => {
  await client().register('avro-orders-value', { schema: withNote, schemaType: 'AVRO' })
  const serializer = new AvroSerializer(client(), SerdeType.VALUE, { useLatestVersion: true })
  const bytes = await serializer.serialize('avro-orders', { id: 'o-1', note: 'fragile' })
  expect(bytes[0]).toBe(0)
  const deserializer = new AvroDeserializer(client(), SerdeType.VALUE, {})
  expect({ ...await deserializer.deserialize('avro-orders', bytes) as object }).toEqual({ id: 'o-1', note: 'fragile' })
})

test('its JSON Schema serializer and deserializer work, and validate', async () => {
  const serializer = new JsonSerializer(client(), SerdeType.VALUE, { autoRegisterSchemas: false, useLatestVersion: true, validate: true })
  const schema = JSON.stringify({ $schema: 'http://json-schema.org/draft-07/schema#', title: 'Payment', type: 'object', properties: { amount: { type: 'number' } }, required: ['amount'] })
  await client().register('json-payments-value', { schema, schemaType: 'JSON' })
  const bytes = await serializer.serialize('json-payments', { amount: 12.5 })
  const deserializer = new JsonDeserializer(client(), SerdeType.VALUE, {})
  expect(await deserializer.deserialize('json-payments', bytes)).toEqual({ amount: 12.5 })
  await expect(serializer.serialize('json-payments', { amount: 'much' })).rejects.toThrow()
})
