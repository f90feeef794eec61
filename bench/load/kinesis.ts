// Load on a Kinesis listener from a process of its own: PutRecords requests that were built and signed before the clock starts, one at a time on each of a number of
// plain HTTP/1.1 connections. Prints one line of JSON. Signatures last five minutes, and so does this.
//   node bench/load/kinesis.ts PORT STREAM --in-flight N --records N --record-bytes N --seconds N --key-id ID --secret SECRET
import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { parseArgs } from 'node:util'
import aws4 from 'aws4'

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    'in-flight': { type: 'string', default: '16' }, 'records': { type: 'string', default: '500' }, 'record-bytes': { type: 'string', default: '1024' },
    'seconds': { type: 'string', default: '10' }, 'key-id': { type: 'string', default: 'test' }, 'secret': { type: 'string', default: 'test' },
  },
})
const [port, stream] = positionals
const inFlight = Number(values['in-flight'])
const recordsPerRequest = Number(values.records)
const milliseconds = Number(values.seconds) * 1_000
const distinctRequests = 8

/** A whole request as it goes over the wire. */
function signedRequest(seed: number): Buffer {
  const data = Array.from({ length: recordsPerRequest }, (_, at) => ({ PartitionKey: `key-${seed}-${at}`, Data: randomBytes(Number(values['record-bytes'])).toString('base64') }))
  const body = JSON.stringify({ StreamName: stream, Records: data })
  const signed = aws4.sign({
    service: 'kinesis', region: 'us-east-1', host: `127.0.0.1:${port}`, method: 'POST', path: '/', body,
    headers: { 'Content-Type': 'application/x-amz-json-1.1', 'X-Amz-Target': 'Kinesis_20131202.PutRecords' },
  }, { accessKeyId: values['key-id'], secretAccessKey: values.secret })
  const head = Object.entries(signed.headers).map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return Buffer.from(`POST / HTTP/1.1\r\n${head}\r\n${body}`)
}

/** Resolves with the length of the answer once all of it is there; anything but a full success rejects. */
function answerOf(socket: Socket): Promise<number> {
  return new Promise((resolve, reject) => {
    let bytes = 0
    let expected = Infinity
    const onData = (chunk: Buffer): void => {
      if (bytes === 0) {
        const head = chunk.toString('latin1', 0, 2_048)
        const end = head.indexOf('\r\n\r\n')
        expected = end + 4 + Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1])
        if (!head.startsWith('HTTP/1.1 200') || !head.includes('"FailedRecordCount":0')) return settle(new Error(head.slice(0, 1_000)))
      }
      bytes += chunk.length
      if (bytes >= expected) settle()
    }
    const onClose = (): void => settle(new Error('the connection was closed'))
    const settle = (error?: Error): void => {
      socket.off('data', onData).off('close', onClose)
      if (error === undefined) resolve(bytes)
      else reject(error)
    }
    socket.on('data', onData).on('close', onClose)
  })
}

const requests = Array.from({ length: distinctRequests }, (_, seed) => signedRequest(seed))
const latenciesMs: number[] = []
const startedAt = performance.now()
await Promise.all(Array.from({ length: inFlight }, async (_, nth) => {
  const socket = connect(Number(port), '127.0.0.1').setNoDelay(true)
  for (let at = nth; performance.now() - startedAt < milliseconds; at++) {
    const sentAt = performance.now()
    const answered = answerOf(socket)
    socket.write(requests[at % requests.length]!)
    await answered
    latenciesMs.push(performance.now() - sentAt)
  }
  socket.destroy()
}))
const seconds = (performance.now() - startedAt) / 1_000
latenciesMs.sort((a, b) => a - b)
const quantile = (share: number): number => latenciesMs[Math.min(latenciesMs.length - 1, Math.floor(latenciesMs.length * share))]!
const records = latenciesMs.length * recordsPerRequest
const { user, system } = process.cpuUsage()
process.stdout.write(`${JSON.stringify({ records, seconds, recordsPerSecond: records / seconds, p50Ms: quantile(0.5), p99Ms: quantile(0.99), clientCpuSeconds: (user + system) / 1e6 })}\n`)
