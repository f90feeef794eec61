// Certificates beyond the server's own: issued by name, listed, shown and bundled for the programs that use them.
import { X509Certificate } from 'node:crypto'
import { resolve } from 'node:path'
import type { World } from '../world/world.ts'
import type { Authority } from './authority.ts'
import { intermediateName, issueLeaf, leafDaysMax, loadAuthority, readCertificate, renewAuthority, rootName } from './authority.ts'
import { adminName, clientRequest, refuseHostname, serverName, serverRequest } from './certificates.ts'
import { CertificateError } from './error.ts'
import { CertificateFiles } from './files.ts'
import { keyStore } from './key-store.ts'
import type { Revoked } from './revocation.ts'
import { readRevoked } from './revocation.ts'

export interface IssueOptions {
  readonly world: Pick<World, 'disk' | 'clock'>
  readonly directory: string
  /** The client's name: its CN, and its principal `User:CN=name`. Also the name of its files. */
  readonly name: string
  /** With names, a server's certificate is made for them, which no client can use; without, a client's. */
  readonly hostnames: readonly string[]
  readonly days: number
  /** Where NAME.pem, NAME.key, ca.pem and client configs go; the certificate directory where absent. */
  readonly out?: string
  /** Protects NAME.p12, which is made only with it. */
  readonly passphrase?: string
  /** Whether a certificate of that name may be there already. */
  readonly replace: boolean
}

export interface KnownCertificate {
  readonly name: string
  readonly kind: 'ca' | 'server' | 'client'
  readonly certificate: X509Certificate
  readonly state: 'valid' | 'expired' | 'revoked'
}

/** Issues a certificate and returns the paths of what was written. Throws CertificateError with one line for the operator. */
export async function issue(options: IssueOptions): Promise<string[]> {
  const { name, world } = options
  const now = world.clock.now()
  refuseName(name)
  if (!(Number.isInteger(options.days) && options.days >= 1 && options.days <= leafDaysMax)) {
    throw new CertificateError(`--days ${options.days}: a certificate lives 1 to ${leafDaysMax} days`)
  }
  options.hostnames.forEach(refuseHostname)
  const files = new CertificateFiles(world, options.directory)
  const out = new CertificateFiles(world, options.out ?? options.directory)
  const { authority, pair } = await files.exclusively(async () => {
    await files.finishWrites()
    const existing = await loadAuthority(files, now)
    if (existing === undefined) throw new CertificateError(`there is no CA in ${options.directory}: run sluice certs init, or start the server once`)
    if (!options.replace && (await files.read(`${name}.pem`)) !== undefined) {
      throw new CertificateError(`${files.path(`${name}.pem`)} exists: give another name, or --replace to issue it again with a new key`)
    }
    const renewed = await renewAuthority(files, existing, now)
    const request = options.hostnames.length === 0 ? clientRequest(name, now, options.days) : serverRequest(options.hostnames, now, options.days)
    return { authority: renewed, pair: await issueLeaf(files, renewed, name, request) }
  })
  return writeBundle(out, files, { name, authority, pair, isClient: options.hostnames.length === 0, passphrase: options.passphrase })
}

/** Every certificate in the directory, the CA first. */
export async function listCertificates(world: Pick<World, 'disk' | 'clock'>, directory: string): Promise<KnownCertificate[]> {
  const now = world.clock.now()
  const files = new CertificateFiles(world, directory)
  const revoked = await readRevoked(files)
  const names = (await files.list()).filter(file => file.endsWith('.pem')).map(file => file.slice(0, -'.pem'.length))
  const known: KnownCertificate[] = []
  for (const name of names) {
    const pem = await files.read(`${name}.pem`)
    if (pem === undefined) continue
    const certificate = readCertificate(pem, files.path(`${name}.pem`))
    known.push({ name, kind: kindOf(certificate), certificate, state: stateOf(certificate, revoked, now) })
  }
  return known.sort((a, b) => Number(b.kind === 'ca') - Number(a.kind === 'ca'))
}

function kindOf(certificate: X509Certificate): KnownCertificate['kind'] {
  if (certificate.ca) return 'ca'
  return certificate.keyUsage?.includes(serverAuth) === true ? 'server' : 'client'
}

/** Node calls the extended key usage `keyUsage` and gives its OIDs. */
const serverAuth = '1.3.6.1.5.5.7.3.1'

function stateOf(certificate: X509Certificate, revoked: ReadonlyMap<string, Revoked>, now: number): KnownCertificate['state'] {
  if (revoked.has(certificate.serialNumber)) return 'revoked'
  return certificate.validToDate.getTime() <= now ? 'expired' : 'valid'
}

interface Bundle {
  readonly name: string
  readonly authority: Authority
  readonly pair: { readonly certificate: string; readonly key: string }
  readonly isClient: boolean
  readonly passphrase: string | undefined
}

async function writeBundle(out: CertificateFiles, files: CertificateFiles, bundle: Bundle): Promise<string[]> {
  const { name, pair, authority } = bundle
  const contents: { file: string; text: string | Buffer }[] = []
  const isElsewhere = resolve(out.directory) !== resolve(files.directory)
  if (isElsewhere) {
    contents.push({ file: `${name}.pem`, text: pair.certificate }, { file: `${name}.key`, text: pair.key })
    contents.push({ file: 'ca.pem', text: authority.root })
  }
  if (bundle.isClient) contents.push({ file: `client-${name}.properties`, text: librdkafkaConfig(out, name) })
  if (bundle.passphrase !== undefined) contents.push({ file: `${name}.p12`, text: await keyStore(name, pair, authority.root, bundle.passphrase) })
  await out.exclusively(async () => {
    for (const { file, text } of contents) await out.write(file, text)
  })
  const written = contents.map(({ file }) => out.path(file))
  return isElsewhere ? written : [files.path(`${name}.pem`), files.path(`${name}.key`), ...written]
}

/** For kcat -F and every other client that is built on librdkafka. */
function librdkafkaConfig(out: CertificateFiles, name: string): string {
  const path = (file: string): string => resolve(out.path(file))
  return [
    'security.protocol=ssl',
    `ssl.ca.location=${path('ca.pem')}`,
    `ssl.certificate.location=${path(`${name}.pem`)}`,
    `ssl.key.location=${path(`${name}.key`)}`,
    '',
  ].join('\n')
}

/** A name becomes a file name, a CN and part of a URI. */
export function refuseName(name: string): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name)) {
    throw new CertificateError(`${JSON.stringify(name)} cannot name a certificate: use 1 to 63 of A-Z a-z 0-9 . _ -, beginning with a letter or digit`)
  }
  if ([rootName, intermediateName, serverName, 'token', 'kek'].includes(name)) {
    throw new CertificateError(`the name ${name} is taken: the server keeps its own files under it`)
  }
  if (name === adminName) throw new CertificateError(`the name ${adminName} is taken: the server issues and renews that certificate itself`)
}
