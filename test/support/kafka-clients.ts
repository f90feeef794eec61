// What the tests with real Kafka clients share: which clients this machine has, running the ones that are programs, and waiting for what they do.
import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

/** A client that is a program; `missing` says why its tests are skipped, undefined where they are not. */
export interface InstalledClient {
  readonly missing: string | undefined
  /** What a skipped test adds to its name. */
  readonly note: string
}

/** Debian's Python, for which the client packages are made; a machine's own python3 may be another. */
export const python = '/usr/bin/python3'

export const kcat = probe('kcat', ['-V'], 'apt-get install kcat')
export const kafkaPython = probe(python, ['-c', 'import kafka'], 'apt-get install python3-kafka')
export const confluentKafka = probe(python, ['-c', 'import confluent_kafka'], 'apt-get install python3-confluent-kafka')

/** Paths of a client's certificate, its key and the CA, all PEM. */
export interface ClientCertificate {
  readonly ca: string
  readonly certificate: string
  readonly key: string
}

/** The certificate of that name as the server's directory, or `sluice certs issue --out`, has it. */
export function certificateIn(directory: string, name: string): ClientCertificate {
  return { ca: join(directory, 'ca.pem'), certificate: join(directory, `${name}.pem`), key: join(directory, `${name}.key`) }
}

/** Runs kcat (`-X` options for TLS added) and gives its standard output. Rejects with what it wrote to standard error when it fails. */
export function runKcat(address: string, args: readonly string[], how: { input?: string; tls?: ClientCertificate } = {}): Promise<string> {
  const { tls } = how
  const secure = tls === undefined ? [] : [
    'security.protocol=ssl', `ssl.ca.location=${tls.ca}`, `ssl.certificate.location=${tls.certificate}`, `ssl.key.location=${tls.key}`,
  ].flatMap(option => ['-X', option])
  return run('kcat', ['-b', address, ...secure, ...args], how.input)
}

/** Runs a driver of test/clients with one JSON argument and gives the JSON it prints. */
export async function runPython(driver: string, task: object): Promise<unknown> {
  return JSON.parse(await run(python, [join(import.meta.dirname, '..', 'clients', driver), JSON.stringify(task)]))
}

/** Polls until `condition` gives something else than undefined and false, for a minute. */
export async function until<T>(what: string, condition: () => T | undefined | false | Promise<T | undefined | false>): Promise<T> {
  const deadline = performance.now() + 60_000
  for (;;) {
    const found = await condition()
    if (found !== undefined && found !== false) return found
    if (performance.now() > deadline) throw new Error(`a minute went by without ${what}`)
    await pause(20)
  }
}

function probe(command: string, args: readonly string[], remedy: string): InstalledClient {
  const isThere = spawnSync(command, args, { stdio: 'ignore' }).status === 0
  const missing = isThere ? undefined : `not installed: ${remedy}`
  return { missing, note: missing === undefined ? '' : ` (skipped, ${missing})` }
}

const runMsMax = 110_000
const outputBytesMax = 1 << 20

function run(command: string, args: readonly string[], input?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], timeout: runMsMax, killSignal: 'SIGKILL' })
    let output = ''
    let errors = ''
    child.stdout.on('data', (chunk: Buffer) => { output = (output + chunk.toString()).slice(-outputBytesMax) })
    child.stderr.on('data', (chunk: Buffer) => { errors = (errors + chunk.toString()).slice(-outputBytesMax) })
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (code === 0) resolve(output)
      else reject(new Error(`${command} ended with ${code ?? signal}: ${errors}${output}`))
    })
    child.stdin.on('error', () => {})
    child.stdin.end(input)
  })
}
