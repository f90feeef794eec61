// Redriving dead letters: which ones go, what they are then, and that each goes exactly once wherever it is interrupted.
import { describe, expect, test } from 'vitest'
import { Refusal, type Backend, type LetterOrigin, type Logs, type Topic, type Validation } from '../../src/ports.ts'
import { DeadLetters } from '../../src/registry/dead-letters.ts'
import { letterStates } from '../../src/registry/letter-log.ts'
import { Redriver, type Redrive, type RedriveSummary } from '../../src/registry/redrive.ts'
import type { RecordView } from '../../src/wire/batch.ts'
import { openEngineWorld, append } from '../support/engine-world.ts'
import { memoryBackend } from '../support/memory-backend.ts'
import { silent } from '../support/registry-app.ts'
import { splitPlan } from '../support/shards.ts'
import { rejecting } from '../support/validation.ts'

type Place = Pick<Backend, 'logs' | 'admin'>

const caller = { principal: { type: 'User', name: 'CN=alice' }, host: '10.0.0.1' }
const origin: LetterOrigin = { topic: 'orders', partition: 0, wayIn: 'kafka', caller, clientId: null }
const everybody = { mayWrite: () => true, by: 'User:CN=admin' }
const dlq = { topic: 'orders.dlq', partition: 0 }
const clock = { now: () => 9_000 }

/** Says that what begins with 'bad' does not fit. */
const strict: Validation = rejecting(({ value }) => (value?.toString().startsWith('bad') === true ? { part: 'value', pointer: '/n', reason: 'must be number' } : null))

async function withLetters(backend: Place, values: readonly string[], partitions = 1): Promise<Topic> {
  const topic = await backend.admin.createTopic({ name: 'orders', partitions, replicationFactor: -1, configs: new Map() }, { validateOnly: false })
  if (topic instanceof Refusal) throw new Error(topic.message)
  const letters = new DeadLetters({ ...backend, clock, logger: silent })
  for (const [index, value] of values.entries()) {
    const put = await letters.put(topic, { ...origin, partition: index % partitions }, [{
      key: Buffer.from(`k${index}`), value: Buffer.from(value), headers: [{ key: 'trace', value: Buffer.from([index]) }], index, timestampMs: 1_000 + index,
      fault: { part: 'value', pointer: '', reason: 'did not fit' },
    }])
    if (put instanceof Refusal) throw new Error(put.message)
  }
  return topic
}

async function redrive(backend: Place, more: Partial<Redrive> = {}, validation = strict): Promise<RedriveSummary & { refused?: Refusal }> {
  const summary: RedriveSummary = { redriven: 0, failed: 0, failures: [] }
  const refused = await new Redriver({ ...backend, validation, clock }).redrive(dlq, { ...everybody, ...more }, summary)
  return { ...summary, ...refused && { refused } }
}

async function stored({ logs }: Place, partition = 0): Promise<RecordView[]> {
  const slice = await logs.read({ topic: 'orders', partition }, 0, { bytesMax: 2 ** 26, atLeastOne: true, committedOnly: true })
  if (slice instanceof Refusal) throw new Error(slice.message)
  return slice.batches.flatMap(batch => batch.records())
}

const valuesOf = (records: readonly RecordView[]): string[] => records.map(({ value }) => value!.toString())

describe('redriving', () => {
  test('appends what fits by now as it was sent, and leaves the rest', async () => {
    const backend = memoryBackend()
    await withLetters(backend, ['mended schema', 'bad', 'fine'])
    expect(await redrive(backend)).toEqual({ redriven: 2, failed: 1, failures: [{ partition: 0, offset: 1, reason: 'value at /n: must be number' }] })
    const records = await stored(backend)
    expect(valuesOf(records)).toEqual(['mended schema', 'fine'])
    expect(records[1]).toMatchObject({
      key: Buffer.from('k2'), timestampMs: 1_002, headers: [{ key: 'trace', value: Buffer.from([2]) }, { key: 'sluice.dlq.redriven-from', value: Buffer.from('orders.dlq-0-2') }],
    })
    expect((await letterStates(backend.logs, dlq) as { redriven: ReadonlyMap<number, unknown> }).redriven).toEqual(new Map([
      [0, { topic: 'orders', partition: 0, offset: 0 }], [2, { topic: 'orders', partition: 0, offset: 1 }],
    ]))
    expect(await redrive(backend)).toMatchObject({ redriven: 0, failed: 1 })
    expect(await stored(backend)).toHaveLength(2)
  })

  test('appends to an open shard where the one that a letter came from is closed by now', async () => {
    const backend = memoryBackend()
    const topic = await withLetters(backend, ['fine'])
    await backend.admin.reshard('orders', splitPlan(topic, 0))
    expect(await redrive(backend)).toMatchObject({ redriven: 1, failed: 0 })
    expect(valuesOf([...await stored(backend, 1), ...await stored(backend, 2)])).toEqual(['fine'])
  })

  test('tells that a shard was closed meanwhile, and can be asked again', async () => {
    const backend = memoryBackend()
    const topic = await withLetters(backend, ['fine'])
    let isFirst = true
    const logs: Logs = {
      ...backend.logs,
      async append(at, batch, how) {
        if (isFirst && at.topic === 'orders') {
          isFirst = false
          await backend.admin.reshard('orders', splitPlan(topic, 0))
        }
        return backend.logs.append(at, batch, how)
      },
    }
    expect(await redrive({ logs, admin: backend.admin })).toMatchObject({ redriven: 0, failed: 1, failures: [{ reason: expect.stringContaining('orders-0 is a closed shard') }] })
    expect(await redrive(backend)).toMatchObject({ redriven: 1, failed: 0 })
  })

  test('takes one letter with a mended value, which must fit as well', async () => {
    const backend = memoryBackend()
    await withLetters(backend, ['bad 1', 'bad 2'])
    const one = { from: 1, upTo: 1 }
    expect(await redrive(backend, { ...one, mended: () => Buffer.from('bad 3') })).toMatchObject({ redriven: 0, failed: 1 })
    expect(await redrive(backend, { ...one, mended: () => ({ reason: 'cannot be encoded' }) })).toMatchObject({ failures: [{ offset: 1, reason: 'cannot be encoded' }] })
    expect(await redrive(backend, { ...one, mended: () => Buffer.from('good') })).toMatchObject({ redriven: 1, failed: 0 })
    expect(valuesOf(await stored(backend))).toEqual(['good'])
  })

  test('takes only what is wanted, only where its caller may write, and nothing on a dry run', async () => {
    const backend = memoryBackend()
    await withLetters(backend, ['a', 'b', 'c'])
    expect(await redrive(backend, { dryRun: true })).toMatchObject({ redriven: 3, failed: 0 })
    expect(await redrive(backend, { mayWrite: topic => topic !== 'orders' })).toMatchObject({ redriven: 0, failed: 3, failures: [{ reason: 'not authorized to write to topic \'orders\'' }, {}, {}] })
    expect(await stored(backend)).toEqual([])
    expect(await redrive(backend, { wanted: ({ sent }) => sent.value!.toString() !== 'b' })).toMatchObject({ redriven: 2 })
    expect(valuesOf(await stored(backend))).toEqual(['a', 'c'])
    await backend.admin.deleteTopic('orders')
    expect(await redrive(backend)).toMatchObject({ failed: 1, failures: [{ reason: 'topic \'orders\' does not exist any more' }] })
  })

  test('brings letters back to their partitions, many in a batch, and two callers at once bring each once', async () => {
    await using world = await openEngineWorld()
    await withLetters(world.backend, Array.from({ length: 8 }, (_, at) => String(at)), 2)
    const redriver = new Redriver({ ...world.backend, validation: strict, clock })
    const summary: RedriveSummary = { redriven: 0, failed: 0, failures: [] }
    await Promise.all([0, 0, 1, 1].map(partition => redriver.redrive({ ...dlq, partition }, everybody, summary)))
    expect(summary).toEqual({ redriven: 8, failed: 0, failures: [] })
    expect(valuesOf(await stored(world.backend, 0))).toEqual(['0', '2', '4', '6'])
    expect(valuesOf(await stored(world.backend, 1))).toEqual(['1', '3', '5', '7'])
  })

  test('a batch that the topic will not take is given up, and its letters wait', async () => {
    const backend = memoryBackend()
    await withLetters(backend, ['x'.repeat(3_000), 'y'])
    await backend.admin.alterConfigs({ type: 'topic', name: 'orders' }, [{ name: 'max.message.bytes', operation: 'set', value: '2000' }], { validateOnly: false })
    expect(await redrive(backend)).toMatchObject({ redriven: 1, failed: 1, failures: [{ offset: 0 }] })
    expect(valuesOf(await stored(backend))).toEqual(['y'])
    await backend.admin.alterConfigs({ type: 'topic', name: 'orders' }, [{ name: 'max.message.bytes', operation: 'delete', value: null }], { validateOnly: false })
    expect(await redrive(backend)).toMatchObject({ redriven: 1, failed: 0 })
    expect(valuesOf(await stored(backend))).toEqual(['y', 'x'.repeat(3_000)])
  })
})

describe('interrupted at any step', () => {
  class Stopped extends Error {}

  /** Stops at the call `turn` of those that ask for the logs to change (and everything after it): before it is done, or after. */
  function stoppingAt(turn: number, when: 'before' | 'after', logs: Logs): { readonly logs: Logs; readonly calls: () => number } {
    let calls = 0
    const stepping = <T>(work: () => Promise<T>): Promise<T> => {
      const at = calls++
      if (at > turn || (at === turn && when === 'before')) return Promise.reject(new Stopped())
      return at === turn ? work().then(() => Promise.reject(new Stopped())) : work()
    }
    return {
      logs: { ...logs, append: (...args) => stepping(() => logs.append(...args)), allocateProducerId: () => stepping(() => logs.allocateProducerId()) },
      calls: () => calls,
    }
  }

  for (const [name, open] of [
    ['a log that knows producers', async () => await openEngineWorld()],
    ['a log that does not', async () => ({ backend: memoryBackend(), async [Symbol.asyncDispose]() {} })],
  ] as const) {
    for (const when of ['before', 'after'] as const) {
      test(`${when} it is done, every letter is there once in the end: ${name}`, async () => {
        let steps = Infinity
        for (let turn = 0; turn < steps; turn++) {
          await using world = await open()
          const { backend } = world
          await withLetters(backend, ['a', 'b', 'bad', 'c'])
          // Others write meanwhile.
          await append(backend as Backend, { topic: 'orders', partition: 0 }, ['other'])
          const stopping = stoppingAt(turn, when, backend.logs)
          const first = await redrive({ ...backend, logs: stopping.logs }).catch((error: unknown) => error)
          steps = first instanceof Stopped ? Infinity : stopping.calls()
          await append(backend as Backend, { topic: 'orders', partition: 0 }, ['other'])
          const second = await redrive(backend)
          expect(second.refused).toBeUndefined()
          expect(valuesOf(await stored(backend)).filter(value => value !== 'other'), `stopped ${when} step ${turn}`).toEqual(['a', 'b', 'c'])
          expect(await redrive(backend)).toMatchObject({ redriven: 0, failed: 1 })
          const states = await letterStates(backend.logs, dlq)
          expect([...(states as { redriven: ReadonlyMap<number, unknown> }).redriven.keys()]).toEqual([0, 1, 3])
          expect((states as { open: ReadonlyMap<number, unknown> }).open.size).toBe(0)
        }
        expect(steps).toBe(4)
      })
    }
  }

  test('by a log that does not answer in time, but has the batch: it is not appended again', async () => {
    await using world = await openEngineWorld()
    const { backend } = world
    await withLetters(backend, ['a'])
    let isLate = false
    const late: Logs = {
      ...backend.logs,
      append: async (at, batch, how) => {
        const appended = await backend.logs.append(at, batch, how)
        if (at.topic !== 'orders' || isLate) return appended
        isLate = true
        return new Refusal('request-timed-out', 'too late')
      },
    }
    expect(await redrive({ ...backend, logs: late })).toMatchObject({ redriven: 0, failed: 0, refused: { code: 'request-timed-out' } })
    expect(await redrive(backend)).toMatchObject({ redriven: 0, failed: 0 })
    expect(valuesOf(await stored(backend))).toEqual(['a'])
  })

  test('with a mended value, it is the mended value that is appended', async () => {
    const backend = memoryBackend()
    await withLetters(backend, ['bad'])
    const { logs } = stoppingAt(1, 'after', backend.logs)
    await expect(redrive({ ...backend, logs }, { from: 0, upTo: 0, mended: () => Buffer.from('good') })).rejects.toThrow(Stopped)
    expect(await redrive(backend)).toMatchObject({ redriven: 0, failed: 0 })
    expect(valuesOf(await stored(backend))).toEqual(['good'])
  })

  test('with another value for each of several letters, each gets its own', async () => {
    let isDone = false
    for (let turn = 0; !isDone; turn++) {
      const backend = memoryBackend()
      await withLetters(backend, ['bad 1', 'bad 2', 'bad 3'])
      const { logs } = stoppingAt(turn, 'before', backend.logs)
      const mended: Redrive['mended'] = ({ sent }) => Buffer.from(sent.value!.toString().replace('bad', 'good'))
      isDone = !(await redrive({ ...backend, logs }, { mended }).catch((error: unknown) => error) instanceof Stopped)
      await redrive(backend, { mended })
      expect(valuesOf(await stored(backend)), `stopped before step ${turn}`).toEqual(['good 1', 'good 2', 'good 3'])
    }
  })

  test('a topic that was made anew meanwhile does not get the letters without being judged anew', async () => {
    const backend = memoryBackend()
    await withLetters(backend, ['a'])
    const { logs } = stoppingAt(1, 'after', backend.logs)
    await expect(redrive({ ...backend, logs })).rejects.toThrow(Stopped)
    await backend.admin.deleteTopic('orders')
    await backend.admin.createTopic({ name: 'orders', partitions: 1, replicationFactor: -1, configs: new Map() }, { validateOnly: false })
    expect(await redrive(backend, {}, rejecting(() => ({ part: 'value', pointer: '', reason: 'no more' })))).toMatchObject({ redriven: 0, failed: 1 })
    expect(await redrive(backend)).toMatchObject({ redriven: 1 })
    expect(valuesOf(await stored(backend))).toEqual(['a'])
  })
})
