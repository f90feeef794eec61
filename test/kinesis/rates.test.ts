import { describe, expect, it } from 'vitest'
import { operations } from '../../src/kinesis/operations/index.ts'
import { CallRates, rateOf, rates } from '../../src/kinesis/rates.ts'
import { Limits } from '../../src/kinesis/limits.ts'
import { model } from './model/model.ts'
import { TestClock, account, region, testAccess, testKinesis } from './support/kinesis.ts'

const exceeded = (of: string) => ({ __type: 'LimitExceededException', message: `Rate exceeded for ${of}account ${account}.` })

/** How many of `count` calls are served at once. */
async function served(kinesis: Awaited<ReturnType<typeof testKinesis>>, operation: string, input: object, count: number): Promise<number> {
  const answers = await Promise.all(Array.from({ length: count }, () => kinesis.call(operation, input)))
  return answers.filter(({ body }) => (body as { __type?: string }).__type !== 'LimitExceededException').length
}

describe('the table of rates', () => {
  it('has every operation that is served', () => {
    expect(operations.map(one => one.operation.name).filter(name => !Object.hasOwn(rates, name))).toEqual([])
    expect(() => rateOf('toString')).toThrow('no rate is declared for toString')
  })

  it('has every operation of the model, and no other', () => {
    expect(Object.keys(rates)).toEqual(Object.keys(model.operations).toSorted())
  })
})

describe('with AWS\'s limits', () => {
  it('an operation of the account is served so often a second, whichever stream it names', async () => {
    const kinesis = await testKinesis({ profile: 'aws' })
    expect(await served(kinesis, 'DescribeStream', { StreamName: 'a' }, 6) + await served(kinesis, 'DescribeStream', { StreamName: 'b' }, 6)).toBe(10)
    expect(await kinesis.call('DescribeStream', { StreamName: 'b' })).toMatchObject({ status: 400, body: exceeded('stream b under ') })
    expect(await served(kinesis, 'DescribeStreamSummary', { StreamName: 'a' }, 30)).toBe(20)
    ;(kinesis.clock as TestClock).advance(200)
    expect(await served(kinesis, 'DescribeStream', { StreamName: 'a' }, 5)).toBe(2)
  })

  it('an operation without a stream is refused for the account', async () => {
    const kinesis = await testKinesis({ profile: 'aws' })
    expect(await served(kinesis, 'ListStreams', {}, 9)).toBe(5)
    expect((await kinesis.call('ListStreams', {})).body).toEqual(exceeded(''))
  })

  it('an operation of a stream is served so often for each, named or in a token', async () => {
    const kinesis = await testKinesis({ profile: 'aws' })
    for (const StreamName of ['a', 'b']) await kinesis.ok('CreateStream', { StreamName, ShardCount: 2 })
    const { NextToken } = await kinesis.ok<{ NextToken: string }>('ListShards', { StreamName: 'a', MaxResults: 1 })
    expect(await served(kinesis, 'ListShards', { StreamARN: `arn:aws:kinesis:${region}:${account}:stream/a` }, 998)).toBe(998)
    expect(await served(kinesis, 'ListShards', { NextToken }, 2)).toBe(1)
    expect((await kinesis.call('ListShards', { NextToken })).body).toEqual(exceeded('stream a under '))
    expect(await served(kinesis, 'ListShards', { StreamName: 'b' }, 10)).toBe(10)
  })

  it('a caller without the right, or with a wrong request, spends nothing of what others may use', async () => {
    let may = false
    const kinesis = await testKinesis({ profile: 'aws', access: testAccess(() => may) })
    for (let turn = 0; turn < 12; turn++) expect((await kinesis.call('DescribeStream', { StreamName: 'a' })).body).toMatchObject({ __type: 'AccessDeniedException' })
    may = true
    for (let turn = 0; turn < 12; turn++) expect((await kinesis.call('DescribeStream', { StreamName: 'a', Limit: 0 })).body).toMatchObject({ __type: 'ValidationException' })
    expect(await served(kinesis, 'DescribeStream', { StreamName: 'a' }, 12)).toBe(10)
  })
})

it('without limits an operation is served as often as it is called', async () => {
  const kinesis = await testKinesis({ profile: 'off' })
  expect(await served(kinesis, 'ListStreams', {}, 50)).toBe(50)
})

describe('an operation that may succeed so often a day', () => {
  const call = (stream: string) => ({ operation: 'StartStreamEncryption', stream: () => stream, input: {} })

  it('is refused when it has, for that stream, until a day has passed', () => {
    const clock = new TestClock()
    const callRates = new CallRates({ clock, limits: new Limits('aws'), place: { account, region } })
    for (let turn = 0; turn < 40; turn++) expect(callRates.admit(call('a'))).toBe(null)
    for (let turn = 0; turn < 25; turn++) {
      expect(callRates.admit(call('a'))).toBe(null)
      callRates.succeeded(call('a'))
      clock.advance(60_000)
    }
    expect(callRates.admit(call('a'))).toMatchObject({
      type: 'LimitExceededException', message: `StartStreamEncryption has succeeded 25 times within 24 hours for stream a under account ${account}, which is its limit.`,
    })
    expect(callRates.admit(call('b'))).toBe(null)
    clock.advance(24 * 3_600_000 - 25 * 60_000)
    expect(callRates.admit(call('a'))).toBe(null)
  })
})
