import { describe, expect, it } from 'vitest'
import { Refusal } from '../../../src/ports.ts'
import { GroupWorld, joinedOf } from './group-world.ts'

const code = (expected: Refusal['code']) => expect.objectContaining({ code: expected })

describe('a new group', () => {
  it('waits the initial delay for more members, then rebalances once for all of them', async () => {
    const world = await GroupWorld.open()
    const first = world.join('')
    await world.clock.advance(2000)
    expect(world.state).toBe('PreparingRebalance')
    const second = world.join('')
    await world.clock.advance(1000)
    // The second member came within the delay, so it was extended once more.
    expect(world.state).toBe('PreparingRebalance')
    await world.clock.advance(3000)
    const [a, b] = [joinedOf(await first), joinedOf(await second)]
    expect([a.generationId, b.generationId]).toEqual([1, 1])
    expect(a).toMatchObject({ leader: 'm-1', memberId: 'm-1', protocolType: 'consumer', protocolName: 'range', skipAssignment: false })
    expect(a.members.map(member => [member.memberId, member.metadata.toString()])).toEqual([['m-1', 'topics'], ['m-2', 'topics']])
    expect(b).toMatchObject({ leader: 'm-1', memberId: 'm-2', members: [] })
  })

  it('never waits longer for members than the longest rebalance timeout', async () => {
    const world = await GroupWorld.open()
    const joins = [world.join('', { rebalanceTimeoutMs: 7000 })]
    for (let second = 0; second < 6; second++) {
      await world.clock.advance(1000)
      joins.push(world.join('', { rebalanceTimeoutMs: 7000 }))
    }
    await world.clock.advance(1000)
    expect((await Promise.all(joins)).map(joined => joinedOf(joined).generationId)).toEqual([1, 1, 1, 1, 1, 1, 1])
  })

  it('starts at once where the initial delay is 0', async () => {
    const world = await GroupWorld.open({ settings: { initialRebalanceDelayMs: 0 } })
    expect(joinedOf(await world.join('')).generationId).toBe(1)
  })

  it('gives each member the assignment that the leader sent, and writes it before anybody has it', async () => {
    const world = await GroupWorld.open()
    const joining = [world.join(''), world.join('')]
    await world.clock.advance(6000)
    const [leader, follower] = (await Promise.all(joining)).map(joinedOf)
    const followers = world.sync(follower!)
    expect(world.log.records).toHaveLength(0)
    const leaders = world.sync(leader!, { [leader!.memberId]: 'first half', [follower!.memberId]: 'second half' })
    expect(await leaders).toMatchObject({ assignment: Buffer.from('first half'), protocolName: 'range', protocolType: 'consumer' })
    expect(await followers).toMatchObject({ assignment: Buffer.from('second half') })
    expect(world.state).toBe('Stable')
    expect(world.log.records).toHaveLength(1)
  })

  it('gives no bytes to members that the leader left out', async () => {
    const world = await GroupWorld.open({ settings: { initialRebalanceDelayMs: 0 } })
    const leader = joinedOf(await world.join(''))
    expect(await world.sync(leader, {})).toMatchObject({ assignment: Buffer.alloc(0) })
  })
})

describe('who may join', () => {
  it.each([[5999], [1_800_001]])('a session timeout of %i ms is refused', async sessionTimeoutMs => {
    const world = await GroupWorld.open()
    expect(await world.join('', { sessionTimeoutMs })).toEqual(code('invalid-session-timeout'))
  })

  it('a member id that the group never gave is refused, whether the group exists or not', async () => {
    const world = await GroupWorld.open()
    expect(await world.join('stranger')).toEqual(code('unknown-member-id'))
    await world.stable(1)
    expect(await world.join('stranger')).toEqual(code('unknown-member-id'))
  })

  it('another protocol type, or no protocol in common, is refused', async () => {
    const world = await GroupWorld.open()
    expect(await world.join('', { protocolType: '' })).toEqual(code('inconsistent-group-protocol'))
    expect(await world.join('', { protocols: {} })).toEqual(code('inconsistent-group-protocol'))
    await world.stable(2)
    expect(await world.join('', { protocolType: 'connect' })).toEqual(code('inconsistent-group-protocol'))
    expect(await world.join('', { protocols: { roundrobin: '' } })).toEqual(code('inconsistent-group-protocol'))
    expect(world.state).toBe('Stable')
  })

  it('a full group refuses one more, and keeps what it has', async () => {
    const world = await GroupWorld.open({ settings: { membersMax: 2 } })
    const [a] = await world.stable(2)
    expect(await world.join('')).toEqual(code('group-max-size-reached'))
    expect(await world.heartbeat(a!.memberId, 1)).toBeNull()
    // Ids that were merely given out count as well, so that asking for ids does not fill memory.
    const other = await GroupWorld.open({ settings: { membersMax: 2 } })
    for (const expected of ['member-id-required', 'member-id-required']) expect(await other.join('', { requiresKnownMemberId: true })).toMatchObject({ refusal: code(expected as Refusal['code']) })
    expect(await other.join('', { requiresKnownMemberId: true })).toEqual(code('group-max-size-reached'))
  })

  it('while members rejoin, those already in count first', async () => {
    const world = await GroupWorld.open({ settings: { membersMax: 2 } })
    const [a, b] = await world.stable(2)
    const again = [world.join(a!.memberId, { protocols: { range: 'changed' } }), world.join(b!.memberId)]
    expect((await Promise.all(again)).map(joined => joinedOf(joined).generationId)).toEqual([2, 2])
  })

  it('protocols of unbounded size are refused', async () => {
    const world = await GroupWorld.open()
    expect(await world.join('', { protocols: { range: 'x'.repeat(1024 * 1024 + 1) } })).toEqual(code('invalid-request'))
    expect(await world.join('', { clientId: 'x'.repeat(5000) })).toEqual(code('invalid-request'))
    // Nor may many members together fill memory.
    const joins = Array.from({ length: 20 }, () => world.join('', { protocols: { range: 'x'.repeat(1024 * 1024 - 5) } }))
    await world.clock.advance(9000)
    const settled = await Promise.all(joins.map(join => Promise.race([join, Promise.resolve('waits')])))
    expect(settled.filter(one => one instanceof Refusal).map(one => (one as Refusal).code)).toEqual(Array(4).fill('group-max-size-reached'))
  })

  it('assignments of unbounded size are refused', async () => {
    const world = await GroupWorld.open({ settings: { initialRebalanceDelayMs: 0 } })
    const leader = joinedOf(await world.join(''))
    expect(await world.sync(leader, { [leader.memberId]: 'x'.repeat(8 * 1024 * 1024 + 1) })).toEqual(code('invalid-request'))
    expect(await world.sync(leader, { [leader.memberId]: 'fine' })).toMatchObject({ assignment: Buffer.from('fine') })
  })
})

describe('a member id (KIP-394)', () => {
  it('is given first, and good for the session timeout', async () => {
    const world = await GroupWorld.open({ settings: { initialRebalanceDelayMs: 0 } })
    expect(await world.join('', { requiresKnownMemberId: true })).toMatchObject({ refusal: code('member-id-required'), memberId: 'm-1' })
    expect(joinedOf(await world.join('m-1', { requiresKnownMemberId: true })).memberId).toBe('m-1')
    expect(await world.join('', { requiresKnownMemberId: true })).toMatchObject({ memberId: 'm-3' })
    await world.clock.advance(10_000)
    expect(await world.join('m-3', { requiresKnownMemberId: true })).toEqual(code('unknown-member-id'))
  })

  it('that nobody comes back with leaves no group behind', async () => {
    const world = await GroupWorld.open()
    await world.join('', { requiresKnownMemberId: true })
    expect(world.groups.list()).toHaveLength(1)
    await world.clock.advance(10_000)
    expect(world.groups.list()).toEqual([])
    expect(world.groups.size).toBe(0)
  })

  it('is waited for by a rebalance under way, as long as it is good', async () => {
    const world = await GroupWorld.open()
    const [a] = await world.stable(1)
    await world.join('', { requiresKnownMemberId: true, sessionTimeoutMs: 6000 })
    const again = world.join(a!.memberId, { protocols: { range: 'changed' } })
    await world.clock.advance(5000)
    expect(world.state).toBe('PreparingRebalance')
    await world.clock.advance(1000)
    expect(joinedOf(await again).generationId).toBe(2)
  })

  it('can be given back', async () => {
    const world = await GroupWorld.open()
    await world.join('', { requiresKnownMemberId: true })
    expect(await world.leave('m-1')).toEqual([null])
    expect(await world.join('m-1')).toEqual(code('unknown-member-id'))
  })
})

describe('the vote', () => {
  it('chooses among the protocols that all speak the one that most prefer', async () => {
    const world = await GroupWorld.open()
    const speaks = [{ sticky: '', range: '' }, { range: '', sticky: '' }, { range: '', sticky: '', exotic: '' }]
    const joined = await world.stable(3, index => ({ protocols: speaks[index]! }))
    expect(joined.map(one => one.protocolName)).toEqual(['range', 'range', 'range'])
  })

  it('ignores a favourite that somebody does not speak', async () => {
    const world = await GroupWorld.open()
    const joined = await world.stable(2, index => ({ protocols: index === 0 ? { exotic: '', range: 'r' } : { range: 'r' } }))
    expect(joined[0]!.protocolName).toBe('range')
    expect(joined[0]!.members.map(member => member.metadata.toString())).toEqual(['r', 'r'])
  })
})

describe('a stable group', () => {
  it('answers a follower that joins again unchanged with the present generation', async () => {
    const world = await GroupWorld.open()
    const [leader, follower] = await world.stable(2)
    expect(await world.join(follower!.memberId)).toMatchObject({ generationId: 1, leader: leader!.memberId, members: [] })
    expect(world.state).toBe('Stable')
  })

  it('rebalances when its leader joins again, or a follower with another subscription', async () => {
    for (const who of ['leader', 'follower'] as const) {
      const world = await GroupWorld.open()
      const [leader, follower] = await world.stable(2)
      const again = who === 'leader' ? world.join(leader!.memberId) : world.join(follower!.memberId, { protocols: { range: 'other topics' } })
      expect(world.state, who).toBe('PreparingRebalance')
      expect(await world.heartbeat((who === 'leader' ? follower! : leader!).memberId, 1)).toEqual(code('rebalance-in-progress'))
      const rest = world.join((who === 'leader' ? follower! : leader!).memberId)
      expect([joinedOf(await again).generationId, joinedOf(await rest).generationId]).toEqual([2, 2])
    }
  })

  it('takes a new member in by a rebalance that waits for the others', async () => {
    const world = await GroupWorld.open()
    const [a] = await world.stable(1)
    const newcomer = world.join('')
    expect(await world.heartbeat(a!.memberId, 1)).toEqual(code('rebalance-in-progress'))
    const again = world.join(a!.memberId)
    expect(joinedOf(await newcomer)).toMatchObject({ generationId: 2, leader: a!.memberId })
    expect(joinedOf(await again).members).toHaveLength(2)
  })

  it('goes on without the members that do not rejoin within the rebalance timeout', async () => {
    const world = await GroupWorld.open()
    const [a, b] = await world.stable(2, () => ({ sessionTimeoutMs: 60_000, rebalanceTimeoutMs: 20_000 }))
    const newcomer = world.join('', { rebalanceTimeoutMs: 20_000 })
    const again = world.join(b!.memberId, { rebalanceTimeoutMs: 20_000 })
    await world.clock.advance(19_999)
    expect(world.state).toBe('PreparingRebalance')
    await world.clock.advance(1)
    // The leader stayed away: somebody who is there leads.
    expect(joinedOf(await again)).toMatchObject({ generationId: 2, leader: b!.memberId })
    expect(joinedOf(await newcomer).generationId).toBe(2)
    expect(await world.heartbeat(a!.memberId, 1)).toEqual(code('unknown-member-id'))
  })

  it('gives its members their assignment again when they ask', async () => {
    const world = await GroupWorld.open()
    const [, follower] = await world.stable(2)
    expect(await world.sync(follower!)).toMatchObject({ assignment: Buffer.from(`assignment-${follower!.memberId}`) })
  })

  it('describes its members with what they subscribe to and are assigned', async () => {
    const world = await GroupWorld.open()
    const [a] = await world.stable(1)
    expect(world.describe()).toEqual({
      groupId: 'g', protocolType: 'consumer', state: 'Stable', generationId: 1, protocolName: 'range',
      members: [{ memberId: a!.memberId, instanceId: null, clientId: 'client', clientHost: '127.0.0.1', metadata: Buffer.from('topics'), assignment: Buffer.from(`assignment-${a!.memberId}`) }],
    })
    void world.join('')
    expect(world.describe()).toMatchObject({ state: 'PreparingRebalance', protocolName: '', members: [{ metadata: Buffer.alloc(0), assignment: Buffer.alloc(0) }, {}] })
  })
})

describe('SyncGroup', () => {
  it('refuses a wrong generation, an unknown member, another protocol, an unknown group', async () => {
    const world = await GroupWorld.open()
    expect(await world.sync({ memberId: 'm-1', generationId: 1 })).toEqual(code('unknown-member-id'))
    const [a] = await world.stable(1)
    expect(await world.sync({ memberId: a!.memberId, generationId: 0 })).toEqual(code('illegal-generation'))
    expect(await world.sync({ memberId: 'stranger', generationId: 1 })).toEqual(code('unknown-member-id'))
    expect(await world.sync(a!, {}, { protocolName: 'sticky' })).toEqual(code('inconsistent-group-protocol'))
    expect(await world.sync(a!, {}, { protocolType: 'connect' })).toEqual(code('inconsistent-group-protocol'))
    expect(await world.sync(a!, {}, { protocolType: 'consumer', protocolName: 'range' })).toMatchObject({ protocolName: 'range' })
  })

  it('is told to rejoin while the group rebalances, also where it waited already', async () => {
    const world = await GroupWorld.open()
    const joining = [world.join(''), world.join('')]
    await world.clock.advance(6000)
    const [leader, follower] = (await Promise.all(joining)).map(joinedOf)
    const waiting = world.sync(follower!)
    void world.join('')
    expect(await waiting).toEqual(code('rebalance-in-progress'))
    expect(await world.sync(leader!, {})).toEqual(code('rebalance-in-progress'))
  })

  it('that never comes costs the member its place after the rebalance timeout', async () => {
    const world = await GroupWorld.open()
    const joining = [world.join('', { sessionTimeoutMs: 100_000 }), world.join('', { sessionTimeoutMs: 100_000 })]
    await world.clock.advance(6000)
    const [leader, follower] = (await Promise.all(joining)).map(joinedOf)
    await world.sync(leader!, {})
    await world.clock.advance(60_000)
    expect(world.state).toBe('PreparingRebalance')
    expect(await world.heartbeat(follower!.memberId, 1)).toEqual(code('unknown-member-id'))
    expect(joinedOf(await world.join(leader!.memberId)).generationId).toBe(2)
  })

  it('of a leader that went away leaves nobody waiting for ever', async () => {
    const world = await GroupWorld.open()
    const joining = [world.join(''), world.join('')]
    await world.clock.advance(6000)
    const [, follower] = (await Promise.all(joining)).map(joinedOf)
    const waiting = world.sync(follower!)
    await world.clock.advance(10_000)
    // The leader's session ran out while the follower waited.
    expect(await waiting).toEqual(code('rebalance-in-progress'))
    expect(joinedOf(await world.join(follower!.memberId))).toMatchObject({ generationId: 2, leader: follower!.memberId })
  })
})

describe('a session', () => {
  it('ends without heartbeats, and the others rebalance', async () => {
    const world = await GroupWorld.open()
    const [a, b] = await world.stable(2)
    await world.clock.advance(9999)
    expect(await world.heartbeat(a!.memberId, 1)).toBeNull()
    await world.clock.advance(1)
    expect(world.state).toBe('PreparingRebalance')
    expect(await world.heartbeat(b!.memberId, 1)).toEqual(code('unknown-member-id'))
    expect(joinedOf(await world.join(a!.memberId))).toMatchObject({ generationId: 2, leader: a!.memberId })
  })

  it('of the last member leaves an empty group with its offsets', async () => {
    const world = await GroupWorld.open()
    const [a] = await world.stable(1)
    await world.commit({ 'orders/0': 5 }, a!)
    await world.clock.advance(10_000)
    expect(world.describe()).toMatchObject({ state: 'Empty', generationId: 2, protocolType: 'consumer', members: [] })
    expect(world.committed()).toEqual({ 'orders/0': 5 })
  })

  it('does not end while its member waits in a join or a sync', async () => {
    const world = await GroupWorld.open()
    const [a, b] = await world.stable(2, () => ({ sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 40_000 }))
    const again = world.join(a!.memberId, { protocols: { range: 'changed' }, rebalanceTimeoutMs: 40_000 })
    // The other one keeps its session alive, but does not come.
    for (let second = 0; second < 35; second++) {
      await world.clock.advance(1000)
      expect(await world.heartbeat(b!.memberId, 1)).toEqual(code('rebalance-in-progress'))
    }
    await world.clock.advance(5000)
    expect(joinedOf(await again).generationId).toBe(2)
  })

  it('of a new member that waits for its first rebalance ends after five minutes', async () => {
    const world = await GroupWorld.open()
    const [a] = await world.stable(1, () => ({ sessionTimeoutMs: 1_000_000, rebalanceTimeoutMs: 1_000_000 }))
    const waiting = world.join('', { rebalanceTimeoutMs: 1_000_000 })
    await world.clock.advance(300_000)
    expect(await waiting).toEqual(code('unknown-member-id'))
    expect(await world.heartbeat(a!.memberId, 1)).toEqual(code('rebalance-in-progress'))
  })

  it('is renewed by a commit', async () => {
    const world = await GroupWorld.open()
    const [a] = await world.stable(1)
    for (let round = 0; round < 5; round++) {
      await world.clock.advance(9000)
      expect(await world.commit({ 'orders/0': round }, a!)).toEqual([null])
    }
    expect(world.state).toBe('Stable')
  })
})

describe('a heartbeat', () => {
  it('is refused with a wrong generation, or from a stranger', async () => {
    const world = await GroupWorld.open()
    expect(await world.heartbeat('m-1', 1)).toEqual(code('unknown-member-id'))
    const [a] = await world.stable(1)
    expect(await world.heartbeat(a!.memberId, 0)).toEqual(code('illegal-generation'))
    expect(await world.heartbeat('stranger', 1)).toEqual(code('unknown-member-id'))
  })

  it('is fine between the join and the assignment', async () => {
    const world = await GroupWorld.open({ settings: { initialRebalanceDelayMs: 0 } })
    const a = joinedOf(await world.join(''))
    expect(world.state).toBe('CompletingRebalance')
    expect(await world.heartbeat(a.memberId, 1)).toBeNull()
  })
})

describe('leaving', () => {
  it('makes the others rebalance at once', async () => {
    const world = await GroupWorld.open()
    const [a, b] = await world.stable(2)
    expect(await world.leave(a!.memberId)).toEqual([null])
    expect(joinedOf(await world.join(b!.memberId))).toMatchObject({ generationId: 2, leader: b!.memberId })
  })

  it('of everybody empties the group', async () => {
    const world = await GroupWorld.open()
    const [a, b] = await world.stable(2)
    const members = [a!, b!].map(({ memberId }) => ({ memberId, instanceId: null, reason: null }))
    expect(await world.submit({ type: 'leave', groupId: 'g', members })).toEqual([null, null])
    expect(world.describe()).toMatchObject({ state: 'Empty', members: [], protocolType: 'consumer' })
  })

  it('is answered per member', async () => {
    const world = await GroupWorld.open()
    const [a] = await world.stable(1)
    const members = [{ memberId: 'stranger', instanceId: null, reason: null }, { memberId: a!.memberId, instanceId: null, reason: 'bye' }, { memberId: '', instanceId: 'nobody', reason: null }]
    expect(await world.submit({ type: 'leave', groupId: 'g', members })).toEqual([code('unknown-member-id'), null, code('unknown-member-id')])
    expect(await world.submit({ type: 'leave', groupId: 'none', members })).toEqual(code('unknown-member-id'))
  })

  it('ends the requests that the member still has open', async () => {
    const world = await GroupWorld.open()
    const [a] = await world.stable(1)
    const waiting = world.join('')
    expect(await world.leave('m-2')).toEqual([null])
    expect(await waiting).toEqual(code('unknown-member-id'))
    expect(joinedOf(await world.join(a!.memberId)).generationId).toBe(2)
  })
})

describe('a static member (KIP-345)', () => {
  const instance = (instanceId: string) => ({ instanceId })

  it('that comes back under a new id takes its place without a rebalance', async () => {
    const world = await GroupWorld.open()
    const [leader, follower] = await world.stable(2, index => instance(`i${index}`))
    const back = joinedOf(await world.join('', instance('i1')))
    expect(back).toMatchObject({ generationId: 1, leader: leader!.memberId, skipAssignment: false, members: [] })
    expect(back.memberId).not.toBe(follower!.memberId)
    expect(world.state).toBe('Stable')
    expect(await world.sync(back, {}, { instanceId: 'i1' })).toMatchObject({ assignment: Buffer.from(`assignment-${follower!.memberId}`) })
    expect(await world.heartbeat(follower!.memberId, 1, 'i1')).toEqual(code('fenced-instance-id'))
    expect(await world.commit({ 'orders/0': 1 }, { ...follower!, instanceId: 'i1' })).toEqual(code('fenced-instance-id'))
    expect(await world.join(follower!.memberId, instance('i1'))).toEqual(code('fenced-instance-id'))
    expect(await world.leave(follower!.memberId, 'i1')).toEqual([code('fenced-instance-id')])
  })

  it('that leads and comes back is told to skip the assignment, or that somebody else leads', async () => {
    for (const supportsSkippingAssignment of [true, false]) {
      const world = await GroupWorld.open()
      const [leader] = await world.stable(2, index => instance(`i${index}`))
      const back = joinedOf(await world.join('', { ...instance('i0'), supportsSkippingAssignment }))
      if (supportsSkippingAssignment) expect(back).toMatchObject({ leader: back.memberId, skipAssignment: true, members: [{}, {}] })
      else expect(back).toMatchObject({ leader: leader!.memberId, skipAssignment: false, members: [] })
    }
  })

  it('keeps its new id across a restart', async () => {
    const world = await GroupWorld.open()
    const [, follower] = await world.stable(2, index => instance(`i${index}`))
    const back = joinedOf(await world.join('', instance('i1')))
    const again = await GroupWorld.open({ log: world.log })
    expect(await again.heartbeat(back.memberId, 1, 'i1')).toBeNull()
    expect(await again.heartbeat(follower!.memberId, 1, 'i1')).toEqual(code('fenced-instance-id'))
  })

  it('makes the others rebalance when it comes back with protocols that change the choice', async () => {
    const world = await GroupWorld.open()
    await world.stable(1, () => ({ ...instance('i0'), protocols: { range: '', sticky: '' } }))
    const back = joinedOf(await world.join('', { ...instance('i0'), protocols: { sticky: '' } }))
    expect(back).toMatchObject({ generationId: 2, protocolName: 'sticky' })
  })

  it('keeps its place in a rebalance that it misses, until its session ends', async () => {
    const world = await GroupWorld.open()
    const [, b] = await world.stable(2, index => (index === 0 ? { ...instance('i0'), sessionTimeoutMs: 300_000 } : { sessionTimeoutMs: 300_000 }))
    const again = world.join(b!.memberId, { protocols: { range: 'changed' } })
    await world.clock.advance(60_000)
    expect(joinedOf(await again).members.map(member => member.instanceId)).toEqual(['i0', null])
    expect(world.state).toBe('CompletingRebalance')
  })

  it('fences the old one that still waits in a join', async () => {
    const world = await GroupWorld.open()
    const first = world.join('', instance('i0'))
    const second = world.join('', instance('i0'))
    expect(await first).toEqual(code('fenced-instance-id'))
    await world.clock.advance(6000)
    expect(joinedOf(await second).generationId).toBe(1)
  })

  it('is taken out by an administrator who knows only its instance id', async () => {
    const world = await GroupWorld.open()
    await world.stable(1, () => instance('i0'))
    expect(await world.leave('', 'i0')).toEqual([null])
    expect(world.state).toBe('Empty')
  })

  it('with an instance id that the group does not know is refused', async () => {
    const world = await GroupWorld.open()
    const [a] = await world.stable(1)
    expect(await world.heartbeat(a!.memberId, 1, 'i9')).toEqual(code('unknown-member-id'))
  })
})

describe('a restart', () => {
  it('keeps members, assignments and generation, and gives each member one session to be heard of', async () => {
    const world = await GroupWorld.open()
    const [a, b] = await world.stable(2)
    const again = await GroupWorld.open({ log: world.log, clock: world.clock })
    expect(again.state).toBe('Stable')
    expect(await again.heartbeat(a!.memberId, 1)).toBeNull()
    expect(await again.sync(b!)).toMatchObject({ assignment: Buffer.from(`assignment-${b!.memberId}`) })
    await again.clock.advance(10_000)
    expect(again.state).toBe('Empty')
  })

  it('in the middle of a rebalance goes back to the generation before it', async () => {
    const world = await GroupWorld.open()
    const [a] = await world.stable(1)
    void world.join('')
    expect(world.state).toBe('PreparingRebalance')
    const again = await GroupWorld.open({ log: world.log })
    expect(again.describe()).toMatchObject({ state: 'Stable', generationId: 1 })
    expect(await again.heartbeat(a!.memberId, 1)).toBeNull()
  })
})

describe('a client that hangs up', () => {
  it('while it waits in a join is let go, and expires later like any silent member', async () => {
    const world = await GroupWorld.open()
    const hangUp = new AbortController()
    const gone = world.join('', {}, hangUp.signal)
    hangUp.abort()
    expect(await gone).toEqual(code('request-timed-out'))
    await world.clock.advance(6000)
    expect(world.state).toBe('CompletingRebalance')
    await world.clock.advance(10_000)
    expect(world.state).toBe('Empty')
  })
})
