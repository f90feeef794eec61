// Rate limits per principal: requests, bytes in and bytes out per second, each off unless set. What is over is refused with 429 and Retry-After before it costs
// anything; streams, which are one request each, ask per record. Counted in memory, of this process.
import type { IncomingMessage } from 'node:http'
import type { RequestHandler, Response } from 'express'
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { Lru } from '../base/lru.ts'
import type { Caller } from '../ports.ts'
import { formatPrincipal } from '../security/principal.ts'
import { callerOf } from './callers.ts'
import { Problem } from './problem.ts'

/** Per second and principal; 0 is no limit. */
export interface RateLimitSettings {
  readonly requests: number
  readonly bytesIn: number
  readonly bytesOut: number
}

export type RateLimit = keyof RateLimitSettings

const inWords = { requests: 'requests', bytesIn: 'bytes of requests', bytesOut: 'bytes of answers' } as const
/** Whoever was silent longest starts anew when there are more. */
const principalsMax = 10_000

export class RateLimits {
  readonly #settings: RateLimitSettings
  readonly #limiters: ReadonlyMap<RateLimit, RateLimiterMemory>
  readonly #principals = new Lru<string, true>(principalsMax, principal => {
    for (const limiter of this.#limiters.values()) void limiter.delete(principal)
  })
  /** Refusals so far, by limit. */
  readonly refused = new Map<RateLimit, number>()
  /** Answers whose route counts bytes itself, as they pass. */
  readonly #streams = new WeakSet<Response>()

  constructor(settings: RateLimitSettings) {
    this.#settings = settings
    const limits = (Object.keys(inWords) as RateLimit[]).filter(limit => settings[limit] > 0)
    this.#limiters = new Map(limits.map(limit => [limit, new RateLimiterMemory({ points: settings[limit], duration: 1 })]))
  }

  /** Whether there is such a limit: asking for what is not limited costs a stream nothing. */
  has(limit: RateLimit): boolean {
    return this.#limiters.has(limit)
  }

  /**
   * Takes `amount` of a limit: 0 where that goes, else in how many ms to come again, and nothing is taken. Bytes may pass the limit once, because a request
   * may be larger than a second's worth, and are paid for by waiting longer.
   */
  async take(caller: Caller, limit: RateLimit, amount: number): Promise<number> {
    const limiter = this.#limiters.get(limit)
    if (limiter === undefined || amount === 0) return 0
    const principal = formatPrincipal(caller.principal)
    this.#principals.set(principal, true)
    const waitMs = limit === 'requests' ? await consume(limiter, principal, amount) : await owe(limiter, principal, amount)
    if (waitMs > 0) this.refused.set(limit, (this.refused.get(limit) ?? 0) + 1)
    return waitMs
  }

  /** Counts what has passed already, to be paid for by whatever comes next. */
  async spend(caller: Caller, limit: RateLimit, amount: number): Promise<number> {
    const limiter = this.#limiters.get(limit)
    if (limiter === undefined || amount === 0) return 0
    const principal = formatPrincipal(caller.principal)
    this.#principals.set(principal, true)
    await charge(limiter, principal, amount)
    return await waitOf(limiter, principal)
  }

  /** `take`, or 429 thrown. */
  async expect(caller: Caller, limit: RateLimit, amount: number): Promise<void> {
    const waitMs = await this.take(caller, limit, amount)
    if (waitMs > 0) throw this.#tooMany(caller, limit, waitMs)
  }

  /** The route of this answer counts what it reads and writes itself: `take` or `spend` as it passes. */
  countsItself(response: Response): void {
    this.#streams.add(response)
  }

  /** A middleware behind the authentication. */
  readonly handler: RequestHandler = async (request, response, next) => {
    await this.admit(callerOf(response), request, response)
    next()
  }

  /** Takes a request, and its bytes as declared, and counts its answer, and a body whose length it did not declare, once it is over. Throws 429. */
  async admit(caller: Caller, request: IncomingMessage, response: Response): Promise<void> {
    if (this.#limiters.size === 0) return
    const { socket } = request
    const declared = request.headers['content-length']
    const before = { read: socket.bytesRead, written: socket.bytesWritten }
    // What was written before is paid for first.
    const owedMs = await this.take(caller, 'bytesOut', 1)
    if (owedMs > 0) throw this.#tooMany(caller, 'bytesOut', owedMs)
    await this.expect(caller, 'requests', 1)
    await this.expect(caller, 'bytesIn', Number(declared ?? 1))
    const isChunked = request.headers['transfer-encoding'] !== undefined
    response.once('close', () => {
      if (this.#streams.has(response)) return
      if (isChunked) void this.spend(caller, 'bytesIn', socket.bytesRead - before.read)
      void this.spend(caller, 'bytesOut', socket.bytesWritten - before.written)
    })
  }

  #tooMany(caller: Caller, limit: RateLimit, waitMs: number): Problem {
    const message = `HTTP 429 Too Many Requests: ${formatPrincipal(caller.principal)} may have ${this.#settings[limit]} ${inWords[limit]} per second`
    return new Problem(429, message, { headers: { 'retry-after': String(Math.max(1, Math.ceil(waitMs / 1000))) } })
  }
}

/** The library rejects with what is left to wait. */
async function consume(limiter: RateLimiterMemory, principal: string, amount: number): Promise<number> {
  try {
    await limiter.consume(principal, amount)
    return 0
  } catch (refused) {
    if (refused instanceof RateLimiterRes) return Math.max(1, refused.msBeforeNext)
    throw refused
  }
}

async function owe(limiter: RateLimiterMemory, principal: string, amount: number): Promise<number> {
  const waitMs = await waitOf(limiter, principal)
  if (waitMs === 0) await charge(limiter, principal, amount)
  return waitMs
}

async function waitOf(limiter: RateLimiterMemory, principal: string): Promise<number> {
  const known = await limiter.get(principal)
  return known !== null && known.consumedPoints >= limiter.points ? Math.max(1, known.msBeforeNext) : 0
}

/** What is more than a second's worth makes the second longer, by as much as it is more: what is left of the second itself stays what it was. */
async function charge(limiter: RateLimiterMemory, principal: string, amount: number): Promise<void> {
  const { consumedPoints, msBeforeNext } = await limiter.penalty(principal, amount)
  const over = Math.min(amount, consumedPoints - limiter.points)
  if (over > 0) await limiter.set(principal, consumedPoints, msBeforeNext / 1000 + over / limiter.points)
}
