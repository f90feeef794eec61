// One Kinesis request from its bytes to its answer, whatever transport brought it. The checks come in AWS's order, top to bottom: CORS, method, body,
// content type, form of the body, operation, signature, types, constraints, rules across members, access, rate, and then the operation itself.
import { hash, webcrypto } from 'node:crypto'
import type { AccessKey, AccessKeys, ActionAccess, Admin, Documents, Logs, Validation } from '../ports.ts'
import type { Audit } from '../security/audit.ts'
import { KmsKeys } from '../security/kms-keys.ts'
import { anonymous, formatPrincipal } from '../security/principal.ts'
import { SignatureFault, SigV4Verifier, type SignedRequest } from '../security/sigv4.ts'
import { escapeXml } from '../wire/aws-query.ts'
import { type EventSource, beginningWith, encodeEvent, eventStreamType } from '../wire/event-stream.ts'
import { SerializationFault } from '../wire/misfit.ts'
import { EventStream, type Operation, type Violation } from '../wire/operation.ts'
import { loggable, unsupportedMember, violations, violationsMessage } from '../wire/violations.ts'
import type { Clock, Logger, Random } from '../world/world.ts'
import { admitted } from './admission.ts'
import { judgeAccess } from './access.ts'
import type { ChaosSettings } from './chaos.ts'
import { CloudWatch } from './cloudwatch/cloudwatch.ts'
import { KinesisMetrics } from './cloudwatch/kinesis-metrics.ts'
import { type Codec, type DecodeBody, codecs, jsonCodec } from './codecs.ts'
import type { Context, Served, Services } from './context.ts'
import { Deletions } from './deletions.ts'
import { type ChannelsPlace, Deliveries } from './delivery/deliveries.ts'
import { AwsError, type AwsErrorType, invalidArgument, validation } from './errors.ts'
import { FanOut } from './fan-out/fan-out.ts'
import { Gate } from './gate.ts'
import { Limits, type LimitsProfile } from './limits.ts'
import { operations } from './operations/index.ts'
import type { Claim } from './quotas.ts'
import { CallRates } from './rates.ts'
import { OnDemandScaling } from './scaling.ts'
import { Throughput } from './throughput.ts'
import { Tokens } from './tokens.ts'

export interface KinesisHandlerOptions {
  readonly logs: Logs
  readonly admin: Admin
  readonly access: ActionAccess
  readonly accessKeys: AccessKeys
  readonly documents: Documents
  readonly validation: Validation
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly region: string
  readonly account: string
  /** What is enforced at first; `limits` of the handler changes it. */
  readonly profile: LimitsProfile
  /** The troubles of the profile 'chaos'. */
  readonly chaos?: Partial<ChaosSettings>
  /** How many shards all streams together may have. */
  readonly shardLimit?: number
  /** How many streams may be in on-demand mode; 50 unless given. */
  readonly onDemandStreamLimit?: number
  /** How long a stream shows CREATING, UPDATING or DELETING; 0 unless given. */
  readonly transitionMs?: number
  /** Where channels deliver to; without it none can be made. */
  readonly channels?: ChannelsPlace | undefined
  /** What iterators and page tokens are sealed with; if it outlives the process, so do they. */
  readonly tokenSecret?: string | Buffer
  /**
   * For a server whose keys everybody knows, so that signatures keep nobody out: requests are answered under loopback's own names only (DNS rebinding), and of
   * web pages only those from loopback may ask.
   */
  readonly loopbackOnly?: boolean
  /** Told of each signature that is not believed. */
  readonly audit?: Audit
  /** Told of each request that got as far as an operation, after its answer is known. */
  readonly observe?: (observed: ObservedRequest) => void
}

export interface ObservedRequest {
  readonly operation: string
  /** 200, or the status of the error. */
  readonly status: number
  /** The name of the error. */
  readonly error: string | undefined
  readonly milliseconds: number
  readonly bytesIn: number
  /** 0 of an event stream: its events are told as they come. */
  readonly bytesOut: number
}

/** A request as it arrived: see SignedRequest for path, query and headers. */
export interface KinesisRequest extends SignedRequest {
  readonly body: Buffer
  /** The peer's IP address. */
  readonly host: string
  /** Whether it came over TLS; not unless said. */
  readonly isEncrypted?: boolean
}

export interface KinesisResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** An event stream is written as its messages come (pushes.ts). */
  readonly body: Buffer | EventSource
}

export interface KinesisHandler extends Disposable {
  handle(request: KinesisRequest): Promise<KinesisResponse>
  readonly throughput: Throughput
  readonly limits: Limits
  readonly metrics: KinesisMetrics
  /** What streams are described with, for other views of them. */
  readonly services: Services
  /** Ends what happens by itself: deletions whose time has not come are left to the next start, and on-demand streams stay as large as they are. */
  [Symbol.dispose](): void
}

const targetPrefix = 'Kinesis_20131202'
const deprecatedJsonType = 'application/json'
/** As much of anybody's body is parsed before his signature is judged. */
const unsignedBytesMax = 65_536
const shardLimitDefault = 1_000
const onDemandStreamLimitDefault = 50
const pagesAtOnceMax = 8
const pagesWaitingMax = 10_000
const registrationsWaitingMax = 100
const loopbackHost = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i
const loopbackOrigin = /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i
const served: ReadonlyMap<string, Served> = new Map(operations.map(one => [one.operation.name, one]))

export function createKinesisHandler(options: KinesisHandlerOptions): KinesisHandler {
  const { clock, random, region, account } = options
  const limits = new Limits(options.profile, options.chaos)
  const throughput = new Throughput({ clock, limits })
  const metrics = new KinesisMetrics(clock)
  const verifier = new SigV4Verifier({ clock, accessKeys: options.accessKeys, region, service: 'kinesis' })
  const parts = {
    logs: options.logs, admin: options.admin, access: options.access, documents: options.documents, validation: options.validation, clock, region, account, limits, throughput,
    metrics,
    rates: new CallRates({ clock, limits, place: { region, account } }),
    kms: new KmsKeys({ documents: options.documents, clock, random, region, account }),
    tokens: new Tokens(random, options.tokenSecret),
    pages: new Gate({ runningMax: pagesAtOnceMax, waitingMax: pagesWaitingMax }),
    registrations: new Gate({ runningMax: 1, waitingMax: registrationsWaitingMax }),
    claims: new Set<Claim>(),
    shardLimit: options.shardLimit ?? shardLimitDefault,
    onDemandStreamLimit: options.onDemandStreamLimit ?? onDemandStreamLimitDefault,
    transitionMs: options.transitionMs ?? 0,
    actions: operations.map(one => one.action),
    deletions: new Deletions(options, options.logger),
    random,
    deliveries: new Deliveries(options.channels, options.logger),
  }
  const services: Services = { ...parts, fanOut: new FanOut(parts) }
  const scaling = new OnDemandScaling(services, options.logger)
  services.deliveries.begin(services)

  const cloudWatch = new CloudWatch({ services, accessKeys: options.accessKeys, logger: options.logger, audit: options.audit })

  async function handle(request: KinesisRequest): Promise<KinesisResponse> {
    const headers: Record<string, string> = { 'x-amzn-requestid': random.uuid(), date: new Date(clock.now()).toUTCString() }
    const origin = header(request, 'origin')
    const host = header(request, 'host') ?? header(request, ':authority') ?? ''
    if (options.loopbackOnly === true && !loopbackHost.test(host)) return respond(headers, 421, 'text/plain', `only loopback is answered, not '${host.slice(0, 255)}'\n`)
    const mayAsk = origin !== undefined && (options.loopbackOnly !== true || loopbackOrigin.test(origin))
    if (mayAsk && request.method === 'OPTIONS') return preflight(request, headers)
    headers['x-amz-id-2'] = random.bytes(72).toString('base64')
    if (mayAsk) {
      headers['access-control-allow-origin'] = '*'
      headers['access-control-expose-headers'] = 'x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date'
    }
    if (cloudWatch.takes(request)) return await monitored(request, headers)
    const contentType = (header(request, 'content-type') ?? '').split(';')[0]!.trim().toLowerCase()
    const target = (header(request, 'x-amz-target') ?? '').split('.')
    const operation = target.length === 2 && target[0] === targetPrefix ? served.get(target[1]!) : undefined
    const codec = codecs.get(contentType)
    if (request.method !== 'POST' || (codec === undefined && contentType !== deprecatedJsonType)) return await unspoken(request, headers, target)
    if (request.body.length === 0 && codec !== undefined) {
      return codecError(headers, codec, new AwsError(operation === undefined ? 'UnknownOperationException' : 'SerializationException'))
    }
    // Begun before the body is parsed, so that the two run side by side.
    const bodyHash = sha256(request.body)
    // AWS reads a body before it looks at who sent it. Here that holds for short ones: a long one is read for who has signed it, or at least what he says it is.
    if (request.body.length > unsignedBytesMax) {
      const stranger = authenticate(request, header(request, 'x-amz-content-sha256') ?? await bodyHash)
      if (stranger instanceof AwsError) return codec === undefined ? respond(headers, 200, deprecatedJsonType, deprecated(false)) : codecError(headers, codec, stranger)
    }
    const decode = (codec ?? jsonCodec).parse(request.body)
    // AWS answers plain application/json in the manner of an older protocol, and serves nothing through it.
    if (codec === undefined) return respond(headers, 200, deprecatedJsonType, deprecated(decode === undefined))
    if (decode === undefined) return codecError(headers, codec, new AwsError('SerializationException'))
    if (operation === undefined) return codecError(headers, codec, new AwsError('UnknownOperationException'))

    const startedMs = clock.monotonic()
    const answer = await perform(operation, { codec, decode, startedMs }, request, await bodyHash)
    const response = answer instanceof AwsError ? codecError(headers, codec, answer)
      : answer === null ? respond(headers, 200, codec.contentType, '')
        : respondWith(answer as Record<string, unknown>, operation.operation, headers, codec)
    options.observe?.({
      operation: operation.operation.name,
      status: response.status,
      error: answer instanceof AwsError ? answer.type : undefined,
      milliseconds: clock.monotonic() - startedMs,
      bytesIn: request.body.length,
      bytesOut: Buffer.isBuffer(response.body) ? response.body.length : 0,
    })
    return response
  }

  /** Operations of CloudWatch, at the same endpoint. */
  async function monitored(request: KinesisRequest, headers: Record<string, string>): Promise<KinesisResponse> {
    const startedMs = clock.monotonic()
    const { operation, status, error, body, ...answer } = await cloudWatch.handle(request, headers['x-amzn-requestid']!)
    const response = respond({ ...headers, ...answer.headers }, status, undefined, body)
    if (operation !== undefined) {
      options.observe?.({
        operation, status, error: error?.code, milliseconds: clock.monotonic() - startedMs, bytesIn: request.body.length, bytesOut: response.body.length,
      })
    }
    return response
  }

  /** What is not asked in a form that Kinesis speaks gets its answer in XML, and learns nothing before it has signed. */
  async function unspoken(request: KinesisRequest, headers: Record<string, string>, [service, name]: readonly string[]): Promise<KinesisResponse> {
    const key = authenticate(request, await sha256(request.body))
    if (key instanceof AwsError) return xmlError(headers, key.type, key.message ?? '')
    if (request.method !== 'POST' || !service || !name) return xmlError(headers, 'AccessDeniedException', unknownService)
    return respond(headers, 404, undefined, '<UnknownOperationException/>\n')
  }

  function authenticate(request: KinesisRequest, bodyHash: string): AccessKey | AwsError {
    const key = verifier.verify(request, bodyHash)
    if (!(key instanceof SignatureFault)) return key
    options.audit?.record({
      kind: 'access', outcome: 'denied', principal: formatPrincipal(anonymous), host: request.host,
      operation: 'authenticate', resource: 'listener:kinesis', reason: key.type,
    })
    return new AwsError(key.type, key.message)
  }

  async function perform(
    one: Served, { codec, decode, startedMs }: { codec: Codec; decode: DecodeBody; startedMs: number }, request: KinesisRequest, bodyHash: string,
  ): Promise<object | null | AwsError> {
    const key = authenticate(request, bodyHash)
    if (key instanceof AwsError) return key
    const credentialsFault = (): null | AwsError => {
      const fault = verifier.judge(key)
      return fault === null ? null : new AwsError(fault.type, fault.message)
    }
    const caller = { principal: key.principal, host: request.host }
    const context: Context = { ...services, caller, isEncrypted: request.isEncrypted === true, credentialsFault, codec, startedMs }
    let input: Record<string, unknown> = {}
    try {
      input = decode(one.operation.input)
      const wrong = judgeInput(one.operation, input)
      if (wrong !== null) return wrong
      return judgeAccess(one.action, one.access, input as never, context) ?? await admitted(one, input, context)
    } catch (error) {
      if (error instanceof SerializationFault) return new AwsError('SerializationException', error.message || undefined)
      options.logger.error({ operation: one.operation.name, input: loggable(one.operation.input, input), err: error }, 'a Kinesis request failed')
      return new AwsError('InternalFailure')
    }
  }

  function dispose(): void {
    services.deletions[Symbol.dispose]()
    services.deliveries[Symbol.dispose]()
    scaling[Symbol.dispose]()
  }

  return { handle, throughput, limits, metrics, services, [Symbol.dispose]: dispose }
}

/** The member of an answer that is an event stream, by operation. */
const streamedMembers: ReadonlyMap<string, string> = new Map(operations.flatMap(({ operation: { name, output = {} } }) => (
  Object.entries(output).flatMap(([member, of]) => (of instanceof EventStream ? [[name, member] as const] : [])))))

function respondWith(answer: Readonly<Record<string, unknown>>, { name, output }: Operation, headers: Record<string, string>, codec: Codec): KinesisResponse {
  const streamed = streamedMembers.get(name)
  if (streamed === undefined) return respond(headers, 200, codec.contentType, codec.encode(output!, answer))
  const { [streamed]: source, ...rest } = answer
  const first = encodeEvent('initial-response', codec.eventContentType, codec.encode(output!, rest))
  return { status: 200, headers: { ...headers, 'content-type': eventStreamType }, body: beginningWith(first, source as EventSource) }
}

const unknownService = 'Unable to determine service/operation name to be authorized'

/** Constraints of the members, then members that are known but not honoured, then the rules across members. */
function judgeInput(operation: Operation, input: Record<string, unknown>): AwsError | null {
  const found = violations(operation.input, input)
  if (found.length > 0) return validation(violationsMessage(found))
  const unsupported = unsupportedMember(operation.input, input)
  if (unsupported !== undefined) return invalidArgument(`${unsupported.name} is not supported by this endpoint: ${unsupported.because}.`)
  const broken: Violation | undefined = operation.check?.(input)
  return broken === undefined ? null : new AwsError(broken.type as AwsErrorType, broken.message)
}

function preflight(request: KinesisRequest, headers: Record<string, string>): KinesisResponse {
  headers['access-control-allow-origin'] = '*'
  headers['access-control-max-age'] = '172800'
  const asked = { 'access-control-allow-headers': 'access-control-request-headers', 'access-control-allow-methods': 'access-control-request-method' }
  for (const [name, from] of Object.entries(asked)) {
    const value = header(request, from)
    if (value !== undefined) headers[name] = value
  }
  return respond(headers, 200, undefined, '')
}

/** AWS says the type in the body; `Message` has a capital for serialization errors only. */
function codecError(headers: Record<string, string>, codec: Codec, error: AwsError): KinesisResponse {
  const named = error.type === 'SerializationException' ? 'Message' : 'message'
  return respond(headers, error.status, codec.contentType, codec.encodeError(error.type, named, error.message))
}

function xmlError(headers: Record<string, string>, type: string, message: string): KinesisResponse {
  return respond(headers, 403, undefined, `<${type}>\n  <Message>${escapeXml(message)}</Message>\n</${type}>\n`)
}

function deprecated(isDamaged: boolean): string {
  const [type, message] = isDamaged ? ['SerializationException', 'Message'] : ['UnknownOperationException', 'message']
  return JSON.stringify({ Output: { __type: `com.amazon.coral.service#${type}`, [message!]: null }, Version: '1.0' })
}

const threadedBytesMin = 32 * 1_024

/** In hex. Large bodies are hashed by a thread of the pool: at 10 MiB it is the costliest step of a request. */
async function sha256(body: Buffer): Promise<string> {
  if (body.length < threadedBytesMin) return hash('sha256', body)
  return Buffer.from(await webcrypto.subtle.digest('SHA-256', body as Uint8Array<ArrayBuffer>)).toString('hex')
}

function respond(headers: Record<string, string>, status: number, contentType: string | undefined, body: string | Buffer): KinesisResponse & { readonly body: Buffer } {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  if (contentType !== undefined) headers['content-type'] = contentType
  headers['content-length'] = String(bytes.length)
  return { status, headers, body: bytes }
}

function header(request: KinesisRequest, name: string): string | undefined {
  const value = request.headers[name]
  return typeof value === 'string' || value === undefined ? value : value[0]
}
