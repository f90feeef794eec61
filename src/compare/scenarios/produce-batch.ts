// produce-batch: 500 records in one call of which some must fail; the failed ones are sent again.
import { innermost } from '../kafka-side.ts'
import { inversions, valueOf } from '../samples.ts'
import type { Scenario } from '../scenario.ts'

const count = 500
/** Where a large record no longer fits, a small one behind it still may. */
const valueBytes = (index: number): number => (index % 10 === 9 ? 400 : 3000)
const records = Array.from({ length: count }, (_, index) => ({ key: 'one-key', value: valueOf(valueBytes(index), `${index};`) }))
const indexOf = (value: string): number => Number(value.slice(0, value.indexOf(';')))

export const produceBatch: Scenario = {
  slug: 'produce-batch',
  title: 'Batch with partial failure',
  task: 'Send 500 records, most of 3 KB, under one key in one call, which is more than one slot takes; send again what failed; read all back.',
  number: 'records that failed in the first call, of 500',
  difference: 'Kafka takes or refuses a whole record batch per partition, so a retry keeps the order; Kinesis answers 200 with some entries failed, and retrying just those moves them behind the rest.',
  migration: 'Look at FailedRecordCount even when the call succeeded; where order matters send one record at a time with SequenceNumberForOrdering, or carry a sequence of your own.',
  snippets: {
    kafka: 'producer.send({ topic, messages })  // MESSAGE_TOO_LARGE refuses the batch: halve it and send again',
    kinesis: 'const { FailedRecordCount, Records } = await client.send(new PutRecordsCommand({ StreamName, Records }))',
  },
  documented: [{ text: 'A shard takes 1 MB/s or 1,000 records/s; PutRecords does not guarantee the order of records', source: 'Kinesis Data Streams API reference', date: 'undated' }],
  slots: 1,

  async kafka(side, { name }) {
    let failed = 0
    let refusal = ''
    const send = async (from: number, to: number): Promise<void> => {
      try {
        await side.recording.step(`send records ${from} to ${to - 1} as one batch`, () => side.send(name, records.slice(from, to)))
      } catch (error) {
        if (to - from === 1) throw error
        refusal ||= innermost(error)
        failed ||= to - from
        const middle = (from + to) >> 1
        await send(from, middle)
        await send(middle, to)
      }
    }
    await send(0, count)
    const read = await side.recording.step('read all back', () => side.read(name, count, 'earliest'))
    return {
      figure: { value: failed, unit: 'records', label: 'limit enforced' },
      notes: [`the first batch was refused as a whole: ${refusal || 'no'}`, `order inversions after the retry: ${inversions(read.map(record => indexOf(record.value)))}`],
    }
  },

  async kinesis(side, { name }) {
    let pending = records
    let failed = 0
    let attempts = 0
    let reason = ''
    while (pending.length > 0) {
      const answers = await side.recording.step(`put ${pending.length} records`, () => side.putBatch(name, pending))
      const refused = pending.filter((_, at) => answers[at]?.ErrorCode !== undefined)
      reason ||= answers.find(answer => answer.ErrorCode !== undefined)?.ErrorCode ?? ''
      if (attempts++ === 0) failed = refused.length
      pending = refused
      if (pending.length > 0) await new Promise(resolve => setTimeout(resolve, 300))
    }
    const [shard] = await side.shards(name)
    const order: number[] = []
    await side.recording.step('read all back', async () => {
      let iterator: string | undefined = await side.iterator(name, shard!.ShardId!, { type: 'TRIM_HORIZON' })
      while (order.length < count && iterator !== undefined) {
        const page = await side.get(iterator)
        order.push(...(page.Records ?? []).map(record => indexOf(Buffer.from(record.Data!).toString())))
        iterator = page.NextShardIterator
      }
    })
    return {
      figure: { value: failed, unit: 'records', label: 'limit enforced' },
      notes: [`the call succeeded; entries failed with ${reason || 'nothing'}`, `calls until all were in: ${attempts}`, `order inversions after the retry: ${inversions(order)}`],
    }
  },
}
