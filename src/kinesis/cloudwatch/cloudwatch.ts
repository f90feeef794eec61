// CloudWatch at the Kinesis endpoint, so that one URL serves both clients: reads of what is measured here, and the figures that KCL and KPL put in. Signatures are for
// the service 'monitoring'. The checks come in this order: the body's size, signature, form of the body, operation, input, access.
import { hash } from 'node:crypto'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import type { AccessKeys } from '../../ports.ts'
import type { Audit } from '../../security/audit.ts'
import { anonymous, formatPrincipal } from '../../security/principal.ts'
import { SignatureFault, type SignatureFaultType, type SignedRequest, SigV4Verifier } from '../../security/sigv4.ts'
import type { Logger } from '../../world/world.ts'
import { jsonCodec } from '../codecs.ts'
import type { Services } from '../context.ts'
import type { CloudWatchContext, Operation } from './context.ts'
import { CloudWatchError, type CloudWatchErrorType } from './errors.ts'
import { readInput } from './input-shapes.ts'
import { MetricStore } from './metric-store.ts'
import { operations } from './operations/index.ts'
import { type AskedBy, type Protocol, type Values, protocolOf } from './protocols.ts'

const customMetricsMax = 2_000
/** AWS takes one MiB, packed or not. */
const bodyBytesMax = 1_048_576

const served: ReadonlyMap<string, Operation> = new Map(operations.map(one => [one.name, one]))
const gunzipped = promisify(gunzip)

export interface CloudWatchOptions {
  readonly services: Services
  readonly accessKeys: AccessKeys
  readonly logger: Logger
  readonly audit?: Audit | undefined
}

export interface CloudWatchRequest extends SignedRequest {
  readonly body: Buffer
  readonly host: string
  readonly isEncrypted?: boolean
}

export interface CloudWatchAnswer {
  /** Its name; undefined where it is none that is served. */
  readonly operation: string | undefined
  readonly error: CloudWatchError | undefined
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Buffer
}

export class CloudWatch {
  readonly #options: CloudWatchOptions
  readonly #verifier: SigV4Verifier
  readonly #custom = new MetricStore(customMetricsMax)

  constructor(options: CloudWatchOptions) {
    this.#options = options
    const { clock, region } = options.services
    this.#verifier = new SigV4Verifier({ clock, accessKeys: options.accessKeys, region, service: 'monitoring' })
  }

  /** Whether a request is one of CloudWatch's. */
  takes(request: SignedRequest): boolean {
    return request.method === 'POST' && protocolOf(askedBy(request)) !== undefined
  }

  /** The answer to a request that `takes` takes. */
  async handle(request: CloudWatchRequest, requestId: string): Promise<CloudWatchAnswer> {
    const asked = askedBy(request)
    const protocol = protocolOf(asked)!
    const { operation, answer } = await this.#perform(request, asked, protocol)
    const headers = { ...protocol.headers, 'content-type': protocol.contentType }
    if (answer instanceof CloudWatchError) {
      const fault = answer.status < 500 ? 'Sender' : 'Receiver'
      return {
        operation, error: answer, status: answer.status, headers: { ...headers, 'x-amzn-query-error': `${answer.code};${fault}` }, body: protocol.writeError(answer, requestId),
      }
    }
    return { operation, error: undefined, status: 200, headers, body: protocol.write(operation!, answer, requestId) }
  }

  async #perform(request: CloudWatchRequest, asked: AskedBy, protocol: Protocol): Promise<{ operation: string | undefined; answer: Values | CloudWatchError }> {
    const refused = (error: CloudWatchError): { operation: undefined; answer: CloudWatchError } => ({ operation: undefined, answer: error })
    if (request.body.length > bodyBytesMax) return refused(tooLarge)
    const key = this.#verifier.verify(request, hash('sha256', request.body))
    if (key instanceof SignatureFault) {
      this.#options.audit?.record({
        kind: 'access', outcome: 'denied', principal: formatPrincipal(anonymous), host: request.host,
        operation: 'authenticate', resource: 'listener:cloudwatch', reason: key.type,
      })
      return refused(new CloudWatchError(signatureErrors[key.type], key.message))
    }
    const body = await unpacked(request)
    if (body instanceof CloudWatchError) return refused(body)
    const read = protocol.read(asked, body)
    if (read === undefined) return refused(new CloudWatchError('MalformedInput', 'The body of the request is malformed.'))
    const one = served.get(read.operation)
    if (one === undefined) return refused(new CloudWatchError('InvalidAction', `Could not find operation ${read.operation.slice(0, 64)}: ${[...served.keys()].join(', ')} are served here.`))
    try {
      const input = readInput(one.input, read.input)
      if (input instanceof CloudWatchError) return { operation: one.name, answer: input }
      const { services } = this.#options
      const context: CloudWatchContext = {
        ...services, caller: { principal: key.principal, host: request.host }, isEncrypted: request.isEncrypted === true,
        codec: jsonCodec, startedMs: services.clock.monotonic(), custom: this.#custom,
        credentialsFault: () => null,
      }
      return { operation: one.name, answer: one.handle(input, context) }
    } catch (error) {
      this.#options.logger.error({ operation: one.name, err: error }, 'a CloudWatch request failed')
      return { operation: one.name, answer: new CloudWatchError('InternalServiceFault', 'The request could not be served.') }
    }
  }
}

const tooLarge = new CloudWatchError('InvalidParameterValueException', `The request is larger than ${bodyBytesMax} bytes.`)

const signatureErrors: Readonly<Record<SignatureFaultType, CloudWatchErrorType>> = {
  ExpiredTokenException: 'ExpiredToken',
  MissingAuthenticationTokenException: 'MissingAuthenticationToken',
  IncompleteSignatureException: 'IncompleteSignature',
  InvalidSignatureException: 'SignatureDoesNotMatch',
  UnrecognizedClientException: 'InvalidClientTokenId',
}

/** The body as it was before it was packed, for who has signed it only. */
async function unpacked(request: CloudWatchRequest): Promise<Buffer | CloudWatchError> {
  const encoding = text(request, 'content-encoding')
  if (encoding === '' || encoding === 'identity') return request.body
  if (encoding !== 'gzip') return new CloudWatchError('MalformedInput', `The Content-Encoding '${encoding.slice(0, 64)}' is not known; gzip is.`)
  try {
    return await gunzipped(request.body, { maxOutputLength: bodyBytesMax })
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? tooLarge : new CloudWatchError('MalformedInput', 'The body of the request is no gzip.')
  }
}

function askedBy(request: SignedRequest): AskedBy {
  const contentType = text(request, 'content-type').split(';')[0]!.trim().toLowerCase()
  return { path: request.path, contentType, target: text(request, 'x-amz-target'), authorization: text(request, 'authorization') }
}

function text(request: SignedRequest, name: string): string {
  const value = request.headers[name]
  return (typeof value === 'string' || value === undefined ? value : value[0]) ?? ''
}
