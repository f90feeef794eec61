// Figures of partitions and brokers for Prometheus, asked for at each scrape and set all at once, so that two scrapes at a time do not see halves.
// Bounded: of so many partitions and brokers only the first are shown; the sums count all.
import { Gauge, type Registry } from 'prom-client'
import { Refusal, type Admin, type Brokers, type BrokerStatus, type Ends, type LogDirectory, type Logs, type PartitionRef, type Topic } from '../ports.ts'

export interface Watched {
  readonly logs: Logs
  readonly admin: Admin
  readonly brokers: Brokers
}

const partitionsShownMax = 2_000
const brokersShownMax = 100

/** What is set per partition, from its leader. */
const partitionFigures = {
  sluice_log_start_offset: { help: 'First offset that can be read.', of: (ends: Ends) => ends.logStartOffset },
  sluice_last_stable_offset: { help: 'First offset that read_committed consumers cannot read yet.', of: (ends: Ends) => ends.lastStableOffset },
  sluice_high_watermark: { help: 'First offset that cannot be read yet.', of: (ends: Ends) => ends.highWatermark },
  sluice_log_end_offset: { help: 'Where the leader\'s log ends: ahead of the high watermark by what is not on all in-sync replicas yet.', of: (ends: Ends) => ends.logEndOffset },
} as const

/** What is set once for the cluster: partitions for which something holds. */
const partitionCounts = {
  sluice_offline_partitions: { help: 'Partitions that nobody leads.', holds: (partition: Topic['partitions'][number]) => partition.leader < 0 },
  sluice_under_replicated_partitions: {
    help: 'Partitions with replicas that are not in sync.', holds: (partition: Topic['partitions'][number]) => partition.inSyncReplicas.length < partition.replicas.length,
  },
  sluice_under_min_isr_partitions: {
    help: 'Partitions with fewer in-sync replicas than min.insync.replicas, which take no acks=all.',
    holds: (partition: Topic['partitions'][number], minInSync: number) => partition.inSyncReplicas.length < minInSync,
  },
  sluice_reassigning_partitions: {
    help: 'Partitions that are being moved.', holds: (partition: Topic['partitions'][number]) => partition.addingReplicas.length + partition.removingReplicas.length > 0,
  },
} as const

/** What is set per broker; undefined leaves it out. */
const brokerFigures = {
  sluice_broker_up: { help: '1 while the broker runs.', of: ({ isUp }: SeenBroker) => Number(isUp) },
  sluice_broker_leaders: { help: 'Partitions it leads.', of: ({ leaders }: SeenBroker) => leaders },
  sluice_broker_replicas: { help: 'Replicas on it.', of: ({ replicas }: SeenBroker) => replicas },
  sluice_broker_replicas_out_of_sync: { help: 'Replicas on it that are not in sync.', of: ({ outOfSync }: SeenBroker) => outOfSync },
  sluice_broker_storage_bytes: {
    help: 'Bytes that its replicas take.', of: ({ stored }: SeenBroker) => stored?.flatMap(one => one.replicas).reduce((sum, replica) => sum + replica.bytes, 0),
  },
  sluice_broker_storage_limit_bytes: { help: 'The most that they may take; absent where there is no limit.', of: ({ limitBytes }: SeenBroker) => limitBytes },
  sluice_broker_failed_directories: { help: 'Data directories that nothing is served from any more.', of: ({ stored }: SeenBroker) => stored?.filter(one => one.failed !== undefined).length },
} as const

/** `stored` is undefined where its directories cannot be asked. */
interface SeenBroker extends BrokerStatus {
  readonly stored: readonly LogDirectory[] | undefined
}

export class ClusterFigures {
  readonly #parts: Watched
  readonly #partitions: Readonly<Record<keyof typeof partitionFigures, Gauge<'topic' | 'partition'>>>
  readonly #counts: Readonly<Record<keyof typeof partitionCounts, Gauge>>
  readonly #brokers: Readonly<Record<keyof typeof brokerFigures, Gauge<'broker'>>>
  readonly #state: Gauge<'broker' | 'state'>
  readonly #controller: Gauge<'broker'>

  constructor(registry: Registry, parts: Watched) {
    this.#parts = parts
    const registers = [registry]
    const gauges = <Name extends string, Label extends string>(figures: Readonly<Record<Name, { help: string }>>, labelNames: Label[]): Record<Name, Gauge<Label>> =>
      Object.fromEntries((Object.keys(figures) as Name[]).map(name => [name, new Gauge({ name, help: figures[name].help, labelNames, registers })])) as Record<Name, Gauge<Label>>
    this.#partitions = gauges(partitionFigures, ['topic', 'partition'])
    this.#counts = gauges(partitionCounts, [])
    this.#brokers = gauges(brokerFigures, ['broker'])
    this.#state = new Gauge({ name: 'sluice_broker_state', help: '1 for the state a broker is in: running, fenced or stopping.', labelNames: ['broker', 'state'], registers })
    this.#controller = new Gauge({ name: 'sluice_active_controller', help: '1 for the id that clients are told is the controller\'s.', labelNames: ['broker'], registers })
  }

  /** Takes what is so now. */
  async refresh(): Promise<void> {
    const { admin, brokers } = this.#parts
    const [topics, statuses, { controllerId }] = await Promise.all([admin.topics(), brokers.list(), admin.cluster()])
    const partitions = await this.#endsOf(topics)
    const seen = await Promise.all(statuses.slice(0, brokersShownMax).map(async (one): Promise<SeenBroker> => {
      const stored = await admin.logDirectories(one.id, null)
      return { ...one, stored: stored instanceof Refusal ? undefined : stored }
    }))

    // From here on nothing waits.
    for (const [name, { of }] of entriesOf(partitionFigures)) {
      this.#partitions[name].reset()
      for (const { topic, partition, ends } of partitions) this.#partitions[name].set({ topic, partition }, of(ends))
    }
    for (const [name, { holds }] of entriesOf(partitionCounts)) {
      const count = topics.reduce((sum, topic) => {
        const minInSync = Number(admin.config(topic, 'min.insync.replicas'))
        return sum + topic.partitions.filter(one => holds(one, minInSync)).length
      }, 0)
      this.#counts[name].set(count)
    }
    this.#state.reset()
    for (const { id, state } of seen) this.#state.set({ broker: id, state }, 1)
    for (const [name, { of }] of entriesOf(brokerFigures)) {
      this.#brokers[name].reset()
      for (const one of seen) {
        const value = of(one)
        if (value !== undefined) this.#brokers[name].set({ broker: one.id }, value)
      }
    }
    this.#controller.reset()
    this.#controller.set({ broker: controllerId }, 1)
  }

  /** The first partitions with their ends; those that nobody can be asked for are left out. */
  async #endsOf(topics: readonly Topic[]): Promise<(PartitionRef & { ends: Ends })[]> {
    const wanted = topics.flatMap(topic => topic.partitions.map(one => ({ topic: topic.name, partition: one.index, leader: one.leader }))).slice(0, partitionsShownMax)
    const found: (PartitionRef & { ends: Ends })[] = []
    for (const { topic, partition, leader } of wanted) {
      const ends = leader < 0 ? undefined : await this.#parts.logs.ends({ topic, partition })
      if (ends !== undefined && !(ends instanceof Refusal)) found.push({ topic, partition, ends })
    }
    return found
  }
}

/** Object.entries that knows the keys. */
function entriesOf<T extends object>(of: T): [keyof T, T[keyof T]][] {
  return Object.entries(of) as [keyof T, T[keyof T]][]
}
