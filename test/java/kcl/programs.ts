// The programs with the Kinesis Client Library and the Kinesis Producer Library as processes: what they say, line by line, and what goes wrong with them.
import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { promisify } from 'node:util'
import type { LeaseTable } from '../../support/lease-taker.ts'
import type { RunningSluice } from '../../support/sluice.ts'

const run = promisify(execFile)
const trustPassword = 'changeit'

/** A user record as KCL gave it to its processor; `sub` counts within an aggregated one. */
export interface Given {
  readonly record: string
  readonly shard: string
  readonly sequence: string
  readonly sub: number
}

/** What KPL has told of a user record. */
export interface Put {
  readonly put: string
  readonly shard: string
  readonly sequence: string
}

class Program<Line extends object> implements AsyncDisposable {
  readonly lines: Line[] = []
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>
  #errors = ''

  constructor(command: readonly string[]) {
    const env = { ...process.env, AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_EC2_METADATA_DISABLED: 'true' }
    this.#process = spawn('java', ['-XX:TieredStopAtLevel=1', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn', ...command], { env, stdio: ['pipe', 'pipe', 'pipe'] })
    createInterface({ input: this.#process.stdout }).on('line', line => this.lines.push(JSON.parse(line) as Line))
    this.#process.stderr.on('data', (chunk: Buffer) => { this.#errors = (this.#errors + chunk.toString()).slice(-8_192) })
  }

  say(lines: readonly string[]): void {
    this.#process.stdin.write(lines.map(line => `${line}\n`).join(''))
  }

  /** What it wrote to standard error last. */
  errors(): string {
    return this.#errors
  }

  /** Ends its input, and with it the program, in good order. */
  async stop(): Promise<void> {
    const closed = once(this.#process, 'close')
    this.#process.stdin.end()
    const [code] = await closed as [number | null]
    if (code !== 0) throw new Error(`the program ended with ${code}: ${this.#errors}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const closed = once(this.#process, 'close')
    this.#process.kill('SIGKILL')
    await closed
  }
}

type Told = Given | { readonly started: string; readonly at: string } | { readonly ended: string } | { readonly lost: string } | { readonly failed: string; readonly shard: string }

export interface KclOptions {
  readonly classpath: string
  readonly endpoint: string
  /** Its name is that of the application. */
  readonly table: LeaseTable
  readonly stream: string
  readonly retrieval: 'polling' | 'fanout'
  /** Whom it trusts (`trustStore`), where the endpoint speaks TLS. */
  readonly trusted?: string
}

/** A worker of the Kinesis Client Library. */
export class KclWorker extends Program<Told> {
  constructor({ classpath, endpoint, table, stream, retrieval, trusted }: KclOptions) {
    const trust = trusted === undefined ? [] : [`-Djavax.net.ssl.trustStore=${trusted}`, `-Djavax.net.ssl.trustStorePassword=${trustPassword}`]
    super([...trust, '-cp', classpath, 'sluice.KclWorker', endpoint, table.endpoint, stream, table.name, retrieval])
  }

  given(): readonly Given[] {
    return this.lines.filter((line): line is Given => 'record' in line)
  }
}

/** The Kinesis Producer Library, which speaks TLS only. */
export class KplProducer extends Program<Put | { readonly failed: string; readonly error: string }> {
  constructor({ classpath, sluice, stream }: { readonly classpath: string; readonly sluice: RunningSluice; readonly stream: string }) {
    super(['-cp', classpath, 'sluice.KplPut', '127.0.0.1', String(sluice.ports.kinesis), stream, caOf(sluice)])
  }
}

/** Why the native part of KPL does not run here; undefined where it does. */
export const kplIsMissing = ['linux x64', 'linux arm64', 'darwin x64', 'darwin arm64'].includes(`${process.platform} ${process.arch}`)
  ? undefined
  : `skipped: the Kinesis Producer Library has no native program for ${process.platform} on ${process.arch}`

function caOf({ certificatesDirectory }: RunningSluice): string {
  return join(certificatesDirectory, 'ca.pem')
}

/** The CA of a Sluice as Java has it. */
export async function trustStore(sluice: RunningSluice): Promise<string> {
  const path = join(sluice.directory, 'trust.p12')
  await run('keytool', ['-importcert', '-noprompt', '-alias', 'sluice', '-file', caOf(sluice), '-keystore', path, '-storepass', trustPassword])
  return path
}
