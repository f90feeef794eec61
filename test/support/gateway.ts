// A gateway over the in-memory backend, in process: `as('alice')` asks as a client with alice's certificate, `as()` as one without any.
import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import supertest from 'supertest'
import { createGateway, type GatewayParts } from '../../src/gateway/app.ts'
import type { Door } from '../../src/gateway/authentication.ts'
import { ConsumerInstances } from '../../src/gateway/rest/consumers/consumer-instances.ts'
import { EventStreams } from '../../src/gateway/rest/events/event-streams.ts'
import { createKinesisHandler } from '../../src/kinesis/handler.ts'
import type { AclBinding, Backend, Caller, NewTopic, Topic } from '../../src/ports.ts'
import { Refusal } from '../../src/ports.ts'
import { openRegistry } from '../../src/registry/registry.ts'
import type { AuditEvent } from '../../src/security/audit.ts'
import { Authorizer } from '../../src/security/authorizer.ts'
import { TokenService } from '../../src/security/jwt.ts'
import { anonymous } from '../../src/security/principal.ts'
import { memoryBackend } from './memory-backend.ts'
import { memoryCluster, type MemoryCluster } from './memory-brokers.ts'
import { holdToOpenApi } from './openapi.ts'
import { validatesNothing } from './validation.ts'

export interface TestGateway {
  readonly backend: Backend
  readonly cluster: MemoryCluster
  readonly audited: AuditEvent[]
  readonly logged: object[]
  /** Milliseconds since the epoch; moves only when a test moves it. */
  readonly time: { now: number }
  readonly parts: GatewayParts
  as(name?: string): ReturnType<typeof supertest>
  createTopic(name: string, options?: { partitions?: number; configs?: Record<string, string> }): Promise<Topic>
  allow(name: string, operation: AclBinding['operation'], resourceType: AclBinding['resourceType'], resourceName: string): Promise<void>
  /** The values of all records of a partition, as text. */
  values(topic: string, partition?: number): Promise<(string | null)[]>
}

/** The super user of every test gateway. */
export const admin = 'admin'

export async function testGateway(overrides: Partial<GatewayParts> = {}, { brokerIds = [1] }: { brokerIds?: readonly number[] } = {}): Promise<TestGateway> {
  const time = { now: 1_700_000_000_000 }
  const backend = memoryBackend({ now: () => time.now })
  const cluster = memoryCluster(backend, brokerIds)
  const audited: AuditEvent[] = []
  const logged: object[] = []
  const audit = { record: (event: AuditEvent): void => void audited.push(event) }
  const clock = { now: () => time.now, monotonic: () => time.now, after: () => ({ cancel() {}, [Symbol.dispose]() {} }) }
  const log = (fields: object): void => void logged.push(fields)
  const logger = { debug: log, info: log, warn: log, error: log }
  const random = { bytes: randomBytes, uuid: randomUUID }
  const place = { account: '000000000000', region: 'us-east-1' }
  const access = new Authorizer({ store: backend.acls, audit, superUsers: [`User:CN=${admin}`], allowEveryoneIfNoAcl: false })
  const tokens = new TokenService({ key: tokenKey, issuer: 'sluice-test', audience: 'sluice-test', now: () => time.now })
  const parts: GatewayParts = {
    logs: cluster.logs, admin: cluster.admin, brokers: cluster.brokers, groups: backend.groups, accessKeys: backend.accessKeys, access,
    validation: validatesNothing,
    // A backend of its own, so that _schemas is not among the topics that tests count.
    registry: overrides.registry ?? await openRegistry({ ...memoryBackend(), clock, logger }),
    version: '0.0.0-test',
    kinesis: {
      handler: createKinesisHandler({
        logs: backend.logs, admin: backend.admin, access, accessKeys: backend.accessKeys, documents: backend.documents,
        validation: validatesNothing, clock, random, logger, ...place, profile: 'aws',
      }),
      place,
    },
    consumers: new ConsumerInstances({ logs: cluster.logs, admin: cluster.admin, groups: backend.groups, clock, random, logger, ...overrides }),
    streams: new EventStreams(),
    door: undefined, audit, clock, random, logger,
    ...overrides,
  }
  const doorOf = (name: string | undefined): Door => ({
    judge: () => (name === undefined ? { principal: anonymous, certificateSha256: null } : { principal: { type: 'User', name: `CN=${name}` }, certificateSha256: `thumbprint-of-${name}` }),
    tokens, tokenTtlS: 300, audit,
  })
  // One gateway for each: to make one takes longer than most requests to it.
  const clients = new Map<string | undefined, ReturnType<typeof supertest>>()
  return {
    backend, cluster, audited, logged, time, parts,
    as(name) {
      const known = clients.get(name)
      if (known !== undefined) return known
      const app = createGateway({ ...parts, door: doorOf(name) })
      const client = supertest((request: IncomingMessage, response: ServerResponse) => {
        holdToOpenApi(request, response)
        app(request, response)
      })
      clients.set(name, client)
      return client
    },
    async createTopic(name, { partitions = 1, configs = {} } = {}) {
      const topic: NewTopic = { name, partitions, replicationFactor: -1, configs: new Map(Object.entries(configs)) }
      const created = await backend.admin.createTopic(topic, { validateOnly: false })
      if (created instanceof Refusal) throw new Error(created.message)
      return created
    },
    async allow(name, operation, resourceType, resourceName) {
      const by: Caller = { principal: { type: 'User', name: `CN=${admin}` }, host: '127.0.0.1' }
      const binding: AclBinding = { principal: `User:CN=${name}`, host: '*', operation, permission: 'allow', resourceType, resourceName, patternType: 'literal' }
      for (const refusal of await access.create([binding], by)) if (refusal !== null) throw new Error(refusal.message)
    },
    async values(topic, partition = 0) {
      const slice = await backend.logs.read({ topic, partition }, 0, { bytesMax: 2 ** 30, atLeastOne: true, committedOnly: false })
      if (slice instanceof Refusal) throw new Error(slice.message)
      return slice.batches.flatMap(batch => batch.records().map(record => record.value?.toString() ?? null))
    },
  }
}

const tokenKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
