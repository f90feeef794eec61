// However puts, pauses, cuts and reshards come together: a consumer that goes on with the number that its last event told, and with the children that a last event names, reads each
// record once, and those of a key in their order.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { arn, testKinesis, TestClock, type TestKinesis } from '../support/kinesis.ts'
import { type Subscriber, subscribe } from '../support/subscriber.ts'

type Step =
  | { readonly kind: 'put'; readonly count: number; readonly bytes: number }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'cut' }
  | { readonly kind: 'read' }
  | { readonly kind: 'scale'; readonly count: number }

const steps = fc.array(fc.oneof(
  fc.record({ kind: fc.constant('put' as const), count: fc.integer({ min: 1, max: 30 }), bytes: fc.constantFrom(5, 5, 100, 100_000) }),
  fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(1, 999, 5_000, 60_000, 300_000) }),
  fc.record({ kind: fc.constant('cut' as const) }),
  fc.record({ kind: fc.constant('read' as const) }),
  fc.record({ kind: fc.constant('scale' as const), count: fc.integer({ min: 1, max: 4 }) }),
), { minLength: 5, maxLength: 25 })

/** Follows every shard of 'orders' from its beginning, parents before children, whatever ends its subscriptions. */
class Follower {
  readonly records: { readonly key: string; readonly text: string }[] = []
  readonly #kinesis: TestKinesis
  readonly #ConsumerARN: string
  readonly #how: 'AT_SEQUENCE_NUMBER' | 'AFTER_SEQUENCE_NUMBER'
  readonly #open = new Map<string, { from: object; subscriber?: Subscriber | undefined }>()
  readonly #done = new Set<string>()

  constructor(kinesis: TestKinesis, ConsumerARN: string, how: 'AT_SEQUENCE_NUMBER' | 'AFTER_SEQUENCE_NUMBER') {
    this.#kinesis = kinesis
    this.#ConsumerARN = ConsumerARN
    this.#how = how
  }

  begin(ShardId: string): void {
    this.#open.set(ShardId, { from: { Type: 'TRIM_HORIZON' } })
  }

  cut(): void {
    for (const one of this.#open.values()) {
      one.subscriber?.close()
      one.subscriber = undefined
    }
  }

  /** Everything that is there now. */
  async read(): Promise<void> {
    for (const [ShardId, one] of this.#open) {
      one.subscriber ??= await subscribe(this.#kinesis, { ConsumerARN: this.#ConsumerARN, ShardId, StartingPosition: one.from })
      while (one.subscriber !== undefined && !await one.subscriber.isQuiet()) {
        const message = await one.subscriber.next()
        if (message === undefined) {
          one.subscriber = undefined
          if (!this.#done.has(ShardId)) one.subscriber = await subscribe(this.#kinesis, { ConsumerARN: this.#ConsumerARN, ShardId, StartingPosition: one.from })
          else this.#open.delete(ShardId)
          continue
        }
        expect(message.type).toBe('SubscribeToShardEvent')
        const { Records, ContinuationSequenceNumber, ChildShards } = message.body
        this.records.push(...Records.map(({ PartitionKey, Data }) => ({ key: PartitionKey, text: Buffer.from(Data, 'base64').toString().trim() })))
        one.from = { Type: this.#how, SequenceNumber: ContinuationSequenceNumber }
        if (ChildShards !== undefined) this.#finish(ShardId, ChildShards)
      }
    }
  }

  #finish(ShardId: string, children: readonly { readonly ShardId: string; readonly ParentShards: readonly string[] }[]): void {
    this.#done.add(ShardId)
    for (const child of children) if (child.ParentShards.every(parent => this.#done.has(parent))) this.begin(child.ShardId)
  }
}

it.each(['AFTER_SEQUENCE_NUMBER', 'AT_SEQUENCE_NUMBER'] as const)('nothing is missed, repeated or out of order, going on %s', async how => {
  await fc.assert(fc.asyncProperty(steps, async (all: readonly Step[]) => {
    const clock = new TestClock()
    const kinesis = await testKinesis({ clock })
    await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 2 })
    const { Consumer } = await kinesis.ok<{ Consumer: { ConsumerARN: string } }>('RegisterStreamConsumer', { StreamARN: arn('orders'), ConsumerName: 'billing' })
    const follower = new Follower(kinesis, Consumer.ConsumerARN, how)
    follower.begin('shardId-000000000000')
    follower.begin('shardId-000000000001')
    const put = new Map<string, string[]>()
    let next = 0
    for (const step of all) {
      if (step.kind === 'put') {
        const records = Array.from({ length: step.count }, () => ({ key: `key-${next % 5}`, text: String(next++) }))
        for (const { key, text } of records) put.set(key, [...put.get(key) ?? [], text])
        const Records = records.map(({ key, text }) => ({ PartitionKey: key, Data: Buffer.from(text.padEnd(step.bytes)).toString('base64') }))
        expect(await kinesis.ok('PutRecords', { StreamName: 'orders', Records })).toMatchObject({ FailedRecordCount: 0 })
      } else if (step.kind === 'pass') clock.advance(step.ms)
      else if (step.kind === 'cut') follower.cut()
      else if (step.kind === 'read') await follower.read()
      else {
        const { StreamDescriptionSummary: { OpenShardCount: open } } = await kinesis.ok<{ StreamDescriptionSummary: { OpenShardCount: number } }>('DescribeStreamSummary', { StreamName: 'orders' })
        const TargetShardCount = Math.min(Math.max(step.count, Math.ceil(open / 2)), open * 2)
        if (TargetShardCount !== open) await kinesis.ok('UpdateShardCount', { StreamName: 'orders', TargetShardCount, ScalingType: 'UNIFORM_SCALING' })
      }
    }
    await follower.read()
    const read = Map.groupBy(follower.records, ({ key }) => key)
    expect(new Map([...read].map(([key, records]) => [key, records.map(({ text }) => text)]).toSorted() as [string, string[]][])).toEqual(new Map([...put].toSorted()))
    follower.cut()
    expect(kinesis.handler.services.fanOut.count).toBe(0)
  }), { seed: 20261123, numRuns: 40 })
})
