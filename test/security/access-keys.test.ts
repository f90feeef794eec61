import { randomBytes, randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { Refusal } from '../../src/ports.ts'
import { newAccessKey, removeExpired } from '../../src/security/access-keys.ts'
import type { AuditEvent } from '../../src/security/audit.ts'
import { ensureAdminKey } from '../../src/security/admin-key.ts'
import { TestClock, testLogger } from '../kinesis/support/kinesis.ts'
import { SimDisk } from '../sim/disk.ts'
import { memoryBackend } from '../support/memory-backend.ts'

const random = { bytes: (count: number) => randomBytes(count), uuid: () => randomUUID() }
const alice = { type: 'User', name: 'CN=alice' }
const hourMs = 3_600_000
const settled = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

describe('new access keys', () => {
  it('have AWS\'s shapes, and a token and an end where they are temporary', () => {
    expect(newAccessKey(random, { principal: alice, nowMs: 5 })).toEqual({ id: expect.stringMatching(/^AKIA[A-Z2-7]{16}$/), secret: expect.stringMatching(/^[\w+/]{40}$/), principal: alice, createdAtMs: 5 })
    expect(newAccessKey(random, { principal: alice, nowMs: 5, durationSeconds: 900 })).toMatchObject({
      id: expect.stringMatching(/^ASIA[A-Z2-7]{16}$/), session: { token: expect.stringMatching(/^[\w+/]{128}$/), expiresAtMs: 900_005 },
    })
  })
})

describe('temporary keys that have expired', () => {
  async function swept() {
    const clock = new TestClock()
    const { accessKeys } = memoryBackend()
    const events: AuditEvent[] = []
    const logger = testLogger()
    const sweeper = removeExpired({ accessKeys, clock, audit: { record: event => void events.push(event) }, logger })
    const add = async (durationSeconds?: number) => {
      const key = newAccessKey(random, { principal: alice, nowMs: clock.now(), durationSeconds })
      await accessKeys.add(key)
      return key
    }
    return { clock, accessKeys, events, logger, sweeper, add }
  }

  it('are removed an hour later, and no others', async () => {
    const { clock, accessKeys, events, add } = await swept()
    const [brief, long, forGood] = [await add(900), await add(7_200), await add()]
    clock.advance(900_000 + hourMs - 1)
    await settled()
    expect(accessKeys.all()).toHaveLength(3)
    clock.advance(600_001)
    await settled()
    expect(accessKeys.all()).toEqual([long, forGood])
    expect(events).toEqual([expect.objectContaining({ kind: 'credential', operation: 'delete-access-key', resource: `access-key:${brief.id}`, principal: 'User:CN=alice' })])
  })

  it('are tried again where the catalog could not be written', async () => {
    const { clock, accessKeys, logger, add } = await swept()
    await add(1)
    const remove = accessKeys.remove.bind(accessKeys)
    accessKeys.remove = async () => { throw new Error('no leader') }
    clock.advance(2 * hourMs)
    await settled()
    expect(logger.lines).toContainEqual(expect.objectContaining({ level: 'warn' }))
    accessKeys.remove = remove
    clock.advance(600_000)
    await settled()
    expect(accessKeys.all()).toEqual([])
  })

  it('stay once nobody sweeps any more', async () => {
    const { clock, accessKeys, sweeper, add } = await swept()
    await add(1)
    sweeper[Symbol.dispose]()
    clock.advance(2 * hourMs)
    await settled()
    expect(accessKeys.all()).toHaveLength(1)
  })
})

describe('the administrator\'s key', () => {
  const admin = { principal: { type: 'User', name: 'CN=admin' }, path: '/certs/admin.aws' }
  const certificates = async () => {
    const disk = new SimDisk()
    await disk.makeDirectory('/certs')
    return { disk, random, clock: new TestClock() }
  }

  it('is the same at every start, and for every server that shares the directory', async () => {
    const world = await certificates()
    const [one, other] = [memoryBackend(), memoryBackend()]
    const key = await ensureAdminKey(world, one, admin)
    expect(await ensureAdminKey(world, one, admin)).toEqual(key)
    expect(await ensureAdminKey(world, other, admin)).toEqual(key)
    expect(other.accessKeys.find(key!.id)?.secret).toBe(key!.secret)
  })

  it('does not come back once it was deleted, but stays where it was not', async () => {
    const world = await certificates()
    const [one, other] = [memoryBackend(), memoryBackend()]
    const key = await ensureAdminKey(world, one, admin)
    await ensureAdminKey(world, other, admin)
    await one.accessKeys.remove(key!.id)
    expect(await ensureAdminKey(world, one, admin)).toBeUndefined()
    expect(one.accessKeys.all()).toEqual([])
    expect(await ensureAdminKey(world, other, admin)).toEqual(key)
  })

  it('is a new one once the file is removed', async () => {
    const world = await certificates()
    const backend = memoryBackend()
    const key = await ensureAdminKey(world, backend, admin)
    await backend.accessKeys.remove(key!.id)
    await world.disk.remove(admin.path)
    const next = await ensureAdminKey(world, backend, admin)
    expect(next!.id).not.toBe(key!.id)
    expect(backend.accessKeys.all()).toEqual([next])
    expect(await backend.accessKeys.remove(key!.id)).toBeInstanceOf(Refusal)
  })
})
