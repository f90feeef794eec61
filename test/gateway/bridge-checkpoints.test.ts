// A group's offsets as a KCL application's leases, and back.
import { describe, expect, it } from 'vitest'
import { shardMapOf } from '../../src/kinesis/shard-map.ts'
import { mergePlan } from '../../src/kinesis/reshard-plans.ts'
import { parseSequenceNumber } from '../../src/kinesis/sequence-numbers.ts'
import { Refusal, type Topic } from '../../src/ports.ts'
import { admin, testGateway, type TestGateway } from '../support/gateway.ts'

const json = 'application/vnd.kafka.json.v2+json'
const checkpoints = '/bridge/checkpoints?group=readers&stream=orders'
interface Lease { readonly leaseKey: string; readonly checkpoint: string; readonly [name: string]: unknown }

/** Two shards with three records each. */
async function withOrders(): Promise<TestGateway> {
  const gateway = await testGateway()
  await gateway.createTopic('orders', { partitions: 2, configs: { 'message.timestamp.type': 'LogAppendTime' } })
  for (const partition of [0, 1, 0, 1, 0, 1]) {
    gateway.time.now += 1_000
    await gateway.as(admin).post('/topics/orders').type(json).send({ records: [{ value: gateway.time.now, partition }] })
  }
  return gateway
}

async function commit({ backend }: TestGateway, offsets: Readonly<Record<number, number>>): Promise<void> {
  await backend.groups.commit({
    groupId: 'readers', memberId: '', instanceId: null, generationId: -1,
    offsets: Object.entries(offsets).map(([partition, offset]) => ({ topic: 'orders', partition: Number(partition), offset, leaderEpoch: -1, metadata: '' })),
  })
}

async function committed({ backend }: TestGateway): Promise<Record<number, number>> {
  const all = await backend.groups.committed('readers')
  if (all instanceof Refusal) throw new Error(all.message)
  return Object.fromEntries(all.map(({ partition, offset }) => [partition, offset]))
}

async function leases(gateway: TestGateway): Promise<readonly Lease[]> {
  return ((await gateway.as(admin).get(checkpoints)).body as { leases: Lease[] }).leases
}

async function merge({ backend }: TestGateway): Promise<void> {
  const topic = (await backend.admin.topics(['orders']))[0]!
  const [lower, upper] = shardMapOf(topic).shards
  await backend.admin.reshard('orders', mergePlan(shardMapOf(topic), lower!, upper!))
}

describe('GET /bridge/checkpoints', () => {
  it('names the last record that a group is done with, shard by shard', async () => {
    const gateway = await withOrders()
    await commit(gateway, { 0: 2, 1: 0 })
    const [first, second] = await leases(gateway)
    const last = (await gateway.as(admin).get('/bridge/positions?topic=orders&partition=0&offset=1')).body as { sequenceNumber: string }
    expect(first).toEqual({
      leaseKey: 'shardId-000000000000', checkpoint: last.sequenceNumber, checkpointSubSequenceNumber: 0, leaseCounter: 0, ownerSwitchesSinceCheckpoint: 0,
      parentShardId: [], childShardIds: [], startingHashKey: '0', endingHashKey: '170141183460469231731687303715884105727',
    })
    expect(second).toMatchObject({ leaseKey: 'shardId-000000000001', checkpoint: 'TRIM_HORIZON' })
  })

  it('says SHARD_END of a closed shard of which everything was read, and gives positions where the record itself is gone', async () => {
    const gateway = await withOrders()
    await merge(gateway)
    await commit(gateway, { 0: 3, 1: 2 })
    await gateway.backend.admin.deleteRecords({ topic: 'orders', partition: 1 }, 3)
    const [first, second] = await leases(gateway)
    expect(first).toMatchObject({ checkpoint: 'SHARD_END', childShardIds: ['shardId-000000000002'] })
    expect(parseSequenceNumber(second!.checkpoint)).toMatchObject({ shardIndex: 1, offset: 1 })
  })

  it('is a scan of the lease table on demand', async () => {
    const gateway = await withOrders()
    await merge(gateway)
    await commit(gateway, { 2: 0 })
    const { body } = await gateway.as(admin).get(`${checkpoints}&format=dynamodb`)
    expect(body).toEqual({
      Items: [{
        leaseKey: { S: 'shardId-000000000002' }, checkpoint: { S: 'TRIM_HORIZON' }, checkpointSubSequenceNumber: { N: '0' }, leaseCounter: { N: '0' },
        ownerSwitchesSinceCheckpoint: { N: '0' }, parentShardId: { SS: ['shardId-000000000000', 'shardId-000000000001'] },
        startingHashKey: { S: '0' }, endingHashKey: { S: String(2n ** 128n - 1n) },
      }],
      Count: 1, ScannedCount: 1,
    })
  })

  it('needs DESCRIBE on the group and on the topic', async () => {
    const gateway = await withOrders()
    await commit(gateway, { 0: 1 })
    const status = async (): Promise<number> => (await gateway.as('bob').get(checkpoints)).status
    expect(await status()).toBe(403)
    await gateway.allow('bob', 'describe', 'group', 'readers')
    expect(await status()).toBe(403)
    await gateway.allow('bob', 'describe', 'topic', 'orders')
    expect(await status()).toBe(200)
  })
})

describe('PUT /bridge/checkpoints', () => {
  it('commits what its own answer to a GET says, in either form', async () => {
    const gateway = await withOrders()
    await merge(gateway)
    await commit(gateway, { 0: 3, 1: 1, 2: 0 })
    const plain = { leases: await leases(gateway) }
    const scan = (await gateway.as(admin).get(`${checkpoints}&format=dynamodb`)).body as object
    for (const body of [plain, scan]) {
      await gateway.backend.groups.delete('readers')
      const { status, body: answer } = await gateway.as(admin).put(checkpoints).send(body)
      expect([status, answer]).toEqual([200, { group: 'readers', topic: 'orders', stream: 'orders', offsets: [
        { partition: 0, shardId: 'shardId-000000000000', offset: 3 }, { partition: 1, shardId: 'shardId-000000000001', offset: 1 }, { partition: 2, shardId: 'shardId-000000000002', offset: 0 },
      ] }])
      expect(await committed(gateway)).toEqual({ 0: 3, 1: 1, 2: 0 })
    }
  })

  it('reads over what a KCL 3 keeps beside its leases', async () => {
    const gateway = await withOrders()
    const lease = { leaseKey: { S: 'shardId-000000000000' }, checkpoint: { S: 'LATEST' }, checkpointSubSequenceNumber: { N: '0' }, entityType: { S: 'LEASE' } }
    const others = [
      { leaseKey: { S: 'Leader' }, ownerName: { S: 'w' }, entityType: { S: 'LEADER' } },
      { leaseKey: { S: 'Migration3.0' }, h: { L: [{ M: { cv: { S: 'CLIENT_VERSION_INIT' } } }] }, entityType: { S: 'CLIENT_VERSION_MIGRATION' } },
      { leaseKey: { S: 'fd1e9672' }, opr: { M: {} }, entityType: { S: 'WORKER_METRIC_STATS' } },
    ]
    const put = (items: readonly object[]) => gateway.as(admin).put(checkpoints).send({ Items: items })
    expect((await put(others)).body).toMatchObject({ message: expect.stringContaining('must hold a lease') as string })
    expect((await put([...others, lease])).status).toBe(200)
    expect(await committed(gateway)).toEqual({ 0: 3 })
  })

  it('reads a record again of which only a part is done with, and takes the names of an application with several streams', async () => {
    const gateway = await withOrders()
    const { sequenceNumber } = (await gateway.as(admin).get('/bridge/positions?topic=orders&partition=0&offset=1')).body as { sequenceNumber: string }
    const lease = { leaseKey: '000000000000:orders:1700000000:shardId-000000000000', checkpoint: sequenceNumber, checkpointSubSequenceNumber: 3 }
    await gateway.as(admin).put(checkpoints).send({ leases: [lease, { leaseKey: 'shardId-000000000001', checkpoint: 'LATEST' }] })
    expect(await committed(gateway)).toEqual({ 0: 1, 1: 3 })
  })

  it('passes over the leases of an application\'s other streams', async () => {
    const gateway = await withOrders()
    const of = (stream: string, shard: number): object => ({ leaseKey: `000000000000:${stream}:1700000000:shardId-00000000000${shard}`, checkpoint: 'LATEST' })
    await gateway.as(admin).put(checkpoints).send({ leases: [of('payments', 0), of('orders', 1), of('payments', 1), of('payments', 7)] })
    expect(await committed(gateway)).toEqual({ 1: 3 })
    const { status, body } = await gateway.as(admin).put(checkpoints).send({ leases: [of('payments', 0)] })
    expect([status, (body as { message: string }).message]).toEqual([422, expect.stringContaining('are of other streams, such as \'payments\', none of \'orders\'')])
  })

  it('has shards read from their start that took the place of one with a lease', async () => {
    const gateway = await withOrders()
    await merge(gateway)
    await gateway.as(admin).put(checkpoints).send({ leases: [{ leaseKey: 'shardId-000000000000', checkpoint: 'SHARD_END' }] })
    expect(await committed(gateway)).toEqual({ 0: 3, 2: 0 })
  })

  it('commits nothing where anything is wrong, and says what', async () => {
    const gateway = await withOrders()
    const topic: Topic = (await gateway.backend.admin.topics(['orders']))[0]!
    const { sequenceNumber } = (await gateway.as(admin).get('/bridge/positions?topic=orders&partition=0&offset=1')).body as { sequenceNumber: string }
    const good = { leaseKey: 'shardId-000000000001', checkpoint: 'TRIM_HORIZON' }
    const ask = async (...bad: readonly object[]): Promise<readonly [number, string]> => {
      const { status, body } = await gateway.as(admin).put(checkpoints).send({ leases: [good, ...bad] })
      return [status, (body as { message: string }).message]
    }
    const beyond = (BigInt(sequenceNumber) + (10n << 80n)).toString()
    expect(await ask({ leaseKey: 'shardId-000000000009', checkpoint: 'LATEST' })).toEqual([404, 'Shard \'shardId-000000000009\' of stream \'orders\' not found.'])
    expect((await ask({ leaseKey: 'shardId-000000000000', checkpoint: 'SHARD_END' }))[1]).toContain('say SHARD_END, but the shard is open')
    expect((await ask({ leaseKey: 'shardId-000000000000', checkpoint: 'AT_TIMESTAMP' }))[1]).toContain('must be a sequence number of digits, or TRIM_HORIZON, LATEST, SHARD_END, not "AT_TIMESTAMP"')
    expect((await ask({ leaseKey: 'shardId-000000000000', checkpoint: '12' }))[1]).toContain(`did not come from this shard of stream '${topic.name}': 12`)
    expect((await ask({ leaseKey: 'shardId-000000000000', checkpoint: beyond }))[1]).toContain('are ahead of the shard, whose next record has offset 3')
    expect((await ask(good))[1]).toContain('name shardId-000000000001 more than once')
    expect((await ask({ leaseKey: 'shardId-1', checkpoint: 'LATEST' }))[1]).toContain('name shardId-000000000001 more than once')
    expect(await ask()).toEqual([200, undefined])
    await gateway.backend.groups.delete('readers')
    expect((await ask({ leaseKey: '', checkpoint: 'LATEST' }))[0]).toBe(422)
    expect(await committed(gateway)).toEqual({})
  })

  it('needs READ on the group and on the topic', async () => {
    const gateway = await withOrders()
    const status = async (): Promise<number> => (await gateway.as('bob').put(checkpoints).send({ leases: [{ leaseKey: 'shardId-000000000000', checkpoint: 'LATEST' }] })).status
    await gateway.allow('bob', 'read', 'topic', 'orders')
    expect(await status()).toBe(403)
    await gateway.allow('bob', 'read', 'group', 'readers')
    expect(await status()).toBe(200)
  })
})
