// What the Kinesis bench is measured against: a bare Node HTTP server that does for each PutRecords only what cannot be left out (read the body, hash it, parse it,
// decode the data) and forgets it. No signature, no routing, no log. Prints its port.
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const body = Buffer.concat(chunks)
    const digest = createHash('sha256').update(body).digest('hex')
    const { Records } = JSON.parse(body.toString()) as { Records: { Data: string }[] }
    const bytes = Records.reduce((sum, { Data }) => sum + Buffer.from(Data, 'base64').length, 0)
    const answer = Buffer.from(JSON.stringify({ FailedRecordCount: 0, bytes, digest }))
    response.writeHead(200, { 'content-length': String(answer.length) })
    response.end(answer)
  })
})
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))
