// `sluice topics`: topics (streams, to Kinesis) of a running server.
import { Command } from 'commander'
import { askGateway, printTable, queryOf, sendJson, withGateway, type GatewayOptions } from './gateway-client.ts'
import { counted } from './numbers.ts'
import { electCommand, reassignCommand } from './topic-moves.ts'

interface ShownPartition {
  readonly partition: number
  readonly leader: number
  readonly leaderEpoch: number
  readonly replicas: readonly number[]
  readonly inSyncReplicas: readonly number[]
  readonly eligibleReplicas: readonly number[]
  readonly addingReplicas: readonly number[]
  readonly removingReplicas: readonly number[]
  readonly logStartOffset?: number
  readonly highWatermark?: number
  readonly shard: { readonly hashKeys: { readonly start: string; readonly end: string }; readonly parents: readonly number[] } | null
  readonly closed: { readonly at: string; readonly endOffset: number | null } | null
}

/** Offsets are null while the replica's broker is down. */
interface ShownReplica {
  readonly broker: number
  readonly role: string
  readonly isInSync: boolean
  readonly logStartOffset: number | null
  readonly lastStableOffset: number | null
  readonly highWatermark: number | null
  readonly logEndOffset: number | null
  readonly durableOffset: number | null
}

interface ShownTopic {
  readonly name: string
  readonly id: string
  readonly internal: boolean
  readonly partitions: readonly ShownPartition[]
  readonly configs?: Readonly<Record<string, { readonly value: string | null; readonly source: string }>> | null
}

interface ChangedTopic {
  readonly configs: readonly { readonly name: string; readonly from: string | null; readonly to: string | null }[]
  readonly partitions: { readonly from: number; readonly to: number } | null
}

interface ChangeOptions extends GatewayOptions {
  readonly partitions?: string
  readonly replicationFactor?: string
  readonly config?: readonly string[]
  readonly reset?: readonly string[]
}

export function topicsCommand(): Command {
  const command = new Command('topics').description('list, describe, create, change, move and delete topics')
  const subcommand = (usage: string, sentence: string, example: string): Command =>
    withGateway(command.command(usage).description(sentence)).addHelpText('after', `\nExample: sluice topics ${example}`)

  subcommand('list', 'list topics', 'list --internal').option('--internal', 'with the server\'s own').action(list)
  subcommand('describe <topic>', 'show a topic\'s partitions, the offsets of each replica, and configs', 'describe orders').action(describe)
  subcommand('create <topic>', 'create a topic', 'create orders --partitions 3 --config retention.ms=3600000')
    .option('--partitions <n>', 'how many partitions (shards, to Kinesis)')
    .option('--replication-factor <n>', 'how many replicas of each')
    .option('--config <name=value...>', 'settings, as in retention.ms=3600000')
    .action(create)
  subcommand('alter <topic>', 'change a topic\'s settings, or give it more partitions', 'alter orders --partitions 6 --reset retention.ms')
    .option('--partitions <n>', 'how many partitions it is to have')
    .option('--config <name=value...>', 'settings to set')
    .option('--reset <name...>', 'settings to take back to their defaults')
    .action(alter)
  subcommand('delete <topic>', 'delete a topic and its records, for good', 'delete orders').action(remove)
  command.addCommand(reassignCommand())
  command.addCommand(electCommand())
  return command
}

async function list(options: GatewayOptions & { readonly internal?: boolean }): Promise<void> {
  const topics: ShownTopic[] = []
  for (let after: string | null = ''; after !== null;) {
    const query = queryOf({ limit: '1000', internal: String(options.internal === true), after })
    const page = await askGateway(options, 'GET', `/kafka/topics${query}`) as { topics: ShownTopic[]; next: string | null }
    topics.push(...page.topics)
    after = page.next
  }
  if (options.json === true) return console.log(JSON.stringify(topics, null, 2))
  if (topics.length === 0) return console.log('no topics')
  const records = (topic: ShownTopic): number => topic.partitions.reduce((sum, one) => sum + ((one.highWatermark ?? 0) - (one.logStartOffset ?? 0)), 0)
  printTable([['TOPIC', 'PARTITIONS', 'REPLICAS', 'OFFSETS HELD'], ...topics.map(topic => [
    topic.name, String(topic.partitions.length), String(topic.partitions[0]?.replicas.length ?? 0), String(records(topic)),
  ])])
}

async function describe(name: string, options: GatewayOptions): Promise<void> {
  const path = encodeURIComponent(name)
  const topic = await askGateway(options, 'GET', `/kafka/topics/${path}`) as ShownTopic
  const seen = await askGateway(options, 'GET', `/admin/topics/${path}/replicas`) as { partitions: { partition: number; replicas: ShownReplica[] }[] }
  const partitions = topic.partitions.map(one => ({ ...one, replicaStatus: seen.partitions.find(other => other.partition === one.partition)?.replicas ?? [] }))
  if (options.json === true) return console.log(JSON.stringify({ ...topic, partitions }, null, 2))
  console.log(`${topic.name}  (id ${topic.id})\n`)
  const offset = (value: number | null): string => (value === null ? '-' : String(value))
  printTable([
    ['PARTITION', 'LEADER', 'EPOCH', 'IN SYNC', 'REPLICA', 'ROLE', 'LOG START', 'LAST STABLE', 'HIGH WATERMARK', 'LOG END', 'ON DISK'],
    ...partitions.flatMap(one => one.replicaStatus.map((replica, at) => [
      // What is said of the partition stands before its first replica only.
      ...at > 0 ? ['', '', '', ''] : [String(one.partition), one.leader < 0 ? 'none' : String(one.leader), String(one.leaderEpoch), one.inSyncReplicas.join(',')],
      String(replica.broker), replica.isInSync ? replica.role : `${replica.role}, out of sync`,
      ...[replica.logStartOffset, replica.lastStableOffset, replica.highWatermark, replica.logEndOffset, replica.durableOffset].map(offset),
    ])),
  ])
  for (const { partition, eligibleReplicas } of partitions.filter(one => one.eligibleReplicas.length > 0)) {
    console.log(`\npartition ${partition}: not in sync, but with everything that was acknowledged: ${eligibleReplicas.join(',')}`)
  }
  const shards = partitions.flatMap(({ partition, shard, closed }) => (shard === null ? [] : [{ partition, shard, closed }]))
  if (shards.length > 0) {
    console.log()
    printTable([['SHARD', 'PARENTS', 'STATE', 'HASH KEYS'], ...shards.map(({ partition, shard, closed }) => [
      String(partition), shard.parents.join(',') || '-', stateOf(closed), `${shard.hashKeys.start} to ${shard.hashKeys.end}`,
    ])])
  }
  for (const { partition, addingReplicas, removingReplicas } of partitions.filter(one => one.addingReplicas.length + one.removingReplicas.length > 0)) {
    console.log(`\npartition ${partition} is being moved: ${addingReplicas.join(',') || 'none'} coming, ${removingReplicas.join(',') || 'none'} going`)
  }
  const own = Object.entries(topic.configs ?? {}).filter(([, config]) => config.source === 'topic')
  if (own.length > 0) {
    console.log()
    printTable([['CONFIG', 'VALUE'], ...own.map(([config, { value }]) => [config, value ?? ''])])
  }
}

function stateOf(closed: ShownPartition['closed']): string {
  if (closed === null) return 'open'
  return closed.endOffset === null ? `closed ${closed.at}, its end not known yet` : `closed ${closed.at}, ends at ${closed.endOffset}`
}

async function create(name: string, options: ChangeOptions): Promise<void> {
  const topic = await sendJson(options, 'POST', '/admin/topics', {
    name, configs: configsOf(options), ...count(options.partitions, 'partitions', '--partitions'),
    ...count(options.replicationFactor, 'replicationFactor', '--replication-factor'),
  }) as { id: string; partitions: number }
  if (options.json === true) return console.log(JSON.stringify(topic, null, 2))
  console.log(`${name} is created with ${counted(topic.partitions, 'partition')}`)
}

async function alter(name: string, options: ChangeOptions): Promise<void> {
  const configs = { ...configsOf(options), ...Object.fromEntries((options.reset ?? []).map(config => [config, null])) }
  const change = { ...Object.keys(configs).length > 0 && { configs }, ...count(options.partitions, 'partitions', '--partitions') }
  if (Object.keys(change).length === 0) throw new Error('say what to change: --config, --reset or --partitions')
  const changed = await sendJson(options, 'PATCH', `/admin/topics/${encodeURIComponent(name)}`, change) as ChangedTopic
  if (options.json === true) return console.log(JSON.stringify(changed, null, 2))
  const shown = (value: string | null): string => value ?? 'its default'
  if (changed.partitions !== null) console.log(`${name}: partitions ${changed.partitions.from} → ${changed.partitions.to}`)
  for (const { name: config, from, to } of changed.configs) console.log(`${name}: ${config} ${shown(from)} → ${shown(to)}`)
}

async function remove(name: string, options: GatewayOptions): Promise<void> {
  const gone = await askGateway(options, 'DELETE', `/admin/topics/${encodeURIComponent(name)}`) as { id: string; partitions: number }
  console.log(options.json === true ? JSON.stringify(gone, null, 2) : `${name} (id ${gone.id}) is deleted: ${counted(gone.partitions, 'partition')} and the records in ${gone.partitions === 1 ? 'it' : 'them'}`)
}

function configsOf(options: ChangeOptions): Record<string, string> {
  return Object.fromEntries((options.config ?? []).map(text => {
    const at = text.indexOf('=')
    if (at < 1) throw new Error(`--config: '${text}' is not written name=value`)
    return [text.slice(0, at), text.slice(at + 1)]
  }))
}

function count(text: string | undefined, member: string, option: string): Record<string, number> {
  if (text === undefined) return {}
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new Error(`${option}: '${text}' is not a whole number of at least 1`)
  return { [member]: Number(text) }
}
