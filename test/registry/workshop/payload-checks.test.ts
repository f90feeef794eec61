// Payloads that are checked together beside the event loop: each gets its own verdict, whoever else is asked about.
import { expect, test } from 'vitest'
import { parseSchema, type Schema } from '../../../src/registry/schema.ts'
import { PayloadChecks } from '../../../src/registry/workshop/payload-checks.ts'
import { Workshop } from '../../../src/registry/workshop/workshop.ts'

const json = (schema: unknown): Schema => parseSchema('JSON', JSON.stringify(schema), [], { strict: true, normalize: false })
const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))

test('many of many schemas at once, more than may wait in the workshop', async () => {
  await using workshop = new Workshop({ waitingMax: 1 })
  const checks = new PayloadChecks(workshop)
  const schemas = Array.from({ length: 10 }, (_, at) => json({ type: 'integer', minimum: at }))
  const verdicts = await Promise.all(schemas.flatMap(schema => Array.from({ length: 300 }, (_, value) => checks.check(schema, bytes(value)))))
  expect(verdicts.map(fault => fault === null)).toEqual(schemas.flatMap((_, at) => Array.from({ length: 300 }, (__, value) => value >= at)))
})

test('one that takes too long does not speak for the others', async () => {
  await using workshop = new Workshop({ timeoutMs: 500 })
  const checks = new PayloadChecks(workshop)
  const branch = (maxProperties: number): object => ({ type: 'object', maxProperties, properties: { a: { $ref: '#' } } })
  const schema = json({ anyOf: [branch(2), branch(3)] })
  const bomb = Buffer.from(`${'{"a":'.repeat(60)}1${'}'.repeat(60)}`)
  expect(await Promise.all([bytes({}), bomb, bytes(1)].map(payload => checks.check(schema, payload)))).toMatchObject([
    null, { reason: 'is too complex to be validated against this schema: that takes longer than 500 ms' }, { reason: expect.stringMatching(/^must /) as string },
  ])
  const reasons = (await Promise.all([...Array.from({ length: 6 }, () => bomb), bytes({})].map(payload => checks.check(schema, payload)))).map(fault => fault?.reason)
  expect(reasons.slice(3)).toEqual([expect.stringMatching(/^is too complex/), ...Array.from({ length: 3 }, () => 'was not validated: 4 payloads that came with it take too long')])
})
