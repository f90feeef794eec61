import { createSecretKey } from 'node:crypto'
import { expect, test } from 'vitest'
import { WrongKey } from '../../../src/engine/sealed/errors.ts'
import { crcIsValid, decodeHeader, frameHeaderBytes, setCrc, tagBytes } from '../../../src/engine/sealed/frame.ts'
import type { DataKeys } from '../../../src/engine/sealed/keyring.ts'
import { decodeSegmentHeader } from '../../../src/engine/sealed/segment-header.ts'
import { SegmentSeal } from '../../../src/engine/sealed/segment-seal.ts'
import { Session } from '../../../src/engine/sealed/session.ts'
import { SimWorld } from '../../sim/world.ts'

const identity = { clusterId: 'AAAAAAAAAAAAAAAAAAAAAA', topicId: '11111111-1111-4111-8111-111111111111', partition: 0, broker: 1 }
const { random } = new SimWorld(1)
const dataKey = { id: 1, key: createSecretKey(Buffer.alloc(32, 3)) }
const keys: DataKeys = { current: async () => dataKey, find: (topicId, id) => (topicId === identity.topicId && id === 1 ? dataKey.key : undefined) }

function create(): ReturnType<typeof SegmentSeal.create> {
  return SegmentSeal.create({ identity, dataKey, random, baseOffset: 40, firstSeq: 7, previousTag: Buffer.alloc(tagBytes) })
}

function reopen(block: Buffer, who = identity): SegmentSeal {
  return SegmentSeal.open({ header: decodeSegmentHeader(block)!, block, identity: who, keys })
}

function frame(seal: SegmentSeal, text: string, baseOffset = 40): Buffer {
  const parts = [...text].map(letter => Buffer.from(letter))
  return Buffer.concat(seal.sealFrame({ parts, bytes: parts.length, leaderEpoch: 2, baseOffset, lastOffset: baseOffset, syncedUpTo: 4096 }))
}

const accept = (seal: SegmentSeal, bytes: Buffer) => seal.acceptFrame(bytes, decodeHeader(bytes, 0)).toString()

test('a segment header says what it was made with', () => {
  const { block } = create()
  expect(block).toHaveLength(4096)
  expect(decodeSegmentHeader(block)).toMatchObject({ identity, baseOffset: 40, firstSeq: 7, dataKeyId: 1 })
})

test('frames open in their order, over several sessions', () => {
  const { seal, block } = create()
  const first = [frame(seal, 'one'), frame(seal, 'two', 41)]
  const reader = reopen(block)
  expect(reader.mayWrite(10)).toBe(false)
  expect(first.map(bytes => accept(reader, bytes))).toEqual(['one', 'two'])
  const session = Buffer.concat(reader.beginSession(random, { nextOffset: 42, leaderEpoch: 2, syncedUpTo: 4096 }))
  const third = frame(reader, 'three', 42)
  const again = reopen(block)
  expect([...first, session, third].map(bytes => accept(again, bytes))).toEqual(['one', 'two', '', 'three'])
  // And each on its own, with the tag of the frame before it.
  expect(again.openFrame(third, session.subarray(-tagBytes)).toString()).toBe('three')
  expect(again.openFrame(first[1]!, first[0]!.subarray(-tagBytes)).toString()).toBe('two')
})

test('the header is exact: length, sequence, offsets, epoch and witness', () => {
  const { seal } = create()
  const bytes = frame(seal, 'one')
  expect(decodeHeader(bytes, 0)).toMatchObject({ length: bytes.length, seq: 7, syncedUpTo: 4096, leaderEpoch: 2, baseOffset: 40, lastOffset: 40 })
  expect(crcIsValid(bytes)).toBe(true)
})

test('a changed frame whose CRC was put right again is refused, whatever was changed', () => {
  const { seal, block } = create()
  const bytes = frame(seal, 'one')
  for (let at = 12; at < bytes.length; at++) {
    const forged = Buffer.from(bytes)
    forged[at]! ^= 1
    const header = forged.subarray(0, frameHeaderBytes)
    setCrc(header, [forged.subarray(frameHeaderBytes)])
    // A changed sequence number is refused before the frame is opened.
    if (decodeHeader(forged, 0).seq !== 7) continue
    const reader = reopen(block)
    expect(() => reader.acceptFrame(forged, { ...decodeHeader(forged, 0), type: 1 }), `byte ${at}`).toThrow(WrongKey)
  }
})

test('frames out of order, left out, or from another segment are refused', () => {
  const { seal, block } = create()
  const [one, two, three] = [frame(seal, 'one'), frame(seal, 'two', 41), frame(seal, 'three', 42)]
  const other = create()
  const strange = frame(other.seal, 'one')
  const reader = reopen(block)
  accept(reader, one)
  expect(() => accept(reader, three)).toThrow(WrongKey)
  expect(() => accept(reader, one)).toThrow(WrongKey)
  expect(() => accept(reader, strange)).toThrow(WrongKey)
  expect(accept(reader, two)).toBe('two')
})

test('a segment does not open as another partition, broker, topic or cluster', () => {
  const { block } = create()
  for (const change of [{ partition: 1 }, { broker: 2 }, { clusterId: 'B' }, { topicId: '22222222-2222-4222-8222-222222222222' }]) {
    expect(() => reopen(block, { ...identity, ...change })).toThrow(WrongKey)
  }
})

test('a changed header is not believed, even with its CRC put right', () => {
  const { block } = create()
  for (let at = 0; at < 4096; at += 31) {
    const forged = Buffer.from(block)
    forged[at]! ^= 1
    expect(decodeSegmentHeader(forged), `byte ${at}`).toBeUndefined()
  }
})

test('no two frames, sessions or segments share a nonce under one key', () => {
  const { seal } = create()
  const seen = new Set<string>()
  for (let index = 0; index < 50; index++) {
    if (index % 10 === 0) seal.beginSession(random, { nextOffset: 40, leaderEpoch: 0, syncedUpTo: 0 })
    // The same plaintext never gives the same bytes: a nonce used twice under one key would.
    seen.add(frame(seal, 'same').subarray(frameHeaderBytes).toString('hex'))
  }
  for (let index = 0; index < 20; index++) seen.add(frame(create().seal, 'same').subarray(frameHeaderBytes).toString('hex'))
  expect(seen.size).toBe(70)
})

test('a session ends before its key has sealed too much', () => {
  const session = new Session({ dataKey: dataKey.key, salt: Buffer.alloc(32), scope: 's', firstSeq: 0 })
  expect([session.hasRoom(2 ** 32 - 1, 100), session.hasRoom(2 ** 32, 100), session.hasRoom(0, 65 * 2 ** 30)]).toEqual([true, false, false])
})
