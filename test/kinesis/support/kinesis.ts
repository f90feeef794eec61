// A Kinesis facade for tests: the real handler over the in-memory backend, with a clock the test owns, and signed calls straight into it.
import { randomBytes, randomUUID } from 'node:crypto'
import aws4 from 'aws4'
import { createKinesisHandler, type KinesisHandler, type KinesisHandlerOptions } from '../../../src/kinesis/handler.ts'
import { type AclOperation, type ActionAccess, type Backend, type Caller, type Principal, Refusal, type ResourceType } from '../../../src/ports.ts'
import type { Clock, Logger, Random, Timer } from '../../../src/world/world.ts'
import { SimDisk } from '../../sim/disk.ts'
import { memoryBackend } from '../../support/memory-backend.ts'
import { validatesNothing } from '../../support/validation.ts'
import { forms } from './forms.ts'

export const account = '000000000000'
export const region = 'us-east-1'
export const accessKeyId = 'AKIASLUICETEST000001'
export const secretAccessKey = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'
export const principal: Principal = { type: 'User', name: 'CN=alice' }

export class TestClock implements Clock {
  #nowMs: number

  constructor(nowMs = Date.UTC(2026, 10, 22, 12, 0, 0)) {
    this.#nowMs = nowMs
  }

  readonly #timers = new Set<{ readonly atMs: number; readonly task: () => void }>()

  now(): number { return this.#nowMs }
  monotonic(): number { return this.#nowMs }

  /** Runs what is due on the way, in order. */
  advance(ms: number): void {
    const toMs = this.#nowMs + ms
    for (;;) {
      const [due] = [...this.#timers].filter(({ atMs }) => atMs <= toMs).toSorted((a, b) => a.atMs - b.atMs)
      if (due === undefined) break
      this.#timers.delete(due)
      this.#nowMs = Math.max(this.#nowMs, due.atMs)
      due.task()
    }
    this.#nowMs = toMs
  }

  after(delayMs: number, task: () => void): Timer {
    const timer = { atMs: this.#nowMs + delayMs, task }
    this.#timers.add(timer)
    const cancel = (): void => void this.#timers.delete(timer)
    return { cancel, [Symbol.dispose]: cancel }
  }
}

/** A clock that runs with the machine's, for real clients. */
export const realClock: Clock = {
  now: Date.now,
  monotonic: () => performance.now(),
  after(delayMs, task) {
    const timer = setTimeout(task, delayMs).unref()
    const cancel = (): void => clearTimeout(timer)
    return { cancel, [Symbol.dispose]: cancel }
  },
}
export const random: Random = { bytes: count => randomBytes(count), uuid: () => randomUUID() }

/** Keeps what is logged, so that a test can ask for silence. */
export function testLogger(): Logger & { readonly lines: { level: string; fields: object; message: string }[] } {
  const lines: { level: string; fields: object; message: string }[] = []
  const at = (level: string) => (fields: object, message: string): void => void lines.push({ level, fields, message })
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

type Question = [who: Caller, operation: AclOperation, resourceType: ResourceType, resourceName: string]

/** An authorizer that answers by `may` and keeps the questions, and policies without reading them. */
export function testAccess(may: (...question: Question) => boolean = () => true): ActionAccess & { readonly asked: Question[] } {
  const asked: Question[] = []
  const policies = new Map<string, string>()
  const allows = (...question: Question): boolean => { asked.push(question); return may(...question) }
  return {
    asked,
    allows,
    judge: (who, { needs }) => (needs.map(need => allows(who, need.operation, need.resourceType, need.resourceName)).every(Boolean) ? 'allowed' : 'not-allowed'),
    allowsAny: () => true,
    wouldAllow: (...question) => may(...question),
    list: () => [],
    create: async () => [],
    delete: async () => [],
    policyOf: resource => policies.get(resource),
    putPolicy: async ({ resource, policy }) => { policies.set(resource, policy); return null },
    removePolicy: async resource => (policies.delete(resource) ? null : new Refusal('resource-not-found', `no policy of ${resource}`)),
  }
}

export interface TestKinesis {
  readonly handler: KinesisHandler
  readonly backend: Backend
  readonly clock: Clock
  readonly logger: ReturnType<typeof testLogger>
  /** A signed call, in JSON unless told otherwise; the parsed body, or '' where there is none. */
  call(operation: string, input: unknown, how?: CallOptions): Promise<Answer>
  /** `call` that must succeed; the answer is taken to be a `T`. */
  ok<T = Record<string, unknown>>(operation: string, input: unknown, how?: CallOptions): Promise<T>
  /** `call` that must be refused: 'Type: message'. */
  refused(operation: string, input: unknown, how?: CallOptions): Promise<string>
}

export const arn = (stream: string): string => `arn:aws:kinesis:${region}:${account}:stream/${stream}`

export interface Answer { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: unknown }
export interface CallOptions { readonly keyId?: string; readonly secret?: string; readonly raw?: string | Buffer; readonly form?: keyof typeof forms; readonly headers?: Record<string, string>; readonly host?: string }

export async function testKinesis(options: Partial<KinesisHandlerOptions> & { backend?: Backend } = {}): Promise<TestKinesis> {
  const clock = options.clock ?? new TestClock()
  const backend = options.backend ?? memoryBackend({ now: () => clock.now() })
  const logger = testLogger()
  await backend.accessKeys.add({ id: accessKeyId, secret: secretAccessKey, principal, createdAtMs: 0 })
  const handler = createKinesisHandler({
    logs: backend.logs, admin: backend.admin, access: testAccess(), accessKeys: backend.accessKeys, documents: backend.documents, validation: validatesNothing, clock, random, logger,
    region, account, profile: 'off', channels: { disk: new SimDisk(), directory: '/channels' }, ...options,
  })
  async function call(operation: string, input: unknown, how: CallOptions = {}): Promise<Answer> {
    const form = forms[how.form ?? 'json']
    const body = Buffer.from(how.raw ?? form.encode(input))
    const signed = sign(operation, body, clock.now(), { ...how, headers: { 'Content-Type': form.contentType, ...how.headers } })
    const response = await handler.handle({ method: 'POST', path: '/', query: '', headers: signed, body, host: how.host ?? '127.0.0.1' })
    if (!Buffer.isBuffer(response.body)) throw new Error(`${operation} answered with an event stream: support/subscriber.ts reads those`)
    const isForm = response.headers['content-type'] === form.contentType && response.body.length > 0
    return { status: response.status, headers: response.headers, body: isForm ? form.decode(response.body) : response.body.toString() }
  }
  async function ok<T = Record<string, unknown>>(operation: string, input: unknown, how?: CallOptions): Promise<T> {
    const answer = await call(operation, input, how)
    if (answer.status !== 200) throw new Error(`${operation} answered ${answer.status}: ${JSON.stringify(answer.body)}`)
    return answer.body as T
  }
  async function refused(operation: string, input: unknown, how?: CallOptions): Promise<string> {
    const { status, body } = await call(operation, input, how)
    if (status === 200) throw new Error(`${operation} succeeded: ${JSON.stringify(body)}`)
    const { __type: type, message } = body as { __type: string; message: string }
    return `${type}: ${message}`
  }
  return { handler, backend, clock, logger, call, ok, refused }
}

/** Headers of a call as `aws4` signs them, names in lower case as a server sees them. */
export function sign(operation: string, body: string | Buffer, nowMs: number, how: CallOptions = {}): Record<string, string> {
  const signed = aws4.sign({
    service: 'kinesis', region, host: 'kinesis.test', method: 'POST', path: '/', body,
    headers: {
      'Content-Type': 'application/x-amz-json-1.1', 'X-Amz-Target': `Kinesis_20131202.${operation}`,
      'X-Amz-Date': new Date(nowMs).toISOString().replace(/[-:]|\.\d+/g, ''), ...how.headers,
    },
  }, { accessKeyId: how.keyId ?? accessKeyId, secretAccessKey: how.secret ?? secretAccessKey })
  return Object.fromEntries(Object.entries(signed.headers).map(([name, value]) => [name.toLowerCase(), String(value)]))
}
