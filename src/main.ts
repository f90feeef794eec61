// The composition root: config → world → backend → facades. The only file that knows them all.
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { destination, pino } from 'pino'
import { localBackend } from './backends/local.ts'
import type { Config } from './config.ts'
import { openEngine } from './engine/engine.ts'
import { readKek } from './engine/sealed/kek-file.ts'
import { createGateway } from './gateway/app.ts'
import { createManagement, Metrics } from './gateway/management.ts'
import { startGateway } from './gateway/server.ts'
import { startKafka, type KafkaListenerOptions } from './kafka/server.ts'
import { createKinesisHandler } from './kinesis/handler.ts'
import { startKinesis } from './kinesis/server.ts'
import { ensureCertificates, localHostnames } from './pki/certificates.ts'
import { keepRenewed } from './pki/renewal.ts'
import { RevocationList } from './pki/revocation.ts'
import type { AccessKey } from './ports.ts'
import { openRegistry } from './registry/registry.ts'
import { SchemaValidation } from './registry/validation.ts'
import { ensureAdminKey, withAccessKey } from './security/admin-key.ts'
import { AuditLog } from './security/audit.ts'
import { AuditFile } from './security/audit-file.ts'
import { allowAll, Authorizer } from './security/authorizer.ts'
import { TokenService } from './security/jwt.ts'
import { readMappingRules } from './security/principal-mapping.ts'
import { anonymous } from './security/principal.ts'
import { judgePeer, secureContext, tlsOptions, type PeerPolicy, type Verdict } from './security/tls.ts'
import { nodeWorld } from './world/node.ts'

export interface Sluice {
  readonly dev: boolean
  readonly host: string
  readonly ports: { readonly kafkaPlaintext?: number; readonly kafkaTls: number; readonly kinesis: number; readonly gateway: number; readonly management: number }
  readonly dataDirectory: string
  readonly certificatesDirectory: string
  /** Undefined where a passphrase takes its place. */
  readonly kekFile?: string
  /** SHA-256 of the root certificate, as openssl prints it. */
  readonly caFingerprint: string
  /** Signs for the Kinesis API as the administrator; with dev, as everybody. The secret is in admin.aws, not here. */
  readonly accessKey: { readonly id: string }
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

/** Opens the data directory and every listener, or rejects with one line for the operator and leaves nothing open. */
export async function startSluice(config: Config, { onProgress = () => {} }: StartHooks = {}): Promise<Sluice> {
  const { dev, host } = config
  const world = nodeWorld()
  const { clock, random, network } = world
  const logger = pino({ level: config['log.level'] }, destination({ fd: 2, sync: true }))
  await using opened = new AsyncDisposableStack()

  const dataDirectory = resolve(config['data.dir'])
  const certificatesDirectory = resolve(config['certs.dir'])
  const mapping = readMappingRules(config['ssl.principal.mapping.rules'])
  const hostnames = localHostnames(hostname(), [config['advertised.host'], host])
  const certificates = await ensureCertificates({ world, directory: certificatesDirectory, hostnames, onProgress })
  const revocations = opened.use(await RevocationList.open({ world, directory: certificatesDirectory, logger }))

  const usesPassphrase = config['kek.passphrase.file'] !== ''
  const kekFile = resolve(config['kek.file'] || join(certificatesDirectory, 'kek.key'))
  const directory = join(dataDirectory, `broker-${config['broker.id']}`)
  const kek = await readKek(world, { keyFile: kekFile, passphraseFile: config['kek.passphrase.file'], dataDirectory: directory })
  const engine = await openEngine({
    world, directory, kek, logger, onProgress,
    broker: { id: config['broker.id'], rack: config['broker.rack'] },
    settings: engineSettings(config),
    cacheBytes: config['cache.bytes'],
  })
  const backend = opened.use(localBackend(engine))
  const { logs, admin, groups } = backend

  const auditFile = opened.use(await AuditFile.open({ disk: world.disk, path: join(dataDirectory, 'audit.log'), logger }))
  const audit = opened.use(new AuditLog({ clock, sink: auditFile.write }))
  const superUsers = config['super.users'].split(';').map(one => one.trim())
  const access = dev ? allowAll(audit) : new Authorizer({ store: backend.acls, audit, superUsers, allowEveryoneIfNoAcl: false })
  const adminKey = dev
    ? devAccessKey
    : await ensureAdminKey(world, backend.accessKeys, { principal: { type: 'User', name: 'CN=admin' }, path: join(certificatesDirectory, 'admin.aws') })
  const accessKeys = dev ? withAccessKey(backend.accessKeys, devAccessKey) : backend.accessKeys
  const registry = await openRegistry({ logs, admin, clock, logger })
  const validation = new SchemaValidation(registry)
  const metrics = opened.use(new Metrics())
  metrics.watch({ logs, admin })
  metrics.watchAudit(audit.counts)

  const policy = (listener: string, certificate: PeerPolicy['certificate']): PeerPolicy => ({ audit, listener, mapping, certificate, now: () => clock.now(), revocations })
  const judge = (listener: string, certificate: PeerPolicy['certificate']) => {
    const own = policy(listener, certificate)
    return (socket: Socket): Verdict => judgePeer(socket as TLSSocket, own)
  }
  const port = (name: PortSetting): number => (config[name] === 0 ? 0 : config[name] + config['port.offset'])
  const advertised = config['advertised.host'] === '' ? {} : { advertised: { host: config['advertised.host'] } }

  const secure: KafkaListenerOptions = {
    name: 'kafka-tls', host, port: port('kafka.tls.port'), tls: tlsOptions(certificates.material), identify: judge('kafka-tls', 'required'), ...advertised,
  }
  const plaintext: KafkaListenerOptions = { name: 'kafka-plaintext', host, port: port('kafka.plaintext.port'), identify: () => ({ principal: anonymous }), ...advertised }
  const kafka = opened.use(await named('Kafka', secure.port, startKafka({
    listeners: dev ? [plaintext, secure] : [secure],
    brokerId: config['broker.id'], network, clock, logger, backend, access, validation,
    settings: { autoCreateTopics: config['auto.create.topics.enable'], idleMs: config['connections.max.idle.ms'] },
    observe: ({ api, errorCode, durationMs, requestBytes, answerBytes }) =>
      metrics.observe({ facade: 'kafka', operation: api, failed: errorCode !== 0, durationMs, bytesIn: requestBytes, bytesOut: answerBytes }),
  })))

  const kinesisHandler = createKinesisHandler({
    logs, admin, access, accessKeys, validation, clock, random, logger,
    region: config['kinesis.region'], account: config['kinesis.account'], profile: config['kinesis.limits'],
    observe: ({ operation, status, milliseconds, bytesIn, bytesOut }) => metrics.observe({ facade: 'kinesis', operation, failed: status >= 400, durationMs: milliseconds, bytesIn, bytesOut }),
  })
  const serverOnly = { ...secureContext(certificates.material), requestCert: false }
  const kinesis = opened.use(await named('Kinesis', port('kinesis.port'), startKinesis({
    host, port: port('kinesis.port'), handler: kinesisHandler, logger, tls: serverOnly, plain: dev,
  })))

  const tokens = new TokenService({ key: certificates.tokenKey, issuer: `sluice:${certificates.fingerprint}`, audience: 'sluice', now: () => clock.now() })
  const judgeGateway = judge('gateway', 'optional')
  const app = createGateway({
    logs, admin, groups, access, accessKeys, validation, registry, audit, clock, random, logger, version,
    kinesis: { handler: kinesisHandler, place: { region: config['kinesis.region'], account: config['kinesis.account'] } },
    door: dev ? undefined : { judge: judgeGateway, tokens, tokenTtlS: config['token.ttl.seconds'], audit },
    autoCreateTopics: config['auto.create.topics.enable'],
    observe: metrics.observe,
  })
  const gatewayTls = dev ? {} : { tls: tlsOptions(certificates.material, ['http/1.1']), judge: judgeGateway }
  const gateway = opened.use(await named('the gateway', port('gateway.port'), startGateway({ app, host, port: port('gateway.port'), ...gatewayTls })))

  let failed: Error | undefined
  void engine.failure.then(error => { failed = error })
  const management = opened.use(await named('management', port('management.port'), startGateway({
    app: createManagement({ metrics, notReady: () => failed?.message, logger }), host: managementHost, port: port('management.port'),
  })))

  opened.use(keepRenewed({
    world, directory: certificatesDirectory, hostnames, logger, current: certificates,
    onRenewed: ({ material }) => {
      const context = secureContext(material)
      kafka.setSecureContext(context)
      kinesis.setSecureContext(context)
      if (!dev) gateway.setSecureContext(context)
    },
  }))
  const kafkaPlaintext = kafka.ports.get('kafka-plaintext')
  const running = opened.move()
  return {
    dev, host, dataDirectory, certificatesDirectory, caFingerprint: certificates.fingerprint, accessKey: { id: adminKey.id }, failure: engine.failure,
    ...(usesPassphrase ? {} : { kekFile }),
    ports: {
      ...(kafkaPlaintext === undefined ? {} : { kafkaPlaintext }),
      kafkaTls: kafka.ports.get('kafka-tls')!, kinesis: kinesis.port, gateway: gateway.port, management: management.port,
    },
    close: () => running.disposeAsync(),
  }
}

/** Broker configs by Kafka's names, from our settings of the same names. */
function engineSettings(config: Config): Record<string, string | number | boolean> {
  const names = [
    'auto.create.topics.enable', 'num.partitions', 'min.insync.replicas', 'message.max.bytes', 'log.retention.ms', 'log.retention.bytes', 'log.segment.bytes',
    'offsets.retention.minutes', 'group.initial.rebalance.delay.ms', 'group.min.session.timeout.ms', 'group.max.session.timeout.ms', 'group.max.size',
  ] as const
  return Object.fromEntries(names.map(name => [name, config[name]]))
}

/** A listener that cannot be opened is the commonest failure of a start: the line says which one, and the way out. */
async function named<T>(what: string, port: number, listening: Promise<T>): Promise<T> {
  try {
    return await listening
  } catch (error) {
    const { code, port: taken = port } = error as NodeJS.ErrnoException & { port?: number }
    if (code === 'EADDRINUSE') throw new Error(`port ${taken} for ${what} is in use; stop what listens there, or shift all ports with --port-offset`, { cause: error })
    throw new Error(`cannot listen for ${what}: ${(error as Error).message}`, { cause: error })
  }
}
