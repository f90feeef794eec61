// What a topic's settings say about validation, read from its configs. They are read again for each topic object that the catalog gives out, so that a
// change holds from the next request on.
import type { Topic } from '../ports.ts'
import { parseStrategy, type SubjectNameStrategy } from './subjects.ts'

export interface PartPolicy {
  readonly part: 'key' | 'value'
  /** In words, where the config names no strategy that there is. */
  readonly strategy: SubjectNameStrategy | { readonly unknown: string }
}

export interface TopicPolicy {
  /** Those that are validated: the key before the value. */
  readonly parts: readonly PartPolicy[]
  readonly mode: 'id' | 'payload'
  readonly onInvalid: 'reject' | 'dead-letter'
}

const policies = new WeakMap<Topic, TopicPolicy>()

/** The topic's policy; one without parts leaves the topic alone. */
export function policyOf(topic: Topic): TopicPolicy {
  const known = policies.get(topic)
  if (known !== undefined) return known
  const { configs } = topic
  const policy: TopicPolicy = {
    parts: (['key', 'value'] as const).filter(part => configs.get(`confluent.${part}.schema.validation`) === 'true').map(part => {
      const name = configs.get(`confluent.${part}.subject.name.strategy`) ?? 'TopicName'
      return { part, strategy: parseStrategy(name) ?? { unknown: name } }
    }),
    mode: configs.get('sluice.validation.mode') === 'payload' ? 'payload' : 'id',
    onInvalid: configs.get('sluice.validation.on.invalid') === 'dead-letter' ? 'dead-letter' : 'reject',
  }
  policies.set(topic, policy)
  return policy
}

/** The name of the topic's dead-letter topic. */
export function deadLetterTopicOf(topic: Topic): string {
  const name = topic.configs.get('sluice.validation.dead.letter.topic') ?? ''
  return name === '' ? `${topic.name}${deadLetterSuffix}` : name
}

export const deadLetterSuffix = '.dlq'
