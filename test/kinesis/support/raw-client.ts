// Clients of one of the two forms over one of the transports, without an SDK: what is sent is known to the byte. In CBOR it is what the SDK for Java sends.
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { request as httpsRequest } from 'node:https'
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

interface Reply { readonly status: number; readonly contentType: string | undefined; readonly body: Buffer }

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
    const reply = await send(options, headers, body)
    if (reply.body.length === 0 && reply.status === 200) return {}
    const answer = form.decode(reply.body) as Record<string, unknown>
    if (reply.status !== 200 || reply.contentType !== form.contentType) {
      throw new Error(`${String(answer['__type'])}: ${String(answer['message'] ?? answer['Message'])} (${reply.status} ${reply.contentType})`)
    }
    return answer
  }
}

async function overHttp1({ transport, port, ca }: RawOptions, headers: Record<string, string>, body: Buffer): Promise<Reply> {
  const where = { host: '127.0.0.1', port, method: 'POST', path: '/', headers, agent: false }
  const request = transport === 'HTTP/1.1' ? httpRequest(where) : httpsRequest({ ...where, ca, servername: 'localhost' })
  request.end(body)
  const [response] = await once(request, 'response') as [AsyncIterable<Buffer> & { statusCode: number; headers: Record<string, string> }]
  return { status: response.statusCode, contentType: response.headers['content-type'], body: await gathered(response) }
}

async function overHttp2({ transport, port, ca }: RawOptions, headers: Record<string, string>, body: Buffer): Promise<Reply> {
  const session = transport === 'h2c' ? connectHttp2(`http://127.0.0.1:${port}`) : connectHttp2(`https://127.0.0.1:${port}`, { ca })
  try {
    // Signed as `host`, sent as `:authority`, as the SDK for Java does it.
    const { host, ...others } = headers
    const stream = session.request({ ':method': 'POST', ':path': '/', ':authority': host, ...others })
    stream.end(body)
    const [given] = await once(stream, 'response') as [Record<string, string>]
    return { status: Number(given[':status']), contentType: given['content-type'], body: await gathered(stream) }
  } finally {
    session.close()
  }
}

async function gathered(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = []
  for await (const chunk of chunks) all.push(chunk)
  return Buffer.concat(all)
}
