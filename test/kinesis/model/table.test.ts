// Whatever is wrong with a request, member by member, is told in AWS's words, whichever form it comes in.
import { describe, expect, it } from 'vitest'
import { operations } from '../../../src/kinesis/operations/index.ts'
import { testKinesis } from '../support/kinesis.ts'
import { inputShapeOf } from './samples.ts'
import { tryStates } from './states.ts'
import { tryAll } from './table.ts'

const names = operations.map(({ operation }) => operation.name)

describe.each(['json', 'cbor'] as const)('wrong inputs in %s', codec => {
  it.each(names)('of %s are told in AWS\'s words', async name => {
    const { cases, failures } = await tryAll(await testKinesis(), name, codec)
    expect(failures).toEqual([])
    expect(cases > 0 || Object.keys(inputShapeOf(name).members ?? {}).length === 0).toBe(true)
  }, 60_000)
})

describe.each(['json', 'cbor'] as const)('right inputs at the wrong time or from the wrong caller, in %s,', codec => {
  it.each(names)('of %s', async name => {
    const { cases, failures } = await tryStates(name, codec)
    expect(failures).toEqual([])
    expect(cases).toBeGreaterThan(0)
  })
})
