// Which subject the schema of a topic's key or value belongs to: the subject name strategies, by their short names or by the Java class names
// that topic configs and clients carry.

export type SubjectNameStrategy = 'TopicName' | 'RecordName' | 'TopicRecordName' | 'AssociatedName'

const packages = ['io.confluent.kafka.serializers.subject.', 'io.confluent.kafka.serializers.context.strategy.']

/** `TopicName`, `TOPIC_NAME` (REST v3), `TopicNameStrategy` or the class name; undefined where the text names no strategy. */
export function parseStrategy(text: string): SubjectNameStrategy | undefined {
  const unqualified = packages.reduce((name, prefix) => (name.startsWith(prefix) ? name.slice(prefix.length) : name), text.trim())
  switch (unqualified.replace(/Strategy$/, '')) {
    case 'TopicName': case 'TOPIC_NAME': return 'TopicName'
    case 'RecordName': case 'RECORD_NAME': return 'RecordName'
    case 'TopicRecordName': case 'TOPIC_RECORD_NAME': return 'TopicRecordName'
    case 'AssociatedName': case 'ASSOCIATED_NAME': return 'AssociatedName'
    default: return undefined
  }
}

/**
 * The subject that a name is made for, as far as names alone say: associations, which come first with AssociatedName, are the registry's to know
 * (`Registry.subjectBy`). Undefined where the strategy needs a record name and the schema has none. `recordName` is an Avro schema's full name, a JSON Schema's
 * title or the full name of a Protobuf schema's first message.
 */
export function subjectName(strategy: SubjectNameStrategy, topic: string, part: 'key' | 'value', recordName: string | undefined): string | undefined {
  switch (strategy) {
    case 'TopicName': case 'AssociatedName': return `${topic}-${part}`
    case 'RecordName': return recordName
    case 'TopicRecordName': return recordName === undefined ? undefined : `${topic}-${recordName}`
  }
}
