// The ways in which Kafka has lost records, or nearly so, as scripts: each must end as reliability.md §1.2 says.
import { crc32c } from '@node-rs/crc32'
import { describe, expect, it } from 'vitest'
import type { BrokerPeer, ControllerPeer, Links } from '../../../src/engine/links.ts'
import { Refusal } from '../../../src/ports.ts'
import type { Sabotage } from '../../sim/cluster/cluster.ts'
import { at, play } from './scene.ts'

const others = [2, 3]

describe('KIP-101, KAFKA-1211: followers cut off by leader epoch', () => {
  it.each(['kill', 'nothing'] as const)('a follower that does not know yet that its last record is committed keeps it over a restart (%s)', async how => {
    await play({ replicas: [1, 2] }, async scene => {
      await scene.acknowledged(1, 'm1', 'm2')
      expect(scene.replica(2)!.highWatermark).toBeLessThan(2)
      await scene.restartProcess(how)
      expect(await scene.engine.fail(1)).toBeNull()
      await scene.leads(2)
      expect(await scene.held(2)).toEqual(['m1', 'm2'])
      expect(await scene.engine.start(1)).toBeNull()
      await scene.whole()
      expect(await scene.read()).toEqual(['m1', 'm2'])
    })
  })

  it('after both crash, records that differ at one offset become those of the leader', async () => {
    await play({ replicas: [1, 2], minInSync: 1 }, async scene => {
      await scene.acknowledged(1, 'm1')
      scene.silence(1)
      expect(await scene.append(1, 'only on 1', { acks: 'leader' })).not.toBeInstanceOf(Refusal)
      await scene.pause(50)
      await scene.restartProcess('nothing')
      scene.silence(1)
      expect(await scene.held(1)).toEqual(['m1', 'only on 1'])
      expect(await scene.engine.fail(1)).toBeNull()
      await scene.leads(2)
      await scene.acknowledged(2, 'm2')
      scene.cluster.network.heal()
      expect(await scene.engine.start(1)).toBeNull()
      await scene.whole()
      expect(await scene.held(1)).toEqual(['m1', 'm2'])
      expect(await scene.held(2)).toEqual(['m1', 'm2'])
    })
  })
})

describe('KIP-279, KAFKA-6361: two fast fail-overs', () => {
  it('a follower whose latest epoch the leader never saw ends with the same log', async () => {
    await play({ minInSync: 1 }, async scene => {
      await scene.acknowledged(1, 'm1')
      await scene.whole()
      scene.silence(1)
      await scene.append(1, 'only on 1', { acks: 'leader' })
      await scene.pause(50)
      await scene.engine.fail(1)
      await scene.leads(2)
      scene.silence(2)
      await scene.append(2, 'only on 2', { acks: 'leader' })
      await scene.append(2, 'only on 2, too', { acks: 'leader' })
      await scene.pause(50)
      await scene.engine.fail(2)
      await scene.leads(3)
      expect(await scene.held(3)).toEqual(['m1'])
      scene.cluster.network.heal()
      await scene.acknowledged(3, 'm2')
      await scene.engine.start(1)
      await scene.engine.start(2)
      await scene.whole()
      for (const id of [1, 2, 3]) expect(await scene.held(id)).toEqual(['m1', 'm2'])
    })
  })
})

describe('KIP-320: those who believe in another leader epoch', () => {
  it('a leader that nobody follows any more acknowledges nothing; stale and early epochs are refused; a reader is told where its log parts', async () => {
    await play({}, async scene => {
      await scene.acknowledged(1, 'm1')
      await scene.whole()
      const old = scene.partition.leaderEpoch
      for (const other of [...others, 'controller' as const]) {
        scene.cluster.network.cut(1, other)
        scene.cluster.network.cut(other, 1)
      }
      const [zombie] = await Promise.all([scene.append(1, 'never'), scene.until(() => scene.partition.leader === 2, 'broker 2 is elected')])
      expect(zombie).toBeInstanceOf(Refusal)
      await scene.leads(2)
      const present = scene.partition.leaderEpoch
      expect(present).toBeGreaterThan(old)
      const how = { bytesMax: 1000, atLeastOne: true, committedOnly: false }
      const ask = (broker: number, from: number, epochs: object) => scene.cluster.ask('client', broker, 'fetch', ({ logs }) => logs.read(at, from, { ...how, ...epochs }))
      expect(await ask(1, 0, { leaderEpoch: present })).toMatchObject({ code: 'unknown-leader-epoch' })
      expect(await ask(2, 0, { leaderEpoch: old })).toMatchObject({ code: 'fenced-leader-epoch' })
      expect(await scene.append(2, 'stale', { leaderEpoch: old })).toMatchObject({ code: 'fenced-leader-epoch' })
      // Whoever had read what broker 1 still holds.
      expect(await ask(2, 2, { leaderEpoch: present, lastFetchedEpoch: old })).toMatchObject({ diverging: { leaderEpoch: old, endOffset: 1 }, batches: [] })
      await scene.acknowledged(2, 'm2')
      scene.cluster.network.heal()
      await scene.whole()
      expect(await scene.held(1)).toEqual(['m1', 'm2'])
    })
  })
})

describe('KIP-903, KAFKA-14139: an empty disk behind a broker that was about to be in sync', () => {
  it('a change of the in-sync set that names its earlier life is refused', async () => {
    const held = Promise.withResolvers<void>()
    let isHolding = false
    let hasHeld = false
    const answers: unknown[] = []
    const between: Sabotage = links => ({
      ...links,
      controller: from => {
        const peer = links.controller(from)
        const submit: ControllerPeer['submit'] = async command => {
          if (command.type !== 'alter-partitions' || !isHolding || hasHeld) return peer.submit(command)
          hasHeld = true
          await held.promise
          const answer = await peer.submit(command)
          answers.push(answer.reply)
          return answer
        }
        return { heartbeat: peer.heartbeat, metadata: peer.metadata, submit }
      },
    })
    await play({ settings: { 'replica.lag.time.max.ms': 2_000 }, between }, async scene => {
      await scene.acknowledged(1, 'm1')
      await scene.whole()
      scene.cluster.network.cut(3, 1)
      await scene.append(1, 'm2')
      await scene.until(() => !scene.partition.inSyncReplicas.includes(3), 'broker 3 is out of sync')
      isHolding = true
      scene.cluster.network.mend(3, 1)
      await scene.until(() => hasHeld, 'broker 1 asks to let broker 3 in')
      const { disk } = scene.cluster.machines.get(3)!
      disk.break()
      void scene.cluster.wide!.admin.createTopic({ name: 'noticed', partitions: 1, replicationFactor: 3, configs: new Map() }, { validateOnly: false })
      await scene.until(() => scene.engine.broker(3) === undefined, 'broker 3 is down')
      disk.replace()
      // It cannot be filled while nobody reaches the leader.
      scene.cluster.network.cut(3, 1)
      expect(await scene.engine.start(3)).toBeNull()
      await scene.until(() => scene.engine.broker(3)?.isRunning === true, 'broker 3 runs')
      held.resolve()
      await scene.until(() => answers.length > 0, 'the change is answered')
      expect(answers).toEqual([[expect.objectContaining({ code: expect.stringMatching(/replica-not-available|invalid-request|fenced/) as string })]])
      await scene.pause(1_000)
      expect(scene.partition.inSyncReplicas).toEqual([1, 2])
      scene.cluster.network.heal()
      await scene.whole()
      expect(await scene.held(3)).toEqual(['m1', 'm2'])
    })
  })
})

describe('KIP-966: the last replica standing', () => {
  it('loses nothing that was acknowledged when its power fails, and commits nothing alone', async () => {
    await play({}, async scene => {
      await scene.acknowledged(1, 'm1', 'm2', 'm3')
      await scene.whole()
      await scene.engine.fail(2)
      await scene.engine.fail(3)
      await scene.until(() => scene.partition.inSyncReplicas.join() === '1', 'broker 1 stands alone')
      await scene.until(() => scene.replica(1)!.leadership?.partition.inSyncReplicas.length === 1, 'broker 1 knows')
      expect(await scene.append(1, 'refused')).toMatchObject({ code: 'not-enough-replicas' })
      expect(await scene.append(1, 'alone', { acks: 'leader' })).not.toBeInstanceOf(Refusal)
      await scene.pause(1_000)
      expect(scene.replica(1)!.highWatermark).toBe(3)
      await scene.restartProcess('nothing')
      await scene.whole()
      const values = await scene.held(1)
      expect(values.slice(0, 3)).toEqual(['m1', 'm2', 'm3'])
      for (const id of others) expect(await scene.held(id)).toEqual(values)
    })
  })
})

describe('idempotent producers across a fail-over', () => {
  it('the last five batches are known for what they are, older ones and later ones refused', async () => {
    await play({}, async scene => {
      const producer = (baseSequence: number) => ({ id: 7, epoch: 0, baseSequence })
      for (let sequence = 0; sequence < 6; sequence++) expect(await scene.append(1, `m${sequence}`, {}, producer(sequence))).toMatchObject({ baseOffset: sequence })
      await scene.engine.fail(1)
      await scene.leads(2)
      for (let sequence = 1; sequence < 6; sequence++) expect(await scene.append(2, `m${sequence}`, {}, producer(sequence))).toMatchObject({ baseOffset: sequence })
      expect(await scene.append(2, 'm0', {}, producer(0))).toMatchObject({ code: 'out-of-order-sequence-number' })
      expect(await scene.append(2, 'm7', {}, producer(7))).toMatchObject({ code: 'out-of-order-sequence-number' })
      expect(await scene.append(2, 'm6', {}, producer(6))).toMatchObject({ baseOffset: 6 })
      expect(await scene.read()).toEqual(['m0', 'm1', 'm2', 'm3', 'm4', 'm5', 'm6'])
    })
  })

  it('sequence numbers begin again after 2^31 - 1, and a batch that was cut off is taken anew', async () => {
    await play({}, async scene => {
      const last = 2 ** 31 - 1
      const producer = (baseSequence: number) => ({ id: 7, epoch: 0, baseSequence })
      expect(await scene.append(1, 'last', {}, producer(last))).toMatchObject({ baseOffset: 0 })
      await scene.whole()
      scene.silence(1)
      // Written, and never replicated: the next leader has not seen it.
      const [lost] = await Promise.all([scene.append(1, 'first again', {}, producer(0)), scene.pause(20).then(() => scene.engine.fail(1))])
      expect(lost).toBeInstanceOf(Refusal)
      scene.cluster.network.heal()
      await scene.leads(2)
      expect(await scene.append(2, 'last', {}, producer(last))).toMatchObject({ baseOffset: 0 })
      expect(await scene.append(2, 'first again', {}, producer(0))).toMatchObject({ baseOffset: 1 })
      await scene.engine.start(1)
      await scene.whole()
      await scene.restartProcess('nothing')
      await scene.until(() => scene.partition.leader >= 0, 'somebody leads')
      await scene.leads(scene.partition.leader)
      expect(await scene.append(scene.partition.leader, 'first again', {}, producer(0))).toMatchObject({ baseOffset: 1 })
      expect(await scene.read()).toEqual(['last', 'first again'])
    })
  })
})

describe('CVE-2026-35554: buffers that two sides hold', () => {
  it('a batch that a follower was given is never changed, whatever becomes of leader and follower', async () => {
    const given: { readonly bytes: Buffer; readonly crc: number }[] = []
    const watched = (links: Links): Links => ({
      ...links,
      broker: (from, to): BrokerPeer => {
        const peer = links.broker(from, to)
        return {
          progress: report => peer.progress(report),
          fetch: async request => {
            const response = await peer.fetch(request)
            for (const { batches } of response.partitions) for (const { bytes } of batches) given.push({ bytes, crc: crc32c(bytes) })
            return response
          },
        }
      },
    })
    await play({ between: watched }, async scene => {
      for (let turn = 0; turn < 3; turn++) {
        const { leader } = scene.partition
        await scene.leads(leader)
        for (let count = 0; count < 5; count++) await scene.acknowledged(leader, `turn ${turn}, ${count}`)
        await scene.engine.fail(leader)
        await scene.until(() => scene.partition.leader !== leader && scene.partition.leader >= 0, 'another leads')
        await scene.engine.start(leader)
        await scene.whole()
      }
      expect(given.length).toBeGreaterThan(15)
      expect(given.filter(({ bytes, crc }) => crc32c(bytes) !== crc)).toEqual([])
    })
  })
})

describe('records that were deleted', () => {
  it('are deleted on followers too, where nothing is appended afterwards', async () => {
    await play({}, async scene => {
      await scene.acknowledged(1, 'm1', 'm2', 'm3')
      await scene.whole()
      await scene.pause(2_000)
      expect(await scene.cluster.wide!.admin.deleteRecords(at, 2)).toEqual({ lowWatermark: 2 })
      await scene.until(() => [1, 2, 3].every(id => scene.replica(id)!.log!.startOffset === 2), 'every replica begins at 2')
      await scene.engine.fail(1)
      await scene.leads(2)
      expect(await scene.read()).toEqual(['m3'])
    })
  })
})

describe('what the simulation has found', () => {
  it('a follower on a full disk does not open its log again and again, and keeps its high watermark', async () => {
    await play({}, async scene => {
      await scene.acknowledged(1, 'm1', 'm2', 'm3')
      await scene.whole()
      await scene.until(() => scene.replica(2)!.highWatermark === 3, 'broker 2 knows the high watermark')
      const { present } = scene.cluster.machines.get(2)!.disk
      present.limitBytes = present.usedBytes
      await scene.append(1, 'm4')
      await scene.until(() => scene.replica(2)!.fault?.kind === 'full', 'broker 2 has found its disk full')
      let opened = 0
      present.onOperation = operation => { if (operation === 'open') opened++ }
      await scene.pause(10_000)
      present.onOperation = undefined
      expect(opened).toBeLessThan(500)
      present.limitBytes = Infinity
      await scene.until(() => scene.replica(2)!.log !== undefined, 'broker 2 has opened its log again')
      expect(scene.replica(2)!.highWatermark).toBeGreaterThanOrEqual(3)
      await scene.whole()
      expect(await scene.held(2)).toEqual(await scene.held(1))
    })
  })

  it('a follower whose full disk keeps it from cutting its log off is not taken for one that has', async () => {
    await play({}, async scene => {
      await scene.acknowledged(1, 'm1', 'm2')
      await scene.whole()
      scene.silence(1)
      expect(await scene.append(1, 'only on 1', { acks: 'leader' })).not.toBeInstanceOf(Refusal)
      await scene.pause(50)
      await scene.engine.stop(1)
      await scene.leads(2)
      scene.cluster.network.heal()
      const { present } = scene.cluster.machines.get(1)!.disk
      present.limitBytes = present.usedBytes
      await scene.engine.start(1)
      for (let seconds = 0; seconds < 30; seconds++) {
        await scene.pause(1_000)
        expect(scene.partition.inSyncReplicas).not.toContain(1)
      }
      present.limitBytes = Infinity
      await scene.whole()
      for (const id of [1, 2, 3]) expect(await scene.held(id)).toEqual(['m1', 'm2'])
    })
  })

  it('a broker whose disk fails while it starts is not up, and comes up once it has another', async () => {
    await play({}, async scene => {
      await scene.acknowledged(1, 'm1', 'm2')
      await scene.whole()
      await scene.engine.fail(2)
      const { disk } = scene.cluster.machines.get(2)!
      const starting = scene.engine.start(2)
      disk.break()
      // Noticed by whatever is written first; the catalog's copy is.
      void scene.cluster.wide!.admin.createTopic({ name: 'noticed', partitions: 1, replicationFactor: 3, configs: new Map() }, { validateOnly: false })
      await starting.catch(() => {})
      await scene.until(() => scene.engine.broker(2) === undefined, 'broker 2 is down')
      disk.replace()
      expect(await scene.engine.start(2)).toBeNull()
      await scene.whole()
      expect(await scene.held(2)).toEqual(['m1', 'm2'])
    })
  })
})
