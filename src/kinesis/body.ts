// Reads a request's body under a bound of its own and one that all requests share, so that many half-sent bodies cannot fill the memory; of that, no
// peer gets all, so that one who holds what it can keeps nobody else out.
import type { Readable } from 'node:stream'

/** The largest body of one request: ten MiB of data as base64, five hundred partition keys as JSON spells them at worst, and what stands around them. */
export const bodyBytesMax = 15 * 1_048_576
/** Of all bodies, in both directions, that a listener holds at once. */
export const bodiesBytesMax = 192 * 1_048_576
// A peer may hold twice what it leaves: two thirds while it is alone, two fifths beside another such peer, and some always remains for who comes next.
const heldToLeftMax = 2

export type BodyRefusal = 'too-large' | 'no-room' | 'incomplete'

export class BodyBudget {
  readonly #heldOf = new Map<string, number>()
  #held = 0

  get heldBytes(): number {
    return this.#held
  }

  /** What the peer at this IP address may hold. */
  share(host: string): BodyShare {
    const peer = peerOf(host)
    const take = (bytes: number): boolean => {
      const held = (this.#heldOf.get(peer) ?? 0) + bytes
      const left = bodiesBytesMax - this.#held - bytes
      if (held > left * heldToLeftMax) return false
      this.#heldOf.set(peer, held)
      this.#held += bytes
      return true
    }
    const give = (bytes: number): void => {
      const held = (this.#heldOf.get(peer) ?? 0) - bytes
      if (held > 0) this.#heldOf.set(peer, held)
      else this.#heldOf.delete(peer)
      this.#held -= bytes
    }
    return { take, give }
  }
}

export interface BodyShare {
  /** Whether there is room for so many bytes more, which are then held. */
  take(bytes: number): boolean
  give(bytes: number): void
}

/** Who an address belongs to: one host's, but of IPv6 the network's, since a host has as many addresses of it as it likes. */
function peerOf(host: string): string {
  if (!host.includes(':')) return host
  const [head = '', tail] = host.split('::')
  const groups = head.split(':')
  const behind = tail === undefined || tail === '' ? [] : tail.split(':')
  const all = tail === undefined ? groups : [...groups, ...Array.from({ length: Math.max(0, 8 - groups.length - behind.length) }, () => '0'), ...behind]
  return all.slice(0, 4).map(group => group || '0').join(':')
}

/**
 * The whole body, or why it is not taken: larger than `bodyBytesMax`, no room beside the others', or cut off. What a body takes of the share
 * is the caller's to give back once the request is answered; a refused body holds nothing.
 */
export function readBody(stream: Readable, share: BodyShare): Promise<Buffer | BodyRefusal> {
  return new Promise(resolve => {
    const chunks: Buffer[] = []
    let bytes = 0
    const settle = (result: Buffer | BodyRefusal): void => {
      stream.off('data', onData).off('end', onEnd).off('error', onCut).off('aborted', onCut).off('close', onCut)
      if (typeof result === 'string') share.give(bytes)
      resolve(result)
    }
    const onData = (chunk: Buffer): void => {
      if (bytes + chunk.length > bodyBytesMax) return settle('too-large')
      if (!share.take(chunk.length)) return settle('no-room')
      bytes += chunk.length
      chunks.push(chunk)
    }
    const onEnd = (): void => settle(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, bytes))
    const onCut = (): void => settle('incomplete')
    stream.on('data', onData).on('end', onEnd).on('error', onCut).on('aborted', onCut).on('close', onCut)
  })
}
