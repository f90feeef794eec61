// What the Kafka bench compares with: the same protocol on the same sockets with a plain file behind it. Produce writes the batch and calls fdatasync,
// Fetch answers from memory; no encryption, no checks, no access rules, one topic. Prints its port.
//   node bench/load/bare-broker.ts FILE
import { fdatasync, openSync, write } from 'node:fs'
import { createServer, type Socket, type AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { Produce } from '../../src/kafka/apis/00-produce.ts'
import { Fetch } from '../../src/kafka/apis/01-fetch.ts'
import { FrameAssembler } from '../../src/kafka/frame.ts'
import { Batch } from '../../src/wire/batch.ts'
import { Reader, Writer } from '../../src/wire/bytes.ts'
import type { Api, Draft, Shape } from '../../src/wire/schema.ts'

const keptBytesMax = 64 * 1024 * 1024
const file = openSync(process.argv[2]!, 'w')
const writeTo = promisify(write)
const sync = promisify(fdatasync)

const batches: Batch[] = []
let keptBytes = 0
let endOffset = 0

const server = createServer({ noDelay: true }, socket => {
  const frames = new FrameAssembler(256 * 1024 * 1024)
  let last: Promise<void> = Promise.resolve()
  socket.on('error', () => {})
  socket.on('data', chunk => {
    frames.push(chunk as Buffer)
    for (let frame = frames.next(); frame !== undefined; frame = frames.next()) {
      const whole = frame
      last = last.then(() => answer(socket, whole))
    }
  })
})
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))

async function answer(socket: Socket, frame: Buffer): Promise<void> {
  const reader = new Reader(frame)
  const key = reader.int16()
  const version = reader.int16()
  const correlationId = reader.int32()
  reader.nullableString()
  if (key === Produce.key) {
    reader.uvarint()
    const [topic] = Produce.request.decode(reader, version).topicData
    const { index, records } = topic!.partitionData[0]!
    const batch = Batch.parse(records!)
    const baseOffset = endOffset
    batch.assign(baseOffset, 0)
    endOffset = batch.nextOffset
    await writeTo(file, batch.bytes)
    await sync(file)
    keep(batch)
    const responses = [{ name: topic!.name, partitionResponses: [{ index, errorCode: 0, baseOffset }] }]
    return send(socket, Produce, version, correlationId, { responses })
  }
  const { topics, maxBytes } = Fetch.request.decode(reader, version)
  const { partition, fetchOffset } = topics[0]!.partitions[0]!
  const slices: Buffer[] = []
  let bytes = 0
  for (let at = batches.findIndex(batch => batch.lastOffset >= fetchOffset); at >= 0 && at < batches.length && bytes + batches[at]!.bytes.length <= maxBytes; at++) {
    slices.push(batches[at]!.bytes)
    bytes += batches[at]!.bytes.length
  }
  const partitions = [{ partitionIndex: partition, errorCode: 0, highWatermark: endOffset, abortedTransactions: null, records: slices }]
  send(socket, Fetch, version, correlationId, { responses: [{ topic: topics[0]!.topic, partitions }] })
}

function keep(batch: Batch): void {
  batches.push(batch)
  keptBytes += batch.bytes.length
  while (keptBytes > keptBytesMax) keptBytes -= batches.shift()!.bytes.length
}

function send<Q extends Shape, R extends Shape>(socket: Socket, api: Api<Q, R>, version: number, correlationId: number, response: Draft<R>): void {
  const writer = new Writer()
  writer.int32(0)
  writer.int32(correlationId)
  if (api.response.isFlexible(version)) writer.uvarint(0)
  api.response.write(writer, response, version)
  const parts = writer.finish()
  parts[0]!.writeInt32BE(writer.size - 4)
  socket.cork()
  for (const part of parts) socket.write(part)
  socket.uncork()
}
