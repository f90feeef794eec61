// The Kafka listeners of one broker: accepts, identifies, counts and limits connections, tells each client where it reaches the brokers, and stops in order.
import type { Socket } from 'node:net'
import type { TLSSocket, TlsOptions, SecureContextOptions } from 'node:tls'
import type { Access, Backend, Principal, Validation } from '../ports.ts'
import { hostOf } from '../security/principal.ts'
import type { Clock, Listener, Logger, Network } from '../world/world.ts'
import { apis } from './apis/index.ts'
import { BytesBudget } from './bytes-budget.ts'
import { Connection } from './connection.ts'
import type { Endpoint, Services } from './context.ts'
import { Dispatcher, type RequestSeen } from './dispatch.ts'
import { Endpoints } from './endpoints.ts'
import { defaultSettings, type KafkaSettings } from './settings.ts'

export interface KafkaListenerOptions {
  /** Shown in logs and audits: 'kafka-tls'. */
  readonly name: string
  /** `localhost` listens on both loopback addresses. */
  readonly host: string
  /** 0 takes a free port. */
  readonly port: number
  /** Must accept the handshake (requestCert, rejectUnauthorized: false): `identify` judges. */
  readonly tls?: TlsOptions
  /** Judges a peer once, before its first byte is processed; audits what it decides. */
  readonly identify: (socket: Socket) => { readonly principal: Principal } | { readonly rejected: string }
  /** What clients are told instead of the address they reached: the host for all brokers, the port for this one. */
  readonly advertised?: Partial<Endpoint>
}

export interface KafkaOptions {
  readonly listeners: readonly KafkaListenerOptions[]
  readonly brokerId: number
  /** Shared by the brokers of a cluster, so that each can tell its clients of the others. Left out: a broker alone. */
  readonly peers?: Endpoints
  readonly network: Network
  readonly clock: Clock
  readonly logger: Logger
  readonly backend: Pick<Backend, 'logs' | 'admin' | 'groups'>
  readonly access: Access
  readonly validation?: Validation
  readonly settings?: Partial<KafkaSettings>
  /** Called once for each request that was answered. */
  readonly observe?: (seen: RequestSeen) => void
}

export interface KafkaServer extends AsyncDisposable {
  /** Of the first listener. */
  readonly port: number
  /** By listener name. */
  readonly ports: ReadonlyMap<string, number>
  readonly connectionCount: number
  /** New handshakes of every TLS listener use these certificates. */
  setSecureContext(options: SecureContextOptions): void
  /** Answers what is under way, then closes every connection. */
  close(): Promise<void>
  /** A crash: stops listening and cuts every connection, with nothing answered any more. The ports can be taken again at once, as after `close`. */
  destroy(): void
}

const sweepMs = 1_000
const graceMs = 5_000

export async function startKafka(options: KafkaOptions): Promise<KafkaServer> {
  const server = new Server(options)
  try {
    for (const listener of options.listeners) await server.listen(listener)
  } catch (error) {
    await server.close()
    throw error
  }
  return server
}

class Server implements KafkaServer {
  readonly ports = new Map<string, number>()
  readonly #options: KafkaOptions
  readonly #services: Services
  readonly #dispatcher: Dispatcher
  readonly #requestBudget: BytesBudget
  readonly #peers: Endpoints
  /** Takes back what the peers were told. */
  readonly #announced = new DisposableStack()
  readonly #listeners: { readonly listener: Listener; readonly isTls: boolean }[] = []
  readonly #connections = new Set<Connection>()
  readonly #countByHost = new Map<string, number>()
  #sweep: Disposable
  #isClosed = false

  constructor(options: KafkaOptions) {
    const settings = { ...defaultSettings, ...options.settings }
    const { clock, logger, access, brokerId, backend, validation } = options
    this.#options = options
    this.#peers = options.peers ?? new Endpoints()
    this.#services = {
      brokerId, clock, logger, access, validation, settings,
      logs: backend.logs, admin: backend.admin, groups: backend.groups,
      apis: apis.map(({ definition: { key, advertised } }) => ({ key, advertised })),
      answerBudget: new BytesBudget(settings.answersInFlightBytesMax),
    }
    this.#requestBudget = new BytesBudget(settings.requestsInFlightBytesMax)
    this.#dispatcher = new Dispatcher({ apis, services: this.#services, observe: options.observe })
    this.#sweep = this.#nextSweep()
  }

  get port(): number {
    const [first] = this.ports.values()
    return first ?? 0
  }

  get connectionCount(): number {
    return this.#connections.size
  }

  async listen(how: KafkaListenerOptions): Promise<void> {
    const hosts = how.host === 'localhost' ? ['127.0.0.1', '::1'] : [how.host]
    let { port } = how
    const bound: string[] = []
    for (const host of hosts) {
      const accept = (socket: Socket): void => this.#accept(socket, how, bound)
      try {
        const listener = await this.#options.network.listen({ host, port, ...(how.tls === undefined ? undefined : { tls: how.tls }) }, accept)
        this.#listeners.push({ listener, isTls: how.tls !== undefined })
        port = listener.port
        bound.push(listener.host)
      } catch (error) {
        // A machine without IPv6 has only the one loopback address.
        if (!(host === '::1' && ['EADDRNOTAVAIL', 'EAFNOSUPPORT'].includes((error as NodeJS.ErrnoException).code ?? ''))) throw error
      }
    }
    this.ports.set(how.name, port)
    this.#announced.use(this.#peers.announce(how.name, this.#options.brokerId, how.advertised?.port ?? port))
  }

  setSecureContext(options: SecureContextOptions): void {
    for (const { listener, isTls } of this.#listeners) if (isTls) listener.setSecureContext(options)
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    await this.#stopListening()
    const { promise: gone, resolve } = Promise.withResolvers<void>()
    this.#whenEmpty = resolve
    if (this.#connections.size === 0) resolve()
    for (const connection of this.#connections) connection.stop()
    using _grace = this.#options.clock.after(graceMs, () => {
      for (const connection of this.#connections) connection.destroy()
    })
    await gone
  }

  destroy(): void {
    void this.#stopListening()
    for (const connection of this.#connections) connection.destroy()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #stopListening(): Promise<void> {
    this.#isClosed = true
    this.#announced.dispose()
    this.#sweep[Symbol.dispose]()
    await Promise.all(this.#listeners.map(({ listener }) => listener.close()))
  }

  #whenEmpty: () => void = () => {}

  #accept(socket: Socket, how: KafkaListenerOptions, bound: readonly string[]): void {
    const host = hostOf(socket.remoteAddress)
    const { settings, logger } = this.#services
    const refuse = (reason: string): void => {
      logger.info({ listener: how.name, host, reason }, 'Kafka connection refused')
      socket.on('error', () => {})
      socket.destroy()
    }
    const ofHost = this.#countByHost.get(host) ?? 0
    if (this.#isClosed) return refuse('the server is stopping')
    if (host === '') return refuse('the peer is gone already')
    if (this.#connections.size >= settings.connectionsMax) return refuse(`there are ${settings.connectionsMax} connections`)
    if (ofHost >= settings.connectionsPerIpMax) return refuse(`there are ${settings.connectionsPerIpMax} connections from this address`)
    const found = how.identify(socket)
    if ('rejected' in found) return refuse(found.rejected)

    this.#countByHost.set(host, ofHost + 1)
    const reach = this.#peers.reachedBy(how.name, how.advertised?.host ?? hostReached(socket, bound))
    this.#connections.add(new Connection({
      socket,
      peer: { caller: { principal: found.principal, host }, listener: how.name, reach },
      dispatcher: this.#dispatcher,
      services: this.#services,
      requestBudget: this.#requestBudget,
      closed: connection => this.#forget(connection, host),
    }))
  }

  #forget(connection: Connection, host: string): void {
    this.#connections.delete(connection)
    const left = (this.#countByHost.get(host) ?? 1) - 1
    if (left === 0) this.#countByHost.delete(host)
    else this.#countByHost.set(host, left)
    if (this.#connections.size === 0) this.#whenEmpty()
  }

  #nextSweep(): Disposable {
    return this.#options.clock.after(sweepMs, () => {
      const now = this.#options.clock.monotonic()
      for (const connection of this.#connections) connection.checkDeadlines(now)
      this.#sweep = this.#nextSweep()
    })
  }
}

/**
 * The host by which this client reaches us, so that what it is told works wherever it comes from: the name it asked for by SNI, `localhost` if it came
 * over loopback and both loopback addresses answer, else the address its connection ended at.
 */
function hostReached(socket: Socket, bound: readonly string[]): string {
  const address = hostOf(socket.localAddress)
  const byName = (socket as Partial<TLSSocket>).servername
  if (typeof byName === 'string' && byName !== '') return byName
  const isLoopback = address === '::1' || address.startsWith('127.')
  const answersBoth = bound.includes('::') || (bound.includes('127.0.0.1') && bound.includes('::1'))
  return isLoopback && answersBoth ? 'localhost' : address
}
