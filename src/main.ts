// The composition root: config → world → backend → facades. The only file that knows them all.
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import type { Socket } from 'node:net'
import type { SecureContextOptions, TLSSocket } from 'node:tls'
import { destination, pino } from 'pino'
import { brokerBackend, localBackend } from './backends/local.ts'
import { brokerOperations, type Doors } from './backends/operations.ts'
import { type Config, ConfigError, dataDirectories } from './config.ts'
import type { Broker } from './engine/broker.ts'
import { type BrokerSpec, openEngine } from './engine/engine.ts'
import { Roster } from './engine/roster.ts'
import { readKek } from './engine/sealed/kek-file.ts'
import { createGateway } from './gateway/app.ts'
import { createManagement, Metrics } from './gateway/management.ts'
import { RateLimits } from './gateway/rate-limits.ts'
import { ConsumerInstances } from './gateway/rest/consumers/consumer-instances.ts'
import { EventStreams } from './gateway/rest/events/event-streams.ts'
import { startGateway } from './gateway/server.ts'
import { Endpoints } from './kafka/endpoints.ts'
import { startKafka, type KafkaListenerOptions, type KafkaServer } from './kafka/server.ts'
import type { ChaosSettings } from './kinesis/chaos.ts'
import { createKinesisHandler } from './kinesis/handler.ts'
import { troublesOf } from './kinesis/limits.ts'
import { isOperation } from './kinesis/rates.ts'
import { startKinesis } from './kinesis/server.ts'
import { ensureCertificates, localHostnames } from './pki/certificates.ts'
import { keepRenewed } from './pki/renewal.ts'
import { RevocationList } from './pki/revocation.ts'
import type { AccessKey } from './ports.ts'
import { DeadLetters } from './registry/dead-letters.ts'
import { openRegistry } from './registry/registry.ts'
import { SchemaValidation } from './registry/validation.ts'
import { removeExpired, withAccessKey } from './security/access-keys.ts'
import { ensureAdminKey } from './security/admin-key.ts'
import { AuditLog } from './security/audit.ts'
import { AuditFile } from './security/audit-file.ts'
import { allowAll, Authorizer } from './security/authorizer.ts'
import { TokenService } from './security/jwt.ts'
import { readMappingRules } from './security/principal-mapping.ts'
import { anonymous } from './security/principal.ts'
import { ResourcePolicies } from './security/resource-policies.ts'
import { judgePeer, secureContext, tlsOptions, type PeerPolicy, type Verdict } from './security/tls.ts'
import { nodeWorld } from './world/node.ts'

export interface Sluice {
  readonly dev: boolean
  readonly host: string
  /** Of Kafka those of the first broker: where a client begins. */
  readonly ports: { readonly kafkaPlaintext?: number; readonly kafkaTls: number; readonly kinesis: number; readonly gateway: number; readonly management: number }
  /** Each broker with its ports, as they were at the start. */
  readonly brokers: readonly { readonly id: number; readonly rack: string | null; readonly kafkaPlaintext?: number; readonly kafkaTls: number }[]
  readonly dataDirectory: string
  readonly certificatesDirectory: string
  /** Undefined where a passphrase takes its place. */
  readonly kekFile?: string
  /** SHA-256 of the root certificate, as openssl prints it. */
  readonly caFingerprint: string
  /** Signs for the Kinesis API as the administrator; with dev, as everybody. The secret is in admin.aws, not here. Left out where the key of that file was deleted. */
  readonly accessKey?: { readonly id: string }
  /** Resolves if the disk ever fails: nothing is acknowledged any more, and the process should end. */
  readonly failure: Promise<Error>
  /** Answers what is under way, syncs, and lets the directory go. */
  close(): Promise<void>
}

export interface StartHooks {
  /** One line about each step that may take longer than a moment. */
  readonly onProgress?: (line: string) => void
}

/** With --dev requests to the Kinesis API are signed with this; the signature is verified all the same. */
export const devAccessKey: AccessKey = { id: 'test', secret: 'test', principal: anonymous, createdAtMs: 0 }

type PortSetting = 'kafka.plaintext.port' | 'kafka.tls.port' | 'kinesis.port' | 'gateway.port' | 'management.port'

const version = '0.1.0'
const managementHost = '127.0.0.1'
/** As far apart the ports of one broker are from those of the next. */
const portsPerBroker = 10

/** Opens the data directory and every listener, or rejects with one line for the operator and leaves nothing open. */
export async function startSluice(config: Config, { onProgress = () => {} }: StartHooks = {}): Promise<Sluice> {
  const chaos = chaosOf(config)
  await using opened = new AsyncDisposableStack()
  // Nothing else keeps the process alive while its parts wait for each other: no listener is open yet, and their timers do not count.
  const start = setInterval(() => {}, 1_000)
  using _start = { [Symbol.dispose]: () => clearInterval(start) }
  const store = await openStore(config, onProgress, opened)
  const rules = await openRules(config, store, opened)
  const facades = await openFacades(config, { ...store, ...rules, chaos }, opened)
  const { certificates, certificatesDirectory, dataDirectory, engine, hostnames, logger, world } = store
  opened.use(keepRenewed({
    world, directory: certificatesDirectory, hostnames, logger, current: certificates,
    onRenewed: ({ material }) => facades.setSecureContext(secureContext(material)),
  }))
  const running = opened.move()
  return {
    dev: config.dev, host: config.host, ports: facades.ports, brokers: facades.brokers, dataDirectory, certificatesDirectory,
    caFingerprint: certificates.fingerprint, failure: engine.failure,
    ...(rules.adminKey === undefined ? {} : { accessKey: { id: rules.adminKey.id } }),
    ...(config['kek.passphrase.file'] === '' ? { kekFile: store.kekFile } : {}),
    close: () => running.disposeAsync(),
  }
}

/** The certificates, and the engine over the data directory. */
async function openStore(config: Config, onProgress: (line: string) => void, opened: AsyncDisposableStack) {
  const world = nodeWorld()
  const logger = pino({ level: config['log.level'] }, destination({ fd: 2, sync: true }))
  const dataDirectory = resolve(config['data.dir'])
  const certificatesDirectory = resolve(config['certs.dir'])
  const hostnames = localHostnames(hostname(), [config['advertised.host'], config.host])
  const certificates = await ensureCertificates({ world, directory: certificatesDirectory, hostnames, onProgress })
  const revocations = opened.use(await RevocationList.open({ world, directory: certificatesDirectory, logger }))

  const kekFile = resolve(config['kek.file'] || join(certificatesDirectory, 'kek.key'))
  const directoryOf = (id: number): string => join(dataDirectory, `broker-${id}`)
  const roster = await Roster.open(world, dataDirectory)
  const brokers = roster.members(brokersOf(config, directoryOf))
  const [first] = brokers.flatMap(({ directories }) => directories)
  const kek = await readKek(world, { keyFile: kekFile, passphraseFile: config['kek.passphrase.file'], dataDirectory: first ?? dataDirectory })
  const down = new Set<(id: number, error: Error) => void>()
  const engine = await openEngine({
    world, brokers, kek, logger, onProgress, settings: engineSettings(config), cacheBytes: config['cache.bytes'],
    onDown: (id, error) => { for (const tell of down) tell(id, error) },
  })
  const backend = opened.use(localBackend(engine))
  return { world, logger, dataDirectory, directoryOf, certificatesDirectory, hostnames, certificates, revocations, kekFile, roster, engine, backend, down }
}

type Store = Awaited<ReturnType<typeof openStore>>

/** Who may do what, what fits a topic, and what is written down about it: the same for every facade. */
async function openRules(config: Config, { world, logger, backend, dataDirectory, certificatesDirectory, revocations }: Store, opened: AsyncDisposableStack) {
  const { clock, disk } = world
  const auditFile = opened.use(await AuditFile.open({ disk, path: join(dataDirectory, 'audit.log'), logger }))
  const audit = opened.use(new AuditLog({ clock, sink: auditFile.write }))
  const superUsers = config['super.users'].split(';').map(one => one.trim())
  const policies = new ResourcePolicies({
    documents: backend.documents, audit, account: config['kinesis.account'], region: config['kinesis.region'], now: () => clock.now(),
  })
  const access = config.dev ? allowAll(audit, policies) : new Authorizer({ store: backend.acls, audit, policies, superUsers, allowEveryoneIfNoAcl: false })
  const adminKey = config.dev
    ? devAccessKey
    : await ensureAdminKey(world, backend, { principal: { type: 'User', name: 'CN=admin' }, path: join(certificatesDirectory, 'admin.aws') })
  const accessKeys = config.dev ? withAccessKey(backend.accessKeys, devAccessKey) : backend.accessKeys
  opened.use(removeExpired({ accessKeys: backend.accessKeys, clock, audit, logger }))
  const registry = await openRegistry({ logs: backend.logs, admin: backend.admin, clock, logger })
  const validation = new SchemaValidation(registry, new DeadLetters({ logs: backend.logs, admin: backend.admin, clock, logger }))
  const metrics = opened.use(new Metrics())
  metrics.watchAudit(audit.counts)
  metrics.watchValidation(validation.counts)
  const mapping = readMappingRules(config['ssl.principal.mapping.rules'])
  /** Judges the peers of one listener. */
  const judgeFor = (listener: string, certificate: PeerPolicy['certificate']) => {
    const policy: PeerPolicy = { audit, listener, mapping, certificate, now: () => clock.now(), revocations }
    return (socket: Socket): Verdict => judgePeer(socket as TLSSocket, policy)
  }
  return { audit, access, adminKey, accessKeys, registry, validation, metrics, judgeFor }
}

type Rules = Awaited<ReturnType<typeof openRules>>

/** Every listener, in the order in which they are closed last. */
async function openFacades(config: Config, parts: Store & Rules & { readonly chaos: Partial<ChaosSettings> }, opened: AsyncDisposableStack) {
  const { dev, host } = config
  const { access, accessKeys, audit, backend, certificates, directoryOf, down, engine, judgeFor, logger, metrics, registry, roster, validation, world } = parts
  const { clock, random, network } = world
  const { logs, admin, groups, documents } = backend
  const port = (name: PortSetting): number => (config[name] === 0 ? 0 : config[name] + config['port.offset'])
  const place = { region: config['kinesis.region'], account: config['kinesis.account'] }
  const autoCreateTopics = config['auto.create.topics.enable']

  const advertised = config['advertised.host'] === '' ? {} : { advertised: { host: config['advertised.host'] } }
  const kafkaPort = (name: PortSetting, id: number): number => (port(name) === 0 ? 0 : port(name) + portsPerBroker * (id - 1))
  const doors = opened.use(new KafkaDoors((broker, peers, ports) => {
    const { id } = broker
    const tls: KafkaListenerOptions = {
      name: 'kafka-tls', host, port: ports.get('kafka-tls') ?? kafkaPort('kafka.tls.port', id), tls: tlsOptions(certificates.material),
      identify: judgeFor('kafka-tls', 'required'), ...advertised,
    }
    const plaintext: KafkaListenerOptions = {
      name: 'kafka-plaintext', host, port: ports.get('kafka-plaintext') ?? kafkaPort('kafka.plaintext.port', id), identify: () => ({ principal: anonymous }), ...advertised,
    }
    return named(`Kafka (broker ${id})`, tls.port, startKafka({
      listeners: dev ? [plaintext, tls] : [tls],
      brokerId: id, peers, network, clock, logger, backend: brokerBackend(engine, broker), access, validation,
      settings: { autoCreateTopics, idleMs: config['connections.max.idle.ms'] },
      observe: ({ api, durationMs, errorCode, requestBytes: bytesIn, answerBytes: bytesOut }) =>
        metrics.observe({ facade: 'kafka', operation: api, failed: errorCode !== 0, durationMs, bytesIn, bytesOut }),
    }))
  }))
  for (const broker of engine.brokers) await doors.open(broker)
  down.add(id => doors.destroy(id))
  const brokers = brokerOperations({ engine, doors, roster, directoryOf })
  metrics.watch({ ...backend, brokers })

  const channelsDirectory = config['kinesis.channels.directory']
  const channels = channelsDirectory === '' ? {} : { channels: { disk: world.disk, directory: resolve(channelsDirectory) } }
  const handler = opened.use(createKinesisHandler({
    logs, admin, access, accessKeys, documents, validation, clock, random, logger, audit, ...place, profile: config['kinesis.limits'],
    chaos: parts.chaos, shardLimit: config['kinesis.shard.limit'], onDemandStreamLimit: config['kinesis.on.demand.stream.limit'],
    transitionMs: config['kinesis.transition.ms'], ...channels, tokenSecret: certificates.tokenKey, loopbackOnly: dev,
    observe: ({ status, milliseconds: durationMs, ...seen }) => metrics.observe({ ...seen, facade: 'kinesis', failed: status >= 400, durationMs }),
  }))
  opened.use(handler.services.kms.watch({ logger }))
  metrics.watchKinesis(handler)
  // Requests are signed, so that clients without a certificate are welcome here unless the operator wants both.
  const wantsCertificate = config['kinesis.client.auth'] === 'required'
  const kinesisTls = wantsCertificate
    ? { tls: tlsOptions(certificates.material), judge: judgeFor('kinesis', 'required') }
    : { tls: { ...secureContext(certificates.material), requestCert: false } }
  const kinesis = await onEach('Kinesis', host, port('kinesis.port'), opened, where => startKinesis({ ...where, ...kinesisTls, handler, logger, plain: dev }))

  const tokens = new TokenService({ key: certificates.tokenKey, issuer: `sluice:${certificates.fingerprint}`, audience: 'sluice', now: () => clock.now() })
  const judge = judgeFor('gateway', 'optional')
  const consumers = new ConsumerInstances({
    logs, admin, groups, clock, random, logger, idleMs: config['rest.consumer.idle.ms'], countMax: config['rest.consumers.max'],
    countPerPrincipalMax: config['rest.consumers.per.principal.max'],
  })
  const streams = new EventStreams()
  const rateLimits = new RateLimits({
    requests: config['rate.limit.requests.per.second'], bytesIn: config['rate.limit.bytes.in.per.second'], bytesOut: config['rate.limit.bytes.out.per.second'],
  })
  metrics.watchRateLimits(rateLimits.refused)
  metrics.watchSessions({ consumers, streams })
  const app = createGateway({
    consumers, streams, rateLimits, logs, admin, groups, brokers, access, accessKeys, validation, registry, audit, clock, random, logger, version, autoCreateTopics,
    kinesis: { handler, place, wantsCertificate },
    door: dev ? undefined : { judge, tokens, tokenTtlS: config['token.ttl.seconds'], audit },
    observe: metrics.observe,
  })
  const gatewayTls = dev ? {} : { tls: tlsOptions(certificates.material, ['http/1.1']), judge }
  const gateway = await onEach('the gateway', host, port('gateway.port'), opened, where => startGateway({ app, ...where, ...gatewayTls }))
  // Closed before the listener is: what they wait for must not hold it up.
  opened.use(consumers)
  opened.use(streams)

  let failed: Error | undefined
  void engine.failure.then(error => { failed = error })
  const management = opened.use(await named('management', port('management.port'), startGateway({
    app: createManagement({ metrics, admin, brokers, notReady: () => failed?.message, logger }), host: managementHost, port: port('management.port'),
  })))

  const listening = engine.members.map(({ spec: { id, rack } }) => {
    const kafkaPlaintext = doors.ports(id).get('kafka-plaintext')
    return { id, rack, kafkaTls: doors.ports(id).get('kafka-tls')!, ...(kafkaPlaintext === undefined ? {} : { kafkaPlaintext }) }
  })
  const { id: _id, rack: _rack, ...kafka } = listening[0]!
  return {
    brokers: listening,
    ports: { ...kafka, kinesis: kinesis[0]!.port, gateway: gateway[0]!.port, management: management.port },
    setSecureContext(context: SecureContextOptions): void {
      doors.setSecureContext(context)
      for (const listener of dev ? kinesis : [...kinesis, ...gateway]) listener.setSecureContext(context)
    },
  }
}

/** The Kafka listeners of each broker: opened when it starts, closed when it stops, on the same ports each time. */
class KafkaDoors implements Doors, AsyncDisposable {
  readonly #start: (broker: Broker, peers: Endpoints, ports: ReadonlyMap<string, number>) => Promise<KafkaServer>
  readonly #peers = new Endpoints()
  readonly #servers = new Map<number, KafkaServer>()
  readonly #ports = new Map<number, ReadonlyMap<string, number>>()
  #context: SecureContextOptions | undefined

  constructor(start: (broker: Broker, peers: Endpoints, ports: ReadonlyMap<string, number>) => Promise<KafkaServer>) {
    this.#start = start
  }

  async open(broker: Broker): Promise<void> {
    const server = await this.#start(broker, this.#peers, this.#ports.get(broker.id) ?? new Map())
    // Certificates may have been renewed since the listeners' options were made.
    if (this.#context !== undefined) server.setSecureContext(this.#context)
    this.#servers.set(broker.id, server)
    this.#ports.set(broker.id, server.ports)
  }

  async close(id: number): Promise<void> {
    const server = this.#servers.get(id)
    this.#servers.delete(id)
    await server?.close()
  }

  destroy(id: number): void {
    this.#servers.get(id)?.destroy()
    this.#servers.delete(id)
  }

  ports(id: number): ReadonlyMap<string, number> {
    return this.#servers.get(id)?.ports ?? new Map()
  }

  setSecureContext(context: SecureContextOptions): void {
    this.#context = context
    for (const server of this.#servers.values()) server.setSecureContext(context)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#servers.keys()].map(id => this.close(id)))
  }
}

/** The brokers that the settings ask for, by turns in the zones. */
function brokersOf(config: Config, directoryOf: (id: number) => string): BrokerSpec[] {
  const racks = config['broker.racks'].split(',').map(one => one.trim())
  const directories = dataDirectories(config['broker.data.dirs'])
  return Array.from({ length: config.brokers }, (_, at) => {
    const id = at + 1
    return { id, rack: racks[at % racks.length]!, directories: directories.get(id)?.map(path => resolve(path)) ?? [directoryOf(id)] }
  })
}

/** Broker configs by Kafka's names, from our settings of the same names. */
function engineSettings(config: Config): Record<string, string | number | boolean> {
  const names = [
    'auto.create.topics.enable', 'num.partitions', 'default.replication.factor', 'min.insync.replicas', 'unclean.leader.election.enable',
    'replica.lag.time.max.ms', 'auto.leader.rebalance.enable', 'message.max.bytes', 'log.retention.ms', 'log.retention.bytes', 'log.segment.bytes',
    'offsets.retention.minutes', 'group.initial.rebalance.delay.ms', 'group.min.session.timeout.ms', 'group.max.session.timeout.ms', 'group.max.size',
  ] as const
  return Object.fromEntries(names.map(name => [name, config[name]]))
}

/** The troubles of `kinesis.limits=chaos`. Throws ConfigError for an operation that there is not. */
function chaosOf(config: Config): Partial<ChaosSettings> {
  const operations = config['kinesis.chaos.operations'].split(',').map(one => one.trim()).filter(one => one !== '')
  const stray = operations.find(name => !isOperation(name))
  if (stray !== undefined) throw new ConfigError(`kinesis.chaos.operations: Kinesis has no operation '${stray}'; names are as in PutRecords,GetRecords`)
  return troublesOf(operations, {
    throttle: config['kinesis.chaos.throttle'], failure: config['kinesis.chaos.failure'], delayMs: config['kinesis.chaos.delay.ms'],
    failureWhen: config['kinesis.chaos.failure.when'], limits: config['kinesis.chaos.limits'], seed: config['kinesis.chaos.seed'],
  })
}

/** One listener, or for `localhost` one on each loopback address and the same port: clients try either first. */
async function onEach<T extends { readonly port: number } & AsyncDisposable>(
  what: string, host: string, port: number, opened: AsyncDisposableStack, start: (where: { host: string; port: number }) => Promise<T>,
): Promise<readonly T[]> {
  if (host !== 'localhost') return [opened.use(await named(what, port, start({ host, port })))]
  const first = opened.use(await named(what, port, start({ host: '127.0.0.1', port })))
  try {
    return [first, opened.use(await start({ host: '::1', port: first.port }))]
  } catch (error) {
    // A machine without IPv6 has only the one loopback address.
    if (['EADDRNOTAVAIL', 'EAFNOSUPPORT'].includes((error as NodeJS.ErrnoException).code ?? '')) return [first]
    return named(what, first.port, Promise.reject<T[]>(error as Error))
  }
}

/** A listener that cannot be opened is the commonest failure of a start: the line says which one, and the way out. */
async function named<T>(what: string, port: number, listening: Promise<T>): Promise<T> {
  try {
    return await listening
  } catch (error) {
    const { code, port: taken = port } = error as NodeJS.ErrnoException & { port?: number }
    if (code === 'EADDRINUSE') throw new Error(`port ${taken} for ${what} is in use; stop what listens there, or shift all ports with --port-offset`, { cause: error })
    if (code === 'ERR_SOCKET_BAD_PORT') throw new Error(`port ${port} for ${what} is not from 1 to 65535; a broker's ports are 10 above those of the id before`, { cause: error })
    throw new Error(`cannot listen for ${what}: ${(error as Error).message}`, { cause: error })
  }
}
