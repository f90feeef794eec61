// Who is calling the gateway: the client certificate of the connection, or a bearer token that is bound to that certificate (RFC 8705). With neither,
// 401. With dev everybody is User:ANONYMOUS. Also here: the token endpoint, where a client gets a short-lived token for its certificate.
import type { Socket } from 'node:net'
import { Router, type Request, type RequestHandler, type Response } from 'express'
import type { Caller } from '../ports.ts'
import type { Audit } from '../security/audit.ts'
import type { TokenService } from '../security/jwt.ts'
import { anonymous, formatPrincipal, hostOf } from '../security/principal.ts'
import type { AcceptedPeer, Verdict } from '../security/tls.ts'
import { readBody, type BodyBudget } from './body.ts'
import { setCaller, setReauthentication } from './callers.ts'
import { allowOnly, Problem } from './problem.ts'
import { expectBody } from './rest/media-types.ts'

const realm = 'sluice'
const formBytesMax = 4 * 1024

export interface Door {
  /** `judgePeer` with the gateway's policy, in which a certificate is optional: what has its own authentication (`/kinesis`) needs none. */
  readonly judge: (socket: Socket) => Verdict
  readonly tokens: TokenService
  readonly tokenTtlS: number
  readonly audit: Audit
}

/** The first middleware: a connection whose certificate was found wanting gets nothing but the reason, whatever it asks for. */
export function refuseRejectedPeers(door: Door): RequestHandler {
  return (request, response, next) => {
    const verdict = door.judge(request.socket)
    if ('rejected' in verdict) {
      response.set('connection', 'close')
      throw unauthorized(`the client certificate was not accepted: ${verdict.rejected}`)
    }
    next()
  }
}

/**
 * The first middleware with dev, where everybody is let in: a page in the developer's browser must not get in by a name of its own that it lets point here (DNS
 * rebinding), so that only the names of loopback are answered. RFC 9110 §15.5.20.
 */
export const refuseForeignHosts: RequestHandler = (request, _response, next) => {
  const { host } = request.headers
  if (host === undefined || !/^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i.test(host)) {
    throw new Problem(421, `HTTP 421 Misdirected Request: with dev only localhost, 127.0.0.1 and [::1] are answered, not '${(host ?? '').slice(0, 255)}'`)
  }
  next()
}

/** Before what has its own authentication: a connection that shows no certificate gets nothing there either. */
export function expectCertificate(door: Door | undefined): RequestHandler {
  return (request, _response, next) => {
    const peer = door?.judge(request.socket)
    if (!hasCertificate(peer)) {
      const reason = 'no client certificate'
      if (door !== undefined) recordRefusal(door, hostOf(request.socket.remoteAddress), reason)
      throw unauthorized(reason)
    }
    next()
  }
}

/** Finds the caller of every request behind it, or refuses with 401. */
export function authenticate(door: Door | undefined): RequestHandler {
  return (request, response, next) => {
    setCaller(response, door === undefined ? { principal: anonymous, host: hostOf(request.socket.remoteAddress) } : callerAt(door, request))
    if (door !== undefined) setReauthentication(response, () => void callerAt(door, request))
    next()
  }
}

/**
 * `POST /oauth2/token`, form `grant_type=client_credentials` (RFC 6749 §4.4, RFC 8705 §2): `{access_token, token_type, expires_in}`, bound to the
 * certificate of the connection. A token cannot be had for a token.
 */
export function tokenRoutes(door: Door | undefined, budget: BodyBudget): Router {
  const router = Router({ caseSensitive: true, strict: true })
  router.route('/oauth2/token')
    .post(async (request, response) => {
      expectBody(request, 'application/x-www-form-urlencoded')
      const form = new URLSearchParams((await readBody(request, response, { bytesMax: formBytesMax, budget })).toString())
      response.set({ 'cache-control': 'no-store', pragma: 'no-cache' })
      const peer = door?.judge(request.socket)
      if (door === undefined || !hasCertificate(peer)) {
        return oauthError(response, 401, 'invalid_client', 'a token is bound to the client certificate of the connection, and this connection shows none')
      }
      const [grant, ...more] = form.getAll('grant_type')
      if (grant === undefined || more.length > 0) return oauthError(response, 400, 'invalid_request', 'grant_type must be given once')
      if (grant !== 'client_credentials') {
        return oauthError(response, 400, 'unsupported_grant_type', `grant_type must be client_credentials, not ${grant.slice(0, 64)}`)
      }
      const { token } = door.tokens.issue({ principal: peer.principal, certificateSha256: peer.certificateSha256, ttlS: door.tokenTtlS })
      door.audit.record({
        kind: 'credential', outcome: 'allowed', principal: formatPrincipal(peer.principal), host: hostOf(request.socket.remoteAddress),
        operation: 'issue-token', resource: `token:${formatPrincipal(peer.principal)}`,
      })
      response.json({ access_token: token, token_type: 'Bearer', expires_in: door.tokenTtlS })
    })
    .all(allowOnly('POST'))
  return router
}

function callerAt(door: Door, request: Request): Caller {
  const host = hostOf(request.socket.remoteAddress)
  const peer = door.judge(request.socket)
  const refuse = (reason: string, error?: string): Problem => {
    recordRefusal(door, host, reason)
    return unauthorized(reason, error)
  }
  if ('rejected' in peer) throw refuse(peer.rejected)
  const authorization = request.headers.authorization
  if (authorization !== undefined) {
    const token = /^Bearer +([^\s]+)$/i.exec(authorization)?.[1]
    if (token === undefined) throw refuse('the Authorization header is not a bearer token', 'invalid_request')
    const verdict = door.tokens.verify(token, peer.certificateSha256)
    if ('rejected' in verdict) throw refuse(verdict.rejected, 'invalid_token')
    return { principal: verdict.principal, host }
  }
  if (!hasCertificate(peer)) throw refuse('no client certificate')
  return { principal: peer.principal, host }
}

function recordRefusal({ audit }: Door, host: string, reason: string): void {
  audit.record({ kind: 'access', outcome: 'denied', principal: formatPrincipal(anonymous), host, operation: 'authenticate', resource: 'listener:gateway', reason })
}

function hasCertificate(peer: Verdict | undefined): peer is AcceptedPeer & { readonly certificateSha256: string } {
  return peer !== undefined && !('rejected' in peer) && peer.certificateSha256 !== null
}

/** RFC 6750 §3: the challenge names what was wrong only where a token was shown. */
function unauthorized(reason: string, error?: string): Problem {
  const text = reason.replace(/[^ !#-[\]-~]/g, '?')
  const challenge = error === undefined ? `Bearer realm="${realm}"` : `Bearer realm="${realm}", error="${error}", error_description="${text}"`
  return new Problem(401, `HTTP 401 Unauthorized: ${reason}`, { errorCode: 40101, headers: { 'www-authenticate': challenge } })
}

/** RFC 6749 §5.2. */
function oauthError(response: Response, status: number, error: string, description: string): void {
  response.status(status).json({ error, error_description: description })
}
