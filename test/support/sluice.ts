// A real Sluice in a process of its own, for tests: free loopback ports, a temporary directory, gone when disposed.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export interface SluiceOptions {
  /** The open profile; the default of tests. */
  readonly dev?: boolean
  /** Certificates to share between several starts; below `directory` unless given. */
  readonly certsDirectory?: string
  /** Keeps the directory of an earlier start. */
  readonly directory?: string
  /** Further settings by name. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>
}

/** What `sluice start --json` prints. */
export interface Ready {
  readonly ports: { readonly kafkaPlaintext?: number; readonly kafkaTls: number; readonly kinesis: number; readonly gateway: number; readonly management: number }
  readonly brokers: readonly { readonly id: number; readonly rack: string; readonly kafkaPlaintext?: number; readonly kafkaTls: number }[]
  readonly caFingerprint: string
  readonly certificatesDirectory: string
  readonly dataDirectory: string
  readonly accessKey: { readonly id: string }
  readonly startedInMs: number
}

export interface RunningSluice extends AsyncDisposable, Ready {
  readonly directory: string
  readonly process: ChildProcess
  /** kill -9; the directory stays. */
  kill(): Promise<void>
  /** SIGTERM, and the exit code. */
  stop(): Promise<number | null>
  /** What it wrote to standard error so far. */
  errors(): string
}

const root = join(import.meta.dirname, '..', '..')
const command = join(root, 'src', 'cli', 'sluice.ts')
/** As `npm start` has it, so that what benches measure is what runs. */
const nodeFlags = ['--max-semi-space-size=8']

/** Starts one and waits until it is ready; rejects with its error output when it ends before. */
export async function startSluice(options: SluiceOptions = {}): Promise<RunningSluice> {
  const directory = options.directory ?? await mkdtemp(join(tmpdir(), 'sluice-test-'))
  const settings: Record<string, string | number | boolean> = {
    'dev': options.dev ?? true, 'host': '127.0.0.1', 'data.dir': join(directory, 'data'), 'certs.dir': options.certsDirectory ?? join(directory, 'certs'),
    'kafka.plaintext.port': 0, 'kafka.tls.port': 0, 'kinesis.port': 0, 'gateway.port': 0, 'management.port': 0, ...options.settings,
  }
  const flags = Object.entries(settings).map(([name, value]) => `--${name.replaceAll('.', '-')}=${value}`)
  const child = spawn(process.execPath, [...nodeFlags, command, 'start', '--json', ...flags], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => { errors = (errors + chunk.toString()).slice(-65_536) })
  const ready = await new Promise<Ready>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', line => resolve(JSON.parse(line) as Ready))
    child.once('exit', code => reject(new Error(`sluice ended with ${code} before it was ready: ${errors}`)))
  })
  const ended = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) {
      const exit = once(child, 'exit')
      child.kill(signal)
      await exit
    }
    return child.exitCode
  }
  return {
    ...ready, directory, process: child,
    errors: () => errors,
    stop: () => ended('SIGTERM'),
    async kill() { await ended('SIGKILL') },
    async [Symbol.asyncDispose]() {
      await ended('SIGKILL')
      await rm(directory, { recursive: true, force: true })
    },
  }
}
