// A client that says exactly what a test wants said: frames of our own definitions, or any bytes at all.
import { connect, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import { Reader, Writer } from '../../src/wire/bytes.ts'
import type { Api, Decoded, Draft, Shape } from '../../src/wire/schema.ts'

export interface Frame {
  readonly correlationId: number
  /** What follows the correlation id. */
  readonly body: Buffer
}

export class RawClient implements Disposable {
  readonly socket: Socket
  /** Resolves when the server closed, or the connection broke. */
  readonly closed: Promise<void>
  readonly #frames: Frame[] = []
  #held: Buffer = Buffer.alloc(0)
  #wanted: (() => void) | undefined
  #correlationId = 0
  #isClosed = false

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', chunk => this.#receive(chunk as Buffer))
    socket.on('error', () => {})
    this.closed = new Promise(resolve => socket.on('close', () => {
      this.#isClosed = true
      resolve()
      this.#wanted?.()
    }))
  }

  static async connect(port: number, tls?: ConnectionOptions): Promise<RawClient> {
    const socket = tls === undefined ? connect({ port, host: '127.0.0.1' }) : connectTls({ port, host: '127.0.0.1', ...tls })
    const client = new RawClient(socket)
    await new Promise<void>((resolve, reject) => {
      socket.once(tls === undefined ? 'connect' : 'secureConnect', resolve)
      socket.once('error', reject)
    })
    return client
  }

  /** Sends a request and reads its answer. */
  async ask<Q extends Shape, R extends Shape>(api: Api<Q, R>, version: number, request: Draft<Q>): Promise<Decoded<R>> {
    const correlationId = this.tell(api, version, request)
    const frame = await this.frame()
    if (frame.correlationId !== correlationId) throw new Error(`answer ${frame.correlationId} to request ${correlationId}`)
    return answerOf(api, version, frame.body)
  }

  /** Sends a request and waits for nothing; returns its correlation id. */
  tell<Q extends Shape, R extends Shape>(api: Api<Q, R>, version: number, request: Draft<Q>): number {
    const correlationId = ++this.#correlationId
    this.socket.write(frameOf(api, version, correlationId, api.request.encode(request, version)))
    return correlationId
  }

  /** The next frame; rejects when the connection closes first. */
  async frame(): Promise<Frame> {
    for (;;) {
      const frame = this.#frames.shift()
      if (frame !== undefined) return frame
      if (this.#isClosed) throw new Error('the connection was closed')
      await new Promise<void>(resolve => { this.#wanted = resolve })
    }
  }

  [Symbol.dispose](): void {
    this.socket.destroy()
  }

  #receive(chunk: Buffer): void {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    while (this.#held.length >= 4 && this.#held.length >= 4 + this.#held.readInt32BE(0)) {
      const end = 4 + this.#held.readInt32BE(0)
      this.#frames.push({ correlationId: this.#held.readInt32BE(4), body: this.#held.subarray(8, end) })
      this.#held = this.#held.subarray(end)
    }
    this.#wanted?.()
  }
}

/** A whole request frame around the bytes of a body. */
export function frameOf<Q extends Shape, R extends Shape>(api: Api<Q, R>, version: number, correlationId: number, body: Buffer): Buffer {
  const header = new Writer()
  header.int16(api.key)
  header.int16(version)
  header.int32(correlationId)
  header.nullableString('raw-client')
  if (api.request.isFlexible(version)) header.uvarint(0)
  return framed(Buffer.concat([header.toBuffer(), body]))
}

/** The bytes with their length before them. */
export function framed(payload: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeInt32BE(payload.length)
  return Buffer.concat([length, payload])
}

export function answerOf<Q extends Shape, R extends Shape>(api: Api<Q, R>, version: number, body: Buffer): Decoded<R> {
  const reader = new Reader(body)
  if (api.key !== 18 && api.response.isFlexible(version)) reader.uvarint()
  const answer = api.response.decode(reader, version)
  if (reader.remaining > 0) throw new Error(`${reader.remaining} bytes behind the answer of ${api.name} v${version}`)
  return answer
}
