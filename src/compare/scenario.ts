// What a scenario is: one task, played on both sides by real clients, with one number that shows the difference.
import type { Cluster } from './cluster.ts'
import type { KafkaSide } from './kafka-side.ts'
import type { KinesisSide } from './kinesis-side.ts'

/** Where a figure comes from. A local latency is never shown as AWS's. */
export type Label = 'measured here' | 'limit enforced' | 'documented'

export interface Figure {
  readonly value: number
  readonly unit: string
  readonly label: Label
}

export interface Outcome {
  readonly figure: Figure
  /** What was seen, one sentence each. */
  readonly notes: readonly string[]
  /** A small table that belongs to the outcome (key → slot). */
  readonly table?: readonly Readonly<Record<string, string | number>>[]
}

export interface Documented {
  readonly text: string
  readonly source: string
  /** When the source said so: a year and month, or 'undated'. */
  readonly date: string
}

export interface Scenario {
  readonly slug: string
  readonly title: string
  /** The task in one sentence, the same for both sides. */
  readonly task: string
  /** What the one number counts. */
  readonly number: string
  /** How the two differ, in one or two sentences. */
  readonly difference: string
  /** What to do about it when moving from one to the other. */
  readonly migration: string
  /** The task in the smallest idiomatic form, to copy. */
  readonly snippets: { readonly kafka: string; readonly kinesis: string }
  readonly documented: readonly Documented[]
  /** Partitions and shards to play on. */
  readonly slots: number
  /** Both may throw CannotPlay, with the reason that is then shown in place of the outcome. */
  kafka(side: KafkaSide, stage: Stage): Promise<Outcome>
  kinesis(side: KinesisSide, stage: Stage): Promise<Outcome>
}

/** What a side plays on: its own topic (or stream), made fresh, and memory that both sides share within a run. */
export interface Stage {
  readonly name: string
  readonly shared: Map<string, unknown>
  /** The brokers behind both sides; undefined where nobody said how they are reached. */
  readonly cluster?: Cluster
}
