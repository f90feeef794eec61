// The one controller of the process: decides over the catalog, keeps the sessions of brokers, and tells them what is committed. As with MSK it is no
// broker: its log lies in the directories of brokers, and whether these serve makes no difference to it.
import { type Quorum, Refusal } from '../../ports.ts'
import type { Logger, Timer, World } from '../../world/world.ts'
import { EngineError } from '../directory.ts'
import { MachineRuntime, replay } from '../machine.ts'
import { Catalog } from './catalog.ts'
import type { BrokerLife, CatalogCommand, CatalogReplies, CatalogReply, Voter } from './commands.ts'
import type { MetadataCopy } from './metadata-copy.ts'
import { bestOf, MetadataLog } from './metadata-log.ts'
import { type MetadataSlice, MetadataStream } from './metadata-stream.ts'
import type { CatalogRecord } from './records.ts'
import { Sessions } from './sessions.ts'

export type { MetadataCopy } from './metadata-copy.ts'
export type { MetadataSlice } from './metadata-stream.ts'

export interface ControllerOptions {
  readonly world: World
  readonly clusterId: string
  /** Broker configs by Kafka's names, as for Catalog. */
  readonly settings: Readonly<Record<string, string | number | boolean>>
  /** At least one. All of them become voters, a copy in a new directory in place of the one that its broker had before. */
  readonly copies: readonly MetadataCopy[]
  readonly logger: Logger
  /** How long a broker may be silent before it is fenced. */
  readonly sessionTimeoutMs: number
  /** A snapshot is written once the log holds more records than this, and four times as many as the state. */
  readonly snapshotRecordsMin?: number
  /** How many committed records are kept for brokers that follow; who is further behind gets a snapshot. */
  readonly historyRecords?: number
}

export interface Heartbeat extends BrokerLife {
  /** How far the broker has applied the stream of committed records. */
  readonly seen: number
}

export interface HeartbeatReply {
  readonly isFenced: boolean
}

export interface Submitted<Reply> {
  readonly reply: Reply | Refusal
  /** The position in the stream of committed records that the reply rests on. */
  readonly upTo: number
}

type Runtime = MachineRuntime<CatalogCommand, CatalogRecord, CatalogReply>

interface Parts {
  readonly options: ControllerOptions
  readonly log: MetadataLog
  readonly runtime: Runtime
  readonly stream: MetadataStream
  readonly catalog: Catalog
  readonly image: Catalog
}

const name = '__cluster_metadata'
const historyRecordsDefault = 10_000
const secondMs = 1000

export class Controller implements AsyncDisposable {
  /** The committed state. */
  readonly image: Catalog
  /** Resolves if ever fewer than a majority of the voters can be written: nothing is committed any more. */
  readonly failure: Promise<Error>
  readonly #options: ControllerOptions
  readonly #log: MetadataLog
  readonly #runtime: Runtime
  readonly #stream: MetadataStream
  /** As it is decided over: ahead of the image by what is not committed yet. */
  readonly #catalog: Catalog
  readonly #sessions: Sessions
  readonly #timers = new Map<string, Timer>()
  /** One change of the voters at a time. */
  #voterChange: Promise<unknown> = Promise.resolve()
  #closing: Promise<void> | undefined

  private constructor({ options, log, runtime, stream, catalog, image }: Parts) {
    const { clock } = options.world
    this.image = image
    this.failure = log.failure
    this.#options = options
    this.#log = log
    this.#runtime = runtime
    this.#stream = stream
    this.#catalog = catalog
    this.#sessions = new Sessions(options.sessionTimeoutMs, clock.monotonic())
    this.#every('copies', () => secondMs, () => this.#log.reopenFull())
    this.#every('sessions', () => this.#sessions.checkMs, () => this.#checkSessions())
    if (image.configs.broker('auto.leader.rebalance.enable') === 'true') {
      this.#every('leaders', () => image.configs.number('leader.imbalance.check.interval.seconds') * secondMs, () => this.submit({ type: 'balance-leaders' }))
    }
  }

  /**
   * Makes the copies agree (the best: latest epoch, then longest; others are cut and filled), begins a new epoch and submits start-cluster. Rejects with an
   * EngineError where fewer than a majority of the voters that the best copy names are there. Closes the copies' logs, also where it rejects.
   */
  static async open(options: ControllerOptions): Promise<Controller> {
    const { world: { clock }, settings, copies, logger, clusterId } = options
    if (copies.length === 0) throw new EngineError('unusable', 'no data directory holds a copy of the catalog')
    await using opened = new AsyncDisposableStack()
    for (const copy of copies) opened.defer(() => copy.log.close().catch(() => {}))
    const image = new Catalog({ settings })
    const best = bestOf(copies)
    await readCopy(image, best, logger)
    const named = image.voters
    const present = copies.map(({ id, directory }): Voter => ({ id, directory }))
    // A catalog that names nobody is new, or was kept by one broker alone.
    const voters = named.length > 0 ? named : best.log.endOffset > best.log.startOffset ? [{ id: best.id, directory: best.directory }] : present
    const log = await MetadataLog.open({ copies, voters, clock, logger })
    opened.defer(() => log.close())
    const stream = new MetadataStream(image, log.endOffset, options.historyRecords ?? historyRecordsDefault)
    const catalog = new Catalog({ settings })
    const runtime: Runtime = await MachineRuntime.open<CatalogCommand, CatalogRecord, CatalogReply>({
      name, machine: catalog, log, clock, logger,
      committed: (records, upTo) => stream.push(records, upTo),
      ...(options.snapshotRecordsMin === undefined ? {} : { snapshotRecordsMin: options.snapshotRecordsMin }),
    })
    opened.defer(() => runtime.close())
    const controller = new Controller({ options, log, runtime, stream, catalog, image })
    opened.defer(() => controller.close())
    const stay = voters.filter(voter => !present.some(one => one.id === voter.id))
    const taking = present.filter(one => log.members.includes(one.id))
    const begun = await controller.#setVoters([...stay, ...taking]) ?? (await controller.submit({ type: 'start-cluster', clusterId })).reply
    if (begun instanceof Refusal) throw new EngineError('damaged', `the catalog cannot be used: ${begun.message}`)
    log.beginPatience()
    opened.move()
    return controller
  }

  /** How far the stream of committed records has come. */
  get position(): number {
    return this.#stream.position
  }

  /** Resolves once what the reply rests on is committed. A broker registers by `register-broker`, which opens its session. */
  async submit<T extends CatalogCommand['type']>(command: CatalogCommand & { readonly type: T }): Promise<Submitted<CatalogReplies[T]>> {
    const asked: CatalogCommand = command
    const deciding = this.#runtime.submit(command)
    const upTo = this.#runtime.position
    // decide() answers each command with the reply of its own type.
    const reply = await deciding as CatalogReplies[T] | Refusal
    if (asked.type === 'register-broker' && !(reply instanceof Refusal)) {
      const { epoch } = reply as CatalogReplies['register-broker']
      this.#sessions.open({ id: asked.broker.id, epoch }, upTo, this.#monotonic())
    }
    return { reply, upTo }
  }

  /** What was committed behind `after`; waits while there is nothing. A snapshot for -1, or where `after` is too far back. Nothing once the signal aborts. */
  metadata({ after, signal }: { readonly after: number; readonly signal: AbortSignal }): Promise<MetadataSlice> {
    return this.#stream.after(after, signal)
  }

  /** Keeps the broker's session; one that has seen its own registration is unfenced. Refused for another epoch than the broker's present one. */
  async heartbeat(beat: Heartbeat): Promise<HeartbeatReply | Refusal> {
    const known = this.#catalog.registrations.check(beat)
    if (known instanceof Refusal) return known
    const nowMs = this.#monotonic()
    if (!this.#sessions.heard(beat, beat.seen, nowMs)) {
      return new Refusal('broker-not-available', `the session of broker ${beat.id} has ended; it must register anew`)
    }
    const refusal = await this.#unfence(nowMs)
    return refusal ?? { isFenced: this.#catalog.broker(beat.id)?.state === 'fenced' }
  }

  /** These register within one start: none is unfenced before all of them are ready (or a session timeout has passed), and then all by one command. */
  unfenceTogether(ids: readonly number[]): void {
    this.#sessions.awaitTogether(ids, this.#monotonic())
  }

  /** The broker's link has ended: fences it at once. */
  async disconnected(id: number, epoch: number): Promise<null | Refusal> {
    const { reply } = await this.submit({ type: 'fence-broker', id, epoch })
    if (reply === null) this.#sessions.end({ id, epoch })
    return reply
  }

  /** Fills the copy, lets it take part, and makes it a voter (in place of the voter of its id, if there is one). Closes its log where it refuses. */
  addCopy(copy: MetadataCopy): Promise<null | Refusal> {
    return this.#inTurn(async () => {
      try {
        await this.#log.add(copy)
      } catch (error) {
        await copy.log.close().catch(() => {})
        return new Refusal('storage-error', `the copy of the catalog in ${copy.options.directory} cannot be filled: ${(error as Error).message}`)
      }
      const others = this.#catalog.voters.filter(voter => voter.id !== copy.id)
      return this.#setVoters([...others, { id: copy.id, directory: copy.directory }])
    })
  }

  /** It is no voter any more, and its log is closed. */
  removeCopy(id: number): Promise<null | Refusal> {
    return this.#inTurn(async () => {
      const others = this.#catalog.voters.filter(voter => voter.id !== id)
      const refusal = others.length === this.#catalog.voters.length ? null : await this.#setVoters(others)
      if (refusal === null) this.#log.remove(id)
      return refusal
    })
  }

  /** The directory cannot be trusted any more: its copy takes no further part; it stays a voter until it is replaced or removed. */
  copyFailed(id: number, error: Error): void {
    this.#log.failed(id, error)
  }

  /** The controller has no id of its own: the copy that it reads from stands for it. */
  quorum(): Quorum {
    return {
      leaderId: this.#log.members[0] ?? -1,
      leaderEpoch: this.#log.leaderEpoch,
      highWatermark: this.#log.committedOffset,
      voters: this.#log.status(),
    }
  }

  /** Ends sessions without fencing anybody, lets what was decided be committed, and closes the copies. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(): Promise<void> {
    for (const timer of this.#timers.values()) timer.cancel()
    this.#log.endPatience()
    await this.#runtime.close()
    await this.#log.close()
  }

  async #setVoters(wanted: readonly Voter[]): Promise<null | Refusal> {
    const voters = wanted.toSorted((a, b) => a.id - b.id)
    if (voters.length === 0) return new Refusal('invalid-request', 'the last copy of the catalog cannot be removed')
    const before = this.#catalog.voters
    this.#log.proposeVoters(voters)
    const { reply } = await this.submit({ type: 'set-voters', voters })
    if (reply === null) this.#log.adoptVoters()
    else if (this.#catalog.voters === before) this.#log.withdrawVoters()
    return reply
  }

  async #unfence(nowMs: number): Promise<Refusal | null> {
    const brokers = this.#sessions.ready(nowMs).filter(({ id }) => this.#catalog.broker(id)?.state === 'fenced')
    if (brokers.length === 0) return null
    return (await this.submit({ type: 'unfence-brokers', brokers })).reply
  }

  async #checkSessions(): Promise<void> {
    const nowMs = this.#monotonic()
    for (const life of this.#sessions.expired(nowMs)) {
      this.#options.logger.warn({ broker: life.id, epoch: life.epoch, timeoutMs: this.#options.sessionTimeoutMs }, 'a broker has not been heard of and is fenced')
      const fencing = this.submit({ type: 'fence-broker', ...life })
      // Before it serves again it must know that it was fenced.
      this.#sessions.suspend(life, this.#runtime.position)
      const { reply } = await fencing
      if (reply instanceof Refusal) this.#options.logger.warn({ broker: life.id, reason: reply.message }, 'a broker could not be fenced')
    }
    await this.#unfence(nowMs)
  }

  #every(key: string, intervalMs: () => number, work: () => Promise<unknown>): void {
    this.#timers.set(key, this.#options.world.clock.after(intervalMs(), () => {
      void work()
        .catch((error: unknown) => this.#options.logger.error({ error: String(error) }, 'the controller could not do what is due from time to time'))
        .finally(() => {
          if (this.#closing === undefined) this.#every(key, intervalMs, work)
        })
    }))
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#voterChange.then(work)
    this.#voterChange = turn.catch(() => {})
    return turn
  }

  #monotonic(): number {
    return this.#options.world.clock.monotonic()
  }
}

/** The state that the copy holds, for whoever has to know the voters before anything is decided. */
async function readCopy(machine: Catalog, { log, options }: MetadataCopy, logger: Logger): Promise<void> {
  const read = (from: number, bytesMax: number): ReturnType<MetadataLog['read']> => log.read(from, { bytesMax, atLeastOne: true, upTo: log.endOffset })
  try {
    await replay({ name, machine, logger, log: { startOffset: log.startOffset, endOffset: log.endOffset, read } })
  } catch (error) {
    throw new EngineError('damaged', `the catalog in ${options.directory} cannot be replayed: ${(error as Error).message}`, { cause: error })
  }
}
