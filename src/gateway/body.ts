// Request bodies: read by hand under a bound per request and one budget for all requests in flight, so that no number of clients can fill the memory.
// A declared length is leased before its first byte is read; a chunked body leases as it grows. The lease ends with the answer.
import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import type { Response } from 'express'
import { assert } from '../base/assert.ts'
import { jsonDepthMax, tooDeep } from './json-text.ts'
import { Problem } from './problem.ts'

/** What all request bodies in flight may take together. */
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
  let leased = 0
  const lease = (bytes: number): void => {
    if (leased + bytes > bytesMax) throw new Problem(413, `HTTP 413 Content Too Large: the body is larger than ${bytesMax} bytes`)
    if (!budget.lease(bytes)) throw new Problem(503, 'HTTP 503 Service Unavailable: too many request bytes in flight', { headers: { 'retry-after': '1' } })
    leased += bytes
  }
  response.once('close', () => budget.release(leased))
  // llhttp has checked the length against the grammar; what it declares is what comes, or the request breaks off.
  const declared = Number(request.headers['content-length'] ?? 0)
  lease(declared)
  const chunks: Buffer[] = []
  let received = 0
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      received += chunk.length
      if (received > leased) lease(received - leased)
      chunks.push(chunk)
    }
  } catch (error) {
    if (error instanceof Problem) throw error
    throw new Problem(400, 'HTTP 400 Bad Request: the request broke off')
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, received)
}

/** A body as JSON: UTF-8, at most 64 deep; 400 otherwise. The value has what JSON.parse gives, `__proto__` as a plain own member included. */
export function parseJson(body: Buffer): unknown {
  if (!isUtf8(body)) throw new Problem(400, 'HTTP 400 Bad Request: the body is not UTF-8')
  if (tooDeep(body)) throw new Problem(400, `HTTP 400 Bad Request: the JSON is nested deeper than ${jsonDepthMax}`)
  try {
    return JSON.parse(body.toString())
  } catch (error) {
    throw new Problem(400, `HTTP 400 Bad Request: malformed JSON: ${(error as Error).message.slice(0, 200)}`)
  }
}

/** A limit that is not a number would compare as "not exceeded" with everything: such a start must fail. */
function assertLimit(bytes: number): void {
  assert(Number.isSafeInteger(bytes) && bytes > 0, `a body limit must be a positive whole number of bytes, not ${bytes}`)
}
