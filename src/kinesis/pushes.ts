// Event streams on their way to peers: each message is written when its peer has taken the one before, piece by piece, and counted meanwhile: once for each host, since
// consumers of one shard share their messages. Where too much is held for peers that do not read, whoever of the same host has held on longest is cut off.
import type { ServerResponse } from 'node:http'
import type { EventSource } from '../wire/event-stream.ts'
import type { BodyShare } from './body.ts'
import { isGone } from './responses.ts'

/** What one stream gives its connection at a time: many of one HTTP/2 session share its memory. */
const pieceBytesMax = 64 * 1_024

/** What is used of a response, whatever its protocol. */
export type PushResponse = Pick<ServerResponse, 'destroyed' | 'destroy' | 'end' | 'off' | 'once' | 'write'>

interface Peer {
  readonly host: string
  readonly share: BodyShare
}

/** A message that peers of a host have not taken yet. */
interface Held {
  readonly message: Buffer
  readonly peer: Peer
  readonly responses: Set<PushResponse>
}

export class Pushes {
  /** Of each stream: how it is ended. */
  readonly #open = new Set<() => void>()
  #isStopped = false
  /** Longest held first. */
  readonly #held = new Set<Held>()
  /** … of each message: one for each host. */
  readonly #heldOf = new Map<Buffer, readonly Held[]>()

  /** Every stream ends, cleanly, as soon as its peer has taken the message under way. */
  stop(): void {
    this.#isStopped = true
    for (const end of this.#open) end()
  }

  /** Writes what comes and ends the response, whose head is written already. Resolves when that is done, or the peer is gone or cut off. */
  async push(source: EventSource, response: PushResponse, peer: Peer): Promise<void> {
    const over = new AbortController()
    const end = (): void => over.abort()
    response.once('close', end)
    this.#open.add(end)
    if (isGone(response) || this.#isStopped) end()
    try {
      for await (const message of source.messages(over.signal)) {
        const held = this.#hold(message, response, peer)
        if (held === undefined) {
          response.destroy()
          return
        }
        await write(message, response)
        this.#letGo(held, response)
        if (isGone(response)) return
      }
      response.end()
    } finally {
      this.#open.delete(end)
      response.off('close', end)
      end()
    }
  }

  /** Undefined where there is no room, even with nobody left to cut off. */
  #hold(message: Buffer, response: PushResponse, peer: Peer): Held | undefined {
    const shared = this.#heldOf.get(message)?.find(one => one.peer.host === peer.host)
    if (shared !== undefined) {
      shared.responses.add(response)
      return shared
    }
    while (!peer.share.take(message.length)) {
      const longest = this.#held.values().find(one => one.peer.host === peer.host)
      if (longest === undefined) return undefined
      for (const one of longest.responses) {
        this.#letGo(longest, one)
        one.destroy()
      }
    }
    const held: Held = { message, peer, responses: new Set([response]) }
    this.#held.add(held)
    this.#heldOf.set(message, [...this.#heldOf.get(message) ?? [], held])
    return held
  }

  #letGo(held: Held, response: PushResponse): void {
    if (!held.responses.delete(response) || held.responses.size > 0) return
    this.#held.delete(held)
    const left = this.#heldOf.get(held.message)!.filter(one => one !== held)
    if (left.length > 0) this.#heldOf.set(held.message, left)
    else this.#heldOf.delete(held.message)
    held.peer.share.give(held.message.length)
  }
}

/** Resolves when the peer has taken all of it, or is gone. */
async function write(message: Buffer, response: PushResponse): Promise<void> {
  for (let at = 0; at < message.length && !isGone(response); at += pieceBytesMax) {
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
