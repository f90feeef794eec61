// The brokers of this process over HTTP: look, add, stop, start, restart, fail, remove, and how much each may store. DESCRIBE on the cluster to look,
// ALTER to change; every change is in the audit log.
import { isAbsolute } from 'node:path'
import { Router, type Request, type Response } from 'express'
import { Refusal, type Access, type Admin, type Brokers, type BrokerStatus, type NewBroker } from '../../ports.ts'
import type { Audit } from '../../security/audit.ts'
import type { Clock } from '../../world/world.ts'
import { readBody, type BodyBudget } from '../body.ts'
import { callerOf, expectOnCluster } from '../callers.ts'
import { allowOnly, Problem } from '../problem.ts'
import { answerTo, orRefuse } from '../refusals.ts'
import { expectBody } from '../rest/media-types.ts'
import { recordChange } from './changes.ts'
import { bodyObject, brokerId, integer, list, text, wrongMember } from './members.ts'
import { ProgressLines } from './progress-lines.ts'

const bodyBytesMax = 16 * 1024
const directoriesMax = 64

export interface BrokerParts {
  readonly brokers: Brokers
  readonly admin: Admin
  readonly access: Access
  readonly audit: Audit
  readonly clock: Clock
  readonly budget: BodyBudget
}

/** What can be done to a broker, and whether it must be up for it. */
const actions = {
  stop: { needsUp: true },
  start: { needsUp: false },
  restart: { needsUp: true },
  fail: { needsUp: true },
} as const satisfies Partial<Record<keyof Brokers, { needsUp: boolean }>>

type Action = keyof typeof actions

/**
 * `GET /admin/brokers` → `{controllerId, brokers: […]}`; `GET /admin/brokers/{id}` → the broker: `{id, rack, state, isUp, fault, leaders, replicas, outOfSync,
 * storageBytes, limitBytes, directories, ports}`, null where there is none; `POST /admin/brokers` of `{id?, rack?, directories?}` → 201 with the broker;
 * `POST /admin/brokers/{id}/stop|start|restart|fail` → 200 with the broker, once it is done;
 * `PUT /admin/brokers/{id}/storage` of `{limitBytes: number | null}` → 200 with the broker;
 * `DELETE /admin/brokers/{id}` moves its partitions to the others and removes it: 204 once that is done. With `Accept: application/x-ndjson` the answer is 200
 * at once and a line per step: `{"left": 12}` (partitions that are still to be moved), at the end `{"removed": 4}` or `{"error_code": …, "message": …}`. A caller
 * who goes away does not stop it.
 */
export function brokerRoutes(parts: BrokerParts): Router {
  const { brokers, admin, access, audit, clock, budget } = parts
  const router = Router({ caseSensitive: true, strict: true })
  const bodyOf = async (request: Request, response: Response, known: readonly string[]): Promise<Readonly<Record<string, unknown>>> => {
    expectBody(request)
    return bodyObject(await readBody(request, response, { bytesMax: bodyBytesMax, budget }), known)
  }
  const answer = async (response: Response, id: number): Promise<void> => {
    response.json(await brokerBody(admin, await brokerOf(brokers, String(id))))
  }

  router.route('/admin/brokers')
    .get(async (_request, response) => {
      expectOnCluster(access, callerOf(response), 'describe')
      const [{ controllerId }, all] = await Promise.all([admin.cluster(), brokers.list()])
      response.json({ controllerId, brokers: await Promise.all(all.map(one => brokerBody(admin, one))) })
    })
    .post(async (request, response) => {
      const caller = callerOf(response)
      expectOnCluster(access, caller, 'alter')
      const wanted = newBroker(await bodyOf(request as Request, response, ['id', 'rack', 'directories']))
      if ((await brokers.list()).some(one => one.id === wanted.id)) {
        throw new Problem(409, `Broker ${wanted.id} exists already; give another id, or none to get the lowest that is free`)
      }
      request.setTimeout(0)
      const added = orRefuse(await brokers.add(wanted))
      recordChange(audit, caller, { operation: 'add-broker', resource: `broker:${added.id}`, reason: `rack ${added.rack ?? '-'}, ${added.directories.join(', ')}` })
      response.status(201).json(await brokerBody(admin, added))
    })
    .all(allowOnly('GET', 'POST'))

  router.route('/admin/brokers/:id')
    .get(async (request, response) => {
      expectOnCluster(access, callerOf(response), 'describe')
      response.json(await brokerBody(admin, await brokerOf(brokers, request.params.id)))
    })
    .delete(async (request, response) => {
      const caller = callerOf(response)
      expectOnCluster(access, caller, 'alter')
      const { id } = await brokerOf(brokers, request.params.id)
      recordChange(audit, caller, { operation: 'remove-broker', resource: `broker:${id}`, reason: 'its partitions begin to move to the other brokers' })
      request.setTimeout(0)
      if (request.accepts('application/json', 'application/x-ndjson') !== 'application/x-ndjson') {
        orRefuse(await brokers.remove(id))
        response.status(204).end()
        return
      }
      using lines = new ProgressLines(response, clock)
      const refusal = await brokers.remove(id, left => lines.write({ left }))
      lines.end(refusal instanceof Refusal ? { error_code: answerTo(refusal).errorCode, message: refusal.message } : { removed: id })
    })
    .all(allowOnly('GET', 'DELETE'))

  router.route('/admin/brokers/:id/storage')
    .put(async (request, response) => {
      const caller = callerOf(response)
      expectOnCluster(access, caller, 'alter')
      const { id } = await brokerOf(brokers, request.params.id)
      const limitBytes = limitOf((await bodyOf(request as Request, response, ['limitBytes']))['limitBytes'])
      orRefuse(await brokers.setStorageLimit(id, limitBytes))
      recordChange(audit, caller, { operation: 'set-storage-limit', resource: `broker:${id}`, reason: limitBytes === null ? 'no limit' : `${limitBytes} bytes` })
      await answer(response, id)
    })
    .all(allowOnly('PUT'))

  router.route('/admin/brokers/:id/:action')
    .post(async (request, response) => {
      const caller = callerOf(response)
      expectOnCluster(access, caller, 'alter')
      const action = actionOf(request.params.action)
      const { id, isUp } = await brokerOf(brokers, request.params.id)
      if (actions[action].needsUp && !isUp) throw new Problem(409, `Broker ${id} is not running, so that it cannot ${action}; start it with POST /admin/brokers/${id}/start`)
      if (!actions[action].needsUp && isUp) throw new Problem(409, `Broker ${id} is running already; restart it with POST /admin/brokers/${id}/restart`)
      request.setTimeout(0)
      orRefuse(await brokers[action](id))
      recordChange(audit, caller, { operation: `${action}-broker`, resource: `broker:${id}` })
      await answer(response, id)
    })
    .all(allowOnly('POST'))

  return router
}

/** The broker by the id in a path. Throws 404 with the ids that there are. */
export async function brokerOf(brokers: Brokers, id: string): Promise<BrokerStatus> {
  const all = await brokers.list()
  const found = /^\d{1,10}$/.test(id) ? all.find(one => one.id === Number(id)) : undefined
  if (found === undefined) throw new Problem(404, `There is no broker ${id.slice(0, 32)}; there are ${all.map(one => one.id).join(', ')}`)
  return found
}

/** Bytes that the replicas of a broker take; undefined while its directories cannot be asked. */
export async function storageBytesOf(admin: Admin, brokerId: number): Promise<number | undefined> {
  const directories = await admin.logDirectories(brokerId, null)
  if (directories instanceof Refusal) return undefined
  return directories.flatMap(one => one.replicas).reduce((sum, replica) => sum + replica.bytes, 0)
}

async function brokerBody(admin: Admin, broker: BrokerStatus): Promise<object> {
  const { id, rack, state, isUp, leaders, replicas, outOfSync, directories } = broker
  return {
    id, rack, state, isUp, fault: broker.fault ?? null, leaders, replicas, outOfSync,
    storageBytes: await storageBytesOf(admin, id) ?? null, limitBytes: broker.limitBytes ?? null,
    directories, ports: Object.fromEntries(broker.ports),
  }
}

function actionOf(name: string): Action {
  const action = (Object.keys(actions) as Action[]).find(one => one === name)
  if (action === undefined) throw new Problem(404, `Unknown action '${name.slice(0, 32)}'; there are ${Object.keys(actions).join(', ')}`)
  return action
}

function newBroker(body: Readonly<Record<string, unknown>>): NewBroker {
  const { id, rack, directories } = body
  return {
    ...id === undefined ? {} : { id: brokerId(id, 'id') },
    ...rack === undefined ? {} : { rack: text(rack, 'rack') },
    ...directories === undefined ? {} : { directories: list(directories, 'directories', { max: directoriesMax, element: absolutePath }) },
  }
}

/** The next start may be in another working directory. */
function absolutePath(value: unknown, name: string): string {
  const path = text(value, name)
  if (!isAbsolute(path)) throw wrongMember(name, `must be an absolute path, not '${path.slice(0, 256)}'`)
  return path
}

function limitOf(value: unknown): number | null {
  if (value === undefined) throw wrongMember('limitBytes', 'must be given: a number of bytes, or null for no limit but the disk\'s')
  return value === null ? null : integer(value, 'limitBytes', { min: 1, max: Number.MAX_SAFE_INTEGER, fallback: 0 })
}
