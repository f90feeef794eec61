// The load of the REST bench, in a process of its own: posts one prepared body over and over, on a few keep-alive TLS connections, and prints one line of JSON
// per phase. Started by bench/rest.ts.
import { readFileSync } from 'node:fs'
import { Agent, request as httpsRequest } from 'node:https'
import { parseArgs } from 'node:util'

const text = { type: 'string' } as const
const { values: options } = parseArgs({ options: { url: text, certs: text, body: text, type: text, inFlight: text, seconds: text } })

const url = new URL(options.url!)
const body = readFileSync(options.body!)
const inFlight = Number(options.inFlight)
const milliseconds = Number(options.seconds) * 1_000
const agent = new Agent({
  keepAlive: true, maxSockets: inFlight,
  cert: readFileSync(`${options.certs}/admin.pem`), key: readFileSync(`${options.certs}/admin.key`), ca: readFileSync(`${options.certs}/ca.pem`),
})

const latencies: number[] = []
const startedAt = performance.now()
await Promise.all(Array.from({ length: inFlight }, async () => {
  while (performance.now() - startedAt < milliseconds) {
    const sentAt = performance.now()
    await post()
    latencies.push(performance.now() - sentAt)
  }
}))
const seconds = (performance.now() - startedAt) / 1_000
agent.destroy()
latencies.sort((a, b) => a - b)
const quantile = (share: number): number => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))]!
process.stdout.write(`${JSON.stringify({ requests: latencies.length, seconds, p50Ms: quantile(0.5), p99Ms: quantile(0.99) })}\n`)

function post(): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest(url, { method: 'POST', agent, headers: { 'content-type': options.type!, 'content-length': body.length } }, response => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => { if (response.statusCode !== 200) text += chunk })
      response.on('end', () => (response.statusCode === 200 ? resolve() : reject(new Error(`HTTP ${response.statusCode}: ${text.slice(0, 500)}`))))
    })
    request.on('error', reject)
    request.end(body)
  })
}
