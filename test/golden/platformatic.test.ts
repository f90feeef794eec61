// The encoders and decoders of @platformatic/kafka against ours, for every API and version both know. What it encodes we decode and encode again to the
// same bytes; what we encode it decodes to the last byte, and every value is there.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { apis } from '../../src/kafka/apis/index.ts'
import { Batch } from '../../src/wire/batch.ts'
import { Reader } from '../../src/wire/bytes.ts'
import { leavesOf, markedMessage } from './marked-message.ts'

interface Codec {
  createRequest(...positional: unknown[]): { readonly buffer: Buffer }
  parseResponse(correlationId: number, apiKey: number, apiVersion: number, reader: { readonly position: number }): unknown
}

const root = join(import.meta.dirname, '../../node_modules/@platformatic/kafka/dist')
const theirReader = await import(join(root, 'protocol/reader.js')) as { Reader: { from(bytes: Buffer): { readonly position: number } } }

const topicId = '01234567-89ab-cdef-0123-456789abcdef'
const acl = { resourceType: 2, resourceName: 'orders', resourcePatternType: 3, principal: 'User:CN=alice', host: '*', operation: 4, permissionType: 3 }
const headers = new Map([[Buffer.from('h'), Buffer.from('1')]])
const record = (key: string) => ({ topic: 'orders', partition: 2, key: Buffer.from(key), value: Buffer.from('v'), headers, timestamp: 1_700_000_000_000n })
const members = [{ memberId: 'm-1', groupInstanceId: 's-1', reason: 'done' }]
const fetched = (id: string) => [{ topicId: id, partitions: [{ partition: 0, currentLeaderEpoch: 3, fetchOffset: 5n, lastFetchedEpoch: 2, partitionMaxBytes: 1000 }] }]
const commit = [{ name: 'orders', partitions: [{ partitionIndex: 0, committedOffset: 9n, committedLeaderEpoch: 4, committedMetadata: 'm' }] }]
const newTopic = { name: 'orders', numPartitions: 3, replicationFactor: 1, assignments: [{ partitionIndex: 0, brokerIds: [1] }], configs: [{ name: 'retention.ms', value: '5' }] }

/** What its encoders are called with, by API key: file and positional arguments. */
const calls: Readonly<Record<number, readonly [file: string, positional: (version: number) => unknown[]]>> = {
  0: ['producer/produce', () => [-1, 1000, [record('a'), record('b')], { compression: 'none' }]],
  1: ['consumer/fetch', version => [100, 1, 9999, 1, 0, -1, fetched(version < 13 ? 'orders' : topicId), [], 'a']],
  2: ['consumer/list-offsets', () => [-1, 1, [{ name: 'orders', partitions: [{ partitionIndex: 0, currentLeaderEpoch: 3, timestamp: 17n }] }]]],
  3: ['metadata/metadata', () => [['orders', 'payments'], false, true]],
  8: ['consumer/offset-commit', () => ['g', 7, 'm-1', 's-1', commit]],
  9: ['consumer/offset-fetch', () => [[{ groupId: 'g', memberId: 'm-1', memberEpoch: 2, topics: [{ name: 'orders', partitionIndexes: [0, 1] }] }], true]],
  10: ['metadata/find-coordinator', () => [0, ['g']]],
  11: ['consumer/join-group', () => ['g', 30_000, 60_000, 'm-1', 's-1', 'consumer', [{ name: 'range', metadata: Buffer.from('meta') }], 'why']],
  12: ['consumer/heartbeat', () => ['g', 7, 'm-1', 's-1']],
  13: ['consumer/leave-group', () => ['g', members]],
  14: ['consumer/sync-group', () => ['g', 7, 'm-1', 's-1', 'consumer', 'range', [{ memberId: 'm-1', assignment: Buffer.from('mine') }]]],
  15: ['admin/describe-groups', () => [['g', 'h'], true]],
  16: ['admin/list-groups', () => [['STABLE'], ['classic']]],
  18: ['metadata/api-versions', () => ['a-client', '1.0']],
  19: ['admin/create-topics', () => [[newTopic], 1000, true]],
  20: ['admin/delete-topics', () => [[{ name: 'orders' }], 1000]],
  22: ['producer/init-producer-id', () => ['tx', 5000, 3n, 4]],
  23: ['consumer/offset-for-leader-epoch', () => [-1, [{ name: 'orders', partitions: [{ partitionIndex: 2, currentLeaderEpoch: 3, leaderEpoch: 2 }] }]]],
  29: ['admin/describe-acls', () => [acl]],
  30: ['admin/create-acls', () => [[acl]]],
  31: ['admin/delete-acls', () => [[acl, { ...acl, resourceName: null, principal: null, host: null }]]],
  32: ['admin/describe-configs', () => [[{ resourceType: 2, resourceName: 'orders', configurationKeys: ['retention.ms'] }], true, true]],
  34: ['admin/alter-replica-log-dirs', () => [[{ path: '/data', topics: [{ name: 'orders', partitions: [0, 1] }] }]]],
  35: ['admin/describe-log-dirs', () => [[{ name: 'orders', partitions: [0, 1] }]]],
  37: ['admin/create-partitions', () => [[{ name: 'orders', count: 5, assignments: [{ brokerIds: [1] }] }], 1000, true]],
  42: ['admin/delete-groups', () => [['g', 'h']]],
  44: ['admin/incremental-alter-configs', () => [[{ resourceType: 2, resourceName: 'orders', configs: [{ name: 'retention.ms', configOperation: 0, value: '5' }] }], true]],
  45: ['admin/alter-partition-reassignments', () => [1000, false, [{ name: 'orders', partitions: [{ partitionIndex: 0, replicas: [2, 3] }] }]]],
  46: ['admin/list-partition-reassignments', () => [1000, [{ name: 'orders', partitionIndexes: [0, 1] }]]],
  55: ['admin/describe-quorum', () => [[{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }]]],
  60: ['admin/describe-cluster', () => [true, 1]],
  64: ['admin/unregister-broker', () => [3]],
  75: ['admin/describe-topic-partitions', () => [[{ name: 'orders' }], 100, { topicName: 'orders', partitionIndex: 3 }]],
}

async function codecsOf({ key, versions }: { readonly key: number; readonly versions: { readonly first: number; readonly last: number } }) {
  const [file] = calls[key]!
  const found: { readonly version: number; readonly codec: Codec }[] = []
  for (let version = versions.first; version <= versions.last; version++) {
    const path = join(root, 'apis', `${file}-v${version}.js`)
    if (existsSync(path)) found.push({ version, codec: await import(path) as Codec })
  }
  return found
}

/** It throws where a response holds errors (Produce's record errors are some), with what it read attached. */
function readBy(parse: () => unknown): unknown {
  try {
    return parse()
  } catch (error) {
    if (error instanceof Error && 'response' in error) return error.response
    throw error
  }
}

describe('@platformatic/kafka', () => {
  for (const { definition } of apis.filter(api => calls[api.definition.key] !== undefined)) {
    it(`and we write the same ${definition.name} requests`, async () => {
      for (const { version, codec } of await codecsOf(definition)) {
        const { buffer } = codec.createRequest(...calls[definition.key]![1](version))
        const reader = new Reader(buffer)
        const decoded = definition.request.decode(reader, version)
        expect(reader.remaining, `v${version}`).toBe(0)
        expect(definition.request.encode(decoded, version).toString('hex'), `v${version}`).toBe(buffer.toString('hex'))
      }
    })

    it(`reads every value of our ${definition.name} responses`, async () => {
      for (const { version, codec } of await codecsOf(definition)) {
        const { value, marks } = markedMessage(definition.response, version)
        const bytes = definition.response.encode(value, version)
        const reader = theirReader.Reader.from(bytes)
        const leaves = leavesOf(readBy(() => codec.parseResponse(1, definition.key, version, reader)))
        expect(reader.position, `v${version}`).toBe(bytes.length)
        expect([...marks].filter(([, mark]) => !leaves.has(mark)).map(([path]) => path), `v${version}`).toEqual([])
      }
    })
  }

  it('writes record batches whose CRC and records we read', async () => {
    const { definition } = apis.find(api => api.definition.key === 0)!
    for (const { version, codec } of await codecsOf(definition)) {
      const { buffer } = codec.createRequest(...calls[0]![1](version))
      const { topicData } = definition.request.decode(buffer, version) as unknown as { topicData: { partitionData: { records: Buffer }[] }[] }
      const batch = Batch.parse(topicData[0]!.partitionData[0]!.records)
      expect(batch.crcIsValid(), `v${version}`).toBe(true)
      expect(batch.records().map(one => [one.timestampMs, one.key?.toString(), one.value?.toString(), one.headers.map(({ key, value: header }) => [key, header?.toString()])]))
        .toEqual([[1_700_000_000_000, 'a', 'v', [['h', '1']]], [1_700_000_000_000, 'b', 'v', [['h', '1']]]])
    }
  })
})
