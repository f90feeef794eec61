// CloudWatch's operations at the Kinesis endpoint: who may see what, pages, what is refused. That real clients understand it, test/clients/cloudwatch-sdk.test.ts shows.
import { gzipSync } from 'node:zlib'
import aws4 from 'aws4'
import { describe, expect, it } from 'vitest'
import type { StatisticSet } from '../../../src/kinesis/cloudwatch/series.ts'
import { type TestClock, type TestKinesis, accessKeyId, region, secretAccessKey, testAccess, testKinesis } from '../support/kinesis.ts'

interface Answer { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: Record<string, unknown> }

/** A signed call in AWS JSON 1.0. */
async function call(kinesis: TestKinesis, operation: string, input: unknown, how: { body?: Buffer; headers?: Record<string, string> } = {}): Promise<Answer> {
  const body = how.body ?? Buffer.from(JSON.stringify(input))
  const { headers } = aws4.sign({
    service: 'monitoring', region, host: 'kinesis.test', method: 'POST', path: '/', body: body as unknown as string,
    headers: {
      'Content-Type': 'application/x-amz-json-1.0', 'X-Amz-Target': `GraniteServiceVersion20100801.${operation}`,
      'X-Amz-Date': new Date(kinesis.clock.now()).toISOString().replace(/[-:]|\.\d+/g, ''), ...how.headers,
    },
  }, { accessKeyId, secretAccessKey })
  const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]))
  const answer = await kinesis.handler.handle({ method: 'POST', path: '/', query: '', headers: lower, body, host: '127.0.0.1' })
  return { status: answer.status, headers: answer.headers, body: JSON.parse(answer.body.toString()) as Record<string, unknown> }
}

const minuteMs = 60_000
const dimension = (value: string, name = 'StreamName') => ({ Name: name, Value: value })

/** A stream whose IncomingRecords were 1, 2, 3 … in so many minutes up to now. */
async function recorded(minutes: number, options: Parameters<typeof testKinesis>[0] = {}): Promise<TestKinesis> {
  const kinesis = await testKinesis(options)
  for (let at = 1; at <= minutes; at++) {
    if (at > 1) (kinesis.clock as TestClock).advance(minuteMs)
    for (const stream of ['orders', 'secret']) kinesis.handler.metrics.ofStream(stream).add('IncomingRecords', at, kinesis.clock.now())
  }
  return kinesis
}

const seconds = (kinesis: TestKinesis, minutesAgo: number): number => (kinesis.clock.now() - minutesAgo * minuteMs) / 1_000
const statistics = (kinesis: TestKinesis, more: object = {}) => ({
  Namespace: 'AWS/Kinesis', MetricName: 'IncomingRecords', Dimensions: [dimension('orders')], StartTime: seconds(kinesis, 9), EndTime: seconds(kinesis, -1), Period: 60,
  Statistics: ['Sum'], ...more,
})
const query = (Id: string, more: object = {}, stream = 'orders') => ({
  Id, MetricStat: { Metric: { Namespace: 'AWS/Kinesis', MetricName: 'IncomingRecords', Dimensions: [dimension(stream)] }, Period: 60, Stat: 'Sum', ...more },
})
const results = (answer: Answer) => answer.body['MetricDataResults'] as { Id: string; Values: number[]; Timestamps: number[]; StatusCode: string; Messages: { Code: string }[] }[]

describe('GetMetricStatistics', () => {
  it('puts minutes together to periods that begin with the range', async () => {
    const kinesis = await recorded(10)
    const { body } = await call(kinesis, 'GetMetricStatistics', statistics(kinesis, { StartTime: seconds(kinesis, 7), Period: 180, Statistics: ['Sum', 'Minimum', 'Maximum', 'Average', 'SampleCount'] }))
    expect((body['Datapoints'] as { Timestamp: number }[]).map(({ Timestamp, ...one }) => [(kinesis.clock.now() / 1_000 - Timestamp) / 60, one])).toEqual([
      [7, { Sum: 12, Minimum: 3, Maximum: 5, Average: 4, SampleCount: 3, Unit: 'Count' }],
      [4, { Sum: 21, Minimum: 6, Maximum: 8, Average: 7, SampleCount: 3, Unit: 'Count' }],
      [1, { Sum: 19, Minimum: 9, Maximum: 10, Average: 9.5, SampleCount: 2, Unit: 'Count' }],
    ])
  })

  it('forgets what is older than three hours', async () => {
    const kinesis = await recorded(1)
    const count = async (): Promise<number> => ((await call(kinesis, 'GetMetricStatistics', statistics(kinesis, { StartTime: seconds(kinesis, 200) }))).body['Datapoints'] as object[]).length
    ;(kinesis.clock as TestClock).advance(180 * minuteMs)
    expect(await count()).toBe(1)
    ;(kinesis.clock as TestClock).advance(minuteMs)
    expect(await count()).toBe(0)
  })

  it.each([
    [{ Period: 90 }, 'InvalidParameterValueException', 'The parameter Period must be 1, 5, 10, 30 or a multiple of 60, not 90.'],
    [{ EndTime: 0 }, 'InvalidParameterValueException', 'The parameter StartTime must be less than the parameter EndTime.'],
    [{ Statistics: undefined }, 'MissingRequiredParameterException', 'Must specify either Statistics or ExtendedStatistics.'],
    [{ Statistics: ['Median'] }, 'InvalidParameterValueException', 'The value "Median" for parameter Statistics.member.1 is invalid: '],
    [{ ExtendedStatistics: ['p99'] }, 'InvalidParameterValueException', 'ExtendedStatistics p99 cannot be given: figures are kept as SampleCount, Average, Sum, Minimum, Maximum.'],
    [{ StartTime: 0 }, 'InvalidParameterCombinationException', 'datapoints, which exceeds the limit of 1,440. You may reduce the datapoints requested by increasing Period, or decreasing the time range.'],
    [{ MetricName: undefined }, 'MissingRequiredParameterException', 'The parameter MetricName is required.'],
    [{ StartTime: 'yesterday' }, 'InvalidParameterValueException', 'The value "yesterday" for parameter StartTime is invalid: '],
    [{ Dimensions: [{ Name: 'StreamName' }] }, 'MissingRequiredParameterException', 'The parameter Dimensions.member.1.Value is required.'],
  ])('refuses %j in AWS\'s manner', async (more, type, message) => {
    const kinesis = await recorded(1)
    const { status, headers, body } = await call(kinesis, 'GetMetricStatistics', statistics(kinesis, more))
    expect([status, body]).toEqual([400, { __type: type, message: expect.stringContaining(message) }])
    expect(headers['x-amzn-query-error']).toBe(`${type.replace('RequiredParameter', 'Parameter').replace('Exception', '')};Sender`)
  })
})

describe('GetMetricData', () => {
  it('takes no time that there is not', async () => {
    const kinesis = await recorded(1)
    for (const StartTime of [-1e300, 8.64e12 + 1]) {
      expect((await call(kinesis, 'GetMetricData', { StartTime, EndTime: seconds(kinesis, 0), MetricDataQueries: [query('m')] })).body)
        .toEqual({ __type: 'InvalidParameterValueException', message: `The value ${StartTime} for parameter StartTime is invalid: must be a time.` })
    }
  })

  it('gives values newest first, or oldest first', async () => {
    const kinesis = await recorded(4)
    const asked = { StartTime: seconds(kinesis, 10), EndTime: seconds(kinesis, -1), MetricDataQueries: [query('m')] }
    const [newest] = results(await call(kinesis, 'GetMetricData', asked))
    expect([newest!.Values, newest!.StatusCode]).toEqual([[4, 3, 2, 1], 'Complete'])
    expect(newest!.Timestamps[0]).toBe(Math.floor(kinesis.clock.now() / minuteMs) * 60)
    const [oldest] = results(await call(kinesis, 'GetMetricData', { ...asked, ScanBy: 'TimestampAscending' }))
    expect(oldest!.Values).toEqual([1, 2, 3, 4])
  })

  it.each(['TimestampAscending', 'TimestampDescending'])('gives everything once, page by page (%s)', async ScanBy => {
    const kinesis = await recorded(7)
    const queries = [query('a'), { ...query('hidden'), ReturnData: false }, query('b', {}, 'nobody'), query('c', { Stat: 'Average' })]
    const found = new Map<string, number[]>()
    let NextToken: string | undefined
    let pages = 0
    do {
      const answer = await call(kinesis, 'GetMetricData', {
        StartTime: seconds(kinesis, 10), EndTime: seconds(kinesis, -1), MetricDataQueries: queries, ScanBy, MaxDatapoints: 3, ...NextToken !== undefined && { NextToken },
      })
      for (const { Id, Values } of results(answer)) found.set(Id, [...found.get(Id) ?? [], ...Values])
      NextToken = answer.body['NextToken'] as string | undefined
      pages++
      // What is recorded meanwhile does not shift what was not given yet.
      kinesis.handler.metrics.ofStream('orders').add('IncomingRecords', 0, kinesis.clock.now() + minuteMs)
    } while (NextToken !== undefined && pages < 20)
    const all = ScanBy === 'TimestampAscending' ? [1, 2, 3, 4, 5, 6, 7] : [7, 6, 5, 4, 3, 2, 1]
    expect(found.get('a')!.filter(value => value > 0)).toEqual(all)
    expect(found.get('c')!.filter(value => value > 0)).toEqual(all)
    expect(found.get('b')).toEqual([])
    expect([...found.keys()]).toEqual(['a', 'b', 'c'])
    expect(pages).toBeGreaterThan(4)
  })

  it.each([
    [{ MetricDataQueries: [] }, 'MissingRequiredParameterException', 'The parameter MetricDataQueries is required.'],
    [{ MetricDataQueries: [{ Id: 'm', Expression: 'a / b' }] }, 'InvalidParameterValueException', 'MetricDataQueries.member.1.Expression is not supported by this endpoint: metrics are given by MetricStat.'],
    [{ MetricDataQueries: [{ Id: 'm' }] }, 'MissingRequiredParameterException', 'The parameter MetricDataQueries.member.1.MetricStat is required.'],
    [{ MetricDataQueries: [query('m'), query('m')] }, 'InvalidParameterValueException', 'The value \'m\' for parameter MetricDataQueries.member.2.Id is not unique in the array.'],
    [{ MetricDataQueries: [query('M')] }, 'InvalidParameterValueException', 'The value "M" for parameter MetricDataQueries.member.1.Id is invalid: '],
    [{ MetricDataQueries: [query('m', { Stat: 'p90' })] }, 'InvalidParameterValueException', 'The value \'p90\' for parameter MetricDataQueries.member.1.MetricStat.Stat cannot be given'],
    [{ MetricDataQueries: [{ ...query('m'), AccountId: '123456789012' }] }, 'InvalidParameterValueException', 'is not this account, 000000000000.'],
    [{ NextToken: 'nonsense' }, 'InvalidNextToken', 'The NextToken is not one that GetMetricData has given.'],
  ])('refuses %j', async (more, type, message) => {
    const kinesis = await recorded(1)
    const { status, body } = await call(kinesis, 'GetMetricData', { StartTime: seconds(kinesis, 10), EndTime: seconds(kinesis, -1), MetricDataQueries: [query('m')], ...more })
    expect([status, body]).toEqual([400, { __type: type, message: expect.stringContaining(message) }])
  })
})

describe('a caller', () => {
  const access = testAccess((_who, operation, type, name) => operation === 'describe' && type === 'topic' && name === 'orders')

  it('sees the metrics of streams that it may describe, and is told nothing of others', async () => {
    const kinesis = await recorded(2, { access })
    const range = { StartTime: seconds(kinesis, 10), EndTime: seconds(kinesis, -1) }
    const found = results(await call(kinesis, 'GetMetricData', { ...range, MetricDataQueries: [query('a'), query('b', {}, 'secret'), query('c', {}, 'nobody')] }))
    expect(found.map(({ StatusCode, Values, Messages }) => [StatusCode, Values, Messages.map(({ Code }) => Code)])).toEqual([
      ['Complete', [2, 1], []], ['Forbidden', [], ['AccessDenied']], ['Forbidden', [], ['AccessDenied']],
    ])
    const refused = await call(kinesis, 'GetMetricStatistics', statistics(kinesis, { Dimensions: [dimension('secret')] }))
    expect([refused.status, refused.body]).toEqual([403, {
      __type: 'AccessDenied',
      message: expect.stringContaining('is not authorized to perform: cloudwatch:GetMetricStatistics on resource: arn:aws:kinesis:us-east-1:000000000000:stream/secret because no identity-based policy allows'),
    }])
    const { Metrics } = (await call(kinesis, 'ListMetrics', {})).body as { Metrics: { Dimensions: object[] }[] }
    expect(Metrics.map(({ Dimensions }) => Dimensions)).toEqual([[dimension('orders')]])
  })

  it('puts figures where it may read or write some stream, and sees those of others where it may describe the cluster', async () => {
    const may = new Set<string>()
    const kinesis = await testKinesis({ access: { ...testAccess((_who, operation, type) => may.has(`${operation} ${type}`)), allowsAny: (_who, operation, type) => may.has(`any ${operation} ${type}`) } })
    const put = () => call(kinesis, 'PutMetricData', { Namespace: 'App', MetricData: [{ MetricName: 'a', Value: 1 }] })
    const get = () => call(kinesis, 'GetMetricStatistics', statistics(kinesis, { Namespace: 'App', MetricName: 'a', Dimensions: [] }))
    expect([(await put()).status, (await get()).status]).toEqual([403, 403])
    may.add('any read topic')
    expect([(await put()).status, (await get()).status]).toEqual([200, 403])
    may.add('describe cluster')
    expect((await get()).body).toMatchObject({ Datapoints: [{ Sum: 1 }] })
  })
})

describe('ListMetrics', () => {
  it('filters by namespace, name and dimensions, and pages', async () => {
    const kinesis = await testKinesis()
    const data = Array.from({ length: 700 }, (_, at) => ({ MetricName: `m${String(at).padStart(3, '0')}`, Dimensions: [dimension(String(at % 2), 'Half'), dimension('x', 'All')], Value: 1 }))
    await call(kinesis, 'PutMetricData', { Namespace: 'App', MetricData: data })
    kinesis.handler.metrics.ofStream('orders').add('IncomingRecords', 1, kinesis.clock.now())
    const list = async (input: object) => (await call(kinesis, 'ListMetrics', input)).body as { Metrics: { MetricName: string }[]; NextToken?: string; OwningAccounts?: string[] }
    const first = await list({ Namespace: 'App' })
    expect([first.Metrics.length, first.Metrics[0]]).toEqual([500, { Namespace: 'App', MetricName: 'm000', Dimensions: [dimension('0', 'Half'), dimension('x', 'All')] }])
    const second = await list({ Namespace: 'App', NextToken: first.NextToken })
    expect([second.Metrics.length, second.NextToken, second.Metrics.at(-1)?.MetricName]).toEqual([200, undefined, 'm699'])
    expect((await list({ Dimensions: [dimension('1', 'Half'), { Name: 'All' }] })).Metrics).toHaveLength(350)
    expect((await list({ MetricName: 'IncomingRecords', IncludeLinkedAccounts: true, RecentlyActive: 'PT3H' }))).toMatchObject({ Metrics: [{ Namespace: 'AWS/Kinesis' }], OwningAccounts: ['000000000000'] })
    expect((await list({ OwningAccount: '123456789012' })).Metrics).toEqual([])
    expect((await call(kinesis, 'ListMetrics', { NextToken: 'zzz' })).body).toMatchObject({ __type: 'InvalidNextToken' })
    ;(kinesis.clock as TestClock).advance(181 * minuteMs)
    expect((await list({})).Metrics).toEqual([])
  })
})

describe('PutMetricData', () => {
  it('keeps values, values with counts and statistic sets, at their times', async () => {
    const kinesis = await testKinesis()
    const datum = (more: object) => ({ MetricName: 'a', Unit: 'Seconds', ...more })
    await call(kinesis, 'PutMetricData', { Namespace: 'App', MetricData: [
      datum({ Value: -2.5 }), datum({ Values: [1, 4], Counts: [3, 1] }), datum({ Values: [7] }),
      datum({ StatisticValues: { SampleCount: 2, Sum: 5, Minimum: 1, Maximum: 4 }, Timestamp: seconds(kinesis, 100) }),
    ] })
    const Statistics = ['Sum', 'SampleCount', 'Minimum', 'Maximum']
    const { body } = await call(kinesis, 'GetMetricStatistics', statistics(kinesis, { Namespace: 'App', MetricName: 'a', Dimensions: [], StartTime: seconds(kinesis, 110), Statistics }))
    expect((body['Datapoints'] as object[])).toMatchObject([
      { Sum: 5, SampleCount: 2, Minimum: 1, Maximum: 4, Unit: 'Seconds' }, { Sum: 11.5, SampleCount: 6, Minimum: -2.5, Maximum: 7 },
    ])
    expect((await call(kinesis, 'GetMetricStatistics', statistics(kinesis, { Namespace: 'App', MetricName: 'a', Dimensions: [], Unit: 'Count' }))).body).toMatchObject({ Datapoints: [] })
  })

  it.each([
    [{ Namespace: 'AWS/Kinesis' }, 'InvalidParameterValueException', 'namespaces that begin with AWS/ or Sluice/ are not for clients'],
    [{ MetricData: [{ MetricName: 'a' }] }, 'MissingRequiredParameterException', 'At least one of the parameters MetricData.member.1.Value, '],
    [{ MetricData: [{ MetricName: 'a', Value: 1, Values: [1] }] }, 'InvalidParameterCombinationException', 'mutually exclusive'],
    [{ MetricData: [{ MetricName: 'a', Value: 'NaN' }] }, 'InvalidParameterValueException', 'The value "NaN" for parameter MetricData.member.1.Value is invalid'],
    [{ MetricData: [{ MetricName: 'a', Values: [1e300], Counts: [1e300] }] }, 'InvalidParameterValueException', 'must be in the range of -2^360 to 2^360'],
    [{ MetricData: [{ MetricName: 'a', Values: [1], Counts: [1, 2] }] }, 'InvalidParameterValueException', 'must be of the same size'],
    [{ MetricData: [{ MetricName: 'a', Values: [1], Counts: [0] }] }, 'InvalidParameterValueException', 'numbers greater than 0'],
    [{ MetricData: [{ MetricName: 'a', StatisticValues: { SampleCount: 0, Sum: 0, Minimum: 0, Maximum: 0 } }] }, 'InvalidParameterValueException', 'SampleCount must be greater than 0'],
    [{ MetricData: [{ MetricName: 'a', Value: 1, Timestamp: 0 }] }, 'InvalidParameterValueException', 'MetricData.member.1.Timestamp must be within the last 3 hours'],
    [{ MetricData: [{ MetricName: 'a', Value: 1, Unit: 'Furlongs' }] }, 'InvalidParameterValueException', 'The value "Furlongs" for parameter MetricData.member.1.Unit is invalid'],
    [{ EntityMetricData: [] }, 'InvalidParameterValueException', 'entities are not supported by this endpoint'],
  ])('refuses %j, and keeps nothing of it', async (more, type, message) => {
    const kinesis = await testKinesis()
    const { status, body } = await call(kinesis, 'PutMetricData', { Namespace: 'App', MetricData: [{ MetricName: 'good', Value: 1 }, ...(more as { MetricData?: object[] }).MetricData ?? []], ...(more as object), ...'MetricData' in more && { MetricData: [...more.MetricData!, { MetricName: 'good', Value: 1 }] } })
    expect([status, body]).toEqual([400, { __type: type, message: expect.stringContaining(message) }])
    expect((await call(kinesis, 'ListMetrics', {})).body).toEqual({ Metrics: [] })
  })

  it('crowds out nothing that is measured here, however many metrics there are', async () => {
    const kinesis = await recorded(1)
    for (let turn = 0; turn < 3; turn++) {
      await call(kinesis, 'PutMetricData', { Namespace: 'App', MetricData: Array.from({ length: 1_000 }, (_, at) => ({ MetricName: `m${turn}-${at}`, Value: 1 })) })
    }
    expect((await call(kinesis, 'GetMetricStatistics', statistics(kinesis))).body).toMatchObject({ Datapoints: [{ Sum: 1 }] })
    const oldest = await call(kinesis, 'GetMetricStatistics', statistics(kinesis, { Namespace: 'App', MetricName: 'm0-0', Dimensions: [] }))
    expect(oldest.body).toMatchObject({ Datapoints: [] })
  })
})

describe('a request', () => {
  it('may be packed, but not come to more than a MiB', async () => {
    const kinesis = await testKinesis()
    const headers = { 'Content-Encoding': 'gzip' }
    const input = (bytes: number): Buffer => gzipSync(JSON.stringify({ Namespace: 'App', MetricData: [{ MetricName: 'a', Value: 1 }], Padding: 'x'.repeat(bytes) }))
    expect((await call(kinesis, 'PutMetricData', {}, { body: input(1_000), headers })).status).toBe(200)
    expect((await call(kinesis, 'PutMetricData', {}, { body: input(2_000_000), headers })).body).toEqual({ __type: 'InvalidParameterValueException', message: 'The request is larger than 1048576 bytes.' })
    expect((await call(kinesis, 'PutMetricData', {}, { body: Buffer.alloc(1_048_577) })).body).toMatchObject({ message: 'The request is larger than 1048576 bytes.' })
    expect((await call(kinesis, 'PutMetricData', {}, { body: Buffer.from('no gzip'), headers })).body).toMatchObject({ __type: 'MalformedInput' })
    expect((await call(kinesis, 'PutMetricData', {}, { headers: { 'Content-Encoding': 'br' } })).body).toMatchObject({ __type: 'MalformedInput' })
  })

  it('must be signed for monitoring, be well-formed, and name an operation that is served', async () => {
    const denied: unknown[] = []
    const kinesis = await testKinesis({ audit: { record: event => void denied.push(event) } })
    expect((await call(kinesis, 'PutDashboard', {})).body).toEqual({
      __type: 'InvalidAction', message: 'Could not find operation PutDashboard: GetMetricData, GetMetricStatistics, ListMetrics, PutMetricData are served here.',
    })
    expect((await call(kinesis, 'ListMetrics', {}, { body: Buffer.from('[]') })).body).toMatchObject({ __type: 'MalformedInput' })
    expect(denied).toEqual([])
    const unsigned = { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'GraniteServiceVersion20100801.ListMetrics', host: 'kinesis.test' }
    const answer = await kinesis.handler.handle({ method: 'POST', path: '/', query: '', headers: unsigned, body: Buffer.from('{}'), host: '127.0.0.1' })
    expect([answer.status, JSON.parse(answer.body.toString())]).toEqual([403, { __type: 'MissingAuthenticationToken', message: 'Missing Authentication Token' }])
    expect(denied).toMatchObject([{ operation: 'authenticate', resource: 'listener:cloudwatch' }])
  })
})

it('figures are those of the operations: a put is seen at once', async () => {
  const kinesis = await testKinesis()
  await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 1 })
  await kinesis.ok('PutRecord', { StreamName: 'orders', PartitionKey: 'a', Data: 'aGVsbG8=' })
  const set: Partial<StatisticSet> = { sum: 6 }
  expect((await call(kinesis, 'GetMetricStatistics', statistics(kinesis, { MetricName: 'IncomingBytes' }))).body).toMatchObject({ Datapoints: [{ Sum: set.sum, Unit: 'Bytes' }] })
})
