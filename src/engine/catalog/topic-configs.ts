// The topic configs that the engine honours, and no others: what is not listed here is refused by name. Names, types, defaults and limits are
// Apache Kafka 4.2's. A topic config without a value of its own takes that of its broker config (`synonyms`, strongest first).
import { keyIdConfig } from '../../ports.ts'
import { atLeast, type ConfigDefinition, eachOneOf, oneOf } from './config-types.ts'
import { topicNameFault } from './topic-names.ts'

export interface TopicConfig extends ConfigDefinition {
  /** Broker configs that give the default. `factor` turns the broker config's unit into this one's. */
  readonly synonyms: readonly { readonly name: string; readonly factor: number }[]
}

const hoursMs = 3_600_000
const minutesMs = 60_000
const longMax = '9223372036854775807'
const strategies = ['TopicName', 'RecordName', 'TopicRecordName', 'AssociatedName'] as const

/** By name, in alphabetical order. */
export const topicConfigs: ReadonlyMap<string, TopicConfig> = table([
  {
    name: 'cleanup.policy', type: 'list', default: 'delete', check: eachOneOf('delete'), synonyms: sameAs('log.cleanup.policy'),
    documentation: 'How old records leave the log. "delete" removes whole segments by retention.ms and retention.bytes; compaction is not available.',
  },
  {
    name: 'compression.type', type: 'string', default: 'producer', check: oneOf('producer'), synonyms: sameAs('compression.type'),
    documentation: 'How batches are stored. "producer" keeps the compression that the producer chose.',
  },
  ...(['key', 'value'] as const).flatMap((part): TopicConfig[] => [
    {
      name: `confluent.${part}.schema.validation`, type: 'boolean', default: 'false', synonyms: [],
      documentation: `Whether the ${part} of every record must name a schema that is registered for this topic, by its id or GUID (Confluent) or its version id (AWS Glue). Null always passes.`,
    },
    {
      name: `confluent.${part}.subject.name.strategy`, type: 'string', default: 'TopicName', check: strategyFault, synonyms: [],
      documentation: `Which subject the ${part}'s schema is looked for under: ${strategies.join(', ')}, or Confluent's class name of one of these.`,
    },
  ]),
  {
    name: 'flush.messages', type: 'long', default: longMax, check: atLeast(1), synonyms: sameAs('log.flush.interval.messages'),
    documentation: 'After how many records the log is flushed to disk even where no producer waits for it; 1 flushes before every acknowledgement.',
  },
  {
    name: 'max.message.bytes', type: 'int', default: '1048588', check: atLeast(0), synonyms: sameAs('message.max.bytes'),
    documentation: 'The largest record batch that is taken, in bytes, as compressed.',
  },
  {
    name: 'message.timestamp.after.max.ms', type: 'long', default: '3600000', check: atLeast(0), synonyms: sameAs('log.message.timestamp.after.max.ms'),
    documentation: 'How far a record\'s create time may lie after the broker\'s time. Not applied with LogAppendTime.',
  },
  {
    name: 'message.timestamp.before.max.ms', type: 'long', default: longMax, check: atLeast(0), synonyms: sameAs('log.message.timestamp.before.max.ms'),
    documentation: 'How far a record\'s create time may lie before the broker\'s time. Not applied with LogAppendTime.',
  },
  {
    name: 'message.timestamp.type', type: 'string', default: 'CreateTime', check: oneOf('CreateTime', 'LogAppendTime'), synonyms: sameAs('log.message.timestamp.type'),
    documentation: 'Whether a record keeps the time its producer gave it, or gets the time at which it was appended.',
  },
  {
    name: 'min.insync.replicas', type: 'int', default: '1', check: atLeast(1), synonyms: sameAs('min.insync.replicas'),
    documentation: 'How many in-sync replicas must hold a record before acks=all is answered; never more than the partition has replicas.',
  },
  {
    name: 'retention.bytes', type: 'long', default: '-1', synonyms: sameAs('log.retention.bytes'),
    documentation: 'How many bytes a partition keeps before whole segments are removed; -1 sets no bound.',
  },
  {
    name: 'retention.ms', type: 'long', default: '604800000', check: atLeast(-1),
    synonyms: [...sameAs('log.retention.ms'), { name: 'log.retention.minutes', factor: minutesMs }, { name: 'log.retention.hours', factor: hoursMs }],
    documentation: 'How long records are kept before whole segments are removed; -1 keeps them for ever.',
  },
  {
    name: 'segment.bytes', type: 'int', default: '1073741824', check: atLeast(1_048_576), synonyms: sameAs('log.segment.bytes'),
    documentation: 'The size at which a segment is closed and a new one begun. Retention removes whole segments.',
  },
  {
    name: 'segment.ms', type: 'long', default: '604800000', check: atLeast(1), synonyms: [...sameAs('log.roll.ms'), { name: 'log.roll.hours', factor: hoursMs }],
    documentation: 'After how long a segment is closed even where it is not full.',
  },
  {
    name: keyIdConfig, type: 'string', default: '', check: keyIdFault, synonyms: [],
    documentation: 'The named key (`sluice kms`) that new records are encrypted under, by its id; empty: none. Older records stay as they are. '
      + 'Whoever reads or writes such records needs the key to be enabled. Kinesis\'s StartStreamEncryption sets this, StopStreamEncryption empties it.',
  },
  {
    name: 'sluice.validation.dead.letter.topic', type: 'string', default: '', check: deadLetterTopicFault, synonyms: [],
    documentation: 'The topic that takes the records which do not fit, where sluice.validation.on.invalid is "dead-letter"; empty: this topic\'s name with ".dlq" behind it. '
      + 'It is made when it is first needed. Producers need no rights on it: whoever may alter this config decides where their records go.',
  },
  {
    name: 'sluice.validation.mode', type: 'string', default: 'id', check: oneOf('id', 'payload'), synonyms: [],
    documentation: 'What validation looks at: "id", that the schema a record names belongs to the topic; "payload", that the record fits that schema, too.',
  },
  {
    name: 'sluice.validation.on.invalid', type: 'string', default: 'reject', check: oneOf('reject', 'dead-letter'), synonyms: [],
    documentation: 'What becomes of a record that does not fit its schema. "reject" refuses its batch to its producer; "dead-letter" puts it into the topic\'s dead-letter topic '
      + 'and stores the others of its batch.',
  },
  {
    name: 'unclean.leader.election.enable', type: 'boolean', default: 'false', synonyms: sameAs('unclean.leader.election.enable'),
    documentation: 'Whether a replica that is not in sync leads where no other can, which loses the records that it does not have.',
  },
])

function table(configs: readonly TopicConfig[]): ReadonlyMap<string, TopicConfig> {
  return new Map(configs.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(config => [config.name, config]))
}

function sameAs(...names: readonly string[]): TopicConfig['synonyms'] {
  return names.map(name => ({ name, factor: 1 }))
}

function keyIdFault(value: string): string | undefined {
  return value === '' || /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value) ? undefined : 'String must be the id of a named key (a UUID in lower case), or empty'
}

function deadLetterTopicFault(value: string): string | undefined {
  return value === '' ? undefined : topicNameFault(value, [])?.message
}

/** Confluent's class names and their last words alike. */
function strategyFault(value: string): string | undefined {
  const known = strategies.some(name => value === name || value === `${name}Strategy` || value === `io.confluent.kafka.serializers.subject.${name}Strategy`)
  return known ? undefined : `String must be one of: ${strategies.join(', ')}, or io.confluent.kafka.serializers.subject.${strategies[0]}Strategy and its like`
}
