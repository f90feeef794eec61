// Consumers of one shard by enhanced fan-out, from a process of their own: an HTTP/2 session each, as AWS's SDK for JavaScript has it. Prints one line of JSON.
//   node bench/load/fan-out.ts latency|rate PORT STREAM [--consumers N] [--seconds N] [--position LATEST|TRIM_HORIZON] [--put-bytes-per-second N] [--server-pid N] [--warm-up SECONDS]
// latency: puts 1,000 records a second itself, ten at a time, built and signed beforehand, and sees when each is pushed to its one consumer.
// rate: what each consumer gets, while as many bytes a second are put (none: what is there is read), and what both ends use of a processor meanwhile.
import { Agent, request as httpRequest } from 'node:http'
import { connect } from 'node:http2'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import aws4 from 'aws4'
import { EventDecoder } from '../../src/wire/event-stream.ts'
import { processorMs } from '../served.ts'

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    'consumers': { type: 'string', default: '1' }, 'seconds': { type: 'string', default: '10' }, 'position': { type: 'string', default: 'LATEST' }, 'put-bytes-per-second': { type: 'string', default: '0' },
    'warm-up': { type: 'string', default: '1' }, 'server-pid': { type: 'string', default: String(process.pid) },
  },
})
const [task, port, stream] = positionals as [string, string, string]
const seconds = Number(values.seconds)
const StreamARN = `arn:aws:kinesis:us-east-1:000000000000:stream/${stream}`
const recordBytes = 1_024
const windowBytes = 1_048_576
const agent = new Agent({ keepAlive: true })

interface Signed {
  readonly headers: Record<string, string>
  readonly body: string
}

function signed(operation: string, input: object): Signed {
  const body = JSON.stringify(input)
  const { headers } = aws4.sign({
    service: 'kinesis', region: 'us-east-1', host: `127.0.0.1:${port}`, method: 'POST', path: '/', body,
    headers: { 'Content-Type': 'application/x-amz-json-1.1', 'X-Amz-Target': `Kinesis_20131202.${operation}` },
  }, { accessKeyId: 'test', secretAccessKey: 'test' })
  return { headers: headers as Record<string, string>, body }
}

/** Resolves with the answer; anything but 200 rejects. */
function ask({ headers, body }: Signed): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ port, host: '127.0.0.1', method: 'POST', path: '/', headers, agent }, response => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        if (response.statusCode === 200) resolve(text)
        else reject(new Error(text))
      })
    })
    request.on('error', reject)
    request.end(body)
  })
}

/** AWS allows five a second. */
async function register(name: string): Promise<string> {
  for (;;) {
    try {
      const answer = JSON.parse(await ask(signed('RegisterStreamConsumer', { StreamARN, ConsumerName: name }))) as { Consumer: { ConsumerARN: string } }
      return answer.Consumer.ConsumerARN
    } catch (error) {
      if (!(error instanceof Error) || !error.message.includes('LimitExceededException')) throw error
      await pause(100)
    }
  }
}

/** Calls back with each event's payload; resolves once subscribed, with how to end it. */
async function subscribe(ConsumerARN: string, onEvent: (payload: Buffer) => void): Promise<() => void> {
  const session = connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: windowBytes } })
  const { headers, body } = signed('SubscribeToShard', { ConsumerARN, ShardId: '0', StartingPosition: { Type: values.position } })
  const { Host: _host, ...others } = headers
  const one = session.request({ ':method': 'POST', ':path': '/', 'host': `127.0.0.1:${port}`, ...others })
  one.end(body)
  const decoder = new EventDecoder()
  await new Promise<void>((resolve, reject) => {
    one.on('response', answer => (answer[':status'] === 200 ? resolve() : reject(new Error(`the subscription was answered with ${answer[':status']}`))))
    one.on('error', reject)
    one.on('data', (chunk: Buffer) => {
      for (const { headers: of, payload } of decoder.take(chunk)) {
        if (of.get(':message-type') === 'exception') throw new Error(payload.toString())
        if (of.get(':event-type') === 'SubscribeToShardEvent') onEvent(payload)
      }
    })
  })
  return () => session.destroy()
}

function quantiles(samples: number[]): { p50: number; p99: number } {
  samples.sort((a, b) => a - b)
  const at = (share: number): number => samples[Math.min(samples.length - 1, Math.floor(samples.length * share))]!
  return { p50: at(0.5), p99: at(0.99) }
}

async function latency(): Promise<object> {
  const perPut = 10
  const everyMs = 10
  const puts = Array.from({ length: (seconds * 1_000) / everyMs }, (_, put) => signed('PutRecords', {
    StreamName: stream,
    Records: Array.from({ length: perPut }, (_record, nth) => ({ PartitionKey: 'k', Data: Buffer.from(String(put * perPut + nth).padStart(recordBytes, '.')).toString('base64') })),
  }))
  const sentAt = new Float64Array(puts.length)
  const pushedMs: number[] = []
  const answeredMs: number[] = []
  const behindAnswerMs: number[] = []
  const answeredAt = new Float64Array(puts.length)
  const end = await subscribe(await register('latency'), payload => {
    const now = performance.now()
    for (const { Data } of (JSON.parse(payload.toString()) as { Records: { Data: string }[] }).Records) {
      const put = Math.floor(Number(Buffer.from(Data, 'base64').toString('latin1').replaceAll('.', '')) / perPut)
      pushedMs.push(now - sentAt[put]!)
      if (answeredAt[put]! > 0) behindAnswerMs.push(now - answeredAt[put]!)
      else behindAnswerMs.push(0)
    }
  })
  const startedAt = performance.now()
  const answers: Promise<void>[] = []
  for (const [nth, put] of puts.entries()) {
    const waitMs = startedAt + nth * everyMs - performance.now()
    if (waitMs > 0) await pause(waitMs)
    sentAt[nth] = performance.now()
    answers.push(ask(put).then(() => {
      answeredAt[nth] = performance.now()
      answeredMs.push(answeredAt[nth] - sentAt[nth]!)
    }))
  }
  await Promise.all(answers)
  while (pushedMs.length < puts.length * perPut) await pause(10)
  const tookS = (performance.now() - startedAt) / 1_000
  end()
  return { records: pushedMs.length, recordsPerSecond: pushedMs.length / tookS, pushedMs: quantiles(pushedMs), answeredMs: quantiles(answeredMs), behindAnswerMs: quantiles(behindAnswerMs) }
}

const marker = Buffer.from('"ApproximateArrivalTimestamp"')

/** Counted without taking the records apart: the client is not what is measured. */
function recordsIn(payload: Buffer): number {
  let count = 0
  for (let at = payload.indexOf(marker); at >= 0; at = payload.indexOf(marker, at + recordBytes)) count++
  return count
}

async function rate(): Promise<object> {
  const bytesOf = new Float64Array(Number(values.consumers))
  let lastAt = 0
  const arns = await Promise.all(Array.from({ length: bytesOf.length }, (_, nth) => register(`rate-${nth}`)))
  const ends = await Promise.all(arns.map((arn, nth) => subscribe(arn, payload => {
    const records = recordsIn(payload)
    if (records === 0) return
    bytesOf[nth]! += records * recordBytes
    lastAt = performance.now()
  })))
  const putting = puttingFor(Number(values['put-bytes-per-second']))
  await pause(Number(values['warm-up']) * 1_000)
  const server = { pid: Number(values['server-pid']) }
  const [before, cpuBefore, serverBeforeMs, startedAt] = [Float64Array.from(bytesOf), process.cpuUsage(), processorMs(server), performance.now()]
  await pause(seconds * 1_000)
  // Where everything was read before, until then.
  const tookS = (lastAt - startedAt) / 1_000
  const { user, system } = process.cpuUsage(cpuBefore)
  const serverMs = processorMs(server) - serverBeforeMs
  const perSecond = [...bytesOf].map((bytes, nth) => (bytes - before[nth]!) / tookS)
  putting.stop()
  for (const end of ends) end()
  return {
    seconds: tookS, slowest: Math.min(...perSecond), fastest: Math.max(...perSecond), total: perSecond.reduce((sum, one) => sum + one, 0), clientCpuShare: (user + system) / 1e6 / tookS,
    serverCpuShare: serverMs / 1e3 / tookS,
  }
}

/** Puts so many bytes a second until it is stopped. */
function puttingFor(bytesPerSecond: number): { stop(): void } {
  let isStopped = bytesPerSecond === 0
  const everyMs = 20
  const Data = Buffer.alloc(recordBytes, 7).toString('base64')
  const Records = Array.from({ length: Math.ceil((bytesPerSecond * everyMs) / 1_000 / recordBytes) }, () => ({ PartitionKey: 'k', Data }))
  const put = signed('PutRecords', { StreamName: stream, Records })
  void (async () => {
    const startedAt = performance.now()
    for (let nth = 0; !isStopped; nth++) {
      const waitMs = startedAt + nth * everyMs - performance.now()
      if (waitMs > 0) await pause(waitMs)
      void ask(put)
    }
  })()
  return { stop: () => { isStopped = true } }
}

if (task !== 'latency' && task !== 'rate') throw new Error(`there is no task '${task}': latency or rate`)
process.stdout.write(`${JSON.stringify(await (task === 'latency' ? latency() : rate()))}\n`)
process.exit(0)
