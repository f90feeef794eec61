import { crc32 } from 'node:zlib'
import { EventStreamCodec } from '@smithy/core/event-streams'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EventDecoder, encodeEvent, encodeException, encodeMessage } from '../../src/wire/event-stream.ts'

const theirs = new EventStreamCodec(bytes => Buffer.from(bytes).toString(), text => Buffer.from(text))

describe('a message', () => {
  it('has the bytes of the format', () => {
    const message = encodeMessage([[':a', 'b']], Buffer.from('{}'))
    expect(message.toString('hex')).toBe(
      '00000019' + '00000007' + crcOf('0000001900000007') + '02' + '3a61' + '07' + '0001' + '62' + '7b7d' +
      crcOf(`0000001900000007${crcOf('0000001900000007')}023a61070001627b7d`))
    // The first message of every answer, which clients look at byte by byte.
    const first = encodeEvent('initial-response', 'application/json', Buffer.from('{}'))
    expect([first.length, first.readUInt32BE(0), first.readUInt32BE(4)]).toEqual([104, 104, 86])
    expect(first.toString('latin1', 12, 100)).toBe(
      '\x0d:message-type\x07\x00\x05event' + '\x0b:event-type\x07\x00\x10initial-response' + '\x0d:content-type\x07\x00\x10application/json' + '{}')
  })

  it('is read by the SDK\'s own codec as it was written', () => {
    const payload = Buffer.from(JSON.stringify({ Records: [], ContinuationSequenceNumber: '4', MillisBehindLatest: 0 }))
    const read = theirs.decode(encodeEvent('SubscribeToShardEvent', 'application/json', payload))
    expect(Object.fromEntries(Object.entries(read.headers).map(([name, { type, value }]) => [name, [type, value]]))).toEqual({
      ':message-type': ['string', 'event'], ':event-type': ['string', 'SubscribeToShardEvent'], ':content-type': ['string', 'application/json'],
    })
    expect(Buffer.from(read.body)).toEqual(payload)
    const exception = theirs.decode(encodeException('ResourceInUseException', 'application/json', Buffer.from('{"message":"no"}')))
    expect([exception.headers[':message-type']!.value, exception.headers[':exception-type']!.value]).toEqual(['exception', 'ResourceInUseException'])
  })

  it('comes back as it was, however it is cut into pieces', () => {
    const message = fc.record({
      headers: fc.uniqueArray(fc.tuple(fc.string({ maxLength: 20 }), fc.string({ maxLength: 300 })), { selector: ([name]) => name, maxLength: 5 }),
      payload: fc.uint8Array({ maxLength: 500 }).map(bytes => Buffer.from(bytes)),
    })
    fc.assert(fc.property(fc.array(message, { minLength: 1, maxLength: 5 }), fc.integer({ min: 1, max: 40 }), (messages, step) => {
      const bytes = Buffer.concat(messages.map(({ headers, payload }) => encodeMessage(headers, payload)))
      const decoder = new EventDecoder()
      const read = []
      for (let at = 0; at < bytes.length; at += step) read.push(...decoder.take(bytes.subarray(at, at + step)))
      expect(read.map(({ headers, payload }) => ({ headers: [...headers], payload: Buffer.from(payload) }))).toEqual(messages)
      expect(decoder.pendingBytes).toBe(0)
    }), { seed: 20261101, numRuns: 200 })
  })

  it('is refused with any byte changed, by one of its checksums', () => {
    const bytes = encodeEvent('SubscribeToShardEvent', 'application/json', Buffer.from('{"Records":[]}'))
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Buffer.from(bytes)
      damaged[at]! ^= 0x10
      expect(() => new EventDecoder().take(damaged), `byte ${at}`).toThrow(/checksum/)
    }
  })

  it('is refused where its lengths contradict each other or its headers do not add up', () => {
    const sealed = (total: number, headers: number): Buffer => {
      const bytes = Buffer.alloc(Math.max(16, Math.min(total, 64)))
      bytes.writeUInt32BE(total, 0)
      bytes.writeUInt32BE(headers, 4)
      bytes.writeUInt32BE(crc32(bytes.subarray(0, 8)), 8)
      return bytes
    }
    expect(() => new EventDecoder().take(sealed(0xffff_ffff, 0))).toThrow('an event of 4294967295 bytes with 0 bytes of headers')
    expect(() => new EventDecoder().take(sealed(16, 1))).toThrow('an event of 16 bytes with 1 bytes of headers')
    expect(() => new EventDecoder().take(sealed(15, 0))).toThrow('an event of 15 bytes')
    const truncated = encodeMessage([['name', 'value']], Buffer.alloc(0))
    truncated[12] = 200
    truncated.writeUInt32BE(crc32(truncated.subarray(0, -4)), truncated.length - 4)
    expect(() => new EventDecoder().take(truncated)).toThrow('an event\'s headers end within one of them, at byte 13')
    const typed = encodeMessage([['name', 'value']], Buffer.alloc(0))
    typed[17] = 4
    typed.writeUInt32BE(crc32(typed.subarray(0, -4)), typed.length - 4)
    expect(() => new EventDecoder().take(typed)).toThrow('header \'name\' of an event has type 4; only strings (7) are known')
  })
})

function crcOf(hex: string): string {
  return crc32(Buffer.from(hex, 'hex')).toString(16).padStart(8, '0')
}
