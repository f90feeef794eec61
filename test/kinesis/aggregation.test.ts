// Records that the KPL put together, made and taken apart by AWS's own library for Node.
import { createRequire } from 'node:module'
import { describe, expect, it } from 'vitest'
import { userRecordCount } from '../../src/kinesis/aggregation.ts'
import { testKinesis } from './support/kinesis.ts'

/** As the library answers a record in the JavaScript SDK's form. */
interface UserRecord { readonly PartitionKey: string; readonly Data: string }
interface Encoded { readonly partitionKey: string; readonly data: Buffer }
const { aggregate, deaggregateSync } = createRequire(import.meta.url)('aws-kinesis-agg') as {
  aggregate(records: readonly { partitionKey: string; data: Buffer; explicitHashKey?: string }[], encoded: (one: Encoded, done: () => void) => void, after: () => void, failed: (error: Error) => void): void
  deaggregateSync(record: object, checksums: boolean, after: (error: Error | null, records?: UserRecord[]) => void): void
}

async function aggregated(records: Parameters<typeof aggregate>[0]): Promise<Encoded[]> {
  const made: Encoded[] = []
  await new Promise<void>((resolve, reject) => {
    aggregate(records, (one, done) => { made.push(one); done() }, resolve, reject)
  })
  return made
}

const userRecords = Array.from({ length: 40 }, (_, at) => ({ partitionKey: `customer-${at % 7}`, data: Buffer.from(`order ${at}`) }))

describe('an aggregated record', () => {
  it('goes through PutRecords and GetRecords as it is, and is counted with its user records', async () => {
    const kinesis = await testKinesis()
    await kinesis.ok('CreateStream', { StreamName: 's', ShardCount: 1 })
    const [one] = await aggregated(userRecords)
    const plain = { PartitionKey: 'plain', Data: Buffer.from('no aggregate').toString('base64') }
    await kinesis.ok('PutRecords', { StreamName: 's', Records: [plain, { PartitionKey: one!.partitionKey, Data: one!.data.toString('base64') }] })

    const { ShardIterator } = await kinesis.ok('GetShardIterator', { StreamName: 's', ShardId: '0', ShardIteratorType: 'TRIM_HORIZON' })
    const { Records } = await kinesis.ok<{ Records: { Data: string; PartitionKey: string; SequenceNumber: string }[] }>('GetRecords', { ShardIterator })
    expect(Records).toHaveLength(2)
    expect(Records[1]!.Data).toBe(one!.data.toString('base64'))
    let found: UserRecord[] = []
    deaggregateSync(Records[1]!, true, (error, records) => {
      expect(error ?? null).toBe(null)
      found = records!
    })
    expect(found.map(({ PartitionKey, Data }) => [PartitionKey, Buffer.from(Data, 'base64').toString()])).toEqual(userRecords.map(({ partitionKey, data }) => [partitionKey, data.toString()]))

    const counted = (name: string): number => kinesis.handler.metrics.store.named('Sluice/Kinesis', name).reduce((sum, { series }) => sum + series.total, 0)
    expect([counted('AggregatedRecords'), counted('UserRecords')]).toEqual([1, 40])
    expect(kinesis.handler.metrics.store.named('AWS/Kinesis', 'IncomingRecords').map(({ series }) => series.total)).toEqual([2])
  })

  it('is told from what only looks like one', async () => {
    const [{ data }] = await aggregated([...userRecords, { partitionKey: 'a', explicitHashKey: '17', data: Buffer.alloc(300) }]) as [Encoded]
    expect(userRecordCount(data)).toBe(41)
    for (let at = 0; at < data.length; at++) {
      const changed = Buffer.from(data)
      changed[at]! ^= 1
      expect(userRecordCount(changed)).toBe(0)
      expect(userRecordCount(data.subarray(0, at))).toBe(0)
    }
    expect(userRecordCount(Buffer.concat([data, Buffer.alloc(1)]))).toBe(0)
    expect(userRecordCount(Buffer.alloc(0))).toBe(0)
    expect(userRecordCount(Buffer.alloc(100))).toBe(0)
  })
})
