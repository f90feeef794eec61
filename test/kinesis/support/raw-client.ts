// Clients of one of the two forms over one of the transports, without an SDK: what is sent is known to the byte. In CBOR it is what the SDK for Java sends.
import { once } from 'node:events'
import { type IncomingMessage, request as httpRequest } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { request as httpsRequest } from 'node:https'
import { EventDecoder, eventStreamType } from '../../../src/wire/event-stream.ts'
import { forms } from './forms.ts'
import type { Client } from './happy-path.ts'
import { sign } from './kinesis.ts'

export const transports = ['HTTP/1.1', 'HTTP/1.1 over TLS', 'h2c', 'HTTP/2 over TLS'] as const

export interface RawOptions {
  readonly form: keyof typeof forms
  readonly transport: (typeof transports)[number]
  readonly port: number
  /** A certificate to trust, as PEM. */
  readonly ca: string
}

interface Reply { readonly status: number; readonly contentType: string | undefined; readonly chunks: AsyncIterable<Buffer> }

const javaHeaders = {
  'amz-sdk-invocation-id': 'e2bb0e6e-92b9-0a3a-5d7c-8b1e8a4f7a11', 'amz-sdk-request': 'attempt=1; max=3',
  'user-agent': 'aws-sdk-java/2.52.0 md/io#sync md/http#Apache ua/2.1 api/Kinesis#2.52.0 os/Linux lang/java#17 cfg/retry-mode#legacy m/D,N',
}

/** Each call has a connection or session of its own, as the SDK for JavaScript does it. */
export function rawClient(options: RawOptions): Client {
  const form = forms[options.form]
  const send = options.transport.startsWith('HTTP/1.1') ? overHttp1 : overHttp2
  return async (operation, input) => {
    const body = form.encode(input)
    const headers = sign(operation, body, Date.now(), { headers: { 'Content-Type': form.contentType, ...(options.form === 'cbor' && javaHeaders) } })
    return send(options, { headers, body }, async ({ status, contentType, chunks }) => {
      if (contentType === eventStreamType) return firstEvent(chunks, payload => form.decode(payload) as Record<string, unknown>)
      const answered = Buffer.concat(await Array.fromAsync(chunks))
      if (answered.length === 0 && status === 200) return {}
      const answer = form.decode(answered) as Record<string, unknown>
      if (status === 200 && contentType === form.contentType) return answer
      throw new Error(`${String(answer['__type'])}: ${String(answer['message'] ?? answer['Message'])} (${status} ${contentType})`)
    })
  }
}

/** The first event that brings records; then no more is read. */
async function firstEvent(chunks: AsyncIterable<Buffer>, decode: (payload: Buffer) => Record<string, unknown>): Promise<Record<string, unknown>> {
  const decoder = new EventDecoder()
  for await (const chunk of chunks) {
    for (const { headers, payload } of decoder.take(chunk)) {
      if (headers.get(':event-type') === 'initial-response') continue
      const event = decode(payload)
      if (headers.get(':message-type') !== 'event') throw new Error(`${headers.get(':exception-type')}: ${String(event['message'])}`)
      if ((event['Records'] as unknown[]).length > 0) return event
    }
  }
  throw new Error('the stream ended without an event')
}

interface Request { readonly headers: Record<string, string>; readonly body: Buffer }
type Read = (reply: Reply) => Promise<Record<string, unknown>>

async function overHttp1({ transport, port, ca }: RawOptions, { headers, body }: Request, read: Read): Promise<Record<string, unknown>> {
  const where = { host: '127.0.0.1', port, method: 'POST', path: '/', headers, agent: false }
  const request = transport === 'HTTP/1.1' ? httpRequest(where) : httpsRequest({ ...where, ca, servername: 'localhost' })
  request.end(body)
  const [response] = await once(request, 'response') as [IncomingMessage]
  try {
    return await read({ status: response.statusCode!, contentType: response.headers['content-type'], chunks: response })
  } finally {
    request.destroy()
  }
}

async function overHttp2({ transport, port, ca }: RawOptions, { headers, body }: Request, read: Read): Promise<Record<string, unknown>> {
  const session = transport === 'h2c' ? connectHttp2(`http://127.0.0.1:${port}`) : connectHttp2(`https://127.0.0.1:${port}`, { ca })
  try {
    // Signed as `host`, sent as `:authority`, as the SDK for Java does it.
    const { host, ...others } = headers
    const stream = session.request({ ':method': 'POST', ':path': '/', ':authority': host, ...others })
    stream.end(body)
    const [given] = await once(stream, 'response') as [Record<string, string>]
    return await read({ status: Number(given[':status']), contentType: given['content-type'], chunks: stream })
  } finally {
    session.destroy()
  }
}
