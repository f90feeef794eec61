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
  interface Signer {
    sign(request: Request, credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string }): Request & { headers: Record<string, string>; path: string }
  }
  const aws4: Signer
  export = aws4
}
