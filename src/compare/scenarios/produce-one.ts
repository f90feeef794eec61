// produce-one: send one keyed record of 1 KB and read back its address.
import type { Scenario } from '../scenario.ts'
import { median, valueOf } from '../samples.ts'

const rounds = 20

export const produceOne: Scenario = {
  slug: 'produce-one',
  title: 'Produce one record',
  task: 'Send one keyed record of 1 KB and learn its address; twenty times, one after the other.',
  number: 'bytes out for one 1 KB record',
  difference: 'Kafka answers with a dense 64-bit offset over one long connection; Kinesis answers with a sparse 56-digit sequence number, the data travels as base64 and every request is signed.',
  migration: 'Store positions as text: a sequence number does not fit a 64-bit integer. The bridge turns one into the other.',
  snippets: {
    kafka: 'producer.send({ topic, acks: -1, messages: [{ key, value }] })',
    kinesis: 'client.send(new PutRecordCommand({ StreamName, PartitionKey, Data }))',
  },
  documented: [{ text: 'Put-to-get delay is typically under one second', source: 'Kinesis Data Streams developer guide', date: 'undated' }],
  slots: 3,

  async kafka(side, { name }) {
    const places: string[] = []
    await side.send(name, [{ key: 'warm-up', value: valueOf(16) }])
    for (let round = 0; round < rounds; round++) {
      const [place] = await side.recording.step(`send record ${round}`, () => side.send(name, [{ key: `k${round}`, value: valueOf(1000) }]))
      places.push(`partition ${place!.partition}, offset ${place!.offset}`)
    }
    return {
      figure: { value: Math.round(side.recording.bytesOut / rounds), unit: 'bytes', label: 'measured here' },
      notes: [`last address: ${places.at(-1)}`, `median round trip ${median(roundTrips(side.recording.steps, 'Produce'))} ms`],
    }
  },

  async kinesis(side, { name }) {
    let address = ''
    await side.put(name, { key: 'warm-up', value: valueOf(16) })
    for (let round = 0; round < rounds; round++) {
      const { ShardId, SequenceNumber } = await side.recording.step(`put record ${round}`, () => side.put(name, { key: `k${round}`, value: valueOf(1000) }))
      address = `${ShardId}, ${SequenceNumber}`
    }
    return {
      figure: { value: Math.round(side.recording.bytesOut / rounds), unit: 'bytes', label: 'measured here' },
      notes: [`last address: ${address}`, `median round trip ${median(roundTrips(side.recording.steps, 'PutRecord'))} ms`],
    }
  },
}

function roundTrips(steps: readonly { readonly calls: readonly { readonly name: string; readonly durationMs: number }[] }[], api: string): number[] {
  return steps.flatMap(step => step.calls.filter(call => call.name.startsWith(api)).map(call => call.durationMs))
}
