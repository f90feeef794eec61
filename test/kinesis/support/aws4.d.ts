// The part of aws4 that the tests use; the package brings no types of its own.
declare module 'aws4' {
  interface Request {
    service?: string
    region?: string
    host?: string
    method?: string
    path?: string
    body?: string | Buffer
    signQuery?: boolean
    headers?: Record<string, string>
  }
  interface Credentials { accessKeyId: string; secretAccessKey: string; sessionToken?: string }
  /** What `sign` goes through, step by step; a step may be replaced. */
  class RequestSigner {
    constructor(request: Request, credentials: Credentials)
    canonicalHeaders(): string
    signedHeaders(): string
    sign(): { headers: Record<string, string> }
  }
  interface Signer {
    sign(request: Request, credentials: Credentials): Request & { headers: Record<string, string>; path: string }
    RequestSigner: typeof RequestSigner
  }
  const aws4: Signer
  export = aws4
}
