// The management port, on loopback: is the process alive, is it ready, and its figures for Prometheus. Nothing here needs a certificate and nothing
// names a record.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import express from 'express'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { KinesisMetrics } from '../kinesis/cloudwatch/kinesis-metrics.ts'
import type { Limits } from '../kinesis/limits.ts'
import type { Admin, Brokers } from '../ports.ts'
import type { Logger } from '../world/world.ts'
import { ClusterFigures, type Watched } from './cluster-figures.ts'
import { showKinesis } from './kinesis-figures.ts'
import { allowOnly, answerProblems, noSuchPath } from './problem.ts'
import { readiness } from './readiness.ts'

/** One request of one facade, when it is answered. */
export interface Observation {
  readonly facade: 'kafka' | 'kinesis' | 'gateway'
  /** The API's, operation's or route's own name: from a fixed set, never a path that a client made up. */
  readonly operation: string
  readonly failed: boolean
  readonly durationMs: number
  readonly bytesIn: number
  readonly bytesOut: number
  /** The error that it was answered with, where the facade's errors have names of a fixed set. */
  readonly error?: string | undefined
}

/** Takes observations. Cheap, and never throws. */
export type Observe = (observation: Observation) => void

const operationsMax = 500
const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** The figures of one server: `observe` feeds them, `text` gives them in Prometheus' format. */
export class Metrics implements Disposable {
  readonly #registry = new Registry()
  readonly #operations = new Set<string>()
  readonly #requests: Counter<'facade' | 'operation' | 'outcome'>
  readonly #durations: Histogram<'facade' | 'operation'>
  readonly #bytes: Counter<'facade' | 'direction'>
  readonly #errors: Counter<'facade' | 'operation' | 'error'>
  #cluster: ClusterFigures | undefined
  readonly #eventLoopDelay = monitorEventLoopDelay({ resolution: 20 })

  constructor() {
    const registers = [this.#registry]
    this.#requests = new Counter({ name: 'sluice_requests_total', help: 'Requests answered.', labelNames: ['facade', 'operation', 'outcome'], registers })
    this.#durations = new Histogram({
      name: 'sluice_request_seconds', help: 'Time from a request to its answer.', labelNames: ['facade', 'operation'], buckets, registers,
    })
    this.#bytes = new Counter({ name: 'sluice_bytes_total', help: 'Bytes of requests (in) and answers (out).', labelNames: ['facade', 'direction'], registers })
    this.#errors = new Counter({
      name: 'sluice_errors_total', help: 'Requests answered with an error, throttled ones too, by its name.', labelNames: ['facade', 'operation', 'error'], registers,
    })
    this.#eventLoopDelay.enable()
    const delay = this.#eventLoopDelay
    new Gauge({
      name: 'sluice_event_loop_delay_seconds', help: 'How late the event loop came round, since the last scrape.', labelNames: ['quantile'], registers,
      collect() {
        for (const percentile of [50, 99, 100]) this.set({ quantile: String(percentile / 100) }, delay.percentile(percentile) / 1e9)
        delay.reset()
      },
    })
    new Gauge({
      name: 'sluice_memory_bytes', help: 'Memory of the process.', labelNames: ['kind'], registers,
      collect() {
        for (const [kind, bytes] of Object.entries(process.memoryUsage())) this.set({ kind }, bytes)
      },
    })
    new Counter({
      name: 'sluice_cpu_seconds_total', help: 'Processor time of the process.', labelNames: ['mode'], registers,
      collect() {
        const { user, system } = process.cpuUsage()
        this.reset()
        this.inc({ mode: 'user' }, user / 1e6)
        this.inc({ mode: 'system' }, system / 1e6)
      },
    })
    const startedAt = Math.round((Date.now() - performance.now()) / 1000)
    new Gauge({ name: 'sluice_start_time_seconds', help: 'When the process started, since the epoch.', registers }).set(startedAt)
  }

  readonly observe: Observe = ({ facade, operation, failed, durationMs, bytesIn, bytesOut, error }) => {
    // A label per name that a peer can choose would grow without end.
    const key = `${facade} ${operation}`
    const label = this.#operations.has(key) || this.#operations.size < operationsMax ? operation : 'other'
    if (label === operation) this.#operations.add(key)
    this.#requests.inc({ facade, operation: label, outcome: failed ? 'error' : 'ok' })
    this.#durations.observe({ facade, operation: label }, durationMs / 1000)
    this.#bytes.inc({ facade, direction: 'in' }, bytesIn)
    this.#bytes.inc({ facade, direction: 'out' }, bytesOut)
    if (error !== undefined) this.#errors.inc({ facade, operation: label, error })
  }

  /** Shows partitions and brokers from now on; they are asked for at each scrape. */
  watch(parts: Watched): void {
    this.#cluster = new ClusterFigures(this.#registry, parts)
  }

  /** Events of the audit log by `kind outcome`, written or only counted. */
  watchAudit(counts: ReadonlyMap<string, number>): void {
    new Counter({
      name: 'sluice_audit_events_total', help: 'Events for the audit log, written or only counted.', labelNames: ['kind', 'outcome'],
      registers: [this.#registry],
      collect() {
        this.reset()
        for (const [event, count] of counts) {
          const [kind = '', outcome = ''] = event.split(' ')
          this.inc({ kind, outcome }, count)
        }
      },
    })
  }

  /** Records that did not fit their topic, by `topic way outcome`. */
  watchValidation(counts: ReadonlyMap<string, number>): void {
    new Counter({
      name: 'sluice_invalid_records_total', help: 'Records that did not fit the schemas of their topic: refused to their producers, or put into the dead-letter topic.',
      labelNames: ['topic', 'way', 'outcome'], registers: [this.#registry],
      collect() {
        this.reset()
        for (const [key, count] of counts) {
          const [topic = '', way = '', outcome = ''] = key.split(' ')
          this.inc({ topic, way, outcome }, count)
        }
      },
    })
  }

  /** What streams, shards and consumers of Kinesis are used for, and the troubles made for its clients. */
  watchKinesis(kinesis: { readonly metrics: KinesisMetrics; readonly limits: Limits }): void {
    showKinesis(this.#registry, kinesis)
  }

  /** What REST clients hold open. */
  watchSessions({ consumers, streams }: { consumers: { readonly count: number }; streams: { readonly count: number } }): void {
    const registers = [this.#registry]
    new Gauge({ name: 'sluice_rest_consumers', help: 'REST consumer instances.', registers, collect() { this.set(consumers.count) } })
    new Gauge({ name: 'sluice_event_streams', help: 'Event streams that are open.', registers, collect() { this.set(streams.count) } })
  }

  /** Requests, and records of streams, that were refused or held up by a principal's rate limit. */
  watchRateLimits(refused: ReadonlyMap<string, number>): void {
    new Counter({
      name: 'sluice_rate_limited_total', help: 'Requests and records refused by a rate limit of their principal.', labelNames: ['limit'],
      registers: [this.#registry],
      collect() {
        this.reset()
        for (const [limit, count] of refused) this.inc({ limit }, count)
      },
    })
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  async text(): Promise<string> {
    await this.#cluster?.refresh()
    return await this.#registry.metrics()
  }

  [Symbol.dispose](): void {
    this.#eventLoopDelay.disable()
  }
}

export interface ManagementParts {
  readonly metrics: Metrics
  readonly admin: Admin
  readonly brokers: Brokers
  /** Why the process as a whole cannot serve; undefined while it can. */
  readonly notReady: () => string | undefined
  readonly logger: Logger
}

/**
 * `GET /livez` (the process answers), `/readyz` (200 `ok`, or 503 with the reasons; either with a line for each broker that is down), `/metrics`. What is ready says
 * `readiness.ts`. To be bound to loopback only.
 */
export function createManagement({ metrics, admin, brokers, notReady, logger }: ManagementParts): express.Express {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.set('query parser', 'simple')
  app.route('/livez').get((_request, response) => void response.type('text/plain').send('ok\n')).all(allowOnly('GET'))
  app.route('/readyz')
    .get(async (_request, response) => {
      const reason = notReady()
      const { isReady, lines } = reason === undefined ? await readiness({ admin, brokers }) : { isReady: false, lines: [reason] }
      response.status(isReady ? 200 : 503).type('text/plain').send([...isReady ? ['ok'] : [], ...lines, ''].join('\n'))
    })
    .all(allowOnly('GET'))
  app.route('/metrics')
    .get(async (_request, response) => {
      response.type(metrics.contentType)
      response.end(await metrics.text())
    })
    .all(allowOnly('GET'))
  app.use(noSuchPath)
  app.use(answerProblems(logger))
  return app
}
