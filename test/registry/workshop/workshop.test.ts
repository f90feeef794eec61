// The workshop: jobs are done beside the event loop, and what takes too long or too much memory is stopped.
import { expect, test } from 'vitest'
import type { SchemaSource } from '../../../src/registry/workshop/source.ts'
import { TooMuch, Workshop } from '../../../src/registry/workshop/workshop.ts'
import { withoutBlocking } from '../../support/event-loop.ts'

const json = (schema: unknown): SchemaSource => ({ type: 'JSON', text: JSON.stringify(schema), references: [] })
const bytes = (...values: unknown[]): Buffer[] => values.map(value => Buffer.from(JSON.stringify(value)))

test('jobs of every kind', async () => {
  await using workshop = new Workshop()
  const text = json({ type: 'string', maxLength: 3 })
  const order: SchemaSource = { type: 'JSON', text: JSON.stringify({ type: 'object', properties: { a: { $ref: 'text' } } }), references: [{ name: 'text', subject: 's', version: 1, source: text }] }
  expect(await workshop.run('parse', { source: order, strict: true, normalize: false })).toBeNull()
  expect(await workshop.run('parse', { source: json({ type: 'text' }), strict: true, normalize: false })).toEqual({ invalid: expect.stringMatching(/must be equal to one of the allowed values/) as string })
  expect(await workshop.run('check', { source: order, payloads: bytes({ a: 'abc' }, { a: 'abcd' }, 'x') })).toMatchObject([null, { pointer: '/a' }, { pointer: '' }])
  expect(await workshop.run('compare', { candidate: text, history: [{ version: 3, schema: json({ type: 'string' }) }], options: { level: 'BACKWARD', policy: 'STRICT' } })).toContainEqual('{oldSchemaVersion: 3}')
})

test('a job without end is stopped, the event loop goes on meanwhile, and the next job is done', async () => {
  await using workshop = new Workshop({ timeoutMs: 1_000 })
  // Branches at each level of a value: on the event loop it is given up, a worker would go on for 2^60 steps.
  const branch = (maxProperties: number): object => ({ type: 'object', maxProperties, properties: { a: { $ref: '#' } } })
  const endless = (): ReturnType<typeof workshop.run<'check'>> => workshop.run('check', { source: json({ anyOf: [branch(2), branch(3)] }), payloads: [Buffer.from(`${'{"a":'.repeat(60)}1${'}'.repeat(60)}`)] })
  expect(await withoutBlocking(endless)).toEqual(new TooMuch('takes longer than 1000 ms'))
  expect(await workshop.run('check', { source: { type: 'AVRO', text: '"int"', references: [] }, payloads: [Buffer.from([2])] })).toEqual([null])
})

test('a job that fills the memory is stopped', async () => {
  await using workshop = new Workshop({ heapMegabytesMax: 16, timeoutMs: 60_000 })
  const payloads = Array.from({ length: 20 }, () => bytes(Array.from({ length: 100_000 }, (_, index) => [index]))[0]!)
  const outcome = await withoutBlocking(() => workshop.run('check', { source: json({ type: 'array', uniqueItems: true }), payloads }))
  expect(outcome).toEqual(new TooMuch('takes more than 16 MB of memory'))
})

test('more jobs than may wait are refused at once; those that wait are, when it closes', async () => {
  const workshop = new Workshop({ waitingMax: 2 })
  const parse = { source: json(true), strict: true, normalize: false }
  const outcomes = Promise.all(Array.from({ length: 4 }, () => workshop.run('parse', parse)))
  const closed = workshop[Symbol.asyncDispose]()
  expect((await outcomes).map(outcome => (outcome instanceof TooMuch ? outcome.reason : outcome))).toEqual([
    'the server is going down', 'the server is going down', 'the server is going down', '2 others wait to be worked on',
  ])
  await closed
  expect(await workshop.run('parse', parse)).toEqual(new TooMuch('the server is going down'))
})
