// On-demand streams get the shards that their use asks for, in rounds of ten seconds.
import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { KinesisHandlerOptions } from '../../src/kinesis/handler.ts'
import { shardMapOf } from '../../src/kinesis/shard-map.ts'
import type { Backend } from '../../src/ports.ts'
import { TestClock, testKinesis, type TestKinesis } from './support/kinesis.ts'

const MiB = 1_048_576

interface Scaled extends TestKinesis { readonly clock: TestClock }

async function orders(how: object = {}, options: Partial<KinesisHandlerOptions> & { backend?: Backend } = {}): Promise<Scaled> {
  const clock = new TestClock()
  const kinesis = await testKinesis({ clock, profile: 'aws', ...options })
  await kinesis.ok('CreateStream', { StreamName: 'orders', StreamModeDetails: { StreamMode: 'ON_DEMAND' }, ...how })
  const scaled = { ...kinesis, clock }
  await round(scaled)
  return scaled
}

/** Ten seconds, in each of which the records are put; whatever the scaling then decides is done. */
async function round(kinesis: Scaled, Records: readonly object[] = []): Promise<void> {
  await seconds(kinesis, async () => {
    if (Records.length === 0) return
    const { FailedRecordCount } = await kinesis.ok<{ FailedRecordCount: number }>('PutRecords', { StreamName: 'orders', Records })
    expect(FailedRecordCount).toBe(0)
  })
}

/** The same, but that each open shard is only told to take so many bytes a second, which costs less than to put them. */
async function busyRound(kinesis: Scaled, bytes: number): Promise<void> {
  await seconds(kinesis, async () => {
    const [topic] = await kinesis.backend.admin.topics(['orders'])
    for (const { index } of shardMapOf(topic!).open) expect(kinesis.handler.throughput.shard(topic!.id, index).admitRecord(bytes, 'PutRecords')).toBe(true)
  })
}

async function seconds(kinesis: Scaled, each: () => Promise<void>): Promise<void> {
  for (let second = 0; second < 10; second++) {
    await each()
    kinesis.clock.advance(1_000)
  }
  await settled()
}

/** What a round does to the backend in memory is done before the event loop turns. */
const settled = (): Promise<void> => setImmediate()

async function shardsOf({ ok }: TestKinesis): Promise<{ open: number; all: number; status: string }> {
  const { StreamDescription: { Shards, StreamStatus } } = await ok<{ StreamDescription: { Shards: { SequenceNumberRange: { EndingSequenceNumber?: string } }[]; StreamStatus: string } }>('DescribeStream', { StreamName: 'orders' })
  return { open: Shards.filter(shard => shard.SequenceNumberRange.EndingSequenceNumber === undefined).length, all: Shards.length, status: StreamStatus }
}

describe('an on-demand stream', () => {
  it('has twice the shards once more than half of what they take is written, and so on', async () => {
    const kinesis = await orders({ RecordDistributionStrategy: 'AUTO' })
    await busyRound(kinesis, MiB / 2)
    expect(await shardsOf(kinesis)).toMatchObject({ open: 4, all: 4 })
    await busyRound(kinesis, MiB / 2 + 1)
    expect(await shardsOf(kinesis)).toMatchObject({ open: 8, all: 12 })
    await busyRound(kinesis, MiB)
    expect(await shardsOf(kinesis)).toMatchObject({ open: 16 })
    // What it has, it keeps.
    await round(kinesis)
    expect(await shardsOf(kinesis)).toMatchObject({ open: 16 })
  })

  it('counts records as well as bytes', async () => {
    const kinesis = await orders({ RecordDistributionStrategy: 'AUTO' })
    const Records = Array.from({ length: 408 }, () => ({ Data: 'YQ==' }))
    await seconds(kinesis, async () => {
      for (let call = 0; call < 5; call++) await kinesis.ok('PutRecords', { StreamName: 'orders', Records })
    })
    expect(await shardsOf(kinesis)).toMatchObject({ open: 8 })
  })

  it('has only its busy shards split', async () => {
    const kinesis = await orders()
    const Records = [{ PartitionKey: 'always the same', Data: Buffer.alloc(700_000).toString('base64') }]
    await round(kinesis, Records)
    expect(await shardsOf(kinesis)).toMatchObject({ open: 5, all: 6 })
  })

  it('goes on in order over a split: what is read of a parent was put before what is read of its child', async () => {
    const kinesis = await orders()
    const put = (at: number): Promise<{ SequenceNumber: string }> =>
      kinesis.ok('PutRecord', { StreamName: 'orders', PartitionKey: 'k', Data: Buffer.alloc(600_000, at).toString('base64') })
    const numbers: bigint[] = []
    for (let second = 0; second < 25; second++) {
      numbers.push(BigInt((await put(second)).SequenceNumber))
      kinesis.clock.advance(1_000)
      await settled()
    }
    expect((await shardsOf(kinesis)).open).toBeGreaterThan(4)
    expect(numbers.every((number, at) => at === 0 || number > numbers[at - 1]!)).toBe(true)
  })

  it('grows no further than the account has room for', async () => {
    const kinesis = await orders({ RecordDistributionStrategy: 'AUTO' }, { shardLimit: 6 })
    await busyRound(kinesis, MiB)
    expect(await shardsOf(kinesis)).toMatchObject({ open: 6 })
    await busyRound(kinesis, MiB)
    expect(await shardsOf(kinesis)).toMatchObject({ open: 6 })
  })

  it('shows UPDATING while it grows, and does not grow while it shows something else', async () => {
    const kinesis = await orders({ RecordDistributionStrategy: 'AUTO' }, { transitionMs: 9_500 })
    await busyRound(kinesis, MiB)
    expect(await shardsOf(kinesis)).toMatchObject({ open: 8, status: 'UPDATING' })
    kinesis.clock.advance(9_499)
    expect(await shardsOf(kinesis)).toMatchObject({ status: 'UPDATING' })
    kinesis.clock.advance(1)
    expect(await shardsOf(kinesis)).toMatchObject({ status: 'ACTIVE' })
  })

  it.each([['a provisioned stream', { StreamModeDetails: { StreamMode: 'PROVISIONED' } }, {}], ['where no limits hold', {}, { profile: 'off' }]] as const)('stays as it is: %s', async (_what, how, options) => {
    const kinesis = await orders(how, options)
    await round(kinesis, Array.from({ length: 40 }, (_, at) => ({ PartitionKey: String(at), Data: Buffer.alloc(100_000).toString('base64') })).slice(0, 30))
    expect(await shardsOf(kinesis)).toMatchObject({ open: 4, all: 4 })
  })

  it('is told of where it cannot grow, and tried again', async () => {
    const kinesis = await orders({ RecordDistributionStrategy: 'AUTO' })
    const { admin } = kinesis.backend
    const reshard = admin.reshard.bind(admin)
    admin.reshard = async () => { throw new Error('the disk is full') }
    await busyRound(kinesis, MiB)
    expect(kinesis.logger.lines).toMatchObject([{ level: 'error', message: 'on-demand streams could not be scaled' }])
    admin.reshard = reshard
    await busyRound(kinesis, MiB)
    expect(await shardsOf(kinesis)).toMatchObject({ open: 8 })
  })

  it('is left alone by a facade that is closed', async () => {
    const kinesis = await orders({ RecordDistributionStrategy: 'AUTO' })
    kinesis.handler[Symbol.dispose]()
    for (let turn = 0; turn < 2; turn++) await busyRound(kinesis, MiB)
    expect(await shardsOf(kinesis)).toEqual({ open: 4, all: 4, status: 'ACTIVE' })
  })
})
