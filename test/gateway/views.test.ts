// The two views of the same data, and the bridge between their positions.
import { describe, expect, it } from 'vitest'
import { mergePlan } from '../../src/kinesis/reshard-plans.ts'
import { parseSequenceNumber } from '../../src/kinesis/sequence-numbers.ts'
import { shardMapOf } from '../../src/kinesis/shard-map.ts'
import type { Topic } from '../../src/ports.ts'
import { admin, testGateway, type TestGateway } from '../support/gateway.ts'
import { evenHashKeys, halves, splitPlan } from '../support/shards.ts'

const json = 'application/vnd.kafka.json.v2+json'

async function withOrders(partitions = 2): Promise<TestGateway> {
  const gateway = await testGateway()
  await gateway.createTopic('orders', { partitions, configs: { 'message.timestamp.type': 'LogAppendTime' } })
  for (const value of [1, 2, 3]) {
    gateway.time.now += 1_000
    await gateway.as(admin).post('/topics/orders').type(json).send({ records: [{ value, partition: 1 }] })
  }
  return gateway
}

describe('GET /kafka/topics', () => {
  it('shows partitions with leader, epoch, replicas and offsets, and the cluster', async () => {
    const gateway = await withOrders()
    const { body } = await gateway.as(admin).get('/kafka/topics')
    expect(body).toMatchObject({
      cluster: { controllerId: 1, brokers: [{ id: 1, rack: 'a' }] },
      topics: [{
        name: 'orders', internal: false,
        partitions: [
          { partition: 0, leader: 1, leaderEpoch: 0, replicas: [1], partitionEpoch: 0, inSyncReplicas: [1], addingReplicas: [], removingReplicas: [], logStartOffset: 0, lastStableOffset: 0, highWatermark: 0, logEndOffset: 0 },
          { partition: 1, logStartOffset: 0, highWatermark: 3, logEndOffset: 3 },
        ],
      }],
      next: null,
    })
  })

  it('shows one topic with its configs and where each comes from', async () => {
    const gateway = await withOrders()
    const { body } = await gateway.as(admin).get('/kafka/topics/orders')
    expect(body).toMatchObject({
      name: 'orders', brokers: [{ id: 1 }],
      configs: { 'message.timestamp.type': { value: 'LogAppendTime', source: 'topic' }, 'cleanup.policy': { value: 'delete', source: 'default' } },
    })
  })

  it('comes in pages, without internal topics unless they are asked for', async () => {
    const gateway = await testGateway()
    for (const name of ['a', 'b', 'c', '__internal']) await gateway.createTopic(name)
    const names = async (query: string): Promise<unknown> => {
      const { body } = await gateway.as(admin).get(`/kafka/topics${query}`) as { body: { topics: { name: string }[]; next: string | null } }
      return [body.topics.map(topic => topic.name), body.next]
    }
    expect(await names('?limit=2')).toEqual([['a', 'b'], 'b'])
    expect(await names('?limit=2&after=b')).toEqual([['c'], null])
    expect(await names('?internal=true')).toEqual([['__internal', 'a', 'b', 'c'], null])
    expect((await gateway.as(admin).get('/kafka/topics?limit=0')).status).toBe(400)
  })
})

describe('a topic that was resharded', () => {
  it('shows hash keys, parents and ends in Kafka\'s view and to administrators', async () => {
    const gateway = await withOrders()
    const [topic] = await gateway.backend.admin.topics(['orders'])
    await gateway.backend.admin.reshard('orders', splitPlan(topic!, 1))
    const shown = [
      { shard: { hashKeys: evenHashKeys(2)[0], parents: [] }, closed: null },
      { shard: { hashKeys: evenHashKeys(2)[1], parents: [] }, closed: { at: new Date(gateway.time.now).toISOString(), endOffset: 3 } },
      { shard: { hashKeys: halves(evenHashKeys(2)[1]!)[0], parents: [1] }, closed: null },
      { shard: { parents: [1] }, closed: null },
    ]
    expect((await gateway.as(admin).get('/kafka/topics/orders')).body).toMatchObject({ partitions: shown })
    expect((await gateway.as(admin).get('/admin/topics')).body).toMatchObject({ topics: [{ name: 'orders', partitions: shown }] })
  })

  it('takes no more partitions', async () => {
    const gateway = await withOrders()
    const [topic] = await gateway.backend.admin.topics(['orders'])
    await gateway.backend.admin.reshard('orders', splitPlan(topic!, 1))
    const refused = await gateway.as(admin).patch('/admin/topics/orders').send({ partitions: 9 })
    expect([refused.status, refused.body.message]).toEqual([400, "Topic 'orders' was resharded through Kinesis and takes no more partitions."])
  })
})

describe('GET /kinesis/streams', () => {
  it('shows the same topic as a stream: shards, hash ranges, sequence numbers, throughput used against its limit', async () => {
    const gateway = await withOrders()
    gateway.parts.kinesis.handler.throughput.shard((await gateway.backend.admin.topics(['orders']))[0]!.id, 1).admitRecord(100, 'PutRecord')
    const { body } = await gateway.as(admin).get('/kinesis/streams') as { body: { Streams: { Shards: Record<string, unknown>[] }[] } }
    expect(body).toMatchObject({
      Streams: [{
        StreamName: 'orders', StreamARN: 'arn:aws:kinesis:us-east-1:000000000000:stream/orders', StreamStatus: 'ACTIVE', OpenShardCount: 2, RetentionPeriodHours: 168,
        Shards: [
          { ShardId: 'shardId-000000000000', HashKeyRange: { StartingHashKey: '0', EndingHashKey: '170141183460469231731687303715884105727' }, LatestSequenceNumber: null },
          {
            ShardId: 'shardId-000000000001',
            ThroughputWithinLastSecond: { WriteBytes: { Used: 100, Limit: 1048576 }, WriteRecords: { Used: 1, Limit: 1000 }, ReadBytes: { Used: 0, Limit: 2097152 }, ReadCalls: { Used: 0, Limit: 5 } },
          },
        ],
      }],
      Next: null,
    })
    const latest = parseSequenceNumber(body.Streams[0]!.Shards[1]!['LatestSequenceNumber'] as string)
    expect(latest).toMatchObject({ shardIndex: 1, offset: 2 })
  })

  it('shows the mode and the state of a stream', async () => {
    const gateway = await withOrders()
    const [topic] = await gateway.backend.admin.topics(['orders'])
    const facts = async (value: object, ifVersion: number): Promise<unknown> =>
      gateway.backend.documents.put({ kind: 'kinesis-stream', key: topic!.id, topicId: topic!.id, value: JSON.stringify(value) }, ifVersion)
    await facts({ mode: 'ON_DEMAND', transition: { status: 'CREATING', untilMs: gateway.time.now + 1_000 } }, 0)
    expect((await gateway.as(admin).get('/kinesis/streams/orders')).body).toMatchObject({ StreamStatus: 'CREATING', StreamModeDetails: { StreamMode: 'ON_DEMAND' }, OpenShardCount: 0, Shards: [] })
    await facts({ mode: 'ON_DEMAND', transition: { status: 'UPDATING', untilMs: gateway.time.now + 1_000 } }, 1)
    expect((await gateway.as(admin).get('/kinesis/streams/orders')).body).toMatchObject({ StreamStatus: 'UPDATING', OpenShardCount: 2, Shards: [{}, {}] })
  })

  it('hides what is no stream, and what the caller may not describe', async () => {
    const gateway = await withOrders()
    await gateway.createTopic('__internal')
    expect((await gateway.as(admin).get('/kinesis/streams/__internal')).status).toBe(404)
    expect((await gateway.as(admin).get('/kinesis/streams/orders')).body).toMatchObject({ StreamName: 'orders' })
    expect((await gateway.as('bob').get('/kinesis/streams/orders')).status).toBe(403)
    expect((await gateway.as('bob').get('/kinesis/streams')).body).toEqual({ Streams: [], Next: null })
    await gateway.allow('bob', 'describe', 'topic', 'orders')
    expect((await gateway.as('bob').get('/kinesis/streams')).body).toMatchObject({ Streams: [{ StreamName: 'orders' }] })
  })
})

describe('GET /bridge/positions', () => {
  it('turns an offset into its sequence number and back', async () => {
    const gateway = await withOrders()
    const client = gateway.as(admin)
    const { body: there } = await client.get('/bridge/positions?topic=orders&partition=1&offset=2') as { body: Record<string, unknown> }
    expect(there).toMatchObject({ topic: 'orders', partition: 1, offset: 2, stream: 'orders', shardId: 'shardId-000000000001', timestampMs: gateway.time.now })
    const { body: back } = await client.get(`/bridge/positions?stream=orders&sequence=${String(there['sequenceNumber'])}`)
    expect(back).toEqual(there)
    const { body: mixed } = await client.get(`/bridge/positions?topic=orders&shard=shardId-000000000001&sequence=${String(there['sequenceNumber'])}`)
    expect(mixed).toEqual(there)
  })

  it('names what is wrong', async () => {
    const gateway = await withOrders()
    const client = gateway.as(admin)
    const sequence = ((await client.get('/bridge/positions?topic=orders&partition=1&offset=2')).body as { sequenceNumber: string }).sequenceNumber
    const ask = async (query: string): Promise<unknown> => {
      const { status, body } = await client.get(`/bridge/positions?${query}`)
      return [status, (body as { message: string }).message]
    }
    expect(await ask('partition=1&offset=2')).toEqual([400, 'Query parameter \'topic\' or \'stream\' must be given'])
    expect(await ask('topic=orders&offset=2')).toEqual([400, 'Query parameter \'partition\' or \'shard\' must be given with an offset'])
    expect(await ask('topic=orders&stream=orders&partition=1&offset=2')).toEqual([400, 'Query parameter \'stream\' cannot be given together with \'topic\': they name the same thing'])
    expect(await ask('topic=orders&partition=1&offset=x')).toEqual([400, 'Query parameter \'offset\' must be a whole number, not \'x\''])
    expect(await ask('topic=orders&partition=1&offset=3')).toEqual([404, 'No record at offset 3 of partition 1 of topic \'orders\' (offsets 0 to 2)'])
    expect(await ask('topic=orders&partition=9&offset=0')).toEqual([404, 'Partition \'9\' of topic \'orders\' not found.'])
    expect(await ask('stream=orders&shard=shardId-000000000009&offset=0')).toEqual([404, 'Shard \'shardId-000000000009\' of stream \'orders\' not found.'])
    expect(await ask('stream=orders&sequence=12')).toEqual([404, 'Sequence number 12 did not come from stream \'orders\''])
    expect(await ask('stream=orders&sequence=x')).toEqual([400, 'Query parameter \'sequence\' must be a sequence number of digits, not \'x\''])
    expect(await ask(`stream=orders&shard=shardId-000000000000&sequence=${sequence}`)).toEqual([400, `Query parameter 'sequence' encodes shardId-000000000001, while shard 'shardId-000000000000' was given`])
    const otherArrival = (BigInt(sequence) + (1n << 36n)).toString()
    expect(await ask(`stream=orders&sequence=${otherArrival}`)).toEqual([404, `No record of shardId-000000000001 in stream 'orders' has sequence number ${otherArrival}`])
    const otherCreation = (BigInt(sequence) + (1n << 148n)).toString()
    expect(await ask(`stream=orders&sequence=${otherCreation}`)).toEqual([404, `Sequence number ${otherCreation} did not come from stream 'orders'`])
  })

  it('knows every position of a resharded topic: of its closed partitions, of what took their place, and where a closed one ends', async () => {
    const gateway = await withOrders()
    const topic = async (): Promise<Topic> => (await gateway.backend.admin.topics(['orders']))[0]!
    const [lower, upper] = shardMapOf(await topic()).shards
    await gateway.backend.admin.reshard('orders', mergePlan(shardMapOf(await topic()), lower!, upper!))
    gateway.time.now += 1_000
    await gateway.as(admin).post('/topics/orders').type(json).send({ records: [{ value: 4, partition: 2 }] })
    const client = gateway.as(admin)
    const ask = async (query: string): Promise<Record<string, unknown>> => (await client.get(`/bridge/positions?${query}`)).body as Record<string, unknown>
    const known = [[1, 0], [1, 1], [1, 2], [1, 3], [0, 0], [2, 0]] as const
    const all = await Promise.all(known.map(([partition, offset]) => ask(`topic=orders&partition=${partition}&offset=${offset}`)))
    expect(all.map(({ partition, offset }) => [partition, offset])).toEqual(known)
    for (const one of all) expect(await ask(`stream=orders&sequence=${String(one['sequenceNumber'])}`)).toEqual(one)
    const { Shards } = (await client.get('/kinesis/streams/orders')).body as { Shards: { ShardId: string; SequenceNumberRange: { EndingSequenceNumber?: string }; LatestSequenceNumber: string | null }[] }
    const children = [{ partition: 2, shardId: 'shardId-000000000002' }]
    expect(all[3]).toMatchObject({ sequenceNumber: Shards[1]!.SequenceNumberRange.EndingSequenceNumber, children, timestampMs: gateway.time.now - 1_000 })
    expect(all[4]).toMatchObject({ sequenceNumber: Shards[0]!.SequenceNumberRange.EndingSequenceNumber, children })
    expect([all[2]!['sequenceNumber'], all[5]!['sequenceNumber']]).toEqual([Shards[1]!.LatestSequenceNumber, Shards[2]!.LatestSequenceNumber])
    expect(all[5]).not.toHaveProperty('children')
    // Positions of a stream are in the order of their numbers.
    const numbers = all.slice(0, 4).concat(all[5]!).map(one => BigInt(one['sequenceNumber'] as string))
    expect(numbers).toEqual(numbers.toSorted((a, b) => (a < b ? -1 : 1)))
    const open = (BigInt(all[5]!['sequenceNumber'] as string) | (0x7fff_ffff_ffff_ffffn << 80n)).toString()
    expect(await client.get(`/bridge/positions?stream=orders&sequence=${open}`)).toMatchObject({
      status: 404, body: { message: 'shardId-000000000002 of stream \'orders\' is open: no sequence number is known to be its last' },
    })
    const otherEnd = (BigInt(all[3]!['sequenceNumber'] as string) + (1n << 36n)).toString()
    expect((await client.get(`/bridge/positions?stream=orders&sequence=${otherEnd}`)).status).toBe(404)
  })

  it('needs DESCRIBE, and a refusal does not tell whether the topic exists', async () => {
    const gateway = await withOrders()
    const [exists, missing] = [await gateway.as('bob').get('/bridge/positions?topic=orders&partition=1&offset=2'), await gateway.as('bob').get('/bridge/positions?topic=nothing&partition=1&offset=2')]
    expect([exists.status, missing.status]).toEqual([403, 403])
    await gateway.allow('bob', 'describe', 'topic', 'orders')
    expect((await gateway.as('bob').get('/bridge/positions?topic=orders&partition=1&offset=2')).status).toBe(200)
  })
})
