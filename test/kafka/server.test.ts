import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { TLSSocket } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { deferred } from '../../src/base/deferred.ts'
import { Produce } from '../../src/kafka/apis/00-produce.ts'
import { Metadata } from '../../src/kafka/apis/03-metadata.ts'
import { ApiVersions } from '../../src/kafka/apis/18-api-versions.ts'
import { DescribeCluster } from '../../src/kafka/apis/60-describe-cluster.ts'
import { buildBatch } from '../../src/wire/batch.ts'
import { cn, ecKeys, oddCertificate } from '../support/odd-certificates.ts'
import { accessBy, startBroker } from './broker.ts'
import { RawClient } from './raw-client.ts'

const certificate = oddCertificate({ subject: [[cn('broker')]], purpose: 'serverAuth', keys: ecKeys() })
const peerCertificate = oddCertificate({ subject: [[cn('alice')]], purpose: 'clientAuth', keys: ecKeys() })
const tls = { cert: certificate.pem, key: certificate.key, requestCert: true, rejectUnauthorized: false }

const everyTopic = { topics: null }

async function endpointOf(client: RawClient): Promise<string> {
  const { brokers } = await client.ask(Metadata, 9, everyTopic)
  return `${brokers[0]!.host}:${brokers[0]!.port}`
}

describe('what a client is told to connect to', () => {
  it('is localhost where both loopback addresses answer', async () => {
    await using broker = await startBroker({ listener: { host: 'localhost' } })
    using client = await RawClient.connect(broker.port)
    const hasIpv6 = Object.values(networkInterfaces()).flat().some(one => one?.address === '::1')
    expect(await endpointOf(client)).toBe(hasIpv6 ? `localhost:${broker.port}` : `127.0.0.1:${broker.port}`)
    if (!hasIpv6) return
    const other = connect({ host: '::1', port: broker.port })
    await new Promise<void>((resolve, reject) => {
      other.once('connect', resolve)
      other.once('error', reject)
    })
    other.destroy()
  })

  it('is the address it reached where only that one answers', async () => {
    await using broker = await startBroker({ listener: { host: '127.0.0.1' } })
    using client = await RawClient.connect(broker.port)
    expect(await endpointOf(client)).toBe(`127.0.0.1:${broker.port}`)
    const { brokers } = await client.ask(DescribeCluster, 0, { includeClusterAuthorizedOperations: false })
    expect(brokers[0]).toMatchObject({ host: '127.0.0.1', port: broker.port })
  })

  it('is the name it asked for by SNI', async () => {
    await using broker = await startBroker({ listener: { tls } })
    using client = await RawClient.connect(broker.port, { servername: 'broker.example.test', rejectUnauthorized: false })
    expect(await endpointOf(client)).toBe(`broker.example.test:${broker.port}`)
  })

  it('is what the listener is set to tell', async () => {
    await using broker = await startBroker({ listener: { advertised: { host: 'kafka.example.test', port: 19092 } } })
    using client = await RawClient.connect(broker.port)
    expect(await endpointOf(client)).toBe('kafka.example.test:19092')
  })
})

describe('identity', () => {
  it('is judged once, before the first byte, and is who asks from then on', async () => {
    const asked: string[] = []
    let judged = 0
    await using broker = await startBroker({
      topics: { orders: 1 },
      access: accessBy(({ principal, host }, operation, type, name) => {
        asked.push(`${principal.type}:${principal.name}@${host} ${operation} ${type} ${name}`)
        return true
      }),
      listener: {
        tls,
        identify: socket => {
          judged++
          const shown = (socket as TLSSocket).getPeerX509Certificate()
          return shown === undefined ? { rejected: 'no client certificate' } : { principal: { type: 'User', name: shown.subject } }
        },
      },
    })
    using client = await RawClient.connect(broker.port, { rejectUnauthorized: false, cert: peerCertificate.pem, key: peerCertificate.key })
    const records = buildBatch([{ key: null, value: Buffer.from('a') }], { timestampMs: 1 }).bytes
    await client.ask(Produce, 9, { acks: -1, timeoutMs: 1000, topicData: [{ name: 'orders', partitionData: [{ index: 0, records }] }] })
    expect(judged).toBe(1)
    expect(asked).toEqual(['User:CN=alice@127.0.0.1 write topic orders'])
  })

  it('that is rejected is not served a single request', async () => {
    await using broker = await startBroker({ listener: { tls, identify: () => ({ rejected: 'no client certificate' }) } })
    using client = await RawClient.connect(broker.port, { rejectUnauthorized: false })
    await expect(client.ask(ApiVersions, 0, {})).rejects.toThrow('the connection was closed')
    expect(broker.reasons).toEqual(['no client certificate'])
    expect(broker.seen).toEqual([])
  })
})

describe('a server', () => {
  it('tells its observer what was asked, by whom, how long it took and how large it was, and nothing of its content', async () => {
    await using broker = await startBroker({ topics: { orders: 1 } })
    using client = await RawClient.connect(broker.port)
    await client.ask(Metadata, 9, everyTopic)
    await client.ask(Metadata, 9, { topics: [{ name: 'orders' }, { name: 'nowhere' }] })
    expect(broker.seen.map(seen => seen.errorCode)).toEqual([0, 3])
    expect(broker.seen.slice(0, 1)).toEqual([{
      api: 'Metadata', version: 9, clientId: 'raw-client', caller: { principal: { type: 'User', name: 'ANONYMOUS' }, host: '127.0.0.1' }, listener: 'test',
      requestBytes: 26, answerBytes: expect.any(Number), durationMs: expect.any(Number), errorCode: 0,
    }])
  })

  it('closes the connection, and only that, when a handler fails', async () => {
    await using broker = await startBroker({ topics: { orders: 1 } })
    broker.backend.admin.cluster = async () => { throw new Error('a bug of ours') }
    using client = await RawClient.connect(broker.port)
    using other = await RawClient.connect(broker.port)
    client.tell(Metadata, 9, everyTopic)
    await client.closed
    expect(broker.reasons[0]).toContain('a bug of ours')
    expect((await other.ask(ApiVersions, 0, {})).errorCode).toBe(0)
  })

  it('that stops answers what is under way, takes nothing new, and lets its port go', async () => {
    const broker = await startBroker({ topics: { orders: 1 } })
    const appending = deferred()
    const release = deferred()
    const { append } = broker.backend.logs
    broker.backend.logs.append = async (at, batch, how) => {
      appending.resolve()
      await release.promise
      return append(at, batch, how)
    }
    using client = await RawClient.connect(broker.port)
    const records = buildBatch([{ key: null, value: Buffer.from('a') }], { timestampMs: 1 }).bytes
    const answer = client.ask(Produce, 9, { acks: -1, timeoutMs: 1000, topicData: [{ name: 'orders', partitionData: [{ index: 0, records }] }] })
    await appending.promise
    const closed = broker.server.close()
    await expect(RawClient.connect(broker.port)).rejects.toThrow('ECONNREFUSED')
    release.resolve()
    expect((await answer).responses[0]!.partitionResponses[0]).toMatchObject({ errorCode: 0, baseOffset: 0 })
    await client.closed
    await closed
  })
})
