// The registry at scale: many subjects registered by a few clients at once, over HTTP, durably, by a whole Sluice of three brokers, and listed.
import { request as httpRequest, Agent } from 'node:http'
import { text } from 'node:stream/consumers'
import { startSluice } from '../test/support/sluice.ts'
import type { BenchRow } from './row.ts'
import { printRows } from './row.ts'
import { residentMiB } from './served.ts'

const subjects = 20_000
const clients = 32
const goalSeconds = 30

export async function run(): Promise<BenchRow[]> {
  await using sluice = await startSluice()
  const agent = new Agent({ keepAlive: true, maxSockets: clients })
  const ask = async (method: string, path: string, body?: object): Promise<unknown> => {
    const request = httpRequest({ host: '127.0.0.1', port: sluice.ports.gateway, agent, method, path, headers: { 'content-type': 'application/json' } })
    const answered = new Promise<{ statusCode?: number | undefined } & NodeJS.ReadableStream>((resolve, reject) => request.once('response', resolve).once('error', reject))
    request.end(body === undefined ? undefined : JSON.stringify(body))
    const response = await answered
    const answer = await text(response)
    if (response.statusCode !== 200) throw new Error(`${method} ${path}: HTTP ${response.statusCode}: ${answer.slice(0, 500)}`)
    return JSON.parse(answer)
  }
  const schema = (index: number): object => ({ schema: JSON.stringify({ type: 'record', name: `Record${index}`, fields: [{ name: 'id', type: 'string' }, { name: 'at', type: 'long' }] }) })
  try {
    const registered = await seconds(async () => {
      let next = 0
      await Promise.all(Array.from({ length: clients }, async () => {
        for (let index = next++; index < subjects; index = next++) await ask('POST', `/subjects/topic-${index}-value/versions`, schema(index))
      }))
    })
    let listed: unknown
    const listing = await seconds(async () => { listed = await ask('GET', '/subjects') })
    let shown = 0
    const showing = await seconds(async () => {
      for (let offset = 0, page: unknown[] = [{}]; page.length > 0; offset += page.length) {
        page = await ask('GET', `/schemas?latestOnly=true&offset=${offset}&limit=1000`) as unknown[]
        shown += page.length
      }
    })
    if ((listed as string[]).length !== subjects || shown !== subjects) throw new Error(`${(listed as string[]).length} subjects and ${shown} schemas are listed`)
    const name = `${subjects.toLocaleString('en')} subjects`
    return [
      { name: `${name}, registered by ${clients} clients at once`, value: `${registered.toFixed(1)} s`, against: `${Math.round(subjects / registered).toLocaleString('en')} a second`, goal: `<= ${goalSeconds} s` },
      { name: `${name}, GET /subjects`, value: `${(listing * 1_000).toFixed(0)} ms`, against: '' },
      { name: `${name}, GET /schemas?latestOnly=true in pages of 1,000`, value: `${(showing * 1_000).toFixed(0)} ms`, against: '' },
      { name: `${name}, resident memory`, value: `${residentMiB(sluice.process)} MiB`, against: '' },
    ]
  } finally {
    agent.destroy()
  }
}

async function seconds(work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now()
  await work()
  return (performance.now() - startedAt) / 1_000
}

if (import.meta.main) printRows(await run())
