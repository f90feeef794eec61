import { describe, expect, it } from 'vitest'
import { DescribeLogDirs } from '../../../src/kafka/apis/35-describe-log-dirs.ts'
import { Refusal, type LogDirectory } from '../../../src/ports.ts'
import { buildBatch } from '../../../src/wire/batch.ts'
import { kafkaDesk, versionsOf, type Desk } from '../../support/kafka-desk.ts'

const alice = 'User:CN=alice'
const all = { topics: null }

function deskWith(...directories: readonly Partial<LogDirectory>[]): Desk {
  return kafkaDesk({
    admin: { logDirectories: async brokerId => directories.map(one => ({ brokerId, path: '/a', totalBytes: 1000, usableBytes: 700, replicas: [], ...one })) },
  })
}

describe('DescribeLogDirs', () => {
  it('shows the replicas with their sizes in every version, of all or of the named partitions', async () => {
    for (const version of versionsOf(DescribeLogDirs)) {
      const desk = kafkaDesk()
      await desk.topic('orders', 2)
      await desk.topic('payments')
      const batch = buildBatch([{ key: null, value: Buffer.from('a') }], { timestampMs: 1 })
      await desk.backend.logs.append({ topic: 'orders', partition: 1 }, batch, { acks: 'all', timeoutMs: 1 })
      const partition = (partitionIndex: number, partitionSize = 0) => ({ partitionIndex, partitionSize, offsetLag: 0, isFutureKey: false })
      const whole = await desk.send(DescribeLogDirs, version, all)
      expect(whole, `v${version}`).toEqual({
        throttleTimeMs: 0, errorCode: 0,
        results: [{
          errorCode: 0, logDir: '/memory', totalBytes: -1, usableBytes: -1,
          topics: [{ name: 'orders', partitions: [partition(0), partition(1, batch.bytes.length)] }, { name: 'payments', partitions: [partition(0)] }],
        }],
      })
      const part = await desk.send(DescribeLogDirs, version, { topics: [{ topic: 'orders', partitions: [1, 7] }, { topic: 'nowhere', partitions: [0] }] })
      expect(part.results[0]!.topics).toEqual([{ name: 'orders', partitions: [partition(1, batch.bytes.length)] }])
      expect((await desk.send(DescribeLogDirs, version, { topics: [] })).results[0]!.topics).toEqual([])
    }
  })

  it('shows replicas that are on their way into a directory, and how far they are behind', async () => {
    const at = { topic: 'orders', partition: 0 }
    const desk = deskWith({ replicas: [{ ...at, bytes: 90, lag: 0, isFuture: false }] }, { path: '/b', replicas: [{ ...at, bytes: 30, lag: 12, isFuture: true }] })
    const { results } = await desk.send(DescribeLogDirs, 4, all)
    expect(results.map(one => [one.logDir, one.topics[0]!.partitions[0]])).toEqual([
      ['/a', { partitionIndex: 0, partitionSize: 90, offsetLag: 0, isFutureKey: false }],
      ['/b', { partitionIndex: 0, partitionSize: 30, offsetLag: 12, isFutureKey: true }],
    ])
  })

  it('tells the bytes of the volume from v4 on, no more than the broker may hold', async () => {
    const replicas = [{ topic: 'orders', partition: 0, bytes: 90, lag: 0, isFuture: false }]
    const bytes = async (version: number, directory: Partial<LogDirectory>, topics: null | [] = null) => {
      const [result] = (await deskWith({ replicas, ...directory }).send(DescribeLogDirs, version, { topics })).results
      return [result!.totalBytes, result!.usableBytes]
    }
    expect(await bytes(3, {})).toEqual([-1, -1])
    expect(await bytes(4, {})).toEqual([1000, 700])
    expect(await bytes(4, { limitBytes: 200 })).toEqual([200, 110])
    expect(await bytes(4, { limitBytes: 200 }, []), 'whatever is asked for').toEqual([200, 110])
    expect(await bytes(4, { limitBytes: 80 })).toEqual([80, 0])
    expect(await bytes(4, { limitBytes: 5000 })).toEqual([1000, 700])
    expect(await bytes(4, { limitBytes: 5000, totalBytes: -1, usableBytes: -1 })).toEqual([5000, 4910])
  })

  it('says of a directory that failed that it did, and shows nothing in it', async () => {
    const replicas = [{ topic: 'orders', partition: 0, bytes: 90, lag: 0, isFuture: false }]
    const { results } = await deskWith({ failed: 'EIO', replicas }).send(DescribeLogDirs, 4, all)
    expect(results).toEqual([{ errorCode: 56, logDir: '/a', topics: [], totalBytes: -1, usableBytes: -1 }])
  })

  it('is about the broker that is asked', async () => {
    const asked: number[] = []
    const desk = kafkaDesk({ admin: { logDirectories: async id => { asked.push(id); return new Refusal('storage-error', 'gone') } } })
    expect(await desk.send(DescribeLogDirs, 3, all)).toMatchObject({ errorCode: 56, results: [] })
    expect(asked).toEqual([1])
  })

  it('needs DESCRIBE on the cluster', async () => {
    const desk = kafkaDesk()
    expect(await desk.send(DescribeLogDirs, 4, all, alice)).toMatchObject({ errorCode: 31, results: [] })
    expect(await desk.send(DescribeLogDirs, 2, all, alice)).toMatchObject({ errorCode: 0, results: [] })
    await desk.grant(alice, 'describe', 'cluster', 'kafka-cluster')
    expect((await desk.send(DescribeLogDirs, 4, all, alice)).results).toHaveLength(1)
  })
})
