// How long a stream keeps its records: the two operations that say so, and what readers see.
import { describe, expect, it } from 'vitest'
import { TestClock, testKinesis, type TestKinesis } from '../support/kinesis.ts'

const hourMs = 3_600_000
const invalid = (message: string): string => `InvalidArgumentException: ${message}`

async function orders(): Promise<TestKinesis & { readonly clock: TestClock }> {
  const clock = new TestClock()
  const kinesis = await testKinesis({ clock })
  await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 1 })
  return { ...kinesis, clock }
}

function change(kinesis: TestKinesis, direction: 'Increase' | 'Decrease', hours: number, StreamName = 'orders'): Promise<unknown> {
  return kinesis.ok(`${direction}StreamRetentionPeriod`, { StreamName, RetentionPeriodHours: hours })
}

async function hoursOf({ ok }: TestKinesis, StreamName = 'orders'): Promise<number> {
  return (await ok<{ StreamDescription: { RetentionPeriodHours: number } }>('DescribeStream', { StreamName })).StreamDescription.RetentionPeriodHours
}

async function put(kinesis: TestKinesis, value: string): Promise<void> {
  await kinesis.ok('PutRecord', { StreamName: 'orders', PartitionKey: 'a', Data: Buffer.from(value).toString('base64') })
}

async function readable({ ok }: TestKinesis): Promise<string[]> {
  const { ShardIterator } = await ok<{ ShardIterator: string }>('GetShardIterator', { StreamName: 'orders', ShardId: '0', ShardIteratorType: 'TRIM_HORIZON' })
  return (await ok<{ Records: { Data: string }[] }>('GetRecords', { ShardIterator })).Records.map(({ Data }) => Buffer.from(Data, 'base64').toString())
}

describe('retention', () => {
  it('goes up to a year and down to a day, and may be set to what it is', async () => {
    const kinesis = await orders()
    for (const [direction, hours] of [['Increase', 24], ['Decrease', 24], ['Increase', 168], ['Increase', 8_760], ['Increase', 8_760], ['Decrease', 8_760], ['Decrease', 25]] as const) {
      await change(kinesis, direction, hours)
      expect(await hoursOf(kinesis)).toBe(hours)
    }
    const [topic] = await kinesis.backend.admin.topics()
    expect(topic!.configs.get('retention.ms')).toBe(String(25 * hourMs))
  })

  it.each([
    ['IncreaseStreamRetentionPeriod', 23, 'Minimum allowed retention period is 24 hours. Requested retention period (23 hours) is too short.'],
    ['DecreaseStreamRetentionPeriod', -1, 'Minimum allowed retention period is 24 hours. Requested retention period (-1 hours) is too short.'],
    ['IncreaseStreamRetentionPeriod', 8_761, 'Maximum allowed retention period is 8760 hours. Requested retention period (8761 hours) is too long.'],
    ['DecreaseStreamRetentionPeriod', 9_999, 'Maximum allowed retention period is 8760 hours. Requested retention period (9999 hours) is too long.'],
    ['IncreaseStreamRetentionPeriod', 47, 'Requested retention period (47 hours) for stream orders can not be shorter than existing retention period (48 hours). Use DecreaseRetentionPeriod API.'],
    ['DecreaseStreamRetentionPeriod', 49, 'Requested retention period (49 hours) for stream orders can not be longer than existing retention period (48 hours). Use IncreaseRetentionPeriod API.'],
  ])('is refused by %s to %i hours', async (operation, RetentionPeriodHours, message) => {
    const kinesis = await orders()
    await change(kinesis, 'Increase', 48)
    expect(await kinesis.refused(operation, { StreamName: 'orders', RetentionPeriodHours })).toBe(invalid(message))
    // The stream is looked for before its retention is judged.
    expect(await kinesis.refused(operation, { StreamName: 'absent', RetentionPeriodHours })).toBe('ResourceNotFoundException: Stream absent under account 000000000000 not found.')
  })

  it('is in effect at once, and longer again does not bring back what was gone', async () => {
    const kinesis = await orders()
    await change(kinesis, 'Increase', 72)
    await put(kinesis, 'old')
    kinesis.clock.advance(30 * hourMs)
    await put(kinesis, 'young')
    expect(await readable(kinesis)).toEqual(['old', 'young'])
    await change(kinesis, 'Decrease', 24)
    expect(await readable(kinesis)).toEqual(['young'])
    await change(kinesis, 'Increase', 8_760)
    expect(await readable(kinesis)).toEqual(['young'])
    kinesis.clock.advance(300 * 24 * hourMs)
    expect(await readable(kinesis)).toEqual(['young'])
    // A record that nobody took away while retention was shorter is there as long as retention says now.
    await change(kinesis, 'Decrease', 48)
    expect(await readable(kinesis)).toEqual([])
  })

  it('that grows does not bring back what had just left', async () => {
    const kinesis = await orders()
    await put(kinesis, 'old')
    kinesis.clock.advance(24 * hourMs)
    await put(kinesis, 'young')
    expect(await readable(kinesis)).toEqual(['old', 'young'])
    kinesis.clock.advance(1)
    await change(kinesis, 'Increase', 48)
    expect(await readable(kinesis)).toEqual(['young'])
  })

  it('of a topic made by Kafka is changed from what it is', async () => {
    const kinesis = await orders()
    const { admin } = kinesis.backend
    const make = (name: string, ms: number): Promise<unknown> =>
      admin.createTopic({ name, partitions: 1, replicationFactor: -1, configs: new Map([['retention.ms', String(ms)]]) }, { validateOnly: false })
    const msOf = async (name: string): Promise<string> => admin.config((await admin.topics([name]))[0]!, 'retention.ms')
    await make('for.ever', -1)
    await change(kinesis, 'Increase', 8_760, 'for.ever')
    expect(await msOf('for.ever')).toBe('-1')
    expect(await kinesis.refused('IncreaseStreamRetentionPeriod', { StreamName: 'for.ever', RetentionPeriodHours: 48 })).toContain('existing retention period (8760 hours)')
    await change(kinesis, 'Decrease', 48, 'for.ever')
    expect(await hoursOf(kinesis, 'for.ever')).toBe(48)
    await make('minutes', 90 * 60_000)
    expect(await hoursOf(kinesis, 'minutes')).toBe(1)
    await change(kinesis, 'Increase', 24, 'minutes')
    expect(await hoursOf(kinesis, 'minutes')).toBe(24)
  })
})
