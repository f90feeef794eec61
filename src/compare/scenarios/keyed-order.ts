// keyed-order: where each key lands on either side, and that its records stay in order there.
import { inversions, skewPercent } from '../samples.ts'
import type { Scenario } from '../scenario.ts'

const keys = Array.from({ length: 60 }, (_, index) => `customer-${index}`)
const perKey = 5
const records = Array.from({ length: perKey }, (_, turn) => keys.map(key => ({ key, value: `${key}#${turn}` }))).flat()

interface Seen {
  readonly key: string
  readonly slot: number
  readonly turn: number
}

export const keyedOrder: Scenario = {
  slug: 'keyed-order',
  title: 'Keyed placement and order',
  task: 'Send five records for each of 60 keys over three slots, read them all back, and see where each key landed and in which order.',
  number: 'skew: how far the fullest slot lies above the mean',
  difference: 'Kafka\'s client hashes the key with murmur2 modulo the partition count; Kinesis hashes it with MD5 into a range of 2^128 on the server. The same key lands in different slots.',
  migration: 'Never derive a slot number from a key in your own code, and drain one side before the other takes over a key.',
  snippets: {
    kafka: 'toPositive(murmur2(key)) % partitionCount',
    kinesis: 'the shard whose HashKeyRange holds MD5(PartitionKey), or ExplicitHashKey where given',
  },
  documented: [],
  slots: 3,

  async kafka(side, { name, shared }) {
    await side.recording.step(`send ${records.length} records`, () => side.send(name, records))
    const read = await side.recording.step('read all back', () => side.read(name, records.length, 'earliest'))
    const seen = read.map(record => ({ key: record.key, slot: record.partition, turn: turnOf(record.value) }))
    shared.set('kafka', new Map(seen.map(one => [one.key, one.slot])))
    return outcome(seen, 3, [])
  },

  async kinesis(side, { name, shared }) {
    const answers = await side.recording.step(`put ${records.length} records`, () => side.putBatch(name, records))
    const failed = answers.filter(answer => answer.ErrorCode !== undefined).length
    if (failed > 0) throw new Error(`${failed} of ${records.length} records were refused: ${answers.find(answer => answer.ErrorCode)?.ErrorCode}`)
    const seen: Seen[] = []
    await side.recording.step('read all back', async () => {
      for (const [slot, shard] of (await side.shards(name)).entries()) {
        const { Records = [] } = await side.get(await side.iterator(name, shard.ShardId!, { type: 'TRIM_HORIZON' }))
        seen.push(...Records.map(record => ({ key: record.PartitionKey!, slot, turn: turnOf(Buffer.from(record.Data!).toString()) })))
      }
    })
    const there = shared.get('kafka') as ReadonlyMap<string, number>
    const moved = new Set(seen.filter(one => there.get(one.key) !== one.slot).map(one => one.key)).size
    return outcome(seen, 3, [`${moved} of ${keys.length} keys lie in a slot of another number than on the Kafka side`])
  },
}

function turnOf(value: string): number {
  return Number(value.slice(value.indexOf('#') + 1))
}

function outcome(seen: readonly Seen[], slots: number, notes: readonly string[]): Awaited<ReturnType<Scenario['kafka']>> {
  const wrong = keys.reduce((sum, key) => sum + inversions(seen.filter(one => one.key === key).map(one => one.turn)), 0)
  const counts = Array.from({ length: slots }, (_, slot) => new Set(seen.filter(one => one.slot === slot).map(one => one.key)).size)
  return {
    figure: { value: skewPercent(counts), unit: '%', label: 'measured here' },
    notes: [`keys per slot: ${counts.join(', ')}`, `records out of order within a key: ${wrong}`, ...notes],
    table: keys.slice(0, 6).map(key => ({ key, slot: seen.find(one => one.key === key)?.slot ?? -1 })),
  }
}
