// Simulated producers. Each send is an operation of the history: values that no other send has, to one partition, in one batch.
import { Refusal, type Appended, type Backend, type PartitionRef } from '../../../src/ports.ts'
import { buildBatch, type Batch } from '../../../src/wire/batch.ts'
import { recordOf } from '../../history/clients.ts'
import type { MicroOperation } from '../../history/history.ts'
import type { RecordedProcess } from '../../history/recorder.ts'
import { type Failed, SimClient } from './client.ts'
import { keyOf, type Stage } from './stage.ts'

type Acks = 'none' | 'leader' | 'all'

interface Send {
  readonly at: PartitionRef
  readonly values: readonly number[]
  readonly process: RecordedProcess
  readonly deadlineMs: number
}

/** What the broker guarantees not to have appended; anything else leaves it open. */
const refusedBefore: ReadonlySet<string> = new Set(['not-enough-replicas', 'message-too-large', 'invalid-record', 'unknown-topic', 'invalid-producer-epoch'])
const inFlightMax = 5
const deliveryMsMax = 120_000
const appendMsMax = 10_000
const repeatsMax = 100

/** Begins a send of some new values, and notes it. */
function begin(stage: Stage, at: PartitionRef, process: RecordedProcess, random: SimClient['random']): Send {
  const values = Array.from({ length: 1 + random.below(3) }, () => stage.nextValue())
  process.invoke({ f: 'send', value: values.map((value): MicroOperation => ['send', keyOf(at), value]) })
  return { at, values, process, deadlineMs: stage.cluster.time.monotonic() + deliveryMsMax }
}

function batchOf(stage: Stage, { values }: Send, producer?: { readonly id: number; readonly epoch: number; readonly baseSequence: number }): Batch {
  const records = values.map(value => ({ key: null, value: Buffer.from(recordOf(value)) }))
  return buildBatch(records, { timestampMs: stage.cluster.time.now(), ...(producer === undefined ? {} : { producer }) })
}

function succeeded(stage: Stage, { process, at, values }: Send, appended: Appended, acks: Acks): void {
  const isKnown = acks !== 'none'
  process.ok(values.map((value, index): MicroOperation => ['send', keyOf(at), [isKnown ? appended.baseOffset + index : null, value]]))
  stage.counts.acknowledged += values.length
}

/** Appends and holds the answer against what acks=all promises, where it is given. */
async function append(stage: Stage, backend: Backend, at: PartitionRef, batch: Batch, how: { readonly acks: Acks; readonly leaderEpoch?: number }): Promise<Appended | Refusal> {
  const answer = await backend.logs.append(at, batch, { ...how, timeoutMs: appendMsMax })
  if (!(answer instanceof Refusal) && how.acks === 'all') stage.acknowledged(at, answer.baseOffset + batch.lastOffsetDelta + 1)
  return answer
}

/**
 * As Kafka's idempotent producer: sequence numbers per partition, up to five batches under way, and after a failure one at a time, in order. What it
 * cannot deliver in time makes it begin anew with another id.
 */
export class IdempotentProducer {
  readonly #stage: Stage
  readonly #client: SimClient
  readonly #lanes: Lane[]
  #id = -1

  constructor(stage: Stage, client: SimClient, partitions: readonly PartitionRef[]) {
    this.#stage = stage
    this.#client = client
    this.#lanes = partitions.map(at => ({ at, sequence: 0, window: [], done: [], processes: Array.from({ length: inFlightMax }, () => stage.recorder.process()), leader: -1 }))
  }

  async run(): Promise<void> {
    const { random } = this.#client
    while (this.#stage.isSending) {
      await this.#client.pause(random.float() * 2 * this.#stage.pauseMs)
      if (this.#id < 0) await this.#begin()
      if (this.#id < 0) continue
      const lane = random.pick(this.#lanes)
      for (let count = 1 + random.below(inFlightMax); count > 0 && this.#send(lane); count--) if (random.chance(0.3)) await this.#client.pause(random.float() * 5)
    }
    while (this.#lanes.some(lane => lane.window.length > 0)) await this.#client.pause(100)
  }

  /** Sends the last batches of each partition again: they must be known for what they are, wherever the leader is now. Gives what is wrong. */
  async repeat(): Promise<string[]> {
    const faults: string[] = []
    for (const lane of this.#lanes) {
      const last = lane.done.toSorted((a, b) => a.baseSequence - b.baseSequence).at(-1)
      if (last === undefined) continue
      const repeated = (): Promise<Appended | Failed> => this.#client.askLeader(
        lane.at, 'repeat', backend => append(this.#stage, backend, lane.at, batchOf(this.#stage, last.send, last), { acks: 'all' }))
      let answer = await repeated()
      for (let tries = 0; tries < repeatsMax && (answer === 'unreachable' || (answer instanceof Refusal && answer.code !== 'out-of-order-sequence-number')); tries++) {
        await this.#client.pause(500)
        answer = await repeated()
      }
      if (answer === 'unreachable') faults.push(`${keyOf(lane.at)}: nobody answers the producer that repeats its last batch`)
      else if (answer instanceof Refusal) faults.push(`${keyOf(lane.at)}: the last batch of producer ${last.id}, sent again, is refused: ${answer.code} ${answer.message}`)
      else if (answer.baseOffset !== last.offset) faults.push(`${keyOf(lane.at)}: the last batch of producer ${last.id} at ${last.offset}, sent again, is at ${answer.baseOffset}`)
    }
    return faults
  }

  async #begin(): Promise<void> {
    const broker = this.#client.random.pick([...this.#stage.cluster.machines.keys()])
    const id = await this.#client.ask(broker, 'producer-id', backend => backend.logs.allocateProducerId())
    if (id === 'unreachable' || id instanceof Refusal) return
    this.#stage.producerId(id)
    this.#id = id
    for (const lane of this.#lanes) {
      lane.sequence = 0
      lane.done = []
    }
  }

  /** False where no more may be under way. */
  #send(lane: Lane): boolean {
    const { window } = lane
    if (window.length >= inFlightMax || this.#id < 0 || window.some(entry => entry.isRetried)) return false
    const process = lane.processes.find(one => !window.some(entry => entry.send.process === one))!
    const send = begin(this.#stage, lane.at, process, this.#client.random)
    const entry: Entry = { send, id: this.#id, baseSequence: lane.sequence, isRetried: false }
    lane.sequence += send.values.length
    window.push(entry)
    void this.#deliver(lane, entry)
    return true
  }

  /** Answers may come in any order; offsets are in that of sequence numbers. */
  #noteOffset(lane: Lane, { id, baseSequence, send }: Entry, offset: number): void {
    for (const other of lane.done) {
      if (other.baseSequence < baseSequence === other.offset < offset) continue
      this.#stage.violation(`${keyOf(lane.at)}: of producer ${id}, sequence ${baseSequence} is at offset ${offset} and ${other.baseSequence} at ${other.offset}`)
    }
    lane.done = [...lane.done.slice(-2 * inFlightMax), { id, epoch: 0, baseSequence, offset, send }]
  }

  async #deliver(lane: Lane, entry: Entry): Promise<void> {
    const { random } = this.#client
    const { send } = entry
    let failed: Failed = 'unreachable'
    let sends = 0
    for (;;) {
      // Whoever was not first in line with a failure waits until those before are through.
      while (entry.isRetried && lane.window[0] !== entry && entry.id === this.#id) await this.#client.pause(20)
      if (entry.id !== this.#id || this.#stage.cluster.time.monotonic() > send.deadlineMs) break
      const leader = await this.#client.leaderOf(lane.at)
      // Another leader must not see a later batch before it has seen an earlier one.
      if (leader !== 'unreachable' && (lane.window[0] === entry || (leader.broker === lane.leader && !lane.window.some(one => one.isRetried)))) {
        lane.leader = leader.broker
        const batch = batchOf(this.#stage, send, { id: entry.id, epoch: 0, baseSequence: entry.baseSequence })
        sends++
        const answer = await this.#client.ask(leader.broker, 'produce', backend => append(this.#stage, backend, lane.at, batch, { acks: 'all' }))
        if (answer !== 'unreachable' && !(answer instanceof Refusal)) {
          lane.window.splice(lane.window.indexOf(entry), 1)
          this.#noteOffset(lane, entry, answer.baseOffset)
          succeeded(this.#stage, send, answer, 'all')
          return
        }
        failed = answer
        this.#client.forget(lane.at)
        if (answer instanceof Refusal && answer.code === 'unknown-topic' && sends > 20) break
      }
      entry.isRetried = true
      await this.#client.pause(50 + random.float() * 400)
    }
    const wasDropped = entry.id !== this.#id
    lane.window.splice(lane.window.indexOf(entry), 1)
    if (sends === 0) send.process.fail('never sent')
    else send.process.info(wasDropped ? 'an earlier batch was given up' : failed === 'unreachable' ? failed : failed.code)
    // Whether it is there nobody knows; what follows under this id could not be told from it.
    if (!wasDropped) this.#id = -1
  }
}

/** A batch that was acknowledged. */
interface Done {
  readonly id: number
  readonly epoch: number
  readonly baseSequence: number
  readonly offset: number
  readonly send: Send
}

interface Lane {
  readonly at: PartitionRef
  readonly processes: RecordedProcess[]
  /** Under way, in order. */
  readonly window: Entry[]
  sequence: number
  leader: number
  /** Of the present id, the last few. */
  done: Done[]
}

interface Entry {
  readonly send: Send
  readonly id: number
  readonly baseSequence: number
  isRetried: boolean
}

/** As Kafka's producer without idempotence and with one batch under way: it tries again, and may write twice. */
export async function runPlainProducer(stage: Stage, client: SimClient, partitions: readonly PartitionRef[], acks: Acks): Promise<void> {
  const { random } = client
  const process = stage.recorder.process()
  while (stage.isSending) {
    await client.pause(random.float() * 2 * stage.pauseMs)
    const send = begin(stage, random.pick(partitions), process, random)
    // Only where no earlier try may have been appended is a refusal one for good.
    let isOpen = false
    let failed: Failed = 'unreachable'
    let isDone = false
    for (let tries = 1 + random.below(acks === 'none' ? 1 : 8); tries > 0 && !isDone; tries--) {
      const answer = await client.askLeader(send.at, 'produce', (backend, { epoch }) => append(stage, backend, send.at, batchOf(stage, send), { acks, ...(random.chance(0.3) ? { leaderEpoch: epoch } : {}) }))
      if (answer !== 'unreachable' && !(answer instanceof Refusal)) {
        succeeded(stage, send, answer, acks)
        isDone = true
        break
      }
      failed = answer
      isOpen ||= answer === 'unreachable' || !refusedBefore.has(answer.code)
      await client.pause(50 + random.float() * 500)
    }
    if (isDone) continue
    const why = failed === 'unreachable' ? failed : failed.code
    if (isOpen) process.info(why)
    else process.fail(why)
  }
}

/** As the gateway and Kinesis: through the backend that knows of no leaders, each once. */
export async function runWideProducer(stage: Stage, client: SimClient, partitions: readonly PartitionRef[]): Promise<void> {
  const { random, cluster } = client
  const process = stage.recorder.process()
  while (stage.isSending) {
    await client.pause(random.float() * 2 * stage.pauseMs)
    const { wide } = cluster
    if (wide === undefined) continue
    const send = begin(stage, random.pick(partitions), process, random)
    const late = Promise.withResolvers<'unreachable'>()
    const timer = cluster.time.after(deliveryMsMax, () => late.resolve('unreachable'))
    const answer = await Promise.race([append(stage, wide, send.at, batchOf(stage, send), { acks: 'all' }), late.promise])
    timer.cancel()
    if (answer === 'unreachable') process.info('the process died')
    else if (!(answer instanceof Refusal)) succeeded(stage, send, answer, 'all')
    else if (refusedBefore.has(answer.code)) process.fail(answer.code)
    else process.info(answer.code)
  }
}
