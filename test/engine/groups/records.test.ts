import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { decodeRecord, encodeRecord, type GroupRecord } from '../../../src/engine/groups/records.ts'
import { partitionOf } from '../../../src/engine/groups/coordinator.ts'
import type { RecordDraft, RecordView } from '../../../src/wire/batch.ts'

const view = ({ key, value }: RecordDraft): RecordView => ({ key, value, offset: 0, timestampMs: 0, headers: [] })
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex')
const text = (value: string): string => Buffer.from(value).toString('hex')

const offset: GroupRecord = { type: 'offset', offset: { groupId: 'g1', topic: 'orders', partition: 2, offset: 258, leaderEpoch: 7, metadata: 'm', commitTimestampMs: 1_700_000_000_000 } }
const group: GroupRecord = {
  type: 'group',
  group: {
    groupId: 'g1', protocolType: 'consumer', generation: 3, protocol: 'range', leader: 'm-1', currentStateTimestamp: 1_700_000_000_000,
    members: [{ memberId: 'm-1', groupInstanceId: 'i', clientId: 'c', clientHost: '/h', rebalanceTimeout: 60_000, sessionTimeout: 10_000, subscription: Buffer.from('s'), assignment: Buffer.from('a') }],
  },
}

describe('the records of __consumer_offsets', () => {
  it('are, for an offset, OffsetCommitKey and OffsetCommitValue version 3 of Kafka', () => {
    const { key, value } = encodeRecord(offset)!
    expect(key).toEqual(hex(`0001 0002${text('g1')} 0006${text('orders')} 00000002`))
    expect(value).toEqual(hex(`0003 0000000000000102 00000007 0001${text('m')} 0000018bcfe56800`))
  })

  it('are, for a group, GroupMetadataKey and GroupMetadataValue version 3 of Kafka', () => {
    const { key, value } = encodeRecord(group)!
    expect(key).toEqual(hex(`0002 0002${text('g1')}`))
    expect(value).toEqual(hex(`0003 0008${text('consumer')} 00000003 0005${text('range')} 0003${text('m-1')} 0000018bcfe56800 00000001
      0003${text('m-1')} 0001${text('i')} 0001${text('c')} 0002${text('/h')} 0000ea60 00002710 00000001${text('s')} 00000001${text('a')}`))
  })

  it('read back as what was written, tombstones too', () => {
    const records: GroupRecord[] = [offset, group, { type: 'offset-removed', groupId: 'g1', topic: 'orders', partition: 2 }, { type: 'group-removed', groupId: 'g1' }]
    expect(records.map(record => decodeRecord(view(encodeRecord(record)!)))).toEqual(records)
  })

  it('are read in the versions of older brokers', () => {
    const key = hex(`0001 0002${text('g1')} 0006${text('orders')} 00000002`)
    const versions = [
      `0000 0000000000000102 0001${text('m')} 0000018bcfe56800`,
      `0001 0000000000000102 0001${text('m')} 0000018bcfe56800 0000018bcfe56900`,
      `0004 0000000000000102 00000007 02${text('m')} 0000018bcfe56800 01 00 10 ${'0'.repeat(31)}1`,
    ].map(value => decodeRecord(view({ key, value: hex(value) })))
    expect(versions.map(record => record?.type === 'offset' && [record.offset.offset, record.offset.leaderEpoch, record.offset.metadata])).toEqual([[258, -1, 'm'], [258, -1, 'm'], [258, 7, 'm']])
    const groupKey = hex(`0002 0002${text('g1')}`)
    const v0 = decodeRecord(view({ key: groupKey, value: hex(`0000 0008${text('consumer')} 00000003 ffff ffff 00000000`) }))
    expect(v0).toEqual({ type: 'group', group: { groupId: 'g1', protocolType: 'consumer', generation: 3, protocol: null, leader: null, currentStateTimestamp: -1, members: [] } })
  })

  it('of kinds that came later are left to whoever knows them', () => {
    expect(decodeRecord(view({ key: hex('0003 0001 67'), value: hex('0000') }))).toBeUndefined()
    expect(decodeRecord(view({ key: null, value: hex('0000') }))).toBeUndefined()
  })

  const schemas = new URL('../../../../shared/reference/kafka-protocol/internal/group-coordinator/', import.meta.url)
  it.skipIf(!existsSync(schemas))('name every field that Kafka 4.2 has in these records (skipped where ../shared/reference is absent)', () => {
    const fieldsOf = (file: string): string[] => [...readFileSync(new URL(file, schemas), 'utf8').matchAll(/"name": "([a-z]\w+)"/g)].map(match => match[1]!)
    const source = readFileSync(new URL('../../../src/engine/groups/records.ts', import.meta.url), 'utf8')
    const missing = ['OffsetCommitKey.json', 'OffsetCommitValue.json', 'GroupMetadataKey.json', 'GroupMetadataValue.json'].flatMap(fieldsOf).filter(name => !new RegExp(`\\b${name}:`).test(source))
    expect(missing).toEqual([])
  })
})

describe('the partition of a group', () => {
  it('is the Java hash code of its id, as Kafka counts it', () => {
    // "hello".hashCode() is 99162322, "polygenelubricants".hashCode() is Integer.MIN_VALUE, "consumer-group".hashCode() is negative.
    expect(partitionOf('hello', 50)).toBe(99_162_322 % 50)
    expect(partitionOf('polygenelubricants', 50)).toBe(0)
    expect(partitionOf('', 50)).toBe(0)
    for (const id of ['a', 'consumer-group', 'größe', '日本']) expect(partitionOf(id, 50)).toBeGreaterThanOrEqual(0)
  })
})
