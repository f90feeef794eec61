// Which names a topic may have, and what is said of one that there is not, in Kafka's words.
import { Refusal } from '../../ports.ts'

/** The topics that coordinators keep their state in: made by the engine, written by nobody else. */
export const internalTopics: ReadonlySet<string> = new Set(['__cluster_metadata', '__consumer_offsets', '__transaction_state'])

const lengthMax = 249

/** A refusal where the name is illegal, or where a present one differs from it only by '.' against '_' (their metrics would be one). */
export function topicNameFault(name: string, present: Iterable<string>): Refusal | undefined {
  const reason = faultOf(name)
  if (reason !== undefined) return new Refusal('invalid-topic', `Topic name is invalid: ${reason}`)
  if (!/[._]/.test(name)) return undefined
  const plain = unified(name)
  for (const other of present) {
    if (other !== name && unified(other) === plain) return new Refusal('invalid-topic', `Topic '${name}' collides with existing topic: ${other}`)
  }
  return undefined
}

export function unknownPartition(topic: string, partition: number): Refusal {
  return new Refusal('unknown-partition', `This server does not host this topic-partition: topic '${topic}' has no partition ${partition}.`)
}

export function unknownTopic(name: string): Refusal {
  return new Refusal('unknown-topic', `This server does not host this topic-partition: there is no topic '${name}'.`)
}

function faultOf(name: string): string | undefined {
  if (name === '') return 'the empty string is not allowed'
  if (name === '.' || name === '..') return `'${name}' is not allowed`
  if (name.length > lengthMax) return `the length of '${name}' is longer than the max allowed length ${lengthMax}`
  if (!/^[a-zA-Z0-9._-]+$/.test(name)) return `'${name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'`
  return undefined
}

function unified(name: string): string {
  return name.replaceAll('.', '_')
}
