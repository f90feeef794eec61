// start-position: read from the beginning, from the end while a producer writes, and from a moment.
import type { KinesisSide } from '../kinesis-side.ts'
import type { Scenario } from '../scenario.ts'

const before = Array.from({ length: 10 }, (_, index) => ({ key: 'k', value: `before-${index}` }))
const after = Array.from({ length: 5 }, (_, index) => ({ key: 'k', value: `after-${index}` }))

export const startPosition: Scenario = {
  slug: 'start-position',
  title: 'Start position',
  task: 'Write ten records, remember the moment and the end, write five more; then read from the beginning, from the remembered end and from the remembered moment.',
  number: 'calls until the first record from the beginning arrives',
  difference: 'A Kafka position is a number that the group coordinator keeps and that never goes stale; a shard iterator is a sealed token that the reader keeps, and it expires after five minutes.',
  migration: 'Keep the sequence number of the last record, never the iterator, and make a new iterator AFTER_SEQUENCE_NUMBER when it has expired.',
  snippets: {
    kafka: 'consumer.consume({ topics, mode: \'earliest\' })  // or listOffsets({ timestamp }) and mode \'manual\'',
    kinesis: 'GetShardIterator TRIM_HORIZON | LATEST | AT_TIMESTAMP, then GetRecords with each NextShardIterator',
  },
  documented: [{ text: 'A shard iterator expires 5 minutes after it is returned', source: 'Kinesis Data Streams API reference, GetShardIterator', date: 'undated' }],
  slots: 1,

  async kafka(side, { name }) {
    await side.send(name, before)
    const [end] = await side.recording.step('remember the end', () => side.offsets(name, -1))
    await pause()
    const moment = Date.now()
    await pause()
    await side.send(name, after)
    const callsBefore = side.recording.callCount
    const [first] = await side.recording.step('read from the beginning', () => side.read(name, 1, 'earliest'))
    const calls = side.recording.callCount - callsBefore
    const [fromEnd] = await side.recording.step('read from the remembered end', () => side.read(name, 1, [{ partition: 0, offset: end! }]))
    const [fromMoment] = await side.recording.step('read from the remembered moment', async () => {
      const [offset] = await side.offsets(name, moment)
      return side.read(name, 1, [{ partition: 0, offset: offset! }])
    })
    return {
      figure: { value: calls, unit: 'calls', label: 'measured here' },
      notes: [`beginning: ${first?.value} at offset ${first?.offset}`, `remembered end: ${fromEnd?.value} at offset ${fromEnd?.offset}`, `moment: ${fromMoment?.value} at offset ${fromMoment?.offset}`],
    }
  },

  async kinesis(side, { name }) {
    await side.putBatch(name, before)
    const shardId = (await side.shards(name))[0]!.ShardId!
    const end = await side.recording.step('remember the end', () => side.iterator(name, shardId, { type: 'LATEST' }))
    await pause()
    const moment = Date.now()
    await pause()
    await side.putBatch(name, after)
    const callsBefore = side.recording.callCount
    const first = await side.recording.step('read from the beginning', async () => firstFrom(side, await side.iterator(name, shardId, { type: 'TRIM_HORIZON' })))
    const calls = side.recording.callCount - callsBefore
    const fromEnd = await side.recording.step('read from the remembered end', () => firstFrom(side, end))
    const fromMoment = await side.recording.step('read from the remembered moment', async () => firstFrom(side, await side.iterator(name, shardId, { type: 'AT_TIMESTAMP', timestampMs: moment })))
    return {
      figure: { value: calls, unit: 'calls', label: 'measured here' },
      notes: [`beginning: ${first}`, `remembered end: ${fromEnd}`, `moment: ${fromMoment}`],
    }
  },
}

async function firstFrom(side: KinesisSide, from: string): Promise<string> {
  for (let iterator: string | undefined = from, polls = 0; iterator !== undefined && polls < 10; polls++) {
    const page = await side.get(iterator, 1)
    const [record] = page.Records ?? []
    if (record !== undefined) return `${Buffer.from(record.Data!).toString()} at sequence number ${record.SequenceNumber}`
    iterator = page.NextShardIterator
    await new Promise(resolve => setTimeout(resolve, 210))
  }
  return 'nothing'
}

/** Long enough for the moment to lie between two timestamps. */
function pause(): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, 20))
}
