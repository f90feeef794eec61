// Load on a Kafka listener from a process of its own: produces batches or fetches a topic over one connection with our own wire code, and prints one
// line of JSON. Records are made before the clock starts; what is measured is the server, not this client.
//   node bench/load/kafka.ts produce PORT TOPIC --batch-bytes N --record-bytes N --batches N --in-flight N [--value BASE64, of every record]
//   node bench/load/kafka.ts pace PORT TOPIC --batch-bytes N --record-bytes N --rate N       so many batches a second until standard input ends; the line has each one's
//                                                                                            time on the clock and how long it took, in milliseconds
//   node bench/load/kafka.ts fetch PORT TOPIC --fetch-bytes N --offset N --until N --rounds N
//   node bench/load/kafka.ts create PORT TOPIC --replication N
//   node bench/load/kafka.ts leader PORT TOPIC       the port of whoever leads its first partition
import { connect, type Socket } from 'node:net'
import { parseArgs } from 'node:util'
import { Produce } from '../../src/kafka/apis/00-produce.ts'
import { Fetch } from '../../src/kafka/apis/01-fetch.ts'
import { Metadata } from '../../src/kafka/apis/03-metadata.ts'
import { CreateTopics } from '../../src/kafka/apis/19-create-topics.ts'
import { FrameAssembler } from '../../src/kafka/frame.ts'
import { Batch, buildBatch } from '../../src/wire/batch.ts'
import { Reader, Writer } from '../../src/wire/bytes.ts'
import type { AnswerOf, Api, Draft, Shape } from '../../src/wire/schema.ts'

const number = (fallback: number) => ({ type: 'string', default: String(fallback) }) as const
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    'batch-bytes': number(1_000_000), 'record-bytes': number(1024), 'batches': number(200), 'in-flight': number(1),
    'fetch-bytes': number(8 * 1024 * 1024), 'offset': number(0), 'until': number(0), 'rounds': number(1), 'replication': number(1), 'rate': number(100),
    'host': { type: 'string', default: '127.0.0.1' }, 'value': { type: 'string' },
  },
})
const [task = '', port = '', topic = ''] = positionals
const option = (name: 'batch-bytes' | 'record-bytes' | 'batches' | 'in-flight' | 'fetch-bytes' | 'offset' | 'until' | 'rounds' | 'replication' | 'rate'): number => Number(values[name])

/** One connection; answers come in the order of the requests. */
class Connection {
  readonly #socket: Socket
  readonly #frames = new FrameAssembler(256 * 1024 * 1024)
  readonly #waiting: ((frame: Buffer) => void)[] = []

  constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', chunk => {
      this.#frames.push(chunk as Buffer)
      for (let frame = this.#frames.next(); frame !== undefined; frame = this.#frames.next()) this.#waiting.shift()!(frame)
    })
    socket.on('close', () => process.exit(this.#waiting.length === 0 ? 0 : 1))
  }

  async ask<Q extends Shape, R extends Shape>(api: Api<Q, R>, version: number, request: Draft<Q>): Promise<AnswerOf<Api<Q, R>>> {
    const writer = new Writer()
    writer.int32(0)
    writer.int16(api.key)
    writer.int16(version)
    writer.int32(1)
    writer.nullableString('bench')
    if (api.request.isFlexible(version)) writer.uvarint(0)
    api.request.write(writer, request, version)
    const parts = writer.finish()
    parts[0]!.writeInt32BE(writer.size - 4)
    const answered = new Promise<Buffer>(resolve => this.#waiting.push(resolve))
    this.#socket.cork()
    for (const part of parts) this.#socket.write(part)
    this.#socket.uncork()
    const reader = new Reader(await answered)
    reader.int32()
    if (api.response.isFlexible(version)) reader.uvarint()
    return api.response.decode(reader, version) as AnswerOf<Api<Q, R>>
  }

  end(): void {
    this.#socket.end()
  }
}

function batchOf(count: number): Batch {
  const given = values.value === undefined ? undefined : Buffer.from(values.value, 'base64')
  return buildBatch(Array.from({ length: count }, (_, index) => ({ key: null, value: given ?? Buffer.alloc(option('record-bytes'), index) })), { timestampMs: Date.now() })
}

async function send(connection: Connection, batch: Batch): Promise<void> {
  const topicData = [{ name: topic, partitionData: [{ index: 0, records: batch.bytes }] }]
  const { responses } = await connection.ask(Produce, 9, { acks: -1, timeoutMs: 30_000, topicData })
  const { errorCode, errorMessage } = responses[0]!.partitionResponses[0]!
  if (errorCode !== 0) throw new Error(`produce failed with ${errorCode}: ${errorMessage}`)
}

function recordsPerBatch(): number {
  return Math.max(1, Math.floor(option('batch-bytes') / (option('record-bytes') + 12)))
}

async function produce(connection: Connection): Promise<object> {
  const count = recordsPerBatch()
  const batch = batchOf(count)
  const latenciesMs: number[] = []
  let left = option('batches')
  const sender = async (): Promise<void> => {
    while (left-- > 0) {
      const startedAt = performance.now()
      await send(connection, batch)
      latenciesMs.push(performance.now() - startedAt)
    }
  }
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: option('in-flight') }, sender))
  const seconds = (performance.now() - startedAt) / 1000
  latenciesMs.sort((a, b) => a - b)
  const at = (share: number): number => latenciesMs[Math.min(latenciesMs.length - 1, Math.floor(share * latenciesMs.length))]!
  return {
    records: count * latenciesMs.length, bytes: batch.bytes.length * latenciesMs.length, seconds,
    latencyMs: { p50: at(0.5), p99: at(0.99), max: latenciesMs.at(-1) },
  }
}

/** Batches are sent when they are due, however long those before take, and their time is counted from then: a server that stands still is not spared. */
async function pace(connection: Connection): Promise<object> {
  const batch = batchOf(recordsPerBatch())
  const sent: [number, number][] = []
  const waiting = new Set<Promise<void>>()
  const startedAt = performance.now()
  let isOver = false
  process.stdin.on('end', () => { isOver = true }).resume()
  for (let due = startedAt; !isOver; due += 1000 / option('rate')) {
    await new Promise(resolve => setTimeout(resolve, Math.max(0, due - performance.now())))
    const answered = send(connection, batch).then(() => {
      sent.push([Math.round(performance.timeOrigin + due), Math.round((performance.now() - due) * 1000) / 1000])
      waiting.delete(answered)
    })
    waiting.add(answered)
  }
  await Promise.all(waiting)
  return sent
}

async function fetch(connection: Connection): Promise<object> {
  const fetchBytes = option('fetch-bytes')
  let offset = option('offset')
  let records = 0
  let bytes = 0
  let answers = 0
  let round = 0
  const startedAt = performance.now()
  while (round < option('rounds')) {
    const { responses } = await connection.ask(Fetch, 11, {
      maxWaitMs: 1000, minBytes: 1, maxBytes: fetchBytes,
      topics: [{ topic, partitions: [{ partition: 0, fetchOffset: offset, partitionMaxBytes: fetchBytes }] }],
    })
    const { errorCode, records: slice } = responses[0]!.partitions[0]!
    if (errorCode !== 0 || slice === null) throw new Error(`fetch at ${offset} failed with ${errorCode}`)
    answers++
    if (slice.length === 0) continue
    const batches = Batch.split(slice)
    records += batches.at(-1)!.nextOffset - offset
    bytes += slice.length
    offset = batches.at(-1)!.nextOffset
    if (offset < option('until')) continue
    round++
    offset = option('offset')
  }
  return { records, bytes, answers, seconds: (performance.now() - startedAt) / 1000 }
}

async function create(connection: Connection): Promise<object> {
  const wanted = { name: topic, numPartitions: 1, replicationFactor: option('replication'), assignments: [], configs: [] }
  const { topics } = await connection.ask(CreateTopics, 5, { topics: [wanted], timeoutMs: 10_000, validateOnly: false })
  return { name: topic, errorCode: topics[0]!.errorCode }
}

async function leader(connection: Connection): Promise<object> {
  const { brokers, topics } = await connection.ask(Metadata, 8, { topics: [{ name: topic }], allowAutoTopicCreation: false })
  const { leaderId } = topics[0]!.partitions[0]!
  return { id: leaderId, port: brokers.find(({ nodeId }) => nodeId === leaderId)!.port }
}

const tasks: Readonly<Record<string, (connection: Connection) => Promise<object>>> = { produce, pace, fetch, create, leader }
const run = tasks[task]
if (run === undefined) throw new Error(`'${task}' is none of ${Object.keys(tasks).join(', ')}`)
const socket = connect({ port: Number(port), host: values.host })
await new Promise<void>((resolve, reject) => {
  socket.once('connect', resolve)
  socket.once('error', reject)
})
const connection = new Connection(socket)
const line = `${JSON.stringify(await run(connection))}\n`
// A long line takes a pipe a while.
await new Promise<void>(resolve => process.stdout.write(line, () => resolve()))
connection.end()
