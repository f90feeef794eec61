// Load on a Kinesis listener from a process of its own, over plain HTTP/1.1 connections with one request at a time on each. Puts are built and signed before the clock
// starts; signatures last five minutes, and so does this. Prints one line of JSON.
//   node bench/load/kinesis.ts create|put-records|put-record|get-records PORT STREAM [--shards N] [--in-flight N] [--records N] [--record-bytes N] [--seconds N] [--key-id ID] [--secret SECRET]
import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import aws4 from 'aws4'

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    'shards': { type: 'string', default: '4' }, 'in-flight': { type: 'string', default: '16' }, 'records': { type: 'string', default: '500' }, 'record-bytes': { type: 'string', default: '1024' },
    'seconds': { type: 'string', default: '10' }, 'key-id': { type: 'string', default: 'test' }, 'secret': { type: 'string', default: 'test' },
  },
})
const [task, port, stream] = positionals
const inFlight = Number(values['in-flight'])
const milliseconds = Number(values.seconds) * 1_000
const distinctRequests = 8

interface Measured {
  readonly operations: number
  readonly records: number
  readonly milliseconds: number
  readonly latenciesMs: number[]
}

/** A whole request as it goes over the wire. */
function signedRequest(operation: string, input: object): Buffer {
  const body = JSON.stringify(input)
  const signed = aws4.sign({
    service: 'kinesis', region: 'us-east-1', host: `127.0.0.1:${port}`, method: 'POST', path: '/', body,
    headers: { 'Content-Type': 'application/x-amz-json-1.1', 'X-Amz-Target': `Kinesis_20131202.${operation}` },
  }, { accessKeyId: values['key-id'], secretAccessKey: values.secret })
  const head = Object.entries(signed.headers).map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return Buffer.from(`POST / HTTP/1.1\r\n${head}\r\n${body}`)
}

/** Resolves with the body of the answer once all of it is there; anything but 200 rejects. */
function answerOf(socket: Socket): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    let bodyFrom = 0
    let expected: number | 'chunked' = Infinity
    const onData = (chunk: Buffer): void => {
      chunks.push(chunk)
      bytes += chunk.length
      if (bodyFrom === 0) {
        const head = Buffer.concat(chunks).toString('latin1', 0, 16_384)
        const end = head.indexOf('\r\n\r\n')
        if (end < 0) return
        bodyFrom = end + 4
        const length = /\r\ncontent-length: (\d+)/i.exec(head.slice(0, end))?.[1]
        expected = length === undefined ? 'chunked' : bodyFrom + Number(length)
        if (!head.startsWith('HTTP/1.1 200')) return settle(new Error(head.slice(0, 2_000)))
      }
      const isWhole = expected === 'chunked' ? chunk.toString('latin1').endsWith('0\r\n\r\n') : bytes >= expected
      if (isWhole) settle()
    }
    const onClose = (): void => settle(new Error('the connection was closed'))
    const settle = (error?: Error): void => {
      socket.off('data', onData).off('close', onClose)
      if (error !== undefined) return reject(error)
      const body = Buffer.concat(chunks).subarray(bodyFrom)
      resolve(expected === 'chunked' ? unchunked(body) : body)
    }
    socket.on('data', onData).on('close', onClose)
  })
}

function unchunked(body: Buffer): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; ;) {
    const end = body.indexOf('\r\n', at)
    const length = Number.parseInt(body.toString('latin1', at, end), 16)
    if (length === 0) return Buffer.concat(parts)
    parts.push(body.subarray(end + 2, end + 2 + length))
    at = end + 4 + length
  }
}

async function ask(socket: Socket, request: Buffer): Promise<Buffer> {
  const answered = answerOf(socket)
  socket.write(request)
  return answered
}

async function askJson<T>(socket: Socket, operation: string, input: object): Promise<T> {
  return JSON.parse((await ask(socket, signedRequest(operation, input))).toString() || 'null') as T
}

function connected(): Socket {
  return connect(Number(port), '127.0.0.1').setNoDelay(true)
}

/** Waits until the stream is there, as peers take their time. */
async function create(): Promise<void> {
  const socket = connected()
  await askJson(socket, 'CreateStream', { StreamName: stream, ShardCount: Number(values.shards) })
  for (;;) {
    const { StreamDescriptionSummary: { StreamStatus } } = await askJson<{ StreamDescriptionSummary: { StreamStatus: string } }>(socket, 'DescribeStreamSummary', { StreamName: stream })
    if (StreamStatus === 'ACTIVE') break
    await pause(50)
  }
  socket.destroy()
}

async function put(requests: readonly Buffer[], recordsPerRequest: number): Promise<Measured> {
  const latenciesMs: number[] = []
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: inFlight }, async (_, nth) => {
    const socket = connected()
    for (let at = nth; performance.now() - startedAt < milliseconds; at++) {
      const sentAt = performance.now()
      const answer = await ask(socket, requests[at % requests.length]!)
      latenciesMs.push(performance.now() - sentAt)
      if (recordsPerRequest > 1 && !answer.includes('"FailedRecordCount":0')) throw new Error(answer.toString('utf8', 0, 500))
    }
    socket.destroy()
  }))
  return { operations: latenciesMs.length, records: latenciesMs.length * recordsPerRequest, milliseconds: performance.now() - startedAt, latenciesMs }
}

/** Reads every shard from its oldest record, all shards side by side, over and over until the time is up. */
async function get(): Promise<Measured> {
  const latenciesMs: number[] = []
  let records = 0
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: Number(values.shards) }, async (_, shard) => {
    const socket = connected()
    const ShardId = `shardId-${String(shard).padStart(12, '0')}`
    while (performance.now() - startedAt < milliseconds) {
      let iterator = (await askJson<{ ShardIterator: string }>(socket, 'GetShardIterator', { StreamName: stream, ShardId, ShardIteratorType: 'TRIM_HORIZON' })).ShardIterator
      for (;;) {
        const request = signedRequest('GetRecords', { ShardIterator: iterator, Limit: 1_000 })
        const sentAt = performance.now()
        const answer = await ask(socket, request)
        latenciesMs.push(performance.now() - sentAt)
        // Counted without taking the records apart: the client is not what is measured.
        const text = answer.toString('latin1')
        const count = text.split('"SequenceNumber"').length - 1
        records += count
        iterator = /"NextShardIterator":"([^"]+)"/.exec(text)![1]!
        if (count === 0 || performance.now() - startedAt > milliseconds) break
      }
    }
    socket.destroy()
  }))
  return { operations: latenciesMs.length, records, milliseconds: performance.now() - startedAt, latenciesMs }
}

function record(seed: number, at: number): { PartitionKey: string; Data: string } {
  return { PartitionKey: `key-${seed}-${at}`, Data: randomBytes(Number(values['record-bytes'])).toString('base64') }
}

function print({ operations, records, milliseconds: ms, latenciesMs }: Measured): void {
  latenciesMs.sort((a, b) => a - b)
  const quantile = (share: number): number => latenciesMs[Math.min(latenciesMs.length - 1, Math.floor(latenciesMs.length * share))]!
  const { user, system } = process.cpuUsage()
  const figures = { operations, records, seconds: ms / 1_000, recordsPerSecond: (records / ms) * 1_000, p50Ms: quantile(0.5), p99Ms: quantile(0.99), clientCpuSeconds: (user + system) / 1e6 }
  process.stdout.write(`${JSON.stringify(figures)}\n`)
}

if (task === 'create') await create()
else if (task === 'get-records') print(await get())
else if (task === 'put-record') {
  print(await put(Array.from({ length: 256 }, (_, seed) => signedRequest('PutRecord', { StreamName: stream, ...record(seed, 0) })), 1))
} else if (task === 'put-records') {
  const perRequest = Number(values.records)
  const batches = Array.from({ length: distinctRequests }, (_, seed) => Array.from({ length: perRequest }, (_item, at) => record(seed, at)))
  print(await put(batches.map(Records => signedRequest('PutRecords', { StreamName: stream, Records })), perRequest))
} else throw new Error(`there is no task '${task}': create, put-records, put-record or get-records`)
