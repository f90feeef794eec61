// Request bodies: read by hand under a bound per request and one budget for all requests in flight, so that no number of clients can fill the memory.
// Bytes are leased as they come, not as they are declared, so that clients who announce much and send nothing take nothing from the others.
import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import type { Response } from 'express'
import { assert } from '../base/assert.ts'
import { parseJsonText } from '../base/json.ts'
import { jsonDepthMax, tooDeep } from './json-text.ts'
import { Problem } from './problem.ts'

/** What all request bodies, or all answers, in flight may take together. */
export class BodyBudget {
  readonly #bytesMax: number
  #bytesLeased = 0

  constructor(bytesMax: number) {
    assertLimit(bytesMax)
    this.#bytesMax = bytesMax
  }

  get bytesLeased(): number {
    return this.#bytesLeased
  }

  /** False where the budget has no room; nothing is leased then. */
  lease(bytes: number): boolean {
    if (this.#bytesLeased + bytes > this.#bytesMax) return false
    this.#bytesLeased += bytes
    return true
  }

  release(bytes: number): void {
    this.#bytesLeased -= bytes
    assert(this.#bytesLeased >= 0, `${bytes} bytes more were released than leased`)
  }
}

/** The whole body, at most `bytesMax` bytes. Refuses with 413 (too large), 415 (a content encoding) or 503 (no budget), as a Problem. */
export async function readBody(request: IncomingMessage, response: Response, how: { bytesMax: number; budget: BodyBudget }): Promise<Buffer> {
  const { bytesMax, budget } = how
  assertLimit(bytesMax)
  const encoding = request.headers['content-encoding']
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new Problem(415, `HTTP 415 Unsupported Media Type: content-encoding '${encoding}' is not taken`, { headers: { 'accept-encoding': 'identity' } })
  }
  const tooLarge = (): Problem => new Problem(413, `HTTP 413 Content Too Large: the body is larger than ${bytesMax} bytes`)
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) throw tooLarge()
  let leased = 0
  let isClosed = false
  response.once('close', () => {
    isClosed = true
    budget.release(leased)
  })
  const body = new GrowingBuffer(Number(request.headers['content-length'] ?? bytesMax))
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      if (isClosed) break
      if (body.size + chunk.length > bytesMax) throw tooLarge()
      if (!budget.lease(chunk.length)) throw new Problem(503, 'HTTP 503 Service Unavailable: too many request bytes in flight', { headers: { 'retry-after': '1' } })
      leased += chunk.length
      body.add(chunk)
    }
  } catch (error) {
    if (error instanceof Problem) throw error
    isClosed = true
  }
  if (isClosed) throw new Problem(400, 'HTTP 400 Bad Request: the request broke off')
  return body.bytes
}

/**
 * Counts an answer of `bytes` against the budget until its peer has taken it, or is gone: peers that ask for much and read nothing must not fill the
 * memory. Throws 503 where there is no room.
 */
export function holdAnswer(response: Response, bytes: number, budget: BodyBudget): void {
  if (response.destroyed) return
  if (!budget.lease(bytes)) throw new Problem(503, 'HTTP 503 Service Unavailable: too many answer bytes in flight', { headers: { 'retry-after': '1' } })
  response.once('close', () => budget.release(bytes))
}

/** As `holdAnswer`, for an answer that is put together piece by piece: whether there is room for `bytes` more of it. */
export function growingAnswer(response: Response, budget: BodyBudget): (bytes: number) => boolean {
  let held = 0
  let isGone = response.closed
  response.once('close', () => {
    isGone = true
    budget.release(held)
  })
  return bytes => {
    if (isGone) return true
    if (!budget.lease(bytes)) return false
    held += bytes
    return true
  }
}

/** One buffer that doubles, rather than a list of what came: a body in chunks of one byte would take a hundred times its size. */
class GrowingBuffer {
  readonly #sizeExpected: number
  #bytes: Buffer = Buffer.alloc(0)
  size = 0

  constructor(sizeExpected: number) {
    this.#sizeExpected = sizeExpected
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.size)
  }

  add(chunk: Buffer): void {
    const size = this.size + chunk.length
    if (this.size === 0) this.#bytes = chunk
    else {
      if (size > this.#bytes.length) {
        const grown = Buffer.allocUnsafeSlow(Math.max(size, Math.min(2 * size, this.#sizeExpected)))
        this.#bytes.copy(grown, 0, 0, this.size)
        this.#bytes = grown
      }
      chunk.copy(this.#bytes, this.size)
    }
    this.size = size
  }
}

/** A body as JSON: UTF-8, at most 64 deep; 400 otherwise. The value has what JSON.parse gives, `__proto__` as a plain own member included. */
export function parseJson(body: Buffer): unknown {
  if (!isUtf8(body)) throw new Problem(400, 'HTTP 400 Bad Request: the body is not UTF-8')
  if (tooDeep(body)) throw new Problem(400, `HTTP 400 Bad Request: the JSON is nested deeper than ${jsonDepthMax}`)
  try {
    return parseJsonText(body.toString())
  } catch (error) {
    throw new Problem(400, `HTTP 400 Bad Request: malformed JSON: ${(error as Error).message.slice(0, 200)}`)
  }
}

/** A limit that is not a number would compare as "not exceeded" with everything: such a start must fail. */
function assertLimit(bytes: number): void {
  assert(Number.isSafeInteger(bytes) && bytes > 0, `a body limit must be a positive whole number of bytes, not ${bytes}`)
}
