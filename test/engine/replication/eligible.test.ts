// KIP-966: partitions whose last in-sync replica is out of reach or lost, while others have everything that was acknowledged.
import { describe, expect, it } from 'vitest'
import { at, play, type Scene } from './scene.ts'

function standing({ partition }: Scene): string {
  const { leader, inSyncReplicas, eligibleReplicas = [], lostReplicas = [] } = partition
  return `${leader}/${inSyncReplicas.join('')}~${eligibleReplicas.join('')}!${lostReplicas.join('')}`
}

/** Comes up and is let serve. */
async function start(scene: Scene, id: number): Promise<void> {
  expect(await scene.engine.start(id)).toBeNull()
  await scene.engine.broker(id)!.running()
}

/** The process dies, and with it a broker's disk; it comes back with a blank one. */
async function loseDisk({ cluster }: Scene, id: number): Promise<void> {
  cluster.die('kill')
  cluster.machines.get(id)!.disk.replace()
  await cluster.open()
}

describe('replicas that left when too few stayed in sync', () => {
  it('lead without loss where the disk of the last one is lost, as in seed 276 of the simulation; those that left before do not', async () => {
    await play({}, async scene => {
      await scene.acknowledged(1, 'm1')
      await scene.whole()
      await scene.engine.fail(1)
      await scene.leads(2)
      await scene.acknowledged(2, 'm2')
      await scene.engine.fail(3)
      await scene.until(() => standing(scene) === '2/2~3!', 'only broker 2 is in sync')
      expect(await scene.append(2, 'too few')).toMatchObject({ code: 'not-enough-replicas' })
      await loseDisk(scene, 2)
      await scene.leads(3)
      await scene.whole()
      expect(standing(scene)).toBe('3/123~!')
      expect(await scene.read()).toEqual(['m1', 'm2'])
      for (const id of [1, 2, 3]) expect(await scene.held(id)).toEqual(['m1', 'm2'])
    })
  })

  it('lead while the last one is away, and take nothing in until enough are in sync again', async () => {
    await play({}, async scene => {
      await scene.acknowledged(1, 'm1')
      await scene.whole()
      await scene.engine.fail(3)
      await scene.engine.fail(2)
      await scene.until(() => standing(scene) === '1/1~2!', 'only broker 1 is in sync')
      await start(scene, 2)
      await scene.engine.fail(1)
      await scene.leads(2)
      await start(scene, 3)
      await scene.until(() => scene.partition.inSyncReplicas.length === 2, 'two are in sync')
      await scene.acknowledged(2, 'm2')
      await start(scene, 1)
      await scene.whole()
      for (const id of [1, 2, 3]) expect(await scene.held(id)).toEqual(['m1', 'm2'])
    })
  })

  it('do not lead once fewer in-sync replicas are enough', async () => {
    await play({}, async scene => {
      await scene.acknowledged(1, 'm1')
      await scene.whole()
      await scene.engine.fail(3)
      await scene.engine.fail(2)
      await scene.until(() => standing(scene) === '1/1~2!', 'only broker 1 is in sync')
      await scene.cluster.wide!.admin.alterConfigs({ type: 'topic', name: at.topic }, [{ name: 'min.insync.replicas', operation: 'set', value: '1' }], { validateOnly: false })
      await scene.acknowledged(1, 'm2')
      await scene.engine.fail(1)
      await start(scene, 2)
      expect(standing(scene)).toBe('-1/1~!')
      await start(scene, 1)
      await scene.leads(1)
      expect(await scene.read()).toEqual(['m1', 'm2'])
    })
  })

  it('do not lead once a process has begun for which fewer are enough', async () => {
    await play({ minInSync: undefined, settings: { 'min.insync.replicas': 2 } }, async scene => {
      await scene.acknowledged(1, 'm1')
      await scene.whole()
      await scene.engine.fail(3)
      await scene.engine.fail(2)
      await scene.until(() => standing(scene) === '1/1~2!', 'only broker 1 is in sync')
      await scene.restartProcess('kill', { 'min.insync.replicas': 1 })
      expect(scene.partition.eligibleReplicas).toBeUndefined()
    })
  })

  it('is refilled from the one that leads, if the log of the last one in sync is damaged', async () => {
    await play({}, async scene => {
      await scene.acknowledged(1, 'm1', 'm2')
      await scene.whole()
      await scene.engine.fail(3)
      await scene.engine.fail(2)
      await scene.until(() => standing(scene) === '1/1~2!', 'only broker 1 is in sync')
      await scene.engine.fail(1)
      const { present } = scene.cluster.machines.get(1)!.disk
      const path = present.files.find(one => one.includes('/topics/') && one.endsWith('.segment') && present.contentOf(one).length > 300)!
      for (const other of present.files.filter(one => one.includes('/topics/') && one.endsWith('.summary'))) await present.remove(other)
      present.rot(path, 250)
      await start(scene, 2)
      await start(scene, 1)
      await scene.leads(2)
      await scene.until(() => scene.partition.inSyncReplicas.length === 2, 'broker 1 is in sync again')
      expect(await scene.held(1)).toEqual(['m1', 'm2'])
    })
  })
})

describe('an election that may lose records', () => {
  it('takes a replica that has some before one whose disk was lost', async () => {
    await play({ minInSync: 1 }, async scene => {
      await scene.acknowledged(1, 'm1')
      await scene.whole()
      await scene.engine.fail(2)
      await scene.engine.fail(3)
      await scene.acknowledged(1, 'm2')
      await loseDisk(scene, 1)
      expect(standing(scene)).toBe('-1/~!1')
      expect(await scene.cluster.wide!.admin.electLeaders('unclean', [at])).toEqual([{ ...at, refusal: null }])
      await scene.leads(2)
      await scene.whole()
      expect(await scene.read()).toEqual(['m1'])
    })
  })
})
