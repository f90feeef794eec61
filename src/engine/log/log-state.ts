// What a log knows beside its segments: where it begins (retention and DeleteRecords move that, durably, before a file goes), up to where it
// was durable for certain, which tells damage from a torn tail where no later frame bears witness, its high watermark, and the cut that is
// being made in it.
//
//   dataKeyId u32 | flags u32 | startOffset u64 | durableOffset u64 | highWatermark u64 | cut: offset u64, position u64 | mac 32
//
// What was written before there were high watermarks ends behind durableOffset.
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import type { Disk } from '../../world/world.ts'
import { WrongKey } from '../sealed/errors.ts'
import { GenerationFile } from '../sealed/generation-file.ts'
import type { DataKey, DataKeys } from '../sealed/keyring.ts'
import { type LogIdentity, scopeOf } from '../sealed/session.ts'

export interface State {
  readonly startOffset: number
  /** Every record below this offset was durable when the state was written. */
  readonly durableOffset: number
  /** Every record below this offset was on all in-sync replicas, as far as the log had been told when the state was written. */
  readonly highWatermark: number
  /** A truncation that has been decided and not yet been finished. */
  readonly cut: Cut | undefined
}

/** Where segments are cut: `cut.ts` says how. */
export interface Cut {
  /** Where the segment begins that holds the rest of the frame that is cut through; where there is no rest, what begins here goes as well. */
  readonly offset: number
  /** The size that the segment before `offset` is cut to; 0 where it keeps all it has. */
  readonly position: number
  readonly hasRest: boolean
}

const bodyBytes = 48
const oldBodyBytes = 24
const macBytes = 32
const flags = { cut: 1, rest: 2 }
const blank: State = { startOffset: 0, durableOffset: 0, highWatermark: 0, cut: undefined }

interface LogStateOptions {
  readonly disk: Disk
  readonly directory: string
  readonly identity: LogIdentity
  readonly keys: DataKeys
}

export class LogState {
  static readonly fileName = 'state'
  readonly #file: GenerationFile
  readonly #identity: LogIdentity
  readonly #keys: DataKeys
  #state: State

  private constructor(file: GenerationFile, identity: LogIdentity, keys: DataKeys, state: State) {
    this.#file = file
    this.#identity = identity
    this.#keys = keys
    this.#state = state
  }

  /** Damaged where there is no intact one; WrongKey where it is of another log, or sealed with another key. */
  static async open({ disk, directory, identity, keys }: LogStateOptions): Promise<LogState> {
    const { file, found } = await GenerationFile.open(disk, directory, LogState.fileName)
    const state = found ? decode(found.payload, identity, keys, directory) : blank
    return new LogState(file, identity, keys, state)
  }

  /** A blank one, which takes the place of what is there once it is written. */
  static async anew({ disk, directory, identity, keys }: LogStateOptions): Promise<LogState> {
    return new LogState(await GenerationFile.anew(disk, directory, LogState.fileName), identity, keys, blank)
  }

  get startOffset(): number { return this.#state.startOffset }
  get durableOffset(): number { return this.#state.durableOffset }
  get highWatermark(): number { return this.#state.highWatermark }
  get cut(): Cut | undefined { return this.#state.cut }

  /** Moves any of the marks forward; durable when it resolves. */
  async advance(marks: Partial<Omit<State, 'cut'>>): Promise<void> {
    const state = this.#state
    const startOffset = Math.max(state.startOffset, marks.startOffset ?? 0)
    const durableOffset = Math.max(state.durableOffset, marks.durableOffset ?? 0)
    const highWatermark = Math.max(state.highWatermark, marks.highWatermark ?? 0)
    if (startOffset === state.startOffset && durableOffset === state.durableOffset && highWatermark === state.highWatermark) return
    await this.replace({ startOffset, durableOffset, highWatermark, cut: state.cut })
  }

  /** Sets all there is, forward or back; durable when it resolves. */
  async replace(state: State): Promise<void> {
    this.#state = state
    const dataKey = await this.#keys.current(this.#identity.topicId)
    await this.#file.write(() => this.#encode(dataKey))
  }

  #encode(dataKey: DataKey): Buffer {
    const { startOffset, durableOffset, highWatermark, cut } = this.#state
    const body = Buffer.alloc(bodyBytes)
    body.writeUInt32BE(dataKey.id, 0)
    body.writeUInt32BE((cut ? flags.cut : 0) | (cut?.hasRest ? flags.rest : 0), 4)
    for (const [index, value] of [startOffset, durableOffset, highWatermark, cut?.offset ?? 0, cut?.position ?? 0].entries()) {
      body.writeBigUInt64BE(BigInt(value), 8 + 8 * index)
    }
    return Buffer.concat([body, macOf(body, this.#identity, dataKey)])
  }
}

function decode(payload: Buffer, identity: LogIdentity, keys: DataKeys, directory: string): State {
  const body = payload.subarray(0, payload.length === oldBodyBytes + macBytes ? oldBodyBytes : bodyBytes)
  const id = body.readUInt32BE(0)
  const key = keys.find(identity.topicId, id)
  if (!key) throw new WrongKey(`the keyring has no data key ${id} of topic ${identity.topicId}`)
  const mac = payload.subarray(body.length)
  if (mac.length !== macBytes || !timingSafeEqual(mac, macOf(body, identity, { id, key }))) {
    throw new WrongKey(`${directory}/${LogState.fileName} is intact but was not signed by this log's key`)
  }
  const number = (at: number): number => Number(body.readBigUInt64BE(at))
  const state = { startOffset: number(8), durableOffset: number(16), highWatermark: 0, cut: undefined }
  if (body.length === oldBodyBytes) return state
  const bits = body.readUInt32BE(4)
  const cut = bits & flags.cut ? { offset: number(32), position: number(40), hasRest: (bits & flags.rest) !== 0 } : undefined
  return { ...state, highWatermark: number(24), cut }
}

function macOf(body: Buffer, identity: LogIdentity, dataKey: DataKey): Buffer {
  const scope = scopeOf(identity, Buffer.alloc(0))
  const key = Buffer.from(hkdfSync('sha256', dataKey.key, Buffer.alloc(0), `state-v1|${scope}`, macBytes))
  return createHmac('sha256', key).update(body).digest()
}
