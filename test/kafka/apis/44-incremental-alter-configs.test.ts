import { describe, expect, it } from 'vitest'
import { IncrementalAlterConfigs } from '../../../src/kafka/apis/44-incremental-alter-configs.ts'
import { ErrorCode } from '../../../src/kafka/errors.ts'
import { Refusal } from '../../../src/ports.ts'
import { kafkaDesk, versionsOf } from '../../support/kafka-desk.ts'

const alice = 'User:CN=alice'
const set = (name: string, value: string | null, configOperation = 0) => ({ name, value, configOperation })
const topic = (resourceName: string, ...configs: ReturnType<typeof set>[]) => ({ resourceType: 2, resourceName, configs })

describe('IncrementalAlterConfigs', () => {
  it('sets, deletes, appends and subtracts in every version', async () => {
    for (const version of versionsOf(IncrementalAlterConfigs)) {
      const asked: unknown[] = []
      const desk = kafkaDesk({ admin: { alterConfigs: async (...all) => { asked.push(all); return null } } })
      const changes = [set('a', '1'), set('b', 'ignored', 1), set('c', 'x', 2), set('d', 'y', 3)]
      const { responses } = await desk.send(IncrementalAlterConfigs, version, { resources: [topic('orders', ...changes)], validateOnly: version === 1 })
      expect(responses).toEqual([{ errorCode: 0, errorMessage: null, resourceType: 2, resourceName: 'orders' }])
      expect(asked).toEqual([[
        { type: 'topic', name: 'orders' },
        [
          { name: 'a', operation: 'set', value: '1' }, { name: 'b', operation: 'delete', value: null },
          { name: 'c', operation: 'append', value: 'x' }, { name: 'd', operation: 'subtract', value: 'y' },
        ],
        { validateOnly: version === 1 },
      ]])
    }
  })

  it('refuses doubles, unknown operations, nulls and types without configuration, and passes refusals on', async () => {
    const desk = kafkaDesk({ admin: { alterConfigs: async () => new Refusal('invalid-config', `Unknown topic config name: nonsense`) } })
    const codes = async (...resources: { resourceType: number; resourceName: string; configs: ReturnType<typeof set>[] }[]) =>
      (await desk.send(IncrementalAlterConfigs, 1, { resources, validateOnly: false })).responses.map(one => one.errorCode)
    expect(await codes(topic('a', set('x', '1')), topic('a', set('y', '1')))).toEqual([42, 42])
    expect(await codes(topic('a', set('x', '1'), set('x', '2')))).toEqual([42])
    expect(await codes(topic('a', set('x', '1', 9)))).toEqual([42])
    expect(await codes(topic('a', set('x', null)))).toEqual([42])
    expect(await codes({ resourceType: 8, resourceName: '1', configs: [] })).toEqual([ErrorCode.INVALID_REQUEST])
    expect(await codes(topic('a', set('nonsense', '1')))).toEqual([ErrorCode.INVALID_CONFIG])
  })

  it('changes a topic so that it is seen', async () => {
    const desk = kafkaDesk()
    await desk.topic('orders')
    await desk.send(IncrementalAlterConfigs, 1, { resources: [topic('orders', set('retention.ms', '5'))], validateOnly: false })
    const [found] = await desk.backend.admin.topics(['orders'])
    expect(found!.configs.get('retention.ms')).toBe('5')
  })

  it('asks for ALTER_CONFIGS on the topic, or on the cluster for a broker', async () => {
    const desk = kafkaDesk()
    await desk.topic('mine')
    await desk.topic('yours')
    await desk.grant(alice, 'alter-configs', 'topic', 'mine')
    const broker = { resourceType: 4, resourceName: '1', configs: [set('retention.ms', '5')] }
    const resources = [topic('yours', set('retention.ms', '5')), topic('mine', set('retention.ms', '5')), broker]
    const { responses } = await desk.send(IncrementalAlterConfigs, 1, { resources, validateOnly: false }, alice)
    expect(responses.map(one => [one.resourceName, one.errorCode])).toEqual([['mine', 0], ['yours', 29], ['1', 31]])
    const [yours] = await desk.backend.admin.topics(['yours'])
    expect(yours!.configs.size).toBe(0)
  })
})
