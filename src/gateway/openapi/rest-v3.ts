// The REST API version 3 in the OpenAPI document: resources with links, and produce as a stream.
import { about, anything, base64, boolean, integer, list, type Members, nullable, object, ref, type Schema, text, words } from './json-schema.ts'
import { type Family, json, ok, type Operation, type Operations, parameter } from './operation.ts'

const link = ref('Relationship')
const cluster = '/v3/clusters/{cluster}'
const done = ok('Done.')

/** A thing with its kind, its address and its name. */
function resource(kind: string, required: Members, optional: Members = {}): Schema {
  return object({ kind: { type: 'string', const: kind }, metadata: ref('ResourceMetadata'), ...required }, optional)
}

function collection(kind: string, of: string): Schema {
  return object({ kind: { type: 'string', const: kind }, metadata: object({ self: text, next: { type: 'null' } }), data: list(ref(of)) })
}

function one(summary: string, name: string, query?: Operation['query']): Operation {
  return { summary, ...query !== undefined && { query }, answers: ok('Found.', json(ref(name))) }
}

function many(summary: string, kind: string, name: string, query?: Operation['query']): Operation {
  return { summary, ...query !== undefined && { query }, answers: ok('What there is.', json(collection(kind, name))) }
}

const ofCluster = { cluster_id: text }
const ofTopic = { ...ofCluster, topic_name: text }
const ofPartition = { ...ofTopic, partition_id: integer }
const ofGroup = { ...ofCluster, consumer_group_id: text }
const config = {
  ...ofCluster, name: text, value: nullable(text), is_default: boolean, is_read_only: boolean, is_sensitive: boolean, source: text,
  synonyms: list(object({ name: text, value: nullable(text), source: text })),
}
const acl = {
  resource_type: text, resource_name: text, pattern_type: text, principal: text, host: text, operation: text, permission: text,
}
const aclFilters = Object.fromEntries(Object.keys(acl).map(name => [name, parameter('Only those with this; ANY for any.')]))
const reported = object({ type: nullable(text), size: integer }, { subject: text, schema_id: integer, schema_version: integer })

const recordRequest = {
  partition_id: nullable(integer), headers: nullable(list(object({ name: text }, { value: nullable(base64) }))), key: nullable(ref('RecordPart')), value: nullable(ref('RecordPart')),
  timestamp: nullable({ type: ['string', 'integer'] }), original_size: anything,
}
const delivered = { cluster_id: text, topic_name: text, partition_id: integer, offset: integer, timestamp: nullable(text), key: reported, value: reported }

const schemas = {
  Relationship: object({ related: text }),
  ResourceMetadata: object({ self: text }, { resource_name: text }),
  Cluster: resource('KafkaCluster', {
    ...ofCluster, acls: link, brokers: link, broker_configs: link, consumer_groups: link, topics: link, partition_reassignments: link,
  }, { controller: link }),
  Acl: resource('KafkaAcl', { ...ofCluster, ...acl }),
  Broker: resource('KafkaBroker', { ...ofCluster, broker_id: integer, host: nullable(text), port: nullable(integer), rack: nullable(text), configs: link, partition_replicas: link }),
  ClusterConfig: resource('KafkaClusterConfig', config, { config_type: text }),
  BrokerConfig: resource('KafkaBrokerConfig', { ...config, broker_id: integer }),
  TopicConfig: resource('KafkaTopicConfig', { ...config, topic_name: text }),
  ConsumerGroup: resource('KafkaConsumerGroup', {
    ...ofGroup, is_simple: boolean, partition_assignor: text, state: text, type: text, is_mixed_consumer_group: boolean, coordinator: link, consumers: link, lag_summary: link,
  }),
  Consumer: resource('KafkaConsumer', { ...ofGroup, consumer_id: text, instance_id: nullable(text), client_id: text, assignments: link }),
  ConsumerAssignment: resource('KafkaConsumerAssignment', { ...ofGroup, consumer_id: text, ...ofPartition, partition: link, lag: link }),
  ConsumerLag: resource('KafkaConsumerLag', {
    ...ofGroup, ...ofPartition, consumer_id: text, instance_id: nullable(text), client_id: text, current_offset: integer, log_end_offset: integer, lag: integer,
  }),
  LagSummary: resource('KafkaConsumerGroupLagSummary', {
    ...ofGroup, max_lag_consumer_id: text, max_lag_instance_id: nullable(text), max_lag_client_id: text, max_lag_topic_name: text, max_lag_partition_id: integer, max_lag: integer,
    total_lag: integer, max_lag_consumer: link, max_lag_partition: link,
  }),
  Topic: resource('KafkaTopic', {
    ...ofTopic, is_internal: boolean, replication_factor: integer, partitions_count: integer, partitions: link, configs: link, partition_reassignments: link,
  }, { authorized_operations: list(text) }),
  Partition: resource('KafkaPartition', { ...ofPartition, replicas: link, reassignment: link }, { leader: link }),
  PartitionWithOffsets: resource('KafkaPartitionWithOffsets', { ...ofPartition, earliest_offset: integer, latest_offset: integer }),
  Replica: resource('KafkaReplica', { ...ofPartition, broker_id: integer, is_leader: boolean, is_in_sync: boolean, broker: link }),
  Reassignment: resource('KafkaReassignment', { ...ofPartition, adding_replicas: list(integer), removing_replicas: list(integer), replicas: link }),
  NewTopic: object({ topic_name: text }, {
    partitions_count: nullable(integer), replication_factor: nullable(integer), replicas_assignments: nullable({ type: 'object', additionalProperties: list(integer) }),
    configs: nullable(list(object({ name: text, value: text }))), validate_only: boolean,
  }),
  ConfigChanges: object({ data: list(object({ name: text }, { value: nullable(text), operation: nullable(words('SET', 'DELETE')) })) }, { validate_only: nullable(boolean) }),
  RecordPart: object({}, {
    type: nullable(words('BINARY', 'JSON', 'STRING', 'AVRO', 'JSONSCHEMA', 'PROTOBUF')), schema_id: nullable(integer), schema_version: nullable({ type: ['integer', 'string'] }),
    schema: nullable(text), subject: nullable(text), subject_name_strategy: nullable(text), data: anything,
  }),
  RecordRequest: object({}, recordRequest),
  RecordEntry: object({ id: about(text, 'Distinct in the batch; 1 to 80 characters.') }, recordRequest),
  BatchSuccess: object({ id: text }, delivered),
  BatchFailure: object({ id: text, error_code: integer, message: text }, { faults: list(ref('Fault')) }),
  DeliveryReport: object({ error_code: about(integer, '200 where the record is stored.') }, {
    message: text, faults: list(ref('Fault')), ...delivered,
  }),
}

function configsOf(of: string, name: string): Operations {
  return {
    get: one(`A config of ${of}`, name),
    put: { summary: `Sets a config of ${of}`, description: 'ALTER_CONFIGS.', body: json(object({ value: text })), answers: done },
    delete: { summary: `Takes a config of ${of} back to its default`, description: 'ALTER_CONFIGS.', answers: done },
  }
}

function alter(of: string): Operations {
  return { post: { summary: `Changes configs of ${of}, all or none`, description: 'ALTER_CONFIGS.', body: json(ref('ConfigChanges')), answers: done } }
}

const groups = `${cluster}/consumer-groups`
const topics = `${cluster}/topics`

export const restV3Family: Family = {
  tag: 'REST v3',
  description: 'The API version 3 of Confluent\'s REST proxy. Everything has its address in `metadata.self` and links to what belongs to it.',
  schemas,
  paths: {
    '/v3/clusters': { get: many('Clusters: the one there is', 'KafkaClusterList', 'Cluster') },
    [cluster]: { get: one('The cluster', 'Cluster') },
    [`${cluster}/acls`]: {
      get: many('ACLs', 'KafkaAclList', 'Acl', aclFilters),
      post: { summary: 'Makes an ACL', description: 'ALTER on the cluster.', body: json(object(acl)), answers: { 201: { description: 'Made.' } } },
      delete: { summary: 'Deletes ACLs', description: 'ALTER on the cluster.', query: aclFilters, answers: ok('Those that went.', json(object({ data: list(ref('Acl')) }))) },
    },
    [`${cluster}/acls:batch`]: { post: { summary: 'Makes ACLs', description: 'ALTER on the cluster.', body: json(object({ data: list(object(acl)) })), answers: { 201: { description: 'Made.' } } } },
    [`${cluster}/broker-configs`]: { get: many('Configs that are set for all brokers', 'KafkaClusterConfigList', 'ClusterConfig') },
    [`${cluster}/broker-configs:alter`]: alter('all brokers'),
    [`${cluster}/broker-configs/{name}`]: configsOf('all brokers', 'ClusterConfig'),
    [`${cluster}/brokers`]: { get: many('Brokers', 'KafkaBrokerList', 'Broker') },
    [`${cluster}/brokers/-/configs`]: { get: many('Configs that are set for brokers', 'KafkaBrokerConfigList', 'BrokerConfig') },
    [`${cluster}/brokers/{broker}`]: { get: one('A broker', 'Broker') },
    [`${cluster}/brokers/{broker}/configs`]: { get: many('Configs of a broker', 'KafkaBrokerConfigList', 'BrokerConfig') },
    [`${cluster}/brokers/{broker}/configs:alter`]: alter('a broker'),
    [`${cluster}/brokers/{broker}/configs/{name}`]: configsOf('a broker', 'BrokerConfig'),
    [`${cluster}/brokers/{broker}/partition-replicas`]: { get: many('Replicas that a broker holds', 'KafkaReplicaList', 'Replica') },
    [groups]: { get: many('Consumer groups', 'KafkaConsumerGroupList', 'ConsumerGroup') },
    [`${groups}/{group}`]: { get: one('A consumer group', 'ConsumerGroup') },
    [`${groups}/{group}/consumers`]: { get: many('Members of a group', 'KafkaConsumerList', 'Consumer') },
    [`${groups}/{group}/consumers/{consumer}`]: { get: one('A member of a group', 'Consumer') },
    [`${groups}/{group}/consumers/{consumer}/assignments`]: { get: many('What a member was assigned', 'KafkaConsumerAssignmentList', 'ConsumerAssignment') },
    [`${groups}/{group}/consumers/{consumer}/assignments/{topic}/partitions/{partition}`]: { get: one('One assignment of a member', 'ConsumerAssignment') },
    [`${groups}/{group}/lag-summary`]: { get: one('How far a group is behind, in all', 'LagSummary') },
    [`${groups}/{group}/lags`]: { get: many('How far a group is behind, by partition', 'KafkaConsumerLagList', 'ConsumerLag') },
    [`${groups}/{group}/lags/{topic}/partitions/{partition}`]: { get: one('How far a group is behind in a partition', 'ConsumerLag') },
    [topics]: {
      get: many('Topics', 'KafkaTopicList', 'Topic'),
      post: { summary: 'Makes a topic', description: 'CREATE on the topic or the cluster.', body: json(ref('NewTopic')), answers: { 201: { description: 'Made, or as it would be made.', content: json(ref('Topic')) } } },
    },
    [`${topics}/{topic}`]: {
      get: one('A topic', 'Topic', { include_authorized_operations: parameter('With what the caller may do.', { type: 'string', enum: ['true', 'false'] }) }),
      patch: { summary: 'Gives a topic more partitions', description: 'ALTER on the topic.', body: json(object({ partitions_count: integer })), answers: ok('The topic.', json(ref('Topic'))) },
      delete: { summary: 'Deletes a topic', description: 'DELETE on the topic.', answers: done },
    },
    [`${topics}/-/configs`]: { get: many('Configs of all topics', 'KafkaTopicConfigList', 'TopicConfig') },
    [`${topics}/{topic}/configs`]: { get: many('Configs of a topic', 'KafkaTopicConfigList', 'TopicConfig') },
    [`${topics}/{topic}/configs:alter`]: alter('a topic'),
    [`${topics}/{topic}/configs/{name}`]: configsOf('a topic', 'TopicConfig'),
    [`${topics}/-/partitions/-/reassignment`]: { get: many('Reassignments under way', 'KafkaReassignmentList', 'Reassignment') },
    [`${topics}/{topic}/partitions/-/reassignment`]: { get: many('Reassignments under way in a topic', 'KafkaReassignmentList', 'Reassignment') },
    [`${topics}/{topic}/partitions/{partition}/reassignment`]: { get: one('The reassignment of a partition', 'Reassignment') },
    [`${topics}/{topic}/partitions`]: { get: many('Partitions of a topic', 'KafkaPartitionList', 'Partition') },
    [`${topics}/{topic}/partitions/{partition}`]: { get: one('A partition', 'Partition') },
    [`${topics}/{topic}/partitions/{partition}/offset`]: {
      get: one('Where a partition begins and ends', 'PartitionWithOffsets', { offset_type: parameter('`earliest` or `latest`; the other is then -1.') }),
    },
    [`${topics}/{topic}/partitions/{partition}/replicas`]: { get: many('Replicas of a partition', 'KafkaReplicaList', 'Replica') },
    [`${topics}/{topic}/partitions/{partition}/replicas/{broker}`]: { get: one('A replica', 'Replica') },
    [`${topics}/{topic}/records`]: {
      post: {
        summary: 'Stores records as a stream', description: 'WRITE on the topic. The body is one JSON document per record, one behind the other, the answer one delivery report per record, in order.',
        body: json(ref('RecordRequest')), answers: ok('Delivery reports, one behind the other.', json(ref('DeliveryReport'))),
      },
    },
    [`${topics}/{topic}/records:batch`]: {
      post: {
        summary: 'Stores records', description: 'WRITE on the topic. Each record stands alone.',
        body: json(object({ entries: list(ref('RecordEntry')) })),
        answers: { 207: { description: 'What became of each.', content: json(object({ successes: list(ref('BatchSuccess')), failures: list(ref('BatchFailure')) })) } },
      },
    },
  },
}
