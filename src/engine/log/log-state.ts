// What a log knows beside its segments: where it begins (retention and DeleteRecords move that, durably, before a file goes), and up to
// where it was durable for certain, which tells damage from a torn tail where no later frame bears witness.
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
}

const fileName = 'state'
const bodyBytes = 24
const macBytes = 32

export class LogState {
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

  static async open(options: { disk: Disk; directory: string; identity: LogIdentity; keys: DataKeys }): Promise<LogState> {
    const { disk, directory, identity, keys } = options
    const { file, found } = await GenerationFile.open(disk, directory, fileName)
    const state = found ? decode(found.payload, identity, keys, directory) : { startOffset: 0, durableOffset: 0 }
    return new LogState(file, identity, keys, state)
  }

  get startOffset(): number { return this.#state.startOffset }
  get durableOffset(): number { return this.#state.durableOffset }

  /** Moves either mark forward; durable when it resolves. */
  async advance(marks: Partial<State>): Promise<void> {
    const startOffset = Math.max(this.#state.startOffset, marks.startOffset ?? 0)
    const durableOffset = Math.max(this.#state.durableOffset, marks.durableOffset ?? 0)
    if (startOffset === this.#state.startOffset && durableOffset === this.#state.durableOffset) return
    this.#state = { startOffset, durableOffset }
    const dataKey = await this.#keys.current(this.#identity.topicId)
    await this.#file.write(() => this.#encode(dataKey))
  }

  #encode(dataKey: DataKey): Buffer {
    const body = Buffer.alloc(bodyBytes)
    body.writeUInt32BE(dataKey.id, 0)
    body.writeBigUInt64BE(BigInt(this.#state.startOffset), 8)
    body.writeBigUInt64BE(BigInt(this.#state.durableOffset), 16)
    return Buffer.concat([body, macOf(body, this.#identity, dataKey)])
  }
}

function decode(payload: Buffer, identity: LogIdentity, keys: DataKeys, directory: string): State {
  const body = payload.subarray(0, bodyBytes)
  const id = body.readUInt32BE(0)
  const key = keys.find(identity.topicId, id)
  if (!key) throw new WrongKey(`the keyring has no data key ${id} of topic ${identity.topicId}`)
  const mac = payload.subarray(bodyBytes)
  if (mac.length !== macBytes || !timingSafeEqual(mac, macOf(body, identity, { id, key }))) {
    throw new WrongKey(`${directory}/${fileName} is intact but was not signed by this log's key`)
  }
  return { startOffset: Number(body.readBigUInt64BE(8)), durableOffset: Number(body.readBigUInt64BE(16)) }
}

function macOf(body: Buffer, identity: LogIdentity, dataKey: DataKey): Buffer {
  const scope = scopeOf(identity, Buffer.alloc(0))
  const key = Buffer.from(hkdfSync('sha256', dataKey.key, Buffer.alloc(0), `state-v1|${scope}`, macBytes))
  return createHmac('sha256', key).update(body).digest()
}
