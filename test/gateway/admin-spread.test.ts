// Spreading partitions over brokers: even, in as many zones as there are, moving what must move and no more.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { spread, type Placed } from '../../src/gateway/admin/spread.ts'
import type { Broker } from '../../src/ports.ts'

const broker = (id: number, rack: string | null): Broker => ({ id, rack, state: 'running' })
const inZones = (...racks: (string | null)[]): Broker[] => racks.map((rack, at) => broker(at + 1, rack))
const placed = (...replicas: number[][]): Placed[] => replicas.map((one, partition) => ({ topic: 'orders', partition, replicas: one }))
const replicasOf = (partitions: readonly Placed[]): unknown => partitions.map(one => one.replicas)

function counts(partitions: readonly Placed[], brokers: readonly Broker[], of: (one: Placed) => readonly number[]): number[] {
  return brokers.map(({ id }) => partitions.filter(one => of(one).includes(id)).length)
}

describe('spread', () => {
  it('leaves what lies well where it is', () => {
    const partitions = placed([1, 2, 3], [2, 3, 1], [3, 1, 2])
    expect(spread(partitions, inZones('a', 'b', 'c'))).toEqual(partitions)
  })

  it('puts a newcomer in the place of who goes', () => {
    const brokers = [broker(1, 'a'), broker(2, 'b'), broker(4, 'c')]
    expect(replicasOf(spread(placed([1, 2, 3], [2, 3, 1], [3, 1, 2]), brokers))).toEqual([[1, 2, 4], [2, 4, 1], [4, 1, 2]])
  })

  it('gives a new broker its share', () => {
    const partitions = placed(...Array.from({ length: 8 }, (_, at) => [1 + at % 3, 1 + (at + 1) % 3, 1 + (at + 2) % 3]))
    const brokers = inZones(null, null, null, null)
    const wanted = spread(partitions, brokers)
    expect(counts(wanted, brokers, one => one.replicas)).toEqual([6, 6, 6, 6])
    expect(counts(wanted, brokers, one => one.replicas.slice(0, 1))).toEqual([2, 2, 2, 2])
    // Six replicas came to broker 4; none other changed its broker.
    expect(wanted.filter((one, at) => one.replicas.some(id => !partitions[at]!.replicas.includes(id)))).toHaveLength(6)
  })

  it('adds replicas behind those that are there, and takes the last away', () => {
    const brokers = inZones('a', 'b', 'c')
    const wider = spread(placed([1], [1], [1]), brokers, 3)
    expect(counts(wider, brokers, one => one.replicas)).toEqual([3, 3, 3])
    expect(counts(wider, brokers, one => one.replicas.slice(0, 1))).toEqual([1, 1, 1])
    expect(replicasOf(spread(placed([1, 2, 3], [2, 3, 1], [3, 1, 2]), brokers, 2))).toEqual([[1, 2], [2, 3], [3, 1]])
    expect(replicasOf(spread(placed([3, 1]), brokers, 3))).toEqual([[3, 1, 2]])
  })

  it('parts replicas that share a zone while another has none', () => {
    const [only] = spread(placed([1, 2]), inZones('a', 'a', 'b'))
    expect(only!.replicas).toEqual([1, 3])
  })

  it('keeps the zones apart even where that is uneven', () => {
    const brokers = inZones('a', 'a', 'b', 'c')
    const wanted = spread(placed([1, 3, 4], [1, 3, 4], [1, 3, 4], [1, 3, 4]), brokers)
    expect(counts(wanted, brokers, one => one.replicas)).toEqual([2, 2, 4, 4])
  })

  it('is even, level over the zones and without repetition, whatever there was before', () => {
    const cases = fc.integer({ min: 1, max: 7 }).chain(count => fc.record({
      racks: fc.array(fc.constantFrom('a', 'b', 'c', null), { minLength: count, maxLength: count }),
      factor: fc.integer({ min: 1, max: count }),
      before: fc.array(fc.shuffledSubarray([1, 2, 3, 4, 5, 6, 7, 8], { minLength: 8 }), { minLength: 1, maxLength: 20 }),
    }))
    fc.assert(fc.property(cases, ({ racks, factor, before }) => {
      const brokers = inZones(...racks)
      const partitions = placed(...before.map(one => one.slice(0, factor)))
      const wanted = spread(partitions, brokers)
      const zoneOf = (id: number): string => brokers.find(one => one.id === id)!.rack ?? `alone-${id}`
      for (const { replicas } of wanted) {
        expect(new Set(replicas).size).toBe(factor)
        expect(replicas.every(id => brokers.some(one => one.id === id))).toBe(true)
        const held = (zone: string): number => replicas.filter(id => zoneOf(id) === zone).length
        for (const free of brokers.filter(one => !replicas.includes(one.id))) {
          for (const id of replicas) expect(held(zoneOf(free.id))).toBeGreaterThanOrEqual(held(zoneOf(id)) - 1)
        }
      }
      // Alone in their zones, any broker may take the place of any other.
      const free = spread(partitions, brokers.map(one => ({ ...one, rack: null })))
      const loads = counts(free, brokers, one => one.replicas)
      expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(1)
      expect(spread(free, brokers.map(one => ({ ...one, rack: null })))).toEqual(free)
    }), { seed: Number(process.env['SEED'] ?? 1), numRuns: 300 })
  })
})
