// A Kafka facade on a free loopback port, for tests: by default in front of a Backend in memory, open to everybody.
import type { Access, Backend, Principal, Validation } from '../../src/ports.ts'
import type { Endpoints } from '../../src/kafka/endpoints.ts'
import { startKafka, type KafkaListenerOptions, type KafkaServer } from '../../src/kafka/server.ts'
import type { RequestSeen } from '../../src/kafka/dispatch.ts'
import type { KafkaSettings } from '../../src/kafka/settings.ts'
import { anonymous } from '../../src/security/principal.ts'
import { nodeWorld } from '../../src/world/node.ts'
import type { Logger } from '../../src/world/world.ts'
import { memoryBackend } from '../support/memory-backend.ts'

export interface TestBroker extends AsyncDisposable {
  readonly server: KafkaServer
  readonly backend: Backend
  readonly port: number
  /** `127.0.0.1:port`. */
  readonly address: string
  /** Why connections were closed or refused, and what failed. */
  readonly reasons: string[]
  readonly seen: RequestSeen[]
}

export interface TestBrokerOptions {
  readonly backend?: Backend
  readonly topics?: Readonly<Record<string, number>>
  readonly access?: Access
  readonly validation?: Validation
  readonly settings?: Partial<KafkaSettings>
  readonly principal?: Principal
  readonly listener?: Partial<KafkaListenerOptions>
  readonly brokerId?: number
  readonly peers?: Endpoints
}

export async function startBroker(options: TestBrokerOptions = {}): Promise<TestBroker> {
  const backend = options.backend ?? memoryBackend()
  const reasons: string[] = []
  const seen: RequestSeen[] = []
  const note = (fields: object): void => { reasons.push(String((fields as { reason?: string }).reason)) }
  const logger: Logger = { debug: () => {}, info: note, warn: note, error: note }
  for (const [name, partitions] of Object.entries(options.topics ?? {})) {
    await backend.admin.createTopic({ name, partitions, replicationFactor: -1, configs: new Map() }, { validateOnly: false })
  }
  const { network, clock } = nodeWorld()
  const server = await startKafka({
    listeners: [{ name: 'test', host: '127.0.0.1', port: 0, identify: () => ({ principal: options.principal ?? anonymous }), ...options.listener }],
    brokerId: options.brokerId ?? 1, network, clock, logger, backend, access: options.access ?? everythingAllowed,
    ...(options.peers === undefined ? undefined : { peers: options.peers }),
    ...(options.validation === undefined ? undefined : { validation: options.validation }),
    ...(options.settings === undefined ? undefined : { settings: options.settings }),
    observe: one => { seen.push(one) },
  })
  return {
    server, backend, reasons, seen,
    port: server.port,
    address: `127.0.0.1:${server.port}`,
    async [Symbol.asyncDispose]() {
      await server.close()
      await backend[Symbol.asyncDispose]()
    },
  }
}

export const everythingAllowed: Access = accessBy(() => true)

/** An Access that asks one function; it keeps no bindings. */
export function accessBy(allows: Access['allows']): Access {
  return {
    allows,
    wouldAllow: allows,
    allowsAny: (who, operation, type) => allows(who, operation, type, '*'),
    list: () => [],
    create: async bindings => bindings.map(() => null),
    delete: async filters => filters.map(() => []),
  }
}
