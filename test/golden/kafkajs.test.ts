// kafkajs's encoders and decoders against ours, for every API and version both know. What it encodes we decode and encode again to the same bytes;
// what we encode it decodes, and every value is there.
import { createRequire } from 'node:module'
import { describe, expect, it } from 'vitest'
import type { Served } from '../../src/kafka/api.ts'
import { apis } from '../../src/kafka/apis/index.ts'
import { Batch } from '../../src/wire/batch.ts'
import { inRange } from '../../src/wire/spec.ts'
import { leavesOf, markedMessage } from './marked-message.ts'

interface Protocol {
  readonly request: { readonly apiKey: number; readonly apiVersion: number; encode(): Promise<{ readonly buffer: Buffer }> }
  readonly response: { decode(bytes: Buffer): Promise<unknown> }
}

const require = createRequire(import.meta.url)
const topics = [{ topic: 'orders', partitions: [{ partition: 0, fetchOffset: '5', maxBytes: 1000, currentLeaderEpoch: 3, timestamp: '17', offset: '9', metadata: 'm' }] }]
const acl = { resourceType: 2, resourceName: 'orders', resourcePatternType: 3, principal: 'User:CN=alice', host: '*', operation: 4, permissionType: 3 }
const member = { groupId: 'g', memberId: 'm-1', groupInstanceId: 'static-1', groupGenerationId: 7, generationId: 7 }
const messages = [
  { key: Buffer.from('k'), value: Buffer.from('v'), headers: { h: Buffer.from('1') }, timestamp: 1_700_000_000_000 },
  { key: null, value: null, timestamp: 1_700_000_000_005 },
]

/** What kafkajs's encoders are called with, by API key: its own names. */
const calls: Readonly<Record<number, readonly [folder: string, argument: unknown]>> = {
  0: ['produce', {
    acks: -1, timeout: 1000, compression: 0, transactionalId: 'tx', producerId: -1, producerEpoch: -1,
    topicData: [{ topic: 'orders', partitions: [{ partition: 2, firstSequence: 0, messages }] }],
  }],
  1: ['fetch', { maxWaitTime: 100, minBytes: 1, maxBytes: 9999, rackId: 'a', topics }],
  2: ['listOffsets', { topics }],
  3: ['metadata', { topics: ['orders', 'payments'], allowAutoTopicCreation: false }],
  8: ['offsetCommit', { ...member, topics }],
  9: ['offsetFetch', { ...member, topics }],
  10: ['findCoordinator', { groupId: 'g', coordinatorType: 1 }],
  11: ['joinGroup', {
    ...member, sessionTimeout: 30_000, rebalanceTimeout: 60_000, protocolType: 'consumer', groupProtocols: [{ name: 'range', metadata: Buffer.from('meta') }],
  }],
  12: ['heartbeat', member],
  13: ['leaveGroup', member],
  14: ['syncGroup', { ...member, groupAssignment: [{ memberId: 'm-1', memberAssignment: Buffer.from('mine') }] }],
  15: ['describeGroups', { groupIds: ['g', 'h'] }],
  16: ['listGroups', {}],
  18: ['apiVersions', {}],
  19: ['createTopics', {
    timeout: 1000, validateOnly: true,
    topics: [{ topic: 'orders', numPartitions: 3, replicationFactor: 1, replicaAssignment: [{ partition: 0, replicas: [1] }], configEntries: [{ name: 'retention.ms', value: '5' }] }],
  }],
  20: ['deleteTopics', { topics: ['orders'], timeout: 1000 }],
  22: ['initProducerId', { transactionalId: 'tx', transactionTimeout: 5000 }],
  29: ['describeAcls', acl],
  30: ['createAcls', { creations: [acl] }],
  31: ['deleteAcls', { filters: [acl, { ...acl, resourceName: null, principal: null, host: null }] }],
  32: ['describeConfigs', { includeSynonyms: true, resources: [{ type: 2, name: 'orders', configNames: ['retention.ms'] }] }],
  37: ['createPartitions', { timeout: 1000, validateOnly: true, topicPartitions: [{ topic: 'orders', count: 5, assignments: [[1], [1]] }] }],
  42: ['deleteGroups', ['g', 'h']],
  45: ['alterPartitionReassignments', { timeout: 1000, topics: [{ topic: 'orders', partitionAssignment: [{ partition: 0, replicas: [2, 3] }] }] }],
  46: ['listPartitionReassignments', { timeout: 1000, topics: [{ topic: 'orders', partitions: [0, 1] }] }],
}

function protocolsOf(key: number): { readonly version: number; readonly protocol: Protocol }[] {
  const [folder, argument] = calls[key]!
  const { versions, protocol } = require(`kafkajs/src/protocol/requests/${folder}/index.js`) as {
    versions: string[]
    protocol(choice: { version: number }): (argument: unknown) => Protocol
  }
  return versions.map(Number).map(version => ({ version, protocol: protocol({ version })(argument) }))
}

/** The tagged fields of the flexible headers are to kafkajs the beginning of the body: none, one zero. */
function headerTags({ request }: Served['definition'], version: number): Buffer {
  return Buffer.alloc(request.isFlexible(version) ? 1 : 0)
}

/** Of reassignments kafkajs reads the error texts and throws them away. */
function isDropped(key: number, path: string): boolean {
  return [45, 46].includes(key) && path.endsWith('errorMessage')
}

describe('kafkajs', () => {
  for (const { definition } of apis.filter(api => calls[api.definition.key] !== undefined)) {
    const shared = protocolsOf(definition.key).filter(({ version }) => inRange(version, definition.versions))

    it(`and we write the same ${definition.name} requests, v${shared[0]!.version} to v${shared.at(-1)!.version}`, async () => {
      for (const { version, protocol: { request } } of shared) {
        expect([request.apiKey, request.apiVersion]).toEqual([definition.key, version])
        const { buffer } = await request.encode()
        const body = buffer.subarray(headerTags(definition, version).length)
        const decoded = definition.request.decode(body, version)
        expect(definition.request.encode(decoded, version).toString('hex'), `v${version}`).toBe(body.toString('hex'))
      }
    })

    it(`reads every value of our ${definition.name} responses, v${shared[0]!.version} to v${shared.at(-1)!.version}`, async () => {
      for (const { version, protocol: { response } } of shared) {
        const { value, marks } = markedMessage(definition.response, version)
        const leaves = leavesOf(await response.decode(Buffer.concat([headerTags(definition, version), definition.response.encode(value, version)])))
        const missing = [...marks].filter(([path, mark]) => !leaves.has(mark) && !isDropped(definition.key, path)).map(([path]) => path)
        expect(missing, `v${version}`).toEqual([])
      }
    })
  }

  it('writes record batches whose CRC and records we read', async () => {
    for (const { version, protocol: { request } } of protocolsOf(0).filter(one => one.version >= 3)) {
      const produce = apis.find(api => api.definition.key === 0)!.definition
      const { topicData } = produce.request.decode((await request.encode()).buffer, version) as unknown as { topicData: { partitionData: { records: Buffer }[] }[] }
      const batch = Batch.parse(topicData[0]!.partitionData[0]!.records)
      expect(batch.crcIsValid(), `v${version}`).toBe(true)
      expect(batch.records().map(({ timestampMs, key, value, headers }) => [timestampMs, key?.toString(), value?.toString(), headers.map(one => [one.key, one.value?.toString()])]))
        .toEqual([[1_700_000_000_000, 'k', 'v', [['h', '1']]], [1_700_000_000_005, undefined, undefined, []]])
    }
  })
})
