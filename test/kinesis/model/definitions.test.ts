// Our definition of each operation is that of AWS's model: members, their order, types, constraints, and which must be there.
import { describe, expect, it } from 'vitest'
import { operations } from '../../../src/kinesis/operations/index.ts'
import { type Difference, differences } from './differences.ts'
import { type PlainOperation, defined, modelled } from './definitions.ts'
import { model } from './model.ts'

describe('the definition of', () => {
  it.each(operations.map(({ operation }) => operation))('$name says what the model says', operation => {
    expect(model.operations).toHaveProperty(operation.name)
    const excused = differences.filter(one => one.operation === operation.name)
    expect(defined(operation)).toEqual(excused.reduce(applied, modelled(operation.name)))
  })

  it('nothing is excused that would not differ', () => {
    const idle = differences.filter(one => {
      const served = operations.find(({ operation }) => operation.name === one.operation)
      const plain = modelled(one.operation)
      return served === undefined || JSON.stringify(applied(plain, one)) === JSON.stringify(plain)
    })
    expect(idle).toEqual([])
  })

  it('no operation stands in the table twice, or out of order', () => {
    const names = operations.map(({ operation }) => operation.name)
    expect(names).toEqual([...new Set(names)].toSorted())
  })
})

function applied(plain: PlainOperation, { change }: Difference): PlainOperation {
  const copy = structuredClone(plain)
  change(copy)
  return copy
}
