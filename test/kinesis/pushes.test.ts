import { EventEmitter } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { Pushes, type PushResponse } from '../../src/kinesis/pushes.ts'
import type { EventSource } from '../../src/wire/event-stream.ts'

/** A peer that takes what it is given when it is told to. */
class Peer extends EventEmitter {
  destroyed = false
  hasEnded = false
  isReading = true
  readonly taken: Buffer[] = []
  readonly #waiting: (() => void)[] = []

  get response(): PushResponse {
    return this as unknown as PushResponse
  }

  write(piece: Buffer, done: () => void): boolean {
    const take = (): void => {
      this.taken.push(piece)
      done()
    }
    if (this.isReading) take()
    else this.#waiting.push(take)
    return this.isReading
  }

  read(): void {
    this.isReading = true
    for (const take of this.#waiting.splice(0)) take()
  }

  end(): void {
    this.hasEnded = true
  }

  destroy(): void {
    this.destroyed = true
    this.emit('close')
  }
}

/** What all peers of a host may hold together. */
function shareOf(bytesMax: number): { take(bytes: number): boolean; give(bytes: number): void; held: number } {
  return {
    held: 0,
    take(bytes) {
      if (this.held + bytes > bytesMax) return false
      this.held += bytes
      return true
    },
    give(bytes) { this.held -= bytes },
  }
}

/** Gives these messages, then nothing until it is aborted; counts how many were asked for. */
function source(...messages: Buffer[]): EventSource & { asked: number } {
  return {
    asked: 0,
    async* messages(signal) {
      for (const message of messages) {
        this.asked++
        yield message
      }
      if (!signal.aborted) await new Promise(resolve => signal.addEventListener('abort', resolve))
    },
  }
}

const message = (bytes: number, fill = 0): Buffer => Buffer.alloc(bytes, fill)

async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await setImmediate()
}

describe('an event stream', () => {
  it('is asked for the next message when its peer has taken the one before, which is counted meanwhile', async () => {
    const peer = new Peer()
    const share = shareOf(1_000_000)
    const stream = source(message(200_000, 1), message(100, 2), message(100, 3))
    const pushes = new Pushes()
    peer.isReading = false
    const done = pushes.push(stream, peer.response, { host: 'a', share })
    await settle()
    expect([stream.asked, share.held, peer.taken.length]).toEqual([1, 200_000, 0])
    peer.read()
    await settle()
    expect([stream.asked, share.held]).toEqual([3, 0])
    // Large messages go in pieces, so that no connection holds all of one.
    expect(peer.taken.map(piece => piece.length)).toEqual([65_536, 65_536, 65_536, 3_392, 100, 100])
    pushes.stop()
    await done
    expect([peer.hasEnded, peer.destroyed]).toEqual([true, false])
  })

  it('is over at once to a peer that has gone before it begins, which of HTTP/2 only the stream tells', async () => {
    for (const gone of [{ destroyed: true }, { destroyed: undefined, stream: { destroyed: true } }]) {
      const peer = Object.assign(new Peer(), gone)
      const share = shareOf(1_000_000)
      await new Pushes().push(source(message(200_000)), peer.response, { host: 'a', share })
      expect([share.held, peer.taken, peer.listenerCount('close')]).toEqual([0, [], 0])
    }
  })

  it('is over when its peer goes, in the middle of a message or between two', async () => {
    for (const isReading of [true, false]) {
      const peer = new Peer()
      peer.isReading = isReading
      const share = shareOf(1_000_000)
      const stream = source(message(200_000))
      const done = new Pushes().push(stream, peer.response, { host: 'a', share })
      await settle()
      peer.destroy()
      await done
      expect([share.held, peer.listenerCount('close')]).toEqual([0, 0])
    }
  })

  it('that comes when the listener has stopped, or its peer gone, is over at once', async () => {
    const pushes = new Pushes()
    pushes.stop()
    const late = new Peer()
    await pushes.push(source(), late.response, { host: 'a', share: shareOf(100) })
    expect(late.hasEnded).toBe(true)
    const gone = new Peer()
    gone.destroy()
    await new Pushes().push(source(), gone.response, { host: 'a', share: shareOf(100) })
  })

  it('that is not read is cut off for others of its host that are, longest held first', async () => {
    const pushes = new Pushes()
    const share = shareOf(250)
    const peers = [new Peer(), new Peer(), new Peer()]
    for (const peer of peers) peer.isReading = false
    const elsewhere = new Peer()
    elsewhere.isReading = false
    const done = [pushes.push(source(message(200)), elsewhere.response, { host: 'b', share: shareOf(250) })]
    for (const peer of peers) {
      done.push(pushes.push(source(message(100)), peer.response, { host: 'a', share }))
      await settle()
    }
    expect([elsewhere, ...peers].map(peer => peer.destroyed)).toEqual([false, true, false, false])
    expect(share.held).toBe(200)
    const reader = new Peer()
    done.push(pushes.push(source(message(100), message(100, 1)), reader.response, { host: 'a', share }))
    await settle()
    expect([peers.map(peer => peer.destroyed), reader.taken.length]).toEqual([[true, true, false], 2])
    for (const peer of [...peers, elsewhere]) peer.destroy()
    pushes.stop()
    await Promise.all(done)
    expect(share.held).toBe(0)
  })

  it('shares a message with others, and it is counted once until the last of a host has taken it', async () => {
    const pushes = new Pushes()
    const share = shareOf(250)
    const shared = message(100)
    const peers = [new Peer(), new Peer(), new Peer()]
    const done = peers.map(peer => {
      peer.isReading = false
      return pushes.push(source(shared), peer.response, { host: 'a', share })
    })
    await settle()
    expect(share.held).toBe(100)
    peers[0]!.read()
    peers[1]!.destroy()
    await settle()
    expect(share.held).toBe(100)
    peers[2]!.read()
    await settle()
    expect(share.held).toBe(0)
    pushes.stop()
    await Promise.all(done)
  })

  it('whose message finds no room, with nobody left to cut off, is cut off itself', async () => {
    const peer = new Peer()
    await new Pushes().push(source(message(300)), peer.response, { host: 'a', share: shareOf(250) })
    expect([peer.destroyed, peer.taken]).toEqual([true, []])
  })

  it('that fails gives back what it held, and says so', async () => {
    const peer = new Peer()
    const share = shareOf(1_000)
    const failing: EventSource = { async* messages() {
      yield message(100)
      throw new Error('a bug')
    } }
    await expect(new Pushes().push(failing, peer.response, { host: 'a', share })).rejects.toThrow('a bug')
    expect(share.held).toBe(0)
  })
})
