// Mutual TLS, the same for every listener. The handshake accepts any certificate (or none), and `judgePeer` then decides, once per
// connection and before its first byte is processed: only so does the audit log learn why a peer was turned away, because a handshake
// that OpenSSL refuses shows the server nothing but a reset. A listener that forgot to judge would let everyone in; test/security
// holds each of them to it.
import { createHash, X509Certificate } from 'node:crypto'
import type { TLSSocket, TlsOptions } from 'node:tls'
import type { Principal } from '../ports.ts'
import type { Audit } from './audit.ts'
import { subjectOf } from './distinguished-name.ts'
import { anonymous, formatPrincipal, hostOf } from './principal.ts'
import type { PrincipalMapping } from './principal-mapping.ts'

/** PEM texts, as src/pki makes them. */
export interface TlsMaterial {
  /** The server's certificate, followed by its intermediates. */
  readonly certificate: string
  readonly key: string
  /** The certificates that client certificates must chain to. */
  readonly authorities: readonly string[]
}

const handshakeTimeoutMs = 10_000
/** Resumption skips the client's certificate, so a session must not outlive by much what may change about it. */
const sessionTimeoutS = 300

/** Options for a TLS listener whose peers `judgePeer` judges. `protocols` are offered by ALPN, in order of preference. */
export function tlsOptions(material: TlsMaterial, protocols?: readonly string[]): TlsOptions {
  return {
    ...secureContext(material),
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: handshakeTimeoutMs,
    ...(protocols === undefined ? undefined : { ALPNProtocols: [...protocols] }),
  }
}

/** The part of the options that can change while a listener runs (`setSecureContext`). */
export function secureContext(material: TlsMaterial) {
  return {
    cert: material.certificate,
    key: material.key,
    ca: [...material.authorities],
    minVersion: 'TLSv1.2' as const,
    honorCipherOrder: true,
    sessionTimeout: sessionTimeoutS,
  }
}

export interface AcceptedPeer {
  readonly principal: Principal
  /** SHA-256 of the DER certificate in base64url, the x5t#S256 of RFC 8705; null where the peer showed no certificate and needs none. */
  readonly certificateSha256: string | null
}

export type Verdict = AcceptedPeer | { readonly rejected: string }

export interface PeerPolicy {
  readonly audit: Audit
  /** The listener's name, for the audit log. */
  readonly listener: string
  readonly mapping: PrincipalMapping
  /** 'optional': a peer without a certificate is accepted as anonymous, because it may show a token later. A bad certificate never is. */
  readonly certificate: 'required' | 'optional'
  /** Milliseconds since the epoch; a resumed session's certificate may have expired since its handshake. */
  readonly now: () => number
  /** Withdrawn certificates; absent where none can be. */
  readonly revocations?: Revocations
}

/** Serial numbers are upper-case hexadecimal, as X509Certificate prints them. */
export interface Revocations {
  isRevoked(serialNumber: string): boolean
  /** Calls `end` once if the certificate is withdrawn before the result is disposed of. */
  onRevoked(serialNumber: string, end: () => void): Disposable
}

/**
 * Who is at the other end. Judges and audits on the first call, remembers on the socket, and costs nothing after that: an HTTP listener
 * judges in 'secureConnection' and asks again per request (there an HTTP/2 session's `socket` works too). A rejected socket is the
 * caller's to destroy.
 */
export function judgePeer(socket: TLSSocket, policy: PeerPolicy): Verdict {
  const judged = socket as TLSSocket & { [verdict]?: Verdict }
  const known = judged[verdict]
  if (known !== undefined) return known
  const found = decide(socket, policy)
  judged[verdict] = found
  record(socket, policy, found)
  return found
}

function record(socket: TLSSocket, policy: PeerPolicy, found: Verdict): void {
  policy.audit.record({
    kind: 'connection',
    outcome: 'rejected' in found ? 'denied' : 'allowed',
    principal: 'rejected' in found ? '' : formatPrincipal(found.principal),
    host: hostOf(socket.remoteAddress),
    operation: 'connect',
    resource: `listener:${policy.listener}`,
    ...('rejected' in found ? { reason: found.rejected } : undefined),
  })
}

/** A symbol on the socket, not a WeakMap: HTTP/2 hands out a proxy of the socket, through which a property is found and an identity is not. */
const verdict = Symbol('verdict')

function decide(socket: TLSSocket, policy: PeerPolicy): Verdict {
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) {
    return policy.certificate === 'optional' ? { principal: anonymous, certificateSha256: null } : { rejected: 'no client certificate' }
  }
  if (!socket.authorized) return { rejected: reasonOf(socket.authorizationError) }
  const found = identify(certificate, policy)
  if (policy.revocations !== undefined && !('rejected' in found)) endWhenRevoked(socket, certificate.serialNumber, policy, policy.revocations)
  return found
}

function endWhenRevoked(socket: TLSSocket, serialNumber: string, policy: PeerPolicy, revocations: Revocations): void {
  const watch = revocations.onRevoked(serialNumber, () => {
    record(socket, policy, { rejected: `CERT_REVOKED: serial number ${serialNumber}, while the connection stood` })
    socket.destroy()
  })
  socket.once('close', () => watch[Symbol.dispose]())
}

/** What a certificate that OpenSSL has verified says about its holder. */
function identify(certificate: X509Certificate, policy: Pick<PeerPolicy, 'mapping' | 'now' | 'revocations'>): Verdict {
  const now = policy.now()
  if (now > certificate.validToDate.getTime()) return { rejected: `CERT_HAS_EXPIRED: the certificate was valid until ${certificate.validToDate.toISOString()}` }
  if (policy.revocations?.isRevoked(certificate.serialNumber) === true) return { rejected: `CERT_REVOKED: serial number ${certificate.serialNumber}` }
  const subject = subjectOf(certificate.raw)
  if ('refused' in subject) return { rejected: subject.refused }
  const name = policy.mapping.nameOf(subject.text)
  if (name === undefined || name === '') return { rejected: `no principal mapping rule matches ${subject.text}` }
  return { principal: { type: 'User', name }, certificateSha256: createHash('sha256').update(certificate.raw).digest('base64url') }
}

/** Node types `authorizationError` as an Error and sets OpenSSL's code as a text; codes it has no name for (a leaf used as a CA) are UNSPECIFIED. */
function reasonOf(error: unknown): string {
  if (error === 'UNSPECIFIED') return 'UNSPECIFIED: OpenSSL found the certificate chain invalid, for a reason that Node has no name for'
  if (typeof error === 'string' && error !== '') return error
  return error instanceof Error ? error.message : 'the client certificate could not be verified'
}
