// kcat, python3-kafka and python3-confluent-kafka, as Debian has them: programs from before Kafka 2.8 that still run everywhere.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { confluentKafka, kafkaPython, kcat, runKcat, runPython } from '../support/kafka-clients.ts'
import { startSluice, type RunningSluice } from '../support/sluice.ts'

interface ListedPartition {
  readonly leader: number
  readonly replicas: readonly { readonly id: number }[]
  readonly isrs: readonly { readonly id: number }[]
}

let sluice: RunningSluice
let address: string

beforeAll(async () => {
  sluice = await startSluice()
  address = `127.0.0.1:${sluice.ports.kafkaPlaintext}`
})
afterAll(() => sluice?.[Symbol.asyncDispose]())

describe.skipIf(kcat.missing)(`kcat${kcat.note}`, () => {
  test('lists brokers and topics', async () => {
    await runKcat(address, ['-P', '-t', 'listed', '-K:'], { input: 'k:v\n' })
    const metadata = JSON.parse(await runKcat(address, ['-L', '-J'])) as { brokers: unknown; topics: { topic: string; partitions: ListedPartition[] }[] }
    expect(metadata.brokers).toEqual(sluice.brokers.map(({ id, kafkaPlaintext }) => ({ id, name: `127.0.0.1:${kafkaPlaintext}` })))
    const [partition] = metadata.topics.find(one => one.topic === 'listed')!.partitions
    expect(partition!.replicas.map(({ id }) => id).toSorted()).toEqual([1, 2, 3])
    expect(partition!.isrs).toEqual(partition!.replicas)
    expect(partition!.leader).toBe(partition!.replicas[0]!.id)
  })

  test('produces with every codec and consumes it', async () => {
    const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
    for (const codec of codecs) await runKcat(address, ['-P', '-t', 'coded', '-K:', '-H', 'h=x', '-z', codec], { input: `${codec}:one\n${codec}:two\n` })
    const read = await runKcat(address, ['-C', '-t', 'coded', '-o', 'beginning', '-e', '-q', '-f', '%o %k %s %h\n'])
    expect(read.trim().split('\n')).toEqual(codecs.flatMap((codec, at) => [`${at * 2} ${codec} one h=x`, `${at * 2 + 1} ${codec} two h=x`]))
    expect(await runKcat(address, ['-Q', '-t', 'coded:0:-1'])).toContain('offset 10')
  })

  test('consumes in a group and goes on where it committed', async () => {
    const member = ['-G', 'kcat-group', '-q', '-X', 'auto.offset.reset=earliest', '-X', 'session.timeout.ms=6000', '-f', '%s\n']
    await runKcat(address, ['-P', '-t', 'grouped'], { input: 'a\nb\n' })
    expect(await runKcat(address, [...member, '-c', '2', 'grouped'])).toBe('a\nb\n')
    await runKcat(address, ['-P', '-t', 'grouped'], { input: 'c\n' })
    expect(await runKcat(address, [...member, '-c', '1', 'grouped'])).toBe('c\n')
  })
})

test.skipIf(kafkaPython.missing)(`python3-kafka creates, produces, consumes in a group, administers${kafkaPython.note}`, async () => {
  const seen = await runPython('kafka_python_driver.py', { bootstrap: address, topic: 'python', group: 'python-group', tls: null }) as Record<string, unknown>
  expect(seen).toMatchObject({
    offsets: [0, 1, 2], records: [[1, 0, 'k', 'v0', 'x'], [1, 1, 'k', 'v1', 'x'], [1, 2, 'k', 'v2', 'x']],
    state: 'Stable', committed: 3, retention: '60000', partitions: 3, groups: expect.arrayContaining(['python-group']),
  })
  expect(seen['topics']).not.toContain('python')
})

test.skipIf(confluentKafka.missing)(`python3-confluent-kafka produces, consumes as a static member, administers${confluentKafka.note}`, async () => {
  const task = { bootstrap: address, topic: 'librdkafka', group: 'librdkafka-group', tls: null }
  const seen = await runPython('confluent_kafka_driver.py', task) as Record<string, unknown>
  const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
  expect(seen).toMatchObject({
    delivered: codecs.map((_, at) => [null, 1, at]), records: codecs.map((codec, at) => [1, at, codec, 200, 'x']),
    away: [['Stable', expect.stringMatching(/^seat-1-/)], true], back: ['Stable', 2, true, 5],
    fenced: expect.stringContaining('fenced by other consumer'), retention: '60000', partitions: 3,
  })
  expect(seen['topics']).not.toContain('librdkafka')
})
