// What the REST bench is measured against: node:https in a process of its own, with the same certificates, that reads a body, gives it to JSON.parse
// and answers. No schema, no log, no disk. Prints its port.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'

const { values: { certs } } = parseArgs({ options: { certs: { type: 'string' } } })

const identity = { cert: readFileSync(`${certs}/server.pem`), key: readFileSync(`${certs}/server.key`), ca: readFileSync(`${certs}/ca.pem`) }
const server = createServer({ ...identity, requestCert: true }, (request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => void chunks.push(chunk))
  request.on('end', () => {
    const { records } = JSON.parse(Buffer.concat(chunks).toString()) as { records: unknown[] }
    response.setHeader('content-type', 'application/json')
    response.end(`{"records":${records.length}}`)
  })
})
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))
