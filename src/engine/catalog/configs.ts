// What value a config has, and why: a topic's own, one set for a broker while it runs, one given at the start, or the default. And what becomes
// of a set of configs when somebody alters it.
import { assert } from '../../base/assert.ts'
import { type ConfigChange, type ConfigEntry, Refusal, type Topic } from '../../ports.ts'
import { type BrokerConfig, brokerConfigs } from './broker-configs.ts'
import { type ConfigDefinition, faultOf, listOf } from './config-types.ts'
import { topicConfigs } from './topic-configs.ts'

interface Sourced {
  readonly name: string
  readonly value: string | null
  readonly source: ConfigEntry['source']
}

/** The dynamic broker configs, as the catalog keeps them: by broker ('' for the default of all), then by name. */
export type DynamicConfigs = ReadonlyMap<string, ReadonlyMap<string, string>>

export interface ConfigsOptions {
  /** Undefined for the controller, which is no broker: what was set for one broker alone does not count there. */
  readonly brokerId: number | undefined
  readonly settings: Readonly<Record<string, string | number | boolean>>
  readonly dynamic: () => DynamicConfigs
}

/** No broker's name, nor that of the default of all. */
const controller = 'controller'

export class Configs {
  readonly #broker: string
  readonly #settings: ReadonlyMap<string, string>
  readonly #dynamic: () => DynamicConfigs

  /** `settings` are the values given at the start, by Kafka's names; throws a one-line Error for a name or value that is not good. */
  constructor(options: ConfigsOptions) {
    this.#broker = options.brokerId === undefined ? controller : String(options.brokerId)
    this.#settings = new Map(Object.entries(options.settings).map(([name, value]) => [name, String(value)]))
    this.#dynamic = options.dynamic
    for (const [name, value] of this.#settings) {
      const definition = brokerConfigs.get(name)
      const fault = definition === undefined ? `Unknown broker config name: ${name}` : faultOf(asDefinition(definition), value)
      if (fault !== undefined) throw new Error(fault)
    }
  }

  /** The value of a broker config; undefined where it is unset and has no default. */
  broker(name: string): string | undefined {
    assert(brokerConfigs.has(name), `there is no broker config '${name}'`)
    return this.#brokerSources(name, this.#broker)[0]?.value ?? undefined
  }

  /** A broker config that is a number and always has a value. */
  number(name: string): number {
    const value = this.broker(name)
    assert(value !== undefined, `broker config '${name}' has no value`)
    return Number(value)
  }

  /** The effective value of a topic config. */
  topic(own: ReadonlyMap<string, string>, name: string): string {
    const value = own.get(name) ?? this.#topicSources(name)[0]?.value
    assert(value != null, `there is no topic config '${name}'`)
    return value
  }

  /** A topic config that is a number, on whichever broker it is least: each goes by what was set for itself. */
  leastOfTopic(own: ReadonlyMap<string, string>, name: string): number {
    const value = Number(this.topic(own, name))
    if (own.has(name)) return value
    const set = [...this.#dynamic().values()].flatMap(configs => (topicConfigs.get(name)?.synonyms ?? []).flatMap(({ name: synonym, factor }) => {
      const one = configs.get(synonym)
      return one === undefined ? [] : [Number(one) * factor]
    }))
    return Math.min(value, ...set)
  }

  describeTopic(topic: Topic): ConfigEntry[] {
    return [...topicConfigs.values()].map(definition => {
      const own = topic.configs.get(definition.name)
      const synonyms = this.#topicSources(definition.name)
      return entry(definition, own === undefined ? synonyms : [{ name: definition.name, value: own, source: 'topic' }, ...synonyms], false)
    })
  }

  /** Of one broker, or of the default of all (''): there, only what was set for it. */
  describeBroker(broker: string): ConfigEntry[] {
    return [...brokerConfigs.values()].flatMap(definition => {
      const sources = this.#brokerSources(definition.name, broker)
      if (broker === '' && !this.#dynamic().get('')?.has(definition.name)) return []
      return [entry(definition, sources, !definition.dynamic)]
    })
  }

  #brokerSources(name: string, broker: string): Sourced[] {
    const dynamic = this.#dynamic()
    const levels = broker === '' ? [''] : [broker, '']
    const values: Sourced[] = levels.flatMap(level => {
      const value = dynamic.get(level)?.get(name)
      return value === undefined ? [] : [{ name, value, source: 'dynamic-broker' as const }]
    })
    if (broker === '') return values
    const given = this.#settings.get(name)
    if (given !== undefined) values.push({ name, value: given, source: 'static-broker' })
    const standard = brokerConfigs.get(name)?.default
    if (standard != null) values.push({ name, value: standard, source: 'default' })
    return values
  }

  /** Strongest first, in the unit of the topic config. */
  #topicSources(name: string): Sourced[] {
    const definition = topicConfigs.get(name)
    if (definition === undefined) return []
    const values = definition.synonyms.flatMap(({ name: synonym, factor }) => this.#brokerSources(synonym, this.#broker)
      .filter(one => one.source !== 'default')
      .map(one => (factor === 1 || one.value === null ? one : { ...one, value: scaled(one.value, factor) })))
    return [...values, { name: definition.synonyms[0]?.name ?? name, value: definition.default, source: 'default' }]
  }
}

/** The configs of a new topic, or why they cannot be. */
export function checkedTopicConfigs(configs: ReadonlyMap<string, string>): ReadonlyMap<string, string> | Refusal {
  const changes = [...configs].map(([name, value]): ConfigChange => ({ name, operation: 'set', value }))
  return alteredTopicConfigs(new Map(), changes, () => '')
}

/** A topic's own configs after the changes: all of them, or a refusal. `effective` is what a list has before it is added to. */
export function alteredTopicConfigs(
  own: ReadonlyMap<string, string>, changes: readonly ConfigChange[], effective: (name: string) => string,
): ReadonlyMap<string, string> | Refusal {
  const altered = new Map(own)
  for (const change of changes) {
    const definition = topicConfigs.get(change.name)
    if (definition === undefined) return new Refusal('invalid-config', `Unknown topic config name: ${change.name}`)
    const refusal = alter(altered, definition, change, effective)
    if (refusal !== undefined) return refusal
  }
  return altered
}

/** The dynamic configs of one broker (or of all) after the changes: all of them, or a refusal. */
export function alteredBrokerConfigs(own: ReadonlyMap<string, string>, changes: readonly ConfigChange[]): ReadonlyMap<string, string> | Refusal {
  const altered = new Map(own)
  for (const change of changes) {
    const definition = brokerConfigs.get(change.name)
    if (definition === undefined) return new Refusal('invalid-config', `Unknown broker config name: ${change.name}`)
    if (!definition.dynamic) return new Refusal('invalid-request', `Cannot update these configs dynamically: Set(${change.name})`)
    const refusal = alter(altered, asDefinition(definition), change, name => own.get(name) ?? '')
    if (refusal !== undefined) return refusal
  }
  return altered
}

function alter(configs: Map<string, string>, definition: ConfigDefinition, change: ConfigChange, effective: (name: string) => string): Refusal | undefined {
  const { name, operation } = change
  if (operation === 'delete') {
    configs.delete(name)
    return undefined
  }
  if (change.value === null) return new Refusal('invalid-request', `Null value not supported for : ${name}`)
  if (operation !== 'set' && definition.type !== 'list') {
    return new Refusal('invalid-config', `Can't ${operation.toUpperCase()} to key ${name} because its type is not LIST.`)
  }
  const value = operation === 'set' ? change.value : listAfter(operation, listOf(configs.get(name) ?? effective(name)), listOf(change.value))
  const fault = faultOf(definition, value)
  if (fault !== undefined) return new Refusal('invalid-config', fault)
  configs.set(name, value)
  return undefined
}

function listAfter(operation: 'append' | 'subtract', present: readonly string[], items: readonly string[]): string {
  return (operation === 'append' ? [...present, ...items.filter(item => !present.includes(item))] : present.filter(item => !items.includes(item))).join(',')
}

function entry(definition: Pick<ConfigDefinition, 'name' | 'type' | 'documentation'>, sources: readonly Sourced[], readOnly: boolean): ConfigEntry {
  const { name, type, documentation } = definition
  return { name, type, documentation, value: sources[0]?.value ?? null, source: sources[0]?.source ?? 'default', readOnly, sensitive: false, synonyms: sources }
}

function asDefinition(config: BrokerConfig): ConfigDefinition {
  return { ...config, default: config.default ?? '' }
}

function scaled(value: string, factor: number): string {
  return Number(value) < 0 ? value : String(Number(value) * factor)
}
