// What opening a cluster takes before anything is served: the directories of its brokers, agreed on one cluster, and the copies of the catalog in them.
// Each step refuses with one line for the operator, and none deletes anything.
import type { Logger, World } from '../world/world.ts'
import type { MetadataCopy } from './catalog/controller.ts'
import { DataDirectory } from './data-directory.ts'
import { EngineError, ensureDirectory, newClusterId, readIdentity } from './directory.ts'
import type { LogConfig } from './log/config.ts'
import { Log, type LogOptions } from './log/log.ts'
import type { TailCache } from './log/tail-cache.ts'
import { WrongKey } from './sealed/errors.ts'
import type { KeySource } from './sealed/kek.ts'

/** A broker of this process: who it is, and where its data lie. */
export interface BrokerSpec {
  readonly id: number
  /** The availability zone. */
  readonly rack: string | null
  /** At least one; the first holds a copy of the catalog. */
  readonly directories: readonly string[]
  /** Its own clock, disk and chance, where they are not the process's. */
  readonly world?: World
}

export interface OpeningOptions {
  readonly world: World
  readonly brokers: readonly BrokerSpec[]
  readonly kek: KeySource
  readonly logger: Logger
  /** For new directories; a directory of another cluster is refused. Left out: a new one is made up. */
  readonly clusterId?: string
}

/** A broker's directories, open. */
export interface OpenBroker {
  readonly spec: BrokerSpec
  readonly world: World
  readonly directories: readonly DataDirectory[]
}

/** As Kafka's KRaft has it. */
const metadataTopicId = '00000000-0000-0000-0000-000000000001'

/** The cluster that the directories are of: the one given, the one that any of them names, or a new one. */
export async function clusterIdOf({ world, brokers, clusterId }: OpeningOptions): Promise<string> {
  if (clusterId !== undefined) return clusterId
  for (const { directories, world: own = world } of brokers) {
    for (const path of directories) {
      const identity = await readIdentity(own, path).catch(() => undefined)
      if (identity !== undefined) return identity.clusterId
    }
  }
  return newClusterId(count => world.random.bytes(count))
}

export async function openDirectories(spec: BrokerSpec, options: OpeningOptions, clusterId: string): Promise<OpenBroker> {
  const world = spec.world ?? options.world
  await using opened = new AsyncDisposableStack()
  const directories: DataDirectory[] = []
  for (const path of spec.directories) {
    directories.push(opened.use(await DataDirectory.open({ world, path, brokerId: spec.id, clusterId: () => clusterId, kek: options.kek, logger: options.logger })))
  }
  opened.move()
  return { spec, world, directories }
}

export async function openCopy({ spec, world, directories }: OpenBroker, how: {
  readonly clusterId: string; readonly cache: TailCache; readonly logger: Logger; readonly config: () => LogConfig
}): Promise<MetadataCopy> {
  const [first] = directories
  const path = `${first!.path}/metadata`
  const identity = { clusterId: how.clusterId, topicId: metadataTopicId, partition: 0, broker: spec.id }
  const options: LogOptions = {
    world, directory: path, identity, keys: first!.keyring, config: how.config, cache: how.cache, logger: how.logger, onFailure: first!.failure.report,
  }
  try {
    await ensureDirectory(world.disk, path)
    return { id: spec.id, directory: first!.id, log: await Log.open(options), options }
  } catch (error) {
    const fault = error instanceof WrongKey ? 'wrong-key' : 'damaged'
    throw new EngineError(fault, `the catalog in ${path} cannot be opened: ${(error as Error).message}`, { cause: error })
  }
}

/** A catalog that is gone must not be taken for a new one while topics lie there: an empty catalog would know nothing of them. */
export async function refuseLostCatalog(brokers: readonly OpenBroker[], copies: readonly MetadataCopy[]): Promise<void> {
  if (copies.some(({ log }) => log.endOffset > 0)) return
  for (const { world: { disk }, directories } of brokers) {
    for (const { path } of directories) {
      const topics = (await disk.exists(`${path}/topics`)) ? await disk.list(`${path}/topics`) : []
      if (topics.length === 0) continue
      for (const { log } of copies) await log.close()
      throw new EngineError('damaged', `the catalog in ${path}/metadata is empty, but ${path}/topics holds ${topics.length} topic(s), which would be lost to sight; `
        + 'put the catalog back from a copy, or move the topics away; nothing was changed')
    }
  }
}
