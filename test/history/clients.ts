// What the workload asks of a real Kafka client, whichever it is. Clients know bootstrap addresses, and nothing of how the cluster is operated.
import type { Key, Read, Value } from './history.ts'

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** What became of one send: an offset for each value that was acknowledged, null for others, and why. */
export interface Sent {
  readonly offsets: readonly (number | null)[]
  readonly error?: string
}

export interface Sender extends AsyncDisposable {
  /** With acks=all and retries. Answers when all values are acknowledged or given up; never rejects because of the cluster. */
  send(to: TopicPartition, values: readonly Value[]): Promise<Sent>
}

/** What one poll returned. */
export interface Polled {
  readonly records: Readonly<Record<Key, readonly Read[]>>
  /** Keys that a rebalance gave or took since the poll before. */
  readonly rebalanced: readonly Key[]
  readonly errors: readonly string[]
}

export interface Reader extends AsyncDisposable {
  /** Waits for records for a bounded time. */
  poll(): Promise<Polled>
}

export interface AssignedReader extends Reader {
  /** Reads exactly these from now on, each from that offset. */
  assign(positions: ReadonlyMap<Key, number>): Promise<void>
}

export function keyOf({ topic, partition }: TopicPartition): Key {
  return `${topic}/${partition}`
}

export function partitionOf(key: Key): TopicPartition {
  const slash = key.lastIndexOf('/')
  return { topic: key.slice(0, slash), partition: Number(key.slice(slash + 1)) }
}

/** The record's bytes: the value and some padding, so that a batch is more than a few bytes. */
export function recordOf(value: Value): string {
  return `${value} ${'.'.repeat(100)}`
}

/** The value of a record, its whole text where it is not one of ours. */
export function valueOf(record: string): Value {
  const value = Number(record.split(' ')[0])
  return record === recordOf(value) ? value : record
}
