import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { brokerConfigs } from '../../../src/engine/catalog/broker-configs.ts'
import { faultOf } from '../../../src/engine/catalog/config-types.ts'
import { alteredBrokerConfigs, alteredTopicConfigs, Configs } from '../../../src/engine/catalog/configs.ts'
import { topicConfigs } from '../../../src/engine/catalog/topic-configs.ts'
import { logConfigOf } from '../../../src/engine/log-configs.ts'
import type { ConfigChange, ConfigEntry, Topic } from '../../../src/ports.ts'

const topic = (configs: Record<string, string> = {}): Topic => ({ name: 'orders', id: '', internal: false, createdAtMs: 0, partitions: [], configs: new Map(Object.entries(configs)) })
const none = new Map<string, string>()
const set = (name: string, value: string | null): ConfigChange => ({ name, operation: 'set', value })

function configsWith(settings: Record<string, string | number | boolean> = {}, dynamic: Record<string, Record<string, string>> = {}): Configs {
  const levels = new Map(Object.entries(dynamic).map(([broker, values]) => [broker, new Map(Object.entries(values))]))
  return new Configs({ brokerId: 1, settings, dynamic: () => levels })
}
const entryOf = (entries: readonly ConfigEntry[], name: string): ConfigEntry => entries.find(one => one.name === name)!

describe('the value of a topic config', () => {
  it('is its own, or one set for the broker, or for all brokers, or given at the start, or the default', () => {
    const settings = { 'log.retention.ms': 4 }
    expect(configsWith(settings, { '': { 'log.retention.ms': '3' }, '1': { 'log.retention.ms': '2' } }).topic(new Map([['retention.ms', '1']]), 'retention.ms')).toBe('1')
    expect(configsWith(settings, { '': { 'log.retention.ms': '3' }, '1': { 'log.retention.ms': '2' } }).topic(none, 'retention.ms')).toBe('2')
    expect(configsWith(settings, { '': { 'log.retention.ms': '3' } }).topic(none, 'retention.ms')).toBe('3')
    expect(configsWith(settings).topic(none, 'retention.ms')).toBe('4')
    expect(configsWith().topic(none, 'retention.ms')).toBe('604800000')
  })

  it('comes from minutes and hours where those are given, milliseconds first', () => {
    expect(configsWith({ 'log.retention.hours': 2 }).topic(none, 'retention.ms')).toBe('7200000')
    expect(configsWith({ 'log.retention.hours': 2, 'log.retention.minutes': 3 }).topic(none, 'retention.ms')).toBe('180000')
    expect(configsWith({ 'log.retention.hours': 2, 'log.retention.ms': 5 }).topic(none, 'retention.ms')).toBe('5')
    expect(configsWith({ 'log.retention.hours': -1 }).topic(none, 'retention.ms')).toBe('-1')
  })

  it('is described with where it comes from, strongest first', () => {
    const configs = configsWith({ 'log.retention.hours': 1 }, { '': { 'log.retention.ms': '3' } })
    const described = configs.describeTopic(topic({ 'retention.ms': '1' }))
    expect(described.map(one => one.name)).toEqual([...topicConfigs.keys()])
    expect(entryOf(described, 'retention.ms')).toMatchObject({
      value: '1', source: 'topic', readOnly: false, sensitive: false, type: 'long',
      synonyms: [
        { name: 'retention.ms', value: '1', source: 'topic' }, { name: 'log.retention.ms', value: '3', source: 'dynamic-broker' },
        { name: 'log.retention.hours', value: '3600000', source: 'static-broker' }, { name: 'log.retention.ms', value: '604800000', source: 'default' },
      ],
    })
    expect(entryOf(described, 'max.message.bytes')).toMatchObject({ value: '1048588', source: 'default' })
  })

  it('reaches the log as a number', () => {
    expect(logConfigOf(configsWith(), new Map([['message.timestamp.type', 'LogAppendTime'], ['segment.bytes', '2097152']]))).toMatchObject({
      timestampType: 'append', segmentBytes: 2_097_152, retentionMs: 604_800_000, retentionBytes: -1, messageBytesMax: 1_048_588, timestampAfterMaxMs: 3_600_000,
    })
  })
})

describe('the settings of a broker', () => {
  it('are refused at the start where the name is unknown or the value bad', () => {
    expect(() => configsWith({ 'log.cleaner.threads': 2 })).toThrow('Unknown broker config name: log.cleaner.threads')
    expect(() => configsWith({ 'num.partitions': 'many' })).toThrow('Invalid value many for configuration num.partitions: Not a number of type INT')
    expect(() => configsWith({ 'num.partitions': 0 })).toThrow('Value must be at least 1')
    expect(() => configsWith({ 'auto.create.topics.enable': 'yes' })).toThrow('Expected value to be either true or false')
  })

  it('are described: those of the start read-only, those that can change with their source', () => {
    const configs = configsWith({ 'num.partitions': 3 }, { '1': { 'message.max.bytes': '7' } })
    const described = configs.describeBroker('1')
    expect(described.map(one => one.name)).toEqual([...brokerConfigs.keys()])
    expect(entryOf(described, 'num.partitions')).toMatchObject({ value: '3', source: 'static-broker', readOnly: true })
    expect(entryOf(described, 'message.max.bytes')).toMatchObject({ value: '7', source: 'dynamic-broker', readOnly: false })
    expect(entryOf(described, 'log.retention.ms')).toMatchObject({ value: null, source: 'default' })
    expect(configs.describeBroker('')).toEqual([])
  })
})

describe('altering configs', () => {
  it('takes all changes or none', () => {
    expect(alteredTopicConfigs(none, [set('retention.ms', '5'), set('segment.bytes', '1')], () => '')).toMatchObject({
      code: 'invalid-config', message: 'Invalid value 1 for configuration segment.bytes: Value must be at least 1048576',
    })
    expect(alteredTopicConfigs(new Map([['retention.ms', '1']]), [set('segment.ms', '5'), { name: 'retention.ms', operation: 'delete', value: null }], () => ''))
      .toEqual(new Map([['segment.ms', '5']]))
  })

  it.each<[ConfigChange, string, string]>([
    [set('nonsense', '1'), 'invalid-config', 'Unknown topic config name: nonsense'],
    [set('retention.ms', null), 'invalid-request', 'Null value not supported for : retention.ms'],
    [set('retention.ms', '-2'), 'invalid-config', 'Invalid value -2 for configuration retention.ms: Value must be at least -1'],
    [set('message.timestamp.type', 'never'), 'invalid-config', 'Invalid value never for configuration message.timestamp.type: String must be one of: CreateTime, LogAppendTime'],
    [set('compression.type', 'gzip'), 'invalid-config', 'Invalid value gzip for configuration compression.type: String must be one of: producer'],
    [{ name: 'retention.ms', operation: 'append', value: '1' }, 'invalid-config', "Can't APPEND to key retention.ms because its type is not LIST."],
    [{ name: 'cleanup.policy', operation: 'append', value: 'compact' }, 'invalid-config', 'Invalid value delete,compact for configuration cleanup.policy: String must be one of: delete'],
    [{ name: 'cleanup.policy', operation: 'subtract', value: 'delete' }, 'invalid-config', 'Invalid value  for configuration cleanup.policy: Configuration may not be empty; String must be one of: delete'],
  ])('refuses %j', (change, code, message) => {
    expect(alteredTopicConfigs(none, [change], () => 'delete')).toMatchObject({ code, message })
  })

  it('adds to a list what it has not yet', () => {
    expect(alteredTopicConfigs(none, [{ name: 'cleanup.policy', operation: 'append', value: 'delete' }], () => 'delete')).toEqual(new Map([['cleanup.policy', 'delete']]))
  })

  it('of a broker takes only what can change while it runs', () => {
    expect(alteredBrokerConfigs(none, [set('num.partitions', '3')])).toMatchObject({ code: 'invalid-request', message: 'Cannot update these configs dynamically: Set(num.partitions)' })
    expect(alteredBrokerConfigs(none, [set('nonsense', '3')])).toMatchObject({ code: 'invalid-config' })
    expect(alteredBrokerConfigs(none, [set('log.segment.bytes', '2000000')])).toEqual(new Map([['log.segment.bytes', '2000000']]))
  })
})

describe('numbers', () => {
  it('are whole and fit their type', () => {
    const long = topicConfigs.get('retention.bytes')!
    const int = topicConfigs.get('segment.bytes')!
    for (const good of ['0', '-1', '9223372036854775807', '+5']) expect(faultOf(long, good), good).toBeUndefined()
    for (const bad of ['', ' ', '1.5', '1e9', '9223372036854775808', '0x10', 'NaN', '١']) expect(faultOf(long, bad), bad).toContain('Not a number of type LONG')
    expect(faultOf(int, '2147483648')).toContain('Not a number of type INT')
  })
})

const reference = new URL('../../../../shared/reference/kafka-protocol/', import.meta.url)
interface KafkaConfig { readonly name: string; readonly type: string; readonly default: string | null }
const kafkas = (file: string): Map<string, KafkaConfig> => new Map((JSON.parse(readFileSync(new URL(file, reference), 'utf8')) as KafkaConfig[]).map(one => [one.name, one]))

describe.skipIf(!existsSync(reference))('against Apache Kafka 4.2 (skipped where ../shared/reference is absent)', () => {
  it('topic configs have its names, types, defaults and synonyms', () => {
    const theirs = kafkas('topic-configs-4.2.1.json')
    const synonyms = JSON.parse(readFileSync(new URL('topic-config-synonyms.json', reference), 'utf8')) as Record<string, string[]>
    for (const own of topicConfigs.values()) {
      if (/^(confluent|sluice)\./.test(own.name)) continue
      const kafka = theirs.get(own.name)
      expect(kafka && { type: kafka.type.toLowerCase(), default: kafka.default, synonyms: synonyms[own.name] }, own.name)
        .toEqual({ type: own.type, default: own.default, synonyms: own.synonyms.map(one => one.name) })
    }
  })

  it('broker configs have its names, types and defaults, but where there is a reason', () => {
    const ours = new Set(['group.max.size', 'replica.fetch.backoff.ms'])
    const theirs = kafkas('broker-configs-4.2.1.json')
    for (const own of brokerConfigs.values()) {
      const kafka = theirs.get(own.name)
      expect(kafka && { type: kafka.type.toLowerCase(), default: ours.has(own.name) ? own.default : kafka.default }, own.name).toEqual({ type: own.type, default: own.default })
    }
  })
})
