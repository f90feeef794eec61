// A workload of real Kafka clients whose history the checker understands: senders of unique values to every partition with acks=all and retries, members of groups
// and readers that are assigned, and at the end one that reads everything. Knows bootstrap addresses and topics, and nothing of how the cluster is operated.
import { setTimeout as pause } from 'node:timers/promises'
import type { Prng } from '../../src/base/prng.ts'
import { keyOf, type AssignedReader, type Polled, type Reader, type Sender, type TopicPartition } from './clients.ts'
import type { Key, MicroOperation } from './history.ts'
import { KafkajsMember, KafkajsSender, kafkajsClient } from './kafkajs-client.ts'
import { LibrdkafkaReader, LibrdkafkaSender } from './librdkafka-client.ts'
import { nameOfKafkajsError, outcomeOf } from './outcome.ts'
import type { RecordedProcess, Recorder } from './recorder.ts'

export interface Cast {
  /** `kafkajs`, `librdkafka`, each once for each sender. */
  readonly idempotentSenders: readonly Library[]
  readonly plainSenders: readonly Library[]
  /** Members of groups, one group for each library. */
  readonly members: readonly Library[]
  /** How many readers of librdkafka are assigned keys. */
  readonly assigned: number
}
type Library = 'kafkajs' | 'librdkafka'

export interface WorkloadOptions {
  readonly bootstrap: readonly string[]
  readonly recorder: Recorder
  readonly random: Prng
  readonly partitions: number
  readonly replicationFactor: number
  readonly minInsyncReplicas: number
  readonly cast: Cast
  /** Between two sends of a sender. */
  readonly pauseMs: number
}

export interface WorkloadStatus {
  readonly sends: number
  readonly acknowledged: number
  readonly unknown: number
  readonly failed: number
  readonly records: number
  /** For how long the key that waits longest has waited for an acknowledgement. */
  readonly unavailableMs: number
  readonly longestUnavailableMs: number
}

/** Written by idempotent senders only; the other by plain ones, whose retries may write twice. */
const exactlyOnceTopic = 'history-once'
const atLeastOnceTopic = 'history-least'
const valuesPerSendMax = 4
const reassignmentRate = 1 / 64
const recentRecordsMax = 1_000
const readyMsMax = 60_000

/** Whether no record of the key may be there twice. */
export function isExactlyOnce(key: Key): boolean {
  return key.startsWith(`${exactlyOnceTopic}/`)
}

export class Workload implements AsyncDisposable {
  static readonly topics: readonly string[] = [exactlyOnceTopic, atLeastOnceTopic]
  readonly #options: WorkloadOptions
  readonly #opened = new AsyncDisposableStack()
  readonly #sending: Promise<void>[] = []
  readonly #reading: Promise<void>[] = []
  readonly #groups = new Map<string, Progress>()
  readonly #waitingSince = new Map<Key, number>()
  readonly #known = new Progress()
  readonly #status = { sends: 0, acknowledged: 0, unknown: 0, failed: 0, records: 0, longestUnavailableMs: 0 }
  #values = 0
  #isSending = true
  #isReading = true
  #failure: Error | undefined

  private constructor(options: WorkloadOptions) {
    this.#options = options
  }

  /** Creates the topics, waits until their partitions have leaders, and starts all clients. Rejects where that takes longer than a minute. */
  static async start(options: WorkloadOptions): Promise<Workload> {
    const workload = new Workload(options)
    const { cast } = options
    await workload.#createTopics()
    for (const library of cast.idempotentSenders) workload.#startSender(library, true)
    for (const library of cast.plainSenders) workload.#startSender(library, false)
    for (const [index, library] of cast.members.entries()) await workload.#startMember(library, index)
    for (let index = 0; index < cast.assigned; index++) workload.#startAssigned(index)
    return workload
  }

  get keys(): Key[] {
    return Workload.topics.flatMap(topic => Array.from({ length: this.#options.partitions }, (_, partition) => keyOf({ topic, partition })))
  }

  get status(): WorkloadStatus {
    const now = performance.now()
    const unavailableMs = Math.max(0, ...Array.from(this.#waitingSince.values(), since => now - since))
    return { ...this.#status, unavailableMs, longestUnavailableMs: Math.max(this.#status.longestUnavailableMs, unavailableMs) }
  }

  /** No sender begins another send; resolves when all have ended theirs. Rejects with what broke a client in a way that no cluster explains. */
  async stopSending(): Promise<void> {
    this.#isSending = false
    await Promise.all(this.#sending)
    this.#waitingSince.clear()
    if (this.#failure !== undefined) throw this.#failure
  }

  /**
   * Reads every key from its begin to its end with one more reader, and lets each group come to the end too. Gives what did not get there, within `msMax` of
   * no progress; empty when all is read.
   */
  async readToTheEnd(msMax: number): Promise<string[]> {
    const ends = await this.#findEnds(msMax)
    if (typeof ends === 'string') return [ends]
    for (const [key, end] of ends) this.#known.reach(key, end)
    const last = new Progress()
    await using reader = await this.#lastReader()
    const process = this.#options.recorder.process()
    if ('assign' in reader) {
      process.invoke({ f: 'assign', value: this.keys })
      await reader.assign(new Map(this.keys.map(key => [key, 0])))
    } else process.invoke({ f: 'subscribe', value: Workload.topics })
    process.ok()

    let movedMs = performance.now()
    const all = new Map([['the last reader', last], ...this.#groups])
    const missing = (): string[] => Array.from(all, ([name, progress]) => progress.missing(this.#known).map(text => `${name} did not read ${text}`)).flat()
    for (let before = Infinity; ; ) {
      await this.#poll(reader, process, last)
      const left = Array.from(all.values(), progress => progress.distance(this.#known)).reduce((sum, one) => sum + one, 0)
      if (left < before) movedMs = performance.now()
      before = left
      if (left === 0 || performance.now() - movedMs > msMax || this.#failure !== undefined) break
    }
    this.#isReading = false
    await Promise.all(this.#reading)
    if (this.#failure !== undefined) throw this.#failure
    return missing()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isSending = false
    this.#isReading = false
    await Promise.all([...this.#sending, ...this.#reading])
    await this.#opened.disposeAsync()
  }

  async #createTopics(): Promise<void> {
    const { bootstrap, partitions, replicationFactor, minInsyncReplicas } = this.#options
    const admin = kafkajsClient(bootstrap).admin()
    await admin.connect()
    const deadline = performance.now() + readyMsMax
    for (let isThere = false; !isThere; await pause(100)) {
      try {
        const configEntries = [{ name: 'min.insync.replicas', value: String(minInsyncReplicas) }]
        await admin.createTopics({ topics: Workload.topics.map(topic => ({ topic, numPartitions: partitions, replicationFactor, configEntries })), waitForLeaders: false })
        const { topics } = await admin.fetchTopicMetadata({ topics: [...Workload.topics] })
        isThere = topics.every(topic => topic.partitions.length === partitions && topic.partitions.every(one => one.leader >= 0))
      } catch (error) {
        if (performance.now() > deadline) throw new Error(`the topics are not there after ${readyMsMax} ms: ${nameOfKafkajsError(error)}`, { cause: error })
      }
    }
    await admin.disconnect()
  }

  #startSender(library: Library, isIdempotent: boolean): void {
    const options = { bootstrap: this.#options.bootstrap, isIdempotent }
    const sender: Sender = this.#opened.use(library === 'kafkajs' ? new KafkajsSender(options) : new LibrdkafkaSender(options))
    const topic = isIdempotent ? exactlyOnceTopic : atLeastOnceTopic
    this.#sending.push(this.#run(async () => {
      const process = this.#options.recorder.process()
      let turn = 0
      while (this.#isSending) {
        await this.#send(sender, process, { topic, partition: turn++ % this.#options.partitions })
        await pause(this.#options.pauseMs)
      }
    }))
  }

  async #send(sender: Sender, process: RecordedProcess, to: TopicPartition): Promise<void> {
    const key = keyOf(to)
    const values = Array.from({ length: 1 + this.#options.random.below(valuesPerSendMax) }, () => this.#values++)
    process.invoke({ f: 'send', value: values.map(value => ['send', key, value]) })
    const begunMs = performance.now()
    if (!this.#waitingSince.has(key)) this.#waitingSince.set(key, begunMs)
    const { offsets, error } = await sender.send(to, values)
    const value = values.map((one, at): MicroOperation => ['send', key, [offsets[at]!, one]])
    this.#status.sends++
    if (error === undefined) {
      process.ok(value)
      this.#status.acknowledged++
      this.#acknowledge(key)
      this.#known.reach(key, 1 + Math.max(...offsets.map(offset => offset!)))
    } else if (offsets.every(offset => offset === null) && outcomeOf(error, 'several') === 'fail') {
      process.fail(error)
      this.#status.failed++
    } else {
      process.info(error, value)
      this.#status.unknown++
    }
  }

  #acknowledge(key: Key): void {
    const since = this.#waitingSince.get(key)
    if (since === undefined) return
    this.#status.longestUnavailableMs = Math.max(this.#status.longestUnavailableMs, performance.now() - since)
    // Another sender may still wait for the same key; its wait is counted from here, where the key was available.
    this.#waitingSince.delete(key)
  }

  async #startMember(library: Library, index: number): Promise<void> {
    const { bootstrap, recorder } = this.#options
    const group = `history-${library}`
    const progress = this.#groups.get(`group ${group}`) ?? new Progress()
    this.#groups.set(`group ${group}`, progress)
    const process = recorder.process()
    process.invoke({ f: 'subscribe', value: Workload.topics })
    const reader = this.#opened.use(await startMember(library, { bootstrap, group }))
    process.ok()
    this.#reading.push(this.#run(async () => {
      while (this.#isReading) await this.#poll(reader, process, progress)
    }, `member ${index}`))
  }

  /** Keeps the positions of the keys that stay; others begin somewhere in their last records, or the reader would read everything again and again. */
  #startAssigned(index: number): void {
    const reader = this.#opened.use(new LibrdkafkaReader({ bootstrap: this.#options.bootstrap, group: `history-assigned-${index}`, commits: false }))
    this.#reading.push(this.#run(async () => {
      const process = this.#options.recorder.process()
      let read = new Progress()
      for (let turn = 0; this.#isReading; turn++) {
        if (turn === 0 || this.#options.random.chance(reassignmentRate)) {
          const chosen = this.keys.filter(() => this.#options.random.chance(0.5))
          process.invoke({ f: 'assign', value: chosen })
          const kept = new Progress()
          for (const key of chosen) kept.reach(key, read.has(key) ? read.of(key) : this.#known.of(key) - this.#options.random.below(recentRecordsMax))
          read = kept
          await reader.assign(new Map(chosen.map(key => [key, read.of(key)])))
          process.ok()
        }
        await this.#poll(reader, process, read)
      }
    }, `assigned reader ${index}`))
  }

  async #poll(reader: Reader, process: RecordedProcess, progress: Progress): Promise<void> {
    process.invoke({ f: 'poll', value: [['poll']] })
    const { records, rebalanced, errors }: Polled = await reader.poll()
    if (Object.keys(records).length === 0 && errors.length > 0) process.fail(errors[0]!)
    else process.ok([['poll', records]], { rebalanced, ...(errors[0] !== undefined && { error: errors[0] }) })
    for (const [key, reads] of Object.entries(records)) {
      this.#status.records += reads.length
      for (const [offset] of reads) progress.reach(key, offset + 1)
    }
  }

  async #lastReader(): Promise<AssignedReader | Reader> {
    const { bootstrap, cast } = this.#options
    const group = 'history-last'
    const hasLibrdkafka = [...cast.idempotentSenders, ...cast.plainSenders, ...cast.members].includes('librdkafka') || cast.assigned > 0
    return hasLibrdkafka ? new LibrdkafkaReader({ bootstrap, group, commits: false }) : KafkajsMember.start({ bootstrap, group, topics: Workload.topics })
  }

  /** The high watermark of every key; a text where they cannot be had. */
  async #findEnds(msMax: number): Promise<Map<Key, number> | string> {
    const deadline = performance.now() + msMax
    const admin = kafkajsClient(this.#options.bootstrap).admin()
    try {
      for (;;) {
        try {
          await admin.connect()
          const found = await Promise.all(Workload.topics.map(async topic => (await admin.fetchTopicOffsets(topic)).map(({ partition, high }) => [keyOf({ topic, partition }), Number(high)] as const)))
          return new Map(found.flat())
        } catch (error) {
          if (performance.now() > deadline) return `the ends of the topics cannot be had after ${msMax} ms: ${nameOfKafkajsError(error)}`
          await pause(200)
        }
      }
    } finally {
      await admin.disconnect().catch(() => {})
    }
  }

  /** A client that breaks ends the workload: the first failure is thrown where the run is ended. */
  async #run(work: () => Promise<void>, who = 'a sender'): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#failure ??= new Error(`${who} broke: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
    }
  }
}

/** Up to which offset each key is read, or known to reach. */
class Progress {
  readonly #ends = new Map<Key, number>()

  of(key: Key): number {
    return this.#ends.get(key) ?? 0
  }

  has(key: Key): boolean {
    return this.#ends.has(key)
  }

  reach(key: Key, end: number): void {
    if (end > this.of(key)) this.#ends.set(key, end)
  }

  distance(to: Progress): number {
    return Array.from(to.#ends, ([key, end]) => Math.max(0, end - this.of(key))).reduce((sum, one) => sum + one, 0)
  }

  missing(to: Progress): string[] {
    return Array.from(to.#ends).flatMap(([key, end]) => (this.of(key) < end ? [`${key} beyond ${this.of(key)} of ${end}`] : []))
  }
}

async function startMember(library: Library, { bootstrap, group }: { bootstrap: readonly string[]; group: string }): Promise<Reader> {
  if (library === 'kafkajs') return KafkajsMember.start({ bootstrap, group, topics: Workload.topics })
  const reader = new LibrdkafkaReader({ bootstrap, group, commits: true })
  await reader.subscribe(Workload.topics)
  return reader
}

