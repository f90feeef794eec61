import { describe, expect, it } from 'vitest'
import { BytesBudget } from '../../src/kafka/bytes-budget.ts'

describe('a budget of bytes', () => {
  it('lends what it has, and what must be lent even beyond that', () => {
    const budget = new BytesBudget(100)
    expect(budget.take(60, 0)).toBe(60)
    expect(budget.take(60, 0)).toBe(40)
    expect([budget.take(60, 0), budget.isExhausted]).toEqual([0, true])
    expect(budget.take(60, 20)).toBe(20)
    expect(budget.lent).toBe(120)
    budget.release(50)
    expect([budget.take(60, 10), budget.lent]).toEqual([30, 100])
  })

  it('wakes those who wait, in their order, while there is something to lend', () => {
    const budget = new BytesBudget(10)
    budget.take(10, 10)
    const woken: string[] = []
    budget.whenReleased(() => { woken.push('first'); budget.take(4, 4) })
    budget.whenReleased(() => { woken.push('second') })
    budget.release(4)
    expect(woken).toEqual(['first'])
    budget.release(1)
    expect(woken).toEqual(['first', 'second'])
  })

  it('lets one at a time go beyond what it has, and then the next who waits', () => {
    const budget = new BytesBudget(10)
    budget.take(10, 10)
    const [first, second] = [{}, {}]
    expect([budget.mayOverdraw(first), budget.mayOverdraw(second), budget.mayOverdraw(first)]).toEqual([true, false, true])
    const woken: string[] = []
    budget.whenReleased(() => woken.push('gone meanwhile'))
    budget.whenReleased(() => woken.push(`second ${budget.mayOverdraw(second)}`))
    budget.whenReleased(() => woken.push('third'))
    budget.endOverdraft(second)
    expect(woken).toEqual([])
    budget.endOverdraft(first)
    expect(woken).toEqual(['gone meanwhile', 'second true'])
  })
})
