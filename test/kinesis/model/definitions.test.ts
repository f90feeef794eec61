// Our definition of each operation is that of AWS's model: members, their order, types, constraints, and which must be there.
import { describe, expect, it } from 'vitest'
import { operations } from '../../../src/kinesis/operations/index.ts'
import { defined, modelled } from './definitions.ts'
import { model } from './model.ts'

describe('the definition of', () => {
  it.each(operations.map(({ operation }) => operation))('$name says what the model says', operation => {
    expect(defined(operation)).toEqual(modelled(operation.name))
  })

  it('every operation of the model stands in the table, once and in order', () => {
    expect(operations.map(({ operation }) => operation.name)).toEqual(Object.keys(model.operations).toSorted())
  })
})
