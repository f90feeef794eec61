// Every scenario is an executable specification: played here against a Sluice of its own, by the real clients, and held to what it says.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { render } from '../../src/compare/report.ts'
import { play, type Result } from '../../src/compare/runner.ts'
import { scenarios } from '../../src/compare/scenarios/index.ts'
import { startSluice, type RunningSluice } from '../support/sluice.ts'

let sluice: RunningSluice
const results = new Map<string, Result>()

beforeAll(async () => {
  sluice = await startSluice({ settings: { 'kinesis.limits': 'aws' } })
  const played = await play(scenarios, {
    kafka: { bootstrap: [`127.0.0.1:${sluice.ports.kafkaPlaintext}`] },
    kinesis: { endpoint: `http://127.0.0.1:${sluice.ports.kinesis}`, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } },
  })
  for (const result of played) results.set(result.slug, result)
}, 300_000)

afterAll(async () => { await sluice?.[Symbol.asyncDispose]() })

const result = (slug: string): Result => results.get(slug)!
const note = (notes: readonly string[], start: string): string => notes.find(one => one.startsWith(start)) ?? ''

describe('the comparison', () => {
  it('records calls, bytes and time on both sides of every scenario', () => {
    for (const { slug, kafka, kinesis } of results.values()) {
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
      const text = render(all, heading, format)
      for (const { slug, number } of all) {
        expect(text).toContain(slug)
        expect(text.replace(/\s+/g, ' ')).toContain(number.split(' ')[0])
      }
      expect(text).toMatch(/\((measured here|limit enforced|documented)\)/)
    }
    expect(JSON.parse(render(all, heading, 'json'))).toMatchObject({ ...heading, scenarios: all.map(({ slug }) => ({ slug })) })
  })

  it('never shows the bytes of a record longer than its page allows', () => {
    const text = render([...results.values()], heading, 'json')
    expect(text.length).toBeLessThan(2_000_000)
    expect(text).toMatch(/\(3000 bytes\)|\(1000 bytes\)/)
  })
})
