// Every scenario is an executable specification: played here against a Sluice of its own, by the real clients, and held to what it says.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AskGateway } from '../../src/compare/cluster.ts'
import { render } from '../../src/compare/report.ts'
import { play, type Result, type Run, type SideResult } from '../../src/compare/runner.ts'
import { scenarios } from '../../src/compare/scenarios/index.ts'
import { startSluice, type RunningSluice } from '../support/sluice.ts'

let sluice: RunningSluice
let run: Run
let ask: AskGateway
let before: unknown
const results = new Map<string, Result>()

beforeAll(async () => {
  sluice = await startSluice({ settings: { 'kinesis.limits': 'aws' } })
  ask = gatewayAt(sluice)
  run = {
    kafka: { bootstrap: [`127.0.0.1:${sluice.ports.kafkaPlaintext}`] },
    kinesis: { endpoint: `http://127.0.0.1:${sluice.ports.kinesis}`, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } },
    gateway: ask,
  }
  before = await brokers()
  for (const result of await play(scenarios, run)) results.set(result.slug, result)
}, 300_000)

afterAll(async () => { await sluice?.[Symbol.asyncDispose]() })

/** Both sides of a scenario, which must have been played. */
function result(slug: string): { readonly kafka: SideResult; readonly kinesis: SideResult } {
  const { kafka, kinesis } = results.get(slug)!
  if ('notPlayed' in kafka) throw new Error(kafka.notPlayed)
  if ('notPlayed' in kinesis) throw new Error(kinesis.notPlayed)
  return { kafka, kinesis }
}

function gatewayAt({ ports }: RunningSluice): AskGateway {
  return async (method, path, body) => {
    const answer = await fetch(`http://127.0.0.1:${ports.gateway}${path}`, {
      method, ...body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } },
    })
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
    return answer.status === 204 ? undefined : answer.json()
  }
}

/** Each broker with its state and the partitions that it leads. */
async function brokers(): Promise<unknown> {
  const { brokers: all } = await ask('GET', '/admin/brokers') as { brokers: { id: number; state: string; isUp: boolean }[] }
  const { topics } = await ask('GET', '/kafka/topics') as { topics: { name: string; partitions: { partition: number; leader: number; inSyncReplicas: number[] }[] }[] }
  return {
    brokers: all.map(({ id, state, isUp }) => ({ id, state, isUp })),
    partitions: topics.flatMap(topic => topic.partitions.map(one => ({ at: `${topic.name}-${one.partition}`, leader: one.leader, inSync: one.inSyncReplicas.length }))),
  }
}

const note = (notes: readonly string[], start: string): string => notes.find(one => one.startsWith(start)) ?? ''

describe('the comparison', () => {
  it('records calls, bytes and time on both sides of every scenario', () => {
    for (const slug of results.keys()) {
      const { kafka, kinesis } = result(slug)
      for (const side of [kafka, kinesis]) {
        expect(side.callCount, slug).toBeGreaterThan(0)
        expect(side.bytesOut, slug).toBeGreaterThan(100)
        expect(side.bytesIn, slug).toBeGreaterThan(100)
        expect(side.durationMs, slug).toBeGreaterThan(0)
        expect(side.steps.flatMap(step => step.calls).length, slug).toBeGreaterThan(0)
      }
    }
  })

  it('puts a 1 KB record on the wire in fewer bytes through Kafka than through Kinesis', () => {
    const { kafka, kinesis } = result('produce-one')
    expect(kafka.figure.value).toBeGreaterThan(1000)
    expect(kinesis.figure.value).toBeGreaterThan(kafka.figure.value)
  })

  it('refuses a whole batch through Kafka and single entries through Kinesis, whose retry reorders', () => {
    const { kafka, kinesis } = result('produce-batch')
    expect(kafka.figure.value).toBe(500)
    expect(note(kafka.notes, 'order inversions')).toBe('order inversions after the retry: 0')
    expect(kinesis.figure.value).toBeGreaterThan(0)
    expect(kinesis.figure.value).toBeLessThan(500)
    expect(note(kinesis.notes, 'order inversions')).not.toBe('order inversions after the retry: 0')
  })

  it('lands keys in other slots by murmur2 than by MD5, in order on both sides', () => {
    const { kafka, kinesis } = result('keyed-order')
    // customer-0 … customer-59 modulo 3 by Kafka's murmur2, as its own clients place them.
    expect(note(kafka.notes, 'keys per slot')).toBe('keys per slot: 28, 15, 17')
    expect(note(kinesis.notes, 'keys per slot')).toBe('keys per slot: 20, 16, 24')
    for (const side of [kafka, kinesis]) expect(note(side.notes, 'records out of order')).toBe('records out of order within a key: 0')
  })

  it('throttles a hot key through Kinesis only', () => {
    const { kafka, kinesis } = result('hot-key')
    expect(kafka.figure.value).toBe(0)
    expect(kinesis.figure.value).toBeGreaterThan(20)
    expect(note(kinesis.notes, 'refused with')).toContain('Rate exceeded for shard shardId-00000000000')
  })

  it('loses nothing when a leader fails: Kafka\'s client sees it, Kinesis\'s does not', () => {
    const { kafka, kinesis } = result('failover')
    for (const side of [kafka, kinesis]) {
      expect(note(side.notes, 'records lost')).toMatch(/^records lost: 0 of \d+ acknowledged; stored twice: \d+$/)
      expect(side.figure).toMatchObject({ unit: 'ms', label: 'measured here' })
      expect(side.table.map(row => row['when'])).toEqual(['before', 'failed over', 'back'])
    }
    const [whole, without, back] = kafka.table
    expect(whole).toMatchObject({ 'leader epoch': 0, 'in sync': '1 2 3' })
    expect(without!['leader']).not.toBe(whole!['leader'])
    expect(without!['leader epoch']).toBeGreaterThan(0)
    expect(String(without!['in sync']).split(' ')).not.toContain(String(whole!['leader']))
    expect(without!['high watermark']).toBeGreaterThan(Number(whole!['high watermark']))
    expect(back).toMatchObject({ 'leader': whole!['leader'], 'in sync': '1 2 3' })
    expect(note(kafka.notes, 'sends')).toBe('sends that the client gave up: 0')
    expect(note(kinesis.notes, 'errors')).toBe('errors that the SDK showed: 0')
    expect(note(kinesis.notes, 'records lost')).toContain('stored twice: 0')
  })

  it('leaves the brokers as it found them', async () => {
    expect(await brokers()).toEqual(before)
  })

  it('says why a leader cannot be made to fail', async () => {
    const failover = scenarios.filter(one => one.slug === 'failover')
    const { gateway: _, ...withoutGateway } = run
    const reason = 'only a Sluice can be asked to let a broker fail: give its gateway with --gateway'
    expect(await play(failover, withoutGateway)).toMatchObject([{ kafka: { notPlayed: reason }, kinesis: { notPlayed: reason } }])
    const elsewhere: AskGateway = async () => ({ topics: [], next: null })
    const [foreign] = await play(failover, { ...run, gateway: elsewhere })
    expect(foreign!.kafka).toMatchObject({ notPlayed: expect.stringContaining('belongs to another cluster') as string })
    expect(render([foreign!], { kafka: 'k', kinesis: 'k', at: '' }, 'table', 100)).toContain('not played: the gateway')
  })

  it('fails no broker that nobody could take over from', async () => {
    await using single = await startSluice({ settings: { 'brokers': 1, 'kinesis.limits': 'aws' }, certsDirectory: sluice.certificatesDirectory })
    const failover = scenarios.filter(one => one.slug === 'failover')
    const [result] = await play(failover, {
      kafka: { bootstrap: [`127.0.0.1:${single.ports.kafkaPlaintext}`] },
      kinesis: { ...run.kinesis, endpoint: `http://127.0.0.1:${single.ports.kinesis}` },
      gateway: gatewayAt(single),
    })
    const expected = { notPlayed: expect.stringContaining('one replica, on broker 1: nobody could take over') as string }
    expect(result).toMatchObject({ kafka: expected, kinesis: expected })
  })

  it('starts reading at the beginning, at a remembered end and at a moment', () => {
    const { kafka, kinesis } = result('start-position')
    for (const side of [kafka, kinesis]) {
      expect(note(side.notes, 'beginning')).toContain('before-0')
      expect(note(side.notes, 'remembered end')).toContain('after-0')
      expect(note(side.notes, 'moment')).toContain('after-0')
    }
  })
})

describe('the report', () => {
  const heading = { kafka: 'k:9092', kinesis: 'http://k:4567', at: '2026-01-01T00:00:00.000Z' }

  it('shows both sides of each scenario in every format, each figure with its label', () => {
    const all = [...results.values()]
    for (const format of ['table', 'markdown'] as const) {
      const text = render(all, heading, format, 100)
      for (const { slug, number } of all) {
        expect(text).toContain(slug)
        expect(text.replace(/\s+/g, ' ')).toContain(number.split(' ')[0])
      }
      expect(text).toMatch(/\((measured here|limit enforced|documented)\)/)
    }
    expect(JSON.parse(render(all, heading, 'json', 100))).toMatchObject({ ...heading, scenarios: all.map(({ slug }) => ({ slug })) })
  })

  it('fits the terminal, down to 80 columns', () => {
    for (const columns of [80, 100, 132]) {
      const lines = render([...results.values()], heading, 'table', columns).split('\n')
      expect(lines.filter(line => line.length > columns)).toEqual([])
      expect(Math.max(...lines.map(line => line.length))).toBeGreaterThan(columns - 5)
    }
  })

  it('never shows the bytes of a record longer than its page allows', () => {
    const text = render([...results.values()], heading, 'json', 100)
    expect(text.length).toBeLessThan(2_000_000)
    expect(text).toMatch(/\(3000 bytes\)|\(1000 bytes\)/)
  })
})
