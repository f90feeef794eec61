// Rules of replication, each broken on purpose on the way between brokers, to see that the simulation notices.
import type { BrokerPeer, FetchedPartition, FetchPosition, Links, ProgressMark } from '../../../src/engine/links.ts'
import type { Engine } from '../../../src/engine/engine.ts'
import type { CatalogCommand, PartitionId } from '../../../src/engine/catalog/commands.ts'
import type { Sabotage } from './cluster.ts'

type OfEngine = () => Engine | undefined

/** Followers say how far they have written, in place of how far they have synced. */
export const writtenCountsAsDurable: Sabotage = (links, engine) => claiming(links, (from, at, durableOffset) => {
  const end = logOf(engine, from, at)?.endOffset
  return durableOffset < 0 || end === undefined ? durableOffset : end
})

/** One in-sync replica is not waited for: it seems to have everything at once. */
export const oneIsNotWaitedFor: Sabotage = (links, engine) => claiming(links, (from, at, durableOffset) => {
  const ids = [...engine()?.members ?? []].map(({ spec }) => spec.id)
  return from !== Math.max(...ids) || durableOffset < 0 ? durableOffset : Math.max(durableOffset, leaderEnd(engine, at))
})

/** As before KIP-101: whoever begins to follow cuts its log off at its own high watermark. */
export const cutsToHighWatermark: Sabotage = (links, engine) => {
  const known = new Set<string>()
  return overFetches(links, (from, to, fetched) => {
    const key = `${from} ${to} ${fetched.topicId}/${fetched.partition} ${fetched.leaderEpoch} ${engine()?.broker(from)?.epoch}`
    if (known.has(key) || fetched.refusal !== undefined || fetched.diverging !== undefined) return fetched
    known.add(key)
    const replica = engine()?.broker(from)?.replicas.get(fetched.topicId, fetched.partition)
    const log = replica?.log
    if (replica === undefined || log === undefined || log.latestEpoch < 0) return fetched
    return { ...fetched, batches: [], diverging: { leaderEpoch: log.latestEpoch, endOffset: replica.highWatermark } }
  })
}

/** What an earlier life of a broker had counts for its present one, whatever became of its disk (KIP-903 says no). */
export const earlierLivesCount: Sabotage = (links, engine) => {
  const firstEpochs = new Map<number, number>()
  return claiming(links, (from, at, durableOffset) => {
    const epoch = engine()?.broker(from)?.epoch ?? -1
    const first = firstEpochs.get(from) ?? epoch
    firstEpochs.set(from, first)
    return epoch === first || durableOffset < 0 ? durableOffset : Math.max(durableOffset, leaderEnd(engine, at))
  })
}

/** Leaders leave the last record out when they say where a closed partition ends. */
export const endsTooEarly: Sabotage = links => ({
  broker: (from, to) => links.broker(from, to),
  controller: from => {
    const peer = links.controller(from)
    return {
      ...peer,
      submit: command => {
        const said: CatalogCommand = command
        return peer.submit(said.type === 'seal-partition' ? { ...said, endOffset: Math.max(0, said.endOffset - 1) } as typeof command : command)
      },
    }
  },
})

function claiming(links: Links, claim: (from: number, at: PartitionId, durableOffset: number) => number): Links {
  return {
    broker: (from, to): BrokerPeer => {
      const peer = links.broker(from, to)
      const changed = <T extends FetchPosition | ProgressMark>(said: readonly T[]): T[] => said.map(one => ({ ...one, durableOffset: claim(from, one, one.durableOffset) }))
      return {
        fetch: request => peer.fetch({ ...request, positions: changed(request.positions) }),
        progress: report => peer.progress({ ...report, marks: changed(report.marks) }),
      }
    },
    controller: from => links.controller(from),
  }
}

function overFetches(links: Links, change: (from: number, to: number, fetched: FetchedPartition) => FetchedPartition): Links {
  return {
    broker: (from, to): BrokerPeer => {
      const peer = links.broker(from, to)
      return {
        progress: report => peer.progress(report),
        fetch: async request => {
          const response = await peer.fetch(request)
          return { ...response, partitions: response.partitions.map(fetched => change(from, to, fetched)) }
        },
      }
    },
    controller: from => links.controller(from),
  }
}

function logOf(engine: OfEngine, broker: number, { topicId, partition }: PartitionId) {
  return engine()?.broker(broker)?.replicas.get(topicId, partition)?.log
}

function leaderEnd(engine: OfEngine, at: PartitionId): number {
  const leader = engine()?.image.topicById(at.topicId)?.partitions[at.partition]?.leader ?? -1
  return logOf(engine, leader, at)?.endOffset ?? -1
}
