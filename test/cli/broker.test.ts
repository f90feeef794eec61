// `sluice broker`, as a user types it, over brokers in memory.
import { describe, expect, it, vi } from 'vitest'
import { brokerCommand } from '../../src/cli/broker.ts'
import { commandLine, type CommandLine } from './run.ts'

const start = (brokerIds: readonly number[] = [1, 2, 3]): Promise<CommandLine> => commandLine({ broker: brokerCommand }, brokerIds)

describe('sluice broker', () => {
  it('lists brokers, with the reason why one is down', async () => {
    await using cli = await start()
    await cli.gateway.createTopic('orders', { partitions: 3 })
    await cli.gateway.cluster.brokers.setStorageLimit(1, 10 * 1024 ** 3)
    cli.gateway.cluster.breakDown(3, 'its disk failed: EIO')
    const { stdout } = await cli.run('broker', 'list')
    const rows = stdout.split('\n').map(row => row.split(/ {2,}/))
    expect(rows.slice(0, 4)).toEqual([
      ['ID', 'RACK', 'STATE', 'LEADS', 'REPLICAS', 'OUT OF SYNC', 'STORED', 'LIMIT', 'PORTS'],
      ['1', 'a', 'running', '1', '3', '0', '0 B', '10 GiB', 'kafka-tls 9094'],
      ['2', 'b', 'running', '1', '3', '0', '0 B', 'none', 'kafka-tls 9104'],
      ['3', 'c', 'down', '1', '3', '0', '-', 'none', '-'],
    ])
    expect(stdout).toContain('\nbroker 3 is down: its disk failed: EIO\n')
    expect(await cli.json('broker', 'list')).toMatchObject([{ id: 1, limitBytes: 10 * 1024 ** 3 }, { id: 2 }, { id: 3, isUp: false }])
  })

  it('stops, starts, restarts and fails one', async () => {
    await using cli = await start()
    expect((await cli.run('broker', 'stop', '2')).stdout).toBe('broker 2 is stopped\n')
    expect((await cli.run('broker', 'start', '2')).stdout).toBe('broker 2 is started\n')
    expect((await cli.run('broker', 'restart', '2')).stdout).toBe('broker 2 is restarted\n')
    expect((await cli.run('broker', 'fail', '2')).stdout).toBe('broker 2 has failed; it comes back with `sluice broker start 2`\n')
    expect(await cli.json('broker', 'start', '2')).toMatchObject({ id: 2, isUp: true })
  })

  it('adds one, and says where it is', async () => {
    await using cli = await start()
    expect((await cli.run('broker', 'add')).stdout).toBe('broker 4 is added in rack a, with /data/broker-4; it listens on kafka-tls 9124\n')
    expect(await cli.json('broker', 'add', '--id', '9', '--rack', 'z', '--dir', '/x', '/y')).toMatchObject({ id: 9, rack: 'z', directories: ['/x', '/y'] })
  })

  it('removes one, telling how many partitions are left while that takes its time', async () => {
    await using cli = await start([1, 2, 3, 4])
    await cli.gateway.createTopic('orders', { partitions: 2 })
    const moves = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    let begun = 0
    cli.gateway.cluster.beforeMove = () => moves[begun++]!.promise
    const removed = cli.run('broker', 'remove', '2')
    await vi.waitFor(() => expect(cli.stderr()).toContain('removing broker 2: 2 partitions left to move ('), { timeout: 30_000 })
    moves[0]!.resolve()
    await vi.waitFor(() => expect(cli.stderr()).toContain('removing broker 2: 1 partition left to move ('), { timeout: 30_000 })
    moves[1]!.resolve()
    expect(await removed).toMatchObject({ code: 0, stdout: 'broker 2 is removed\n' })
    expect((await cli.gateway.cluster.brokers.list()).map(one => one.id)).toEqual([1, 3, 4])
  })

  it('sets, shows and lifts the limit of what one may store', async () => {
    await using cli = await start()
    expect((await cli.run('broker', 'storage', '1', '--limit', '1.5GiB')).stdout).toBe('broker 1 holds 0 B; its limit is 1.5 GiB\n')
    expect((await cli.run('broker', 'storage', '1')).stdout).toBe('broker 1 holds 0 B; its limit is 1.5 GiB\n')
    expect(await cli.json('broker', 'storage', '1', '--limit', 'none')).toMatchObject({ id: 1, limitBytes: null })
  })

  it('shows data directories, and moves a replica to another', async () => {
    await using cli = await start([1])
    await cli.run('broker', 'add', '--id', '2', '--dir', '/x', '/y')
    await cli.gateway.createTopic('orders')
    expect((await cli.run('broker', 'move-replica', '2', '--topic', 'orders', '--partition', '0', '--to', '/y')).stdout)
      .toBe('orders-0 of broker 2 moves to /y; `sluice broker log-dirs 2` shows how far it is\n')
    const { stdout } = await cli.run('broker', 'log-dirs', '2')
    expect(stdout).toMatch(/^DIRECTORY +STATE +REPLICAS +STORED +LIMIT +DISK FREE +DISK\n\/x +ok +0 +0 B +none +512 MiB +1 GiB\n\/y +ok +1 +0 B /)
    expect(stdout).toMatch(/\n\n\/y\nTOPIC +PARTITION +STORED +LAG\norders +0 +0 B +0\n$/)
  })

  it('shows who holds the metadata', async () => {
    await using cli = await start([1, 2])
    await cli.gateway.cluster.brokers.stop(2)
    expect((await cli.run('broker', 'quorum')).stdout).toMatch(/^leader 1, epoch 3, high watermark 12\n\nVOTER +LOG END +LAG +LAST CAUGHT UP\n1 +12 +0 +2023-11-14T22:13:20.000Z\n2 +7 +5 +-\n$/)
    expect(await cli.json('broker', 'quorum')).toMatchObject({ leaderId: 1, voters: [{ id: 1 }, { id: 2, lag: 5 }] })
  })

  it.each([
    [['stop', '9'], /^POST \/admin\/brokers\/9\/stop: There is no broker 9; there are 1, 2, 3\n$/],
    [['stop', 'two'], /^broker id: 'two' is not a whole number\n$/],
    [['start', '1'], /^POST \/admin\/brokers\/1\/start: Broker 1 is running already/],
    [['remove', '9'], /^DELETE \/admin\/brokers\/9: There is no broker 9; there are 1, 2, 3\n$/],
    [['storage', '1', '--limit', '10GB'], /^--limit: '10GB' is not a size; write it as 10GiB, with one of B, KiB, MiB, GiB, TiB, PiB\n$/],
    [['add', '--id', '-4'], /^--id: '-4' is not a whole number\n$/],
    [['move-replica', '1', '--topic', 'orders', '--partition', '0', '--to', '/nowhere'], /Broker 1 has no data directory '\/nowhere'; it has \/data\/broker-1\n$/],
  ])('refuses %j with one line', async (args, message) => {
    await using cli = await start()
    const { code, stdout, stderr } = await cli.run('broker', ...args)
    expect([code, stdout, stderr.trimEnd().split('\n')]).toEqual([1, '', [expect.any(String)]])
    expect(stderr).toMatch(message)
  })

  it('passes on what stood in the way of a removal that had begun', async () => {
    await using cli = await start([1])
    expect(await cli.run('broker', 'remove', '1')).toEqual({
      code: 1, stdout: '', stderr: 'DELETE /admin/brokers/1: broker 1 is the only one: there is none to take its partitions\n',
    })
  })

  it('has an example in the help of each command', () => {
    for (const one of brokerCommand().commands) {
      let help = ''
      one.configureOutput({ writeOut: text => { help += text } }).outputHelp()
      expect(help).toContain(`Example: sluice broker ${one.name()}`)
    }
  })
})
