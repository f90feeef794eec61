// How the administrative commands reach a running server: its gateway, over HTTPS with a client certificate (the admin's unless told otherwise).
// Failures become one line that names the address and what was wrong.
import { readFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest, type RequestOptions } from 'node:https'
import { join } from 'node:path'
import type { Command } from 'commander'
import { settings } from '../config.ts'

const answerBytesMax = 64 * 1024 * 1024
const timeoutMs = 30_000
const patientTimeoutMs = 600_000

/** Codes of a peer whose certificate does not lead to our CA. */
const foreignCertificate = ['DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY']

export interface GatewayOptions {
  readonly gateway: string
  readonly certsDir: string
  readonly cert?: string
  readonly key?: string
  readonly ca?: string
  readonly json?: boolean
}

interface Body {
  readonly type: string
  readonly text: string
}

/** Adds the options that every command of this kind has. */
export function withGateway(command: Command): Command {
  return command
    .option('--gateway <url>', 'address of the gateway', `https://localhost:${settings['gateway.port'].fallback}`)
    .option('--certs-dir <dir>', 'directory with ca.pem, admin.pem and admin.key', process.env['SLUICE_CERTS_DIR'] ?? settings['certs.dir'].fallback)
    .option('--cert <file>', 'client certificate to use in place of the admin\'s')
    .option('--key <file>', 'its key')
    .option('--ca <file>', 'certificate of the CA that the server must show')
    .option('--json', 'print the answer as JSON')
}

/** A request to the gateway and its answer; undefined for one without a body. Rejects with an Error of one line for anything but a 2xx. */
export async function askGateway(options: GatewayOptions, method: string, path: string, body?: Body): Promise<unknown> {
  const url = new URL(path, addressOf(options.gateway))
  const { status, text } = await exchange(url, { method, body, timeoutMs }, options)
  const answer = parse(text)
  if (status >= 200 && status < 300) return answer
  throw new Error(`${method} ${url.pathname}: ${messageOf(answer) ?? `the gateway answered ${status}`}`)
}

/** `askGateway` without a body, for what may take minutes. */
export async function askPatiently(options: GatewayOptions, method: string, path: string): Promise<unknown> {
  return await followGateway(options, method, path, () => {})
}

/**
 * `askGateway` for an answer that comes line by line while the work goes on (application/x-ndjson): each line but the last goes to `onLine`, the last is the answer. A
 * gateway that answers in one piece is waited for just as long.
 */
export async function followGateway(options: GatewayOptions, method: string, path: string, onLine: (line: object) => void, body?: object): Promise<unknown> {
  const url = new URL(path, addressOf(options.gateway))
  let pending = ''
  const { status, text } = await exchange(url, {
    method, body: body && { type: 'application/json', text: JSON.stringify(body) }, timeoutMs: patientTimeoutMs, accept: 'application/x-ndjson, application/json;q=0.5',
    onText: chunk => {
      const lines = (pending + chunk).split('\n')
      pending = lines.pop()!
      for (const line of lines) onLine(parse(line) as object)
    },
  }, options)
  const answer = parse(text.trimEnd().split('\n').at(-1)!)
  if (status >= 200 && status < 300 && !isProblem(answer)) return answer
  throw new Error(`${method} ${url.pathname}: ${messageOf(answer) ?? `the gateway answered ${status}`}`)
}

/** `askGateway` with a JSON body. */
export function sendJson(options: GatewayOptions, method: string, path: string, value: object): Promise<unknown> {
  return askGateway(options, method, path, { type: 'application/json', text: JSON.stringify(value) })
}

/** A query string of the members that are there. */
export function queryOf(members: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(members).filter((member): member is [string, string] => member[1] !== undefined)
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`
}

/** Rows under a heading, in columns. */
export function printTable(rows: readonly (readonly string[])[]): void {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)))
  for (const row of rows) console.log(row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ').trimEnd())
}

function addressOf(text: string): URL {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw new Error(`--gateway: '${text}' is not an address like https://localhost:8443`)
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new Error(`--gateway: '${text}' must begin with https:// (or http:// for a server with --dev)`)
  }
  return url
}

interface Exchange {
  readonly method: string
  readonly body: Body | undefined
  /** How long nothing may come. */
  readonly timeoutMs: number
  readonly accept?: string
  readonly onText?: (chunk: string) => void
}

function exchange(url: URL, { method, body, timeoutMs: timeout, accept, onText }: Exchange, options: GatewayOptions): Promise<{ status: number; text: string }> {
  const isSecure = url.protocol === 'https:'
  const how: RequestOptions = {
    method,
    timeout,
    headers: { accept: accept ?? 'application/json', ...body && { 'content-type': body.type, 'content-length': Buffer.byteLength(body.text) } },
    ...isSecure && certificates(options),
  }
  return new Promise((resolve, reject) => {
    const request = (isSecure ? httpsRequest : httpRequest)(url, how, response => {
      const chunks: Buffer[] = []
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > answerBytesMax) request.destroy(new Error(`its answer is larger than ${answerBytesMax} bytes`))
        chunks.push(chunk)
        // Lines of JSON are ASCII but for names, and a character that is cut in two spoils only the progress shown.
        if (response.headers['content-type']?.startsWith('application/x-ndjson') === true) onText?.(chunk.toString())
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }))
      response.on('error', failed)
    })
    const failed = (error: Error & { code?: string }): void => {
      reject(new Error(`cannot reach the gateway at ${url.origin}: ${reasonOf(error)}`, { cause: error }))
    }
    request.on('error', failed)
    request.on('timeout', () => request.destroy(new Error(`it did not answer within ${timeout / 1000} s`)))
    request.end(body?.text)
  })
}

function certificates(options: GatewayOptions): { cert: Buffer; key: Buffer; ca: Buffer } {
  if ((options.cert === undefined) !== (options.key === undefined)) throw new Error('--cert and --key go together')
  const read = (option: string, path: string): Buffer => {
    try {
      return readFileSync(path)
    } catch (error) {
      throw new Error(`${option}: cannot read ${path}: ${(error as Error).message}`, { cause: error })
    }
  }
  return {
    cert: read('--cert', options.cert ?? join(options.certsDir, 'admin.pem')),
    key: read('--key', options.key ?? join(options.certsDir, 'admin.key')),
    ca: read('--ca', options.ca ?? join(options.certsDir, 'ca.pem')),
  }
}

function reasonOf(error: Error & { code?: string }): string {
  if (error.code === 'ECONNREFUSED') return 'nothing listens there (is Sluice running? --gateway names another address)'
  if (error.code === 'EPROTO') return 'it does not speak TLS (a server started with --dev is reached at http://)'
  if (foreignCertificate.includes(error.code ?? '')) return `its certificate is not from the CA in --ca or --certs-dir (${error.code}); for a server on another port give --gateway`
  if (error.code === 'ECONNRESET' && error.message === 'socket hang up') return 'it hung up (a server without --dev is reached at https://)'
  // Node packs the attempts over IPv4 and IPv6 into one error without a text of its own.
  return error instanceof AggregateError ? error.errors.map((one: Error) => one.message).join('; ') : error.message
}

function parse(text: string): unknown {
  if (text === '') return undefined
  try {
    return JSON.parse(text)
  } catch {
    return { message: text.slice(0, 200) }
  }
}

function isProblem(answer: unknown): boolean {
  return typeof answer === 'object' && answer !== null && 'error_code' in answer
}

function messageOf(answer: unknown): string | undefined {
  if (typeof answer !== 'object' || answer === null) return undefined
  const { message, error_description: description } = answer as { message?: unknown; error_description?: unknown }
  return typeof message === 'string' ? message : typeof description === 'string' ? description : undefined
}
