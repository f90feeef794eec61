// Seals and opens the frames of one segment: knows its header, its writer sessions, and the tag that the next frame is chained to.
import type { KeyObject } from 'node:crypto'
import { assert } from '../../base/assert.ts'
import type { Random } from '../../world/world.ts'
import { WrongKey } from './errors.ts'
import {
  authenticatedHeader, crcIsValid, decodeHeader, encodeHeader, frameBytesMin, frameHeaderBytes, type FrameHeader, frameTypes, setCrc, tagBytes,
} from './frame.ts'
import type { DataKey, DataKeys } from './keyring.ts'
import { encodeSegmentHeader, macAt, type SegmentHeader, segmentIdBytes, sealHeader } from './segment-header.ts'
import { type LogIdentity, saltBytes, scopeOf, Session } from './session.ts'

const markerBytes = 4
const noTag = Buffer.alloc(tagBytes)
/** Below this average, putting the parts of a frame together costs less than encrypting and writing each on its own. */
const partBytesMin = 16 * 1024

export interface FrameContent {
  readonly parts: readonly Buffer[]
  readonly bytes: number
  readonly leaderEpoch: number
  readonly baseOffset: number
  readonly lastOffset: number
  /** How far the segment is known to be durable. */
  readonly syncedUpTo: number
}

/** Where the chain of frames stands, and under which sessions they were sealed. */
export interface SealState {
  readonly nextSeq: number
  readonly lastTag: Buffer
  readonly sessions: readonly { readonly firstSeq: number; readonly salt: Buffer }[]
}

export class SegmentSeal {
  readonly header: SegmentHeader
  readonly marker: Buffer
  readonly #dataKey: KeyObject
  readonly #scope: string
  /** In order of firstSeq; the last one is the writer's. */
  readonly #sessions: Session[]
  #mayWrite: boolean
  #nextSeq: number
  #lastTag: Buffer

  private constructor(header: SegmentHeader, dataKey: KeyObject, mayWrite: boolean) {
    this.header = header
    this.marker = header.segmentId.subarray(0, markerBytes)
    this.#dataKey = dataKey
    this.#scope = scopeOf(header.identity, header.segmentId)
    this.#sessions = [new Session({ dataKey, salt: header.salt, scope: this.#scope, firstSeq: header.firstSeq })]
    this.#mayWrite = mayWrite
    this.#nextSeq = header.firstSeq
    this.#lastTag = header.previousTag
  }

  /** A new segment: its seal, ready to write, and the block its file begins with. */
  static create(options: { identity: LogIdentity; dataKey: DataKey; random: Random; baseOffset: number; firstSeq: number; previousTag: Buffer }) {
    const { identity, dataKey, random, baseOffset, firstSeq, previousTag } = options
    const header: SegmentHeader = {
      identity, baseOffset, firstSeq, previousTag, dataKeyId: dataKey.id, segmentId: random.bytes(segmentIdBytes), salt: random.bytes(saltBytes),
    }
    const seal = new SegmentSeal(header, dataKey.key, true)
    const block = encodeSegmentHeader(header)
    sealHeader(block, seal.#sessions[0]!.mac([block.subarray(0, macAt)]))
    return { seal, block }
  }

  /**
   * The seal of a segment that is there, to read and to recover; frames follow only after `beginSession`.
   * WrongKey where its key is not in the keyring, is another one, or the segment belongs to another log.
   */
  static open(options: { header: SegmentHeader; block: Buffer; identity: LogIdentity; keys: DataKeys }): SegmentSeal {
    const { header, block, identity, keys } = options
    const dataKey = keys.find(identity.topicId, header.dataKeyId)
    if (!dataKey) throw new WrongKey(`the keyring has no data key ${header.dataKeyId} of topic ${identity.topicId}`)
    const seal = new SegmentSeal(header, dataKey, false)
    if (!seal.#sessions[0]!.macIsValid([block.subarray(0, macAt)], block.subarray(macAt, macAt + 32))) {
      throw new WrongKey(`segment at offset ${header.baseOffset} has a header that this key did not sign`)
    }
    const scope = scopeOf(identity, header.segmentId)
    if (scope !== seal.#scope) throw new WrongKey(`segment of ${seal.#scope} in the directory of ${scope}`)
    return seal
  }

  get nextSeq(): number { return this.#nextSeq }
  get lastTag(): Buffer { return this.#lastTag }
  get state(): SealState {
    return { nextSeq: this.#nextSeq, lastTag: this.#lastTag, sessions: this.#sessions.map(({ firstSeq, salt }) => ({ firstSeq, salt })) }
  }

  /** Recovery: goes on from where the chain stood, without the frames before. Only on a seal that has accepted none. */
  resume({ nextSeq, lastTag, sessions }: SealState): void {
    assert(this.#nextSeq === this.header.firstSeq, `segment at offset ${this.header.baseOffset} is resumed at frame ${this.#nextSeq}`)
    // The first session is the header's own.
    for (const { firstSeq, salt } of sessions.slice(1)) this.#sessions.push(this.#session(salt, firstSeq))
    this.#nextSeq = nextSeq
    this.#lastTag = lastTag
  }

  /** Encrypts what is to be remembered about the segment, under a key of its own. */
  sealSummary(plain: Buffer, random: Random): Buffer[] {
    const salt = random.bytes(saltBytes)
    const { baseOffset } = this.header
    const header = encodeHeader(this.marker, {
      length: frameBytesMin + plain.length, type: frameTypes.summary, seq: 0, syncedUpTo: 0, leaderEpoch: -1, baseOffset, lastOffset: baseOffset - 1,
    })
    const { body, tag } = this.#summarySession(salt).seal(header, [plain], noTag)
    setCrc(header, [...body, tag])
    return [salt, header, ...body, tag]
  }

  /** What `sealSummary` was given; undefined where the bytes are not whole or not of this segment. */
  openSummary(bytes: Buffer): Buffer | undefined {
    const frame = bytes.subarray(saltBytes)
    if (frame.length < frameBytesMin || !frame.subarray(0, markerBytes).equals(this.marker) || !crcIsValid(frame)) return undefined
    const { type, length } = decodeHeader(frame, 0)
    return type === frameTypes.summary && length === frame.length ? this.#summarySession(bytes.subarray(0, saltBytes)).open(frame, noTag) : undefined
  }

  /** Whether `sealFrame` may be called for a frame of `bytes`, or a session must begin first. */
  mayWrite(bytes: number): boolean {
    return this.#mayWrite && this.#sessions.at(-1)!.hasRoom(this.#nextSeq, bytes + frameBytesMin)
  }

  /** A session frame: whatever is sealed behind it has a fresh key. Due after each open, before the first frame. */
  beginSession(random: Random, at: { nextOffset: number; leaderEpoch: number; syncedUpTo: number }): Buffer[] {
    const salt = random.bytes(saltBytes)
    const header = encodeHeader(this.marker, {
      length: frameBytesMin + saltBytes, type: frameTypes.session, seq: this.#nextSeq, syncedUpTo: at.syncedUpTo,
      leaderEpoch: at.leaderEpoch, baseOffset: at.nextOffset, lastOffset: at.nextOffset - 1,
    })
    const session = this.#session(salt, this.#nextSeq)
    const tag = session.mac([header, this.#lastTag, salt]).subarray(0, tagBytes)
    setCrc(header, [salt, tag])
    this.#sessions.push(session)
    this.#mayWrite = true
    this.#advance(tag)
    return [header, salt, tag]
  }

  /** Encrypts one frame; its bytes in parts, to be written in the order the frames were sealed. */
  sealFrame(content: FrameContent): Buffer[] {
    const { leaderEpoch, baseOffset, lastOffset, syncedUpTo, bytes } = content
    const header = encodeHeader(this.marker, {
      length: frameBytesMin + bytes, type: frameTypes.data, seq: this.#nextSeq, syncedUpTo, leaderEpoch, baseOffset, lastOffset,
    })
    const parts = content.parts.length > 1 && bytes / content.parts.length < partBytesMin ? [Buffer.concat(content.parts, bytes)] : content.parts
    const { body, tag } = this.#sessions.at(-1)!.seal(header, parts, this.#lastTag)
    setCrc(header, [...body, tag])
    this.#advance(tag)
    return [header, ...body, tag]
  }

  /** Decrypts a whole data frame whose CRC is known to be right. `previousTag` is the 16 bytes before it, or the header's for the first. */
  openFrame(frame: Buffer, previousTag: Buffer): Buffer {
    const { seq } = decodeHeader(frame, 0)
    let index = this.#sessions.length - 1
    while (index > 0 && this.#sessions[index]!.firstSeq > seq) index--
    return this.#sessions[index]!.open(frame, previousTag)
  }

  /** Recovery: takes the next frame of the file, whose CRC and sequence number are right, into the chain; returns what it holds, sealed or not. */
  acceptFrame(frame: Buffer, header: FrameHeader): Buffer {
    const tag = Buffer.from(frame.subarray(-tagBytes))
    let plain: Buffer
    if (header.type === frameTypes.session) {
      const salt = frame.subarray(frameHeaderBytes, -tagBytes)
      const session = this.#session(salt, header.seq)
      if (!session.macIsValid([authenticatedHeader(frame), this.#lastTag, salt], tag)) {
        throw new WrongKey(`session frame ${header.seq} was not signed by this key`)
      }
      this.#sessions.push(session)
      plain = Buffer.alloc(0)
    } else {
      plain = this.openFrame(frame, this.#lastTag)
    }
    this.#advance(tag)
    return plain
  }

  #session(salt: Buffer, firstSeq: number): Session {
    return new Session({ dataKey: this.#dataKey, salt, scope: this.#scope, firstSeq })
  }

  #summarySession(salt: Buffer): Session {
    return new Session({ dataKey: this.#dataKey, salt, scope: `${this.#scope}|summary`, firstSeq: 0 })
  }

  #advance(tag: Buffer): void {
    this.#nextSeq++
    this.#lastTag = tag
  }
}
