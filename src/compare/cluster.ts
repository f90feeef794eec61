// The brokers that a comparison plays against, as the gateway of a Sluice lets an operator handle them: to let one fail and to put everything back. A Kafka or a
// Kinesis that is no Sluice has no such door.
import { setTimeout as delay } from 'node:timers/promises'

/** A request to the gateway, with a body as JSON or none, and its answer. Rejects with an Error of one line for anything but success. */
export type AskGateway = (method: 'GET' | 'POST', path: string, body?: object) => Promise<unknown>

interface ShownPartition {
  readonly partition: number
  readonly leader: number
  readonly replicas: readonly number[]
  readonly inSyncReplicas: readonly number[]
}

interface TopicPage {
  readonly topics: readonly { readonly name: string; readonly partitions: readonly ShownPartition[] }[]
  readonly next: string | null
}

interface ShownTopic {
  readonly configs: Readonly<Record<string, { readonly value: string }>> | null
}

const pollMs = 100
const healMsMax = 60_000

/** A side that cannot play a scenario where it is; the message says why, and what it would take. */
export class CannotPlay extends Error {
  override readonly name = 'CannotPlay'
}

export class Cluster {
  readonly #ask: AskGateway

  constructor(ask: AskGateway) {
    this.#ask = ask
  }

  /** Who leads the topic's only partition. Throws CannotPlay where nobody could take over from it. */
  async leaderToFail(topic: string): Promise<number> {
    const partition = (await this.#partitions()).find(one => one.topic === topic)
    if (partition === undefined) throw new CannotPlay('the gateway that was given belongs to another cluster, and only a Sluice can be asked to let a broker fail')
    const { leader, replicas, inSyncReplicas } = partition
    const { configs } = await this.#ask('GET', `/kafka/topics/${encodeURIComponent(topic)}`) as ShownTopic
    const wanted = Number(configs?.['min.insync.replicas']?.value ?? 1)
    if (replicas.length === 1) throw new CannotPlay(`the topic has one replica, on broker ${leader}: nobody could take over; it takes three brokers and replication factor 3`)
    if (inSyncReplicas.length <= wanted) {
      throw new CannotPlay(`${inSyncReplicas.length} replicas are in sync and min.insync.replicas is ${wanted}: without its leader the topic would take no writes`)
    }
    return leader
  }

  /** Lets a broker crash. What is returned puts it back: the broker runs, its replicas are in sync, and it leads what it led by preference. */
  async fail(brokerId: number): Promise<() => Promise<void>> {
    const led = (await this.#partitions()).filter(one => one.leader === brokerId && one.replicas[0] === brokerId)
    await this.#ask('POST', `/admin/brokers/${brokerId}/fail`)
    return async () => {
      await this.#ask('POST', `/admin/brokers/${brokerId}/start`)
      await this.#inSync(brokerId)
      const partitions = led.map(({ topic, partition }) => ({ topic, partition }))
      if (partitions.length > 0) await this.#ask('POST', '/admin/elections', { kind: 'preferred', partitions })
    }
  }

  /** Resolves when every replica of a broker is in sync again. */
  async #inSync(brokerId: number): Promise<void> {
    const deadline = performance.now() + healMsMax
    for (;;) {
      const behind = (await this.#partitions()).find(one => one.replicas.includes(brokerId) && !one.inSyncReplicas.includes(brokerId))
      if (behind === undefined) return
      if (performance.now() > deadline) throw new Error(`${behind.topic}-${behind.partition} of broker ${brokerId} is not in sync again after ${healMsMax / 1000} s`)
      await delay(pollMs)
    }
  }

  async #partitions(): Promise<(ShownPartition & { readonly topic: string })[]> {
    const partitions: (ShownPartition & { readonly topic: string })[] = []
    for (let after: string | null = ''; after !== null;) {
      const page = await this.#ask('GET', `/kafka/topics?internal=true&limit=1000&after=${encodeURIComponent(after)}`) as TopicPage
      partitions.push(...page.topics.flatMap(topic => topic.partitions.map(partition => ({ ...partition, topic: topic.name }))))
      after = page.next
    }
    return partitions
  }
}
