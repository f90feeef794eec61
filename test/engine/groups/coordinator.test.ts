import { describe, expect, it } from 'vitest'
import { partitionOf } from '../../../src/engine/groups/coordinator.ts'
import { Refusal } from '../../../src/ports.ts'
import type { Logger } from '../../../src/world/world.ts'
import { silent } from '../../sim/world.ts'
import { openEngineWorld } from '../../support/engine-world.ts'

const orders = { name: 'orders', partitions: 1, replicationFactor: -1, configs: new Map() }
const offsets = [{ topic: 'orders', partition: 0, offset: 1, leaderEpoch: -1, metadata: '' }]
const commitOf = (groupId: string) => ({ groupId, memberId: '', instanceId: null, generationId: -1, offsets })

describe('the group coordinator', () => {
  it('makes its topic once, however many groups come first', async () => {
    await using opened = await openEngineWorld({ disksTakeTime: true })
    const { backend, world } = opened
    await world.run(async () => {
      await backend.admin.createTopic(orders, { validateOnly: false })
      const replies = await Promise.all(Array.from({ length: 40 }, (_, index) => backend.groups.commit(commitOf(`g${index}`))))
      expect(replies).toEqual(replies.map(() => [null]))
      expect((await backend.admin.topics()).map(topic => topic.name)).toEqual(['__consumer_offsets', 'orders'])
      expect((await backend.groups.list()).length).toBe(40)
    })
  })

  it('makes no topic and no file for questions alone', async () => {
    await using opened = await openEngineWorld()
    const { backend, world } = opened
    expect(await backend.groups.list()).toEqual([])
    expect(await backend.groups.committed('g')).toEqual([])
    expect(await backend.groups.describe('g')).toMatchObject({ code: 'group-id-not-found' })
    expect(await backend.groups.delete('g')).toMatchObject({ code: 'group-id-not-found' })
    expect(await backend.admin.topics()).toEqual([])
    await backend.groups.coordinator('g')
    expect((await backend.admin.topics()).map(topic => topic.name)).toEqual(['__consumer_offsets'])
    expect(await backend.groups.list()).toEqual([])
    expect(world.disk.files.filter(path => path.startsWith('/data/topics/'))).toEqual([])
  })

  it('knows its groups after a restart, in whatever partition they are', async () => {
    const first = await openEngineWorld()
    await first.backend.admin.createTopic(orders, { validateOnly: false })
    const names = Array.from({ length: 120 }, (_, index) => `group-${index}`)
    for (const name of names) await first.backend.groups.commit(commitOf(name))
    expect(new Set(names.map(name => partitionOf(name, 50))).size).toBeGreaterThan(20)
    await first.engine.close()
    await using again = await openEngineWorld({ disk: first.world.disk })
    expect((await again.backend.groups.list()).map(group => group.groupId).toSorted()).toEqual(names.toSorted())
    for (const name of names) expect(await again.backend.groups.committed(name)).toMatchObject([{ offset: 1 }])
  })

  it('serves the other partitions where one is damaged, and refuses the groups of that one', async () => {
    const first = await openEngineWorld()
    await first.backend.admin.createTopic(orders, { validateOnly: false })
    const [bad, good] = ['a', 'b'].map(name => ({ name, partition: partitionOf(name, 50) }))
    for (const { name } of [bad!, good!]) for (let count = 0; count < 5; count++) await first.backend.groups.commit(commitOf(name))
    await first.engine.close()
    const { disk } = first.world
    const segment = disk.files.find(path => new RegExp(`topics/[^/]+/${bad!.partition}/.*segment$`).test(path))!
    disk.rot(segment, 4096 + 80)
    const warnings: string[] = []
    const logger: Logger = { ...silent, warn: (_, message) => { warnings.push(message) } }
    await using again = await openEngineWorld({ disk, logger })
    expect(await again.backend.groups.committed('a')).toMatchObject({ code: 'storage-error' })
    expect(await again.backend.groups.commit(commitOf('a'))).toMatchObject({ code: 'storage-error' })
    expect(await again.backend.groups.commit(commitOf('b'))).toEqual([null])
    expect((await again.backend.groups.list()).map(group => group.groupId)).toEqual(['b'])
    expect(warnings).toContain('the groups of a coordinator partition cannot be told')
  })

  it('lets nobody commit to a topic that is being deleted', async () => {
    await using opened = await openEngineWorld({ disksTakeTime: true })
    const { backend, world } = opened
    await world.run(async () => {
      for (let round = 0; round < 10; round++) {
        await backend.admin.createTopic(orders, { validateOnly: false })
        await backend.groups.commit(commitOf('g'))
        const commits = Array.from({ length: 5 }, () => backend.groups.commit(commitOf('g')))
        const deletion = backend.admin.deleteTopic('orders')
        commits.push(...Array.from({ length: 5 }, () => backend.groups.commit(commitOf('g'))))
        // Made again at once: what was committed to the old one must not be seen through the new one.
        const again = backend.admin.createTopic(orders, { validateOnly: false })
        // Nor must what is committed to the new one be taken for the old one's.
        const late = again.then(() => backend.groups.commit(commitOf('late')))
        await Promise.all([deletion, ...commits])
        expect(await late).toEqual([null])
        expect(await backend.groups.committed('late')).toMatchObject([{ offset: 1 }])
        expect(await again).not.toBeInstanceOf(Refusal)
        expect(await backend.groups.committed('g')).toEqual([])
        expect(await backend.groups.commit(commitOf('g'))).toEqual([null])
        await backend.admin.deleteTopic('orders')
      }
    })
  })
})
