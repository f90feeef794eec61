import { describe, expect, it } from 'vitest'
import { type Decision, type Machine, MachineRuntime, Parked, type TimerChange } from '../../src/engine/machine.ts'
import type { Answer } from '../../src/engine/parked-callers.ts'
import { Refusal } from '../../src/ports.ts'
import type { RecordDraft, RecordView } from '../../src/wire/batch.ts'
import { SimClock } from '../sim/clock.ts'
import { silent } from '../sim/world.ts'
import { MemoryLog } from './memory-log.ts'

type Command =
  | { readonly type: 'set'; readonly name: string; readonly value: number }
  | { readonly type: 'note'; readonly name: string; readonly value: number }
  | { readonly type: 'wait'; readonly key: string }
  | { readonly type: 'answer'; readonly answers: readonly Answer<number>[] }
  | { readonly type: 'timer'; readonly key: string; readonly afterMs: number; readonly name: string | undefined; readonly stored?: boolean }
  | { readonly type: 'many'; readonly count: number }
interface Rec { readonly name: string; readonly value: number; readonly stored: boolean }

/** Named numbers: enough to see order, replay and snapshots. */
class Numbers implements Machine<Command, Rec, number> {
  readonly values = new Map<string, number>()

  decide(command: Command): Decision<Command, Rec, number> {
    switch (command.type) {
      case 'set': return { records: [{ name: command.name, value: command.value, stored: true }], reply: this.values.get(command.name) ?? 0 }
      case 'note': return { records: [{ name: command.name, value: command.value, stored: false }], reply: 0 }
      case 'wait': return { reply: new Parked(command.key) }
      case 'answer': return { records: [{ name: 'answered', value: 1, stored: true }], reply: 0, answers: command.answers }
      case 'timer': return { ...(command.stored === true && { records: [{ name: 'timer', value: 1, stored: true }] }), reply: 0, timers: [{ key: command.key, afterMs: command.afterMs, command: command.name === undefined ? undefined : { type: 'set', name: command.name, value: 1 } }] }
      case 'many': return { records: Array.from({ length: command.count }, (_, value) => ({ name: 'many', value, stored: true })), reply: 0 }
    }
  }
  apply({ name, value }: Rec): void { this.values.set(name, value) }
  encode({ name, value, stored }: Rec): RecordDraft | undefined { return stored ? { key: Buffer.from(name), value: Buffer.from(String(value)) } : undefined }
  decode(view: RecordView): Rec | undefined { return view.key!.toString() === 'strange' ? undefined : { name: view.key!.toString(), value: Number(view.value!.toString()), stored: true } }
  *snapshot(): Generator<Rec> { for (const [name, value] of this.values) yield { name, value, stored: true } }
  get size(): number { return this.values.size }
  resume(): readonly TimerChange<Command>[] { return [] }
}

async function start(log = new MemoryLog(), options: { snapshotRecordsMin?: number; committed?: (records: readonly Rec[], position: number) => void } = {}) {
  const machine = new Numbers()
  const clock = new SimClock()
  const runtime = await MachineRuntime.open<Command, Rec, number>({ name: 'numbers', machine, log, clock, logger: silent, ...options })
  return { machine, clock, runtime, log }
}

describe('a state machine over its log', () => {
  it('applies a command at once and answers it when its records are committed', async () => {
    const { machine, runtime, log, clock } = await start(new MemoryLog({ commits: 'when told' }))
    let reply: unknown
    void runtime.submit({ type: 'set', name: 'a', value: 7 }).then(value => { reply = value })
    expect(machine.values.get('a')).toBe(7)
    await clock.advance(1000)
    expect(reply).toBeUndefined()
    log.commit()
    await clock.advance(0)
    expect(reply).toBe(0)
  })

  it('serves commands in the order they come, each on the state the one before it left', async () => {
    const { runtime, log, clock } = await start(new MemoryLog({ commits: 'when told' }))
    const replies = Promise.all([1, 2, 3].map(value => runtime.submit({ type: 'set', name: 'a', value })))
    await clock.advance(0)
    log.commit()
    expect(await replies).toEqual([0, 1, 2])
  })

  it('changes nothing when the log refuses the records', async () => {
    const { machine, runtime, log } = await start()
    log.refusal = new Refusal('message-too-large', 'too much')
    expect(await runtime.submit({ type: 'set', name: 'a', value: 1 })).toMatchObject({ code: 'message-too-large' })
    expect(machine.values.size).toBe(0)
    expect(await runtime.submit({ type: 'set', name: 'a', value: 2 })).toBe(0)
  })

  it('accepts nothing more once a commit has failed, and lets nobody wait', async () => {
    const { runtime, log, clock } = await start(new MemoryLog({ commits: 'when told' }))
    const waiting = runtime.submit({ type: 'wait', key: 'w' })
    const writing = runtime.submit({ type: 'set', name: 'a', value: 1 })
    const asking = runtime.ask(() => 'what was applied')
    log.commit(new Error('EIO'))
    await clock.advance(0)
    for (const refused of [await waiting, await writing, await asking, await runtime.submit({ type: 'note', name: 'b', value: 1 })]) {
      expect(refused).toMatchObject({ code: 'storage-error' })
    }
    await runtime.close()
  })

  it('tells of its state only what is committed', async () => {
    const { machine, runtime, log, clock } = await start(new MemoryLog({ commits: 'when told' }))
    void runtime.submit({ type: 'set', name: 'a', value: 1 })
    let told: unknown
    void runtime.ask(() => machine.values.get('a')).then(value => { told = value })
    await clock.advance(0)
    expect(told).toBeUndefined()
    log.commit()
    await clock.advance(0)
    expect(told).toBe(1)
  })

  it('comes back from its log to the same state, without what was not to be stored', async () => {
    const { runtime, log } = await start()
    await runtime.submit({ type: 'set', name: 'a', value: 1 })
    await runtime.submit({ type: 'note', name: 'passing', value: 5 })
    await runtime.submit({ type: 'many', count: 3000 })
    await runtime.close()
    const again = await start(log)
    expect([...again.machine.values]).toEqual([['a', 1], ['many', 2999]])
  })

  it('passes over records of a kind it does not know', async () => {
    const { runtime, log } = await start()
    await runtime.submit({ type: 'set', name: 'strange', value: 1 })
    await runtime.submit({ type: 'set', name: 'known', value: 1 })
    expect([...(await start(log)).machine.values.keys()]).toEqual(['known'])
  })

  it('refuses to open over a log that cannot be read', async () => {
    const { runtime, log } = await start()
    await runtime.submit({ type: 'set', name: 'a', value: 1 })
    log.read = async () => new Refusal('storage-error', 'bad sector')
    await expect(start(log)).rejects.toThrow('numbers cannot be replayed from offset 0: bad sector')
  })
})

describe('what is committed', () => {
  it('is told in order, stored records only, before the caller is answered', async () => {
    const told: string[] = []
    const { runtime, log, clock } = await start(new MemoryLog({ commits: 'when told' }), {
      committed: (records, position) => told.push(`${records.map(({ name }) => name).join(',')}@${position}`),
    })
    void runtime.submit({ type: 'set', name: 'a', value: 1 }).then(() => told.push('answered'))
    expect(runtime.position).toBe(1)
    void runtime.submit({ type: 'note', name: 'passing', value: 1 })
    expect(runtime.position).toBe(1)
    void runtime.submit({ type: 'many', count: 2 })
    expect(runtime.position).toBe(3)
    await clock.advance(0)
    expect(told).toEqual([])
    log.commit()
    await clock.advance(0)
    expect(told.filter(one => one !== 'answered')).toEqual(['a@1', 'many,many@3'])
    expect(told.indexOf('a@1')).toBeLessThan(told.indexOf('answered'))
  })

  it('is neither what failed nor a snapshot', async () => {
    const told: number[] = []
    const { runtime, log, clock } = await start(new MemoryLog({ commits: 'when told' }), { committed: (_, position) => told.push(position), snapshotRecordsMin: 5 })
    for (let value = 0; value < 7; value++) void runtime.submit({ type: 'set', name: 'a', value })
    log.commit()
    await clock.advance(0)
    log.commit()
    await clock.advance(0)
    expect(log.startOffset).toBeGreaterThan(0)
    void runtime.submit({ type: 'set', name: 'a', value: 8 })
    log.commit(new Error('EIO'))
    await clock.advance(0)
    expect(told).toEqual([1, 2, 3, 4, 5, 6, 8])
  })
})

describe('a machine whose log lost its leadership', () => {
  const lost = new Refusal('not-coordinator', 'broker 2 leads it now')

  it('tells so to whoever waits, for others or for a commit, and to whoever comes later', async () => {
    const { runtime, log, clock } = await start(new MemoryLog({ commits: 'when told' }))
    const waiting = runtime.submit({ type: 'wait', key: 'w' })
    const writing = runtime.submit({ type: 'set', name: 'a', value: 1 })
    const closed = runtime.close(lost)
    log.commit(new Error('given up'))
    await clock.advance(0)
    await closed
    expect([await waiting, await writing, await runtime.submit({ type: 'note', name: 'b', value: 1 })]).toEqual([lost, lost, lost])
  })

  it('hears of it from the log, too', async () => {
    const { runtime, log, clock } = await start(new MemoryLog({ commits: 'when told' }))
    const waiting = runtime.submit({ type: 'wait', key: 'w' })
    const writing = runtime.submit({ type: 'set', name: 'a', value: 1 })
    log.commit(lost)
    await clock.advance(0)
    expect([await waiting, await writing, await runtime.submit({ type: 'note', name: 'b', value: 1 })]).toEqual([lost, lost, lost])
    await runtime.close(lost)
  })
})

describe('a parked caller', () => {
  it('is answered by a later command, once that is committed', async () => {
    const { runtime, log, clock } = await start(new MemoryLog({ commits: 'when told' }))
    let answer: unknown
    void runtime.submit({ type: 'wait', key: 'w' }).then(value => { answer = value })
    void runtime.submit({ type: 'answer', answers: [{ key: 'w', reply: 9 }, { key: 'nobody', reply: 1 }] })
    await clock.advance(0)
    expect(answer).toBeUndefined()
    log.commit()
    await clock.advance(0)
    expect(answer).toBe(9)
  })

  it('gives its place to the next one under the same key', async () => {
    const { runtime } = await start()
    const first = runtime.submit({ type: 'wait', key: 'w' })
    const second = runtime.submit({ type: 'wait', key: 'w' })
    expect(await first).toMatchObject({ code: 'rebalance-in-progress' })
    await runtime.submit({ type: 'answer', answers: [{ key: 'w', reply: 2 }] })
    expect(await second).toBe(2)
  })

  it('that gives up is let go and leaves nothing behind', async () => {
    const { runtime } = await start()
    const abort = new AbortController()
    const given = runtime.submit({ type: 'wait', key: 'w' }, abort.signal)
    abort.abort()
    expect(await given).toMatchObject({ code: 'request-timed-out' })
    expect(await runtime.submit({ type: 'wait', key: 'x' }, abort.signal)).toMatchObject({ code: 'request-timed-out' })
    const next = runtime.submit({ type: 'wait', key: 'w' })
    await runtime.submit({ type: 'answer', answers: [{ key: 'w', reply: 3 }] })
    expect(await next).toBe(3)
  })

  it('is refused when the machine closes', async () => {
    const { runtime } = await start()
    const waiting = runtime.submit({ type: 'wait', key: 'w' })
    await runtime.close()
    expect(await waiting).toMatchObject({ code: 'coordinator-not-available' })
    expect(await runtime.submit({ type: 'set', name: 'a', value: 1 })).toMatchObject({ code: 'coordinator-not-available' })
  })
})

describe('a keyed timer', () => {
  it('is a command when it fires', async () => {
    const { machine, runtime, clock } = await start()
    await runtime.submit({ type: 'timer', key: 't', afterMs: 100, name: 'late' })
    await clock.advance(99)
    expect(machine.values.has('late')).toBe(false)
    await clock.advance(1)
    expect(machine.values.get('late')).toBe(1)
  })

  it('is replaced by the next one under its key, or cancelled', async () => {
    const { machine, runtime, clock } = await start()
    await runtime.submit({ type: 'timer', key: 't', afterMs: 100, name: 'first' })
    await runtime.submit({ type: 'timer', key: 't', afterMs: 200, name: 'second' })
    await runtime.submit({ type: 'timer', key: 'u', afterMs: 50, name: 'cancelled' })
    await runtime.submit({ type: 'timer', key: 'u', afterMs: 0, name: undefined })
    await clock.advance(1000)
    expect([...machine.values.keys()]).toEqual(['second'])
  })

  it('of a decision that the log refused is not set', async () => {
    const { machine, runtime, log, clock } = await start()
    log.refusal = new Refusal('storage-error', 'no room')
    expect(await runtime.submit({ type: 'timer', key: 't', afterMs: 100, name: 'late', stored: true })).toMatchObject({ code: 'storage-error' })
    await clock.advance(10_000)
    expect(machine.values.size).toBe(0)
  })

  it('whose command the log refused fires again, until it is taken', async () => {
    const { machine, runtime, log, clock } = await start()
    await runtime.submit({ type: 'timer', key: 't', afterMs: 100, name: 'late' })
    for (let attempt = 0; attempt < 3; attempt++) {
      log.refusal = new Refusal('storage-error', 'no room')
      await clock.advance(attempt === 0 ? 100 : 1000)
      expect(log.refusal).toBeUndefined()
      expect(machine.values.size).toBe(0)
    }
    await clock.advance(1000)
    expect([...machine.values.keys()]).toEqual(['late'])
    expect(log.records.length).toBe(1)
  })

  it('that is cancelled while it waits to fire again does not', async () => {
    const { machine, runtime, log, clock } = await start()
    await runtime.submit({ type: 'timer', key: 't', afterMs: 100, name: 'late' })
    log.refusal = new Refusal('storage-error', 'no room')
    await clock.advance(100)
    await runtime.submit({ type: 'timer', key: 't', afterMs: 0, name: undefined })
    await clock.advance(5000)
    expect(machine.values.size).toBe(0)
  })

  it('does not fire after the close', async () => {
    const { machine, runtime, clock } = await start()
    await runtime.submit({ type: 'timer', key: 't', afterMs: 100, name: 'late' })
    await runtime.close()
    await clock.advance(1000)
    expect(machine.values.size).toBe(0)
  })
})

describe('the log of a machine', () => {
  it('stays in proportion to its state', async () => {
    const { runtime, log } = await start(new MemoryLog(), { snapshotRecordsMin: 100 })
    for (let value = 0; value < 5000; value++) await runtime.submit({ type: 'set', name: `n${value % 10}`, value })
    await runtime.close()
    expect(log.records.length).toBeLessThanOrEqual(110)
    const again = await start(log)
    expect([...again.machine.values.values()].toSorted()).toEqual([4990, 4991, 4992, 4993, 4994, 4995, 4996, 4997, 4998, 4999])
  })

  it('is shortened at the start, too, where it has grown long', async () => {
    const { runtime, log } = await start()
    await runtime.submit({ type: 'many', count: 500 })
    await runtime.submit({ type: 'set', name: 'a', value: 1 })
    const again = await start(log, { snapshotRecordsMin: 100 })
    await again.runtime.close()
    expect(log.records.map(record => record.key!.toString())).toEqual(['many', 'a'])
  })

  it('leads to the same state wherever a crash cuts a snapshot off', async () => {
    const { runtime, log } = await start(new MemoryLog(), { snapshotRecordsMin: 50 })
    log.keepsDeleted = true
    for (let value = 0; value <= 60; value++) await runtime.submit({ type: 'set', name: `n${value % 7}`, value })
    const states = log.batches.map((_, count) => {
      const cut = new MemoryLog()
      cut.batches.push(...log.batches.slice(0, count + 1))
      return start(cut)
    })
    const values = (await Promise.all(states)).map(state => Math.max(...state.machine.values.values()))
    expect(values).toEqual(values.toSorted((a, b) => a - b))
    expect(values.at(-1)).toBe(60)
    expect(log.records.length).toBeGreaterThan(61)
  })

  it('is waited for by a close that comes while it is shortened', async () => {
    const { runtime, log } = await start(new MemoryLog({ commits: 'when told' }), { snapshotRecordsMin: 5 })
    for (let value = 0; value < 6; value++) void runtime.submit({ type: 'set', name: 'a', value })
    const closing = runtime.close()
    log.commit()
    await closing
    expect(log.startOffset).toBe(6)
    expect(log.records.map(record => record.value!.toString())).toEqual(['5'])
  })

  it('is right, too, where commands change the state between two pieces of a snapshot', async () => {
    const { machine, runtime, log, clock } = await start(new MemoryLog({ commits: 'when told' }), { snapshotRecordsMin: 2000 })
    const name = (index: number) => `name-${String(index).padStart(5, '0')}${'x'.repeat(500)}`
    for (let round = 0; round < 5; round++) for (let index = 0; index < 1000; index++) void runtime.submit({ type: 'set', name: name(index), value: round })
    // The snapshot takes several batches; before each is durable, something early and something late changes.
    for (let piece = 0; piece < 6; piece++) {
      void runtime.submit({ type: 'set', name: name(3), value: 100 + piece })
      void runtime.submit({ type: 'set', name: name(997 + piece), value: 200 + piece })
      log.commit()
      await clock.advance(0)
    }
    log.commit()
    await clock.advance(0)
    expect(log.startOffset).toBeGreaterThan(4000)
    const again = await start(log)
    expect([...again.machine.values].toSorted()).toEqual([...machine.values].toSorted())
  })
})
