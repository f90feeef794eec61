import { createPrivateKey, X509Certificate } from 'node:crypto'
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSecureContext } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Certificates } from '../../src/pki/certificates.ts'
import { ensureCertificates } from '../../src/pki/certificates.ts'
import type { IssueOptions } from '../../src/pki/clients.ts'
import { issue, listCertificates } from '../../src/pki/clients.ts'
import { keepRenewed } from '../../src/pki/renewal.ts'
import { RevocationList, revoke } from '../../src/pki/revocation.ts'
import { nodeWorld } from '../../src/world/node.ts'
import type { Clock } from '../../src/world/world.ts'

const world = nodeWorld()
const patient = { timeout: 60_000 }
const hostnames = ['localhost']
let root: string
let template: string

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'sluice-clients-'))
  template = join(root, 'template')
  await ensureCertificates({ world, directory: template, hostnames })
})

afterAll(() => rmSync(root, { recursive: true, force: true }))

function copy(): string {
  const directory = mkdtempSync(join(root, 'copy-'))
  for (const name of readdirSync(template)) copyFileSync(join(template, name), join(directory, name))
  return directory
}

const issueIn = (directory: string, name: string, change: Partial<IssueOptions> = {}) =>
  issue({ world, directory, name, hostnames: [], days: 90, replace: false, ...change })
const certificateAt = (path: string) => new X509Certificate(readFileSync(path))

/** A logger that keeps what it is told. */
function recorder() {
  const errors: object[] = []
  return { errors, logger: { debug() {}, info() {}, warn() {}, error: (fields: object) => void errors.push(fields) } }
}

/** A clock whose timers run when the test says. */
function manualClock() {
  let tasks: (() => void)[] = []
  let skewMs = 0
  const clock: Clock = {
    now: () => Date.now() + skewMs,
    monotonic: () => performance.now(),
    after: (_delayMs, task) => {
      tasks.push(task)
      const cancel = (): void => void (tasks = tasks.filter(one => one !== task))
      return { cancel, [Symbol.dispose]: cancel }
    },
  }
  const tick = (): void => tasks.splice(0).forEach(task => task())
  return { clock, tick, skip: (ms: number) => { skewMs += ms }, waiting: () => tasks.length }
}

describe('issuing a client\'s certificate', () => {
  it('writes chain, key and a librdkafka config, all for the owner alone', async () => {
    const directory = copy()
    const written = await issueIn(directory, 'alice')
    expect(written).toEqual(['alice.pem', 'alice.key', 'client-alice.properties'].map(name => join(directory, name)))
    for (const path of written) expect(statSync(path).mode & 0o777).toBe(0o600)
    const leaf = certificateAt(join(directory, 'alice.pem'))
    expect(leaf.subject).toBe('CN=alice')
    expect(leaf.subjectAltName).toBe('URI:spiffe://sluice.local/client/alice')
    expect(leaf.checkPrivateKey(createPrivateKey(readFileSync(join(directory, 'alice.key'))))).toBe(true)
    expect(readFileSync(join(directory, 'client-alice.properties'), 'utf8').split('\n')).toEqual([
      'security.protocol=ssl',
      `ssl.ca.location=${directory}/ca.pem`,
      `ssl.certificate.location=${directory}/alice.pem`,
      `ssl.key.location=${directory}/alice.key`,
      '',
    ])
  })

  it('can hand everything over in a directory of its own', async () => {
    const directory = copy()
    const out = join(directory, 'for-bob')
    await issueIn(directory, 'bob', { out })
    expect(readdirSync(out).sort()).toEqual(['bob.key', 'bob.pem', 'ca.pem', 'client-bob.properties'])
    expect(readFileSync(join(out, 'client-bob.properties'), 'utf8')).toContain(`ssl.key.location=${out}/bob.key`)
  })

  it('makes a key store that TLS loads with its passphrase, and not with another', async () => {
    const directory = copy()
    await issueIn(directory, 'carol', { passphrase: 'correct horse' })
    const pfx = readFileSync(join(directory, 'carol.p12'))
    expect(() => createSecureContext({ pfx, passphrase: 'correct horse' })).not.toThrow()
    expect(() => createSecureContext({ pfx, passphrase: 'wrong' })).toThrow()
    await issueIn(directory, 'dave')
    expect(existsSync(join(directory, 'dave.p12'))).toBe(false)
  })

  it('issues for as many days as asked, never past its issuer', async () => {
    const directory = copy()
    await issueIn(directory, 'short', { days: 1 })
    const leaf = certificateAt(join(directory, 'short.pem'))
    expect(leaf.validToDate.getTime() - Date.now()).toBeLessThanOrEqual(86_400_000)
    for (const days of [0, -1, 1.5, 399, Number.NaN]) {
      await expect(issueIn(directory, 'x', { days })).rejects.toThrow(`--days ${days}: a certificate lives 1 to 398 days`)
    }
  })

  it('issues a server\'s certificate where names are given', async () => {
    const directory = copy()
    await issueIn(directory, 'web', { hostnames: ['web.example', '10.0.0.9'] })
    const leaf = certificateAt(join(directory, 'web.pem'))
    expect([leaf.checkHost('web.example'), leaf.checkIP('10.0.0.9'), leaf.checkHost('other.example')]).toEqual(['web.example', '10.0.0.9', undefined])
    expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1'])
    expect(existsSync(join(directory, 'client-web.properties'))).toBe(false)
    await expect(issueIn(directory, 'web2', { hostnames: ['*.example'] })).rejects.toThrow('"*.example" is neither a host name nor an IP address')
  })

  it('never overwrites a certificate unasked, and gives a new key when asked', async () => {
    const directory = copy()
    await issueIn(directory, 'alice')
    const before = readFileSync(join(directory, 'alice.key'), 'utf8')
    await expect(issueIn(directory, 'alice')).rejects.toThrow(/alice\.pem exists: .* --replace/)
    expect(readFileSync(join(directory, 'alice.key'), 'utf8')).toBe(before)
    await issueIn(directory, 'alice', { replace: true })
    expect(readFileSync(join(directory, 'alice.key'), 'utf8')).not.toBe(before)
  })

  it('refuses names that are paths, or taken', async () => {
    const directory = copy()
    for (const name of ['', '.', '..', '../x', 'a/b', 'a b', '-x', 'x'.repeat(64), 'ünï', 'a\n']) {
      await expect(issueIn(directory, name), name).rejects.toThrow('cannot name a certificate')
    }
    for (const name of ['ca', 'intermediate', 'server', 'token', 'kek', 'admin']) {
      await expect(issueIn(directory, name), name).rejects.toThrow(`the name ${name} is taken`)
    }
  })

  it('says what to do where there is no CA', async () => {
    await expect(issueIn(join(root, 'empty'), 'alice')).rejects.toThrow(/there is no CA in .*: run sluice certs init/)
  })
})

describe('withdrawing', () => {
  it('is listed, and comes once however often it is asked for', async () => {
    const directory = copy()
    await issueIn(directory, 'alice')
    await issueIn(directory, 'bob')
    const first = await revoke(world, directory, 'alice')
    expect(await revoke(world, directory, 'alice')).toEqual(first)
    expect((await listCertificates(world, directory)).map(({ name, kind, state }) => `${name} ${kind} ${state}`)).toEqual([
      'ca ca valid', 'intermediate ca valid', 'admin client valid', 'alice client revoked', 'bob client valid', 'server server valid',
    ])
    expect(readFileSync(join(directory, 'revoked.jsonl'), 'utf8').trim().split('\n')).toHaveLength(1)
  })

  it('reaches a certificate that was replaced by its serial number', async () => {
    const directory = copy()
    await issueIn(directory, 'alice')
    const { serialNumber } = certificateAt(join(directory, 'alice.pem'))
    await issueIn(directory, 'alice', { replace: true })
    await revoke(world, directory, serialNumber.toLowerCase())
    using list = await RevocationList.open({ world, directory, logger: recorder().logger })
    expect(list.isRevoked(serialNumber)).toBe(true)
    expect(list.isRevoked(certificateAt(join(directory, 'alice.pem')).serialNumber)).toBe(false)
  })

  it('refuses what it cannot mean', async () => {
    const directory = copy()
    await expect(revoke(world, directory, 'ca')).rejects.toThrow('ca is a CA')
    await expect(revoke(world, directory, 'nobody')).rejects.toThrow('"nobody" is not a serial number')
    await expect(revoke(world, directory, '../admin')).rejects.toThrow('"../admin" is not a serial number')
  })

  it('of the server\'s or admin\'s certificate has it issued anew at the next start', async () => {
    const directory = copy()
    await revoke(world, directory, 'admin')
    const again = await ensureCertificates({ world, directory, hostnames })
    expect(again.made).toEqual(['a client certificate for admin'])
  })

  it('reaches a running server, and ends what stands', async () => {
    const directory = copy()
    await issueIn(directory, 'alice')
    const { serialNumber } = certificateAt(join(directory, 'alice.pem'))
    const { clock, tick, waiting } = manualClock()
    const { logger } = recorder()
    const list = await RevocationList.open({ world: { ...world, clock }, directory, logger })
    const ended = Promise.withResolvers<void>()
    let endedOther = false
    list.onRevoked(serialNumber, () => ended.resolve())
    using _other = list.onRevoked('00', () => { endedOther = true })
    list.onRevoked(serialNumber, () => ended.reject(new Error('ended though it was given up')))[Symbol.dispose]()

    await revoke(world, directory, 'alice')
    expect(list.isRevoked(serialNumber)).toBe(false)
    tick()
    await ended.promise
    expect([list.isRevoked(serialNumber), endedOther]).toEqual([true, false])
    list[Symbol.dispose]()
    await new Promise(resolve => setImmediate(resolve))
    expect(waiting()).toBe(0)
  })

  it('stays in force when the list is damaged, and says so; a start refuses', async () => {
    const directory = copy()
    await issueIn(directory, 'alice')
    const { serialNumber } = await revoke(world, directory, 'alice')
    const { clock, tick, waiting } = manualClock()
    const { logger, errors } = recorder()
    using list = await RevocationList.open({ world: { ...world, clock }, directory, logger })
    writeFileSync(join(directory, 'revoked.jsonl'), '{"serialNumber":7}\n')
    tick()
    await expect.poll(waiting, patient).toBe(1)
    expect(list.isRevoked(serialNumber)).toBe(true)
    expect(errors).toEqual([{ error: expect.stringContaining('revoked.jsonl:1 is not a withdrawn certificate') as string }])
    await expect(RevocationList.open({ world, directory, logger })).rejects.toThrow('revoked.jsonl:1')
  })
})

describe('a running server\'s certificate', () => {
  it('is renewed in time, and given to the listeners once', async () => {
    const directory = copy()
    const { clock, tick, skip, waiting } = manualClock()
    const { logger, errors } = recorder()
    const current = await ensureCertificates({ world, directory, hostnames })
    const renewed: string[] = []
    const onRenewed = ({ material }: Certificates) => renewed.push(material.certificate)
    using _renewal = keepRenewed({ world: { ...world, clock }, directory, hostnames, logger, current, onRenewed })
    const look = async () => {
      tick()
      await expect.poll(waiting, patient).toBe(1)
    }
    await look()
    expect(renewed).toEqual([])
    skip(61 * 86_400_000)
    await look()
    await look()
    expect(renewed).toEqual([readFileSync(join(directory, 'server.pem'), 'utf8')])
    expect(errors).toEqual([])
  })

  it('stays as it is when it cannot be renewed, and the operator is told', async () => {
    const directory = copy()
    const { clock, tick, waiting, skip } = manualClock()
    const { logger, errors } = recorder()
    const current = await ensureCertificates({ world, directory, hostnames })
    rmSync(join(directory, 'intermediate.key'))
    skip(61 * 86_400_000)
    const onRenewed = () => { throw new Error('nothing was renewed') }
    using _renewal = keepRenewed({ world: { ...world, clock }, directory, hostnames, logger, current, onRenewed })
    tick()
    await expect.poll(waiting, patient).toBe(1)
    expect(errors).toEqual([expect.objectContaining({ error: expect.stringContaining('intermediate.key is missing') as string })])
  })
})
