// librdkafka as a client of the workload, by way of Python: one process for each client, told what to do by lines of JSON.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { python } from '../support/kafka-clients.ts'
import { keyOf, partitionOf, recordOf, valueOf, type AssignedReader, type Polled, type Sender, type Sent, type TopicPartition } from './clients.ts'
import type { Key, Read, Value } from './history.ts'

const program = join(import.meta.dirname, 'librdkafka_client.py')
const pollMsMax = 500
const recordsPerPollMax = 500
const closeMsMax = 5_000

type Task = { readonly kind: 'producer'; readonly idempotent: boolean } | { readonly kind: 'consumer'; readonly group: string; readonly commits: boolean }

class PythonClient implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #answers: ((line: string) => void)[] = []
  readonly #exited: Promise<unknown>
  #errors = ''

  constructor(bootstrap: readonly string[], task: Task) {
    this.#child = spawn(python, [program, JSON.stringify({ bootstrap: bootstrap.join(','), ...task })], { stdio: ['pipe', 'pipe', 'pipe'] })
    this.#exited = once(this.#child, 'exit')
    this.#child.stderr!.on('data', (chunk: Buffer) => { this.#errors = (this.#errors + chunk.toString()).slice(-8_192) })
    this.#child.stdin!.on('error', () => {})
    createInterface({ input: this.#child.stdout! }).on('line', line => this.#answers.shift()?.(line))
  }

  /** Rejects with what the program wrote to standard error where it ended. */
  async ask<Answer>(command: object): Promise<Answer> {
    const answer = new Promise<string>(resolve => this.#answers.push(resolve))
    this.#child.stdin!.write(`${JSON.stringify(command)}\n`)
    const line = await Promise.race([answer, this.#exited.then(() => { throw new Error(`the librdkafka client ended: ${this.#errors}`) })])
    return JSON.parse(line) as Answer
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin!.end()
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), closeMsMax)
    await this.#exited
    clearTimeout(timer)
  }
}

export class LibrdkafkaSender implements Sender {
  readonly #client: PythonClient

  constructor({ bootstrap, isIdempotent }: { bootstrap: readonly string[]; isIdempotent: boolean }) {
    this.#client = new PythonClient(bootstrap, { kind: 'producer', idempotent: isIdempotent })
  }

  async send({ topic, partition }: TopicPartition, values: readonly Value[]): Promise<Sent> {
    const { sent } = await this.#client.ask<{ sent: [number | null, string | null][] }>({ send: { topic, partition, records: values.map(recordOf) } })
    const errors = sent.flatMap(([, error]) => (error === null ? [] : [error]))
    return { offsets: sent.map(([offset]) => offset), ...(errors[0] !== undefined && { error: errors[0] }) }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#client[Symbol.asyncDispose]()
  }
}

/** Assigned by hand, or a member of a group. */
export class LibrdkafkaReader implements AssignedReader {
  readonly #client: PythonClient

  /** A member of a group commits every second; the group of one that is assigned is a name only. */
  constructor({ bootstrap, group, commits }: { bootstrap: readonly string[]; group: string; commits: boolean }) {
    this.#client = new PythonClient(bootstrap, { kind: 'consumer', group, commits })
  }

  async assign(positions: ReadonlyMap<Key, number>): Promise<void> {
    await this.#client.ask({ assign: Array.from(positions, ([key, offset]) => [partitionOf(key).topic, partitionOf(key).partition, offset]) })
  }

  async subscribe(topics: readonly string[]): Promise<void> {
    await this.#client.ask({ subscribe: topics })
  }

  async poll(): Promise<Polled> {
    const { records, rebalanced, errors } = await this.#client.ask<{ records: [string, number, number, string][]; rebalanced: [string, number][]; errors: string[] }>({
      poll: { most: recordsPerPollMax, timeout_ms: pollMsMax },
    })
    const byKey: Record<Key, Read[]> = {}
    for (const [topic, partition, offset, text] of records) (byKey[keyOf({ topic, partition })] ??= []).push([offset, valueOf(text)])
    return { records: byKey, rebalanced: rebalanced.map(([topic, partition]) => keyOf({ topic, partition })), errors }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#client[Symbol.asyncDispose]()
  }
}
