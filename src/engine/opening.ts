// The steps that opening an engine takes before it serves: its keys, its catalog's log, the replay of that, and a look at what else the directory holds.
// Each refuses with one line for the operator, and none deletes anything.
import type { Broker } from '../ports.ts'
import type { Logger, World } from '../world/world.ts'
import type { Catalog } from './catalog/catalog.ts'
import type { CatalogCommand, CatalogReply } from './catalog/commands.ts'
import type { CatalogRecord } from './catalog/records.ts'
import { EngineError, ensureDirectory } from './directory.ts'
import type { DiskFailure } from './disk-failure.ts'
import { Log } from './log/log.ts'
import type { TailCache } from './log/tail-cache.ts'
import { internalTopicConfigs, logConfigOf } from './log-configs.ts'
import { type MachineLog, MachineRuntime } from './machine.ts'
import type { Partitions } from './partitions.ts'
import { WrongKey } from './sealed/errors.ts'
import type { KeySource } from './sealed/kek.ts'
import { Keyring } from './sealed/keyring.ts'

export interface OpeningOptions {
  readonly world: World
  readonly directory: string
  readonly kek: KeySource
  readonly broker: Broker
  readonly logger: Logger
}

export type CatalogRuntime = MachineRuntime<CatalogCommand, CatalogRecord, CatalogReply>

/** As Kafka's KRaft has it. */
const metadataTopicId = '00000000-0000-0000-0000-000000000001'

export async function openKeyring({ world, directory, kek }: OpeningOptions): Promise<Keyring> {
  try {
    return await Keyring.open({ world, directory, source: kek })
  } catch (error) {
    if (error instanceof WrongKey) throw new EngineError('wrong-key', `${directory} cannot be opened with this key: ${error.message}`, { cause: error })
    throw new EngineError('damaged', `the keyring in ${directory} cannot be read: ${(error as Error).message}`, { cause: error })
  }
}

export async function openMetadata(
  { world, directory, broker, logger }: OpeningOptions,
  { catalog, clusterId, keyring, cache, failure }: {
    readonly catalog: Catalog; readonly clusterId: string; readonly keyring: Keyring; readonly cache: TailCache; readonly failure: DiskFailure
  },
): Promise<Log> {
  const path = `${directory}/metadata`
  const identity = { clusterId, topicId: metadataTopicId, partition: 0, broker: broker.id }
  const config = () => logConfigOf(catalog.configs, internalTopicConfigs)
  try {
    await ensureDirectory(world.disk, path)
    return await Log.open({ world, directory: path, identity, keys: keyring, config, cache, logger, onFailure: failure.report })
  } catch (error) {
    const fault = error instanceof WrongKey ? 'wrong-key' : 'damaged'
    throw new EngineError(fault, `the catalog in ${path} cannot be opened: ${(error as Error).message}`, { cause: error })
  }
}

export async function replayCatalog({ directory, world, logger }: OpeningOptions, catalog: Catalog, log: MachineLog): Promise<CatalogRuntime> {
  try {
    return await MachineRuntime.open({ name: '__cluster_metadata', machine: catalog, log, clock: world.clock, logger })
  } catch (error) {
    throw new EngineError('damaged', `the catalog in ${directory}/metadata cannot be replayed: ${(error as Error).message}`, { cause: error })
  }
}

/** Files of topics that the catalog does not know are never deleted; a catalog that knows nothing beside such files is not believed. */
export async function refuseStrays(
  partitions: Partitions, catalog: Catalog, { directory, isNew, logger }: { readonly directory: string; readonly isNew: boolean; readonly logger: Logger },
): Promise<void> {
  const strays = (await partitions.stored()).filter(id => catalog.topicById(id) === undefined && !catalog.condemned.has(id))
  if (strays.length === 0) return
  if (isNew) {
    throw new EngineError('damaged', `${directory}/metadata is empty, but ${directory}/topics holds ${strays.length} topic(s), ${strays[0]} among them; nothing was changed`)
  }
  const fields = { directory: `${directory}/topics`, topicIds: strays.slice(0, 10), count: strays.length }
  logger.warn(fields, 'files of topics that the catalog does not know are left alone')
}

/** A log as a state machine writes it: in the one leader epoch that a single replica has. */
export function machineLog(log: Log): MachineLog {
  return {
    get startOffset() { return log.startOffset },
    get endOffset() { return log.endOffset },
    append: batch => log.append(batch, Math.max(log.latestEpoch, 0)),
    read: (from, bytesMax) => log.read(from, { bytesMax, atLeastOne: true, upTo: log.endOffset }),
    deleteBefore: offset => log.deleteBefore(offset),
  }
}
