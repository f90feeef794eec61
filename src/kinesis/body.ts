// Reads a request's body under a bound of its own and one that all requests share, so that many half-sent bodies cannot fill the memory.
import type { Readable } from 'node:stream'

/** The largest body of one request: ten MiB of data, as base64 within JSON, and what stands around it. */
export const bodyBytesMax = 12 * 1_048_576
/** Of all bodies, in both directions, that a listener holds at once. */
export const bodiesBytesMax = 192 * 1_048_576

export type BodyRefusal = 'too-large' | 'no-room' | 'incomplete'

export class BodyBudget {
  #held = 0

  get heldBytes(): number {
    return this.#held
  }

  take(bytes: number): boolean {
    if (this.#held + bytes > bodiesBytesMax) return false
    this.#held += bytes
    return true
  }

  give(bytes: number): void {
    this.#held -= bytes
  }
}

/**
 * The whole body, or why it is not taken: larger than `bodyBytesMax`, no room beside the others', or cut off. What a body takes of the budget
 * is the caller's to give back once the request is answered; a refused body holds nothing.
 */
export function readBody(stream: Readable, budget: BodyBudget): Promise<Buffer | BodyRefusal> {
  return new Promise(resolve => {
    const chunks: Buffer[] = []
    let bytes = 0
    const settle = (result: Buffer | BodyRefusal): void => {
      stream.off('data', onData).off('end', onEnd).off('error', onCut).off('aborted', onCut).off('close', onCut)
      if (typeof result === 'string') budget.give(bytes)
      resolve(result)
    }
    const onData = (chunk: Buffer): void => {
      if (bytes + chunk.length > bodyBytesMax) return settle('too-large')
      if (!budget.take(chunk.length)) return settle('no-room')
      bytes += chunk.length
      chunks.push(chunk)
    }
    const onEnd = (): void => settle(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, bytes))
    const onCut = (): void => settle('incomplete')
    stream.on('data', onData).on('end', onEnd).on('error', onCut).on('aborted', onCut).on('close', onCut)
  })
}
