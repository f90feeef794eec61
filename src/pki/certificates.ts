// What a server starts with: on the first start it makes a private CA, its own certificate and one for `admin`; on later starts it reads and
// checks them (a few milliseconds, no certificate library), and renews a certificate that is past two thirds of its life or does not fit.
import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import type { Authority } from './authority.ts'
import { createAuthority, issueLeaf, leafDaysMax, loadAuthority, readCertificate, readKey, refuseMismatch, renewAuthority } from './authority.ts'
import type { World } from '../world/world.ts'
import { CertificateError } from './error.ts'
import { CertificateFiles } from './files.ts'
import type { CertificateRequest } from './issue.ts'
import { generateKey } from './issue.ts'
import { readRevoked } from './revocation.ts'

export interface Certificates {
  readonly directory: string
  /** What a TLS listener needs (`tlsOptions` of security/tls.ts). */
  readonly material: {
    readonly certificate: string
    readonly key: string
    readonly authorities: readonly string[]
  }
  /** SHA-256 of the root certificate's DER, as `openssl x509 -fingerprint -sha256` prints it. */
  readonly fingerprint: string
  /** Milliseconds since the epoch. */
  readonly serverValidTo: number
  /** ES256 key (PKCS#8 PEM) that signs tokens. */
  readonly tokenKey: string
  /** Paths for the hints a start prints. */
  readonly paths: { readonly ca: string; readonly adminCertificate: string; readonly adminKey: string }
  /** Names of what was made or renewed by this call, for the operator. */
  readonly made: readonly string[]
}

export interface EnsureOptions {
  readonly world: Pick<World, 'disk' | 'clock'>
  readonly directory: string
  /** DNS names and IP addresses the server is reached by; a change of them renews its certificate. */
  readonly hostnames: readonly string[]
  /** Told what is being made: a first start takes a second or two. */
  readonly onProgress?: (text: string) => void
}

export const serverName = 'server'
export const adminName = 'admin'
export const leafDays = 90
const tokenKeyName = 'token.key'
const hostnamesName = 'hostnames'

/**
 * The names every server is reached by from its own machine, the machine's own where it is one a certificate can hold, and those it was told
 * to listen on or to advertise ('' and "all addresses" are none).
 */
export function localHostnames(machine: string, configured: readonly string[] = []): string[] {
  const named = configured.map(name => name.replace(/%.*$/, '')).filter(name => name !== '' && name !== '0.0.0.0' && name !== '::')
  return [...new Set(['localhost', '127.0.0.1', '::1', ...(isHostname(machine) ? [machine] : []), ...named])]
}

/**
 * Throws CertificateError with one line for the operator. Safe to call from several processes at once.
 * Names that `addHostnames` kept in the directory are added to those given.
 */
export async function ensureCertificates(given: EnsureOptions): Promise<Certificates> {
  given.hostnames.forEach(refuseHostname)
  const files = new CertificateFiles(given.world, given.directory)
  const options = { ...given, hostnames: [...new Set([...given.hostnames, ...(await keptHostnames(files))])] }
  return (await readSettled(files, options)) ?? files.exclusively(() => makeMissing(files, options))
}

/** `readAll` without the lock: while another process replaces a pair, what is read may not fit together, and is read again under the lock. */
async function readSettled(files: CertificateFiles, options: EnsureOptions): Promise<Certificates | undefined> {
  if (await files.hasUnfinishedWrites()) return undefined
  try {
    return await readAll(files, options)
  } catch (error) {
    if (error instanceof CertificateError) return undefined
    throw error
  }
}

/** Keeps further names of the server in the directory: its certificate has them from the next `ensureCertificates` on. */
export async function addHostnames(world: EnsureOptions['world'], directory: string, hostnames: readonly string[]): Promise<void> {
  hostnames.forEach(refuseHostname)
  const files = new CertificateFiles(world, directory)
  await files.exclusively(async () => {
    const names = new Set([...(await keptHostnames(files)), ...hostnames])
    await files.write(hostnamesName, [...names].map(name => `${name}\n`).join(''))
  })
}

async function keptHostnames(files: CertificateFiles): Promise<string[]> {
  const names = ((await files.read(hostnamesName)) ?? '').split('\n').map(line => line.trim()).filter(line => line !== '')
  names.forEach(refuseHostname)
  return names
}

/** A client's identity as the SAN URI that stands beside its CN. */
export function clientUri(name: string): string {
  return `spiffe://sluice.local/client/${name}`
}

export function refuseHostname(name: string): void {
  if (isHostname(name) || (isIP(name) !== 0 && !name.includes('%'))) return
  throw new CertificateError(`${JSON.stringify(name)} is neither a host name nor an IP address, so no certificate can be made for it`)
}

/** RFC 1123, with the underscore that machines are named with all the same; a last label of digits would be an address. */
function isHostname(name: string): boolean {
  return /^(?=.{1,253}$)(?!.*(^|\.)\d+$)[A-Za-z0-9_][A-Za-z0-9_-]{0,62}(\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*$/.test(name)
}

/** Everything, if everything is there and fresh. */
async function readAll(files: CertificateFiles, { hostnames, world }: EnsureOptions, made: readonly string[] = []): Promise<Certificates | undefined> {
  const now = world.clock.now()
  const authority = await loadAuthority(files, now)
  if (authority === undefined) return undefined
  const [server, admin, tokenKey] = await Promise.all([readLeaf(files, serverName), readLeaf(files, adminName), files.readSecret(tokenKeyName)])
  if (server === undefined || admin === undefined || tokenKey === undefined) return undefined
  const isFresh = await freshness(files, authority, now)
  if (!isFresh(server.certificate) || !covers(server.certificate, hostnames) || !isFresh(admin.certificate)) return undefined
  return {
    directory: files.directory,
    material: { certificate: server.pem, key: server.key, authorities: [authority.root, authority.intermediate] },
    fingerprint: new X509Certificate(authority.root).fingerprint256,
    serverValidTo: server.certificate.validToDate.getTime(),
    tokenKey,
    paths: { ca: files.path('ca.pem'), adminCertificate: files.path(`${adminName}.pem`), adminKey: files.path(`${adminName}.key`) },
    made,
  }
}

/** Under the directory's lock: another process may have made all of it meanwhile, or the one before died half way. */
async function makeMissing(files: CertificateFiles, options: EnsureOptions): Promise<Certificates> {
  const { hostnames, world, onProgress = () => {} } = options
  const now = world.clock.now()
  const made: string[] = []
  const announce = (what: string): void => {
    made.push(what)
    onProgress(`making ${what}`)
  }
  await files.finishWrites()
  const existing = await loadAuthority(files, now)
  if (existing === undefined) announce(`a private CA in ${files.directory}`)
  // Keys are independent of each other, so on a first start all are generated at once.
  const keys = { server: existing === undefined ? generateKey('server') : undefined, admin: existing === undefined ? generateKey('client') : undefined }
  const authority = existing === undefined ? await createAuthority(files, caLabel(hostnames), now) : await renewAuthority(files, existing, now)

  const isFresh = await freshness(files, authority, now)
  const server = await readLeaf(files, serverName)
  if (server === undefined || !isFresh(server.certificate) || !covers(server.certificate, hostnames)) {
    announce(`a server certificate for ${hostnames.join(', ')}`)
    await issueLeaf(files, authority, serverName, serverRequest(hostnames, now), keys.server)
  }
  const admin = await readLeaf(files, adminName)
  if (admin === undefined || !isFresh(admin.certificate)) {
    announce(`a client certificate for ${adminName}`)
    await issueLeaf(files, authority, adminName, clientRequest(adminName, now, leafDays), keys.admin)
  }
  if ((await files.readSecret(tokenKeyName)) === undefined) await files.write(tokenKeyName, makeTokenKey())
  const all = await readAll(files, options, made)
  if (all === undefined) throw new CertificateError(`the certificates in ${files.directory} changed while they were being made`)
  return all
}

export function serverRequest(hostnames: readonly string[], now: number, days = leafDays): Omit<CertificateRequest, 'publicKey'> {
  return { profile: 'server', commonName: hostnames.find(name => name.length <= commonNameMax) ?? 'sluice', hostnames, now, days }
}

export function clientRequest(name: string, now: number, days: number): Omit<CertificateRequest, 'publicKey'> {
  return { profile: 'client', commonName: name, uri: clientUri(name), now, days: Math.min(days, leafDaysMax) }
}

/** X.520 bounds a common name. */
const commonNameMax = 64

interface Leaf {
  /** The whole chain. */
  readonly pem: string
  readonly key: string
  readonly certificate: X509Certificate
}

async function readLeaf(files: CertificateFiles, name: string): Promise<Leaf | undefined> {
  const [pem, key] = await Promise.all([files.read(`${name}.pem`), files.readSecret(`${name}.key`)])
  if (pem === undefined && key === undefined) return undefined
  if (pem === undefined || key === undefined) {
    const [missing, kept] = (pem === undefined ? ['pem', 'key'] : ['key', 'pem']).map(suffix => files.path(`${name}.${suffix}`))
    throw new CertificateError(`${missing} is missing, but ${kept} is there: put it back, or remove both to have them issued again`)
  }
  const certificate = readCertificate(pem, files.path(`${name}.pem`))
  refuseMismatch(certificate, readKey(key, files.path(`${name}.key`)), files, name)
  return { pem, key, certificate }
}

/** Tells which certificates need not be renewed: issued by this authority, in the first two thirds of their life, not withdrawn. */
async function freshness(files: CertificateFiles, authority: Authority, now: number): Promise<(certificate: X509Certificate) => boolean> {
  const revoked = await readRevoked(files)
  const issuer = new X509Certificate(authority.intermediate).publicKey
  return certificate => {
    const begin = certificate.validFromDate.getTime()
    const end = certificate.validToDate.getTime()
    return begin <= now && now < begin + (end - begin) * (2 / 3) && !revoked.has(certificate.serialNumber) && certificate.verify(issuer)
  }
}

function covers(certificate: X509Certificate, hostnames: readonly string[]): boolean {
  return hostnames.every(name => (isIP(name) !== 0 ? certificate.checkIP(name) : certificate.checkHost(name, { subject: 'never' })) !== undefined)
}

function caLabel(hostnames: readonly string[]): string {
  const machine = hostnames.find(name => isIP(name) === 0 && name !== 'localhost')
  return `Sluice CA ${machine ?? 'localhost'}`.slice(0, commonNameMax - ' intermediate'.length)
}

function makeTokenKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
}
