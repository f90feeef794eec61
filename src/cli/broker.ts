// `sluice broker`: the brokers of a running server, to be looked at and operated on while clients run.
import { resolve } from 'node:path'
import { Command } from 'commander'
import { askGateway, askPatiently, followGateway, printTable, sendJson, withGateway, type GatewayOptions } from './gateway-client.ts'
import { counted, wholeNumber } from './numbers.ts'
import { withProgress } from './progress.ts'
import { formatSize, parseSize } from './size.ts'

interface ShownBroker {
  readonly id: number
  readonly rack: string | null
  readonly state: string
  readonly isUp: boolean
  readonly fault: string | null
  readonly leaders: number
  readonly replicas: number
  readonly outOfSync: number
  readonly storageBytes: number | null
  readonly limitBytes: number | null
  readonly directories: readonly string[]
  readonly ports: Readonly<Record<string, number>>
}

interface ShownDirectory {
  readonly path: string
  readonly failed: string | null
  readonly totalBytes: number
  readonly usableBytes: number
  readonly limitBytes: number | null
  readonly replicas: readonly { readonly topic: string; readonly partition: number; readonly bytes: number; readonly lag: number; readonly isFuture: boolean }[]
}

interface ShownQuorum {
  readonly leaderId: number
  readonly leaderEpoch: number
  readonly highWatermark: number
  readonly voters: readonly { readonly id: number; readonly logEndOffset: number; readonly lag: number; readonly lastCaughtUpAt: string | null }[]
}

export function brokerCommand(): Command {
  const command = new Command('broker').description('look at, stop, start, add and remove brokers while clients run')
  const subcommand = (usage: string, sentence: string, example: string): Command =>
    withGateway(command.command(usage).description(sentence)).addHelpText('after', `\nExample: sluice broker ${example}`)

  subcommand('list', 'list the brokers: state, partitions led and held, storage, ports', 'list').action(list)
  subcommand('stop <id>', 'hand its partitions over, then stop it', 'stop 2').action((id, options) => act('stop', id, options))
  subcommand('start <id>', 'start a broker that was stopped or has failed', 'start 2').action((id, options) => act('start', id, options))
  subcommand('restart <id>', 'stop it and start it again', 'restart 2').action((id, options) => act('restart', id, options))
  subcommand('fail <id>', 'let it crash: connections end and nothing is handed over, to see what clients make of it', 'fail 2')
    .action((id, options) => act('fail', id, options))
  subcommand('add', 'add a broker and start it; partitions come to it as topics are made or reassigned', 'add --rack b')
    .option('--id <n>', 'its id; left out: the lowest that is free')
    .option('--rack <zone>', 'its availability zone; left out: the one with the fewest brokers')
    .option('--dir <path...>', 'its data directories; left out: broker-<id> in the data directory')
    .action(add)
  subcommand('remove <id>', 'move its partitions to the other brokers, then stop and forget it', 'remove 4').action(remove)
  subcommand('storage <id>', 'show what its directories hold, or set the most that they may', 'storage 2 --limit 10GiB')
    .option('--limit <size>', 'as in 500MiB or 10GiB; none: no limit but the disk\'s')
    .action(storage)
  subcommand('log-dirs <id>', 'show its data directories and the replicas in them', 'log-dirs 1').action(logDirectories)
  subcommand('move-replica <id>', 'move a replica to another data directory of the broker', 'move-replica 1 --topic orders --partition 0 --to /disk2/broker-1')
    .requiredOption('--topic <topic>', 'of which topic')
    .requiredOption('--partition <n>', 'which partition')
    .requiredOption('--to <path>', 'the directory, as log-dirs shows it')
    .action(moveReplica)
  subcommand('quorum', 'show who holds the cluster\'s metadata and how far each copy is', 'quorum').action(quorum)
  return command
}

const doing = { stop: 'stopping', start: 'starting', restart: 'restarting', fail: 'failing' } as const
const done = { stop: 'is stopped', start: 'is started', restart: 'is restarted', fail: 'has failed' } as const

async function list(options: GatewayOptions): Promise<void> {
  const { brokers } = await askGateway(options, 'GET', '/admin/brokers') as { brokers: ShownBroker[] }
  if (options.json === true) return console.log(JSON.stringify(brokers, null, 2))
  printTable([['ID', 'RACK', 'STATE', 'LEADS', 'REPLICAS', 'OUT OF SYNC', 'STORED', 'LIMIT', 'PORTS'], ...brokers.map(one => [
    String(one.id), one.rack ?? '-', one.isUp ? one.state : 'down', String(one.leaders), String(one.replicas), String(one.outOfSync),
    sizeOr(one.storageBytes, '-'), sizeOr(one.limitBytes, 'none'), portsOf(one),
  ])])
  for (const { id, fault } of brokers) if (fault !== null) console.log(`\nbroker ${id} is down: ${fault}`)
}

async function act(action: keyof typeof doing, text: string, options: GatewayOptions): Promise<void> {
  const id = brokerId(text)
  const broker = await withProgress(`${doing[action]} broker ${id}`, () => askPatiently(options, 'POST', `/admin/brokers/${id}/${action}`))
  const hint = action === 'fail' ? `; it comes back with \`sluice broker start ${id}\`` : ''
  console.log(options.json === true ? JSON.stringify(broker, null, 2) : `broker ${id} ${done[action]}${hint}`)
}

async function add(options: GatewayOptions & { readonly id?: string; readonly rack?: string; readonly dir?: readonly string[] }): Promise<void> {
  const wanted = {
    ...options.id === undefined ? {} : { id: wholeNumber(options.id, '--id') },
    ...options.rack === undefined ? {} : { rack: options.rack },
    ...options.dir === undefined ? {} : { directories: options.dir.map(path => resolve(path)) },
  }
  const broker = await withProgress('adding a broker', () => sendJson(options, 'POST', '/admin/brokers', wanted)) as ShownBroker
  if (options.json === true) return console.log(JSON.stringify(broker, null, 2))
  console.log(`broker ${broker.id} is added in rack ${broker.rack ?? '-'}, with ${broker.directories.join(', ')}; it listens on ${portsOf(broker)}`)
}

async function remove(text: string, options: GatewayOptions): Promise<void> {
  const id = brokerId(text)
  await withProgress(`removing broker ${id}`, say => followGateway(options, 'DELETE', `/admin/brokers/${id}`, line => {
    const { left } = line as { left?: number }
    if (left !== undefined) say(`removing broker ${id}: ${counted(left, 'partition')} left to move`)
  }))
  console.log(options.json === true ? JSON.stringify({ removed: id }) : `broker ${id} is removed`)
}

async function storage(text: string, options: GatewayOptions & { readonly limit?: string }): Promise<void> {
  const id = brokerId(text)
  const limitBytes = options.limit === undefined || options.limit === 'none' ? null : parseSize(options.limit, '--limit')
  const broker = await (options.limit === undefined
    ? askGateway(options, 'GET', `/admin/brokers/${id}`)
    : sendJson(options, 'PUT', `/admin/brokers/${id}/storage`, { limitBytes })) as ShownBroker
  if (options.json === true) return console.log(JSON.stringify(broker, null, 2))
  console.log(`broker ${id} holds ${sizeOr(broker.storageBytes, 'an unknown number of bytes')}; its limit is ${sizeOr(broker.limitBytes, 'the disk\'s')}`)
  if (broker.limitBytes !== null && (broker.storageBytes ?? 0) >= broker.limitBytes) {
    console.log('so it is full: producers to what it leads are refused until the limit is raised (--limit none: no limit) or retention removes something')
  }
}

async function logDirectories(text: string, options: GatewayOptions): Promise<void> {
  const { directories } = await askGateway(options, 'GET', `/admin/brokers/${brokerId(text)}/log-dirs`) as { directories: ShownDirectory[] }
  if (options.json === true) return console.log(JSON.stringify(directories, null, 2))
  const known = (bytes: number): string => (bytes < 0 ? '-' : formatSize(bytes))
  printTable([['DIRECTORY', 'STATE', 'REPLICAS', 'STORED', 'LIMIT', 'DISK FREE', 'DISK'], ...directories.map(one => [
    one.path, one.failed === null ? 'ok' : `failed: ${one.failed}`, String(one.replicas.length), formatSize(one.replicas.reduce((sum, replica) => sum + replica.bytes, 0)),
    sizeOr(one.limitBytes, 'none'), known(one.usableBytes), known(one.totalBytes),
  ])])
  for (const { path, replicas } of directories.filter(one => one.replicas.length > 0)) {
    console.log(`\n${path}`)
    printTable([['TOPIC', 'PARTITION', 'STORED', 'LAG', ''], ...replicas.map(one => [
      one.topic, String(one.partition), formatSize(one.bytes), String(one.lag), one.isFuture ? 'being moved here' : '',
    ])])
  }
}

async function moveReplica(text: string, options: GatewayOptions & { readonly topic: string; readonly partition: string; readonly to: string }): Promise<void> {
  const id = brokerId(text)
  const { topic, to: path } = options
  const partition = wholeNumber(options.partition, '--partition')
  const moved = await sendJson(options, 'POST', `/admin/brokers/${id}/log-dirs/move`, { topic, partition, path })
  console.log(options.json === true ? JSON.stringify(moved, null, 2) : `${topic}-${partition} of broker ${id} moves to ${path}; \`sluice broker log-dirs ${id}\` shows how far it is`)
}

async function quorum(options: GatewayOptions): Promise<void> {
  const shown = await askGateway(options, 'GET', '/admin/quorum') as ShownQuorum
  if (options.json === true) return console.log(JSON.stringify(shown, null, 2))
  console.log(`leader ${shown.leaderId}, epoch ${shown.leaderEpoch}, high watermark ${shown.highWatermark}\n`)
  printTable([['VOTER', 'LOG END', 'LAG', 'LAST CAUGHT UP'], ...shown.voters.map(one => [
    String(one.id), String(one.logEndOffset), String(one.lag), one.lastCaughtUpAt ?? '-',
  ])])
}

function brokerId(text: string): number {
  return wholeNumber(text, 'broker id')
}

function sizeOr(bytes: number | null, otherwise: string): string {
  return bytes === null ? otherwise : formatSize(bytes)
}

function portsOf({ ports }: ShownBroker): string {
  return Object.entries(ports).map(([name, port]) => `${name} ${port}`).join(', ') || '-'
}
