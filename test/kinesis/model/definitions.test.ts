// Our definition of each operation is that of AWS's model: members, their order, types, constraints, and which must be there.
import { describe, expect, it } from 'vitest'
import { operations } from '../../../src/kinesis/operations/index.ts'
import { defined, modelled } from './definitions.ts'
import { model } from './model.ts'

describe('the definition of', () => {
  it.each(operations.map(({ operation }) => operation))('$name says what the model says', operation => {
    expect(model.operations).toHaveProperty(operation.name)
    expect(defined(operation)).toEqual(modelled(operation.name))
  })

  it('no operation stands in the table twice, or out of order', () => {
    const names = operations.map(({ operation }) => operation.name)
    expect(names).toEqual([...new Set(names)].toSorted())
  })
})
