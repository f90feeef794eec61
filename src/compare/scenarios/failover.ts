// failover: the broker behind a slot fails while records are written to it, and comes back.
import { setTimeout as delay } from 'node:timers/promises'
import { CannotPlay, type Cluster } from '../cluster.ts'
import type { Recording } from '../recording.ts'
import { median } from '../samples.ts'
import type { Outcome, Scenario } from '../scenario.ts'

/** Acknowledged writes in each part, at least. */
const writesMin = 30
/** Between two writes: far below what a shard's limits or a client's pauses would show. */
const everyMs = 10
const silenceMsMax = 60_000

const needsGateway = 'only a Sluice can be asked to let a broker fail: give its gateway with --gateway'

export const failover: Scenario = {
  slug: 'failover',
  title: 'Fail-over and high watermark',
  task: 'Write one record after the other while the broker behind the only slot fails, until it is back and leads again; read everything back.',
  number: 'longest time between two acknowledged writes',
  difference: 'A Kafka client takes part in a fail-over: its connection breaks, it asks who leads now, and sees a new leader epoch and NOT_LEADER answers; '
    + 'how much survives is for the topic to say (acks, min.insync.replicas). Kinesis names no broker and nothing to set: an answer just comes later.',
  migration: 'Leave the retries of the Kafka client on, with acks=all and idempotence; a Kinesis client only needs a timeout that is longer than the pause.',
  snippets: {
    kafka: 'producer.send({ topic, acks: -1, messages })  // min.insync.replicas=2 of 3 replicas',
    kinesis: 'client.send(new PutRecordCommand({ StreamName, PartitionKey, Data }))  // nothing to set',
  },
  documented: [
    { text: 'Kinesis Data Streams synchronously replicates data across three Availability Zones', source: 'Kinesis Data Streams FAQ', date: 'undated' },
  ],
  slots: 1,

  async kafka(side, { name, cluster }) {
    if (cluster === undefined) throw new CannotPlay(needsGateway)
    const table: Record<string, string | number>[] = []
    const course = await play(side.recording, cluster, {
      name,
      write: value => side.send(name, [{ key: 'k', value }]),
      look: async when => {
        const { leader, leaderEpoch, inSync, highWatermark } = await side.partition(name)
        table.push({ when, leader, 'leader epoch': leaderEpoch, 'in sync': inSync.join(' '), 'high watermark': highWatermark })
      },
    })
    const { highWatermark: end } = await side.partition(name)
    const read = await side.recording.step('read all back', () => side.read(name, end, 'earliest'))
    const notLeader = side.recording.outcomes.filter(one => one.error?.startsWith('NOT_LEADER')).reduce((sum, one) => sum + one.count, 0)
    return outcomeOf(course, read.map(record => record.value), table, [`NOT_LEADER answers seen: ${notLeader}`, `sends that the client gave up: ${course.failures.length}`])
  },

  async kinesis(side, { name, cluster }) {
    if (cluster === undefined) throw new CannotPlay(needsGateway)
    const table: Record<string, string | number>[] = []
    const shardId = (await side.shards(name))[0]!.ShardId!
    let last = ''
    const course = await play(side.recording, cluster, {
      name,
      write: async value => { last = (await side.put(name, { key: 'k', value })).SequenceNumber! },
      look: async when => { table.push({ when, shards: (await side.shards(name)).length, 'last sequence number': last }) },
    })
    const values: string[] = []
    await side.recording.step('read all back', async () => {
      let iterator: string | undefined = await side.iterator(name, shardId, { type: 'TRIM_HORIZON' })
      for (let behindMs = 1; behindMs > 0 && iterator !== undefined;) {
        const page = await side.get(iterator)
        values.push(...(page.Records ?? []).map(record => Buffer.from(record.Data!).toString()))
        iterator = page.NextShardIterator
        behindMs = page.MillisBehindLatest ?? 0
        await delay(210)
      }
    })
    return outcomeOf(course, values, table, [`errors that the SDK showed: ${course.failures.length}`, 'which broker led: no answer says'])
  },
}

interface Course {
  readonly acknowledged: readonly string[]
  /** Between one acknowledgement and the next. */
  readonly gapsMs: readonly number[]
  /** The longest gap from the moment that the broker was told to fail until it was told to come back, and from then on. */
  readonly failMs: number
  readonly returnMs: number
  readonly failures: readonly unknown[]
}

interface Play {
  readonly name: string
  write(value: string): Promise<unknown>
  /** Notes what the side shows of the slot. */
  look(when: string): Promise<void>
}

/** Writes without a break through the three parts: all is well, the leader has failed, it is back. Whatever happens, the broker runs again at the end. */
async function play(recording: Recording, cluster: Cluster, { name, write, look }: Play): Promise<Course> {
  const acknowledged: string[] = []
  const gapsMs: number[] = []
  const failures: unknown[] = []
  let lastMs = performance.now()
  /** Writes until `event` is over and as many records more are in; the longest gap meanwhile. */
  const writeUntil = async (event: Promise<unknown> | undefined): Promise<number> => {
    let isOver = event === undefined
    void event?.catch(() => {}).finally(() => { isOver = true })
    const from = gapsMs.length
    for (let left = writesMin; left > 0;) {
      const wasOver = isOver
      const value = `record-${acknowledged.length}`
      try {
        await write(value)
      } catch (error) {
        failures.push(error)
        if (performance.now() - lastMs > silenceMsMax) throw new Error(`no write was acknowledged for ${silenceMsMax / 1000} s`, { cause: error })
        await delay(everyMs)
        continue
      }
      acknowledged.push(value)
      gapsMs.push(performance.now() - lastMs)
      lastMs = performance.now()
      if (wasOver) left--
      await delay(everyMs)
    }
    return Math.max(...gapsMs.slice(from))
  }

  const leader = await cluster.leaderToFail(name)
  // Connections are made before the clock starts.
  await write('record-before-all')
  lastMs = performance.now()
  await recording.step(`write while broker ${leader} leads`, () => writeUntil(undefined))
  await look('before')
  lastMs = performance.now()
  let putBack: (() => Promise<void>) | undefined
  const failing = cluster.fail(leader).then(undo => { putBack = undo })
  try {
    const failMs = await recording.step('write while the leader fails', () => writeUntil(failing))
    await failing
    await look('failed over')
    lastMs = performance.now()
    const returning = putBack!()
    putBack = () => returning
    const returnMs = await recording.step('write while it comes back', () => writeUntil(returning))
    await returning
    await look('back')
    return { acknowledged: ['record-before-all', ...acknowledged], gapsMs, failMs, returnMs, failures }
  } finally {
    await failing.catch(() => {})
    await putBack?.()
  }
}

function outcomeOf(course: Course, read: readonly string[], table: NonNullable<Outcome['table']>, seen: readonly string[]): Outcome {
  const { acknowledged, failMs, returnMs, gapsMs } = course
  const stored = new Set(read)
  const lost = acknowledged.filter(value => !stored.has(value)).length
  return {
    figure: { value: Math.round(Math.max(...gapsMs)), unit: 'ms', label: 'measured here' },
    notes: [
      `records lost: ${lost} of ${acknowledged.length} acknowledged; stored twice: ${read.length - stored.size}`,
      ...seen,
      `longest pause when the leader failed: ${Math.round(failMs)} ms; when it came back: ${Math.round(returnMs)} ms; commonly ${Math.round(median(gapsMs))} ms, of which ${everyMs} are this task's own`,
    ],
    table,
  }
}
