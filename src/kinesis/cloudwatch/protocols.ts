// The three forms in which CloudWatch is asked: AWS JSON 1.0 (the JavaScript SDK, boto3), Smithy RPC v2 CBOR (the Java SDK), and AWS Query (KPL, older clients). Each knows its
// requests, reads them into plain values, and writes answers and errors.
import { decodeCborValues, encodeCborValues } from '../../wire/cbor-values.ts'
import { escapeXml, parseForm, xmlOf } from '../../wire/aws-query.ts'
import type { CloudWatchError } from './errors.ts'

/** What is looked at to tell whose request it is. */
export interface AskedBy {
  readonly path: string
  readonly contentType: string
  /** X-Amz-Target. */
  readonly target: string
  readonly authorization: string
}

export type Values = Readonly<Record<string, unknown>>

export interface Protocol {
  readonly contentType: string
  /** Sent with every answer. */
  readonly headers: Readonly<Record<string, string>>
  /** Whether the request is one of this protocol. */
  speaks(asked: AskedBy): boolean
  /** The operation's name and its members; undefined where the body is malformed. */
  read(asked: AskedBy, body: Buffer): { readonly operation: string; readonly input: Values } | undefined
  write(operation: string, output: Values, requestId: string): string | Buffer
  writeError(error: CloudWatchError, requestId: string): string | Buffer
}

const service = 'GraniteServiceVersion20100801'
const xmlNamespace = 'http://monitoring.amazonaws.com/doc/2010-08-01/'

const json: Protocol = {
  contentType: 'application/x-amz-json-1.0',
  headers: {},
  speaks: ({ target }) => target.startsWith(`${service}.`),
  read({ target }, body) {
    const input = parseJson(body)
    return input && { operation: target.slice(service.length + 1), input }
  },
  write: (_operation, output) => JSON.stringify(output, withSeconds),
  writeError: ({ type, message }) => JSON.stringify({ __type: type, message }),
}

const cborPath = new RegExp(`/service/${service}/operation/(\\w+)$`)

const cbor: Protocol = {
  contentType: 'application/cbor',
  headers: { 'smithy-protocol': 'rpc-v2-cbor' },
  speaks: ({ path }) => cborPath.test(path),
  read({ path }, body) {
    const input = body.length === 0 ? {} : decodeCborValues(body)
    return input && { operation: cborPath.exec(path)![1]!, input }
  },
  write: (_operation, output) => encodeCborValues(output),
  writeError: ({ type, message }) => encodeCborValues({ __type: type, message }),
}

const query: Protocol = {
  contentType: 'text/xml',
  headers: {},
  // Any service's form looks like this, and it may be packed: the signature says whose it is.
  speaks: ({ contentType, authorization }) => contentType === 'application/x-www-form-urlencoded' && authorization.includes('/monitoring/aws4_request'),
  read(_asked, body) {
    const input = parseForm(body.toString())
    return input && { operation: typeof input['Action'] === 'string' ? input['Action'] : '', input }
  },
  write(operation, output, requestId) {
    const result = Object.keys(output).length === 0 ? '' : xmlOf(`${operation}Result`, output)
    return `<${operation}Response xmlns="${xmlNamespace}">${result}${xmlOf('ResponseMetadata', { RequestId: requestId })}</${operation}Response>`
  },
  writeError({ code, message, status }, requestId) {
    const error = xmlOf('Error', { Type: status < 500 ? 'Sender' : 'Receiver', Code: code, Message: message })
    return `<ErrorResponse xmlns="${xmlNamespace}">${error}<RequestId>${escapeXml(requestId)}</RequestId></ErrorResponse>`
  },
}

const protocols = [json, cbor, query]

/** The protocol in which CloudWatch is asked; undefined where the request is none of CloudWatch's. */
export function protocolOf(asked: AskedBy): Protocol | undefined {
  return protocols.find(protocol => protocol.speaks(asked))
}

function parseJson(body: Buffer): Values | undefined {
  try {
    const value: unknown = JSON.parse(body.toString())
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Values : undefined
  } catch {
    return undefined
  }
}

/** Dates are seconds since the epoch. JSON.stringify gives them to a replacer as text, and as they are in `this`. */
function withSeconds(this: Readonly<Record<string, unknown>>, name: string, value: unknown): unknown {
  const whole = this[name]
  return whole instanceof Date ? whole.getTime() / 1_000 : value
}
