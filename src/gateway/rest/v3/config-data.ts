// A config as v3 shows it, of a topic, a broker or all brokers alike, and the changes that a request asks for.
import type { Admin, ConfigChange, ConfigEntry, ConfigResource } from '../../../ports.ts'
import { choice, list, member, text, wrongMember } from '../../admin/members.ts'
import type { Place, Segment } from './resource.ts'
import { cannotBeFound, orRefuseV3 } from './refusals.ts'

const changesPerRequestMax = 1_000

/** A kind of configs: what they are called, where they stand, and what v3 says of each besides the config itself. */
export interface ConfigKind {
  readonly kind: 'KafkaTopicConfig' | 'KafkaBrokerConfig' | 'KafkaClusterConfig'
  readonly resource: ConfigResource
  /** Path and name of one of them. */
  at(name: string): { readonly path: readonly Segment[]; readonly name: readonly Segment[] }
  readonly members: Readonly<Record<string, unknown>>
}

export function configData(place: Place, kind: ConfigKind, entry: ConfigEntry): object {
  const { name, value, source, readOnly, sensitive, synonyms } = entry
  return {
    ...place.resource(kind.kind, kind.at(name)),
    cluster_id: place.clusterId,
    ...kind.members,
    name,
    value: sensitive ? null : value,
    is_default: source === 'default',
    is_read_only: readOnly,
    is_sensitive: sensitive,
    source: sourceName(source, kind.resource),
    synonyms: synonyms.map(synonym => ({ name: synonym.name, value: sensitive ? null : synonym.value, source: sourceName(synonym.source, kind.resource) })),
  }
}

const sourceNames = { 'topic': 'DYNAMIC_TOPIC_CONFIG', 'dynamic-broker': 'DYNAMIC_BROKER_CONFIG', 'static-broker': 'STATIC_BROKER_CONFIG', 'default': 'DEFAULT_CONFIG' } as const

/** What is set for all brokers has a name of its own, as in Kafka's DescribeConfigs. */
function sourceName(source: ConfigEntry['source'], { type, name }: ConfigResource): string {
  return source === 'dynamic-broker' && type === 'broker' && name === '' ? 'DYNAMIC_DEFAULT_BROKER_CONFIG' : sourceNames[source]
}

/** 404 where the resource has no such config. */
export async function configOf(admin: Admin, resource: ConfigResource, name: string): Promise<ConfigEntry> {
  const entry = orRefuseV3(await admin.describeConfigs(resource)).find(one => one.name === name)
  if (entry === undefined) throw cannotBeFound(`Config ${name.slice(0, 128)}`)
  return entry
}

/** `{value}` of a PUT. */
export function newValue(body: Readonly<Record<string, unknown>>): string {
  if (typeof body['value'] !== 'string') throw wrongMember('value', 'must be a text; DELETE takes a config back to its default')
  return body['value']
}

/** `{data: [{name, value, operation: SET | DELETE}]}` of an `:alter`; SET unless said. */
export function changesOf(body: Readonly<Record<string, unknown>>): readonly ConfigChange[] {
  const changes = list(body['data'], 'data', {
    max: changesPerRequestMax,
    element: (value, at): ConfigChange => {
      const change = member(value, at, ['name', 'value', 'operation'])
      const name = text(change['name'], `${at}.name`)
      const operation = choice(change['operation'] ?? 'SET', ['SET', 'DELETE'], `${at}.operation`)
      if (operation === 'DELETE') return { name, operation: 'delete', value: null }
      if (typeof change['value'] !== 'string') throw wrongMember(`${at}.value`, 'must be a text; the operation DELETE takes a config back to its default')
      return { name, operation: 'set', value: change['value'] }
    },
  })
  const names = new Set(changes.map(change => change.name))
  if (names.size < changes.length) throw wrongMember('data', 'names a config twice')
  return changes
}

export function validateOnlyOf(body: Readonly<Record<string, unknown>>): boolean {
  const value = body['validate_only'] ?? false
  if (typeof value !== 'boolean') throw wrongMember('validate_only', 'must be true or false')
  return value
}

/** Throws 404 for a name that `known`, a resource that lists every config of the kind, does not have. */
export async function alter(
  admin: Admin, resource: ConfigResource, changes: readonly ConfigChange[], how: { readonly validateOnly: boolean; readonly known?: ConfigResource },
): Promise<void> {
  const names = new Set(orRefuseV3(await admin.describeConfigs(how.known ?? resource)).map(entry => entry.name))
  const unknown = changes.find(change => !names.has(change.name))
  if (unknown !== undefined) throw cannotBeFound(`Config ${unknown.name.slice(0, 128)}`)
  orRefuseV3(await admin.alterConfigs(resource, changes, { validateOnly: how.validateOnly }))
}
