// Random requests at random moments: whatever comes, the machine decides without changing, answers everybody in the end, and comes back from its log.
import { describe, expect, it } from 'vitest'
import { Prng } from '../../../src/base/prng.ts'
import { MachineRuntime } from '../../../src/engine/machine.ts'
import { Groups } from '../../../src/engine/groups/groups.ts'
import type { GroupCommand } from '../../../src/engine/groups/commands.ts'
import { Refusal } from '../../../src/ports.ts'
import { SimClock } from '../../sim/clock.ts'
import { silent } from '../../sim/world.ts'
import { MemoryLog } from '../memory-log.ts'
import { GroupWorld, joinedOf, settings } from './group-world.ts'

const seeds = Array.from({ length: 40 }, (_, index) => 1000 + index)

describe('a storm of requests', () => {
  it.each(seeds)('leaves a group in order (seed %i)', async seed => {
    const prng = new Prng(seed)
    const world = await GroupWorld.open({ settings: { membersMax: 6 } })
    const known: { memberId: string; generationId: number; instanceId: string | null }[] = []
    let open = 0
    const track = <T>(request: Promise<T>): Promise<T> => {
      open++
      return request.finally(() => { open-- })
    }
    for (let step = 0; step < 300; step++) {
      const one = known.length > 0 && prng.chance(0.9) ? prng.pick(known) : { memberId: 'stranger', generationId: prng.below(5), instanceId: null }
      const instanceId = prng.chance(0.3) ? `i${prng.below(3)}` : null
      const before = JSON.stringify(world.describe())
      const command = randomDecision(prng, one)
      world.groups.decide(command, world.clock.now())
      expect(JSON.stringify(world.describe()), 'deciding changes nothing').toBe(before)
      switch (prng.below(7)) {
        case 0: case 1: {
          const again = prng.chance(0.6)
          const request = world.join(again ? one.memberId : '', {
            instanceId: again ? one.instanceId : instanceId, protocols: prng.chance(0.2) ? { range: `v${prng.below(3)}`, sticky: '' } : { range: 'topics' },
            requiresKnownMemberId: prng.chance(0.5), sessionTimeoutMs: 6000 + prng.below(10_000), rebalanceTimeoutMs: 5000 + prng.below(20_000),
          })
          void track(request).then(reply => {
            if (reply instanceof Refusal) return
            if ('refusal' in reply) known.push({ memberId: reply.memberId, generationId: 0, instanceId: null })
            else known.push({ memberId: reply.memberId, generationId: reply.generationId, instanceId: again ? one.instanceId : instanceId })
          })
          break
        }
        case 2: case 3: void track(world.sync(one, Object.fromEntries(known.map(({ memberId }) => [memberId, memberId])), one.instanceId === null ? {} : { instanceId: one.instanceId })); break
        case 4: void track(world.heartbeat(one.memberId, one.generationId, one.instanceId)); break
        case 5: void track(world.commit({ [`t/${prng.below(3)}`]: step }, { memberId: one.memberId, generationId: one.generationId })); break
        case 6: if (prng.chance(0.3)) void track(world.leave(one.memberId, one.instanceId)); break
      }
      await world.clock.advance(prng.chance(0.5) ? 0 : prng.below(3000))
      await check(world, seed)
    }
    // Everybody falls silent: every session ends, nobody still waits for an answer.
    await world.clock.advance(700_000)
    expect(open, `seed ${seed}: requests without an answer`).toBe(0)
    expect(world.describe()).toMatchObject(world.groups.list().length === 0 ? { code: 'group-id-not-found' } : { state: 'Empty', members: [] })
    const again = await GroupWorld.open({ log: world.log, clock: world.clock })
    expect(again.committed()).toEqual(world.committed())
    expect(JSON.stringify(again.describe())).toBe(JSON.stringify(world.describe()))
  })

  it('of a thousand joins ends in one generation of a thousand members', async () => {
    const world = await GroupWorld.open()
    const joined = await world.stable(1000)
    expect(new Set(joined.map(one => one.generationId))).toEqual(new Set([1]))
    expect(world.describe()).toMatchObject({ state: 'Stable' })
    expect(await world.join('')).toMatchObject({ code: 'group-max-size-reached' })
  })

  it('that crashes at any record comes back to a group that goes on', async () => {
    const world = await GroupWorld.open()
    const [a, b] = await world.stable(2)
    await world.commit({ 'orders/0': 1 }, a!)
    await world.leave(b!.memberId)
    const again = world.join(a!.memberId)
    await world.sync(joinedOf(await again), { [a!.memberId]: 'all' })
    await world.commit({ 'orders/0': 2 }, { memberId: a!.memberId, generationId: 2 })
    await world.leave(a!.memberId)
    for (let count = 0; count <= world.log.batches.length; count++) {
      const log = new MemoryLog()
      log.batches.push(...world.log.batches.slice(0, count))
      const back = await GroupWorld.open({ log, settings: { initialRebalanceDelayMs: 0 } })
      await back.clock.advance(60_000)
      const joining = joinedOf(await back.join(''))
      expect(await back.sync(joining, { [joining.memberId]: 'all' })).toMatchObject({ assignment: Buffer.from('all') })
    }
  })
})

describe('a coordinator partition', () => {
  it('comes to the same records from the same requests', async () => {
    const run = async (): Promise<string> => {
      const world = await GroupWorld.open()
      const [a] = await world.stable(3)
      await world.commit({ 'orders/0': 1 }, a!)
      await world.clock.advance(20_000)
      return JSON.stringify(world.log.batches.map(batch => batch.bytes.toString('hex')))
    }
    expect(await run()).toBe(await run())
  })

  it('lets nobody wait when its log fails', async () => {
    const log = new MemoryLog({ commits: 'when told' })
    const clock = new SimClock()
    const groups = new Groups({ ...settings, initialRebalanceDelayMs: 0 })
    const runtime = await MachineRuntime.open({ name: 'groups', machine: groups, log, clock, logger: silent })
    const commit = runtime.submit({ type: 'commit', request: { groupId: 'g', memberId: '', instanceId: null, generationId: -1, offsets: [{ topic: 't', partition: 0, offset: 1, leaderEpoch: -1, metadata: '' }] } })
    log.commit(new Error('EIO'))
    expect(await commit).toMatchObject({ code: 'storage-error' })
    expect(await runtime.ask(() => groups.list())).toMatchObject({ code: 'storage-error' })
  })
})

/** A generation has one owner per place: every member of a stable group has been given its own assignment, and the leader is one of them. */
async function check(world: GroupWorld, seed: number): Promise<void> {
  const description = world.describe()
  if (description instanceof Refusal) return
  const ids = description.members.map(member => member.memberId)
  expect(new Set(ids).size, `seed ${seed}`).toBe(ids.length)
  const instances = description.members.flatMap(member => member.instanceId ?? [])
  expect(new Set(instances).size, `seed ${seed}: one member per instance`).toBe(instances.length)
  if (description.state === 'Empty') expect(ids).toEqual([])
  expect(ids.length, `seed ${seed}`).toBeLessThanOrEqual(12)
}

function randomDecision(prng: Prng, { memberId, generationId }: { memberId: string; generationId: number }): GroupCommand {
  return prng.pick<GroupCommand>([
    { type: 'heartbeat', request: { groupId: 'g', memberId, instanceId: null, generationId } },
    { type: 'leave', groupId: 'g', members: [{ memberId, instanceId: null, reason: null }] },
    { type: 'member-expired', groupId: 'g', memberId },
    { type: 'join-timeout', groupId: 'g' },
    { type: 'sync-timeout', groupId: 'g' },
    { type: 'expire-offsets' },
    { type: 'delete', groupId: 'g' },
  ])
}
