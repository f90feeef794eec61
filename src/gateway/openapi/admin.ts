// Administration in the OpenAPI document.
import { base64, boolean, ids, integer, list, mapOf, nullable, number, object, oneOf, ref, type Schema, text, time, words } from './json-schema.ts'
import { type Family, flag, json, ok, type Operation, pages, parameter } from './operation.ts'
import { shardView } from './views.ts'

/** A config's value. */
const setting: Schema = { anyOf: [text, number, boolean] }
const operations = words('all', 'read', 'write', 'create', 'delete', 'alter', 'describe', 'cluster-action', 'describe-configs', 'alter-configs', 'idempotent-write')
const binding = {
  principal: text, host: text, operation: operations, permission: words('allow', 'deny'), resourceType: words('topic', 'group', 'cluster', 'transactional-id', 'subject', 'tag'),
  resourceName: text,
}
const { host: _host, permission: _permission, ...wanted } = binding
const aclFilters = Object.fromEntries(['principal', 'host', 'operation', 'permission', 'resourceType', 'resourceName', 'patternType'].map(name => [name, parameter('Only those with this.')]))
const replicaLists = { replicas: ids, inSyncReplicas: ids, eligibleReplicas: ids, addingReplicas: ids, removingReplicas: ids }
const offsets = { logStartOffset: integer, lastStableOffset: integer, highWatermark: integer, logEndOffset: integer }
const fault = nullable(object({ error_code: integer, message: text }))
const partitionRef = { topic: text, partition: integer }
const describe = 'DESCRIBE on the cluster.'
const alter = 'ALTER on the cluster.'
const internal = flag('Internal topics too.')

const share: Schema = { type: 'number', minimum: 0, maximum: 1 }
const trouble = { throttle: share, failure: share, delayMs: number }
const profile = words('aws', 'off', 'chaos')
const chaos = {
  ...trouble, seed: integer, failureWhen: words('before', 'after'), limits: words('aws', 'off'), operations: mapOf(object({}, trouble)),
}

const contents = flag('With keys, values and headers.')
const shownPart = nullable(oneOf(object({ json: {} }), object({ text }), object({ base64: text }), object({ withheld: text })))

const action: Operation = { summary: 'Stops, starts or restarts a broker, or has it fail', description: alter, answers: ok('The broker, once it is done.', json(ref('AdminBroker'))) }

export const adminFamily: Family = {
  tag: 'Administration',
  description: 'What `npx sluice` asks. Every change is in the audit log.',
  schemas: {
    AclBinding: object({ ...binding, patternType: words('literal', 'prefixed') }),
    AccessKey: object({ id: text, principal: text, createdAt: time }, { expiresAt: time, secret: text, sessionToken: text }),
    KmsKey: object({
      id: text, arn: text, description: text, state: words('Enabled', 'Disabled', 'PendingDeletion'), createdAt: time, deletionAt: nullable(time), isManaged: boolean,
      aliases: list(text), topics: list(text),
    }),
    AdminTopic: object({
      name: text, id: text, internal: boolean, underReplicated: integer, offline: integer,
      partitions: list(object({ partition: integer, leader: integer, leaderEpoch: integer, ...replicaLists, isUnderReplicated: boolean, ...shardView })),
    }),
    CreatedTopic: object({ name: text, id: text, partitions: integer, replicationFactor: integer }, { configs: mapOf(text) }),
    AdminBroker: object({
      id: integer, rack: nullable(text), state: text, isUp: boolean, fault: nullable(text), leaders: integer,
      replicas: integer, outOfSync: integer, storageBytes: nullable(integer),
      limitBytes: nullable(integer), directories: list(text), ports: mapOf(integer),
    }),
    LogDirectory: object({
      path: text, failed: nullable(text), totalBytes: integer, usableBytes: integer, limitBytes: nullable(integer),
      replicas: list(object({ ...partitionRef, bytes: integer, lag: integer, isFuture: boolean })),
    }),
    DeadLetter: object({
      ...partitionRef, offset: integer, state: words('waiting', 'redriven', 'open'), redrivenTo: nullable(object({ ...partitionRef, offset: integer })), reason: text,
      part: words('key', 'value'), pointer: text, schema: nullable(text),
      origin: object({ topic: text, partition: integer, index: integer, batch: nullable(text), timestamp: nullable(time) }),
      principal: text, clientId: nullable(text), wayIn: text, time, keyBytes: nullable(integer), valueBytes: nullable(integer),
      headers: list(object({ name: text }, { value: nullable(base64), bytes: nullable(integer) })),
    }, { key: shownPart, value: shownPart }),
    KinesisLimits: object({
      profile, chaos: object(chaos), isEnforced: boolean, troubles: list(object({ operation: text, kind: words('throttled', 'failed', 'delayed'), count: integer })),
    }),
    ClusterBroker: object({ id: integer, rack: nullable(text), state: text }),
    ClusterState: object({ id: text, controllerId: integer, brokers: list(ref('ClusterBroker')) }),
  },
  paths: {
    '/admin/overview': {
      get: {
        summary: 'One look at the whole server', description: describe,
        answers: ok('Figures.', json(object({
          cluster: ref('ClusterState'), startedAt: time, topics: integer, partitions: integer, internalTopics: integer, offlinePartitions: list(text), underReplicatedPartitions: list(text),
          groups: list(object({ groupId: text, state: text, protocolType: text }, {})), acls: integer, accessKeys: integer,
        }))),
      },
    },
    '/admin/acls': {
      get: { summary: 'ACLs', description: describe, query: aclFilters, answers: ok('ACLs.', json(object({ acls: list(ref('AclBinding')) }))) },
      post: {
        summary: 'Makes ACLs', description: alter, body: json(object({ acls: list(object(wanted, { host: text, permission: binding.permission, patternType: words('literal', 'prefixed') })) })),
        answers: Object.fromEntries([201, 207].map(status => [status, {
          description: status === 201 ? 'Made.' : 'Some were refused.', content: json(object({ acls: list(object({ ...binding, patternType: text, error: fault })) })),
        }])),
      },
      delete: { summary: 'Deletes ACLs', description: `${alter} At least one filter is needed.`, query: aclFilters, answers: ok('Those that went.', json(object({ deleted: list(ref('AclBinding')) }))) },
    },
    '/admin/access-keys': {
      get: { summary: 'Access keys for the Kinesis API', description: describe, answers: ok('Keys, without their secrets.', json(object({ accessKeys: list(ref('AccessKey')) }))) },
      post: {
        summary: 'Makes an access key', description: `${alter} With \`durationSeconds\` (up to 129600) a temporary one: each request must carry its session token, and none is believed once it has expired.`,
        body: json(object({ principal: text }, { durationSeconds: integer })),
        answers: { 201: { description: 'The key with its secret, and its token where it is temporary, this once.', content: json(ref('AccessKey')) } },
      },
    },
    '/admin/access-keys/{id}': { delete: { summary: 'Deletes an access key', description: alter, answers: ok('Gone.') } },
    '/admin/kms-keys': {
      get: { summary: 'Keys that records are encrypted under', description: describe, answers: ok('Keys, without their bytes.', json(object({ kmsKeys: list(ref('KmsKey')) }))) },
      post: {
        summary: 'Makes a key', description: alter, body: json(object({}, { description: text, alias: text })), answers: { 201: { description: 'The key.', content: json(ref('KmsKey')) } },
      },
    },
    '/admin/kms-keys/{key}': {
      get: { summary: 'A key', description: `${describe} It is named by its id, an alias, or the ARN of either.`, answers: ok('The key.', json(ref('KmsKey'))) },
      delete: {
        summary: 'Schedules a key\'s deletion', description: `${alter} When the days are over, the key is gone for good, and all records under it.`,
        query: { days: parameter('After how many days; 30 unless given.', { type: 'integer', minimum: 7, maximum: 30 }) }, answers: ok('The key as it is until then.', json(ref('KmsKey'))),
      },
    },
    '/admin/kms-keys/{key}/enable': { post: { summary: 'Lets records under a key be written and read', description: alter, answers: ok('The key.', json(ref('KmsKey'))) } },
    '/admin/kms-keys/{key}/disable': { post: { summary: 'Lets no records under a key be written or read', description: alter, answers: ok('The key.', json(ref('KmsKey'))) } },
    '/admin/kms-keys/{key}/cancel-deletion': { post: { summary: 'Keeps a key that was to be deleted, disabled', description: alter, answers: ok('The key.', json(ref('KmsKey'))) } },
    '/admin/kms-keys/{key}/aliases/{alias}': {
      put: { summary: 'Gives a key an alias', description: alter, answers: ok('The key.', json(ref('KmsKey'))) },
      delete: { summary: 'Takes an alias away from a key', description: alter, answers: ok('The key.', json(ref('KmsKey'))) },
    },
    '/admin/topics': {
      get: {
        summary: 'Topics with their replicas', description: describe, query: { ...pages, internal },
        answers: ok('A page.', json(object({ topics: list(ref('AdminTopic')), next: nullable(text) }))),
      },
      post: {
        summary: 'Makes a topic', description: 'CREATE on the topic or the cluster.',
        body: json(object({ name: text }, { partitions: integer, replicationFactor: integer, configs: mapOf(setting), validateOnly: boolean })),
        answers: { 200: { description: 'As it would be made.', content: json(ref('CreatedTopic')) }, 201: { description: 'Made.', content: json(ref('CreatedTopic')) } },
      },
    },
    '/admin/topics/{topic}': {
      patch: {
        summary: 'Changes configs of a topic, or gives it more partitions', description: 'ALTER_CONFIGS or ALTER on the topic. Null takes a config back to its default.',
        body: json(object({}, { configs: mapOf(nullable(setting)), partitions: integer })),
        answers: ok('From what to what.', json(object({
          name: text, configs: list(object({ name: text, from: nullable(text), to: nullable(text) })), partitions: nullable(object({ from: integer, to: integer })),
        }))),
      },
      delete: { summary: 'Deletes a topic', description: 'DELETE on the topic.', answers: ok('What is gone.', json(object({ name: text, id: nullable(text), partitions: integer }))) },
    },
    '/admin/topics/{topic}/replicas': {
      get: {
        summary: 'Every replica of a topic as its broker sees it', description: 'DESCRIBE on the cluster or the topic.',
        answers: ok('By partition.', json(object({
          topic: text, id: text, partitions: list(object({
            partition: integer, leader: integer, leaderEpoch: integer, partitionEpoch: integer, inSyncReplicas: ids, addingReplicas: ids, removingReplicas: ids,
            replicas: list(object({
              broker: integer, role: text, isInSync: boolean, ...Object.fromEntries([...Object.keys(offsets), 'durableOffset'].map(name => [name, nullable(integer)])),
            })),
          })),
        }))),
      },
    },
    '/admin/brokers': {
      get: { summary: 'Brokers', description: describe, answers: ok('Brokers.', json(object({ controllerId: integer, brokers: list(ref('AdminBroker')) }))) },
      post: {
        summary: 'Adds a broker', description: alter, body: json(object({}, { id: integer, rack: text, directories: list(text) })),
        answers: { 201: { description: 'The broker.', content: json(ref('AdminBroker')) } },
      },
    },
    '/admin/brokers/{id}': {
      get: { summary: 'A broker', description: describe, answers: ok('The broker.', json(ref('AdminBroker'))) },
      delete: {
        summary: 'Moves a broker\'s partitions to the others and removes it', description: `${alter} With Accept application/x-ndjson the answer comes at once, with a line per step.`,
        answers: { 200: { description: 'Steps, a line for each.', content: { 'application/x-ndjson': text } }, 204: { description: 'Gone.' } },
      },
    },
    '/admin/brokers/{id}/storage': {
      put: { summary: 'Limits what a broker stores', description: alter, body: json(object({ limitBytes: nullable(integer) })), answers: ok('The broker.', json(ref('AdminBroker'))) },
    },
    '/admin/brokers/{id}/{action}': { post: action },
    '/admin/brokers/{id}/log-dirs': {
      get: { summary: 'Data directories of a broker', description: describe, answers: ok('Directories.', json(object({ directories: list(ref('LogDirectory')) }))) },
    },
    '/admin/brokers/{id}/log-dirs/move': {
      post: {
        summary: 'Moves a replica to another directory of its broker', description: alter, body: json(object({ ...partitionRef, path: text })),
        answers: { 202: { description: 'Begun.', content: json(object({ broker: integer, ...partitionRef, path: text })) } },
      },
    },
    '/admin/reassignments': {
      get: {
        summary: 'Partitions that move', description: describe, query: { topic: parameter('Only of this topic.') },
        answers: ok('Reassignments.', json(object({ reassignments: list(object({ ...partitionRef, replicas: ids, addingReplicas: ids, removingReplicas: ids })) }))),
      },
      post: {
        summary: 'Moves partitions', description: `${alter} Either \`partitions\` with their replicas (null gives a move up), or \`topics\` to be spread over \`brokers\`.`,
        body: json(oneOf(
          object({ partitions: list(object({ ...partitionRef, replicas: nullable(ids) })) }), object({ topics: list(text), brokers: ids }, { replicationFactor: integer }),
        )),
        answers: Object.fromEntries([[200, 'Nothing has to move.'], [202, 'Begun.'], [207, 'Some were refused.']].map(([status, description]) => [status, {
          description: String(description), content: json(object({ partitions: list(object({ ...partitionRef, replicas: nullable(ids), error: fault })) })),
        }])),
      },
    },
    '/admin/elections': {
      post: {
        summary: 'Elects leaders', description: alter, body: json(object({ kind: words('preferred', 'unclean') }, { partitions: list(object(partitionRef)) })),
        answers: Object.fromEntries([200, 207].map(status => [status, {
          description: status === 200 ? 'Elected.' : 'Some were refused.', content: json(object({ partitions: list(object({ ...partitionRef, elected: boolean, error: fault })) })),
        }])),
      },
    },
    '/admin/dlq': {
      get: {
        summary: 'Dead-letter topics', description: 'Those that the caller may READ.',
        answers: ok('What lies in each.', json(object({ topics: list(object({
          topic: text, letters: integer, waiting: integer, redriven: integer, open: integer, origins: list(text), reasons: list(object({ reason: text, count: integer })),
        })) }))),
      },
    },
    '/admin/dlq/{topic}': {
      get: {
        summary: 'Dead letters', description: 'READ on the dead-letter topic. Contents are masked as REST reads are.',
        query: {
          partition: parameter('Only of this partition.', integer), from: parameter('From this offset on, in the first partition.', integer), limit: pages.limit,
          state: parameter('Only those in this state.', words('waiting', 'redriven', 'open', 'all')), origin: parameter('Only those that were meant for this topic.'),
          reason: parameter('Only those with this in their reason.'), since: parameter('Only those put aside since.', time), contents,
        },
        answers: ok('A page.', json(object({ letters: list(ref('DeadLetter')), next: nullable(object({ partition: integer, offset: integer })) }))),
      },
    },
    '/admin/dlq/{topic}/{partition}/{offset}': {
      get: { summary: 'A dead letter', description: 'READ on the dead-letter topic.', query: { contents }, answers: ok('The letter.', json(ref('DeadLetter'))) },
    },
    '/admin/dlq/{topic}/redrive': {
      post: {
        summary: 'Sends dead letters to where they were meant for', description: 'READ on the dead-letter topic and WRITE on theirs. Those that still do not fit stay. With latestSchema values are written by the latest schema of their topic.',
        body: json(object({}, {
          partition: integer, offset: integer, value: {}, valueBase64: base64, latestSchema: boolean, origin: text, reason: text, since: time, dryRun: boolean,
        })),
        answers: ok('What became of them.', {
          ...json(object({ redriven: integer, failed: integer, failures: list(object({ partition: integer, offset: integer, reason: text })) })), 'application/x-ndjson': text,
        }),
      },
    },
    '/admin/kinesis/limits': {
      get: { summary: 'Limits of the Kinesis API, and troubles made so far', description: describe, answers: ok('Limits.', json(ref('KinesisLimits'))) },
      put: {
        summary: 'Changes the limits of the Kinesis API', description: `${alter} What is left out of \`chaos\` stays as it is. Holds until the server stops.`,
        body: json(object({ profile }, { chaos: object({}, chaos) })), answers: ok('Limits.', json(ref('KinesisLimits'))),
      },
    },
    '/admin/quorum': {
      get: {
        summary: 'Who holds the cluster\'s metadata', description: describe,
        answers: ok('The quorum.', json(object({
          leaderId: integer, leaderEpoch: integer, highWatermark: integer,
          voters: list(object({ id: integer, logEndOffset: integer, lag: integer, lastFetchAt: nullable(time), lastCaughtUpAt: nullable(time) })),
        }))),
      },
    },
  },
}
