// A partition is closed while its replicas come and go: what was acknowledged lies below its end, nothing behind it, and its children wait for that end.
import { describe, expect, it } from 'vitest'
import { type Appended, Refusal, type Topic } from '../../../src/ports.ts'
import { buildBatch } from '../../../src/wire/batch.ts'
import { splitPlan } from '../../support/shards.ts'
import { at, play, type Scene } from './scene.ts'

const [left, right] = [1, 2].map(partition => ({ ...at, partition })) as [typeof at, typeof at]

function topicOf({ engine }: Scene): Topic {
  return engine.image.topic(at.topic)!
}

function split(scene: Scene): Promise<Topic | Refusal> {
  return scene.cluster.wide!.admin.reshard(at.topic, splitPlan(topicOf(scene), 0))
}

function endOf(scene: Scene): number | undefined {
  return scene.partition.seal?.endOffset
}

/** By way of the leader, as a Kafka client. */
function appendTo(scene: Scene, to: typeof at, value: string): Promise<Appended | Refusal> {
  const batch = buildBatch([{ key: null, value: Buffer.from(value) }], { timestampMs: 0 })
  const { leader } = topicOf(scene).partitions[to.partition]!
  return scene.cluster.ask('client', leader, 'produce', ({ logs }) => logs.append(to, batch, { acks: 'all', timeoutMs: 5_000 }))
}

describe('a partition that is closed', () => {
  it('has every append that was under way below its end, or refuses it', async () => {
    await play({}, async scene => {
      const sent: { readonly value: string; readonly answer: Promise<Appended | Refusal> }[] = []
      let resharding: Promise<Topic | Refusal> | undefined
      for (let nth = 0; nth < 120; nth++) {
        sent.push({ value: String(nth), answer: scene.append(1, String(nth)) })
        if (nth === 60) resharding = split(scene)
        await scene.pause(0.3)
      }
      const answers = await Promise.all(sent.map(async ({ value, answer }) => ({ value, answer: await answer })))
      expect(await resharding).toMatchObject({ partitions: { length: 3 } })
      const kept = answers.filter(({ answer }) => !(answer instanceof Refusal))
      expect(await scene.read()).toEqual(kept.map(({ value }) => value))
      expect(endOf(scene)).toBe(kept.length)
      expect(kept.length).toBeLessThan(answers.length)
      for (const { answer } of answers) if (answer instanceof Refusal) expect(answer).toMatchObject({ code: 'sealed-partition', message: expect.stringContaining('partitions 1 and 2 took its place') })
      for (const to of [left, right]) expect(await appendTo(scene, to, 'child')).toMatchObject({ baseOffset: 0 })
    })
  })

  it('ends at nothing where nobody ever wrote to it', async () => {
    await play({}, async scene => {
      expect(await split(scene)).toMatchObject({ partitions: { length: 3 } })
      expect(endOf(scene)).toBe(0)
    })
  })

  it('ends where the next leader says, if its leader goes before it could; until then its children take nothing', async () => {
    await play({}, async scene => {
      await scene.acknowledged(1, 'm1')
      await scene.whole()
      scene.silence(1)
      expect(await scene.append(1, 'only on 1', { acks: 'leader' })).not.toBeInstanceOf(Refusal)
      const resharding = split(scene)
      await scene.pause(2_000)
      expect(endOf(scene)).toBe(-1)
      expect(await appendTo(scene, left, 'early')).toMatchObject({ code: 'leader-not-available', message: 'records-1 takes records once it is known where records-0 ends, which comes before it' })
      const waiting = scene.cluster.wide!.logs.append(right, buildBatch([{ key: null, value: Buffer.from('patient') }], { timestampMs: 0 }), { acks: 'all', timeoutMs: 30_000 })
      await scene.engine.fail(1)
      expect(await resharding).toMatchObject({ partitions: [{ seal: { endOffset: 1 } }, {}, {}] })
      expect(await waiting).toMatchObject({ baseOffset: 0 })
      expect(await appendTo(scene, left, 'child')).toMatchObject({ baseOffset: 0 })
      scene.cluster.network.heal()
      await scene.engine.start(1)
      await scene.whole()
      for (const id of [1, 2, 3]) expect(await scene.held(id)).toEqual(['m1'])
    })
  })

  it('ends where it does whoever waits for that; who does is told after a while that it is not known yet', async () => {
    await play({ settings: { 'replica.lag.time.max.ms': 600_000 } }, async scene => {
      await scene.acknowledged(1, 'm1')
      await scene.whole()
      scene.silence(1)
      const late = scene.append(1, 'm2', { acks: 'leader' })
      expect(await late).not.toBeInstanceOf(Refusal)
      expect(await split(scene)).toMatchObject({ code: 'request-timed-out', message: expect.stringMatching(/^the end of records-0 is not known yet/) })
      expect(endOf(scene)).toBe(-1)
      scene.cluster.network.heal()
      await scene.until(() => endOf(scene) === 2, 'the end is known')
      expect(await scene.read()).toEqual(['m1', 'm2'])
    })
  })

  it.each(['kill', 'nothing'] as const)('ends at the same place when the process dies in between (%s)', async how => {
    await play({}, async scene => {
      await scene.acknowledged(1, 'm1', 'm2')
      await scene.whole()
      scene.silence(1)
      expect(await scene.append(1, 'm3', { acks: 'leader' })).not.toBeInstanceOf(Refusal)
      void split(scene)
      await scene.pause(500)
      expect(endOf(scene)).toBe(-1)
      await scene.restartProcess(how)
      scene.cluster.network.heal()
      await scene.until(() => (endOf(scene) ?? -1) >= 0, 'the end is known')
      expect(await scene.append(scene.partition.leader, 'more')).toMatchObject({ code: 'sealed-partition' })
      expect(await scene.read()).toEqual(['m1', 'm2', 'm3'])
      expect(endOf(scene)).toBe(3)
    })
  })

  it('ends without a leader that the controller does not hear any more, which acknowledges nothing from then on', async () => {
    await play({}, async scene => {
      await scene.acknowledged(1, 'm1')
      await scene.whole()
      for (const other of [2, 3, 'controller'] as const) {
        scene.cluster.network.cut(1, other)
        scene.cluster.network.cut(other, 1)
      }
      const zombie = scene.append(1, 'unheard', { timeoutMs: 60_000 })
      expect(await split(scene)).toMatchObject({ partitions: [{ seal: { endOffset: 1 } }, {}, {}] })
      scene.cluster.network.heal()
      expect(await zombie).toBeInstanceOf(Refusal)
      await scene.whole()
      expect(await scene.read()).toEqual(['m1'])
    })
  })

  it('still knows what an idempotent producer sends again, also under another leader', async () => {
    await play({}, async scene => {
      const producer = (baseSequence: number) => ({ id: 7, epoch: 0, baseSequence })
      for (const [nth, value] of ['a', 'b'].entries()) expect(await scene.append(1, value, {}, producer(nth))).toMatchObject({ baseOffset: nth })
      await split(scene)
      expect(await scene.append(1, 'b', {}, producer(1))).toMatchObject({ baseOffset: 1, duplicate: true })
      expect(await scene.append(1, 'c', {}, producer(2))).toMatchObject({ code: 'sealed-partition' })
      await scene.engine.fail(1)
      await scene.leads(2)
      expect(await scene.append(2, 'a', {}, producer(0))).toMatchObject({ baseOffset: 0, duplicate: true })
      expect(await scene.append(2, 'c', {}, producer(2))).toMatchObject({ code: 'sealed-partition' })
    })
  })

  it('goes on: it is moved, its leader changes, and what is deleted from it is gone', async () => {
    await play({ replicas: [1, 2] }, async scene => {
      await scene.acknowledged(1, 'm1', 'm2')
      await split(scene)
      const { admin } = scene.cluster.wide!
      await admin.reassign([{ ...at, replicas: [3, 2] }])
      await scene.until(() => scene.partition.replicas.join() === '3,2', 'it has moved')
      expect(await admin.deleteRecords(at, 1)).toEqual({ lowWatermark: 1 })
      expect(await scene.read()).toEqual(['m2'])
      expect(scene.partition).toMatchObject({ seal: { endOffset: 2 }, shard: { parents: [] } })
    })
  })
})

describe('an unclean election', () => {
  it('that costs records of a closed partition moves its end, so that nobody waits for them', async () => {
    await play({ replicas: [1, 2], minInSync: 1 }, async scene => {
      await scene.acknowledged(1, 'm1')
      await scene.whole()
      await scene.engine.fail(2)
      await scene.acknowledged(1, 'm2')
      await split(scene)
      expect(endOf(scene)).toBe(2)
      await scene.engine.fail(1)
      await scene.engine.start(2)
      await scene.engine.broker(2)!.running()
      await scene.cluster.wide!.admin.electLeaders('unclean', [at])
      await scene.until(() => endOf(scene) === 1, 'it ends earlier')
      expect(await scene.read()).toEqual(['m1'])
      await scene.engine.start(1)
      await scene.whole()
      expect(await scene.held(1)).toEqual(['m1'])
    })
  })

  it('brings nothing back behind the end of a closed partition', async () => {
    await play({ replicas: [1, 2], minInSync: 1 }, async scene => {
      await scene.acknowledged(1, 'm1')
      await scene.whole()
      scene.silence(1)
      expect(await scene.append(1, 'only on 1', { acks: 'leader' })).not.toBeInstanceOf(Refusal)
      await scene.pause(50)
      await scene.engine.fail(1)
      await split(scene)
      expect(endOf(scene)).toBe(1)
      await scene.engine.fail(2)
      scene.cluster.network.heal()
      await scene.engine.start(1)
      await scene.engine.broker(1)!.running()
      await scene.cluster.wide!.admin.electLeaders('unclean', [at])
      await scene.leads(1)
      expect(await scene.held(1)).toEqual(['m1', 'only on 1'])
      expect(await scene.read()).toEqual(['m1'])
      await scene.engine.start(2)
      await scene.whole()
      expect(await scene.cluster.wide!.logs.ends(at)).toMatchObject({ highWatermark: 1 })
      expect(endOf(scene)).toBe(1)
    })
  })
})
