import { describe, expect, test } from 'vitest'
import { testKinesis, type TestKinesis } from '../support/kinesis.ts'

const invalid = 'InvalidArgumentException: Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - % @.'
const illegal = (doing: string): string => `InvalidArgumentException: Failed to ${doing} under account 000000000000 because some tags contained illegal characters. ` +
  'The allowed characters are Unicode letters, white-spaces, \'_\',\',\',\'/\',\'=\',\'+\',\'-\',\'@\'.'
const many = (count: number, from = 0): Record<string, string> => Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${from + at}`, '']))

async function error(kinesis: TestKinesis, operation: string, input: object): Promise<string> {
  const { status, body } = await kinesis.call(operation, input)
  if (status === 200) throw new Error(`${operation} succeeded`)
  const { __type: type, message } = body as { __type: string; message: string }
  return `${type}: ${message}`
}

async function withOrders(): Promise<TestKinesis> {
  const kinesis = await testKinesis()
  await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 1 })
  return kinesis
}

describe('tags of a stream', () => {
  test('are added, replaced, removed and listed by key', async () => {
    const kinesis = await withOrders()
    await kinesis.ok('AddTagsToStream', { StreamName: 'orders', Tags: { 'b': 'ü0 _./=+-@:', 'a': 'a', 'ü0 _.': '', ['__proto__']: 'p', 'constructor': 'c' } })
    await kinesis.ok('AddTagsToStream', { StreamName: 'orders', Tags: { a: 'again' } })
    await kinesis.ok('RemoveTagsFromStream', { StreamName: 'orders', TagKeys: ['b', 'never there'] })
    expect(await kinesis.ok('ListTagsForStream', { StreamName: 'orders' })).toEqual({
      Tags: [{ Key: '__proto__', Value: 'p' }, { Key: 'a', Value: 'again' }, { Key: 'constructor', Value: 'c' }, { Key: 'ü0 _.', Value: '' }], HasMoreTags: false,
    })
  })

  test('are listed in pages', async () => {
    const kinesis = await withOrders()
    await kinesis.ok('AddTagsToStream', { StreamName: 'orders', Tags: { a: '', b: '', c: '' } })
    const page = { Tags: [{ Key: 'a', Value: '' }, { Key: 'b', Value: '' }], HasMoreTags: true }
    expect(await kinesis.ok('ListTagsForStream', { StreamName: 'orders', Limit: 2 })).toEqual(page)
    expect(await kinesis.ok('ListTagsForStream', { StreamName: 'orders', Limit: 2, ExclusiveStartTagKey: 'b' })).toEqual({ Tags: [{ Key: 'c', Value: '' }], HasMoreTags: false })
  })

  test('come with CreateStream, by the same rules, before anything is made', async () => {
    const kinesis = await testKinesis()
    expect(await error(kinesis, 'CreateStream', { StreamName: 'bad', Tags: { 'a;b': '' } })).toBe(invalid)
    await kinesis.ok('CreateStream', { StreamName: 'good', Tags: { team: 'x' } })
    expect(await kinesis.ok('ListTagsForStream', { StreamName: 'good' })).toEqual({ Tags: [{ Key: 'team', Value: 'x' }], HasMoreTags: false })
    expect((await kinesis.ok<{ StreamNames: string[] }>('ListStreams', {})).StreamNames).toEqual(['good'])
  })

  test.each(['a;b', 'a\tb', 'a\nb', 'a,b', 'a\u0000', 'a*'])('may not hold %j', async bad => {
    const kinesis = await withOrders()
    expect(await error(kinesis, 'AddTagsToStream', { StreamName: 'orders', Tags: { [bad]: '1' } })).toBe(invalid)
    expect(await error(kinesis, 'AddTagsToStream', { StreamName: 'orders', Tags: { a: bad } })).toBe(invalid)
    expect(await error(kinesis, 'RemoveTagsFromStream', { StreamName: 'orders', TagKeys: [bad] })).toBe(invalid)
  })

  test('may not hold a percent sign, which has a text of its own', async () => {
    const kinesis = await withOrders()
    expect(await error(kinesis, 'AddTagsToStream', { StreamName: 'orders', Tags: { 'a%': '1' } })).toBe(illegal('add tags to stream orders'))
    expect(await error(kinesis, 'RemoveTagsFromStream', { StreamName: 'orders', TagKeys: ['a%'] })).toBe(illegal('remove tags from stream orders'))
  })

  test('are fifty at most, and none of a request that would make more is kept', async () => {
    const kinesis = await withOrders()
    await kinesis.ok('AddTagsToStream', { StreamName: 'orders', Tags: many(49) })
    expect(await error(kinesis, 'AddTagsToStream', { StreamName: 'orders', Tags: many(2, 49) })).toBe('InvalidArgumentException: Failed to add tags to stream orders under ' +
      'account 000000000000 because a given stream cannot have more than 10 tags associated with it.')
    await kinesis.ok('AddTagsToStream', { StreamName: 'orders', Tags: many(50) })
    expect(await kinesis.ok<{ Tags: object[] }>('ListTagsForStream', { StreamName: 'orders' })).toMatchObject({ Tags: { length: 50 }, HasMoreTags: false })
  })

  test('may not begin with aws:', async () => {
    const kinesis = await withOrders()
    for (const key of ['aws:x', 'AWS:x']) {
      expect(await error(kinesis, 'AddTagsToStream', { StreamName: 'orders', Tags: { [key]: '' } })).toMatch(/^InvalidArgumentException: .*aws:/)
    }
  })

  test('go with the stream', async () => {
    const kinesis = await withOrders()
    await kinesis.ok('AddTagsToStream', { StreamName: 'orders', Tags: { a: '' } })
    await kinesis.ok('DeleteStream', { StreamName: 'orders' })
    await kinesis.ok('CreateStream', { StreamName: 'orders' })
    expect(await kinesis.ok('ListTagsForStream', { StreamName: 'orders' })).toEqual({ Tags: [], HasMoreTags: false })
  })
})

describe('tags by ARN', () => {
  const streamArn = 'arn:aws:kinesis:us-east-1:000000000000:stream/orders'

  test('of a stream are those that it has by its name', async () => {
    const kinesis = await withOrders()
    await kinesis.ok('TagResource', { ResourceARN: streamArn, Tags: { b: '2', a: '1' } })
    await kinesis.ok('AddTagsToStream', { StreamName: 'orders', Tags: { c: '3' } })
    await kinesis.ok('UntagResource', { ResourceARN: streamArn, TagKeys: ['b', 'never there'] })
    expect(await kinesis.ok('ListTagsForResource', { ResourceARN: streamArn })).toEqual({ Tags: [{ Key: 'a', Value: '1' }, { Key: 'c', Value: '3' }] })
  })

  test('of a consumer are its own, and go with it', async () => {
    const kinesis = await withOrders()
    const register = async (more: object = {}): Promise<string> => {
      const { Consumer } = await kinesis.ok<{ Consumer: { ConsumerARN: string } }>('RegisterStreamConsumer', { StreamARN: streamArn, ConsumerName: 'billing', ...more })
      return Consumer.ConsumerARN
    }
    const ResourceARN = await register({ Tags: { team: 'x' } })
    await kinesis.ok('TagResource', { ResourceARN, Tags: { a: '1' } })
    expect(await kinesis.ok('ListTagsForResource', { ResourceARN })).toEqual({ Tags: [{ Key: 'a', Value: '1' }, { Key: 'team', Value: 'x' }] })
    expect(await kinesis.ok('ListTagsForResource', { ResourceARN: streamArn })).toEqual({ Tags: [] })
    await kinesis.ok('UntagResource', { ResourceARN, TagKeys: ['team'] })
    expect(await error(kinesis, 'TagResource', { ResourceARN, Tags: many(50) })).toBe('InvalidArgumentException: Failed to add tags to consumer billing of stream orders under ' +
      'account 000000000000 because a given consumer cannot have more than 10 tags associated with it.')
    await kinesis.ok('DeregisterStreamConsumer', { ConsumerARN: ResourceARN })
    expect(await error(kinesis, 'ListTagsForResource', { ResourceARN })).toBe(`ResourceNotFoundException: Consumer ${ResourceARN}, account 000000000000 not found.`)
  })

  test.each([['TagResource', { Tags: { a: '' } }], ['UntagResource', { TagKeys: ['a'] }], ['ListTagsForResource', {}]])('%s does not find what is not there', async (operation, more) => {
    const kinesis = await withOrders()
    expect(await error(kinesis, operation, { ResourceARN: `${streamArn}2`, ...more })).toBe('ResourceNotFoundException: Stream orders2 under account 000000000000 not found.')
    expect(await error(kinesis, operation, { ResourceARN: `${streamArn}/consumer/x:1`, ...more }))
      .toBe(`ResourceNotFoundException: Consumer ${streamArn}/consumer/x:1, account 000000000000 not found.`)
    expect(await error(kinesis, operation, { ResourceARN: 'arn:aws:kinesis:us-east-1:000000000000:channel/x', ...more })).toMatch(/^ResourceNotFoundException: /)
    expect(await error(kinesis, operation, { ResourceARN: `${streamArn}/x`, ...more })).toBe(`InvalidArgumentException: ResourceARN ${streamArn}/x is not the ARN of a stream, a consumer or a channel.`)
  })

  test('keep to the rules of tags', async () => {
    const kinesis = await withOrders()
    expect(await error(kinesis, 'TagResource', { ResourceARN: streamArn, Tags: { 'a;b': '' } })).toBe(invalid)
    expect(await error(kinesis, 'UntagResource', { ResourceARN: streamArn, TagKeys: ['a%'] })).toBe(illegal('remove tags from stream orders'))
  })
})
