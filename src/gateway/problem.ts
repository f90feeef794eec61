// How the gateway says no: one body for every JSON API of ours, `{ "error_code": 40401, "message": "…" }`, as Confluent's REST proxy and schema
// registry have it. Handlers throw a Problem; the last middleware turns it, and whatever Express or Node throw, into an answer that shows nothing of
// the inside.
import { STATUS_CODES } from 'node:http'
import type { ErrorRequestHandler, RequestHandler } from 'express'
import type { Logger } from '../world/world.ts'

export interface ProblemOptions {
  /** The API's own number; the HTTP status unless given. */
  readonly errorCode?: number
  readonly headers?: Readonly<Record<string, string>>
  /** Further members of the body, after the two that are always there. */
  readonly details?: Readonly<Record<string, unknown>>
}

export class Problem extends Error {
  override readonly name = 'Problem'
  readonly status: number
  readonly errorCode: number
  readonly headers: Readonly<Record<string, string>>
  readonly details: Readonly<Record<string, unknown>>

  constructor(status: number, message: string, options: ProblemOptions = {}) {
    super(message)
    this.status = status
    this.errorCode = options.errorCode ?? status
    this.headers = options.headers ?? {}
    this.details = options.details ?? {}
  }
}

/** 405 with the methods there are. The last handler of each route. */
export function allowOnly(...methods: readonly string[]): RequestHandler {
  const allow = methods.join(', ')
  return request => {
    throw new Problem(405, `HTTP 405 Method Not Allowed: ${request.method}; this path takes ${allow}`, { headers: { allow } })
  }
}

/** 404 for a path that no route has. */
export const noSuchPath: RequestHandler = () => {
  throw new Problem(404, 'HTTP 404 Not Found')
}

/** The last middleware. An error that is nobody's refusal is a bug: its stack goes to the log, and a bare 500 to the client. */
export function answerProblems(logger: Logger): ErrorRequestHandler {
  return (error: unknown, request, response, _next) => {
    const problem = error instanceof Problem ? error : translated(error)
    if (problem === undefined) {
      const stack = error instanceof Error ? error.stack : String(error)
      logger.error({ method: request.method, route: request.route?.path, error: stack }, 'a gateway request failed')
    }
    if (response.headersSent) {
      request.socket.destroy()
      return
    }
    const { status, errorCode, message, headers, details } = problem ?? new Problem(500, 'HTTP 500 Internal Server Error')
    // A body that was not read to its end would be taken for the next request, so the connection ends with the answer.
    if (!request.readableEnded && request.readable) response.set('connection', 'close')
    response.status(status).set(headers).json({ error_code: errorCode, message, ...details })
  }
}

/** Express and its parts mark what the client did wrong with a 4xx `status` (a malformed percent escape in the path, for one). */
function translated(error: unknown): Problem | undefined {
  const status = typeof error === 'object' && error !== null && 'status' in error ? error.status : undefined
  if (typeof status !== 'number' || status < 400 || status >= 500) return undefined
  return new Problem(status, `HTTP ${status} ${STATUS_CODES[status] ?? 'Client Error'}`)
}
