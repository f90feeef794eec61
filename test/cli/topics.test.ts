// `sluice topics` over several brokers in memory: what is described, what a change says, moves and elections.
import { describe, expect, it, vi } from 'vitest'
import { topicsCommand } from '../../src/cli/topics.ts'
import type { Topic } from '../../src/ports.ts'
import { evenHashKeys, halves, splitPlan } from '../support/shards.ts'
import { commandLine, type CommandLine } from './run.ts'

async function withOrders(partitions = 2): Promise<CommandLine> {
  const cli = await commandLine({ topics: topicsCommand }, [1, 2, 3, 4])
  await cli.gateway.createTopic('orders', { partitions })
  return cli
}

describe('sluice topics', () => {
  it('describes each replica of each partition', async () => {
    await using cli = await withOrders()
    await cli.gateway.cluster.brokers.stop(1)
    await cli.gateway.cluster.admin.reassign([{ topic: 'orders', partition: 1, replicas: [2, 3, 1] }])
    const { stdout } = await cli.run('topics', 'describe', 'orders')
    const rows = stdout.split('\n').map(row => row.split(/ {2,}/))
    expect(rows[2]).toEqual(['PARTITION', 'LEADER', 'EPOCH', 'IN SYNC', 'REPLICA', 'ROLE', 'LOG START', 'LAST STABLE', 'HIGH WATERMARK', 'LOG END', 'ON DISK'])
    expect(rows.slice(3, 6)).toEqual([
      ['0', '2', '1', '2,3', '1', 'offline, out of sync', '-', '-', '-', '-', '-'],
      ['', '2', 'leader', '0', '0', '0', '0', '0'],
      ['', '3', 'follower', '0', '0', '0', '0', '0'],
    ])
    expect(stdout).toContain('\npartition 1 is being moved: 1 coming, 4 going\n')
    expect(await cli.json('topics', 'describe', 'orders')).toMatchObject({
      name: 'orders', partitions: [{ partition: 0, leader: 2, logEndOffset: 0, replicaStatus: [{ broker: 1, logEndOffset: null }, { broker: 2, role: 'leader', durableOffset: 0 }, {}] }, {}],
    })
  })

  it('describes which partition took whose place as a shard, and where closed ones end', async () => {
    await using cli = await withOrders()
    const { admin } = cli.gateway.backend
    const topic = await admin.reshard('orders', splitPlan((await admin.topics(['orders']))[0]!, 0))
    const { stdout } = await cli.run('topics', 'describe', 'orders')
    const rows = stdout.split('\n').map(row => row.split(/ {2,}/))
    const from = rows.findIndex(([first]) => first === 'SHARD')
    const closedAt = new Date((topic as Topic).partitions[0]!.seal!.atMs).toISOString()
    const [low, high] = evenHashKeys(2)
    const [left, right] = halves(low!)
    expect(rows.slice(from, from + 5)).toEqual([
      ['SHARD', 'PARENTS', 'STATE', 'HASH KEYS'],
      ['0', '-', `closed ${closedAt}, ends at 0`, `0 to ${low!.end}`],
      ['1', '-', 'open', `${high!.start} to ${high!.end}`],
      ['2', '0', 'open', `0 to ${left.end}`],
      ['3', '0', 'open', `${right.start} to ${right.end}`],
    ])
    expect(await cli.json('topics', 'describe', 'orders')).toMatchObject({
      partitions: [{ closed: { at: closedAt, endOffset: 0 } }, { shard: { hashKeys: high, parents: [] }, closed: null }, { shard: { parents: [0] } }, {}],
    })
  })

  it('says what an alteration changed, and what a deletion took', async () => {
    await using cli = await withOrders()
    const altered = await cli.run('topics', 'alter', 'orders', '--partitions', '3', '--config', 'retention.ms=5', 'segment.ms=7')
    expect(altered.stdout).toBe('orders: partitions 2 → 3\norders: retention.ms its default → 5\norders: segment.ms its default → 7\n')
    expect((await cli.run('topics', 'alter', 'orders', '--reset', 'retention.ms')).stdout).toBe('orders: retention.ms 5 → its default\n')
    expect((await cli.run('topics', 'delete', 'orders')).stdout).toMatch(/^orders \(id [0-9a-f-]{36}\) is deleted: 3 partitions and the records in them\n$/)
  })
})

describe('sluice topics reassign', () => {
  it('moves one partition, or gives that up', async () => {
    await using cli = await withOrders()
    expect((await cli.run('topics', 'reassign', 'orders', '--partition', '0', '--replicas', '1,2,4')).stdout).toBe('orders-0 moves to 1,2,4\n')
    expect(await cli.gateway.cluster.admin.reassignments(null)).toMatchObject([{ topic: 'orders', partition: 0, addingReplicas: [4] }])
    expect((await cli.run('topics', 'reassign', 'orders', '--cancel')).stdout).toBe('orders-0 stays where it was\n')
    expect(await cli.gateway.cluster.admin.reassignments(null)).toEqual([])
  })

  it('spreads a topic over brokers and waits until it is there', async () => {
    await using cli = await withOrders()
    const { cluster } = cli.gateway
    const done = cli.run('topics', 'reassign', 'orders', '--brokers', '1,2,3', '--wait')
    await vi.waitFor(() => expect(cli.stderr()).toMatch(/^moving orders: 1 partition left \(\d+ s\)\n/), { timeout: 30_000 })
    cluster.finishReassignments()
    expect(await done).toMatchObject({ code: 0, stdout: 'orders-1 is on 2,3,1\n' })
    expect((await cli.run('topics', 'reassign', 'orders', '--brokers', '1,2,3')).stdout).toBe('nothing to move: orders lies as it shall\n')
  })

  it('changes how many replicas there are', async () => {
    await using cli = await withOrders()
    expect((await cli.run('topics', 'reassign', 'orders', '--brokers', '1,2,3,4', '--replication-factor', '4')).code).toBe(0)
    const moving = await cli.gateway.cluster.admin.reassignments(null)
    expect(moving.map(one => one.replicas.toSorted())).toEqual(Array.from({ length: 2 }, () => [1, 2, 3, 4]))
  })

  it('says so where a move that it waits for is given up', async () => {
    await using cli = await withOrders()
    const done = cli.run('topics', 'reassign', 'orders', '--partition', '0', '--replicas', '4', '--wait')
    await vi.waitFor(async () => expect(await cli.gateway.cluster.admin.reassignments(null)).toHaveLength(1), { timeout: 30_000 })
    await cli.gateway.cluster.admin.reassign([{ topic: 'orders', partition: 0, replicas: null }])
    const { code, stderr } = await done
    expect([code, stderr]).toEqual([1, expect.stringContaining('orders-0 did not get to 4: somebody gave that up')])
  })

  it.each([
    [[], /^say where to: --partition and --replicas, or --brokers, or --cancel\n$/],
    [['--replicas', '1,2'], /^--replicas needs --partition; to move them all, give --brokers\n$/],
    [['--partition', '0', '--brokers', '1,2,3'], /^--brokers spreads all partitions; --partition goes with --replicas\n$/],
    [['--partition', '0', '--replicas', '1,two'], /^--replicas: 'two' is not a whole number\n$/],
    [['--partition', '0', '--replicas', '9'], /broker 9 is not registered\n$/],
    [['--brokers', '1,2,9'], /'brokers' names broker 9, which is not registered; there are 1, 2, 3, 4\n$/],
    [['--replication-factor', '3'], /^--replication-factor goes with --brokers\n$/],
    [['--cancel'], /^--cancel: no partition of orders is being moved\n$/],
  ])('refuses %j with one line', async (args, message) => {
    await using cli = await withOrders()
    const { code, stdout, stderr } = await cli.run('topics', 'reassign', 'orders', ...args)
    expect([code, stdout, stderr.trimEnd().split('\n')]).toEqual([1, '', [expect.any(String)]])
    expect(stderr).toMatch(message)
  })
})

describe('sluice topics elect', () => {
  it('gives partitions back to their preferred leaders', async () => {
    await using cli = await withOrders()
    await cli.gateway.cluster.brokers.restart(1)
    expect((await cli.run('topics', 'elect', 'orders')).stdout).toBe('orders-0 has a new leader\norders-1 was led as it shall be\n')
    expect(await cli.json('topics', 'elect', 'orders', '--partition', '0')).toEqual([{ topic: 'orders', partition: 0, elected: false, error: null }])
  })

  it('elects who is left only where it is told to', async () => {
    await using cli = await withOrders(1)
    const { brokers, admin } = cli.gateway.cluster
    for (const id of [3, 2, 1]) await brokers.stop(id)
    await admin.reassign([{ topic: 'orders', partition: 0, replicas: [1, 4] }])
    expect(await cli.run('topics', 'elect', 'orders')).toMatchObject({ code: 1, stderr: expect.stringContaining('the preferred leader 1 is not available') })
    expect((await cli.run('topics', 'elect', 'orders', '--unclean')).stdout).toBe('orders-0 has a new leader\n')
    expect((await admin.topics(['orders']))[0]!.partitions[0]).toMatchObject({ leader: 4, inSyncReplicas: [4] })
  })

  it('says in one line what failed for how many', async () => {
    await using cli = await withOrders(5)
    await cli.gateway.cluster.brokers.stop(1)
    expect(await cli.run('topics', 'elect', 'orders')).toMatchObject({ code: 1, stdout: '', stderr: 'orders-0: the preferred leader 1 is not available (and 1 other partition likewise)\n' })
  })
})
