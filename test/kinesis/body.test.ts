import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { BodyBudget, bodiesBytesMax, bodyBytesMax, readBody } from '../../src/kinesis/body.ts'

const MiB = 1_048_576

/** Takes a MiB after the other; how many there was room for. */
function takeAll(budget: BodyBudget, host: string): number {
  let taken = 0
  while (budget.share(host).take(MiB)) taken++
  return taken
}

describe('the memory for bodies', () => {
  it('leaves room for others, whatever peers hold that came before', () => {
    const budget = new BodyBudget()
    const held = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'].map(host => takeAll(budget, host))
    expect(held[0]! * MiB).toBe((bodiesBytesMax * 2) / 3)
    expect(held.every(count => count > 0)).toBe(true)
    expect(budget.heldBytes).toBeLessThan(bodiesBytesMax)
    const [first, second] = held as [number, number]
    expect(first).toBeGreaterThan(second)
  })

  it('is given back to whoever had it', () => {
    const budget = new BodyBudget()
    const before = takeAll(budget, '10.0.0.1')
    expect(budget.share('10.0.0.1').take(1)).toBe(false)
    budget.share('10.0.0.1').give(before * MiB)
    expect(budget.heldBytes).toBe(0)
    expect(takeAll(budget, '10.0.0.1')).toBe(before)
  })

  it('is one share for all addresses of an IPv6 network, and one for each of IPv4', () => {
    const same = [['2001:db8::1', '2001:db8::ffff:2'], ['2001:db8:0:0:1:2:3:4', '2001:db8::9'], ['::1', '::2'], ['fe80::1:2:3:4', 'fe80::5']]
    for (const [one, other] of same as [string, string][]) {
      const budget = new BodyBudget()
      takeAll(budget, one)
      expect(takeAll(budget, other), `${one} and ${other}`).toBe(0)
    }
    for (const [one, other] of [['2001:db8:0:1::1', '2001:db8:0:2::1'], ['10.0.0.1', '10.0.0.2'], ['::1', '1::']] as [string, string][]) {
      const budget = new BodyBudget()
      takeAll(budget, one)
      expect(takeAll(budget, other), `${one} and ${other}`).toBeGreaterThan(0)
    }
  })
})

describe('a body', () => {
  it('that is cut off or refused holds nothing', async () => {
    const budget = new BodyBudget()
    const cut = new PassThrough()
    const reading = readBody(cut, budget.share('10.0.0.1'))
    cut.write(Buffer.alloc(MiB))
    cut.destroy()
    expect(await reading).toBe('incomplete')
    const large = new PassThrough({ highWaterMark: 32 * MiB })
    large.write(Buffer.alloc(bodyBytesMax))
    large.end('x')
    expect(await readBody(large, budget.share('10.0.0.1'))).toBe('too-large')
    const filled = takeAll(budget, '10.0.0.2')
    const many = new PassThrough({ highWaterMark: 32 * MiB })
    many.end(Buffer.alloc(MiB))
    expect(await readBody(many, budget.share('10.0.0.2'))).toBe('no-room')
    expect(budget.heldBytes).toBe(filled * MiB)
  })
})
