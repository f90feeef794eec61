import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AuditEvent, AuditLine } from '../../src/security/audit.ts'
import { AuditLog } from '../../src/security/audit.ts'
import { AuditFile } from '../../src/security/audit-file.ts'
import type { Clock, Disk, Logger } from '../../src/world/world.ts'
import { nodeWorld } from '../../src/world/node.ts'

const refusal: AuditEvent = { kind: 'access', outcome: 'denied', principal: 'User:CN=alice', host: '127.0.0.1', operation: 'read', resource: 'topic:orders' }
const change: AuditEvent = { ...refusal, kind: 'authority', outcome: 'allowed', principal: 'User:CN=admin', operation: 'create-acl' }

/** A clock that stands still until the test moves it. */
class ManualClock implements Clock {
  #now = Date.parse('2026-01-01T00:00:00Z')
  #waiting: { at: number; task: () => void }[] = []

  now(): number {
    return this.#now
  }

  monotonic(): number {
    return this.#now
  }

  after(delayMs: number, task: () => void) {
    const timer = { at: this.#now + delayMs, task }
    this.#waiting.push(timer)
    const cancel = (): void => void (this.#waiting = this.#waiting.filter(one => one !== timer))
    return { cancel, [Symbol.dispose]: cancel }
  }

  advance(ms: number): void {
    this.#now += ms
    const due = this.#waiting.filter(one => one.at <= this.#now)
    this.#waiting = this.#waiting.filter(one => one.at > this.#now)
    for (const { task } of due) task()
  }

  get waiting(): number {
    return this.#waiting.length
  }
}

function start() {
  const clock = new ManualClock()
  const lines: AuditLine[] = []
  return { clock, lines, log: new AuditLog({ clock, sink: line => lines.push(line) }) }
}

describe('the audit log', () => {
  it('writes an event at once, with its time', () => {
    const { log, lines } = start()
    log.record(refusal)
    expect(lines).toEqual([{ ...refusal, time: '2026-01-01T00:00:00.000Z', count: 1 }])
  })

  it('counts equal refusals and writes the count when the window ends', () => {
    const { log, lines, clock } = start()
    for (let time = 0; time < 1000; time++) log.record(refusal)
    log.record({ ...refusal, operation: 'write' })
    expect(lines.map(line => [line.operation, line.count])).toEqual([['read', 1], ['write', 1]])
    clock.advance(10_000)
    expect(lines.slice(2).map(line => [line.operation, line.count])).toEqual([['read', 999]])
    log.record(refusal)
    expect(lines).toHaveLength(4)
  })

  it.each(['authority', 'credential', 'change'] as const)('writes every event of kind %s, however many are equal', kind => {
    const { log, lines } = start()
    for (let time = 0; time < 50; time++) log.record({ ...change, kind })
    expect(lines).toHaveLength(50)
  })

  it('bounds the lines of a flood of different refusals, and says how many it left out', () => {
    const { log, lines, clock } = start()
    for (let index = 0; index < 100_000; index++) log.record({ ...refusal, resource: `topic:${index}` })
    const written = lines.length
    expect(written).toBeLessThanOrEqual(2_000)
    clock.advance(10_000)
    expect(lines.slice(written)).toEqual([expect.objectContaining({ operation: 'flood', count: 100_000 - written })])
    expect(log.counts.get('access denied')).toBe(100_000)
  })

  it('has no timer running while nothing happens', () => {
    const { log, clock } = start()
    expect(clock.waiting).toBe(0)
    log.record(refusal)
    expect(clock.waiting).toBe(1)
    clock.advance(10_000)
    expect(clock.waiting).toBe(0)
  })

  it('writes what is only counted when it ends', () => {
    const { log, lines, clock } = start()
    log.record(refusal)
    log.record(refusal)
    log[Symbol.dispose]()
    expect(lines.map(line => line.count)).toEqual([1, 1])
    expect(clock.waiting).toBe(0)
  })

  it('shortens what a peer made long', () => {
    const { log, lines } = start()
    log.record({ ...refusal, resource: 'x'.repeat(30_000), principal: 'y'.repeat(30_000), reason: 'z'.repeat(30_000) })
    expect(JSON.stringify(lines[0]).length).toBeLessThan(1_200)
  })
})

describe('the audit file', () => {
  let directory: string
  let path: string
  const errors: object[] = []
  const logger: Logger = { debug() {}, info() {}, warn() {}, error: fields => void errors.push(fields) }
  const { disk } = nodeWorld()
  const line: AuditLine = { ...refusal, time: '2026-01-01T00:00:00.000Z', count: 1 }

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'sluice-audit-'))
    path = join(directory, 'audit.log')
    errors.length = 0
  })

  afterEach(() => rmSync(directory, { recursive: true, force: true }))

  const textLines = (file: string) => readFileSync(join(directory, file), 'utf8').split('\n').filter(text => text !== '')
  const linesOf = (file: string) => textLines(file).map(text => JSON.parse(text) as AuditLine)

  it('holds one JSON object per line, and goes on where it ended', async () => {
    {
      await using file = await AuditFile.open({ disk, path, logger })
      file.write(line)
      file.write({ ...line, resource: 'topic:with\nnewline \u001b[31m' })
    }
    await using file = await AuditFile.open({ disk, path, logger })
    file.write(line)
    await file.flush()
    expect(linesOf('audit.log').map(one => one.resource)).toEqual(['topic:orders', 'topic:with\nnewline \u001b[31m', 'topic:orders'])
    expect(readFileSync(path, 'utf8')).not.toContain('\u001b')
  })

  it('stands apart from a line that a crash cut off', async () => {
    writeFileSync(path, '{"time":"2026')
    await using file = await AuditFile.open({ disk, path, logger })
    file.write(line)
    await file.flush()
    expect(readFileSync(path, 'utf8').split('\n')[1]).toBe(JSON.stringify(line))
  })

  it('is rotated by size, and the oldest goes', async () => {
    await using file = await AuditFile.open({ disk, path, logger, bytesMax: 1_000, filesMax: 3 })
    for (let index = 0; index < 60; index++) {
      file.write({ ...line, count: index })
      await file.flush()
    }
    expect(readdirSync(directory).sort()).toEqual(['audit.log', 'audit.log.1', 'audit.log.2'])
    expect(linesOf('audit.log').at(-1)?.count).toBe(59)
    const kept = ['audit.log.2', 'audit.log.1', 'audit.log'].flatMap(linesOf).map(one => one.count)
    expect(kept).toEqual(Array.from({ length: kept.length }, (_, index) => 60 - kept.length + index))
  })

  it('does not grow in memory when the disk hangs, and says how many lines it lost', async () => {
    let letGo = (): void => {}
    const slow: Disk = {
      ...disk,
      open: async (name, how) => {
        const file = await disk.open(name, how)
        const hung = new Promise<void>(resolve => { letGo = resolve })
        const write = file.write.bind(file)
        file.write = async (position, buffers) => hung.then(() => write(position, buffers))
        return file
      },
    }
    await using file = await AuditFile.open({ disk: slow, path, logger })
    for (let index = 0; index < 25_000; index++) file.write(line)
    letGo()
    await file.flush()
    const written = linesOf('audit.log')
    expect(written.length).toBeLessThanOrEqual(10_002)
    const overflow = written.filter(one => one.operation === 'overflow')
    expect(overflow).toHaveLength(1)
    expect(written.length - 1 + overflow[0]!.count).toBe(25_000)
  })

  it('reports a disk that fails, and does not throw', async () => {
    const failing: Disk = {
      ...disk,
      open: async (name, how) => {
        const file = await disk.open(name, how)
        file.write = () => Promise.reject(new Error('EIO'))
        return file
      },
    }
    await using file = await AuditFile.open({ disk: failing, path, logger })
    file.write(line)
    await file.flush()
    expect(errors).toEqual([{ path, error: 'EIO' }])
  })
})
