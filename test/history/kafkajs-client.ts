// kafkajs 2.2.4 as a client of the workload. It has no manual assignment: its readers are members of groups.
import kafkajs, { type Consumer, type Kafka, type Producer } from 'kafkajs'
import { setTimeout as pause } from 'node:timers/promises'
import { keyOf, recordOf, valueOf, type Polled, type Reader, type Sender, type Sent, type TopicPartition } from './clients.ts'
import type { Key, Read, Value } from './history.ts'
import { nameOfKafkajsError } from './outcome.ts'

const pollMsMax = 500
const unread = new Error('the member was closed before the batch was read')

export function kafkajsClient(bootstrap: readonly string[]): Kafka {
  return new kafkajs.Kafka({
    clientId: 'history', brokers: [...bootstrap], logLevel: kafkajs.logLevel.NOTHING, connectionTimeout: 2_000, requestTimeout: 10_000,
    retry: { retries: 12, initialRetryTime: 50, maxRetryTime: 500 },
  })
}

export class KafkajsSender implements Sender {
  readonly #kafka: Kafka
  readonly #isIdempotent: boolean
  #producer: Promise<Producer> | undefined

  constructor({ bootstrap, isIdempotent }: { bootstrap: readonly string[]; isIdempotent: boolean }) {
    this.#kafka = kafkajsClient(bootstrap)
    this.#isIdempotent = isIdempotent
  }

  async send({ topic, partition }: TopicPartition, values: readonly Value[]): Promise<Sent> {
    try {
      const producer = await (this.#producer ??= this.#connect())
      const messages = values.map(value => ({ value: recordOf(value), partition }))
      const [answer] = await producer.send({ topic, messages, acks: -1, timeout: 5_000 })
      return { offsets: values.map((_, at) => Number(answer!.baseOffset) + at) }
    } catch (error) {
      // An idempotent producer that gave up a batch gives its sequence numbers to the next one, which the broker may then take for a retry: it is not used again.
      await this.#disconnect()
      return { offsets: values.map(() => null), error: nameOfKafkajsError(error) }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#disconnect()
  }

  async #connect(): Promise<Producer> {
    const producer = this.#kafka.producer({
      idempotent: this.#isIdempotent, maxInFlightRequests: 1, allowAutoTopicCreation: false, createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    })
    await producer.connect()
    return producer
  }

  async #disconnect(): Promise<void> {
    const producer = this.#producer
    this.#producer = undefined
    await producer?.then(one => one.disconnect()).catch(() => {})
  }
}

/** kafkajs hands over batches when it has them; a poll takes the one that waits. */
export class KafkajsMember implements Reader {
  readonly #consumer: Consumer
  #waiting: { records: Readonly<Record<Key, readonly Read[]>>; taken: () => void; dropped: (error: Error) => void } | undefined
  #rebalanced = new Set<Key>()
  #errors: string[] = []
  #isClosed = false

  private constructor(consumer: Consumer) {
    this.#consumer = consumer
  }

  static async start({ bootstrap, group, topics }: { bootstrap: readonly string[]; group: string; topics: readonly string[] }): Promise<KafkajsMember> {
    const consumer = kafkajsClient(bootstrap).consumer({
      groupId: group, sessionTimeout: 10_000, rebalanceTimeout: 10_000, heartbeatInterval: 500, maxWaitTimeInMs: 100, allowAutoTopicCreation: false,
      retry: { retries: 12, initialRetryTime: 50, maxRetryTime: 500, restartOnFailure: async () => true },
    })
    const member = new KafkajsMember(consumer)
    consumer.on('consumer.group_join', ({ payload }) => {
      for (const [topic, partitions] of Object.entries(payload.memberAssignment)) for (const partition of partitions) member.#rebalanced.add(keyOf({ topic, partition }))
    })
    consumer.on('consumer.crash', ({ payload }) => void member.#errors.push(nameOfKafkajsError(payload.error)))
    await consumer.connect()
    await consumer.subscribe({ topics: [...topics], fromBeginning: true })
    await consumer.run({
      autoCommitInterval: 1_000,
      eachBatch: ({ batch: { topic, partition, messages } }) => member.#handOver({
        [keyOf({ topic, partition })]: messages.map(({ offset, value }): Read => [Number(offset), valueOf(String(value))]),
      }),
    })
    return member
  }

  async poll(): Promise<Polled> {
    const deadline = performance.now() + pollMsMax
    while (this.#waiting === undefined && performance.now() < deadline) await pause(5)
    const batch = this.#waiting
    this.#waiting = undefined
    batch?.taken()
    const polled = { records: batch?.records ?? {}, rebalanced: [...this.#rebalanced], errors: this.#errors }
    this.#rebalanced = new Set()
    this.#errors = []
    return polled
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    this.#waiting?.dropped(unread)
    await this.#consumer.disconnect().catch(() => {})
  }

  /** Answers when a poll has taken it; kafkajs then counts it as consumed. */
  async #handOver(records: Readonly<Record<Key, readonly Read[]>>): Promise<void> {
    if (this.#isClosed) throw unread
    await new Promise<void>((taken, dropped) => { this.#waiting = { records, taken, dropped } })
  }
}
