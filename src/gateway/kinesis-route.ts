// The Kinesis API over HTTP/1.1 at `/kinesis`: the same handler as the Kinesis listener's, given the raw body and the path as it was signed. Clients
// authenticate with AWS signatures, so no certificate is needed here.
import { Router, type Request, type Response } from 'express'
import { type BodyShare, bodyBytesMax } from '../kinesis/body.ts'
import type { KinesisHandler } from '../kinesis/handler.ts'
import { Pushes } from '../kinesis/pushes.ts'
import { signedHeadersOf } from '../security/canonical-request.ts'
import { hostOf } from '../security/principal.ts'
import { holdAnswer, readBody, type BodyBudget } from './body.ts'

/**
 * Every method of `/kinesis`, where CloudWatch is, too: what is no POST gets AWS's answer too. An AWS client's endpoint is `https://host:port/kinesis`; it may or may not add a
 * slash.
 */
export function kinesisRoute({ handler, budget, answers, stopping }: {
  handler: KinesisHandler; budget: BodyBudget; answers: BodyBudget
  /** Aborts when the gateway stops: event streams end then. */
  stopping: AbortSignal
}): Router {
  const router = Router({ caseSensitive: true, strict: true })
  const pushes = new Pushes()
  stopping.addEventListener('abort', () => pushes.stop(), { once: true })
  const share: BodyShare = { take: bytes => answers.lease(bytes), give: bytes => answers.release(bytes) }
  const handle = async (request: Request, response: Response): Promise<void> => {
    const body = await readBody(request, response, { bytesMax: bodyBytesMax, budget })
    const target = request.originalUrl
    const mark = target.indexOf('?')
    const [path, query] = mark < 0 ? [target, ''] : [target.slice(0, mark), target.slice(mark + 1)]
    const { socket } = request
    const host = hostOf(socket.remoteAddress)
    const asked = { method: request.method, path, query, headers: signedHeadersOf(request), body, host, isEncrypted: 'encrypted' in socket }
    const { status, headers, body: answer } = await handler.handle(asked)
    if (Buffer.isBuffer(answer)) holdAnswer(response, answer.length, answers)
    // writeHead, because Express would add a charset to AWS's content type.
    response.writeHead(status, headers)
    if (Buffer.isBuffer(answer)) response.end(answer)
    else await pushes.push(answer, response, { host, share })
  }
  router.all('/kinesis', handle)
  router.all('/kinesis/', handle)
  // How Smithy RPC v2 CBOR, in which the Java SDK asks CloudWatch, names an operation.
  router.all('/kinesis/service/:service/operation/:operation', handle)
  return router
}
