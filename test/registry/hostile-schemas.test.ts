// Schemas and payloads that nobody vouches for: each is refused with a reason, soon, nothing outside is asked, and the event loop goes on meanwhile.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Express } from 'express'
import request, { type Response } from 'supertest'
import { describe, expect, test } from 'vitest'
import type { Topic } from '../../src/ports.ts'
import { InvalidSchema } from '../../src/registry/errors.ts'
import { framePrefix } from '../../src/registry/framing.ts'
import type { SchemaValidation } from '../../src/registry/validation.ts'
import { parseSchema, type SchemaType } from '../../src/registry/schema.ts'
import { withoutBlocking } from '../support/event-loop.ts'
import { registryApp } from '../support/registry-app.ts'
import { schemaValidation } from '../support/validation.ts'

const parse = (type: SchemaType, text: string): unknown => parseSchema(type, text, [], { strict: true, normalize: false })

/** The reason of the refusal, which must come within a minute even on a busy machine. */
function refusal(type: SchemaType, schema: unknown): string {
  const started = performance.now()
  try {
    parse(type, typeof schema === 'string' ? schema : JSON.stringify(schema))
  } catch (error) {
    expect(performance.now() - started).toBeLessThan(60_000)
    if (error instanceof InvalidSchema) return error.message
    throw error
  }
  return 'none'
}

const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => make(index))

describe('Avro', () => {
  test.each<[string, unknown, RegExp]>([
    ['longer than 1 MiB', `"${'x'.repeat(1024 * 1024)}"`, /longer than 1048576 bytes/],
    ['nested 100,000 deep', `${'['.repeat(100_000)}`, /nested 100000 deep/],
    ['arrays nested 65 deep', JSON.parse(`${'{"type":"array","items":'.repeat(65)}"int"${'}'.repeat(65)}`), /nested 65 deep/],
    ['10,001 named types', times(10_001, index => ({ type: 'fixed', name: `F${index}`, size: 1 })), /more than 10000 named types/],
    ['defaults that try each branch of each level', {
      type: 'record', name: 'A', fields: [{ name: 'f', type: ['null', 'A', { type: 'record', name: 'B', fields: [{ name: 'f', type: ['null', 'A', 'B'] }] }, { type: 'record', name: 'C', fields: [{ name: 'f', type: ['null', 'A', 'B', 'C'] }] }] },
        { name: 'g', type: 'A', default: JSON.parse(`${'{"f":'.repeat(50)}1${'}'.repeat(50)}`) }],
    }, /Invalid default|more than 100000 steps/],
    ['a type that is a number', 7, /a schema is a name/],
    ['a record without a name', { type: 'record' }, /No name in schema: \{"type":"record"\}/],
    ['a record without fields', { type: 'record', name: 'R' }, /has no fields/],
    ['a name defined twice', [{ type: 'fixed', name: 'F', size: 1 }, { type: 'record', name: 'R', fields: [{ name: 'f', type: { type: 'fixed', name: 'F', size: 2 } }] }], /Can't redefine: F/],
    ['a name with a dash', { type: 'fixed', name: 'a-b', size: 1 }, /Illegal character in: a-b/],
    ['a field twice', { type: 'record', name: 'R', fields: times(2, () => ({ name: 'f', type: 'int' })) }, /Duplicate field f in record R/],
    ['a symbol twice', { type: 'enum', name: 'E', symbols: ['A', 'A'] }, /Duplicate enum symbol: A/],
    ['an enum default that is no symbol', { type: 'enum', name: 'E', symbols: ['A'], default: 'B' }, /The Enum Default: B is not in the enum symbol set: \[A\]/],
    ['a union in a union', [['int']], /Nested union/],
    ['a branch twice', ['int', 'int'], /Duplicate in union:int/],
    ['a fixed of a negative size', { type: 'fixed', name: 'F', size: -1 }, /Invalid or no size/],
    ['a fixed of half a byte', { type: 'fixed', name: 'F', size: 0.5 }, /Invalid or no size/],
  ])('%s', (_what, schema, reason) => {
    expect(refusal('AVRO', schema)).toMatch(reason)
  })

  test('names like those of Object are taken', () => {
    for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty']) {
      expect(refusal('AVRO', { type: 'record', name, fields: [{ name, type: 'int' }] }), name).toBe('none')
    }
  })

  test('a default beyond what a double holds is judged and kept exactly', () => {
    const field = (value: string): string => `{"type":"record","name":"R","fields":[{"name":"f","type":"long","default":${value}}]}`
    expect(parse('AVRO', field('9223372036854775807'))).toMatchObject({ text: field('9223372036854775807') })
    expect(refusal('AVRO', field('9223372036854775808'))).toMatch(/Invalid default for field f/)
    expect(refusal('AVRO', field('1.5'))).toMatch(/Invalid default for field f/)
  })
})

describe('JSON Schema', () => {
  test.each<[string, unknown, RegExp]>([
    ['too many nodes', { enum: times(30_000, index => index) }, /more than 20000 nodes/],
    ['patterns that repeat', { anyOf: times(1_000, index => ({ type: 'string', pattern: `^(a|b${index}){1,500}$` })) }, /patterns of the schema take more than/],
    ['a look-ahead, which no linear-time engine has', { type: 'string', pattern: '^(?=a)' }, /invalid or unsupported/],
    ['a back-reference', { type: 'string', pattern: '^(a)\\1$' }, /invalid/],
    ['a reference to nowhere', { $ref: '#/definitions/none' }, /can't resolve reference/],
    ['a chain of 3,000 references', { $ref: '#/definitions/a0', definitions: Object.fromEntries(times(3_000, index => [`a${index}`, { $ref: `#/definitions/a${(index + 1) % 3_000}` }])) }, /too large to be compiled/],
    ['a draft that is not known', { $schema: 'http://json-schema.org/draft-03/schema#' }, /is not known; drafts 4, 6, 7, 2019-09 and 2020-12 are/],
    ['a keyword with a bad value', { type: 'object', required: 'a' }, /schema\/required must be array/],
    ['a list', [], /an object or a boolean/],
  ])('%s', (_what, schema, reason) => {
    expect(refusal('JSON', schema)).toMatch(reason)
  })

  test('a remote reference is refused and never fetched', async () => {
    let asked = 0
    const server = createServer((_request, response) => { asked++; response.end('{}') })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    expect(refusal('JSON', { $ref: `http://127.0.0.1:${port}/schema.json` })).toMatch(/can't resolve reference/)
    await new Promise(resolve => server.close(resolve))
    expect(asked).toBe(0)
  })

  test('$data means nothing', () => {
    expect(refusal('JSON', { type: 'object', properties: { a: { type: 'string' }, b: { type: 'string', maxLength: { $data: '1/a' } } } })).toMatch(/must be integer/)
  })

  test.each(['$ref', 'const', 'enum', '$schema', 'pattern'])('a property may be called %s', name => {
    expect(refusal('JSON', { type: 'object', properties: { [name]: { type: 'string' }, other: { const: { $ref: '#/none' } } } })).toBe('none')
  })
})

describe('the event loop goes on while the registry is handed', () => {
  const post = (app: Express, schemaType: SchemaType, schema: unknown, path = '/subjects/s/versions'): Promise<Response> =>
    withoutBlocking(() => request(app).post(path).send({ schemaType, schema: typeof schema === 'string' ? schema : JSON.stringify(schema) }).then(answer => answer))
  const object = (count: number, type = 'string'): object => ({ type: 'object', properties: Object.fromEntries(times(count, index => [`p${index}`, { type, maxLength: 5 }])) })
  const union = (depth: number): unknown => (depth === 0 ? { type: 'string' } : { anyOf: ['a', 'b'].map(name => ({ type: 'object', properties: { [name]: union(depth - 1) } })) })

  test.each<[string, SchemaType, () => unknown, number, RegExp]>([
    ['1,000 properties', 'JSON', () => object(1_000), 200, /^$/],
    ['6,000 properties', 'JSON', () => object(6_000), 422, /too large to be compiled|more than 20000 nodes|cannot be examined/],
    ['sums within sums', 'JSON', () => union(9), 200, /^$/],
    ['an allOf 3,000 deep', 'JSON', () => `${'{"allOf":['.repeat(3_000)}{}${']}'.repeat(3_000)}`, 422, /nested 600\d deep/],
    ['a chain of references', 'JSON', () => ({ $ref: '#/definitions/a0', definitions: Object.fromEntries(times(3_000, index => [`a${index}`, { $ref: `#/definitions/a${(index + 1) % 3_000}` }])) }), 422, /too large to be compiled|cannot be examined/],
    ['20,000 fields', 'AVRO', () => ({ type: 'record', name: 'R', fields: times(20_000, index => ({ name: `f${index}`, type: ['null', 'string'], default: null })) }), 422, /longer than 1048576 bytes|too large/],
    ['10,000 fields', 'AVRO', () => ({ type: 'record', name: 'R', fields: times(10_000, index => ({ name: `f${index}`, type: ['null', 'string'], default: null })) }), 200, /^$/],
    ['a record nested 20,000 deep', 'AVRO', () => `${'{"type":"array","items":'.repeat(20_000)}"int"${'}'.repeat(20_000)}`, 422, /nested 20000 deep/],
  ])('%s in %s', async (_what, schemaType, make, status, message) => {
    const { app } = await registryApp()
    const answer = await post(app, schemaType, make())
    expect([answer.status, String((answer.body as { message?: string }).message ?? '').match(message) !== null], JSON.stringify(answer.body).slice(0, 300)).toEqual([status, true])
  })

  test('two schemas of which a comparison takes long', async () => {
    const deep = (leaf: string): object => ({
      definitions: Object.fromEntries(times(60, level => [`d${level}`, level === 0 ? { type: leaf } : { oneOf: times(6, index => ({ type: 'object', properties: { [`x${index}`]: { $ref: `#/definitions/d${level - 1}` }, y: { $ref: `#/definitions/d${(level * 7 + index) % level}` } } })) }])),
      $ref: '#/definitions/d59',
    })
    const { app } = await registryApp()
    expect((await post(app, 'JSON', deep('string'))).status).toBe(200)
    const verdict = await post(app, 'JSON', deep('number'), '/compatibility/subjects/s/versions?verbose=true')
    expect(verdict.body).toMatchObject({ is_compatible: false })
    expect((await post(app, 'JSON', deep('number'))).status).toBe(409)
  })
})

describe('the event loop goes on while payloads are checked', () => {
  const topic = (name: string): Topic => ({ name, internal: false, partitions: [], configs: new Map([['confluent.value.schema.validation', 'true'], ['sluice.validation.mode', 'payload']]) }) as unknown as Topic
  const register = async (schema: object): Promise<SchemaValidation> => {
    const { registry, backend } = await registryApp()
    const version = await registry.register('t-value', { schemaType: 'JSON', schema: JSON.stringify(schema) }, { normalize: undefined })
    expect(version).toMatchObject({ id: 1 })
    return schemaValidation(registry, backend)
  }
  const framed = (value: unknown): { key: null; value: Buffer } => ({ key: null, value: Buffer.concat([framePrefix(1), Buffer.from(JSON.stringify(value))]) })

  test('a pattern that takes a millisecond for each character', async () => {
    const validation = await register({ type: 'string', pattern: '([a-z][a-y]?){900}[0-9]' })
    const faults = await withoutBlocking(() => validation.check(topic('t'), [framed('a'.repeat(50_000)), framed('x')], 'kafka'))
    expect(faults).toMatchObject([{ reason: expect.stringMatching(/too complex to be validated against this schema: that takes longer than 2000 ms|must match pattern/) as string }, { reason: expect.stringMatching(/must match pattern/) as string }])
  })

  test('what is only given up on the loop is found to fit beside it', async () => {
    const validation = await register({ type: 'string', pattern: '^[a-z]{1,1000}$' })
    expect(await withoutBlocking(() => validation.check(topic('t'), [framed('a'.repeat(1_000)), framed('A'.repeat(1_000))], 'kafka'))).toMatchObject([null, { reason: expect.stringMatching(/must match pattern/) as string }])
  })

  test('a value that branches 2^60 times', async () => {
    const branch = (maxProperties: number): object => ({ type: 'object', maxProperties, properties: { a: { $ref: '#' } } })
    const validation = await register({ anyOf: [branch(2), branch(3)] })
    const bomb = { key: null, value: Buffer.concat([framePrefix(1), Buffer.from(`${'{"a":'.repeat(60)}1${'}'.repeat(60)}`)]) }
    expect(await withoutBlocking(() => validation.check(topic('t'), [bomb, framed({})], 'kafka'))).toMatchObject([{ reason: expect.stringMatching(/too complex/) as string }, null])
  })

  test('a schema that takes long to compile, on the first payload and with many of them', async () => {
    const validation = await register({ type: 'object', properties: Object.fromEntries(times(1_000, index => [`p${index}`, { type: 'string', maxLength: 5 }])) })
    const records = times(600, index => framed({ p7: index % 3 === 0 ? 'too long' : 'fits' }))
    const faults = await withoutBlocking(() => validation.check(topic('t'), records, 'kafka'), { msMax: 300 })
    expect(faults.map(fault => fault?.pointer ?? null)).toEqual(times(600, index => (index % 3 === 0 ? '/p7' : null)))
    expect(await withoutBlocking(() => validation.check(topic('t'), [framed({ p7: 1 }), framed([]), { key: null, value: Buffer.from([0, 0, 0, 0, 1, 0x7b]) }], 'kafka'), { msMax: 300 }))
      .toMatchObject([{ pointer: '/p7', reason: 'must be string' }, { pointer: '', reason: 'must be object' }, { reason: expect.stringContaining('is not JSON') as string }])
  })
})
