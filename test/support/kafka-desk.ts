// The Kafka facade without sockets: takes a request of any API and version as any caller, through frame, header, access, handler and back, over the in-memory
// backend and the real authorizer. Parts of the backend can be replaced by what a test says.
import { Authorizer } from '../../src/security/authorizer.ts'
import type { AuditEvent } from '../../src/security/audit.ts'
import { parsePrincipal } from '../../src/security/principal.ts'
import type { AclBinding, AclOperation, Admin, Backend, Groups, Logs, ResourceType, Validation } from '../../src/ports.ts'
import { apis } from '../../src/kafka/apis/index.ts'
import { BytesBudget } from '../../src/kafka/bytes-budget.ts'
import type { Endpoint } from '../../src/kafka/context.ts'
import { Dispatcher } from '../../src/kafka/dispatch.ts'
import type { Reach } from '../../src/kafka/endpoints.ts'
import { defaultSettings, type KafkaSettings } from '../../src/kafka/settings.ts'
import { Reader, Writer } from '../../src/wire/bytes.ts'
import type { Api, Decoded, Draft, Shape } from '../../src/wire/schema.ts'
import { memoryBackend } from './memory-backend.ts'

export interface Desk {
  readonly backend: Backend
  /** What the authorizer told the audit log, oldest first. */
  readonly audited: readonly AuditEvent[]
  /** The answer as a client reads it. `as` is a principal's text; the super user `User:root` unless given. */
  send<Q extends Shape, R extends Shape>(api: Api<Q, R>, version: number, request: Draft<Q>, as?: string): Promise<Decoded<R>>
  /** One ALLOW (or DENY) ACL from any host, on a literal name. */
  grant(principal: string, operation: AclOperation, resourceType: ResourceType, resourceName: string, more?: Partial<AclBinding>): Promise<void>
  /** Creates a topic past the facade; gives its id. */
  topic(name: string, partitions?: number): Promise<string>
}

export interface DeskOptions {
  readonly groups?: Partial<Groups>
  readonly admin?: Partial<Admin>
  readonly logs?: Partial<Logs>
  readonly validation?: Validation
  readonly settings?: Partial<KafkaSettings>
  readonly signal?: AbortSignal
  readonly reach?: Reach
}

const correlationId = 77

/** `broker-N.test:900N`, whether it is up or not. */
const everyBroker: Reach = { of: addressOf, lastOf: addressOf }

function addressOf(brokerId: number): Endpoint {
  return { host: `broker-${brokerId}.test`, port: 9000 + brokerId }
}

export function kafkaDesk(options: DeskOptions = {}): Desk {
  const backend = memoryBackend()
  const audited: AuditEvent[] = []
  const access = new Authorizer({
    store: backend.acls, audit: { record: event => void audited.push(event) }, superUsers: ['User:root'], allowEveryoneIfNoAcl: false,
  })
  const silent = (): void => {}
  const dispatcher = new Dispatcher({
    apis,
    services: {
      brokerId: 1, logs: { ...backend.logs, ...options.logs }, access, validation: options.validation, settings: { ...defaultSettings, ...options.settings },
      admin: { ...backend.admin, ...options.admin }, groups: { ...backend.groups, ...options.groups },
      clock: { now: Date.now, monotonic: () => performance.now(), after: () => { throw new Error('no timer is set by a request') } },
      logger: { debug: silent, info: silent, warn: silent, error: silent },
      apis: apis.map(({ definition: { key, advertised } }) => ({ key, advertised })),
      answerBudget: new BytesBudget(1 << 20),
    },
  })
  return {
    backend,
    audited,
    async send(api, version, request, as = 'User:root') {
      const signal = options.signal ?? new AbortController().signal
      const caller = { principal: parsePrincipal(as)!, host: '10.1.2.3' }
      const peer = { caller, listener: 'test', signal, reach: options.reach ?? everyBroker }
      const { slices } = await dispatcher.dispatch(frameOf(api, version, request), peer, silent)
      const reader = new Reader(Buffer.concat(slices!))
      const length = reader.int32()
      if (length !== reader.remaining || reader.int32() !== correlationId) throw new Error('the frame is not what its header says')
      if (api.response.isFlexible(version)) reader.uvarint()
      const answer = api.response.decode(reader, version)
      if (reader.remaining > 0) throw new Error(`${reader.remaining} bytes behind the answer`)
      return answer
    },
    async grant(principal, operation, resourceType, resourceName, more = {}) {
      await backend.acls.add([{ principal, host: '*', operation, permission: 'allow', resourceType, resourceName, patternType: 'literal', ...more }])
    },
    async topic(name, partitions = 1) {
      const topic = await backend.admin.createTopic({ name, partitions, replicationFactor: 1, configs: new Map() }, { validateOnly: false })
      if (!('id' in topic)) throw new Error(topic.message)
      return topic.id
    },
  }
}

function frameOf<Q extends Shape, R extends Shape>(api: Api<Q, R>, version: number, request: Draft<Q>): Buffer {
  const writer = new Writer()
  writer.int16(api.key)
  writer.int16(version)
  writer.int32(correlationId)
  writer.nullableString('desk')
  if (api.request.isFlexible(version)) writer.uvarint(0)
  api.request.write(writer, request, version)
  return writer.toBuffer()
}

/** Every version of an API, for tests that must hold in all. */
export function versionsOf(api: { readonly versions: { readonly first: number; readonly last: number } }): readonly number[] {
  return Array.from({ length: api.versions.last - api.versions.first + 1 }, (_, at) => api.versions.first + at)
}
