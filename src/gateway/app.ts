// The gateway: one Express app in front of both APIs. REST produce and read, schema registry, the Kinesis API over HTTP/1.1, the two views of the
// same data, the bridge between them, and administration. Authentication stands before everything but what brings its own (`/kinesis` and `/glue`: AWS
// signatures; `/oauth2/token`: the certificate).
import express, { type RequestHandler } from 'express'
import type { Place } from '../kinesis/errors.ts'
import type { KinesisHandler } from '../kinesis/handler.ts'
import type { Access, AccessKeys, Admin, Brokers, Groups, Logs, Validation } from '../ports.ts'
import type { Registry } from '../registry/registry.ts'
import type { Audit } from '../security/audit.ts'
import type { Clock, Logger, Random } from '../world/world.ts'
import { accessKeyRoutes } from './admin/access-keys.ts'
import { aclRoutes } from './admin/acls.ts'
import { brokerRoutes } from './admin/brokers.ts'
import { deadLetterRoutes } from './admin/dead-letters.ts'
import { electionRoutes } from './admin/elections.ts'
import { kinesisLimitsRoutes } from './admin/kinesis-limits.ts'
import { kmsKeyRoutes } from './admin/kms-keys.ts'
import { logDirectoryRoutes } from './admin/log-directories.ts'
import { overviewRoutes } from './admin/overview.ts'
import { quorumRoutes } from './admin/quorum.ts'
import { reassignmentRoutes } from './admin/reassignments.ts'
import { replicaRoutes } from './admin/replicas.ts'
import { adminTopicRoutes } from './admin/topics.ts'
import { authenticate, expectCertificate, refuseForeignHosts, refuseRejectedPeers, tokenRoutes, type Door } from './authentication.ts'
import { BodyBudget } from './body.ts'
import { checkpointRoutes } from './bridge/checkpoints.ts'
import { positionRoutes } from './bridge/positions.ts'
import { callerOf } from './callers.ts'
import { glueRouter } from './glue/router.ts'
import { kafkaView } from './kafka-view.ts'
import { kinesisRoute } from './kinesis-route.ts'
import { kinesisView } from './kinesis-view.ts'
import type { Observe } from './management.ts'
import { answerProblems, noSuchPath } from './problem.ts'
import { RateLimits } from './rate-limits.ts'
import { openApiRoutes } from './openapi/routes.ts'
import { registryRouter } from './registry/router.ts'
import type { ConsumerInstances } from './rest/consumers/consumer-instances.ts'
import { consumerRoutes } from './rest/consumers/routes.ts'
import type { EventStreams } from './rest/events/event-streams.ts'
import { eventRoutes } from './rest/events/routes.ts'
import { Payloads } from './rest/payload.ts'
import { produceHandler } from './rest/produce.ts'
import { recordRoutes } from './rest/records.ts'
import { topicRoutes } from './rest/topics.ts'
import { Partitioner } from './rest/partitioner.ts'
import type { StreamLimits } from './rest/v3/records.ts'
import { v3RecordRoutes, v3Routes } from './rest/v3/router.ts'

export interface GatewayParts {
  readonly logs: Logs
  readonly admin: Admin
  readonly brokers: Brokers
  readonly groups: Groups
  readonly access: Access
  readonly accessKeys: AccessKeys
  readonly validation: Validation
  readonly registry: Registry
  /** `wantsCertificate`: a signature alone lets nobody in. */
  readonly kinesis: { readonly handler: KinesisHandler; readonly place: Place; readonly wantsCertificate?: boolean }
  /** Undefined with dev: no connection is judged and everybody is anonymous. */
  readonly door: Door | undefined
  /** Kafka's auto.create.topics.enable, for REST produce; off unless given. */
  readonly autoCreateTopics?: boolean
  /** The REST consumers; theirs to close, who made them. */
  readonly consumers: ConsumerInstances
  /** The event streams that are open; theirs to end, who made this. */
  readonly streams: EventStreams
  /** Of each principal; none unless given. */
  readonly rateLimits?: RateLimits
  readonly audit: Audit
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Of Sluice itself; the registry's clients ask for it. */
  readonly version: string
  readonly observe?: Observe
  /** What all request bodies in flight may take together; those of `/kinesis` may take as much again, and so may answers with records, and event streams. */
  readonly bodyBytesInFlightMax?: number
  /** Of produce as a stream; each has a default. */
  readonly streamLimits?: Partial<StreamLimits>
}

const bodyBytesInFlightDefault = 96 * 1024 * 1024

/** To be served by `startGateway`, or by supertest. */
export function createGateway(parts: GatewayParts): express.Express {
  const bodyBytesMax = parts.bodyBytesInFlightMax ?? bodyBytesInFlightDefault
  const budget = new BodyBudget(bodyBytesMax)
  const answers = new BodyBudget(bodyBytesMax)
  const rateLimits = parts.rateLimits ?? new RateLimits({ requests: 0, bytesIn: 0, bytesOut: 0 })
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.set('query parser', 'simple')
  app.enable('case sensitive routing')
  app.enable('strict routing')

  if (parts.observe !== undefined) app.use(observed(parts.observe, parts.clock))
  app.use(parts.door === undefined ? refuseForeignHosts : refuseRejectedPeers(parts.door))
  if (parts.kinesis.wantsCertificate === true) app.use(['/kinesis', '/kinesis/'], expectCertificate(parts.door))
  // A budget of its own, because its bodies are read before anybody knows who sends them.
  app.use(kinesisRoute({ handler: parts.kinesis.handler, budget: new BodyBudget(bodyBytesMax), answers, stopping: parts.streams.stopping }))
  app.use(glueRouter({ ...parts, rateLimits, place: parts.kinesis.place, budget: new BodyBudget(bodyBytesMax) }))
  app.use(tokenRoutes(parts.door, budget))
  app.use(authenticate(parts.door))
  app.use(rateLimits.handler)
  const payloads = new Payloads(parts)
  app.use(topicRoutes(parts, produceHandler({ ...parts, payloads, budget, answers, autoCreateTopics: parts.autoCreateTopics ?? false })))
  // Before the reads of a partition, whose path it shares where a stream is asked for.
  app.use(eventRoutes({ ...parts, payloads, rateLimits, budget: new BodyBudget(bodyBytesMax) }))
  app.use(recordRoutes({ ...parts, payloads, answers }))
  app.use(v3Routes({ ...parts, budget }))
  app.use(consumerRoutes({ ...parts, payloads, budget, answers }))
  app.use(v3RecordRoutes({ ...parts, payloads, budget, answers, rateLimits, partitioner: new Partitioner(), autoCreateTopics: parts.autoCreateTopics ?? false }))
  app.use(kafkaView(parts))
  app.use(kinesisView({ ...parts, streams: parts.kinesis.handler.services }))
  app.use(positionRoutes(parts))
  app.use(checkpointRoutes({ ...parts, budget }))
  app.use(aclRoutes({ ...parts, budget }))
  app.use(accessKeyRoutes({ ...parts, budget }))
  app.use(kmsKeyRoutes({ ...parts, kms: parts.kinesis.handler.services.kms, budget }))
  app.use(adminTopicRoutes({ ...parts, budget }))
  app.use(replicaRoutes(parts))
  // Before the brokers' own, whose last route would take `log-dirs` for an action.
  app.use(logDirectoryRoutes({ ...parts, budget }))
  app.use(brokerRoutes({ ...parts, budget }))
  app.use(reassignmentRoutes({ ...parts, budget }))
  app.use(electionRoutes({ ...parts, budget }))
  app.use(quorumRoutes(parts))
  app.use(deadLetterRoutes({ ...parts, budget }))
  app.use(kinesisLimitsRoutes({ ...parts, limits: parts.kinesis.handler.limits, budget }))
  app.use(overviewRoutes({ ...parts, startedAtMs: parts.clock.now() }))
  app.use(openApiRoutes(parts))
  app.use(registryRouter({ ...parts, callerOf }))
  app.use(noSuchPath)
  app.use(answerProblems(parts.logger))
  return app
}

/** Tells of each request when its answer is out. The operation is the route's pattern, never the path that came. */
function observed(observe: Observe, clock: Clock): RequestHandler {
  return (request, response, next) => {
    const startedAt = clock.monotonic()
    response.once('close', () => {
      const route: unknown = request.route?.path
      observe({
        facade: 'gateway',
        operation: typeof route === 'string' ? `${request.method} ${route}` : 'none',
        failed: response.statusCode >= 400,
        durationMs: clock.monotonic() - startedAt,
        bytesIn: Number(request.headers['content-length'] ?? 0),
        bytesOut: Number(response.getHeader('content-length') ?? 0),
      })
    })
    next()
  }
}
