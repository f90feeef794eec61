// Issues X.509 v3 certificates for keys that node:crypto made. node-forge only arranges the bytes to be signed: keys are generated, used for
// signing and checked by node:crypto, and the finished certificate is read back and verified by it. What each kind of certificate may do is
// the table `profiles`; serial numbers are 16 random bytes; SHA-256 throughout; a leaf never outlives its issuer.
import { createPublicKey, generateKeyPair, randomBytes, sign, X509Certificate } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { isIP } from 'node:net'
import { promisify } from 'node:util'
import type forge from 'node-forge'
import { assert } from '../base/assert.ts'

export type Profile = 'root' | 'intermediate' | 'server' | 'client'

export interface KeyPair {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

export interface Issuer {
  /** PEM; undefined where the certificate signs itself. */
  readonly certificate: string | undefined
  readonly privateKey: KeyObject
}

export interface CertificateRequest {
  readonly profile: Profile
  readonly commonName: string
  readonly publicKey: KeyObject
  /** Names a server is reached by: DNS names and IP addresses. */
  readonly hostnames?: readonly string[]
  /** The identity of a client as a URI. */
  readonly uri?: string
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly days: number
}

const dayMs = 86_400_000
/** A certificate is valid from a little before it was made, for peers whose clocks are behind. */
const clockSkewMs = 5 * 60_000
const serialBytes = 16

const profiles = {
  root: { bits: 4096, authority: { pathLength: 1 }, purpose: undefined },
  intermediate: { bits: 3072, authority: { pathLength: 0 }, purpose: undefined },
  server: { bits: 2048, authority: undefined, purpose: 'serverAuth' },
  client: { bits: 2048, authority: undefined, purpose: 'clientAuth' },
} as const satisfies Record<Profile, unknown>

/** An RSA key of the size the profile asks for; generated on libuv's pool, so several at once use several cores. */
export async function generateKey(profile: Profile): Promise<KeyPair> {
  return promisify(generateKeyPair)('rsa', { modulusLength: profiles[profile].bits })
}

/** The certificate as PEM. */
export async function issueCertificate(request: CertificateRequest, issuer: Issuer): Promise<string> {
  const { default: forge } = await import('node-forge')
  const issuerCertificate = issuer.certificate === undefined ? undefined : forge.pki.certificateFromPem(issuer.certificate)
  const certificate = forge.pki.createCertificate()
  certificate.publicKey = forge.pki.publicKeyFromPem(request.publicKey.export({ type: 'spki', format: 'pem' }) as string)
  certificate.serialNumber = positiveSerial().toString('hex')
  certificate.validity.notBefore = wholeSecond(request.now - clockSkewMs)
  certificate.validity.notAfter = wholeSecond(Math.min(request.now + request.days * dayMs, issuerCertificate?.validity.notAfter.getTime() ?? Infinity))
  const subject = [{ shortName: 'CN', value: request.commonName, valueTagClass: forge.asn1.Type.UTF8 as unknown as forge.asn1.Class }]
  certificate.setSubject(subject)
  certificate.setIssuer(issuerCertificate?.subject.attributes ?? subject)
  certificate.setExtensions(extensionsOf(request, issuerCertificate ?? certificate))

  certificate.siginfo.algorithmOid = certificate.signatureOid = forge.pki.oids['sha256WithRSAEncryption']!
  certificate.tbsCertificate = (forge.pki as typeof forge.pki & Untyped).getTBSCertificate(certificate)
  const signed = Buffer.from(forge.asn1.toDer(certificate.tbsCertificate).getBytes(), 'latin1')
  certificate.signature = sign('sha256', signed, issuer.privateKey).toString('latin1')
  const pem = forge.pki.certificateToPem(certificate).replaceAll('\r\n', '\n')

  const made = new X509Certificate(pem)
  assert(made.verify(createPublicKey(issuer.privateKey)), `the certificate just issued for ${request.commonName} does not verify`)
  return pem
}

/** Part of forge's documented functions that its type declarations lack. */
interface Untyped {
  getTBSCertificate(certificate: forge.pki.Certificate): forge.asn1.Asn1
}

function extensionsOf(request: CertificateRequest, issuer: forge.pki.Certificate): object[] {
  const { authority, purpose } = profiles[request.profile]
  const alternatives = [
    ...(request.hostnames ?? []).map(name => (isIP(name) !== 0 ? { type: 7, ip: name } : { type: 2, value: name })),
    ...(request.uri === undefined ? [] : [{ type: 6, value: request.uri }]),
  ]
  return [
    { name: 'basicConstraints', critical: true, ...(authority === undefined ? { cA: false } : { cA: true, pathLenConstraint: authority.pathLength }) },
    { name: 'keyUsage', critical: true, ...(authority === undefined ? { digitalSignature: true } : { keyCertSign: true, cRLSign: true }) },
    ...(purpose === undefined ? [] : [{ name: 'extKeyUsage', [purpose]: true }]),
    ...(alternatives.length === 0 ? [] : [{ name: 'subjectAltName', altNames: alternatives }]),
    { name: 'subjectKeyIdentifier' },
    { name: 'authorityKeyIdentifier', keyIdentifier: issuer.generateSubjectKeyIdentifier().getBytes() },
  ]
}

/** Positive, and never shortened by DER: the first byte is 0x40 to 0x7f. */
function positiveSerial(): Buffer {
  const serial = randomBytes(serialBytes)
  serial[0] = (serial[0]! & 0x3f) | 0x40
  return serial
}

function wholeSecond(ms: number): Date {
  return new Date(Math.floor(ms / 1000) * 1000)
}
