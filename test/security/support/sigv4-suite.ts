// The requests of Amazon's published SigV4 test suites (test/golden/sigv4), read as an HTTP server would read them, and whether two of them say the same.
import { readFileSync } from 'node:fs'
import { posix } from 'node:path'
import type { SignedRequest } from '../../../src/security/sigv4.ts'

export interface Sent extends SignedRequest {
  readonly body: string
}

export interface SuiteCase {
  readonly name: string
  /** As it goes over the wire. */
  readonly text: string
}

/** When every request of the suites was signed. */
export const suiteTimeMs = Date.UTC(2015, 7, 30, 12, 36, 0)
export const suiteToken = 'AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/' +
  'kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yj' +
  'c8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=='

export function readSuite(file: string): SuiteCase[] {
  const text = readFileSync(new URL(`../../golden/sigv4/${file}`, import.meta.url), 'utf8')
  return text.split(/^=== /m).slice(1).map(part => {
    const end = part.indexOf('\n')
    return { name: part.slice(0, end), text: part.slice(end + 1).replace(/\n\n$/, '\n') }
  })
}

/** Undefined for what is no HTTP request. A line that begins with a space goes on with the header before it, as the suite has it. */
export function parseRequest(text: string): Sent | undefined {
  const [head, body = ''] = splitOnce(text, '\n\n')
  const [first, ...lines] = head.replace(/\n$/, '').split('\n') as [string, ...string[]]
  const [, method, target] = /^([A-Z]+) (\/.*) HTTP\/1\.1$/s.exec(first) ?? []
  if (method === undefined || target === undefined) return undefined
  const headers: Record<string, string[]> = {}
  let last: string[] | undefined
  for (const line of lines) {
    const [, name, value] = /^([A-Za-z0-9!#$%&'*+.^_`|~-]+):([^\r\0]*)$/.exec(line) ?? []
    if (name !== undefined) last = headers[name.toLowerCase()] ??= []
    if (last === undefined || (name === undefined && !/^[ \t]/.test(line))) return undefined
    // Servers take the space around a value away.
    last.push((value ?? line).replace(/^[ \t]+|[ \t]+$/g, ''))
  }
  const [path, query = ''] = splitOnce(target, '?')
  return { method, path, query, headers, body: body.replace(/\n$/, '') }
}

/** Whether two requests mean the same, by a reading of the rules that shares nothing with the verifier: then they may share a signature. */
export function saysTheSame(a: Sent, b: Sent): boolean {
  return JSON.stringify(meaning(a)) === JSON.stringify(meaning(b))
}

function meaning({ method, path, query, headers, body }: Sent): unknown {
  const { authorization, ...others } = headers
  const [scheme, ...parts] = String(authorization ?? '').split(/[, ]+/)
  return [
    method, body, posix.normalize(path),
    query.split('&').filter(pair => pair !== '').map(pair => splitOnce(pair, '=').map(part => decoded(part ?? '')).join('=')).toSorted(),
    Object.entries(others).map(([name, values]) => `${name}:${(values as string[]).map(value => value.trim().replace(/ +/g, ' ')).join(',')}`).toSorted(),
    scheme, parts.filter(part => part !== '').toSorted(),
  ]
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function splitOnce(text: string, by: string): [string, string?] {
  const at = text.indexOf(by)
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + by.length)]
}
