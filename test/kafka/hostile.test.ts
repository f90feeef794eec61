// What the listener does with peers that mean harm or have lost their way: they get the protocol's answer or a closed connection, memory follows
// the bytes they send, and everybody else is served as if they were not there.
import { gzipSync } from 'node:zlib'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Prng } from '../../src/base/prng.ts'
import { Fetch } from '../../src/kafka/apis/01-fetch.ts'
import { Metadata } from '../../src/kafka/apis/03-metadata.ts'
import { ApiVersions } from '../../src/kafka/apis/18-api-versions.ts'
import { JoinGroup } from '../../src/kafka/apis/11-join-group.ts'
import { Produce } from '../../src/kafka/apis/00-produce.ts'
import { apis } from '../../src/kafka/apis/index.ts'
import { ErrorCode } from '../../src/kafka/errors.ts'
import { buildBatch } from '../../src/wire/batch.ts'
import { crc32c } from '@node-rs/crc32'
import { seed } from '../support/seed.ts'
import { rejecting } from '../support/validation.ts'
import { startBroker, type TestBroker } from './broker.ts'
import { randomMessage } from './random-message.ts'
import { answerOf, framed, frameOf, RawClient } from './raw-client.ts'

const mebibyte = 1024 * 1024

describe('a listener', () => {
  let broker: TestBroker
  let honest: RawClient

  beforeEach(async () => {
    broker = await startBroker({ topics: { orders: 1 }, settings: { firstRequestMs: 60_000 } })
    honest = await RawClient.connect(broker.port)
  })

  afterEach(async () => {
    // Whatever the test did, an honest client on an old and on a new connection is still served.
    await expectServed(honest)
    using late = await RawClient.connect(broker.port)
    await expectServed(late)
    honest[Symbol.dispose]()
    await broker[Symbol.asyncDispose]()
  })

  it('closes upon a frame length that is negative or larger than allowed, and says which', async () => {
    for (const [length, hex] of [[-1, 'ffffffff'], [104_857_601, '06400001'], [2147483647, '7fffffff']] as const) {
      using peer = await RawClient.connect(broker.port)
      peer.socket.write(Buffer.from(hex, 'hex'))
      await peer.closed
      expect(broker.reasons.at(-1)).toBe(`frame of ${length} bytes, 104857600 are allowed`)
    }
  })

  it('gives a frame length bomb no more memory than the bytes it sent', async () => {
    const before = memory()
    const peers = await Promise.all(Array.from({ length: 500 }, () => RawClient.connect(broker.port)))
    for (const peer of peers) peer.socket.write(Buffer.from('0640000000', 'hex'))
    await expectServed(honest)
    expect(memory() - before).toBeLessThan(64 * mebibyte)
    for (const peer of peers) peer[Symbol.dispose]()
  })

  it('closes upon an api key it does not serve, an unfinished header, and bytes that are no Kafka at all', async () => {
    for (const [payload, reason] of [
      [Buffer.from('03e70000' + '00000001' + 'ffff', 'hex'), 'api key 999 is not served'],
      [Buffer.from('0003', 'hex'), '2 bytes wanted, 0 left'],
      [Buffer.alloc(0), '2 bytes wanted, 0 left'],
    ] as const) {
      using peer = await RawClient.connect(broker.port)
      peer.socket.write(framed(payload))
      await peer.closed
      expect(broker.reasons.at(-1)).toBe(reason)
    }
    using http = await RawClient.connect(broker.port)
    http.socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await http.closed
    expect(broker.reasons.at(-1)).toMatch(/^frame of \d+ bytes/)
  })

  it('answers an ApiVersions of the future in version 0, with the versions that would work', async () => {
    using peer = await RawClient.connect(broker.port)
    peer.socket.write(frameOf(ApiVersions, 3, 9, ApiVersions.request.encode({ clientSoftwareName: 'x', clientSoftwareVersion: '1' }, 3)).fill(99, 7, 8))
    const { correlationId, body } = await peer.frame()
    expect(correlationId).toBe(9)
    expect(answerOf(ApiVersions, 0, body)).toMatchObject({ errorCode: ErrorCode.UNSUPPORTED_VERSION, apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 4 }] })
    await expectServed(peer)
  })

  it('answers other versions it does not serve with UNSUPPORTED_VERSION where the response can say so, and closes otherwise', async () => {
    using peer = await RawClient.connect(broker.port)
    peer.socket.write(framed(Buffer.from('000b0063' + '00000007' + 'ffff', 'hex')))
    const { body } = await peer.frame()
    expect(answerOf(JoinGroup, 9, body).errorCode).toBe(ErrorCode.UNSUPPORTED_VERSION)
    peer.socket.write(framed(Buffer.from('00000002' + '00000007' + 'ffff', 'hex')))
    await peer.closed
    expect(broker.reasons.at(-1)).toBe('Produce v2 is not served, only 3-13')
  })

  it(`survives every API and version with numbers blown up in every place (SEED=${seed})`, async () => {
    const random = new Prng(seed)
    const before = memory()
    for (const { definition } of apis) {
      for (let version = definition.versions.first; version <= definition.versions.last; version++) {
        const body = definition.request.encode(randomMessage(definition.request, version, random, { elementsMax: 2 }), version)
        const isFlexible = definition.request.isFlexible(version)
        const huge = Buffer.from(isFlexible ? 'ffffffff07' : '7fffffff', 'hex')
        using peer = await RawClient.connect(broker.port)
        for (let at = 0; at < Math.min(body.length, 40); at += 1 + random.below(4)) {
          const bomb = Buffer.concat([body.subarray(0, at), huge, body.subarray(at + (isFlexible ? 1 : 4))])
          peer.socket.write(frameOf(definition, version, at, bomb))
        }
        peer.socket.end()
        await peer.closed
      }
    }
    expect(memory() - before, `SEED=${seed}`).toBeLessThan(128 * mebibyte)
    expect(broker.reasons.filter(reason => reason.includes('    at ')), `bugs, not refusals; SEED=${seed}`).toEqual([])
  })

  it(`survives garbage of every length, in and out of frames (SEED=${seed})`, async () => {
    const random = new Prng(seed)
    for (let round = 0; round < 300; round++) {
      using peer = await RawClient.connect(broker.port)
      const garbage = random.bytes(random.below(300))
      if (random.chance(0.7)) {
        // A header that looks right, so that the body is reached.
        const { definition } = random.pick(apis)
        peer.socket.write(frameOf(definition, definition.versions.first + random.below(definition.versions.last - definition.versions.first + 1), 1, garbage))
      } else peer.socket.write(random.chance(0.5) ? framed(garbage) : garbage)
      peer.socket.end()
      await peer.closed
    }
    expect(broker.reasons.filter(reason => reason.includes('    at ')), `bugs, not refusals; SEED=${seed}`).toEqual([])
  })

  it('answers a hundred thousand pipelined requests in their order, without holding them all', async () => {
    using peer = await RawClient.connect(broker.port)
    const count = 100_000
    const one = frameOf(Metadata, 1, 0, Metadata.request.encode({ topics: [] }, 1))
    const before = memory()
    const frames = Buffer.concat(Array.from({ length: 1000 }, () => one))
    for (let sent = 0; sent < count; sent += 1000) {
      for (let index = 0; index < 1000; index++) frames.writeInt32BE(sent + index, index * one.length + 8)
      peer.socket.write(Buffer.from(frames))
    }
    for (let index = 0; index < count; index++) {
      const { correlationId } = await peer.frame()
      if (correlationId !== index) throw new Error(`answer ${correlationId} in place of ${index}`)
    }
    expect(memory() - before).toBeLessThan(128 * mebibyte)
  })
})

describe('a slow reader', () => {
  it('gets every answer in the end, and is read from no faster than it reads', async () => {
    await using broker = await startBroker({ topics: Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`topic-${index}`, 1])) })
    using peer = await RawClient.connect(broker.port)
    const count = 2_000
    peer.socket.pause()
    for (let index = 0; index < count; index++) peer.tell(Metadata, 1, { topics: null })
    // Two thousand answers of ten kilobytes: more than the kernel takes.
    for (let served = -1; served !== broker.seen.length; await sleep(100)) served = broker.seen.length
    expect(broker.seen.length).toBeLessThan(count)
    peer.socket.resume()
    for (let index = 1; index <= count; index++) expect((await peer.frame()).correlationId).toBe(index)
  })
})

describe('deadlines', () => {
  it('end a connection that sends no first request, half a request, or nothing any more', async () => {
    await using broker = await startBroker({ settings: { firstRequestMs: 2_000, requestArrivalMs: 2_500, idleMs: 3_000 } })
    using silent = await RawClient.connect(broker.port)
    using half = await RawClient.connect(broker.port)
    await expectServed(half)
    half.socket.write(Buffer.from('00001000' + '0003', 'hex'))
    using idle = await RawClient.connect(broker.port)
    await expectServed(idle)
    const dribble = setInterval(() => half.socket.write(Buffer.from([0])), 50)
    await Promise.all([silent.closed, half.closed, idle.closed])
    clearInterval(dribble)
    expect(broker.reasons).toContain('sent no request in 2000 ms')
    expect(broker.reasons).toContain('was idle for 3000 ms')
    expect(broker.reasons.some(reason => /^sent \d+ bytes of a request and not the rest in 2500 ms$/.test(reason))).toBe(true)
  })

  it('end clients that ask for records and never read them, while their answers stay within the budget', async () => {
    await using broker = await startBroker({ topics: { orders: 1 }, settings: { stalledReaderMs: 1_500 } })
    const batch = buildBatch([{ key: null, value: new Prng(1).bytes(900_000) }], { timestampMs: Date.now() })
    for (let count = 0; count < 8; count++) await broker.backend.logs.append({ topic: 'orders', partition: 0 }, batch, { acks: 'all', timeoutMs: 1000 })
    const before = memory()
    const peers = await Promise.all(Array.from({ length: 100 }, () => RawClient.connect(broker.port)))
    for (const peer of peers) {
      peer.socket.pause()
      for (let count = 0; count < 10; count++) peer.tell(Fetch, 11, fetchAll('orders'))
    }
    using honest = await RawClient.connect(broker.port)
    const answer = await honest.ask(Fetch, 11, fetchAll('orders'))
    expect(answer.responses[0]!.partitions[0]!.records!.length).toBeGreaterThan(900_000)
    const most = memory() - before
    // A client that does not read does not see the end either.
    while (broker.server.connectionCount > 1) await sleep(20)
    expect(broker.reasons.filter(reason => reason.startsWith('read nothing of its answer'))).toHaveLength(100)
    for (const peer of peers) peer[Symbol.dispose]()
    // Ten answers of 7 MB for each of a hundred clients would be 7 GB.
    expect(most).toBeLessThan(300 * mebibyte)
  })
})

describe('limits', () => {
  it('on connections, in all and from one address, refuse the next one and take it again later', async () => {
    await using broker = await startBroker({ settings: { connectionsPerIpMax: 3 } })
    const peers = await Promise.all(Array.from({ length: 3 }, () => RawClient.connect(broker.port)))
    for (const peer of peers) await expectServed(peer)
    using fourth = await RawClient.connect(broker.port)
    await fourth.closed
    expect(broker.reasons).toEqual(['there are 3 connections from this address'])
    peers[0]![Symbol.dispose]()
    while (broker.server.connectionCount === 3) await sleep(5)
    using fifth = await RawClient.connect(broker.port)
    await expectServed(fifth)
    for (const peer of peers) peer[Symbol.dispose]()
  })

  it('on bytes of unfinished requests hold large ones back and let small ones through', async () => {
    await using broker = await startBroker({ topics: { orders: 1 }, settings: { requestsInFlightBytesMax: 4 * mebibyte, requestArrivalMs: 700 } })
    const batch = buildBatch([{ key: null, value: Buffer.alloc(1_000_000) }], { timestampMs: Date.now() })
    // Eight produces that never end, then honest ones.
    const bombs = await Promise.all(Array.from({ length: 8 }, () => RawClient.connect(broker.port)))
    for (const bomb of bombs) bomb.socket.write(Buffer.concat([Buffer.from('05000000', 'hex'), Buffer.alloc(mebibyte)]))
    using small = await RawClient.connect(broker.port)
    await expectServed(small)
    using large = await RawClient.connect(broker.port)
    const answer = await large.ask(Produce, 7, produceOf('orders', batch.bytes))
    expect(answer.responses[0]!.partitionResponses[0]!.errorCode).toBe(ErrorCode.NONE)
    await Promise.all(bombs.map(bomb => bomb.closed))
  })

  it('on bytes of unfinished requests do not have honest producers wait for one another for ever', async () => {
    await using broker = await startBroker({ topics: { orders: 1 }, settings: { requestsInFlightBytesMax: 2 * mebibyte } })
    const batch = buildBatch([{ key: null, value: Buffer.alloc(1_000_000) }], { timestampMs: Date.now() })
    const request = Produce.request.encode(produceOf('orders', batch.bytes), 7)
    const header = Buffer.from('00000007' + '00000001' + 'ffff', 'hex')
    const length = Buffer.alloc(4)
    length.writeInt32BE(header.length + request.length)
    const frame = Buffer.concat([length, header, request])
    // Each has half of its request read, which uses the budget up, and then sends the rest.
    const peers = await Promise.all(Array.from({ length: 12 }, () => RawClient.connect(broker.port)))
    for (const peer of peers) peer.socket.write(frame.subarray(0, 500_000))
    await sleep(200)
    for (const peer of peers) peer.socket.write(frame.subarray(500_000))
    await Promise.all(peers.map(peer => peer.frame()))
    for (const peer of peers) peer[Symbol.dispose]()
  })

  it('on time end a peer that holds half a request behind one whose answer it waits for', async () => {
    await using broker = await startBroker({ topics: { orders: 1 }, settings: { requestArrivalMs: 700 } })
    using peer = await RawClient.connect(broker.port)
    peer.tell(Fetch, 11, { ...fetchAll('orders'), maxWaitMs: 0x7fffffff, minBytes: 0x7fffffff })
    peer.socket.write(Buffer.concat([Buffer.from('05000000', 'hex'), Buffer.alloc(mebibyte)]))
    await peer.closed
    expect(broker.reasons.some(reason => /^sent \d+ bytes of a request and not the rest in 700 ms$/.test(reason))).toBe(true)
  })
})

describe('record batches', () => {
  it('with any header field damaged are refused by a code of their own, and the next good one is taken', async () => {
    await using broker = await startBroker({ topics: { orders: 1 } })
    using peer = await RawClient.connect(broker.port)
    const good = buildBatch([{ key: null, value: Buffer.from('good') }], { timestampMs: Date.now() })
    for (let at = 8; at < 61; at++) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const bad = Buffer.from(good.bytes)
        bad[at]! ^= flip
        const answer = await peer.ask(Produce, 9, produceOf('orders', bad))
        const { errorCode } = answer.responses[0]!.partitionResponses[0]!
        // Bytes 12 to 15 are the leader epoch, which the broker writes itself.
        if (at >= 12 && at < 16) expect(errorCode, `byte ${at}`).toBe(ErrorCode.NONE)
        // Byte 22 holds the attributes, and with them the mark of a transaction.
        else expect([ErrorCode.CORRUPT_MESSAGE, ErrorCode.INVALID_RECORD, ...(at === 22 ? [ErrorCode.INVALID_TXN_STATE] : [])], `byte ${at} ^ ${flip}`).toContain(errorCode)
      }
    }
    const answer = await peer.ask(Produce, 9, produceOf('orders', good.bytes))
    expect(answer.responses[0]!.partitionResponses[0]!.errorCode).toBe(ErrorCode.NONE)
  })

  it('that would decompress without end are refused where they must be opened', async () => {
    const validation = rejecting(() => null)
    await using broker = await startBroker({ topics: { orders: 1 }, validation })
    using peer = await RawClient.connect(broker.port)
    const honest = buildBatch([{ key: null, value: Buffer.alloc(100) }], { timestampMs: Date.now(), codec: 'gzip' })
    const bomb = Buffer.concat([honest.bytes.subarray(0, 61), gzipSync(Buffer.alloc(200 * mebibyte))])
    bomb.writeInt32BE(bomb.length - 12, 8)
    bomb.writeUInt32BE(crc32c(bomb.subarray(21)), 17)
    const before = memory()
    const answer = await peer.ask(Produce, 9, produceOf('orders', bomb))
    expect(answer.responses[0]!.partitionResponses[0]!).toMatchObject({ errorCode: ErrorCode.CORRUPT_MESSAGE })
    expect(memory() - before).toBeLessThan(100 * mebibyte)
    const next = await peer.ask(Produce, 9, produceOf('orders', honest.bytes))
    expect(next.responses[0]!.partitionResponses[0]!.errorCode).toBe(ErrorCode.NONE)
  })
})

async function expectServed(client: RawClient): Promise<void> {
  const answer = await client.ask(ApiVersions, 0, {})
  expect(answer.errorCode).toBe(ErrorCode.NONE)
}

/** Bytes of this process that could hold what a peer sent: heap and buffers. */
function memory(): number {
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

function produceOf(topic: string, records: Buffer) {
  return { acks: -1, timeoutMs: 5000, topicData: [{ name: topic, partitionData: [{ index: 0, records }] }] }
}

function fetchAll(topic: string) {
  const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 50 * mebibyte }]
  return { maxWaitMs: 0, minBytes: 1, topics: [{ topic, partitions }] }
}
