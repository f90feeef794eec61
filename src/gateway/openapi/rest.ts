// The REST proxy's API version 2 in the OpenAPI document: topics, produce, reads, event streams.
import { about, anything, base64, boolean, integer, list, mapOf, nullable, object, oneOf, ref, type Schema, text } from './json-schema.ts'
import { type Content, type Family, ok, type Operation, parameter } from './operation.ts'

const plainTypes = ['application/vnd.kafka.v2+json', 'application/vnd.kafka+json', 'application/json'] as const
const formats = ['binary', 'json', 'string', 'avro', 'jsonschema', 'protobuf'] as const
const recordTypes = [...formats.map(format => `application/vnd.kafka.${format}.v2+json`), ...plainTypes]

export function plain(schema: Schema): Content {
  return Object.fromEntries(plainTypes.map(type => [type, schema]))
}

export function inFormats(schema: Schema): Content {
  return Object.fromEntries(recordTypes.map(type => [type, schema]))
}

export const offsetParameter = parameter('Where to begin: a number, `earliest` or `latest`.')
export const avroForm = parameter('How Avro is shown: `tagged` names the branch of each union, `plain` does not.', { type: 'string', enum: ['plain', 'tagged'] })
export const maskNote = 'Fields with tags need READ on each of their tags; others get `"***"` in place of a text and null in place of anything else.'

const headers = {
  anyOf: [list(object({ name: text, value: nullable(base64) })), mapOf(anything), list(mapOf(anything))],
  description: 'A list of `{name, value}`, or an object; values in base64.',
}
const sides = (part: 'key' | 'value'): { readonly [name: string]: Schema } => ({
  [`${part}_schema`]: nullable(about(text, 'Text of a schema.')), [`${part}_schema_id`]: nullable(integer), [`${part}_version`]: nullable({ type: ['integer', 'string'] }),
  [`${part}_subject`]: nullable(text), [`${part}_subject_name_strategy`]: nullable(text),
})
const recordBatch = inFormats(ref('ProduceRequest'))

const schemas = {
  Fault: object({ part: text, pointer: about(text, 'JSON pointer into the key or value.'), reason: text }, { index: integer, schema: text }),
  ProduceRequest: object({
    records: list(object({}, { key: anything, value: anything, partition: nullable(integer), headers, timestamp: nullable({ type: ['integer', 'string'] }) })),
  }, { ...sides('key'), ...sides('value') }),
  ProduceOffset: object({ partition: nullable(integer), offset: nullable(integer), error_code: nullable(integer), error: nullable(text) }),
  ProduceResponse: object({ offsets: list(ref('ProduceOffset')), key_schema_id: nullable(integer), value_schema_id: nullable(integer) }),
  PartitionMetadata: object({ partition: integer, leader: integer, replicas: list(object({ broker: integer, leader: boolean, in_sync: boolean })) }),
  ConsumedRecord: object({
    topic: text, key: anything, value: anything, partition: integer, offset: integer, timestamp: integer, headers: list(object({ name: text, value: nullable(base64) })),
  }, { key_error: text, value_error: text }),
}

const produce: Operation = {
  summary: 'Stores records',
  description: 'WRITE on the topic. The media type says what keys and values are; plain JSON follows the schema of the topic. A request with one record that does not fit is refused whole, '
    + 'with 422 and a list of faults, unless the topic has dead letters kept. What is answered is on disk.',
  body: recordBatch, answers: ok('One entry per record, in order.', plain(ref('ProduceResponse'))),
}

export const restFamily: Family = {
  tag: 'REST proxy v2',
  description: 'Topics, produce and reads as in Confluent\'s REST proxy, with record headers, times, subjects, reads without a consumer instance, and event streams.',
  types: plainTypes,
  schemas,
  paths: {
    '/topics': { get: { summary: 'Names of the topics', description: 'Those that the caller may DESCRIBE.', answers: ok('Names.', plain(list(text))) } },
    '/topics/{topic}': {
      get: {
        summary: 'A topic with its configs and partitions', description: 'DESCRIBE on the topic; the configs are empty without DESCRIBE_CONFIGS.',
        answers: ok('The topic.', plain(object({ name: text, configs: mapOf(nullable(text)), partitions: list(ref('PartitionMetadata')) }))),
      },
      post: produce,
    },
    '/topics/{topic}/partitions': { get: { summary: 'Partitions of a topic', answers: ok('Partitions.', plain(list(ref('PartitionMetadata')))) } },
    '/topics/{topic}/partitions/{partition}': { get: { summary: 'A partition', answers: ok('The partition.', plain(ref('PartitionMetadata'))) }, post: produce },
    '/topics/{topic}/partitions/{partition}/offsets': {
      get: { summary: 'Where a partition begins and ends', answers: ok('Offsets.', plain(object({ beginning_offset: integer, end_offset: integer }))) },
    },
    '/topics/{topic}/partitions/{partition}/records': {
      get: {
        summary: 'Reads records of a partition', description: `READ on the topic. Nothing is kept on the server. With \`Accept: text/event-stream\` it goes on for as long as the client stays. ${maskNote}`,
        query: {
          offset: offsetParameter, timestamp: parameter('Where to begin: the first record that is no older; milliseconds or ISO 8601.'),
          timeout: parameter('How long to wait for a first record, in ms.', integer), max_bytes: parameter('What is read from the log at most.', integer), avro: avroForm,
          format: parameter('The embedded format, whatever Accept says.', { type: 'string', enum: [...formats, 'auto'] }),
        },
        answers: ok('Records.', { ...inFormats(list(ref('ConsumedRecord'))), 'text/event-stream': text }),
      },
    },
    '/topics/{topic}/events': {
      get: {
        summary: 'Follows a topic as server-sent events', description: `READ on the topic. The \`id\` of an event, sent back as Last-Event-ID, goes on behind it. ${maskNote}`,
        query: {
          offset: offsetParameter, timestamp: parameter('Where to begin; milliseconds or ISO 8601.'), avro: avroForm,
          format: parameter('The embedded format.', { type: 'string', enum: [...formats, 'auto'] }),
        },
        answers: ok('A stream of events.', { 'text/event-stream': text }),
      },
    },
    '/brokers': { get: { summary: 'Ids of the brokers', answers: ok('Ids.', plain(object({ brokers: list(integer) }))) } },
  },
}

const partitions = list(object({ topic: text, partition: integer }))
const partitionsBody = plain(object({ partitions }))
const offsets = list(object({ topic: text, partition: integer, offset: integer }, { metadata: nullable(text) }))
const done = ok('Done.')

export const consumerFamily: Family = {
  tag: 'Consumer instances',
  description: 'Consumers of a group that live on the server between requests, as in Confluent\'s REST proxy. Each request needs READ on the group and on its topics.',
  types: plainTypes,
  schemas: {
    ConsumerConfig: {
      type: 'object', description: 'Settings of an instance; numbers and truth values may be texts.',
      properties: Object.fromEntries(['name', 'format', 'auto.offset.reset', 'auto.commit.enable', 'fetch.min.bytes', 'consumer.request.timeout.ms'].map(name => [name, anything])),
    },
  },
  paths: {
    '/consumers/{group}': {
      post: {
        summary: 'Makes a consumer instance', body: plain(ref('ConsumerConfig')), bodyRequired: false,
        answers: ok('The instance.', plain(object({ instance_id: text, base_uri: text }))),
      },
    },
    '/consumers/{group}/instances/{instance}': { delete: { summary: 'Ends an instance', answers: done } },
    '/consumers/{group}/instances/{instance}/subscription': {
      post: { summary: 'Subscribes to topics', body: plain(oneOf(object({ topics: list(text) }), object({ topic_pattern: text }))), answers: done },
      get: { summary: 'Topics it is subscribed to', answers: ok('Topics.', plain(object({ topics: list(text) }))) },
      delete: { summary: 'Unsubscribes', answers: done },
    },
    '/consumers/{group}/instances/{instance}/assignments': {
      post: { summary: 'Takes partitions by hand', body: partitionsBody, answers: done },
      get: { summary: 'Partitions it has', answers: ok('Partitions.', partitionsBody) },
    },
    '/consumers/{group}/instances/{instance}/positions': { post: { summary: 'Goes to offsets', body: plain(object({ offsets })), answers: done } },
    '/consumers/{group}/instances/{instance}/positions/{end}': {
      post: { summary: 'Goes to the `beginning` or the `end` of partitions', body: partitionsBody, answers: done },
    },
    '/consumers/{group}/instances/{instance}/offsets': {
      post: {
        summary: 'Commits', description: 'Offsets are of the records that were done last; without a body, of all that was read.',
        query: { async: parameter('Whether to answer before it is done.', { type: 'string', enum: ['true', 'false', ''] }) },
        body: plain(object({}, { offsets })), bodyRequired: false, answers: done,
      },
      get: {
        summary: 'Committed offsets', body: plain(object({}, { partitions })), bodyRequired: false,
        answers: ok('Offsets.', plain(object({ offsets: list(object({ topic: text, partition: integer, offset: integer, metadata: nullable(text) })) }))),
      },
    },
    '/consumers/{group}/instances/{instance}/records': {
      get: {
        summary: 'Reads records', description: maskNote,
        query: { timeout: parameter('How long to wait, in ms.', integer), max_bytes: parameter('How much at most.', integer), avro: avroForm },
        answers: ok('Records.', inFormats(list(ref('ConsumedRecord')))),
      },
    },
  },
}
