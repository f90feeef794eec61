// Values that dead letters are mended with: written by the latest schema of their topic, as their producer meant them.
import { describe, expect, test } from 'vitest'
import type { Topic } from '../../src/ports.ts'
import type { Letter } from '../../src/registry/dead-letter-record.ts'
import { framePrefix } from '../../src/registry/framing.ts'
import { mendedValue, valueByLatest } from '../../src/registry/mended-value.ts'
import type { Registry } from '../../src/registry/registry.ts'
import { registryApp } from '../support/registry-app.ts'

const topic = { name: 'orders', internal: false, partitions: [], configs: new Map([['confluent.value.schema.validation', 'true']]) } as unknown as Topic
const letterOf = (value: Buffer): Letter => ({ note: {}, sent: { key: null, value, headers: [] } }) as unknown as Letter

async function register(registry: Registry, subject: string, schemaType: 'AVRO' | 'JSON', schema: object): Promise<number> {
  const version = await registry.register(subject, { schemaType, schema: JSON.stringify(schema) }, { normalize: undefined })
  expect(version).toMatchObject({ subject })
  return (version as { id: number }).id
}

describe('a value that is written anew by the latest schema', () => {
  test('keeps what is masked for readers', async () => {
    const { registry } = await registryApp()
    const person = (more: readonly object[]): object => ({ type: 'record', name: 'P', fields: [{ name: 'ssn', type: 'string', 'confluent:tags': ['PII'] }, ...more] })
    const before = await register(registry, 'others-value', 'AVRO', person([]))
    const latest = await register(registry, 'orders-value', 'AVRO', person([{ name: 'age', type: ['null', 'int'], default: null }]))
    const sent = Buffer.concat([framePrefix(before), Buffer.from([12]), Buffer.from('123-45')])
    expect(await valueByLatest(registry, letterOf(sent), topic)).toEqual(Buffer.concat([framePrefix(latest), Buffer.from([12]), Buffer.from('123-45'), Buffer.from([0])]))
  })
})

test('a value for a schema that takes long to compile is decided beside the event loop', async () => {
  const { registry } = await registryApp()
  const properties = Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`p${at}`, { type: 'string', maxLength: 5 }]))
  const id = await register(registry, 'orders-value', 'JSON', { type: 'object', properties })
  const letter = letterOf(Buffer.from('{}'))
  expect(await mendedValue(registry, letter, topic, { p1: 'x' })).toEqual(Buffer.concat([framePrefix(id), Buffer.from('{"p1":"x"}')]))
  expect(await mendedValue(registry, letter, topic, { p1: 1 })).toEqual({ reason: 'value at /p1: must be string' })
})
