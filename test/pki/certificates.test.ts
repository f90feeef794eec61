import { execFileSync } from 'node:child_process'
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import { chmodSync, copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addHostnames, ensureCertificates, localHostnames } from '../../src/pki/certificates.ts'
import type { Certificates } from '../../src/pki/certificates.ts'
import { CertificateError } from '../../src/pki/error.ts'
import { nodeWorld } from '../../src/world/node.ts'
import type { World } from '../../src/world/world.ts'

const dayMs = 86_400_000
const hostnames = localHostnames('edge-7')

// RSA-4096 keys are slow to find, so one directory is made, and each test works on a copy.
let root: string
let template: string
let first: Certificates

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'sluice-pki-'))
  template = join(root, 'template')
  first = await ensureCertificates({ world: nodeWorld(), directory: template, hostnames })
})

afterAll(() => rmSync(root, { recursive: true, force: true }))

function copy(): string {
  const directory = mkdtempSync(join(root, 'copy-'))
  for (const name of readdirSync(template)) copyFileSync(join(template, name), join(directory, name))
  return directory
}

function worldAt(ms: number): World {
  const world = nodeWorld()
  return { ...world, clock: { now: () => ms, monotonic: () => world.clock.monotonic(), after: (delay, task) => world.clock.after(delay, task) } }
}

const ensure = (directory: string, world: World = nodeWorld(), names: readonly string[] = hostnames) =>
  ensureCertificates({ world, directory, hostnames: names })
const certificate = (directory: string, name: string) => new X509Certificate(readFileSync(join(directory, `${name}.pem`)))
const days = (one: X509Certificate) => (one.validToDate.getTime() - one.validFromDate.getTime()) / dayMs

describe('the first start', () => {
  it('makes a CA, the server\'s certificate and admin\'s, all private to their owner', () => {
    expect(first.made).toHaveLength(3)
    expect(readdirSync(template).sort()).toEqual([
      'admin.key', 'admin.pem', 'ca.key', 'ca.pem', 'intermediate.key', 'intermediate.pem', 'server.key', 'server.pem', 'token.key',
    ])
    for (const name of readdirSync(template)) expect(statSync(join(template, name)).mode & 0o777, name).toBe(0o600)
    expect(first.fingerprint).toBe(certificate(template, 'ca').fingerprint256)
  })

  it('gives every certificate its profile', () => {
    const text = (name: string) => execFileSync('openssl', ['x509', '-in', join(template, `${name}.pem`), '-noout', '-text'], { encoding: 'utf8' })
    const expectations = {
      ca: ['(4096 bit)', 'CA:TRUE, pathlen:1', 'Certificate Sign, CRL Sign'],
      intermediate: ['(3072 bit)', 'CA:TRUE, pathlen:0', 'Certificate Sign, CRL Sign'],
      server: [
        '(2048 bit)', 'CA:FALSE', 'Digital Signature', 'TLS Web Server Authentication',
        'DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, DNS:edge-7',
      ],
      admin: ['(2048 bit)', 'CA:FALSE', 'Digital Signature', 'TLS Web Client Authentication', 'URI:spiffe://sluice.local/client/admin', 'CN = admin'],
    }
    const always = [
      'sha256WithRSAEncryption', 'X509v3 Basic Constraints: critical', 'X509v3 Key Usage: critical', 'Subject Key Identifier', 'Authority Key Identifier',
    ]
    if (!hasOpenssl()) return console.log('skipped: openssl is not installed')
    for (const [name, parts] of Object.entries(expectations)) {
      const shown = text(name)
      for (const part of [...parts, ...always]) expect(shown, name).toContain(part)
    }
    expect(text('server')).not.toContain('Client Authentication')
    expect(text('admin')).not.toContain('Server Authentication')
  })

  it('chains leaf to intermediate to root, each signed by the next and no longer-lived than it', () => {
    const read = (name: string) => certificate(template, name)
    const [ca, intermediate, server, admin] = [read('ca'), read('intermediate'), read('server'), read('admin')]
    for (const [subject, issuer] of [[ca, ca], [intermediate, ca], [server, intermediate], [admin, intermediate]] as const) {
      expect(subject.checkIssued(issuer)).toBe(true)
      expect(subject.verify(issuer.publicKey)).toBe(true)
      expect(subject.validToDate.getTime()).toBeLessThanOrEqual(issuer.validToDate.getTime())
    }
    expect([ca.ca, intermediate.ca, server.ca, admin.ca]).toEqual([true, true, false, false])
  })

  it('passes OpenSSL\'s strict check for its purpose and fails it for the other', () => {
    if (!hasOpenssl()) return console.log('skipped: openssl is not installed')
    const path = (name: string) => join(template, `${name}.pem`)
    const verify = (name: string, purpose: string) => execFileSync('openssl', [
      'verify', '-x509_strict', '-purpose', purpose, '-CAfile', path('ca'), '-untrusted', path('intermediate'), path(name),
    ], { stdio: 'pipe' })
    verify('server', 'sslserver')
    verify('admin', 'sslclient')
    expect(() => verify('server', 'sslclient')).toThrow()
    expect(() => verify('admin', 'sslserver')).toThrow()
  })

  it('begins five minutes in the past, for clocks that are behind', () => {
    const { mtimeMs } = statSync(join(template, 'server.pem'))
    expect(Math.abs(mtimeMs - 5 * 60_000 - certificate(template, 'server').validFromDate.getTime())).toBeLessThan(60_000)
  })

  it('draws serial numbers of 128 bits that are positive and differ', () => {
    const serials = ['ca', 'intermediate', 'server', 'admin'].map(name => certificate(template, name).serialNumber)
    for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9A-F]{31}$/)
    expect(new Set(serials).size).toBe(4)
  })

  it('uses another key for each', () => {
    const publicKey = (name: string) => createPublicKey(createPrivateKey(readFileSync(join(template, `${name}.key`))))
    const keys = ['ca', 'intermediate', 'server', 'admin', 'token'].map(name => publicKey(name).export({ type: 'spki', format: 'der' }).toString('hex'))
    expect(new Set(keys).size).toBe(5)
  })

  it('may happen in two processes at once', async () => {
    const directory = join(root, 'raced')
    const [one, other] = await Promise.all([ensure(directory), ensure(directory)])
    expect(one.fingerprint).toBe(other.fingerprint)
    expect(one.material).toEqual(other.material)
  })

  it('refuses a name that no certificate can hold', async () => {
    await expect(ensure(join(root, 'none'), nodeWorld(), ['spaced out'])).rejects.toThrow('"spaced out" is neither a host name nor an IP address')
    for (const name of ['999.1.1.1', 'a:b', 'fe80::1%eth0', '1.2.3', 'a..b', '', '-a', `${'a'.repeat(64)}.example`, '*.example']) {
      await expect(ensure(join(root, 'none'), nodeWorld(), [name]), name).rejects.toThrow('is neither a host name nor an IP address')
    }
  })

  it('takes its names from the machine and the settings', () => {
    expect(localHostnames('edge-7')).toEqual(['localhost', '127.0.0.1', '::1', 'edge-7'])
    const configured = ['', '0.0.0.0', '::', 'localhost', '10.0.0.1', 'fe80::1%eth0', 'kafka.example']
    expect(localHostnames('bad host', configured)).toEqual(['localhost', '127.0.0.1', '::1', '10.0.0.1', 'fe80::1', 'kafka.example'])
  })
})

describe('a later start', () => {
  it('makes nothing where all is there', async () => {
    const again = await ensure(copy())
    expect(again.made).toEqual([])
    expect(again.material).toEqual(first.material)
    expect(again.tokenKey).toBe(first.tokenKey)
  })

  it('renews the server\'s certificate when a host name is new', async () => {
    const directory = copy()
    const again = await ensure(directory, nodeWorld(), [...hostnames, 'edge.example', '10.1.2.3'])
    expect(again.made).toEqual(['a server certificate for localhost, 127.0.0.1, ::1, edge-7, edge.example, 10.1.2.3'])
    expect(certificate(directory, 'server').checkHost('edge.example')).toBe('edge.example')
    expect(certificate(directory, 'server').checkIP('10.1.2.3')).toBe('10.1.2.3')
    expect(readFileSync(join(directory, 'ca.pem'), 'utf8')).toBe(readFileSync(join(template, 'ca.pem'), 'utf8'))
  })

  it('keeps names that were added, through every renewal', async () => {
    const directory = copy()
    await addHostnames(nodeWorld(), directory, ['kafka.example'])
    await addHostnames(nodeWorld(), directory, ['10.9.8.7', 'kafka.example'])
    const made = certificate(directory, 'server').validFromDate.getTime()
    for (const at of [made + dayMs, made + 70 * dayMs]) {
      await ensure(directory, worldAt(at))
      expect(certificate(directory, 'server').checkHost('kafka.example')).toBe('kafka.example')
      expect(certificate(directory, 'server').checkIP('10.9.8.7')).toBe('10.9.8.7')
    }
    expect((await ensure(directory, worldAt(made + 71 * dayMs))).made).toEqual([])
    await expect(addHostnames(nodeWorld(), directory, ['no name'])).rejects.toThrow('"no name" is neither')
  })

  it('renews leaves past two thirds of their life, and not before', async () => {
    const directory = copy()
    const made = certificate(directory, 'server').validFromDate.getTime()
    expect((await ensure(directory, worldAt(made + 59 * dayMs))).made).toEqual([])
    const renewed = await ensure(directory, worldAt(made + 61 * dayMs))
    expect(renewed.made).toEqual([expect.stringContaining('a server certificate'), 'a client certificate for admin'])
    expect(certificate(directory, 'server').validToDate.getTime()).toBeGreaterThan(made + 150 * dayMs)
    expect(days(certificate(directory, 'server'))).toBeCloseTo(90, 0)
  })

  it('replaces an intermediate that is near its end, with the root\'s key', async () => {
    const directory = copy()
    const at = certificate(directory, 'intermediate').validToDate.getTime() - 300 * dayMs
    await ensure(directory, worldAt(at))
    expect(certificate(directory, 'intermediate').validToDate.getTime()).toBeGreaterThan(at + 1000 * dayMs)
    expect(certificate(directory, 'server').verify(certificate(directory, 'intermediate').publicKey)).toBe(true)
    expect(certificate(directory, 'ca').fingerprint256).toBe(first.fingerprint)
  })

  it('goes on without the root\'s key, until the intermediate has expired', async () => {
    const directory = copy()
    rmSync(join(directory, 'ca.key'))
    const end = certificate(directory, 'intermediate').validToDate.getTime()
    await ensure(directory, worldAt(end - 10 * dayMs))
    expect(certificate(directory, 'server').validToDate.getTime()).toBe(end)
    await expect(ensure(directory, worldAt(end + dayMs))).rejects.toThrow(/intermediate\.pem expired on .* and .*ca\.key is not here/)
  })

  it('finishes what died between a key and its certificate', async () => {
    const directory = copy()
    const replaced = await ensure(copy(), nodeWorld(), ['localhost', 'other.example'])
    // The new key is in place, its certificate is not yet.
    writeFileSync(join(directory, 'server.pem.next'), readFileSync(join(replaced.directory, 'server.pem')))
    writeFileSync(join(directory, 'server.key'), readFileSync(join(replaced.directory, 'server.key')))
    const again = await ensure(directory, nodeWorld(), ['localhost', 'other.example'])
    expect(again.material.certificate).toBe(replaced.material.certificate)
    expect(existsSync(join(directory, 'server.pem.next'))).toBe(false)
  })

  it('undoes what died before the key was replaced', async () => {
    const directory = copy()
    const replaced = await ensure(copy(), nodeWorld(), ['localhost', 'other.example'])
    writeFileSync(join(directory, 'server.pem.next'), readFileSync(join(replaced.directory, 'server.pem')))
    expect((await ensure(directory)).material).toEqual(first.material)
    expect(readdirSync(directory).filter(name => name.endsWith('.next'))).toEqual([])
  })
})

describe('what is wrong in the directory stops the start with one line', () => {
  const cases: { name: string; break: (directory: string) => void; line: RegExp }[] = [
    {
      name: 'a key that others can read',
      break: directory => chmodSync(join(directory, 'server.key'), 0o644),
      line: /server\.key has mode 0644; only its owner may have access/,
    },
    {
      name: 'a key of another certificate',
      break: directory => copyFileSync(join(directory, 'admin.key'), join(directory, 'server.key')),
      line: /server\.key is not the key of .*server\.pem/,
    },
    {
      name: 'a missing key',
      break: directory => rmSync(join(directory, 'admin.key')),
      line: /admin\.key is missing, but .*admin\.pem is there/,
    },
    {
      name: 'a missing root',
      break: directory => rmSync(join(directory, 'ca.pem')),
      line: /ca\.pem is missing, but .*intermediate\.pem is there/,
    },
    {
      name: 'a missing intermediate',
      break: directory => rmSync(join(directory, 'intermediate.pem')),
      line: /intermediate\.pem is missing, but .*admin\.pem is there/,
    },
    {
      name: 'an intermediate of another CA',
      break: directory => renameSync(join(directory, 'server.pem'), join(directory, 'intermediate.pem')),
      line: /intermediate\.pem was not issued by .*ca\.pem/,
    },
    {
      name: 'text that is no certificate',
      break: directory => writeFileSync(join(directory, 'ca.pem'), 'hello'),
      line: /ca\.pem is not a PEM certificate/,
    },
    {
      name: 'text that is no key',
      break: directory => writeFileSync(join(directory, 'admin.key'), 'hello'),
      line: /admin\.key is not a PEM private key/,
    },
    {
      name: 'a huge file',
      break: directory => writeFileSync(join(directory, 'server.pem'), Buffer.alloc(2 ** 21)),
      line: /server\.pem: it has 2097152 bytes/,
    },
  ]
  for (const { name, break: damage, line } of cases) {
    it(`: ${name}`, async () => {
      const directory = copy()
      damage(directory)
      const error: unknown = await ensure(directory).catch((caught: unknown) => caught)
      expect(error).toBeInstanceOf(CertificateError)
      expect((error as Error).message).toMatch(line)
      expect((error as Error).message).not.toContain('\n')
    })
  }

  it(': an expired CA', async () => {
    const directory = copy()
    const end = certificate(directory, 'ca').validToDate.getTime()
    await expect(ensure(directory, worldAt(end + 1))).rejects.toThrow(/ca\.pem expired on \d{4}-\d\d-\d\d: move the directory away/)
  })

  it(': a clock that is years behind', async () => {
    await expect(ensure(copy(), worldAt(Date.parse('2020-01-01')))).rejects.toThrow(/ca\.pem is valid from .* and the clock of this machine says 2020-01-01/)
  })

  it(': a file where the directory should be', async () => {
    const path = join(root, 'file')
    writeFileSync(path, '')
    await expect(ensure(path)).rejects.toThrow(CertificateError)
  })
})

function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version'])
    return true
  } catch {
    return false
  }
}
