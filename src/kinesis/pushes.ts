// Event streams on their way to peers: each message is written when its peer has taken the one before, piece by piece, and counted meanwhile. Where too much is held for peers
// that do not read, whoever has held on longest is cut off, of the same host's first.
import type { ServerResponse } from 'node:http'
import type { EventSource } from '../wire/event-stream.ts'
import type { BodyShare } from './body.ts'

/** What one stream gives its connection at a time: many of one HTTP/2 session share its memory. */
const pieceBytesMax = 64 * 1_024

/** What is used of a response, whatever its protocol. */
export type PushResponse = Pick<ServerResponse, 'destroyed' | 'destroy' | 'end' | 'off' | 'once' | 'write'>

interface Held {
  readonly host: string
  readonly bytes: number
  readonly share: Pick<BodyShare, 'give'>
  readonly response: PushResponse
}

export class Pushes {
  /** Of each stream: how it is ended. */
  readonly #open = new Set<() => void>()
  #isStopped = false
  /** Longest held first. */
  readonly #held = new Set<Held>()

  /** Every stream ends, cleanly, as soon as its peer has taken the message under way. */
  stop(): void {
    this.#isStopped = true
    for (const end of this.#open) end()
  }

  /** Writes what comes and ends the response, whose head is written already. Resolves when that is done, or the peer is gone or cut off. */
  async push(source: EventSource, response: PushResponse, peer: { readonly host: string; readonly share: BodyShare }): Promise<void> {
    const over = new AbortController()
    const end = (): void => over.abort()
    response.once('close', end)
    this.#open.add(end)
    if (response.destroyed || this.#isStopped) end()
    try {
      for await (const message of source.messages(over.signal)) {
        const held = this.#hold(message.length, response, peer)
        if (held === undefined) {
          response.destroy()
          return
        }
        await write(message, response)
        this.#drop(held)
        if (response.destroyed) return
      }
      response.end()
    } finally {
      this.#open.delete(end)
      response.off('close', end)
      end()
    }
  }

  /** Undefined where there is no room, even with nobody left to cut off. */
  #hold(bytes: number, response: PushResponse, { host, share }: { readonly host: string; readonly share: BodyShare }): Held | undefined {
    const held: Held = { host, bytes, share, response }
    while (!share.take(bytes)) {
      const longest = this.#held.values().find(one => one.host === host)
      if (longest === undefined) return undefined
      this.#drop(longest)
      longest.response.destroy()
    }
    this.#held.add(held)
    return held
  }

  #drop(held: Held): void {
    if (this.#held.delete(held)) held.share.give(held.bytes)
  }
}

/** Resolves when the peer has taken all of it, or is gone. */
async function write(message: Buffer, response: PushResponse): Promise<void> {
  for (let at = 0; at < message.length && !response.destroyed; at += pieceBytesMax) {
    const piece = message.subarray(at, at + pieceBytesMax)
    await new Promise<void>(resolve => {
      const done = (): void => {
        response.off('close', done)
        resolve()
      }
      response.once('close', done)
      response.write(piece, done)
    })
  }
}
