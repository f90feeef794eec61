import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { assignors, rangeAssignor, roundRobinAssignor, type Subscriber } from '../../../src/gateway/rest/consumers/assignors.ts'
import { encodeAssignment, encodeSubscription, partitionsOfAssignment, topicsOfSubscription } from '../../../src/gateway/rest/consumers/consumer-protocol.ts'

const member = (memberId: string, topics: readonly string[], instanceId: string | null = null): Subscriber => ({ memberId, instanceId, topics })
const shown = (assigned: ReturnType<typeof rangeAssignor>): Record<string, string[]> =>
  Object.fromEntries([...assigned].map(([id, partitions]) => [id, partitions.map(at => `${at.topic}${at.partition}`)]))

describe('the range assignor', () => {
  it('gives runs of each topic, the first members one more', () => {
    const assigned = rangeAssignor([member('b', ['t', 'u']), member('a', ['t', 'u'])], new Map([['u', 2], ['t', 3]]))
    expect(shown(assigned)).toEqual({ a: ['t0', 't1', 'u0'], b: ['t2', 'u1'] })
  })

  it('gives a topic only to those who want it, and nothing to who comes too late', () => {
    const assigned = rangeAssignor([member('a', ['t']), member('b', ['u']), member('c', ['t'])], new Map([['t', 1], ['u', 1]]))
    expect(shown(assigned)).toEqual({ a: ['t0'], b: ['u0'], c: [] })
  })

  it('sorts static members first, by their own names', () => {
    const assigned = rangeAssignor([member('a', ['t']), member('z', ['t'], 'one'), member('y', ['t'], 'two')], new Map([['t', 3]]))
    expect(shown(assigned)).toEqual({ z: ['t0'], y: ['t1'], a: ['t2'] })
  })
})

describe('the round-robin assignor', () => {
  it('deals all partitions out in turn, and passes over who does not want the topic', () => {
    expect(shown(roundRobinAssignor([member('a', ['t']), member('b', ['t', 'u'])], new Map([['t', 3], ['u', 2], ['v', 9]])))).toEqual({ a: ['t0', 't2'], b: ['t1', 'u0', 'u1'] })
  })
})

describe('every assignor', () => {
  const topics = ['a', 'b', 'c', 'd']
  const groups = fc.uniqueArray(fc.record({ memberId: fc.stringMatching(/^[a-z]{1,4}$/), instanceId: fc.constant(null), topics: fc.subarray(topics) }), {
    minLength: 1, maxLength: 8, selector: one => one.memberId,
  })
  const counts = fc.tuple(...topics.map(() => fc.nat(7))).map(given => new Map(topics.map((topic, at) => [topic, given[at]!])))

  it('gives each partition of a topic that somebody wants to exactly one member who wants it, whatever the order of the members', () => {
    fc.assert(fc.property(groups, counts, (members, partitions) => {
      for (const assignor of assignors.values()) {
        const assigned = assignor(members, partitions)
        expect(shown(assignor(members.toReversed(), partitions))).toEqual(shown(assigned))
        expect([...assigned.keys()].toSorted()).toEqual(members.map(({ memberId }) => memberId).toSorted())
        for (const member of members) for (const { topic } of assigned.get(member.memberId)!) expect(member.topics).toContain(topic)
        const wanted = [...partitions].flatMap(([topic, count]) => (members.some(one => one.topics.includes(topic)) ? Array.from({ length: count }, (_, at) => `${topic}${at}`) : []))
        expect(Object.values(shown(assigned)).flat().toSorted()).toEqual(wanted.toSorted())
      }
    }), { numRuns: 300 })
  })
})

describe('the bytes between members of a group', () => {
  it('are those of Kafka: a subscription, version 1', () => {
    // int16 version, topics, userData null, no owned partitions
    expect(encodeSubscription(['ab']).toString('hex')).toBe('0001' + '00000001' + '0002' + '6162' + 'ffffffff' + '00000000')
    expect(topicsOfSubscription(encodeSubscription(['orders', 'payments']))).toEqual(['orders', 'payments'])
  })

  it('are those of Kafka: an assignment, version 0', () => {
    const partitions = [{ topic: 'a', partition: 3 }, { topic: 'a', partition: 4 }]
    expect(encodeAssignment(partitions).toString('hex')).toBe('0000' + '00000001' + '0001' + '61' + '00000002' + '00000003' + '00000004' + 'ffffffff')
    expect(partitionsOfAssignment(encodeAssignment(partitions))).toEqual(partitions)
  })

  it('of other clients may be of later versions, or no such bytes at all', () => {
    const v3 = Buffer.concat([Buffer.from('0003', 'hex'), encodeSubscription(['t']).subarray(2), Buffer.from('00000005' + 'ffff', 'hex')])
    expect(topicsOfSubscription(v3)).toEqual(['t'])
    for (const bytes of [Buffer.alloc(0), Buffer.from('0000ffffff', 'hex'), Buffer.from('00007fffffff', 'hex')]) {
      expect([topicsOfSubscription(bytes), partitionsOfAssignment(bytes)]).toEqual([[], []])
    }
  })
})
