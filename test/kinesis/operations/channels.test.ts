// CreateChannel, UpdateChannel, DescribeChannel, ListChannels, DeleteChannel: what they take, show and refuse.
import { describe, expect, it } from 'vitest'
import { defaultTemplate } from '../../../src/kinesis/delivery/object-keys.ts'
import { KmsKeys } from '../../../src/security/kms-keys.ts'
import { account, arn, random, region, TestClock, testAccess, testKinesis } from '../support/kinesis.ts'
import { bucket, channelArn, channelKinesis, madeChannel, onDemandStream, roleArn, wanted } from '../support/channels.ts'

const uuid = /^[0-9a-f-]{36}$/
const notFound = (channel: string): string => `ResourceNotFoundException: Channel ${channel} not found.`

interface Description { readonly ChannelDescription: Record<string, unknown> & { ChannelARN: string; ChannelId: string; ChannelStatus: string } }

describe('CreateChannel', () => {
  it('answers CREATING; the channel is then described with everything it took for granted', async () => {
    const kinesis = await channelKinesis()
    await onDemandStream(kinesis)
    const { ChannelDescription: made } = await kinesis.ok<Description>('CreateChannel', wanted('archive', { Tags: { team: 'a' } }))
    expect(made.ChannelStatus).toBe('CREATING')
    const { ChannelDescription } = await kinesis.ok<Description>('DescribeChannel', { ChannelARN: made.ChannelARN })
    const seconds = kinesis.clock.now() / 1_000
    expect(ChannelDescription).toEqual({
      ChannelName: 'archive', ChannelARN: channelArn(made.ChannelId), ChannelId: expect.stringMatching(uuid), ChannelStatus: 'ACTIVE', ChannelCreationTimestamp: seconds,
      ServiceExecutionRoleARN: roleArn,
      StreamConfigurationList: [{ StreamARN: arn('orders'), StreamCreationTimestamp: seconds, RecordConfiguration: { RecordFormatType: 'JSON' } }],
      S3DestinationConfiguration: {
        DataFreshnessInSeconds: 300,
        StorageConfiguration: { BucketARN: bucket, ExpectedBucketOwner: account, CompressionType: 'NONE', OutputKeyTemplate: defaultTemplate, StorageClass: 'STANDARD' },
        DeadLetterQueueS3Configuration: { BucketARN: bucket, ExpectedBucketOwner: account, ErrorOutputPrefix: `kinesis-channel/errors/archive/${made.ChannelId}/` },
      },
      LoggingConfiguration: { CloudWatchLogs: { Enabled: false } },
    })
    expect(ChannelDescription).toEqual({ ...made, ChannelStatus: 'ACTIVE' })
    expect(await kinesis.ok('DescribeLimits', {})).toMatchObject({ ChannelCount: 1, ChannelCountLimit: 100 })
    expect(await kinesis.ok('DescribeStreamSummary', { StreamName: 'orders' })).toMatchObject({ StreamDescriptionSummary: { ChannelCount: 1 } })
  })

  it.each([
    [{ S3DestinationConfiguration: undefined }, 'ValidationException: Either S3DestinationConfiguration or S3TablesDestinationConfiguration must be provided.'],
    [{ StreamConfigurationList: [1, 2].map(() => ({ StreamARN: arn('orders'), RecordConfiguration: { RecordFormatType: 'JSON' } })) },
      'ValidationException: StreamConfigurationList has 2 streams. Currently, one stream is supported per channel.'],
    [{ StreamConfigurationList: [{ StreamARN: arn('orders'), RecordConfiguration: { RecordFormatType: 'GSR_JSON' } }] },
      'ValidationException: RecordFormatType GSR_JSON is supported only for S3 Tables destinations. General purpose S3 destinations take JSON, STRING and BYTE_ARRAY.'],
    [{ EncryptionConfiguration: { EncryptionType: 'KMS', KeyId: 'alias/x' } },
      'InvalidArgumentException: EncryptionConfiguration is not supported by this endpoint: what is delivered lies in plain files, for other programs to read.'],
    [{ StreamConfigurationList: [{ StreamARN: arn('none'), RecordConfiguration: { RecordFormatType: 'JSON' } }] }, `ResourceNotFoundException: Stream none under account ${account} not found.`],
    [{ StreamConfigurationList: [{ StreamARN: arn('fixed'), RecordConfiguration: { RecordFormatType: 'JSON' } }] },
      `ValidationException: Request is invalid. Stream fixed under account ${account} is in Provisioned mode.`],
  ])('refuses %j', async (more, message) => {
    const kinesis = await channelKinesis()
    await onDemandStream(kinesis)
    await kinesis.ok('CreateStream', { StreamName: 'fixed', ShardCount: 1 })
    expect(await kinesis.refused('CreateChannel', wanted('archive', more))).toBe(message)
    expect(await kinesis.ok('ListChannels', {})).toEqual({ ChannelSummaries: [] })
  })

  it('refuses tables: there are none', async () => {
    const kinesis = await channelKinesis()
    await onDemandStream(kinesis)
    const table = { TableBucketARN: `arn:aws:s3tables:us-east-1:${account}:bucket/tables`, Namespace: 'a', TableName: 'b', CompressionType: 'NONE' }
    const destination = { DeadLetterQueueS3Configuration: { BucketARN: bucket, ExpectedBucketOwner: account }, S3TablesConfigurationList: [table] }
    expect(await kinesis.refused('CreateChannel', wanted('archive', { S3DestinationConfiguration: undefined, S3TablesDestinationConfiguration: destination }))).toBe(
      'InvalidArgumentException: S3TablesDestinationConfiguration is not supported by this endpoint: there are no tables here; deliver to a general purpose bucket with S3DestinationConfiguration.')
  })

  it('refuses keys that are none, and freshness that AWS does not have', async () => {
    const kinesis = await channelKinesis()
    await onDemandStream(kinesis)
    expect(await kinesis.refused('CreateChannel', wanted('archive', {}, { OutputKeyTemplate: '../!{yyyy}' })))
      .toBe('ValidationException: OutputKeyTemplate ../!{yyyy} is not valid: it has .. or a . alone between slashes.')
    expect(await kinesis.refused('CreateChannel', wanted('..', {}, { OutputKeyTemplate: '!{channel-name}/a' }))).toMatch(/^ValidationException: OutputKeyTemplate .* between slashes\.$/)
    const storage = { BucketARN: bucket, ExpectedBucketOwner: account, CompressionType: 'NONE' }
    const dead = { BucketARN: bucket, ExpectedBucketOwner: account, ErrorOutputPrefix: '../errors/' }
    expect(await kinesis.refused('CreateChannel', wanted('archive', { S3DestinationConfiguration: { StorageConfiguration: storage, DeadLetterQueueS3Configuration: dead } })))
      .toBe('ValidationException: ErrorOutputPrefix ../errors/ is not valid: it has .. or a . alone between slashes.')
    for (const seconds of [299, 901]) {
      expect(await kinesis.refused('CreateChannel', wanted('archive', { S3DestinationConfiguration: { StorageConfiguration: storage, DataFreshnessInSeconds: seconds } })))
        .toBe(`ValidationException: DataFreshnessInSeconds must be between 300 and 900, not ${seconds}.`)
    }
    expect(kinesis.disk.files).toEqual([])
  })

  it('gives each name once, and each stream one channel', async () => {
    const kinesis = await channelKinesis()
    for (const stream of ['orders', 'more']) await onDemandStream(kinesis, stream)
    await kinesis.ok('CreateChannel', wanted('archive'))
    expect(await kinesis.refused('CreateChannel', wanted('archive', {}, {}, 'JSON', 'more'))).toBe(`ResourceInUseException: Channel archive under account ${account} already exists.`)
    expect(await kinesis.refused('CreateChannel', wanted('second')))
      .toBe(`LimitExceededException: This request would exceed the limit of 1 channel to a general purpose bucket of stream orders under account ${account}.`)
    await kinesis.ok('CreateChannel', wanted('second', {}, {}, 'STRING', 'more'))
    const both = await Promise.all(['a', 'b'].map(async name => (await kinesis.call('CreateChannel', wanted(name, {}, {}, 'JSON', 'third'))).status))
    expect(both).toEqual([400, 400])
    await onDemandStream(kinesis, 'third')
    const raced = await Promise.all(['a', 'b'].map(async name => (await kinesis.call('CreateChannel', wanted(name, {}, {}, 'JSON', 'third'))).status))
    expect(raced.toSorted()).toEqual([200, 400])
  })

  it('is not there where no directory is set, and says how to set one', async () => {
    const kinesis = await testKinesis({ channels: undefined })
    await onDemandStream(kinesis)
    expect(await kinesis.refused('CreateChannel', wanted('archive')))
      .toBe('InvalidArgumentException: Channels deliver to a directory of the server here, and none is set: start it with --kinesis-channels-directory.')
  })

  it('refuses buckets that are not to be had', async () => {
    const kinesis = await channelKinesis()
    await onDemandStream(kinesis)
    expect(await kinesis.refused('CreateChannel', wanted('theirs', {}, { ExpectedBucketOwner: '123456789012' })))
      .toBe(`ValidationException: Unable to access the S3 bucket archive: its owner is ${account}, not 123456789012 as expected.`)
    kinesis.disk.fail('write', 'EIO')
    expect(await kinesis.refused('CreateChannel', wanted('broken'))).toBe('ValidationException: Unable to access the S3 bucket archive: its directory cannot be written (EIO).')
    expect(await kinesis.ok('ListChannels', {})).toEqual({ ChannelSummaries: [] })
  })

  it('refuses templates without an extension where objects are compressed', async () => {
    const kinesis = await channelKinesis()
    await onDemandStream(kinesis)
    const made = (CompressionType: string, OutputKeyTemplate: string): Promise<string> => kinesis.refused('CreateChannel', wanted('archive', {}, { CompressionType, OutputKeyTemplate }))
    expect(await made('GZIP', 'data/!{channel-name}')).toMatch(/^ValidationException: .* with GZIP compression it must end with !\{extension\}/)
    expect(await made('ZSTD', 'data/!{channel-name}')).toMatch(/with ZSTD compression/)
    await madeChannel(kinesis, 'archive', {}, { CompressionType: 'GZIP', OutputKeyTemplate: 'data/!{channel-name}!{extension:.log}' })
  })

  it('refuses streams that are encrypted with the key that is Kinesis\'s own, as AWS does', async () => {
    const kinesis = await channelKinesis()
    await onDemandStream(kinesis)
    await kinesis.ok('StartStreamEncryption', { StreamName: 'orders', EncryptionType: 'KMS', KeyId: 'alias/aws/kinesis' })
    expect(await kinesis.refused('CreateChannel', wanted('archive'))).toMatch(/^InvalidArgumentException: Stream orders .* is encrypted with an AWS managed key/)
    const keys = new KmsKeys({ documents: kinesis.backend.documents, clock: kinesis.clock, random, region, account })
    await keys.create({ alias: 'alias/orders' })
    await kinesis.ok('StartStreamEncryption', { StreamName: 'orders', EncryptionType: 'KMS', KeyId: 'alias/orders' })
    await madeChannel(kinesis, 'archive')
  })

  it('asks for ALTER on the cluster and READ on the stream; the others for ALTER or DESCRIBE on the cluster', async () => {
    const allowed = new Set(['create topic', 'describe topic'])
    const kinesis = await channelKinesis({ access: testAccess((_who, operation, type) => allowed.has(`${operation} ${type}`)) })
    await onDemandStream(kinesis)
    const denied = (operation: string): RegExp => new RegExp(`^AccessDeniedException: User: arn:aws:iam::${account}:user/CN=alice is not authorized to perform: kinesis:${operation} on resource: `)
    for (const right of ['alter cluster', 'read topic']) {
      expect(await kinesis.refused('CreateChannel', wanted('archive'))).toMatch(denied('CreateChannel'))
      allowed.add(right)
    }
    const ChannelARN = await madeChannel(kinesis, 'archive')
    expect(await kinesis.refused('CreateChannel', wanted('tagged', { Tags: { a: 'b' } }))).toMatch(denied('TagResource'))
    for (const operation of ['DescribeChannel', 'ListChannels']) expect(await kinesis.refused(operation, { ChannelARN })).toMatch(denied(operation))
    allowed.delete('alter cluster')
    // The same for what is there and what is not.
    for (const one of [ChannelARN, channelArn('none')]) expect(await kinesis.refused('DeleteChannel', { ChannelARN: one })).toMatch(denied('DeleteChannel'))
    expect(await kinesis.refused('UpdateChannel', { ChannelARN, LoggingConfiguration: { CloudWatchLogs: { Enabled: true } } })).toMatch(denied('UpdateChannel'))
  })
})

describe('a channel', () => {
  it('shows CREATING, UPDATING and DELETING for as long as states show, and its name is free afterwards', async () => {
    const kinesis = await channelKinesis({ transitionMs: 500 })
    await onDemandStream(kinesis)
    kinesis.clock.advance(500)
    const { ChannelDescription: { ChannelARN } } = await kinesis.ok<Description>('CreateChannel', wanted('archive'))
    const status = async (): Promise<string> => (await kinesis.ok<Description>('DescribeChannel', { ChannelARN })).ChannelDescription.ChannelStatus
    const change = { ChannelARN, S3DestinationConfiguration: { DataFreshnessInSeconds: 600 } }
    expect(await status()).toBe('CREATING')
    expect(await kinesis.refused('UpdateChannel', change)).toMatch(/not ACTIVE, instead in state CREATING$/)
    kinesis.clock.advance(500)
    expect(await status()).toBe('ACTIVE')
    expect(await kinesis.ok('UpdateChannel', change)).toMatchObject({ ChannelDescription: { ChannelStatus: 'UPDATING', S3DestinationConfiguration: { DataFreshnessInSeconds: 600 } } })
    expect(await status()).toBe('UPDATING')
    kinesis.clock.advance(500)
    await kinesis.ok('DeleteChannel', { ChannelARN })
    await kinesis.ok('DeleteChannel', { ChannelARN })
    expect(await status()).toBe('DELETING')
    expect(await kinesis.refused('DeleteStream', { StreamName: 'orders' })).toMatch(/^ResourceInUseException: .*channels/)
    expect(await kinesis.refused('CreateChannel', wanted('archive'))).toMatch(/already exists/)
    kinesis.clock.advance(500)
    expect(await kinesis.refused('DescribeChannel', { ChannelARN })).toBe(notFound(ChannelARN))
    expect(await madeChannel(kinesis, 'archive')).not.toBe(ChannelARN)
  })

  it('that is to be deleted is cleared away by whoever starts next', async () => {
    const first = await channelKinesis({ transitionMs: 500 })
    await onDemandStream(first)
    first.clock.advance(500)
    await first.ok('DeleteChannel', { ChannelARN: await madeChannel(first, 'archive') })
    first.handler[Symbol.dispose]()
    first.clock.advance(1_000)
    await new Promise<void>(resolve => setImmediate(resolve))
    expect(first.backend.documents.all('kinesis-channel')).toHaveLength(1)
    const clock = new TestClock(first.clock.now())
    const next = await channelKinesis({ backend: first.backend, disk: first.disk, clock, transitionMs: 500 })
    clock.advance(0)
    await expect.poll(() => next.backend.documents.all('kinesis-channel')).toEqual([])
  })

  it('has tags by its ARN', async () => {
    const kinesis = await channelKinesis()
    await onDemandStream(kinesis)
    const ResourceARN = await madeChannel(kinesis, 'archive', { Tags: { team: 'a' } })
    await kinesis.ok('TagResource', { ResourceARN, Tags: { cost: '1' } })
    expect(await kinesis.ok('ListTagsForResource', { ResourceARN })).toMatchObject({ Tags: [{ Key: 'cost', Value: '1' }, { Key: 'team', Value: 'a' }] })
    await kinesis.ok('UntagResource', { ResourceARN, TagKeys: ['team'] })
    expect(await kinesis.ok('ListTagsForResource', { ResourceARN })).toMatchObject({ Tags: [{ Key: 'cost', Value: '1' }] })
    expect(await kinesis.refused('ListTagsForResource', { ResourceARN: channelArn('none') })).toBe(notFound(channelArn('none')))
  })

  it('keeps its stream from being deleted, and goes with it if Kafka deletes the topic', async () => {
    const kinesis = await channelKinesis()
    await onDemandStream(kinesis)
    const ChannelARN = await madeChannel(kinesis, 'archive')
    expect(await kinesis.refused('DeleteStream', { StreamName: 'orders' })).toMatch(/^ResourceInUseException: .*channels/)
    await kinesis.backend.admin.deleteTopic('orders')
    expect(await kinesis.refused('DescribeChannel', { ChannelARN })).toBe(notFound(ChannelARN))
  })

  it('changes its freshness and its log, and nothing else', async () => {
    const kinesis = await channelKinesis()
    await onDemandStream(kinesis)
    const ChannelARN = await madeChannel(kinesis, 'archive')
    expect(await kinesis.refused('UpdateChannel', { ChannelARN }))
      .toBe('ValidationException: At least one of S3DestinationConfiguration, S3TablesDestinationConfiguration and LoggingConfiguration must be provided.')
    expect(await kinesis.refused('UpdateChannel', { ChannelARN, S3DestinationConfiguration: { DataFreshnessInSeconds: 1_000 } })).toMatch(/between 300 and 900, not 1000/)
    const { ChannelDescription } = await kinesis.ok<Description>('UpdateChannel', { ChannelARN, LoggingConfiguration: { CloudWatchLogs: { Enabled: true, LogStreamName: 'mine' } } })
    expect(ChannelDescription['LoggingConfiguration'])
      .toEqual({ CloudWatchLogs: { Enabled: true, LogGroupName: `/aws/kinesis/archive/${ChannelDescription.ChannelId}`, LogStreamName: 'mine' } })
    expect(await kinesis.refused('UpdateChannel', { ChannelARN: channelArn('none'), S3DestinationConfiguration: { DataFreshnessInSeconds: 600 } })).toBe(notFound(channelArn('none')))
  })
})

describe('ListChannels', () => {
  it('lists channels by name, page by page, and those of some streams', async () => {
    const kinesis = await channelKinesis()
    for (const stream of ['a', 'b', 'c']) {
      await onDemandStream(kinesis, stream)
      await kinesis.ok('CreateChannel', wanted(`of-${stream}`, {}, {}, 'JSON', stream))
    }
    interface Listed { ChannelSummaries: { ChannelName: string; Streams: { StreamCreationTimestamp: number }[] }[]; NextToken?: string }
    const names = ({ ChannelSummaries }: Listed): string[] => ChannelSummaries.map(({ ChannelName }) => ChannelName)
    const first = await kinesis.ok<Listed>('ListChannels', { MaxResults: 2 })
    expect(names(first)).toEqual(['of-a', 'of-b'])
    expect(first.ChannelSummaries[0]).toEqual({
      ChannelName: 'of-a', ChannelARN: expect.stringContaining(':channel/') as string, ChannelId: expect.stringMatching(uuid), ChannelStatus: 'ACTIVE', ChannelCreationTimestamp: expect.any(Number),
      ChannelDestinationType: 'S3', Streams: [{ StreamARN: arn('a'), StreamCreationTimestamp: expect.any(Number) }],
    })
    const second = await kinesis.ok<Listed>('ListChannels', { MaxResults: 2, NextToken: first.NextToken })
    expect([names(second), second.NextToken]).toEqual([['of-c'], undefined])
    const StreamCreationTimestamp = first.ChannelSummaries[1]!.Streams[0]!.StreamCreationTimestamp
    const of = async (...StreamFilter: object[]): Promise<string[]> => names(await kinesis.ok<Listed>('ListChannels', { StreamFilter }))
    expect(await of({ StreamARN: arn('b'), StreamCreationTimestamp }, { StreamARN: arn('none') })).toEqual(['of-b'])
    expect(await of({ StreamARN: arn('b'), StreamCreationTimestamp: 5 })).toEqual([])
    expect(await kinesis.refused('ListChannels', { NextToken: 'AAAA' })).toBe('InvalidArgumentException: Invalid NextToken.')
    kinesis.clock.advance(300_001)
    expect(await kinesis.refused('ListChannels', { NextToken: first.NextToken })).toMatch(/^ExpiredNextTokenException: /)
  })
})
