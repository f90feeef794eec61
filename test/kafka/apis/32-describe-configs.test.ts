import { describe, expect, it } from 'vitest'
import { DescribeConfigs } from '../../../src/kafka/apis/32-describe-configs.ts'
import { ErrorCode } from '../../../src/kafka/errors.ts'
import { type ConfigEntry, Refusal } from '../../../src/ports.ts'
import { kafkaDesk, versionsOf } from '../../support/kafka-desk.ts'

const alice = 'User:CN=alice'
const topic = (resourceName: string, configurationKeys: string[] | null = null) => ({ resourceType: 2, resourceName, configurationKeys })
const broker = (resourceName: string) => ({ resourceType: 4, resourceName, configurationKeys: null })

const entry: ConfigEntry = {
  name: 'retention.ms', value: '1000', source: 'topic', readOnly: false, sensitive: false, type: 'long', documentation: 'How long.',
  synonyms: [{ name: 'retention.ms', value: '1000', source: 'topic' }, { name: 'log.retention.ms', value: '5000', source: 'dynamic-broker' }],
}
const secret: ConfigEntry = {
  ...entry, name: 'ssl.key', sensitive: true, type: 'string', source: 'static-broker', synonyms: [{ name: 'ssl.key', value: 'hunter2', source: 'static-broker' }],
}

describe('DescribeConfigs', () => {
  it('tells value, source, type, synonyms and documentation in every version that has them', async () => {
    const desk = kafkaDesk({ admin: { describeConfigs: async () => [entry] } })
    for (const version of versionsOf(DescribeConfigs)) {
      const documented = version >= 3 ? { includeDocumentation: true } : undefined
      const { results } = await desk.send(DescribeConfigs, version, { resources: [topic('orders')], includeSynonyms: true, ...documented })
      expect(results, `v${version}`).toEqual([{
        errorCode: 0, errorMessage: null, resourceType: 2, resourceName: 'orders',
        configs: [{
          name: 'retention.ms', value: '1000', readOnly: false, configSource: 1, isSensitive: false,
          synonyms: [{ name: 'retention.ms', value: '1000', source: 1 }, { name: 'log.retention.ms', value: '5000', source: 2 }],
          configType: version >= 3 ? 5 : 0, documentation: version >= 3 ? 'How long.' : null,
        }],
      }])
    }
    const plain = await desk.send(DescribeConfigs, 4, { resources: [topic('orders')] })
    expect(plain.results[0]!.configs[0]).toMatchObject({ synonyms: [], documentation: null })
  })

  it('gives only the keys asked for, and all for none', async () => {
    const desk = kafkaDesk()
    await desk.topic('orders')
    const names = async (keys: string[] | null) => (await desk.send(DescribeConfigs, 4, { resources: [topic('orders', keys)] })).results[0]!.configs.map(one => one.name)
    expect(await names(['retention.ms', 'nonsense'])).toEqual(['retention.ms'])
    expect((await names(null)).length).toBeGreaterThan(10)
    expect(await names([])).toEqual(await names(null))
  })

  it('never shows a sensitive value, nor that of its synonyms', async () => {
    const desk = kafkaDesk({ admin: { describeConfigs: async () => [secret] } })
    const { results } = await desk.send(DescribeConfigs, 4, { resources: [broker('1')], includeSynonyms: true })
    expect(results[0]!.configs[0]).toMatchObject({ value: null, isSensitive: true, configSource: 4, synonyms: [{ value: null }] })
    expect(JSON.stringify(results)).not.toContain('hunter2')
  })

  it('marks what is set for all brokers as the default of the cluster', async () => {
    const desk = kafkaDesk({ admin: { describeConfigs: async () => [{ ...entry, source: 'dynamic-broker' }] } })
    const { results } = await desk.send(DescribeConfigs, 4, { resources: [broker('1'), broker('')] })
    expect(results.map(one => one.configs[0]!.configSource)).toEqual([2, 3])
  })

  it('answers each resource for itself: unknown topics, refusals, types without configuration', async () => {
    const desk = kafkaDesk({ admin: { describeConfigs: async ({ name }) => (name === 'orders' ? [entry] : new Refusal('unknown-topic', `no topic '${name}'`)) } })
    const { results } = await desk.send(DescribeConfigs, 4, { resources: [topic('nowhere'), { resourceType: 16, resourceName: 'm', configurationKeys: null }, topic('orders')] })
    expect(results.map(one => [one.resourceName, one.errorCode])).toEqual([['nowhere', 3], ['m', ErrorCode.INVALID_REQUEST], ['orders', 0]])
    expect(results[0]!.errorMessage).toBe(`no topic 'nowhere'`)
    expect(results[1]!.errorMessage).toContain('resource type 16')
  })

  it('asks for DESCRIBE_CONFIGS on the topic, or on the cluster for a broker', async () => {
    const desk = kafkaDesk()
    await desk.topic('mine')
    await desk.grant(alice, 'alter-configs', 'topic', 'mine')
    const { results } = await desk.send(DescribeConfigs, 4, { resources: [topic('yours'), topic('mine'), broker('1')] }, alice)
    expect(results.map(one => [one.resourceName, one.errorCode, one.configs.length > 0])).toEqual([['mine', 0, true], ['yours', 29, false], ['1', 31, false]])
  })
})
