// What every Backend must do, whatever stands behind it. Runs on each of them; a part that one does not have is skipped with its reason.
import { describe, expect, it } from 'vitest'
import { type AccessKey, type AclBinding, type Backend, type Document, keyIdConfig, type NamedKeyDocument, type NewTopic, Refusal, type ReshardPlan, type Topic } from '../../src/ports.ts'
import { buildBatch, type RecordDraft } from '../../src/wire/batch.ts'
import { evenHashKeys, halves, mergePlan, splitPlan } from '../support/shards.ts'

export interface BackendUnderTest extends AsyncDisposable {
  readonly backend: Backend
  readonly now: () => number
}

export interface ContractOptions {
  /** Parts that this backend does not have, and why. */
  readonly skip?: Partial<Record<'group protocol' | 'record checks' | 'leader epochs' | 'internal topics', string>>
}

const at = { topic: 'orders', partition: 0 }
const all = { acks: 'all', timeoutMs: 10_000 } as const
const whole = { bytesMax: 1024 * 1024, atLeastOne: true, committedOnly: false } as const
const code = (expected: Refusal['code']) => expect.objectContaining({ code: expected })

export function backendContract(name: string, open: () => Promise<BackendUnderTest>, { skip = {} }: ContractOptions = {}): void {
  describe(`the backend '${name}'`, () => {
    const test = (sentence: string, run: (backend: Backend, now: () => number) => Promise<void>, needs?: keyof NonNullable<ContractOptions['skip']>): void => {
      const reason = needs === undefined ? undefined : skip[needs]
      it.skipIf(reason !== undefined)(reason === undefined ? sentence : `${sentence} (skipped: ${reason})`, async () => {
        await using opened = await open()
        await run(opened.backend, opened.now)
      })
    }
    describe('logs', () => {
      test('give back what was appended, in order, from any offset', async (backend, now) => {
        await makeTopic(backend)
        expect(await backend.logs.append(at, batch(['a', 'b'], now()), all)).toEqual({ baseOffset: 0, logAppendTimeMs: -1, logStartOffset: 0 })
        expect(await backend.logs.append(at, batch(['c'], now()), all)).toMatchObject({ baseOffset: 2 })
        expect(await values(backend, 0)).toEqual(['a', 'b', 'c'])
        // A batch is given whole, from its start, even where the offset lies inside it.
        expect(await values(backend, 1)).toEqual(['a', 'b', 'c'])
        expect(await values(backend, 2)).toEqual(['c'])
        expect(await values(backend, 3)).toEqual([])
        expect(await backend.logs.ends(at)).toEqual({ logStartOffset: 0, lastStableOffset: 3, highWatermark: 3, logEndOffset: 3, leaderEpoch: 0 })
        expect(await backend.logs.ends({ topic: 'orders', partition: 1 })).toMatchObject({ highWatermark: 0 })
      })

      test('keep whole batches within the bytes asked for, but give the first one however large', async (backend, now) => {
        await makeTopic(backend)
        for (const value of ['x'.repeat(5000), 'y'.repeat(5000), 'z'.repeat(5000)]) await backend.logs.append(at, batch([value], now()), all)
        const count = async (bytesMax: number, atLeastOne: boolean) => {
          const slice = await backend.logs.read(at, 0, { bytesMax, atLeastOne, committedOnly: false })
          return slice instanceof Refusal ? slice : slice.batches.length
        }
        expect([await count(100, true), await count(100, false), await count(11_000, true), await count(20_000, false)]).toEqual([1, 0, 2, 3])
      })

      test('refuse what is not there', async (backend, now) => {
        await makeTopic(backend)
        expect(await backend.logs.append({ topic: 'none', partition: 0 }, batch(['a'], now()), all)).toEqual(code('unknown-topic'))
        expect(await backend.logs.append({ topic: 'orders', partition: 2 }, batch(['a'], now()), all)).toEqual(code('unknown-partition'))
        expect(await backend.logs.read({ topic: 'orders', partition: -1 }, 0, whole)).toEqual(code('unknown-partition'))
        expect(await backend.logs.read(at, 1, whole)).toEqual(code('offset-out-of-range'))
        expect(await backend.logs.read(at, -1, whole)).toEqual(code('offset-out-of-range'))
        expect(await backend.logs.ends({ topic: 'none', partition: 0 })).toEqual(code('unknown-topic'))
      })

      test('refuse batches that are too large or damaged', async (backend, now) => {
        await makeTopic(backend, { configs: new Map([['max.message.bytes', '1000']]) })
        expect(await backend.logs.append(at, batch(['x'.repeat(2000)], now()), all)).toEqual(code('message-too-large'))
        const damaged = batch(['a'], now())
        damaged.bytes[damaged.bytes.length - 1]! ^= 1
        expect(await backend.logs.append(at, damaged, all)).toEqual(code('corrupt-message'))
        expect(await backend.logs.ends(at)).toMatchObject({ highWatermark: 0 })
      })

      test('refuse records whose time is too far ahead', async (backend, now) => {
        await makeTopic(backend, { configs: new Map([['message.timestamp.after.max.ms', '1000']]) })
        expect(await backend.logs.append(at, batch(['a'], now() + 60_000), all)).toEqual(code('invalid-timestamp'))
      }, 'record checks')

      test('store an idempotent producer\'s batch once, however often it is sent', async (backend, now) => {
        await makeTopic(backend)
        const id = await backend.logs.allocateProducerId() as number
        const sent = (baseSequence: number, epoch = 0) => backend.logs.append(at, buildBatch([record('a')], { timestampMs: now(), producer: { id, epoch, baseSequence } }), all)
        expect(await sent(0)).toMatchObject({ baseOffset: 0 })
        expect(await sent(1)).toMatchObject({ baseOffset: 1 })
        expect(await sent(0)).toMatchObject({ baseOffset: 0 })
        expect(await sent(5)).toEqual(code('out-of-order-sequence-number'))
        expect(await sent(0, 1)).toMatchObject({ baseOffset: 2 })
        expect(await sent(2, 0)).toEqual(code('invalid-producer-epoch'))
        expect(await backend.logs.ends(at)).toMatchObject({ highWatermark: 3 })
      }, 'record checks')

      test('know leader epochs', async (backend, now) => {
        await makeTopic(backend)
        for (const [leaderEpoch, expected] of [[-1, 'fenced-leader-epoch'], [1, 'unknown-leader-epoch']] as const) {
          expect(await backend.logs.append(at, batch(['a'], now()), { ...all, leaderEpoch })).toEqual(code(expected))
          expect(await backend.logs.read(at, 0, { ...whole, leaderEpoch })).toEqual(code(expected))
        }
        expect(await backend.logs.append(at, batch(['a'], now()), { ...all, leaderEpoch: 0 })).toMatchObject({ baseOffset: 0 })
      }, 'leader epochs')

      test('give records the time of their arrival where the topic says so', async (backend, now) => {
        await makeTopic(backend, { configs: new Map([['message.timestamp.type', 'LogAppendTime']]) })
        const before = now()
        const appended = await backend.logs.append(at, batch(['a'], 5), all)
        expect(appended).toMatchObject({ baseOffset: 0 })
        const timeMs = (appended as { logAppendTimeMs: number }).logAppendTimeMs
        expect(timeMs).toBeGreaterThanOrEqual(before)
        const slice = await backend.logs.read(at, 0, whole)
        expect(slice instanceof Refusal ? slice : slice.batches[0]!.records()[0]!.timestampMs).toBe(timeMs)
      })

      test('find offsets by time, record by record', async (backend, now) => {
        await makeTopic(backend)
        const base = now() - 100_000
        const timed = (...times: number[]) => buildBatch(times.map(ms => ({ ...record('a'), timestampMs: base + ms })), { timestampMs: base })
        await backend.logs.append(at, timed(10, 40, 20), all)
        await backend.logs.append(at, timed(30), all)
        expect(await backend.logs.offsetForTime(at, base)).toEqual({ offset: 0, timestampMs: base + 10, leaderEpoch: 0 })
        expect(await backend.logs.offsetForTime(at, base + 15)).toEqual({ offset: 1, timestampMs: base + 40, leaderEpoch: 0 })
        expect(await backend.logs.offsetForTime(at, base + 41)).toBeNull()
        expect(await backend.logs.offsetOfMaxTimestamp(at)).toEqual({ offset: 1, timestampMs: base + 40, leaderEpoch: 0 })
        expect(await backend.logs.offsetOfMaxTimestamp({ topic: 'orders', partition: 1 })).toBeNull()
        expect(await backend.logs.offsetForTime({ topic: 'none', partition: 0 }, 0)).toEqual(code('unknown-topic'))
      })

      test('wake who waits for a partition to move, to go, or who gives up', async (backend, now) => {
        await makeTopic(backend)
        const never = new AbortController().signal
        const seen = [{ ...at, highWatermark: 0 }, { topic: 'orders', partition: 1, highWatermark: 0 }]
        let woken = 0
        const waiting = backend.logs.changed(seen, never).then(() => { woken++ })
        await backend.logs.ends(at)
        expect(woken).toBe(0)
        await backend.logs.append(at, batch(['a'], now()), all)
        await waiting
        // What has moved already does not wait.
        await backend.logs.changed(seen, never)
        await backend.logs.changed([{ topic: 'none', partition: 0, highWatermark: 0 }], never)
        const abort = new AbortController()
        const givenUp = backend.logs.changed([{ ...at, highWatermark: 1 }], abort.signal)
        abort.abort()
        await givenUp
        await backend.logs.changed([{ ...at, highWatermark: 1 }], AbortSignal.abort())
        const onDeletion = backend.logs.changed([{ ...at, highWatermark: 1 }], never)
        await backend.admin.deleteTopic('orders')
        await onDeletion
      })

      test('never give a producer id twice', async backend => {
        const ids = await Promise.all(Array.from({ length: 2500 }, () => backend.logs.allocateProducerId()))
        expect(new Set(ids).size).toBe(2500)
        expect(ids.every(id => typeof id === 'number' && id >= 0)).toBe(true)
      })

      test('delete records from the front', async (backend, now) => {
        await makeTopic(backend)
        for (const value of ['a', 'b', 'c']) await backend.logs.append(at, batch([value], now()), all)
        expect(await backend.admin.deleteRecords(at, 2)).toEqual({ lowWatermark: 2 })
        expect(await backend.logs.read(at, 1, whole)).toEqual(code('offset-out-of-range'))
        expect(await values(backend, 2)).toEqual(['c'])
        expect(await backend.admin.deleteRecords(at, 1)).toEqual({ lowWatermark: 2 })
        expect(await backend.admin.deleteRecords(at, 4)).toEqual(code('offset-out-of-range'))
        expect(await backend.admin.deleteRecords(at, -2)).toEqual(code('offset-out-of-range'))
        expect(await backend.admin.deleteRecords(at, -1)).toEqual({ lowWatermark: 3 })
        expect(await backend.logs.ends(at)).toMatchObject({ logStartOffset: 3, highWatermark: 3 })
      })
    })

    describe('topics', () => {
      test('are made, listed by name, found by id, and deleted', async (backend, now) => {
        const zoo = await makeTopic(backend, { name: 'zoo' })
        const ant = await makeTopic(backend, { name: 'ant', partitions: 3 })
        expect(ant.partitions.map(partition => partition.index)).toEqual([0, 1, 2])
        expect((await backend.admin.topics()).map(topic => topic.name)).toEqual(['ant', 'zoo'])
        expect((await backend.admin.topics(['zoo', 'none'])).map(topic => topic.name)).toEqual(['zoo'])
        expect(await backend.admin.topicById(zoo.id)).toEqual(zoo)
        expect(await backend.admin.topicById('00000000-0000-0000-0000-000000000000')).toBeUndefined()
        expect(await backend.admin.deleteTopic('zoo')).toBeNull()
        expect(await backend.admin.deleteTopic('zoo')).toEqual(code('unknown-topic'))
        expect(await backend.admin.topicById(zoo.id)).toBeUndefined()
        expect(await backend.logs.append({ topic: 'zoo', partition: 0 }, batch(['a'], now()), all)).toEqual(code('unknown-topic'))
      })

      test('made again under their old name are new and empty', async (backend, now) => {
        const first = await makeTopic(backend)
        await backend.logs.append(at, batch(['old'], now()), all)
        await backend.groups.commit({ groupId: 'g', memberId: '', instanceId: null, generationId: -1, offsets: [{ ...at, offset: 1, leaderEpoch: -1, metadata: '' }] })
        await backend.admin.deleteTopic('orders')
        const second = await makeTopic(backend)
        expect(second.id).not.toBe(first.id)
        // Sequence numbers hold the second in which a partition was made: however quickly one follows another, they are not taken for each other's.
        const secondOf = ({ partitions }: Topic): number => Math.floor(partitions[0]!.createdAtMs / 1_000)
        expect(secondOf(second)).toBeGreaterThan(secondOf(first))
        expect(await values(backend, 0)).toEqual([])
        await backend.logs.append(at, batch(['new'], now()), all)
        expect(await values(backend, 0)).toEqual(['new'])
      })

      test('are not made twice, nor with bad names, counts or configs', async backend => {
        await makeTopic(backend)
        const tried = (more: Partial<NewTopic>) => backend.admin.createTopic({ ...ordersTopic, name: 'other', ...more }, { validateOnly: false })
        expect(await tried({ name: 'orders' })).toEqual(code('topic-exists'))
        expect(await tried({ name: 'no/slash' })).toEqual(code('invalid-topic'))
        expect(await tried({ partitions: 0 })).toEqual(code('invalid-partitions'))
        expect(await tried({ replicationFactor: 99 })).toEqual(code('invalid-replication-factor'))
        expect(await tried({ configs: new Map([['nonsense', '1']]) })).toEqual(code('invalid-config'))
        expect((await backend.admin.topics()).map(topic => topic.name)).toEqual(['orders'])
      })

      test('that are only checked are not made', async backend => {
        expect(await backend.admin.createTopic(ordersTopic, { validateOnly: true })).toMatchObject({ name: 'orders' })
        expect(await backend.admin.topics()).toEqual([])
      })

      test('grow', async (backend, now) => {
        const before = await makeTopic(backend)
        expect(await backend.admin.createPartitions('orders', 4, { validateOnly: true })).toMatchObject({ partitions: { length: 4 } })
        expect((await backend.admin.topics(['orders']))[0]!.partitions.length).toBe(2)
        expect(await backend.admin.createPartitions('orders', 4, { validateOnly: false })).toMatchObject({ id: before.id, partitions: { length: 4 } })
        expect(await backend.logs.append({ topic: 'orders', partition: 3 }, batch(['a'], now()), all)).toMatchObject({ baseOffset: 0 })
        expect(await backend.admin.createPartitions('orders', 4, { validateOnly: false })).toEqual(code('invalid-partitions'))
        expect(await backend.admin.createPartitions('none', 4, { validateOnly: false })).toEqual(code('unknown-topic'))
      })

      test('have configs that can be read and altered, and take effect', async (backend, now) => {
        const topic = await makeTopic(backend, { configs: new Map([['retention.ms', '5000']]) })
        expect(backend.admin.config(topic, 'retention.ms')).toBe('5000')
        expect(backend.admin.config(topic, 'max.message.bytes')).toBe('1048588')
        const resource = { type: 'topic', name: 'orders' } as const
        const entry = async (name: string) => {
          const entries = await backend.admin.describeConfigs(resource)
          return entries instanceof Refusal ? entries : entries.find(one => one.name === name)
        }
        expect(await entry('retention.ms')).toMatchObject({ value: '5000', source: 'topic' })
        expect(await entry('max.message.bytes')).toMatchObject({ value: '1048588', source: 'default' })
        const set = { name: 'max.message.bytes', operation: 'set', value: '100' } as const
        expect(await backend.admin.alterConfigs(resource, [set], { validateOnly: true })).toBeNull()
        expect(await backend.logs.append(at, batch(['x'.repeat(200)], now()), all)).toMatchObject({ baseOffset: 0 })
        expect(await backend.admin.alterConfigs(resource, [set, { name: 'retention.ms', operation: 'delete', value: null }], { validateOnly: false })).toBeNull()
        expect(await backend.logs.append(at, batch(['x'.repeat(200)], now()), all)).toEqual(code('message-too-large'))
        expect(await entry('retention.ms')).toMatchObject({ source: 'default' })
        expect(await backend.admin.alterConfigs(resource, [{ name: 'nonsense', operation: 'set', value: '1' }], { validateOnly: false })).toEqual(code('invalid-config'))
        expect(await backend.admin.describeConfigs({ type: 'topic', name: 'none' })).toEqual(code('unknown-topic'))
      })

      test('of coordinators are written by nobody else', async (backend, now) => {
        await makeTopic(backend)
        await commitOne(backend, 5)
        const internal = (await backend.admin.topics()).find(topic => topic.name === '__consumer_offsets')!
        expect(internal).toMatchObject({ internal: true, partitions: { length: 50 } })
        const partition = { topic: '__consumer_offsets', partition: 0 }
        expect(await backend.logs.append(partition, batch(['a'], now()), all)).toEqual(code('invalid-topic'))
        expect(await backend.admin.deleteTopic('__consumer_offsets')).toEqual(code('invalid-topic'))
        expect(await backend.admin.deleteRecords(partition, 0)).toEqual(code('policy-violation'))
        expect(await backend.admin.createTopic({ ...ordersTopic, name: '__cluster_metadata' }, { validateOnly: false })).toEqual(code('invalid-request'))
      }, 'internal topics')

      test('have leaders among the brokers of the cluster', async backend => {
        const topic = await makeTopic(backend)
        const { id, controllerId, brokers } = await backend.admin.cluster()
        expect(id).toMatch(/^[\w-]{22}$/)
        const ids = brokers.map(broker => broker.id)
        expect(ids).toContain(controllerId)
        for (const partition of topic.partitions) expect(ids).toContain(partition.leader)
      })
    })

    describe('shards', () => {
      const hashKeys = evenHashKeys(2)
      const [left, right] = halves(hashKeys[0]!)

      test('are split: the parent is closed and readable, the children take what comes', async (backend, now) => {
        const before = await makeTopic(backend)
        await backend.logs.append(at, batch(['a', 'b'], now()), all)
        const after = await reshard(backend, splitPlan(before, 0))
        expect(after).not.toBe(before)
        expect((await backend.admin.topics(['orders']))[0]).toEqual(after)
        expect(after.partitions.map(({ shard }) => shard)).toEqual([
          { hashKeys: hashKeys[0], parents: [] }, { hashKeys: hashKeys[1], parents: [] }, { hashKeys: left, parents: [0] }, { hashKeys: right, parents: [0] },
        ])
        expect(after.partitions.map(({ seal }) => seal?.endOffset)).toEqual([2, undefined, undefined, undefined])
        expect(await backend.logs.append(at, batch(['c'], now()), all)).toMatchObject({
          code: 'sealed-partition', message: 'Partition orders-0 is a closed shard and takes no more records; partitions 2 and 3 took its place.',
        })
        expect(await values(backend, 0)).toEqual(['a', 'b'])
        expect(await backend.logs.ends(at)).toMatchObject({ highWatermark: 2, logEndOffset: 2 })
        for (const partition of [1, 2, 3]) expect(await backend.logs.append({ topic: 'orders', partition }, batch(['c'], now()), all)).toMatchObject({ baseOffset: 0 })
        expect(await backend.admin.deleteRecords(at, 1)).toEqual({ lowWatermark: 1 })
      })

      test('are merged, also in the same plan in which they come to be', async backend => {
        const topic = await makeTopic(backend)
        const merged = await reshard(backend, mergePlan(topic, 1, 0))
        expect(merged.partitions[2]).toMatchObject({ shard: { hashKeys: { start: '0', end: String(2n ** 128n - 1n) }, parents: [1, 0] } })
        const [low, high] = halves(merged.partitions[2]!.shard!.hashKeys)
        const [first, second] = halves(low)
        const plan: ReshardPlan = {
          partitions: 3, hashKeys: merged.partitions.map(({ shard }) => shard!.hashKeys), closes: [2],
          opens: [{ hashKeys: low, parents: [2], isClosed: true }, { hashKeys: high, parents: [2], isClosed: false }, ...[first, second].map(half => ({ hashKeys: half, parents: [3], isClosed: false }))],
        }
        const split = await reshard(backend, plan)
        expect(split.partitions.map(({ seal }) => seal?.endOffset)).toEqual([0, 0, 0, 0, undefined, undefined, undefined])
        expect(split.partitions.slice(3).map(({ shard }) => shard!.parents)).toEqual([[2], [2], [3], [3]])
      })

      test('come to be in a later second than their parents, whatever the clock says', async backend => {
        let topic = await makeTopic(backend)
        for (let round = 0; round < 3; round++) {
          const parent = topic.partitions.length - 1
          topic = await reshard(backend, splitPlan(topic, parent))
          const second = (index: number): number => Math.floor(topic.partitions[index]!.createdAtMs / 1000)
          for (const child of [parent + 1, parent + 2]) expect(second(child)).toBeGreaterThan(second(parent))
        }
      })

      test('stay as they are where a plan does not fit', async backend => {
        const topic = await makeTopic(backend)
        const split = splitPlan(topic, 0)
        const tried = (more: Partial<ReshardPlan>) => backend.admin.reshard('orders', { ...split, ...more })
        const [a, b] = split.opens as [ReshardPlan['opens'][number], ReshardPlan['opens'][number]]
        expect(await backend.admin.reshard('none', split)).toEqual(code('unknown-topic'))
        const unfit: [Partial<ReshardPlan>, RegExp][] = [
          [{ partitions: 3 }, /has 2 partitions, not 3/],
          [{ hashKeys: hashKeys.slice(1) }, /hash keys of 1 partitions; topic 'orders' has 2/],
          [{ closes: [2] }, /partition 2 .* does not exist/],
          [{ closes: [0, 0] }, /partition 0 .* named twice/],
          [{ closes: [] }, /closes no partition/],
          [{ hashKeys: [hashKeys[0]!, hashKeys[0]!] }, /begin at 0/],
          [{ hashKeys: [hashKeys[0]!, { start: '5', end: '4' }] }, /partition 1 cannot be 5 to 4/],
          [{ hashKeys: [{ start: '00', end: hashKeys[0]!.end }, hashKeys[1]!] }, /partition 0 cannot be 00 to/],
          [{ hashKeys: [hashKeys[0]!, { start: hashKeys[1]!.start, end: String(2n ** 128n) }] }, /partition 1 cannot be/],
          [{ opens: [a] }, new RegExp(`begin at ${hashKeys[1]!.start}, where ${right.start} is the first`)],
          [{ opens: [] }, /partition 0 is closed, but none takes its place/],
          [{ opens: [a, { ...b, parents: [] }] }, /partition 3 is to have the parents \(none\)/],
          [{ opens: [a, { ...b, parents: [0, 0] }] }, /parents 0, 0/],
          [{ opens: [a, { ...b, parents: [1] }] }, /partition 3 cannot take the place of partition 1/],
          [{ opens: [a, { ...b, parents: [2] }] }, /partition 3 cannot take the place of partition 2/],
          [{ opens: [a, { ...b, hashKeys: { start: right.start, end: hashKeys[1]!.end } }] }, /hash keys that its parents 0 do not have/],
        ]
        for (const [more, text] of unfit) expect(await tried(more)).toMatchObject({ code: 'invalid-request', message: expect.stringMatching(text) })
        expect((await backend.admin.topics(['orders']))[0]).toEqual(topic)
      })

      test('are closed once, and keep their hash keys', async backend => {
        const split = await reshard(backend, splitPlan(await makeTopic(backend), 0))
        expect(await backend.admin.reshard('orders', splitPlan(split, 0))).toEqual(code('sealed-partition'))
        const moved = { ...splitPlan(split, 1), hashKeys: evenHashKeys(4) }
        expect(await backend.admin.reshard('orders', moved)).toMatchObject({ code: 'invalid-request', message: expect.stringMatching(/hash keys of orders-0 are/) })
      })

      test('are not added to as partitions', async backend => {
        await reshard(backend, splitPlan(await makeTopic(backend), 0))
        expect(await backend.admin.createPartitions('orders', 9, { validateOnly: false })).toMatchObject({
          code: 'invalid-request', message: "Topic 'orders' was resharded through Kinesis and takes no more partitions.",
        })
      })

      test('are not made of the topics that the registry keeps', async backend => {
        const topic = await makeTopic(backend, { name: '_schemas', partitions: 1 })
        expect(await backend.admin.reshard('_schemas', splitPlan(topic, 0))).toEqual(code('invalid-request'))
      })
    })

    describe('named keys', () => {
      const id = '0fc7a1c2-52a6-4b0a-8f5b-6f1f4cbbd0aa'
      const putKey = async ({ documents }: Backend, state: NamedKeyDocument['state'], key = id, material = Buffer.alloc(32, 5)): Promise<void> => {
        const value = JSON.stringify({ state, material: material.toString('base64') } satisfies NamedKeyDocument)
        const put = await documents.put({ kind: 'kms-key', key, value, topicId: null }, documents.find('kms-key', key)?.version ?? 0)
        if (put instanceof Refusal) throw new Error(put.message)
      }
      const use = async ({ admin }: Backend, keyId: string) =>
        admin.alterConfigs({ type: 'topic', name: 'orders' }, [{ name: keyIdConfig, operation: 'set', value: keyId }], { validateOnly: false })

      test('take records from when a topic names one until it names none, and every reader is told which', async (backend, now) => {
        await putKey(backend, 'Enabled')
        await makeTopic(backend)
        await backend.logs.append(at, batch(['plain'], now()), all)
        expect(await use(backend, id)).toBeNull()
        expect(await backend.logs.append(at, batch(['a', 'b'], now()), all)).toEqual({ baseOffset: 1, logAppendTimeMs: -1, logStartOffset: 0 })
        expect(await use(backend, '')).toBeNull()
        await backend.logs.append(at, batch(['plain again'], now()), all)
        await backend.logs.append(at, batch(['told to'], now()), { ...all, keyId: id })
        expect(await values(backend, 0)).toEqual(['plain', 'a', 'b', 'plain again', 'told to'])
        const slice = await backend.logs.read(at, 0, whole)
        expect(slice instanceof Refusal ? slice : slice.batches.map(one => [one.keyId, one.crcIsValid()])).toEqual([[undefined, true], [id, true], [undefined, true], [id, true]])
      })

      test('let nothing in or out while they cannot be used, and everything once they can', async (backend, now) => {
        await putKey(backend, 'Enabled')
        await makeTopic(backend)
        await backend.logs.append(at, batch(['plain'], now()), all)
        await use(backend, id)
        await backend.logs.append(at, batch(['a'], now()), all)
        for (const [state, expected] of [['Disabled', 'key-disabled'], ['PendingDeletion', 'key-pending-deletion']] as const) {
          await putKey(backend, state)
          expect(await backend.logs.append(at, batch(['b'], now()), all)).toEqual(code(expected))
          // What lies before it is still there for everybody.
          expect(await values(backend, 0)).toEqual(['plain'])
          expect(await values(backend, 1)).toEqual(expect.objectContaining({ code: expected, keyId: id }))
        }
        await putKey(backend, 'Enabled')
        expect(await values(backend, 0)).toEqual(['plain', 'a'])
        const document = backend.documents.find('kms-key', id)!
        await backend.documents.remove('kms-key', id, document.version)
        expect(await values(backend, 1)).toEqual(code('key-not-found'))
        expect(await backend.logs.append(at, batch(['b'], now()), all)).toEqual(code('key-not-found'))
        expect(await backend.logs.ends(at)).toMatchObject({ highWatermark: 2 })
      })

      test('are told apart: a topic that changes its key keeps what it had under the old one', async (backend, now) => {
        const other = '11111111-52a6-4b0a-8f5b-6f1f4cbbd0aa'
        await putKey(backend, 'Enabled')
        await putKey(backend, 'Enabled', other, Buffer.alloc(32, 6))
        await makeTopic(backend, { configs: new Map([[keyIdConfig, id]]) })
        await backend.logs.append(at, batch(['a'], now()), all)
        await use(backend, other)
        await backend.logs.append(at, batch(['b'], now()), all)
        expect(await values(backend, 0)).toEqual(['a', 'b'])
        await putKey(backend, 'Disabled')
        expect(await values(backend, 0)).toEqual(code('key-disabled'))
        expect(await values(backend, 1)).toEqual(['b'])
      })

      test('must be there when a topic is to use them', async backend => {
        await makeTopic(backend)
        expect(await use(backend, id)).toEqual(code('invalid-config'))
        expect(await backend.admin.createTopic({ ...ordersTopic, name: 'more', configs: new Map([[keyIdConfig, id]]) }, { validateOnly: false })).toEqual(code('invalid-config'))
      })

      test('are not needed to find records by their time of arrival', async backend => {
        await putKey(backend, 'Enabled')
        await makeTopic(backend, { configs: new Map([[keyIdConfig, id], ['message.timestamp.type', 'LogAppendTime']]) })
        const { logAppendTimeMs: timestampMs } = await backend.logs.append(at, batch(['a', 'b'], 5), all) as { logAppendTimeMs: number }
        await putKey(backend, 'Disabled')
        expect(await backend.logs.offsetForTime(at, timestampMs)).toEqual({ offset: 0, timestampMs, leaderEpoch: 0 })
        expect(await backend.logs.offsetOfMaxTimestamp(at)).toEqual({ offset: 0, timestampMs, leaderEpoch: 0 })
      })
    })

    describe('groups', () => {
      test('keep committed offsets', async backend => {
        await makeTopic(backend)
        expect(await backend.groups.coordinator('g')).toBe((await backend.admin.cluster()).controllerId)
        expect(await backend.groups.committed('g')).toEqual([])
        expect(await commitOne(backend, 5)).toEqual([null])
        expect(await backend.groups.committed('g')).toMatchObject([{ topic: 'orders', partition: 0, offset: 5 }])
        expect(await backend.groups.committed('g', [{ topic: 'orders', partition: 1 }])).toEqual([])
        expect(await backend.groups.list()).toEqual([{ groupId: 'g', protocolType: '', state: 'Empty' }])
        expect(await backend.groups.describe('g')).toMatchObject({ groupId: 'g', state: 'Empty', members: [] })
        expect(await backend.groups.describe('none')).toEqual(code('group-id-not-found'))
        expect(await backend.groups.delete('g')).toBeNull()
        expect(await backend.groups.delete('g')).toEqual(code('group-id-not-found'))
        expect(await backend.groups.committed('g')).toEqual([])
      })

      test('refuse offsets of partitions that are not there, one by one', async backend => {
        await makeTopic(backend)
        const offset = { offset: 1, leaderEpoch: -1, metadata: '' }
        const offsets = [{ topic: 'none', partition: 0, ...offset }, { ...at, ...offset }, { topic: 'orders', partition: 9, ...offset }, { topic: 'orders', partition: 1, ...offset, metadata: 'x'.repeat(5000) }]
        expect(await backend.groups.commit({ groupId: 'g', memberId: '', instanceId: null, generationId: -1, offsets }))
          .toEqual([code('unknown-topic'), null, code('unknown-partition'), code('offset-metadata-too-large')])
        expect(await backend.groups.committed('g')).toMatchObject([{ topic: 'orders', partition: 0, offset: 1 }])
      }, 'group protocol')

      test('forget the offsets of a deleted topic', async backend => {
        await makeTopic(backend)
        await commitOne(backend, 5)
        await backend.admin.deleteTopic('orders')
        await makeTopic(backend)
        expect(await backend.groups.committed('g')).toEqual([])
      }, 'group protocol')

      test('let members join, sync, heartbeat, commit and leave', async backend => {
        await makeTopic(backend)
        const { signal } = new AbortController()
        const joined = await backend.groups.join({
          groupId: 'g', memberId: '', instanceId: null, clientId: 'c', clientHost: '/127.0.0.1', protocolType: 'consumer', protocols: [{ name: 'range', metadata: Buffer.from('m') }],
          sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 10_000, requiresKnownMemberId: false, supportsSkippingAssignment: true, reason: null,
        }, signal)
        expect(joined).toMatchObject({ generationId: 1, protocolName: 'range' })
        const { memberId, generationId } = joined as { memberId: string; generationId: number }
        expect(memberId).toMatch(/^c-[0-9a-f-]{36}$/)
        const member = { groupId: 'g', memberId, instanceId: null }
        expect(await backend.groups.sync({ ...member, generationId, protocolType: null, protocolName: null, assignments: [{ memberId, assignment: Buffer.from('a') }] }, signal)).toMatchObject({ assignment: Buffer.from('a') })
        expect(await backend.groups.heartbeat({ ...member, generationId })).toBeNull()
        expect(await backend.groups.commit({ ...member, generationId, offsets: [{ ...at, offset: 3, leaderEpoch: 0, metadata: 'note' }] })).toEqual([null])
        expect(await commitOne(backend, 9)).toEqual(code('unknown-member-id'))
        expect(await backend.groups.delete('g')).toEqual(code('non-empty-group'))
        expect(await backend.groups.leave('g', [{ memberId, instanceId: null, reason: 'done' }])).toEqual([null])
        expect(await backend.groups.heartbeat({ ...member, generationId })).toEqual(code('unknown-member-id'))
        expect(await backend.groups.committed('g')).toMatchObject([{ offset: 3, leaderEpoch: 0, metadata: 'note' }])
      }, 'group protocol')

      test('must have an id', async backend => {
        expect(await backend.groups.coordinator('')).toEqual(code('invalid-group-id'))
        expect(await backend.groups.heartbeat({ groupId: '', memberId: 'm', instanceId: null, generationId: 0 })).toEqual(code('invalid-group-id'))
        expect(await backend.groups.delete('x'.repeat(5000))).toEqual(code('invalid-group-id'))
      }, 'group protocol')
    })

    describe('documents', () => {
      const kind = 'kinesis-stream'
      const one = { kind, key: 'a', value: '{}', topicId: null } as const

      test('stay the same object until they change, and are listed by key', async ({ documents }) => {
        await documents.put({ ...one, key: 'b' }, 0)
        const found = documents.find(kind, 'b')
        await documents.put(one, 0)
        expect(documents.find(kind, 'b')).toBe(found)
        expect(documents.all(kind).map(({ key }) => key)).toEqual(['a', 'b'])
        expect(documents.all('kms-key')).toEqual([])
        expect(await documents.remove(kind, 'none', 0)).toBeNull()
      })

      test('are bounded in size', async ({ documents }) => {
        expect((await documents.put({ ...one, value: 'é'.repeat(262_144) }, 0) as Document).version).toBe(1)
        expect((await documents.put({ ...one, value: 'x'.repeat(262_145) }, 1) as Refusal).code).toBe('invalid-request')
        expect((await documents.put({ ...one, key: 'x'.repeat(2_049) }, 0) as Refusal).code).toBe('invalid-request')
      })

      test('change only for who has seen what is there', async backend => {
        expect(await backend.documents.put(one, 1)).toEqual(code('version-conflict'))
        expect(await backend.documents.put(one, 0)).toEqual({ ...one, version: 1 })
        expect(await backend.documents.put(one, 0)).toEqual(code('version-conflict'))
        expect(await backend.documents.put({ ...one, value: '[]' }, 1)).toMatchObject({ version: 2 })
        expect(backend.documents.find(kind, 'a')).toBe(backend.documents.find(kind, 'a'))
        expect(backend.documents.all(kind).map(({ key, value }) => [key, value])).toEqual([['a', '[]']])
        expect(await backend.documents.remove(kind, 'a', 1)).toEqual(code('version-conflict'))
        expect(await backend.documents.remove(kind, 'a', 2)).toBeNull()
        expect(backend.documents.find(kind, 'a')).toBeUndefined()
      })

      test('come with a topic and go with it', async backend => {
        const wanted: NewTopic = { name: 'orders', partitions: 1, replicationFactor: -1, configs: new Map(), document: { kind, value: '{"a":1}' } }
        await backend.admin.createTopic(wanted, { validateOnly: true })
        expect(backend.documents.all(kind)).toEqual([])
        const made = await backend.admin.createTopic(wanted, { validateOnly: false }) as Topic
        expect(backend.documents.all(kind)).toEqual([{ kind, key: made.id, topicId: made.id, value: '{"a":1}', version: 1 }])
        expect(await backend.documents.put({ kind, key: 'other', value: '', topicId: '00000000-0000-4000-8000-000000000000' }, 0)).toEqual(code('unknown-topic-id'))
        await backend.admin.deleteTopic('orders')
        expect(backend.documents.all(kind)).toEqual([])
      })
    })

    describe('authority', () => {
      const binding: AclBinding = { principal: 'User:CN=alice', host: '*', operation: 'write', permission: 'allow', resourceType: 'topic', resourceName: 'orders', patternType: 'literal' }
      const key: AccessKey = { id: 'AKIA1', secret: 's', principal: { type: 'User', name: 'CN=alice' }, createdAtMs: 5 }

      test('is kept as ACL bindings, each once', async backend => {
        const before = backend.acls.all()
        await backend.acls.add([binding, { ...binding, operation: 'read' }])
        await backend.acls.add([binding])
        expect(backend.acls.all()).not.toBe(before)
        expect(backend.acls.all()).toEqual([binding, { ...binding, operation: 'read' }])
        await backend.acls.remove([binding, { ...binding, host: '10.0.0.1' }])
        expect(backend.acls.all()).toEqual([{ ...binding, operation: 'read' }])
      })

      test('is kept as access keys', async backend => {
        expect(backend.accessKeys.find('AKIA1')).toBeUndefined()
        expect(await backend.accessKeys.add(key)).toBeNull()
        expect(await backend.accessKeys.add({ ...key, secret: 'other' })).toEqual(code('duplicate-resource'))
        expect(backend.accessKeys.find('AKIA1')).toEqual(key)
        expect(backend.accessKeys.all()).toEqual([key])
        expect(await backend.accessKeys.remove('AKIA1')).toBeNull()
        expect(await backend.accessKeys.remove('AKIA1')).toEqual(code('resource-not-found'))
      })
    })
  })
}

const ordersTopic: NewTopic = { name: 'orders', partitions: 2, replicationFactor: -1, configs: new Map() }

async function makeTopic({ admin }: Backend, more: Partial<NewTopic> = {}): Promise<Topic> {
  const topic = await admin.createTopic({ ...ordersTopic, ...more }, { validateOnly: false })
  if (topic instanceof Refusal) throw new Error(topic.message)
  return topic
}

async function reshard({ admin }: Backend, plan: ReshardPlan): Promise<Topic> {
  const topic = await admin.reshard('orders', plan)
  if (topic instanceof Refusal) throw new Error(topic.message)
  return topic
}

function commitOne({ groups }: Backend, offset: number) {
  return groups.commit({ groupId: 'g', memberId: '', instanceId: null, generationId: -1, offsets: [{ ...at, offset, leaderEpoch: -1, metadata: '' }] })
}

function record(value: string): RecordDraft {
  return { key: null, value: Buffer.from(value) }
}

function batch(texts: readonly string[], timestampMs: number) {
  return buildBatch(texts.map(record), { timestampMs })
}

async function values({ logs }: Backend, from: number): Promise<string[] | Refusal> {
  const slice = await logs.read(at, from, whole)
  return slice instanceof Refusal ? slice : slice.batches.flatMap(one => one.records().map(({ value }) => value!.toString()))
}
