import { describe, expect, it } from 'vitest'
import type { KinesisHandlerOptions } from '../../../src/kinesis/handler.ts'
import { parseSequenceNumber } from '../../../src/kinesis/sequence-numbers.ts'
import { Refusal } from '../../../src/ports.ts'
import { TestClock, accessKeyId, arn, principal, testAccess, testKinesis, type TestKinesis } from '../support/kinesis.ts'
import { type Message, type Subscriber, subscribe } from '../support/subscriber.ts'

const StreamARN = arn('orders')
const ShardId = 'shardId-000000000000'
const trimHorizon = { Type: 'TRIM_HORIZON' }
const latest = { Type: 'LATEST' }
const second = Date.UTC(2026, 10, 22, 12) / 1_000
const another = (consumer = 'billing'): string => `ResourceInUseException: Another active subscription exists for this consumer: 000000000000:orders:${ShardId}:${consumer}`

interface World {
  readonly kinesis: TestKinesis
  readonly clock: TestClock
  readonly ConsumerARN: string
}

/** A stream 'orders' of one shard with a consumer 'billing'. */
async function world(options: Partial<KinesisHandlerOptions> & { shards?: number } = {}): Promise<World> {
  const clock = new TestClock()
  const kinesis = await testKinesis({ clock, ...options })
  await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: options.shards ?? 1 })
  clock.advance(options.transitionMs ?? 0)
  const ConsumerARN = await register(kinesis, 'billing')
  clock.advance(options.transitionMs ?? 0)
  return { kinesis, clock, ConsumerARN }
}

async function register(kinesis: TestKinesis, ConsumerName: string): Promise<string> {
  return (await kinesis.ok<{ Consumer: { ConsumerARN: string } }>('RegisterStreamConsumer', { StreamARN, ConsumerName })).Consumer.ConsumerARN
}

async function put(kinesis: TestKinesis, ...data: (string | Buffer)[]): Promise<string[]> {
  const Records = data.map(one => ({ PartitionKey: 'k', Data: Buffer.from(one).toString('base64') }))
  return (await kinesis.ok<{ Records: { SequenceNumber: string }[] }>('PutRecords', { StreamName: 'orders', Records })).Records.map(one => one.SequenceNumber)
}

/** The number of a record, with another second of arrival. */
function continuation(number: string, arrivalSecond: number): string {
  const arrival = ((1n << 36n) - 1n) << 36n
  return ((BigInt(number) & ~arrival) | (BigInt(arrivalSecond) << 36n)).toString()
}

describe('a subscription', () => {
  it('begins with an event that tells where to go on, and pushes records as they come', async () => {
    const { kinesis, clock, ConsumerARN } = await world()
    const [first, next] = await put(kinesis, 'a', 'b')
    const subscriber = await subscribe(kinesis, { ConsumerARN, ShardId, StartingPosition: trimHorizon })
    expect(await subscriber.event()).toEqual({
      Records: [
        { SequenceNumber: first, ApproximateArrivalTimestamp: second, Data: Buffer.from('a').toString('base64'), PartitionKey: 'k' },
        { SequenceNumber: next, ApproximateArrivalTimestamp: second, Data: Buffer.from('b').toString('base64'), PartitionKey: 'k' },
      ],
      ContinuationSequenceNumber: continuation(next!, second + 1),
      MillisBehindLatest: 0,
    })
    expect(await subscriber.isQuiet()).toBe(true)
    clock.advance(1_500)
    const [third] = await put(kinesis, 'c')
    expect(await subscriber.event()).toMatchObject({ Records: [{ SequenceNumber: third }], ContinuationSequenceNumber: continuation(third!, second + 2), MillisBehindLatest: 0 })
    subscriber.close()
    expect(await subscriber.next()).toBeUndefined()
  })

  it('has an event every five seconds though nothing comes, whose number goes on all the same', async () => {
    const { kinesis, clock, ConsumerARN } = await world()
    await put(kinesis, 'before')
    const subscriber = await subscribe(kinesis, { ConsumerARN, ShardId, StartingPosition: latest })
    let last = (await subscriber.event()).ContinuationSequenceNumber!
    for (let nth = 0; nth < 4; nth++) {
      clock.advance(4_999)
      expect(await subscriber.isQuiet()).toBe(true)
      clock.advance(1)
      const event = await subscriber.event()
      expect(event).toMatchObject({ Records: [], MillisBehindLatest: 0 })
      expect(BigInt(event.ContinuationSequenceNumber!)).toBeGreaterThan(BigInt(last))
      last = event.ContinuationSequenceNumber!
    }
    const [number] = await put(kinesis, 'after')
    expect(BigInt(number!)).toBeGreaterThan(BigInt(last))
    expect(await subscriber.records(1)).toEqual(['after'])
    // Whoever comes back with what an empty event told gets what came since, and only that.
    for (const Type of ['AT_SEQUENCE_NUMBER', 'AFTER_SEQUENCE_NUMBER']) {
      clock.advance(5_000)
      const again = await subscribe(kinesis, { ConsumerARN, ShardId, StartingPosition: { Type, SequenceNumber: last } })
      expect(await again.records(1)).toEqual(['after'])
    }
    const { ShardIterator } = await kinesis.ok<{ ShardIterator: string }>('GetShardIterator', { StreamName: 'orders', ShardId, ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber: last })
    expect(await kinesis.ok('GetRecords', { ShardIterator })).toMatchObject({ Records: [{ SequenceNumber: number }] })
  })

  it('ends cleanly after five minutes, and the next goes on where it ended', async () => {
    const { kinesis, clock, ConsumerARN } = await world()
    const subscriber = await subscribe(kinesis, { ConsumerARN, ShardId, StartingPosition: trimHorizon })
    let number = (await subscriber.event()).ContinuationSequenceNumber!
    for (let at = 5; at < 300; at += 5) {
      clock.advance(5_000)
      number = (await subscriber.event()).ContinuationSequenceNumber!
    }
    clock.advance(4_999)
    expect(await subscriber.isQuiet()).toBe(true)
    clock.advance(1)
    expect(await subscriber.next()).toBeUndefined()
    await put(kinesis, 'in between')
    // Its place is free at once.
    const next = await subscribe(kinesis, { ConsumerARN, ShardId, StartingPosition: { Type: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: number } })
    expect(await next.records(1)).toEqual(['in between'])
  })

  it('starts wherever it is told to', async () => {
    const { kinesis, clock, ConsumerARN } = await world()
    const numbers: string[] = []
    for (const data of ['a', 'b', 'c']) {
      numbers.push(...await put(kinesis, data))
      clock.advance(1_000)
    }
    const from = async (StartingPosition: object): Promise<string[]> => {
      const subscriber = await subscribe(kinesis, { ConsumerARN, ShardId, StartingPosition })
      const { Records } = await subscriber.event()
      subscriber.close()
      return Records.map(({ Data }) => Buffer.from(Data, 'base64').toString())
    }
    expect(await from(trimHorizon)).toEqual(['a', 'b', 'c'])
    expect(await from(latest)).toEqual([])
    expect(await from({ Type: 'AT_SEQUENCE_NUMBER', SequenceNumber: numbers[1] })).toEqual(['b', 'c'])
    expect(await from({ Type: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: numbers[1] })).toEqual(['c'])
    expect(await from({ Type: 'AT_TIMESTAMP', Timestamp: second + 0.5 })).toEqual(['b', 'c'])
    expect(await from({ Type: 'AT_TIMESTAMP', Timestamp: second - 1_000 })).toEqual(['a', 'b', 'c'])
  })

  it('has records of any size in events of bounded size', async () => {
    const { kinesis, ConsumerARN } = await world()
    await kinesis.ok('UpdateMaxRecordSize', { StreamARN, MaxRecordSizeInKiB: 10_240 })
    await put(kinesis, Buffer.alloc(400_000), Buffer.alloc(400_000), Buffer.alloc(6_000_000), 'small', 'smaller')
    const subscriber = await subscribe(kinesis, { ConsumerARN, ShardId, StartingPosition: trimHorizon })
    const sizes: number[][] = []
    while (sizes.flat().length < 5) sizes.push((await subscriber.event()).Records.map(({ Data }) => Buffer.from(Data, 'base64').length))
    expect(sizes).toEqual([[400_000], [400_000], [6_000_000], [5, 7]])
  })

  it('tells how far behind it is', async () => {
    const { kinesis, clock, ConsumerARN } = await world()
    await put(kinesis, Buffer.alloc(400_000))
    clock.advance(1_000)
    await put(kinesis, Buffer.alloc(400_000))
    clock.advance(2_000)
    const subscriber = await subscribe(kinesis, { ConsumerARN, ShardId, StartingPosition: trimHorizon })
    expect((await subscriber.event()).MillisBehindLatest).toBe(3_000)
    expect((await subscriber.event()).MillisBehindLatest).toBe(0)
  })

  it('speaks CBOR to who speaks it, with times in milliseconds and data in bytes', async () => {
    const { kinesis, ConsumerARN } = await world()
    await put(kinesis, 'a')
    const subscriber = await subscribe(kinesis, { ConsumerARN, ShardId, StartingPosition: trimHorizon }, { form: 'cbor' })
    const message = (await subscriber.next())!
    expect(message.headers.get(':content-type')).toBe('application/x-amz-cbor-1.1')
    expect(message.body).toMatchObject({ Records: [{ PartitionKey: 'k' }], MillisBehindLatest: 0 })
    const hex = message.payload.toString('hex')
    expect(hex).toContain(`6444617461` + `4161`)
    expect(hex).toContain(`c11b${(BigInt(second) * 1_000n).toString(16).padStart(16, '0')}`)
  })
})

describe('a place', () => {
  it('is not given to a second subscription within five seconds', async () => {
    const { kinesis, clock, ConsumerARN } = await world()
    const subscriber = await subscribe(kinesis, { ConsumerARN, ShardId, StartingPosition: latest })
    await subscriber.event()
    clock.advance(4_999)
    expect(await kinesis.refused('SubscribeToShard', { ConsumerARN, ShardId, StartingPosition: latest })).toBe(another())
    expect(await subscriber.isQuiet()).toBe(true)
  })

  it('is taken over by one that comes later, which the first is told', async () => {
    const { kinesis, clock, ConsumerARN } = await world()
    const first = await subscribe(kinesis, { ConsumerARN, ShardId, StartingPosition: latest })
    await first.event()
    clock.advance(5_000)
    await first.event()
    const next = await subscribe(kinesis, { ConsumerARN, ShardId, StartingPosition: latest })
    expect(await first.exception()).toBe(another())
    await next.event()
    await put(kinesis, 'a')
    expect(await next.records(1)).toEqual(['a'])
    // The end of the first has not freed the place of the second.
    expect(await kinesis.refused('SubscribeToShard', { ConsumerARN, ShardId, StartingPosition: latest })).toBe(another())
  })

  it('is free as soon as its subscriber is gone, also one that never read anything', async () => {
    const { kinesis, ConsumerARN } = await world()
    const first = await subscribe(kinesis, { ConsumerARN, ShardId, StartingPosition: latest })
    first.close()
    const next = await subscribe(kinesis, { ConsumerARN, ShardId, StartingPosition: latest })
    await next.event()
    next.close()
    await subscribe(kinesis, { ConsumerARN, ShardId, StartingPosition: latest })
  })

  it('is one shard\'s and one consumer\'s: twenty consumers read a shard side by side', async () => {
    const { kinesis, clock, ConsumerARN } = await world({ shards: 2 })
    const arns = [ConsumerARN]
    for (let nth = 1; nth < 20; nth++) arns.push(await register(kinesis, `c${nth}`))
    const subscribers: Subscriber[] = []
    for (const one of arns) for (const shard of ['0', '1']) subscribers.push(await subscribe(kinesis, { ConsumerARN: one, ShardId: shard, StartingPosition: latest }))
    await Promise.all(subscribers.map(one => one.event()))
    await kinesis.ok('PutRecord', { StreamName: 'orders', PartitionKey: 'k', ExplicitHashKey: '0', Data: Buffer.from('left').toString('base64') })
    await kinesis.ok('PutRecord', { StreamName: 'orders', PartitionKey: 'k', ExplicitHashKey: String(2n ** 127n), Data: Buffer.from('right').toString('base64') })
    const got = await Promise.all(subscribers.map(one => one.records(1)))
    expect(got).toEqual(arns.flatMap(() => [['left'], ['right']]))
    for (const one of subscribers) one.close()
    expect(kinesis.handler.services.fanOut.count).toBe(0)
    clock.advance(300_000)
  })

  it('is read for all who keep up at once: one read and one message for each form', async () => {
    const { kinesis, ConsumerARN } = await world()
    const other = await register(kinesis, 'other')
    const third = await register(kinesis, 'third')
    const input = { ShardId, StartingPosition: latest }
    const subscribers = [
      await subscribe(kinesis, { ...input, ConsumerARN }), await subscribe(kinesis, { ...input, ConsumerARN: other }), await subscribe(kinesis, { ...input, ConsumerARN: third }, { form: 'cbor' }),
    ]
    await Promise.all(subscribers.map(one => one.event()))
    let reads = 0
    const { logs } = kinesis.backend
    const read = logs.read.bind(logs)
    logs.read = (...args) => { reads++; return read(...args) }
    await put(kinesis, 'a')
    const [one, two, three] = await Promise.all(subscribers.map(subscriber => subscriber.next()))
    const place = ({ payload }: Message): unknown[] => [payload.buffer, payload.byteOffset]
    expect(reads).toBe(1)
    expect(place(two!)).toEqual(place(one!))
    expect(place(three!)).not.toEqual(place(one!))
  })
})

describe('a page that is out of date', () => {
  it('is read again by who comes back to it while others have seen more', async () => {
    const { kinesis, ConsumerARN } = await world()
    const slow = await subscribe(kinesis, { ConsumerARN, ShardId, StartingPosition: latest })
    expect((await slow.event()).Records).toEqual([])
    await put(kinesis, 'a')
    const quick = await subscribe(kinesis, { ConsumerARN: await register(kinesis, 'quick'), ShardId, StartingPosition: latest })
    expect((await quick.event()).Records).toEqual([])
    expect(await quick.isQuiet()).toBe(true)
    expect(await slow.records(1)).toEqual(['a'])
    await put(kinesis, 'b')
    expect(await Promise.all([slow.records(1), quick.records(1)])).toEqual([['b'], ['b']])
    slow.close()
    quick.close()
  })

  it('is waited for from a high watermark that has gone back, as under a new leader', async () => {
    const { kinesis, ConsumerARN, clock } = await world()
    await put(kinesis, 'a', 'b')
    const { logs } = kinesis.backend
    const ends = logs.ends.bind(logs)
    const quick = await subscribe(kinesis, { ConsumerARN, ShardId, StartingPosition: latest })
    await quick.event()
    expect(await quick.isQuiet()).toBe(true)
    logs.ends = async at => {
      const now = await ends(at)
      return now instanceof Refusal ? now : { ...now, highWatermark: 1, lastStableOffset: 1 }
    }
    clock.advance(1_000)
    const late = await subscribe(kinesis, { ConsumerARN: await register(kinesis, 'late'), ShardId, StartingPosition: trimHorizon })
    expect(await late.records(1)).toEqual(['a', 'b'])
    expect(await late.isQuiet()).toBe(true)
    logs.ends = ends
    await put(kinesis, 'c')
    clock.advance(100)
    expect(await Promise.all([quick.records(1), late.records(1)])).toEqual([['c'], ['c']])
    quick.close()
    late.close()
  })

  it('is read again a moment later where retention was quicker', async () => {
    const { kinesis, clock, ConsumerARN } = await world()
    await put(kinesis, 'a')
    const { logs } = kinesis.backend
    const read = logs.read.bind(logs)
    logs.read = async () => new Refusal('offset-out-of-range', 'gone')
    const subscriber = await subscribe(kinesis, { ConsumerARN, ShardId, StartingPosition: trimHorizon })
    expect((await subscriber.event()).Records).toEqual([])
    expect(await subscriber.isQuiet()).toBe(true)
    logs.read = read
    clock.advance(1_000)
    expect(await subscriber.records(1)).toEqual(['a'])
    subscriber.close()
  })
})

describe('2 MiB a second', () => {
  it('is what a consumer gets of a shard where limits hold', async () => {
    const { kinesis, clock, ConsumerARN } = await world()
    for (let nth = 0; nth < 16; nth++) await put(kinesis, Buffer.alloc(512 * 1_024 - 1))
    kinesis.handler.limits.change({ ...kinesis.handler.limits.settings, profile: 'aws' })
    const subscriber = await subscribe(kinesis, { ConsumerARN, ShardId, StartingPosition: trimHorizon })
    const until = async (): Promise<number> => {
      let count = 0
      while (!await subscriber.isQuiet()) count += (await subscriber.event()).Records.length
      return count
    }
    const perSecond = [await until()]
    while (perSecond.reduce((sum, count) => sum + count) < 16) {
      clock.advance(1_000)
      perSecond.push(await until())
    }
    expect(perSecond).toEqual([4, 4, 4, 4])
  })
})

describe('the end of a shard', () => {
  it('is told with its children, whoever has read it; then the stream ends', async () => {
    const { kinesis, clock, ConsumerARN } = await world()
    await put(kinesis, 'a')
    const following = await subscribe(kinesis, { ConsumerARN, ShardId, StartingPosition: latest })
    await following.event()
    clock.advance(1_000)
    await kinesis.ok('SplitShard', { StreamName: 'orders', ShardToSplit: ShardId, NewStartingHashKey: String(2n ** 127n) })
    const children = [
      { ShardId: 'shardId-000000000001', ParentShards: [ShardId], HashKeyRange: { StartingHashKey: '0', EndingHashKey: String(2n ** 127n - 1n) } },
      { ShardId: 'shardId-000000000002', ParentShards: [ShardId], HashKeyRange: { StartingHashKey: String(2n ** 127n), EndingHashKey: String(2n ** 128n - 1n) } },
    ]
    expect(await following.event()).toEqual({ Records: [], MillisBehindLatest: 0, ChildShards: children })
    expect(await following.next()).toBeUndefined()
    const late = await subscribe(kinesis, { ConsumerARN, ShardId, StartingPosition: trimHorizon })
    const event = await late.event()
    expect(event.Records).toHaveLength(1)
    expect([event.ContinuationSequenceNumber, event.ChildShards]).toEqual([undefined, children])
    expect(await late.next()).toBeUndefined()
    const child = await subscribe(kinesis, { ConsumerARN, ShardId: children[0]!.ShardId, StartingPosition: trimHorizon })
    await child.event()
    child.close()
  })
})

describe('in the middle of it', () => {
  it('a consumer that is deregistered is not found any more', async () => {
    const { kinesis, ConsumerARN } = await world()
    const subscriber = await subscribe(kinesis, { ConsumerARN, ShardId, StartingPosition: latest })
    await subscriber.event()
    await kinesis.ok('DeregisterStreamConsumer', { ConsumerARN })
    expect(await subscriber.exception()).toBe(`ResourceNotFoundException: Consumer ${ConsumerARN}, account 000000000000 not found.`)
  })

  it('one that shows DELETING is not in ACTIVE status', async () => {
    const { kinesis, ConsumerARN } = await world({ transitionMs: 1_000 })
    const subscriber = await subscribe(kinesis, { ConsumerARN, ShardId, StartingPosition: latest })
    await subscriber.event()
    await kinesis.ok('DeregisterStreamConsumer', { ConsumerARN })
    expect(await subscriber.exception()).toBe(`ResourceInUseException: Consumer billing with creation timestamp ${second + 1} under stream: orders , account 000000000000 is not in ACTIVE status.`)
  })

  it.each([0, 1_000])('a stream that is deleted is not found any more, with transitions of %i ms', async transitionMs => {
    const { kinesis, ConsumerARN } = await world({ transitionMs })
    const subscriber = await subscribe(kinesis, { ConsumerARN, ShardId, StartingPosition: latest })
    await subscriber.event()
    await kinesis.ok('DeleteStream', { StreamName: 'orders', EnforceConsumerDeletion: true })
    expect(await subscriber.exception()).toMatch(/^ResourceNotFoundException: (Stream orders under account 000000000000|Consumer \S+, account 000000000000) not found\.$/)
  })

  it('whoever may not read any more reads no more, within five seconds or with the next record', async () => {
    let may = true
    const { kinesis, clock, ConsumerARN } = await world({ access: testAccess(() => may) })
    const denied = `AccessDeniedException: User: arn:aws:iam::000000000000:user/CN=alice is not authorized to perform: kinesis:SubscribeToShard on resource: ${ConsumerARN} ` +
      'because no identity-based policy allows the kinesis:SubscribeToShard action'
    const quiet = await subscribe(kinesis, { ConsumerARN, ShardId, StartingPosition: latest })
    await quiet.event()
    may = false
    clock.advance(5_000)
    expect(await quiet.exception()).toBe(denied)
    may = true
    const busy = await subscribe(kinesis, { ConsumerARN, ShardId, StartingPosition: latest })
    await busy.event()
    const [topic] = await kinesis.backend.admin.topics(['orders'])
    may = false
    kinesis.handler.services.fanOut.look(topic!.id)
    expect(await busy.exception()).toBe(denied)
  })

  it('an access key that is deleted reads no more', async () => {
    const { kinesis, clock, ConsumerARN } = await world()
    const subscriber = await subscribe(kinesis, { ConsumerARN, ShardId, StartingPosition: latest })
    await subscriber.event()
    await kinesis.backend.accessKeys.remove(accessKeyId)
    clock.advance(5_000)
    expect(await subscriber.exception()).toBe('UnrecognizedClientException: The security token included in the request is invalid.')
  })

  it('a temporary key reads until it expires', async () => {
    const { kinesis, clock, ConsumerARN } = await world()
    const token = 'a session token'
    await kinesis.backend.accessKeys.add({ id: 'ASIATEMPORARY', secret: 'its secret', principal, createdAtMs: 0, session: { token, expiresAtMs: clock.now() + 7_000 } })
    const input = { ConsumerARN, ShardId, StartingPosition: latest }
    const subscriber = await subscribe(kinesis, input, { keyId: 'ASIATEMPORARY', secret: 'its secret', headers: { 'X-Amz-Security-Token': token } })
    await subscriber.event()
    clock.advance(5_000)
    await subscriber.event()
    clock.advance(5_000)
    expect(await subscriber.exception()).toBe('ExpiredTokenException: The security token included in the request is expired')
  })
})

describe('before it begins', () => {
  it.each([
    [{ ShardId: '7' }, 'ResourceNotFoundException: Shard shardId-000000000007 in stream orders under account 000000000000 does not exist'],
    [{ ShardId: 'x' }, 'ResourceNotFoundException: Shard x in stream orders under account 000000000000 does not exist'],
    [{ ConsumerARN: `${StreamARN}/consumer/other:1` }, `ResourceNotFoundException: Consumer ${StreamARN}/consumer/other:1, account 000000000000 not found.`],
    [{ StartingPosition: { Type: 'AT_SEQUENCE_NUMBER' } },
      'InvalidArgumentException: Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and SequenceNumber or (2) TRIM_HORIZON or LATEST and no SequenceNumber. ' +
      'Request specified AT_SEQUENCE_NUMBER and no SequenceNumber.'],
    [{ StartingPosition: { Type: 'LATEST', SequenceNumber: '1' } },
      'InvalidArgumentException: Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and SequenceNumber or (2) TRIM_HORIZON or LATEST and no SequenceNumber. ' +
      'Request specified LATEST and also a SequenceNumber.'],
    [{ StartingPosition: { Type: 'AT_TIMESTAMP' } },
      'InvalidArgumentException: Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no timestamp parameter.'],
    [{ StartingPosition: { Type: 'AT_TIMESTAMP', Timestamp: second + 100 } },
      `InvalidArgumentException: The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. timestampInMillis: ${(second + 100) * 1_000}, currentTimestampInMillis: ${second * 1_000}`],
    [{ StartingPosition: { Type: 'AT_SEQUENCE_NUMBER', SequenceNumber: String(2n << 184n | 2n) } },
      `InvalidArgumentException: SequenceNumber ${2n << 184n | 2n} used in SubscribeToShard on shard ${ShardId} in stream orders under account 000000000000 is invalid because it did not come from this stream.`],
    [{ StartingPosition: { Type: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: '5' } },
      `InvalidArgumentException: Invalid SequenceNumber. It encodes shardId-000000000005, while it was used in a call to a shard with ${ShardId}`],
  ])('%j is refused', async (changed, refusal) => {
    const { kinesis, ConsumerARN } = await world()
    const input = { ConsumerARN, ShardId, StartingPosition: latest, ...changed }
    expect(await kinesis.refused('SubscribeToShard', input)).toBe(refusal)
    expect(kinesis.handler.services.fanOut.count).toBe(0)
  })

  it('a consumer that is not ACTIVE yet is refused', async () => {
    const { kinesis, clock } = await world({ transitionMs: 1_000 })
    const ConsumerARN = await register(kinesis, 'new')
    expect(await kinesis.refused('SubscribeToShard', { ConsumerARN, ShardId, StartingPosition: latest }))
      .toBe(`ResourceInUseException: Consumer new with creation timestamp ${second + 2} under stream: orders , account 000000000000 is not in ACTIVE status.`)
    clock.advance(1_000)
    await subscribe(kinesis, { ConsumerARN, ShardId, StartingPosition: latest })
  })

  it('access is judged, of the consumer and its stream', async () => {
    const access = testAccess(() => false)
    const kinesis = await testKinesis({ access })
    const ConsumerARN = `${StreamARN}/consumer/billing:1`
    expect(await kinesis.refused('SubscribeToShard', { ConsumerARN, ShardId, StartingPosition: latest })).toMatch(/^AccessDeniedException: .* on resource: \S+consumer\/billing:1 /)
  })

  it('DryRun tells what would be, and takes no place', async () => {
    const { kinesis, ConsumerARN } = await world()
    const input = { ConsumerARN, ShardId, StartingPosition: latest, DryRun: true }
    expect(await kinesis.refused('SubscribeToShard', input)).toMatch(/^DryRunOperationException: /)
    expect(await kinesis.refused('SubscribeToShard', { ...input, ShardId: '7' })).toMatch(/^ResourceNotFoundException: /)
    await subscribe(kinesis, { ...input, DryRun: false })
    expect(await kinesis.refused('SubscribeToShard', input)).toBe(another())
  })
})

it('numbers that go on are of this shard, and lie between its records', async () => {
  const { kinesis, clock, ConsumerARN } = await world()
  const subscriber = await subscribe(kinesis, { ConsumerARN, ShardId, StartingPosition: latest })
  clock.advance(3_000)
  const { ContinuationSequenceNumber } = await subscriber.event()
  expect(parseSequenceNumber(ContinuationSequenceNumber!)).toMatchObject({ version: 2, shardIndex: 0, offset: -1, arrivalSecond: second + 4 })
})
