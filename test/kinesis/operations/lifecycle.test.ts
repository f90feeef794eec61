// The states of a stream: what shows, for how long, and what each lets through.
import { describe, expect, it, vi } from 'vitest'
import { type KinesisHandlerOptions } from '../../../src/kinesis/handler.ts'
import type { Backend } from '../../../src/ports.ts'
import { channelKinesis, madeChannel, onDemandStream } from '../support/channels.ts'
import { TestClock, arn, testKinesis, type TestKinesis } from '../support/kinesis.ts'

const transitionMs = 500
const put = { StreamName: 'orders', PartitionKey: 'a', Data: '' }
const first = { StreamName: 'orders', ShardId: 'shardId-000000000000', ShardIteratorType: 'TRIM_HORIZON' }
const notFound = 'ResourceNotFoundException: Stream orders under account 000000000000 not found.'
const noShard = 'ResourceNotFoundException: Shard shardId-000000000000 in stream orders under account 000000000000 does not exist'
const notActive = (state: string): string => `ResourceInUseException: Stream orders under account 000000000000 not ACTIVE, instead in state ${state}`

interface Slow extends TestKinesis { readonly clock: TestClock }

/** A facade whose states show for half a second. */
async function slow(options: Partial<KinesisHandlerOptions> & { backend?: Backend; clock?: TestClock } = {}): Promise<Slow> {
  const clock = options.clock ?? new TestClock()
  return { ...await testKinesis({ clock, transitionMs, ...options }), clock }
}

async function described({ ok }: TestKinesis, StreamName = 'orders'): Promise<{ StreamStatus: string; Shards: object[]; HasMoreShards: boolean; StreamCreationTimestamp: number }> {
  return (await ok<{ StreamDescription: Awaited<ReturnType<typeof described>> }>('DescribeStream', { StreamName })).StreamDescription
}

const statusOf = async (kinesis: TestKinesis, name?: string): Promise<string> => (await described(kinesis, name)).StreamStatus

describe('a new stream', () => {
  it('is CREATING for its time: without shards, giving and taking nothing, not to be changed', async () => {
    const kinesis = await slow()
    await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 2, Tags: { team: 'a' } })
    expect(await described(kinesis)).toMatchObject({ StreamStatus: 'CREATING', Shards: [], HasMoreShards: false })
    expect(await kinesis.ok('DescribeStreamSummary', { StreamName: 'orders' })).toMatchObject({ StreamDescriptionSummary: { StreamStatus: 'CREATING', OpenShardCount: 0 } })
    expect(await kinesis.refused('ListShards', { StreamName: 'orders' })).toBe('ResourceInUseException: Stream orders under account 000000000000 not ACTIVE or UPDATING, instead in state CREATING')
    expect(await kinesis.ok('ListStreams', {})).toMatchObject({ StreamSummaries: [{ StreamStatus: 'CREATING' }] })
    expect(await kinesis.refused('PutRecord', put)).toBe(notFound)
    expect(await kinesis.refused('PutRecords', { StreamName: 'orders', Records: [{ PartitionKey: 'a', Data: '' }] })).toBe(notFound)
    expect(await kinesis.refused('GetShardIterator', first)).toBe(noShard)
    expect(await kinesis.refused('DeleteStream', { StreamName: 'orders' })).toBe(notActive('CREATING'))
    expect(await kinesis.refused('CreateStream', { StreamName: 'orders' })).toBe('ResourceInUseException: Stream orders under account 000000000000 already exists.')
    expect(await kinesis.ok('ListTagsForStream', { StreamName: 'orders' })).toMatchObject({ Tags: [{ Key: 'team', Value: 'a' }] })
    kinesis.clock.advance(transitionMs - 1)
    expect(await statusOf(kinesis)).toBe('CREATING')
    kinesis.clock.advance(1)
    expect(await described(kinesis)).toMatchObject({ StreamStatus: 'ACTIVE', Shards: [{}, {}] })
    await kinesis.ok('PutRecord', put)
  })

  it('is one of five at most that are CREATING or DELETING, where limits hold', async () => {
    const kinesis = await slow({ profile: 'aws' })
    await kinesis.ok('CreateStream', { StreamName: 'old', ShardCount: 1 })
    kinesis.clock.advance(transitionMs)
    await kinesis.ok('DeleteStream', { StreamName: 'old' })
    for (const StreamName of ['a', 'b', 'c']) await kinesis.ok('CreateStream', { StreamName, ShardCount: 1 })
    // Also where two come at once.
    const both = await Promise.all(['d', 'f'].map(StreamName => kinesis.call('CreateStream', { StreamName, ShardCount: 1 })))
    expect(both.map(({ status }) => status)).toEqual([200, 400])
    kinesis.clock.advance(200)
    expect(await kinesis.refused('CreateStream', { StreamName: 'e' })).toBe('LimitExceededException: This request would have exceed the limit on the number  of streams ' +
      'that can simultaneously be in CREATING or DELETING for the account 000000000000. Limit: 5.')
    kinesis.clock.advance(transitionMs)
    await kinesis.ok('CreateStream', { StreamName: 'e' })
  })
})

describe('a stream that is deleted', () => {
  const deleted = async (kinesis: Slow): Promise<void> => {
    await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 1 })
    kinesis.clock.advance(transitionMs)
    await kinesis.ok('PutRecord', put)
    await kinesis.ok('DeleteStream', { StreamName: 'orders' })
  }
  const gone = (kinesis: TestKinesis): Promise<void> => vi.waitFor(async () => expect(await kinesis.backend.admin.topics()).toEqual([]))

  it('is DELETING for its time: giving and taking nothing, its name taken', async () => {
    const kinesis = await slow()
    await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 1 })
    kinesis.clock.advance(transitionMs)
    const { ShardIterator } = await kinesis.ok<{ ShardIterator: string }>('GetShardIterator', first)
    await kinesis.ok('DeleteStream', { StreamARN: arn('orders') })
    expect(await statusOf(kinesis)).toBe('DELETING')
    expect(await kinesis.refused('PutRecord', put)).toBe(notFound)
    expect(await kinesis.refused('GetShardIterator', first)).toBe(noShard)
    expect(await kinesis.refused('GetRecords', { ShardIterator })).toBe(noShard)
    expect(await kinesis.refused('DeleteStream', { StreamName: 'orders' })).toBe(notActive('DELETING'))
    expect(await kinesis.refused('CreateStream', { StreamName: 'orders' })).toBe('ResourceInUseException: Stream orders under account 000000000000 already exists.')
    kinesis.clock.advance(transitionMs - 1)
    expect(await statusOf(kinesis)).toBe('DELETING')
    kinesis.clock.advance(1)
    await gone(kinesis)
    expect(await kinesis.refused('DescribeStream', { StreamName: 'orders' })).toBe(notFound)
    expect(kinesis.backend.documents.all('kinesis-stream')).toEqual([])
    await kinesis.ok('CreateStream', { StreamName: 'orders' })
  })

  it('goes after a restart, too, and not before its time', async () => {
    const before = await slow()
    await deleted(before)
    before.handler[Symbol.dispose]()
    before.clock.advance(transitionMs - 1)
    const after = await slow({ clock: before.clock, backend: before.backend })
    expect(await statusOf(after)).toBe('DELETING')
    after.clock.advance(1)
    await gone(after)
  })

  it('whose time came while nobody ran goes at the next start', async () => {
    const before = await slow()
    await deleted(before)
    before.handler[Symbol.dispose]()
    before.clock.advance(60_000)
    expect(await statusOf(before)).toBe('DELETING')
    const after = await slow({ clock: before.clock, backend: before.backend })
    after.clock.advance(0)
    await gone(after)
  })

  it('is tried again where it could not be deleted', async () => {
    const kinesis = await slow()
    await deleted(kinesis)
    const { admin } = kinesis.backend
    const deleteTopic = admin.deleteTopic.bind(admin)
    admin.deleteTopic = async () => { throw new Error('the disk is full') }
    kinesis.clock.advance(transitionMs)
    await vi.waitFor(() => expect(kinesis.logger.lines).toMatchObject([{ level: 'error', message: 'a stream could not be deleted yet' }]))
    admin.deleteTopic = deleteTopic
    kinesis.clock.advance(5_000)
    await gone(kinesis)
  })

  it('keeps its consumers unless they may go with it, and never leaves its channels', async () => {
    const kinesis = await channelKinesis()
    await onDemandStream(kinesis)
    await kinesis.ok('RegisterStreamConsumer', { StreamARN: 'arn:aws:kinesis:us-east-1:000000000000:stream/orders', ConsumerName: 'c' })
    const ChannelARN = await madeChannel(kinesis, 'archive')
    expect(await kinesis.ok('DescribeStreamSummary', { StreamName: 'orders' })).toMatchObject({ StreamDescriptionSummary: { ConsumerCount: 1, ChannelCount: 1 } })
    expect(await kinesis.refused('DeleteStream', { StreamName: 'orders', EnforceConsumerDeletion: true }))
      .toBe('ResourceInUseException: Stream orders under account 000000000000 has channels. Delete them before the stream.')
    await kinesis.ok('DeleteChannel', { ChannelARN })
    for (const EnforceConsumerDeletion of [undefined, false]) {
      expect(await kinesis.refused('DeleteStream', { StreamName: 'orders', EnforceConsumerDeletion }))
        .toBe('ResourceInUseException: DeleteStream can\'t delete arn:aws:kinesis:us-east-1:000000000000:stream/orders because there are consumers associated with this data stream. ' +
          'To delete orders anyway, set the EnforceConsumerDeletion parameter to true to force the deletion of all the consumers that are associated with it.')
    }
    await kinesis.ok('DeleteStream', { StreamName: 'orders', EnforceConsumerDeletion: true })
    expect(kinesis.backend.documents.all('kinesis-consumer')).toEqual([])
  })
})

describe('a stream that is made again under its name', () => {
  it('is another: its time is new, and it knows no iterator, token or number of the old one', async () => {
    const clock = new TestClock()
    const kinesis = await testKinesis({ clock })
    await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 2 })
    const { StreamCreationTimestamp: before } = await described(kinesis)
    const { ShardId, SequenceNumber } = await kinesis.ok<{ ShardId: string; SequenceNumber: string }>('PutRecord', put)
    const { ShardIterator } = await kinesis.ok<{ ShardIterator: string }>('GetShardIterator', { ...first, ShardId })
    const { NextToken } = await kinesis.ok<{ NextToken: string }>('ListShards', { StreamName: 'orders', MaxResults: 1 })
    await kinesis.ok('DeleteStream', { StreamName: 'orders' })
    clock.advance(2_000)
    await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 2 })
    expect((await described(kinesis)).StreamCreationTimestamp).toBe(before + 2)
    expect(await kinesis.refused('GetRecords', { ShardIterator })).toBe(noShard.replace('shardId-000000000000', ShardId))
    expect(await kinesis.refused('ListShards', { NextToken })).toBe(notFound)
    const fromNumber = { StreamName: 'orders', ShardId, ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber: SequenceNumber }
    expect(await kinesis.refused('GetShardIterator', fromNumber)).toBe(`InvalidArgumentException: StartingSequenceNumber ${SequenceNumber} used in GetShardIterator ` +
      `on shard ${ShardId} in stream orders under account 000000000000 is invalid because it did not come from this stream.`)
    const { ShardIterator: anew } = await kinesis.ok<{ ShardIterator: string }>('GetShardIterator', { ...first, ShardId })
    expect(await kinesis.ok('GetRecords', { ShardIterator: anew })).toMatchObject({ Records: [] })
  })
})
