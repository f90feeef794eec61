import { describe, expect, test } from 'vitest'
import { commit } from '../../../src/kinesis/account.ts'
import { arnOf, consumersOf } from '../../../src/kinesis/consumers.ts'
import { TestClock, account, principal, region, testAccess, testKinesis, type TestKinesis } from '../support/kinesis.ts'

const StreamARN = 'arn:aws:kinesis:us-east-1:000000000000:stream/orders'
const nowMs = Date.UTC(2026, 10, 22, 12)
const second = nowMs / 1_000

interface Shown { ConsumerName: string; ConsumerARN: string; ConsumerStatus: string; ConsumerCreationTimestamp: number }
interface Page { Consumers: Shown[]; NextToken?: string }

async function withOrders(options: { transitionMs?: number; access?: ReturnType<typeof testAccess> } = {}): Promise<{ kinesis: TestKinesis; clock: TestClock }> {
  const clock = new TestClock(nowMs)
  const kinesis = await testKinesis({ ...options, clock })
  await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 1 })
  clock.advance(options.transitionMs ?? 0)
  return { kinesis, clock }
}

async function error(kinesis: TestKinesis, operation: string, input: object): Promise<string> {
  const { status, body } = await kinesis.call(operation, input)
  if (status === 200) throw new Error(`${operation} succeeded`)
  const { __type: type, message } = body as { __type: string; message: string }
  return `${type}: ${message}`
}

async function register(kinesis: TestKinesis, ConsumerName: string, more: object = {}): Promise<Shown> {
  return (await kinesis.ok<{ Consumer: Shown }>('RegisterStreamConsumer', { StreamARN, ConsumerName, ...more })).Consumer
}

async function status(kinesis: TestKinesis, ConsumerName: string): Promise<string> {
  return (await kinesis.ok<{ ConsumerDescription: Shown }>('DescribeStreamConsumer', { StreamARN, ConsumerName })).ConsumerDescription.ConsumerStatus
}

async function list(kinesis: TestKinesis, more: object = {}): Promise<Page> {
  return kinesis.ok<Page>('ListStreamConsumers', { StreamARN, ...more })
}

describe('a consumer', () => {
  test('is registered under an ARN with the second of its registration, listed, described and counted', async () => {
    const { kinesis } = await withOrders()
    const ConsumerARN = `${StreamARN}/consumer/billing:${second}`
    const shown = { ConsumerName: 'billing', ConsumerARN, ConsumerStatus: 'CREATING', ConsumerCreationTimestamp: second }
    expect(await register(kinesis, 'billing')).toEqual(shown)
    const active = { ...shown, ConsumerStatus: 'ACTIVE' }
    expect(await list(kinesis)).toEqual({ Consumers: [active] })
    for (const selector of [{ ConsumerARN }, { StreamARN, ConsumerName: 'billing' }, { StreamARN, ConsumerARN }, { StreamARN, ConsumerARN, ConsumerName: 'billing' }]) {
      expect(await kinesis.ok('DescribeStreamConsumer', selector)).toEqual({ ConsumerDescription: { ...active, StreamARN } })
    }
    expect(await kinesis.ok('DescribeStreamSummary', { StreamName: 'orders' })).toMatchObject({ StreamDescriptionSummary: { ConsumerCount: 1 } })
  })

  test('has a name that no other consumer of its stream has', async () => {
    const { kinesis } = await withOrders()
    await register(kinesis, 'billing')
    expect(await error(kinesis, 'RegisterStreamConsumer', { StreamARN, ConsumerName: 'billing' }))
      .toBe('ResourceInUseException: Consumer billing under stream orders already exists for account 000000000000.')
    await kinesis.ok('CreateStream', { StreamName: 'other' })
    await kinesis.ok('RegisterStreamConsumer', { StreamARN: StreamARN.replace('orders', 'other'), ConsumerName: 'billing' })
    expect((await list(kinesis)).Consumers).toHaveLength(1)
  })

  test('shows CREATING, and once it is taken away DELETING, for as long as transitions take', async () => {
    const { kinesis, clock } = await withOrders({ transitionMs: 500 })
    await register(kinesis, 'billing')
    clock.advance(499)
    expect(await status(kinesis, 'billing')).toBe('CREATING')
    clock.advance(1)
    expect(await status(kinesis, 'billing')).toBe('ACTIVE')
    await kinesis.ok('DeregisterStreamConsumer', { StreamARN, ConsumerName: 'billing' })
    clock.advance(300)
    // Asked for again, it is gone no later.
    await kinesis.ok('DeregisterStreamConsumer', { StreamARN, ConsumerName: 'billing' })
    clock.advance(199)
    expect(await status(kinesis, 'billing')).toBe('DELETING')
    expect(await error(kinesis, 'RegisterStreamConsumer', { StreamARN, ConsumerName: 'billing' })).toMatch(/^ResourceInUseException/)
    clock.advance(1)
    expect(await error(kinesis, 'DescribeStreamConsumer', { StreamARN, ConsumerName: 'billing' })).toBe('ResourceNotFoundException: Consumer billing, account 000000000000 not found.')
    expect(await list(kinesis)).toEqual({ Consumers: [] })
    expect(kinesis.backend.documents.all('kinesis-consumer')).toEqual([])
  })

  test('that was taken away is another one when its name is registered again', async () => {
    const { kinesis, clock } = await withOrders()
    const { ConsumerARN: first } = await register(kinesis, 'billing')
    await kinesis.ok('DeregisterStreamConsumer', { ConsumerARN: first })
    clock.advance(1_000)
    const { ConsumerARN: next } = await register(kinesis, 'billing')
    expect(next).toBe(`${StreamARN}/consumer/billing:${second + 1}`)
    for (const operation of ['DescribeStreamConsumer', 'DeregisterStreamConsumer']) {
      expect(await error(kinesis, operation, { ConsumerARN: first })).toBe(`ResourceNotFoundException: Consumer ${first}, account 000000000000 not found.`)
    }
    expect(await status(kinesis, 'billing')).toBe('ACTIVE')
  })

  test('whose deletion was interrupted by a restart is gone all the same, and its name free', async () => {
    const { kinesis, clock } = await withOrders()
    const [topic] = await kinesis.backend.admin.topics(['orders'])
    const value = JSON.stringify({ name: 'billing', createdAtMs: nowMs - 5_000, transition: { status: 'DELETING', untilMs: nowMs + 1_000 }, tags: {} })
    await kinesis.backend.documents.put({ kind: 'kinesis-consumer', key: `${topic!.id}/billing`, value, topicId: topic!.id }, 0)
    expect(await status(kinesis, 'billing')).toBe('DELETING')
    clock.advance(1_000)
    expect(await list(kinesis)).toEqual({ Consumers: [] })
    await register(kinesis, 'billing')
    expect(await status(kinesis, 'billing')).toBe('ACTIVE')
  })

  test('goes with its stream, and is not there in the next of that name', async () => {
    const { kinesis } = await withOrders()
    const { ConsumerARN } = await register(kinesis, 'billing')
    await kinesis.backend.admin.deleteTopic('orders')
    expect(await error(kinesis, 'DescribeStreamConsumer', { ConsumerARN })).toBe(`ResourceNotFoundException: Consumer ${ConsumerARN}, account 000000000000 not found.`)
    expect(await error(kinesis, 'DescribeStreamConsumer', { StreamARN, ConsumerName: 'billing' })).toBe('ResourceNotFoundException: Stream orders under account 000000000000 not found.')
    await kinesis.ok('CreateStream', { StreamName: 'orders' })
    expect(await list(kinesis)).toEqual({ Consumers: [] })
    expect(await error(kinesis, 'DescribeStreamConsumer', { ConsumerARN })).toMatch(/^ResourceNotFoundException/)
  })

  test('is registered with tags that keep the rules', async () => {
    const { kinesis, clock } = await withOrders()
    await register(kinesis, 'billing', { Tags: { team: 'a' } })
    const [topic] = await kinesis.backend.admin.topics(['orders'])
    const [consumer] = consumersOf(topic!, { documents: kinesis.backend.documents, clock })
    expect([consumer!.tags, arnOf(consumer!, 'orders', { account, region })]).toEqual([{ team: 'a' }, `${StreamARN}/consumer/billing:${second}`])
    expect(await error(kinesis, 'RegisterStreamConsumer', { StreamARN, ConsumerName: 'other', Tags: { 'aws:x': '' } }))
      .toBe('InvalidArgumentException: Failed to add tags to consumer other of stream orders under account 000000000000 because the tag key aws:x starts with aws:, which is reserved.')
    expect((await list(kinesis)).Consumers).toHaveLength(1)
  })
})

describe('how many there may be', () => {
  test('is twenty to a stream, however many are registered at once', async () => {
    const { kinesis } = await withOrders()
    const answers = await Promise.all(Array.from({ length: 25 }, (_, at) => kinesis.call('RegisterStreamConsumer', { StreamARN, ConsumerName: `c${at}` })))
    expect(answers.filter(answer => answer.status === 200)).toHaveLength(20)
    expect(answers.find(answer => answer.status !== 200)!.body)
      .toEqual({ __type: 'LimitExceededException', message: 'This request would exceed the limit of 20 consumers of stream orders under account 000000000000.' })
    await kinesis.ok('DeregisterStreamConsumer', { StreamARN, ConsumerName: 'c0' })
    await register(kinesis, 'next')
  })

  test('is fifty to an on-demand stream of an account with a commitment', async () => {
    const { kinesis, clock } = await withOrders()
    await kinesis.ok('CreateStream', { StreamName: 'free', StreamModeDetails: { StreamMode: 'ON_DEMAND' } })
    const inFree = (count: number, from: number) => Promise.all(Array.from({ length: count }, (_, at) => (
      kinesis.call('RegisterStreamConsumer', { StreamARN: StreamARN.replace('orders', 'free'), ConsumerName: `c${from + at}` }))))
    expect((await inFree(21, 0)).filter(answer => answer.status === 200)).toHaveLength(20)
    await commit('ENABLED', { account, clock, documents: kinesis.backend.documents })
    expect((await inFree(31, 100)).filter(answer => answer.status === 200)).toHaveLength(30)
  })

  test('is five in CREATING status', async () => {
    const { kinesis, clock } = await withOrders({ transitionMs: 500 })
    for (const name of ['a', 'b', 'c', 'd', 'e']) await register(kinesis, name)
    expect(await error(kinesis, 'RegisterStreamConsumer', { StreamARN, ConsumerName: 'f' }))
      .toBe('LimitExceededException: This request would exceed the limit of 5 consumers in CREATING status under account 000000000000.')
    clock.advance(500)
    await register(kinesis, 'f')
  })
})

describe('a selector', () => {
  const ConsumerARN = `${StreamARN}/consumer/billing:${second}`

  test.each([
    [{}, 'InvalidArgumentException: Either ConsumerARN or both StreamARN and ConsumerName must be provided.'],
    [{ StreamARN }, 'InvalidArgumentException: Either ConsumerARN or both StreamARN and ConsumerName must be provided.'],
    [{ ConsumerARN, ConsumerName: 'other' }, `InvalidArgumentException: ConsumerARN ${ConsumerARN} and ConsumerName other name different consumers.`],
    [{ ConsumerARN, StreamARN: `${StreamARN}s` }, `InvalidArgumentException: ConsumerARN ${ConsumerARN} and StreamARN ${StreamARN}s name different streams.`],
    [{ ConsumerARN: ConsumerARN.replace('us-east-1', 'us-west-1') },
      `ResourceNotFoundException: ConsumerARN ${ConsumerARN.replace('us-east-1', 'us-west-1')} is not of region us-east-1 and account 000000000000.`],
    [{ StreamARN, ConsumerName: 'other' }, 'ResourceNotFoundException: Consumer other, account 000000000000 not found.'],
    [{ ConsumerARN: `${StreamARN}/consumer/billing:1` }, `ResourceNotFoundException: Consumer ${StreamARN}/consumer/billing:1, account 000000000000 not found.`],
  ])('%j is refused', async (selector, refusal) => {
    const { kinesis } = await withOrders()
    await register(kinesis, 'billing')
    for (const operation of ['DescribeStreamConsumer', 'DeregisterStreamConsumer']) expect(await error(kinesis, operation, selector)).toBe(refusal)
  })
})

describe('ListStreamConsumers', () => {
  test('goes on from a token, by name', async () => {
    const { kinesis } = await withOrders()
    for (const name of ['c', 'a', 'b', 'e', 'd']) await register(kinesis, name)
    const names: string[] = []
    let page: Page = await list(kinesis, { MaxResults: 2 })
    for (;;) {
      names.push(page.Consumers.map(({ ConsumerName }) => ConsumerName).join(''))
      if (page.NextToken === undefined) break
      page = await list(kinesis, { NextToken: page.NextToken, MaxResults: 2 })
    }
    expect(names).toEqual(['ab', 'cd', 'e'])
  })

  test('refuses a token that is old, of another stream or of an earlier one of this name', async () => {
    const { kinesis, clock } = await withOrders()
    await register(kinesis, 'a')
    await register(kinesis, 'b')
    const { NextToken } = await list(kinesis, { MaxResults: 1 })
    expect(await error(kinesis, 'ListStreamConsumers', { StreamARN, NextToken, StreamCreationTimestamp: second }))
      .toBe('InvalidArgumentException: NextToken and StreamCreationTimestamp cannot be provided together.')
    await kinesis.ok('CreateStream', { StreamName: 'other' })
    const elsewhere = 'InvalidArgumentException: Invalid NextToken. It was not given for this stream.'
    expect(await error(kinesis, 'ListStreamConsumers', { StreamARN: StreamARN.replace('orders', 'other'), NextToken })).toBe(elsewhere)
    clock.advance(300_000)
    expect((await list(kinesis, { NextToken })).Consumers.map(({ ConsumerName }) => ConsumerName)).toEqual(['b'])
    clock.advance(1)
    expect(await error(kinesis, 'ListStreamConsumers', { StreamARN, NextToken })).toMatch(/^ExpiredNextTokenException: /)
    expect(await error(kinesis, 'ListStreamConsumers', { StreamARN, NextToken: 'x' })).toBe('InvalidArgumentException: Invalid NextToken.')
  })

  test('tells streams of one name apart by when they were created', async () => {
    const { kinesis } = await withOrders()
    expect(await list(kinesis, { StreamCreationTimestamp: second })).toEqual({ Consumers: [] })
    expect(await error(kinesis, 'ListStreamConsumers', { StreamARN, StreamCreationTimestamp: second - 1 }))
      .toBe(`ResourceNotFoundException: Stream orders under account 000000000000 not found with creation timestamp ${second - 1}.`)
    expect(await error(kinesis, 'ListStreamConsumers', { StreamARN, StreamCreationTimestamp: 1e300 })).toMatch(/^ResourceNotFoundException/)
  })
})

describe('access', () => {
  test('is asked for before anything is looked up: READ as the group of that name to come and go, DESCRIBE to see', async () => {
    const access = testAccess(() => false)
    const kinesis = await testKinesis({ access })
    const ConsumerARN = `${StreamARN}/consumer/billing:1`
    const requests = [
      ['RegisterStreamConsumer', { StreamARN, ConsumerName: 'billing' }, StreamARN], ['DeregisterStreamConsumer', { ConsumerARN }, ConsumerARN],
      ['DescribeStreamConsumer', { ConsumerARN }, ConsumerARN], ['ListStreamConsumers', { StreamARN }, StreamARN],
    ] as const
    for (const [operation, input, resource] of requests) {
      expect(await error(kinesis, operation, input)).toBe(`AccessDeniedException: User: arn:aws:iam::000000000000:user/CN=alice is not authorized to perform: kinesis:${operation} ` +
        `on resource: ${resource} because no identity-based policy allows the kinesis:${operation} action`)
    }
    const who = { principal, host: '127.0.0.1' }
    const [reads, describes] = [[who, 'read', 'topic', 'orders'], [who, 'describe', 'topic', 'orders']]
    expect(access.asked).toEqual([[who, 'read', 'group', 'billing'], reads, [who, 'read', 'group', 'billing'], reads, [who, 'describe', 'group', 'billing'], describes, describes])
  })

  test('to register is asked of stream and group', async () => {
    const { kinesis } = await withOrders({ access: testAccess((_who, operation, type, name) => operation === 'create' || (operation === 'read' && name === (type === 'group' ? 'billing' : 'orders'))) })
    await register(kinesis, 'billing')
    expect(await error(kinesis, 'RegisterStreamConsumer', { StreamARN, ConsumerName: 'other' })).toMatch(/^AccessDeniedException/)
    await kinesis.ok('DeregisterStreamConsumer', { StreamARN, ConsumerName: 'billing' })
    expect(await error(kinesis, 'RegisterStreamConsumer', { StreamARN, ConsumerName: 'billing', Tags: { team: 'a' } })).toMatch(/^AccessDeniedException: .* kinesis:TagResource on resource: /)
  })
})
