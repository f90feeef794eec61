// Plays scenarios: a fresh topic and a fresh stream for each, both sides one after the other, everything recorded, everything removed again.
import { CannotPlay, Cluster, type AskGateway } from './cluster.ts'
import { innermost, KafkaSide } from './kafka-side.ts'
import { KinesisSide } from './kinesis-side.ts'
import type { CallCount, Recording, Step } from './recording.ts'
import type { Figure, Outcome, Scenario, Stage } from './scenario.ts'
import type { KafkaTarget, KinesisTarget } from './target.ts'

export interface SideResult {
  readonly figure: Figure
  readonly notes: readonly string[]
  readonly table: readonly Readonly<Record<string, string | number>>[]
  readonly snippet: string
  readonly callCount: number
  readonly bytesOut: number
  readonly bytesIn: number
  readonly durationMs: number
  /** How often each kind of call ended how; `steps` has the contents of the first of them. */
  readonly outcomes: readonly CallCount[]
  readonly steps: readonly Step[]
}

/** A side on which a scenario cannot be played, and why. */
export interface NotPlayed {
  readonly notPlayed: string
}

export interface Result {
  readonly slug: string
  readonly title: string
  readonly task: string
  readonly number: string
  readonly difference: string
  readonly migration: string
  readonly documented: Scenario['documented']
  readonly kafka: SideResult | NotPlayed
  readonly kinesis: SideResult | NotPlayed
}

export interface Run {
  readonly kafka: KafkaTarget
  readonly kinesis: KinesisTarget
  /** The gateway of the Sluice that both addresses belong to; without it no broker can be asked to fail. */
  readonly gateway?: AskGateway
  /** Called before each scenario, for progress. */
  onScenario?(scenario: Scenario, index: number, count: number): void
}

/** Plays the scenarios in order. A side that fails ends the run with an error that names the scenario, the side and the cause. */
export async function play(scenarios: readonly Scenario[], run: Run): Promise<Result[]> {
  const results: Result[] = []
  for (const [index, scenario] of scenarios.entries()) {
    run.onScenario?.(scenario, index, scenarios.length)
    const stage = { shared: new Map<string, unknown>(), ...run.gateway && { cluster: new Cluster(run.gateway) } }
    const name = `compare-${scenario.slug}-${Date.now().toString(36)}`
    const kafka = await playKafka(scenario, run.kafka, { name: `${name}-kafka`, ...stage })
    const kinesis = await playKinesis(scenario, run.kinesis, { name: `${name}-kinesis`, ...stage })
    const { slug, title, task, number, difference, migration, documented } = scenario
    results.push({ slug, title, task, number, difference, migration, documented, kafka, kinesis })
  }
  return results
}

async function playKafka(scenario: Scenario, target: KafkaTarget, stage: Stage): Promise<SideResult | NotPlayed> {
  try {
    await using side = await KafkaSide.connect(target)
    await side.createTopic(stage.name, scenario.slots)
    try {
      return resultOf(await scenario.kafka(side, stage), side.recording, scenario.snippets.kafka)
    } finally {
      await side.deleteTopic(stage.name)
    }
  } catch (error) {
    if (error instanceof CannotPlay) return { notPlayed: error.message }
    throw new Error(`${scenario.slug}, Kafka at ${target.bootstrap.join(',')}: ${innermost(error)}`, { cause: error })
  }
}

async function playKinesis(scenario: Scenario, target: KinesisTarget, stage: Stage): Promise<SideResult | NotPlayed> {
  await using side = new KinesisSide(target)
  try {
    await side.createStream(stage.name, scenario.slots)
    try {
      return resultOf(await scenario.kinesis(side, stage), side.recording, scenario.snippets.kinesis)
    } finally {
      await side.deleteStream(stage.name)
    }
  } catch (error) {
    if (error instanceof CannotPlay) return { notPlayed: error.message }
    const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
    throw new Error(`${scenario.slug}, Kinesis at ${target.endpoint ?? target.region}: ${reason}`, { cause: error })
  }
}

function resultOf(outcome: Outcome, recording: Recording, snippet: string): SideResult {
  const { callCount, bytesOut, bytesIn, durationMs, outcomes, steps } = recording
  return { figure: outcome.figure, notes: outcome.notes, table: outcome.table ?? [], snippet, callCount, bytesOut, bytesIn, durationMs, outcomes, steps }
}
