// The Kinesis API over HTTP/1.1 at `/kinesis`: the same handler as the Kinesis listener's, given the raw body and the path as it was signed. Clients authenticate with
// AWS signatures, so no certificate is needed here.
import { Router, type Request, type Response } from 'express'
import { readBody, type BodyBudget } from './body.ts'

const bodyBytesMax = 12 * 1024 * 1024

/** Transport-free: what src/kinesis/handler.ts is. */
export type KinesisHandler = (request: {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly body: Buffer
  readonly host: string
}) => Promise<{ readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: Buffer | string }>

/** Every method of `/kinesis`: what is no POST gets AWS's answer too. An AWS client's endpoint is `https://host:port/kinesis`; it may or may not add a slash. */
export function kinesisRoute({ handler, budget }: { handler: KinesisHandler; budget: BodyBudget }): Router {
  const router = Router({ caseSensitive: true, strict: true })
  const handle = async (request: Request, response: Response): Promise<void> => {
    const body = await readBody(request, response, { bytesMax: bodyBytesMax, budget })
    const [path = '/', query = ''] = request.originalUrl.split('?', 2)
    const answer = await handler({ method: request.method, path, query, headers: request.headers, body, host: request.socket.remoteAddress ?? '' })
    response.status(answer.status).set(answer.headers).end(answer.body)
  }
  router.all('/kinesis', handle)
  router.all('/kinesis/', handle)
  return router
}
