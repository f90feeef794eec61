// Opens catalogs over a log in memory, with some brokers that run, for the tests of this folder.
import { expect } from 'vitest'
import { Catalog } from '../../../src/engine/catalog/catalog.ts'
import type { CatalogCommand, CatalogReplies, CatalogReply } from '../../../src/engine/catalog/commands.ts'
import type { CatalogRecord } from '../../../src/engine/catalog/records.ts'
import { MachineRuntime, replay } from '../../../src/engine/machine.ts'
import type { NewTopic, Refusal } from '../../../src/ports.ts'
import { SimClock } from '../../sim/clock.ts'
import { silent } from '../../sim/world.ts'
import { MemoryLog } from '../memory-log.ts'

export const clusterId = 'c2x1aWNlLXRlc3QtMDAwMQ'
export const topicId = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`
export const directoryOf = (broker: number, disk = 1): string => `0000000${broker}-0000-4000-9000-${String(disk).padStart(12, '0')}`
export const incarnationOf = (number: number): string => `00000000-0000-4000-a000-${String(number).padStart(12, '0')}`

export function code(expected: Refusal['code'], message?: string | RegExp): unknown {
  return expect.objectContaining({ code: expected, ...(message === undefined ? {} : { message: expect.stringMatching(message) }) })
}

export interface OpenOptions {
  readonly log?: MemoryLog
  readonly settings?: Record<string, string | number | boolean>
  /** How many register and serve; default 1. In racks a, b, c, a … */
  readonly brokers?: number
  readonly snapshotRecordsMin?: number
}

/** What the log alone leads to. */
export async function replayed(log: MemoryLog): Promise<Catalog> {
  const catalog = new Catalog({ brokerId: 1, settings: {} })
  await replay({ name: 'catalog', machine: catalog, log, logger: silent })
  return catalog
}

export async function open(options: OpenOptions = {}) {
  const log = options.log ?? new MemoryLog()
  const clock = new SimClock()
  const catalog = new Catalog({ settings: options.settings ?? {} })
  const runtime = await MachineRuntime.open<CatalogCommand, CatalogRecord, CatalogReply>({
    name: 'catalog', machine: catalog, log, clock, logger: silent, ...(options.snapshotRecordsMin === undefined ? {} : { snapshotRecordsMin: options.snapshotRecordsMin }),
  })
  const submit = async <T extends CatalogCommand['type']>(command: CatalogCommand & { readonly type: T }) => (await runtime.submit(command)) as CatalogReplies[T] | Refusal
  let lives = 0
  const epochOf = (id: number): number => catalog.broker(id)!.epoch
  const register = (id: number, disk = 1) => submit({
    type: 'register-broker', broker: { id, rack: 'abc'[(id - 1) % 3]! }, incarnation: incarnationOf(++lives), directories: [directoryOf(id, disk)],
  })
  const unfence = (...ids: number[]) => submit({ type: 'unfence-brokers', brokers: ids.map(id => ({ id, epoch: epochOf(id) })) })
  const fence = (id: number) => submit({ type: 'fence-broker', id, epoch: epochOf(id) })
  const stop = (id: number) => submit({ type: 'stop-broker', id, epoch: epochOf(id) })
  await submit({ type: 'start-cluster', clusterId })
  const ids = Array.from({ length: options.brokers ?? 1 }, (_, index) => index + 1)
  for (const id of ids) await register(id)
  await unfence(...ids)
  let topics = 0
  const create = (name: string, more: Partial<NewTopic> = {}, validateOnly = false) => submit({
    type: 'create-topic', topicId: topicId(++topics), internal: false, validateOnly, topic: { name, partitions: 1, replicationFactor: -1, configs: new Map(), ...more },
  })
  const alter = (name: string, partition: number, inSync: readonly number[], epochs: { leaderEpoch?: number; partitionEpoch?: number; brokerEpoch?: number } = {}) => {
    const topic = catalog.topic(name)!
    const { leader, leaderEpoch, partitionEpoch } = topic.partitions[partition]!
    return submit({
      type: 'alter-partitions', brokerId: leader, brokerEpoch: epochs.brokerEpoch ?? epochOf(leader),
      changes: [{
        topicId: topic.id, partition, leaderEpoch: epochs.leaderEpoch ?? leaderEpoch, partitionEpoch: epochs.partitionEpoch ?? partitionEpoch,
        inSyncReplicas: inSync.map(id => ({ id, epoch: epochOf(id) })),
      }],
    })
  }
  /** `leader@leaderEpoch.partitionEpoch replicas/in-sync` and, while it is being moved, `+adding-removing`. */
  const show = (name: string, index = 0): string => {
    const one = catalog.topic(name)!.partitions[index]!
    const move = one.addingReplicas.length + one.removingReplicas.length > 0 ? ` +${one.addingReplicas.join('')}-${one.removingReplicas.join('')}` : ''
    return `${one.leader}@${one.leaderEpoch}.${one.partitionEpoch} ${one.replicas.join('')}/${one.inSyncReplicas.join('')}${move}`
  }
  return { log, clock, catalog, runtime, submit, create, register, unfence, fence, stop, alter, show, epochOf }
}
