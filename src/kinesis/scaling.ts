// On-demand streams follow their use. Every ten seconds, each open shard that took more than half of what it may take is split in halves: so a stream always has room for twice
// what is written to it, also where few keys get most of it. Only where limits hold: a shard that takes anything needs no help. Fewer shards come of
// UpdateStreamWarmThroughput alone.
import type { Topic } from '../ports.ts'
import type { Logger, Timer } from '../world/world.ts'
import { isCommitted } from './account.ts'
import type { Services } from './context.ts'
import { shardQuota } from './quotas.ts'
import { halvingPlan } from './reshard-plans.ts'
import { changeShards, noChange } from './resharding.ts'
import { streamStatus } from './lifecycle.ts'
import { type ShardMap, type ShardNode, shardMapOf } from './shard-map.ts'
import { factsOf } from './stream-facts.ts'
import { type Written, shardLimits } from './throughput.ts'

const roundMs = 10_000
/** AWS scales a stream by itself up to 200 MiB a second, and with a commitment up to ten GiB. */
const shardsMax = { standard: 200, committed: 10_240 } as const

/** What each open shard of a stream had been given when a round ended, by its index. */
type Totals = ReadonlyMap<number, Written>

export class OnDemandScaling implements Disposable {
  readonly #services: Services
  readonly #logger: Logger
  #timer: Timer
  #closed = false
  #before: ReadonlyMap<string, Totals> = new Map()
  #beforeMs: number

  constructor(services: Services, logger: Logger) {
    this.#services = services
    this.#logger = logger
    this.#beforeMs = services.clock.monotonic()
    this.#timer = this.#next()
  }

  [Symbol.dispose](): void {
    this.#closed = true
    this.#timer.cancel()
  }

  #next(): Timer {
    return this.#services.clock.after(roundMs, () => void this.#round())
  }

  async #round(): Promise<void> {
    try {
      await this.#followUse()
    } catch (error) {
      if (!this.#closed) this.#logger.error({ err: error }, 'on-demand streams could not be scaled')
    }
    if (!this.#closed) this.#timer = this.#next()
  }

  async #followUse(): Promise<void> {
    const { admin, clock, documents, limits } = this.#services
    const nowMs = clock.monotonic()
    const seconds = (nowMs - this.#beforeMs) / 1_000
    const onDemand = documents.all('kinesis-stream').map(({ key }) => key).filter(id => factsOf({ id }, this.#services).mode === 'ON_DEMAND')
    const found = (await Promise.all(onDemand.map(id => admin.topicById(id)))).filter(topic => topic !== undefined)
    const before = this.#before
    const totals = new Map(found.map(topic => [topic.id, this.#totalsOf(topic)]))
    this.#before = totals
    this.#beforeMs = nowMs
    if (!limits.isEnforced) return
    for (const topic of found) {
      const known = before.get(topic.id)
      // A stream that was not watched before is only watched from now on.
      if (known === undefined || this.#closed || streamStatus(topic, this.#services) !== 'ACTIVE') continue
      await this.#split(topic, busiest(shardMapOf(topic), known, totals.get(topic.id)!, seconds))
    }
  }

  #totalsOf(topic: Topic): Totals {
    return new Map(shardMapOf(topic).open.map(({ index }) => [index, this.#services.throughput.shard(topic.id, index).written()]))
  }

  /** As many of these as the account and the stream have room for. */
  async #split(topic: Topic, shards: readonly ShardNode[]): Promise<void> {
    if (shards.length === 0) return
    const map = shardMapOf(topic)
    const { used, limit } = shardQuota(await this.#services.admin.topics(), this.#services)
    const most = isCommitted(this.#services) ? shardsMax.committed : shardsMax.standard
    const plan = halvingPlan(map, shards.slice(0, Math.max(Math.min(limit - used, most - map.open.length), 0)))
    if (plan.closes.length === 0) return
    // Where somebody else changes the shards meanwhile, what was measured means nothing any more.
    const refused = await changeShards(topic, plan, { plan: async () => null }, noChange, this.#services)
    if (refused !== null) this.#logger.warn({ stream: topic.name, reason: refused.message }, 'an on-demand stream could not be scaled')
  }
}

/** Those that took more than half of what a shard may take, the busiest first. */
function busiest(map: ShardMap, before: Totals, after: Totals, seconds: number): ShardNode[] {
  const share = ({ index }: ShardNode): number => {
    const { bytes, records } = after.get(index)!
    // A shard that was not there before began with nothing.
    const then = before.get(index) ?? { bytes: 0, records: 0 }
    return Math.max((bytes - then.bytes) / shardLimits.writeBytesPerSecond, (records - then.records) / shardLimits.writeRecordsPerSecond) / seconds
  }
  return map.open.map(shard => ({ shard, share: share(shard) })).filter(one => one.share > 1 / 2).toSorted((a, b) => b.share - a.share).map(({ shard }) => shard)
}
