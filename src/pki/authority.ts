// The private certificate authority: a root that clients trust and an intermediate that issues. The root's key is needed for a new
// intermediate only, so it may be kept elsewhere; everything in daily use is signed by the intermediate.
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { CertificateError } from './error.ts'
import type { CertificateFiles } from './files.ts'
import type { CertificateRequest, Issuer } from './issue.ts'
import { generateKey, issueCertificate } from './issue.ts'

export interface Authority {
  /** PEM of the root, the one certificate that clients need. */
  readonly root: string
  /** PEM of the intermediate, sent along with each leaf. */
  readonly intermediate: string
}

export const rootName = 'ca'
export const intermediateName = 'intermediate'

const rootDays = 3650
const intermediateDays = 1095
/** An intermediate this close to its end is replaced, so that what it issues can live as long as it should. */
export const leafDaysMax = 398
const dayMs = 86_400_000

/**
 * The authority in the directory, or undefined where none was finished. Throws CertificateError where it is damaged, incomplete or expired.
 * `now` is in milliseconds since the epoch.
 */
export async function loadAuthority(files: CertificateFiles, now: number): Promise<Authority | undefined> {
  const [root, intermediate] = await Promise.all([files.read(`${rootName}.pem`), files.read(`${intermediateName}.pem`)])
  if (intermediate === undefined) return refuseOrphans(files)
  if (root === undefined) throw incomplete(files, 'ca.pem', 'intermediate.pem')
  const rootCertificate = readCertificate(root, files.path('ca.pem'))
  refuseExpired(rootCertificate, files.path('ca.pem'), now, 'move the directory away to begin with a new CA, and give every client the new ca.pem')
  const intermediateCertificate = readCertificate(intermediate, files.path('intermediate.pem'))
  if (!intermediateCertificate.verify(rootCertificate.publicKey)) {
    throw new CertificateError(`${files.path('intermediate.pem')} was not issued by ${files.path('ca.pem')}: the two come from different CAs`)
  }
  return { root, intermediate }
}

/** Makes root and intermediate. intermediate.pem is written last: without it, what a crash leaves is simply made again. */
export async function createAuthority(files: CertificateFiles, label: string, now: number): Promise<Authority> {
  const [rootKey, intermediateKey] = await Promise.all([generateKey('root'), generateKey('intermediate')])
  const root = await issueCertificate(
    { profile: 'root', commonName: `${label} root`, publicKey: rootKey.publicKey, now, days: rootDays },
    { certificate: undefined, privateKey: rootKey.privateKey },
  )
  const intermediate = await issueCertificate(
    { profile: 'intermediate', commonName: `${label} intermediate`, publicKey: intermediateKey.publicKey, now, days: intermediateDays },
    { certificate: root, privateKey: rootKey.privateKey },
  )
  await files.write(`${rootName}.key`, privatePem(rootKey.privateKey))
  await files.write(`${rootName}.pem`, root)
  await files.writePair(intermediateName, { certificate: intermediate, key: privatePem(intermediateKey.privateKey) })
  return { root, intermediate }
}

/** The authority with an intermediate that can issue leaves of full length; replaces it with the root's key when it is near its end. */
export async function renewAuthority(files: CertificateFiles, authority: Authority, now: number): Promise<Authority> {
  const end = new X509Certificate(authority.intermediate).validToDate.getTime()
  if (end - now > leafDaysMax * dayMs) return authority
  const rootKey = await files.readSecret(`${rootName}.key`)
  if (rootKey === undefined) {
    if (end > now) return authority
    const what = `${files.path('intermediate.pem')} expired on ${day(end)} and ${files.path('ca.key')} is not here to issue another`
    throw new CertificateError(`${what}: put the key back for one start`)
  }
  const key = await generateKey('intermediate')
  const commonName = new X509Certificate(authority.intermediate).subject.replace(/^CN=/, '')
  const intermediate = await issueCertificate(
    { profile: 'intermediate', commonName, publicKey: key.publicKey, now, days: intermediateDays },
    { certificate: authority.root, privateKey: createPrivateKey(rootKey) },
  )
  await files.writePair(intermediateName, { certificate: intermediate, key: privatePem(key.privateKey) })
  return { ...authority, intermediate }
}

/** What signs leaves: the intermediate with its key. */
export async function openIssuer(files: CertificateFiles, authority: Authority): Promise<Issuer> {
  const key = await files.readSecret(`${intermediateName}.key`)
  if (key === undefined) throw new CertificateError(`${files.path('intermediate.key')} is missing, and nothing can be issued without it`)
  const privateKey = readKey(key, files.path('intermediate.key'))
  refuseMismatch(new X509Certificate(authority.intermediate), privateKey, files, intermediateName)
  return { certificate: authority.intermediate, privateKey }
}

/** Issues a leaf with a new key and writes NAME.pem (leaf, then intermediate) and NAME.key. */
export async function issueLeaf(
  files: CertificateFiles, authority: Authority, name: string, request: Omit<CertificateRequest, 'publicKey'>, key = generateKey(request.profile),
): Promise<{ readonly certificate: string; readonly key: string }> {
  const issuer = await openIssuer(files, authority)
  const { publicKey, privateKey } = await key
  const leaf = await issueCertificate({ ...request, publicKey }, issuer)
  const pair = { certificate: leaf + authority.intermediate, key: privatePem(privateKey) }
  await files.writePair(name, pair)
  return pair
}

/** A PEM certificate; of a chain, its first. */
export function readCertificate(pem: string, path: string): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch (error) {
    throw new CertificateError(`${path} is not a PEM certificate: ${(error as Error).message}`, { cause: error })
  }
}

export function readKey(pem: string, path: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch (error) {
    throw new CertificateError(`${path} is not a PEM private key: ${(error as Error).message}`, { cause: error })
  }
}

export function refuseMismatch(certificate: X509Certificate, key: KeyObject, files: CertificateFiles, name: string): void {
  if (createPublicKey(key).equals(certificate.publicKey)) return
  const [keyPath, path] = [files.path(`${name}.key`), files.path(`${name}.pem`)]
  throw new CertificateError(`${keyPath} is not the key of ${path}: put the right one back, or remove both to have them issued again`)
}

function refuseExpired(certificate: X509Certificate, path: string, now: number, remedy: string): void {
  const end = certificate.validToDate.getTime()
  if (end <= now) throw new CertificateError(`${path} expired on ${day(end)}: ${remedy}`)
  const begin = certificate.validFromDate.getTime()
  if (begin <= now) return
  throw new CertificateError(`${path} is valid from ${new Date(begin).toISOString()}, and the clock of this machine says ${new Date(now).toISOString()}`)
}

/** Leaves without an authority are not silently overwritten by those of a new one. */
async function refuseOrphans(files: CertificateFiles): Promise<undefined> {
  const orphan = (await files.list()).find(name => name.endsWith('.pem') && name !== `${rootName}.pem`)
  if (orphan !== undefined) throw incomplete(files, 'intermediate.pem', orphan)
  return undefined
}

function incomplete(files: CertificateFiles, missing: string, present: string): CertificateError {
  const what = `${files.path(missing)} is missing, but ${files.path(present)} is there`
  return new CertificateError(`${what}: put it back, or move the directory away to begin with a new CA`)
}

function privatePem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }) as string
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}
