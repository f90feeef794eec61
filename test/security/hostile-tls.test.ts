// What a TLS port must survive from peers that do not speak TLS, or speak it badly: the peer is closed, the port serves others meanwhile and after.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'
import type { TLSSocket } from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Prng } from '../../src/base/prng.ts'
import type { Certificates } from '../../src/pki/certificates.ts'
import { ensureCertificates } from '../../src/pki/certificates.ts'
import type { AuditEvent } from '../../src/security/audit.ts'
import { wholeName } from '../../src/security/principal-mapping.ts'
import { judgePeer, tlsOptions } from '../../src/security/tls.ts'
import { nodeWorld } from '../../src/world/node.ts'
import type { Listener } from '../../src/world/world.ts'
import { seed } from '../support/seed.ts'

const world = nodeWorld()
/** In place of ten seconds, so that a test can wait for it. */
const handshakeTimeout = 2_000

let directory: string
let certificates: Certificates
let listener: Listener
let accepted = 0
const events: AuditEvent[] = []

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-hostile-'))
  certificates = await ensureCertificates({ world, directory, hostnames: ['localhost', '127.0.0.1'] })
  const audit = { record: (event: AuditEvent) => void events.push(event) }
  const policy = { audit, listener: 'test', mapping: wholeName, certificate: 'required', now: Date.now } as const
  listener = await world.network.listen({ host: '127.0.0.1', port: 0, tls: { ...tlsOptions(certificates.material), handshakeTimeout } }, connection => {
    accepted++
    connection.on('error', () => {})
    if ('rejected' in judgePeer(connection as TLSSocket, policy)) connection.destroy()
    else connection.pipe(connection)
  })
})

afterAll(async () => {
  await listener.close()
  rmSync(directory, { recursive: true, force: true })
})

/** After each attack a well-behaved client is served. */
afterEach(async () => expect(await echo('still here')).toBe('still here'))

function connectAsAdmin(options: tls.ConnectionOptions = {}): TLSSocket {
  const { ca, adminCertificate, adminKey } = certificates.paths
  return tls.connect({
    host: '127.0.0.1', port: listener.port, servername: 'localhost',
    ca: readFileSync(ca), cert: readFileSync(adminCertificate), key: readFileSync(adminKey), ...options,
  })
}

function echo(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectAsAdmin()
    socket.on('secureConnect', () => socket.write(text))
    socket.on('data', data => {
      socket.destroy()
      resolve(data.toString())
    })
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('closed')))
  })
}

/** Sends bytes on a plain socket and resolves when the server ends it; rejects if it does not within a few handshake timeouts. */
function send(bytes: Buffer | string, then?: (socket: net.Socket) => void): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const answer: Buffer[] = []
    const socket = net.connect({ host: '127.0.0.1', port: listener.port }, () => {
      if (bytes.length > 0) socket.write(bytes)
      then?.(socket)
    })
    const timer = setTimeout(() => {
      socket.destroy()
      reject(new Error('the server kept the connection'))
    }, 30_000)
    socket.on('data', data => answer.push(data))
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(timer)
      resolve(Buffer.concat(answer))
    })
  })
}

/** The first bytes that Node's own client sends. */
function clientHello(): Promise<Buffer> {
  return new Promise(resolve => {
    const trap = net.createServer(socket => socket.once('data', data => {
      resolve(data)
      socket.destroy()
      trap.close()
    }))
    trap.listen(0, '127.0.0.1', () => {
      const { port } = trap.address() as net.AddressInfo
      tls.connect({ host: '127.0.0.1', port, servername: 'localhost' }).on('error', () => {})
    })
  })
}

/** A TLS 1.2 ClientHello with these bytes as its server_name extension. */
function helloWithServerName(extension: Buffer): Buffer {
  const u16 = (value: number) => Buffer.of(value >> 8, value & 0xff)
  const sized = (...parts: Buffer[]) => {
    const body = Buffer.concat(parts)
    return Buffer.concat([u16(body.length), body])
  }
  const groups = Buffer.concat([u16(10), sized(sized(u16(23)))])
  const signatures = Buffer.concat([u16(13), sized(sized(u16(0x0401), u16(0x0804)))])
  const extensions = sized(u16(0), sized(extension), groups, signatures, u16(11), sized(Buffer.of(1, 0)))
  const body = Buffer.concat([u16(0x0303), Buffer.alloc(32, 7), Buffer.of(0), sized(u16(0xc02f), u16(0xc030)), Buffer.of(1, 0), extensions])
  const handshake = Buffer.concat([Buffer.of(1, 0), u16(body.length), body])
  return Buffer.concat([Buffer.of(22, 3, 1), u16(handshake.length), handshake])
}

function serverNames(...names: Buffer[]): Buffer {
  const entries = Buffer.concat(names.map(name => Buffer.concat([Buffer.of(0, name.length >> 8, name.length & 0xff), name])))
  return Buffer.concat([Buffer.of(entries.length >> 8, entries.length & 0xff), entries])
}

describe('a TLS port', () => {
  it('closes on peers that speak something else', async () => {
    const strangers: Record<string, Buffer | string> = {
      'HTTP': 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n',
      'HTTP/2 with prior knowledge': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      'a Kafka ApiVersions request': Buffer.from('000000120012000000000001000474657374', 'hex'),
      'SSH': 'SSH-2.0-OpenSSH_9.6\r\n',
      'SSL 2': Buffer.from('802e0100020015000000100100800200800300800400800500800600400700c0', 'hex'),
      'zeros': Buffer.alloc(4096),
      'ones': Buffer.alloc(4096, 0xff),
      'a TLS record that is longer than any': Buffer.from('160301ffff', 'hex'),
      'a TLS alert': Buffer.from('15030100020228', 'hex'),
      'application data before a handshake': Buffer.from('170303001000000000000000000000000000000000', 'hex'),
    }
    await Promise.all(Object.values(strangers).map(bytes => send(bytes)))
  })

  it('closes on random bytes, whatever they begin with', async () => {
    const random = new Prng(seed)
    const bytes = Array.from({ length: 300 }, () => {
      const some = random.bytes(1 + random.below(600))
      if (random.chance(0.5)) Buffer.from('1603010200010001fc0303', 'hex').copy(some)
      return some
    })
    await Promise.all(bytes.map((some, round) => send(some).catch((error: unknown) => expect.fail(`seed ${seed}, round ${round}: ${String(error)}`))))
  })

  it('waits no longer for a handshake than it says, and serves others meanwhile', async () => {
    const hello = await clientHello()
    const silent = Array.from({ length: 50 }, () => send(''))
    const halves = Array.from({ length: 100 }, (_, index) => send(hello.subarray(0, 1 + (index * hello.length) / 100)))
    const dribbling = Array.from({ length: 20 }, () => send('', socket => {
      let at = 0
      const timer = setInterval(() => (at < hello.length ? socket.write(hello.subarray(at, ++at)) : clearInterval(timer)), 20)
      socket.on('close', () => clearInterval(timer))
    }))
    expect(await echo('served meanwhile')).toBe('served meanwhile')
    await Promise.all([...silent, ...halves, ...dribbling])
  })

  it('survives a handshake with any byte changed', async () => {
    const hello = await clientHello()
    // The first 300 hold everything but the key shares, which are random anyway.
    const damaged = Array.from({ length: 300 }, (_, at) => {
      const copy = Buffer.from(hello)
      copy[at]! ^= 1 << at % 8
      return copy
    })
    // What still is a good hello gets an answer and then the handshake's timeout.
    await Promise.all(damaged.map(bytes => send(bytes)))
  })

  it('survives server names of every kind', async () => {
    const names: Record<string, Buffer> = {
      'none at all': Buffer.alloc(0),
      'an empty list': serverNames(),
      'an empty name': serverNames(Buffer.alloc(0)),
      'one of 255 characters': serverNames(Buffer.alloc(255, 'a')),
      'one of 256 characters': serverNames(Buffer.alloc(256, 'a')),
      'one of 16,000 characters': serverNames(Buffer.alloc(16_000, 'a')),
      'a NUL inside': serverNames(Buffer.from('localhost\0.evil.example')),
      'bytes that are not ASCII': serverNames(Buffer.from('löcalhost')),
      'bytes that are not UTF-8': serverNames(Buffer.from([0xff, 0xfe, 0x00])),
      'a path': serverNames(Buffer.from('../../etc/passwd')),
      'an address': serverNames(Buffer.from('127.0.0.1')),
      'a property of every object': serverNames(Buffer.from('__proto__')),
      'two names': serverNames(Buffer.from('localhost'), Buffer.from('other')),
      'a length past its end': Buffer.from('00ff0000ff61', 'hex'),
    }
    await Promise.all(Object.values(names).map(extension => send(helloWithServerName(extension))))
    // The hello as such is one the server answers.
    expect((await send(helloWithServerName(serverNames(Buffer.from('localhost')))))[0]).toBe(22)
  })

  it('judges nobody whose handshake did not end, and keeps no such connection', async () => {
    const [judged, before] = [events.length, accepted]
    await Promise.all(Array.from({ length: 50 }, () => send('GET / HTTP/1.1\r\n\r\n')))
    expect([events.length, accepted]).toEqual([judged, before])
  })

  it('ends a connection that renegotiates without end, and only that one', async () => {
    const socket = connectAsAdmin({ maxVersion: 'TLSv1.2' })
    const closed = new Promise<void>(resolve => socket.on('close', () => resolve()))
    socket.on('error', () => {})
    socket.on('data', () => {})
    let renegotiated = 0
    const again = (): void => {
      socket.write('x')
      socket.renegotiate({}, error => {
        if (error !== null) return
        renegotiated++
        if (!socket.destroyed && renegotiated < 50) again()
      })
    }
    socket.on('secureConnect', again)
    await closed
    expect(renegotiated).toBeLessThan(10)
  })
})
