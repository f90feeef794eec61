// `sluice topics`: topics (streams, to Kinesis) of a running server.
import { Command } from 'commander'
import { askGateway, printTable, queryOf, sendJson, withGateway, type GatewayOptions } from './gateway-client.ts'

interface ShownPartition {
  readonly partition: number
  readonly leader: number
  readonly leaderEpoch: number
  readonly replicas: readonly number[]
  readonly inSyncReplicas: readonly number[]
  readonly logStartOffset?: number
  readonly highWatermark?: number
  readonly error?: string
}

interface ShownTopic {
  readonly name: string
  readonly id: string
  readonly internal: boolean
  readonly partitions: readonly ShownPartition[]
  readonly configs?: Readonly<Record<string, { readonly value: string | null; readonly source: string }>> | null
}

interface ChangeOptions extends GatewayOptions {
  readonly partitions?: string
  readonly replicationFactor?: string
  readonly config?: readonly string[]
  readonly reset?: readonly string[]
}

export function topicsCommand(): Command {
  const command = new Command('topics').description('list, describe, create, change and delete topics')
  withGateway(command.command('list').description('list topics').option('--internal', 'with the server\'s own')).action(list)
  withGateway(command.command('describe <topic>').description('show a topic\'s partitions, offsets and configs')).action(describe)
  withGateway(command.command('create <topic>').description('create a topic'))
    .option('--partitions <n>', 'how many partitions (shards, to Kinesis)')
    .option('--replication-factor <n>', 'how many replicas of each')
    .option('--config <name=value...>', 'settings, as in retention.ms=3600000')
    .action(create)
  withGateway(command.command('alter <topic>').description('change a topic\'s settings, or give it more partitions'))
    .option('--partitions <n>', 'how many partitions it is to have')
    .option('--config <name=value...>', 'settings to set')
    .option('--reset <name...>', 'settings to take back to their defaults')
    .action(alter)
  withGateway(command.command('delete <topic>').description('delete a topic and its records, for good')).action(remove)
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
  const topic = await askGateway(options, 'GET', `/kafka/topics/${encodeURIComponent(name)}`) as ShownTopic
  if (options.json === true) return console.log(JSON.stringify(topic, null, 2))
  console.log(`${topic.name}  (id ${topic.id})\n`)
  printTable([['PARTITION', 'LEADER', 'EPOCH', 'REPLICAS', 'IN SYNC', 'START OFFSET', 'HIGH WATERMARK'], ...topic.partitions.map(one => [
    one.partition, one.leader, one.leaderEpoch, one.replicas.join(','), one.inSyncReplicas.join(','),
    one.logStartOffset ?? one.error ?? '', one.highWatermark ?? '',
  ].map(String))])
  const own = Object.entries(topic.configs ?? {}).filter(([, config]) => config.source === 'topic')
  if (own.length > 0) {
    console.log()
    printTable([['CONFIG', 'VALUE'], ...own.map(([config, { value }]) => [config, value ?? ''])])
  }
}

async function create(name: string, options: ChangeOptions): Promise<void> {
  const topic = await sendJson(options, 'POST', '/admin/topics', {
    name, configs: configsOf(options), ...count(options.partitions, 'partitions', '--partitions'),
    ...count(options.replicationFactor, 'replicationFactor', '--replication-factor'),
  }) as { id: string; partitions: number }
  if (options.json === true) return console.log(JSON.stringify(topic, null, 2))
  console.log(`${name} is created with ${topic.partitions} partition${topic.partitions === 1 ? '' : 's'}`)
}

async function alter(name: string, options: ChangeOptions): Promise<void> {
  const configs = { ...configsOf(options), ...Object.fromEntries((options.reset ?? []).map(config => [config, null])) }
  const change = { ...Object.keys(configs).length > 0 && { configs }, ...count(options.partitions, 'partitions', '--partitions') }
  if (Object.keys(change).length === 0) throw new Error('say what to change: --config, --reset or --partitions')
  await sendJson(options, 'PATCH', `/admin/topics/${encodeURIComponent(name)}`, change)
  console.log(options.json === true ? JSON.stringify({ changed: name }) : `${name} is changed`)
}

async function remove(name: string, options: GatewayOptions): Promise<void> {
  await askGateway(options, 'DELETE', `/admin/topics/${encodeURIComponent(name)}`)
  console.log(options.json === true ? JSON.stringify({ deleted: name }) : `${name} is deleted`)
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
