// The exact sentences of constraint violations, for every operation. AWS does not fix the order of several, so they are compared as a set.
import { describe, expect, test } from 'vitest'
import { testKinesis } from '../support/kinesis.ts'

const long = 'a'.repeat(129)
const namePattern = 'Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+'
const atLeast = (least: number): string => `Member must have length greater than or equal to ${least}`
const atMost = (most: number): string => `Member must have length less than or equal to ${most}`
const from = (least: number): string => `Member must have value greater than or equal to ${least}`
const upTo = (most: number): string => `Member must have value less than or equal to ${most}`
const set = (...values: string[]): string => `Member must satisfy enum value set: [${values.join(', ')}]`
const hashKeyPattern = 'Member must satisfy regular expression pattern: ^(0|([1-9]\\d{0,38}))$'
const numberPattern = 'Member must satisfy regular expression pattern: ^(0|([1-9]\\d{0,128}))$'
const arnPattern = 'Member must satisfy regular expression pattern: arn:aws.*:kinesis:.*:\\d{12}:stream/\\S+'
const notNull = 'Member must not be null'

type Broken = [value: string | null, path: string, must: string]
const emptyName: Broken[] = [['', 'streamName', namePattern], ['', 'streamName', atLeast(1)]]
const emptyArn: Broken[] = [['', 'streamARN', arnPattern], ['', 'streamARN', atLeast(1)]]
const iteratorTypes = set('AT_SEQUENCE_NUMBER', 'AFTER_SEQUENCE_NUMBER', 'TRIM_HORIZON', 'LATEST', 'AT_TIMESTAMP')
const filterTypes = set('AFTER_SHARD_ID', 'AT_TRIM_HORIZON', 'FROM_TRIM_HORIZON', 'AT_LATEST', 'AT_TIMESTAMP', 'FROM_TIMESTAMP')
const oneByte = Buffer.alloc(1).toString('base64')

const table: [operation: string, input: object, broken: Broken[]][] = [
  ['CreateStream', {}, [[null, 'streamName', notNull]]],
  ['CreateStream', { StreamName: '', ShardCount: 0 }, [['0', 'shardCount', from(1)], ...emptyName]],
  ['CreateStream', { StreamName: long }, [[long, 'streamName', atMost(128)]]],
  ['CreateStream', { StreamName: 'a/b' }, [['a/b', 'streamName', namePattern]]],
  ['CreateStream', { StreamName: 'a\n' }, [['a\n', 'streamName', namePattern]]],
  ['CreateStream', { StreamName: 'a', StreamModeDetails: { StreamMode: 'X' } }, [['X', 'streamModeDetails.streamMode', set('PROVISIONED', 'ON_DEMAND')]]],
  ['CreateStream', { StreamName: 'a', StreamModeDetails: {} }, [[null, 'streamModeDetails.streamMode', notNull]]],
  ['CreateStream', { StreamName: 'a', MaxRecordSizeInKiB: 1_023 }, [['1023', 'maxRecordSizeInKiB', from(1_024)]]],
  ['CreateStream', { StreamName: 'a', MaxRecordSizeInKiB: 10_241 }, [['10241', 'maxRecordSizeInKiB', upTo(10_240)]]],
  ['CreateStream', { StreamName: 'a', WarmThroughputMiBps: -1 }, [['-1', 'warmThroughputMiBps', from(0)]]],
  ['CreateStream', { StreamName: 'a', RecordDistributionStrategy: 'X' }, [['X', 'recordDistributionStrategy', set('AUTO', 'USER_PARTITION_KEY')]]],
  ['CreateStream', { StreamName: 'a', Tags: {} }, [['{}', 'tags', atLeast(1)]]],
  ['CreateStream', { StreamName: 'a', Tags: { [long]: 'v' } },
    [[`{${long}=v}`, 'tags', `Map keys must satisfy constraint: [${atMost(128)}, ${atLeast(1)}]`]]],
  ['CreateStream', { StreamName: 'a', Tags: { k: 'v'.repeat(257) } },
    [[`{k=${'v'.repeat(257)}}`, 'tags', `Map value must satisfy constraint: [${atMost(256)}, ${atLeast(0)}]`]]],
  ['DeleteStream', { StreamName: '' }, emptyName],
  ['DeleteStream', { StreamARN: '' }, emptyArn],
  ['DescribeStream', { StreamName: '', Limit: 0, ExclusiveStartShardId: '' },
    [['0', 'limit', from(1)], ['', 'exclusiveStartShardId', namePattern], ['', 'exclusiveStartShardId', atLeast(1)], ...emptyName]],
  ['DescribeStream', { StreamName: long, Limit: 100_000, ExclusiveStartShardId: long },
    [['100000', 'limit', upTo(10_000)], [long, 'exclusiveStartShardId', atMost(128)], [long, 'streamName', atMost(128)]]],
  ['DescribeStreamSummary', { StreamName: '' }, emptyName],
  ['DescribeStreamSummary', { StreamARN: 'arn:aws:kinesis:us-east-1:1:stream/a' }, [['arn:aws:kinesis:us-east-1:1:stream/a', 'streamARN', arnPattern]]],
  ['ListStreams', { Limit: 0, ExclusiveStartStreamName: '' },
    [['0', 'limit', from(1)], ['', 'exclusiveStartStreamName', namePattern], ['', 'exclusiveStartStreamName', atLeast(1)]]],
  ['ListStreams', { Limit: 10_001, NextToken: '' }, [['10001', 'limit', upTo(10_000)], ['', 'nextToken', atLeast(1)]]],
  ['ListShards', { StreamName: '', MaxResults: 0, NextToken: '', ShardFilter: {} },
    [...emptyName, ['0', 'maxResults', from(1)], ['', 'nextToken', atLeast(1)], [null, 'shardFilter.type', notNull]]],
  ['ListShards', { StreamName: 'a', ShardFilter: { Type: 'X', ShardId: '' } },
    [['X', 'shardFilter.type', filterTypes], ['', 'shardFilter.shardId', namePattern], ['', 'shardFilter.shardId', atLeast(1)]]],
  ['PutRecord', {}, [[null, 'data', notNull]]],
  ['PutRecord', { StreamName: '', PartitionKey: '', Data: '', ExplicitHashKey: '', SequenceNumberForOrdering: '' },
    [['', 'partitionKey', atLeast(1)], ['', 'explicitHashKey', hashKeyPattern], ['', 'sequenceNumberForOrdering', numberPattern], ...emptyName]],
  ['PutRecord', { StreamName: 'a', PartitionKey: 'k'.repeat(257), Data: '' }, [['k'.repeat(257), 'partitionKey', atMost(256)]]],
  ['PutRecord', { StreamName: 'a', PartitionKey: 'k', Data: '', ExplicitHashKey: '01' }, [['01', 'explicitHashKey', hashKeyPattern]]],
  ['PutRecords', {}, [[null, 'records', notNull]]],
  ['PutRecords', { StreamName: '', Records: [] }, [['[]', 'records', atLeast(1)], ...emptyName]],
  ['PutRecords', { StreamName: 'a', Records: Array.from({ length: 501 }, () => ({ PartitionKey: 'a', Data: '' })) }, [['[501 members]', 'records', atMost(500)]]],
  ['PutRecords', { StreamName: 'a', Records: [{ PartitionKey: 'a', Data: '' }, {}, null] },
    [[null, 'records.2.member.data', notNull], [null, 'records.3.member', notNull]]],
  ['PutRecords', { StreamName: 'a', Records: [{ PartitionKey: '', ExplicitHashKey: '-1', Data: oneByte }] },
    [['', 'records.1.member.partitionKey', atLeast(1)], ['-1', 'records.1.member.explicitHashKey', hashKeyPattern]]],
  ['GetShardIterator', {}, [[null, 'shardId', notNull], [null, 'shardIteratorType', notNull]]],
  ['GetShardIterator', { StreamName: '', ShardIteratorType: '', ShardId: '', StartingSequenceNumber: '' },
    [['', 'shardId', namePattern], ['', 'shardId', atLeast(1)], ['', 'shardIteratorType', iteratorTypes], ['', 'startingSequenceNumber', numberPattern], ...emptyName]],
  ['GetShardIterator', { StreamName: long, ShardId: long, ShardIteratorType: 'LATEST' }, [[long, 'shardId', atMost(128)], [long, 'streamName', atMost(128)]]],
  ['GetRecords', {}, [[null, 'shardIterator', notNull]]],
  ['GetRecords', { ShardIterator: '', Limit: 0 }, [['0', 'limit', from(1)], ['', 'shardIterator', atLeast(1)]]],
  ['GetRecords', { ShardIterator: 'x'.repeat(513), Limit: 10_001 }, [['10001', 'limit', upTo(10_000)], ['x'.repeat(513), 'shardIterator', atMost(512)]]],
  ['AddTagsToStream', { StreamName: '', Tags: {} }, [['{}', 'tags', atLeast(1)], ...emptyName]],
  ['AddTagsToStream', { StreamName: 'a' }, [[null, 'tags', notNull]]],
  ['RemoveTagsFromStream', { StreamName: 'a', TagKeys: [] }, [['[]', 'tagKeys', atLeast(1)]]],
  ['RemoveTagsFromStream', { StreamName: 'a', TagKeys: ['', 'b'] },
    [['[, b]', 'tagKeys', 'Member must satisfy constraint: [Member must have length less than or equal to 128, Member must have length greater than or equal to 1]']]],
  ['ListTagsForStream', { StreamName: 'a', Limit: 51, ExclusiveStartTagKey: '' }, [['51', 'limit', upTo(50)], ['', 'exclusiveStartTagKey', atLeast(1)]]],
  ['RegisterStreamConsumer', {}, [[null, 'streamARN', notNull], [null, 'consumerName', notNull]]],
  ['RegisterStreamConsumer', { StreamARN: 'arn', ConsumerName: '', Tags: {} },
    [['arn', 'streamARN', arnPattern], ['', 'consumerName', namePattern], ['', 'consumerName', atLeast(1)], ['{}', 'tags', atLeast(1)]]],
  ['DescribeStreamConsumer', { ConsumerARN: 'arn:aws:kinesis:us-east-1:000000000000:stream/a' },
    [['arn:aws:kinesis:us-east-1:000000000000:stream/a', 'consumerARN', 'Member must satisfy regular expression pattern: ^(arn):aws.*:kinesis:.*:\\d{12}:.*stream\\/[a-zA-Z0-9_.-]+\\/consumer\\/[a-zA-Z0-9_.-]+:[0-9]+']]],
  ['DeregisterStreamConsumer', { ConsumerName: 'x'.repeat(129) }, [['x'.repeat(129), 'consumerName', atMost(128)]]],
  ['ListStreamConsumers', { MaxResults: 10_001, NextToken: '' }, [[null, 'streamARN', notNull], ['', 'nextToken', atLeast(1)], ['10001', 'maxResults', upTo(10_000)]]],
]

describe('constraints', () => {
  test.each(table.map(([operation, input, broken]) => [operation, JSON.stringify(input).slice(0, 60), input, broken] as const))('%s of %s', async (operation, _shown, input, broken) => {
    const { status, body } = await (await testKinesis()).call(operation, input)
    expect(status).toBe(400)
    const { __type: type, message } = body as { __type: string; message: string }
    expect(type).toBe('ValidationException')
    const prefix = `${broken.length} validation error${broken.length === 1 ? '' : 's'} detected: `
    expect(message.slice(0, prefix.length)).toBe(prefix)
    const sentences = broken.map(([value, path, must]) => `Value ${value === null ? 'null' : `'${value}'`} at '${path}' failed to satisfy constraint: ${must}`)
    expect(message.slice(prefix.length).split('; ').toSorted()).toEqual(sentences.toSorted())
  })

  test('more than ten are told as ten', async () => {
    const { body } = await (await testKinesis()).call('PutRecords', { StreamName: '', Records: Array.from({ length: 20 }, () => ({})) })
    expect((body as { message: string }).message).toMatch(/^10 validation errors detected: (Value null at 'records\.\d+\.member\.\w+' failed to satisfy constraint: Member must not be null(; |$)){10}$/)
  })

  test('a blob that is too long prints as Java prints its buffer', async () => {
    const { body } = await (await testKinesis()).call('PutRecord', { StreamName: 'a', PartitionKey: 'k', Data: Buffer.alloc(10_485_761).toString('base64') })
    expect(body).toEqual({
      __type: 'ValidationException',
      message: '1 validation error detected: Value \'java.nio.HeapByteBuffer[pos=0 lim=10485761 cap=10485761]\' at \'data\' failed to satisfy constraint: ' +
        'Member must have length less than or equal to 10485760',
    })
  })
})

describe('members that are known but not honoured', () => {
  test.each([
    ['DescribeStream', { StreamName: 'a', StreamId: `${'a'.repeat(20)}-abc` }, 'StreamId is not supported by this endpoint: it is reserved for future use.'],
  ])('%s %j', async (operation, input, message) => {
    const kinesis = await testKinesis()
    expect((await kinesis.call(operation, input)).body).toEqual({ __type: 'InvalidArgumentException', message })
    expect((await kinesis.ok<{ StreamNames: string[] }>('ListStreams', {})).StreamNames).toEqual([])
  })

  test('members that the model does not know are ignored', async () => {
    expect((await (await testKinesis()).call('CreateStream', { StreamName: 'a', ShardCount: 1, Colour: { of: ['the', 'bikeshed'] } })).status).toBe(200)
  })
})
