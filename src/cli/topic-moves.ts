// `sluice topics reassign` and `elect`: which brokers hold a topic's partitions, and which of them lead.
import { setTimeout as delay } from 'node:timers/promises'
import { Command } from 'commander'
import { askGateway, sendJson, withGateway, type GatewayOptions } from './gateway-client.ts'
import { counted, idList, wholeNumber } from './numbers.ts'
import { withProgress } from './progress.ts'

const pollMs = 500

interface Wish {
  readonly topic: string
  readonly partition: number
  readonly replicas: readonly number[] | null
}

interface Failure {
  readonly message: string
}

interface ReassignOptions extends GatewayOptions {
  readonly partition?: string
  readonly replicas?: string
  readonly brokers?: string
  readonly replicationFactor?: string
  readonly cancel?: boolean
  readonly wait?: boolean
}

interface ElectOptions extends GatewayOptions {
  readonly partition?: string
  readonly unclean?: boolean
}

export function reassignCommand(): Command {
  return withGateway(new Command('reassign').argument('<topic>').description('move a topic\'s partitions to other brokers while clients run'))
    .option('--partition <n>', 'move this one, to --replicas')
    .option('--replicas <ids>', 'the brokers that shall hold it, the preferred leader first, as in 1,2,3')
    .option('--brokers <ids>', 'spread all its partitions over these brokers, as in 1,2,4')
    .option('--replication-factor <n>', 'with --brokers: replicas that each partition shall have; left out: as many as now')
    .option('--cancel', 'give up what is under way, of all partitions or of --partition')
    .option('--wait', 'until everything is where it shall be')
    .addHelpText('after', '\nExample: sluice topics reassign orders --brokers 1,2,3 --replication-factor 3 --wait')
    .action(reassign)
}

export function electCommand(): Command {
  return withGateway(new Command('elect').argument('<topic>').description('give partitions back to their preferred leaders'))
    .option('--partition <n>', 'of this one only')
    .option('--unclean', 'let a replica that is not in sync lead where there is no other: records that only the others had are lost')
    .addHelpText('after', '\nExample: sluice topics elect orders --partition 0')
    .action(elect)
}

async function reassign(topic: string, options: ReassignOptions): Promise<void> {
  const answer = await sendJson(options, 'POST', '/admin/reassignments', await wishOf(topic, options)) as { partitions: (Wish & { error: Failure | null })[] }
  refuseFailures(answer.partitions)
  if (answer.partitions.length > 0 && options.wait === true) await settled(topic, answer.partitions, options)
  if (options.json === true) return console.log(JSON.stringify(answer.partitions, null, 2))
  if (answer.partitions.length === 0) return console.log(`nothing to move: ${topic} lies as it shall`)
  for (const { partition, replicas } of answer.partitions) {
    console.log(`${topic}-${partition} ${replicas === null ? 'stays where it was' : `${options.wait === true ? 'is on' : 'moves to'} ${replicas.join(',')}`}`)
  }
}

/** The body of the request. Rejects with a line that says which options go together. */
async function wishOf(topic: string, options: ReassignOptions): Promise<object> {
  if (options.replicationFactor !== undefined && options.brokers === undefined) throw new Error('--replication-factor goes with --brokers')
  const given = [options.replicas, options.brokers, options.cancel].filter(one => one !== undefined)
  if (given.length !== 1) throw new Error('say where to: --partition and --replicas, or --brokers, or --cancel')
  if (options.brokers !== undefined) {
    if (options.partition !== undefined) throw new Error('--brokers spreads all partitions; --partition goes with --replicas')
    const { replicationFactor: count } = options
    return { topics: [topic], brokers: idList(options.brokers, '--brokers'), ...count === undefined ? {} : { replicationFactor: wholeNumber(count, '--replication-factor') } }
  }
  const partition = options.partition === undefined ? undefined : wholeNumber(options.partition, '--partition')
  if (options.replicas !== undefined) {
    if (partition === undefined) throw new Error('--replicas needs --partition; to move them all, give --brokers')
    return { partitions: [{ topic, partition, replicas: idList(options.replicas, '--replicas') }] }
  }
  const underWay = partition === undefined ? (await underWayOf(topic, options)).map(one => one.partition) : [partition]
  if (underWay.length === 0) throw new Error(`--cancel: no partition of ${topic} is being moved`)
  return { partitions: underWay.map(one => ({ topic, partition: one, replicas: null })) }
}

/** Resolves once none of the partitions is being moved any more; rejects where one lies elsewhere then. */
async function settled(topic: string, wishes: readonly Wish[], options: GatewayOptions): Promise<void> {
  await withProgress(`moving ${counted(wishes.length, 'partition')} of ${topic}`, async say => {
    for (;;) {
      const left = (await underWayOf(topic, options)).filter(one => wishes.some(wish => wish.partition === one.partition))
      if (left.length === 0) return
      const hint = (await downOf(wishes, options)).map(id => `; broker ${id} is down: \`sluice broker start ${id}\``).join('')
      say(`moving ${topic}: ${counted(left.length, 'partition')} left${hint}`)
      await delay(pollMs)
    }
  })
  const { partitions } = await shownTopic(topic, options)
  const elsewhere = wishes.find(({ partition, replicas }) => replicas !== null && partitions.find(one => one.partition === partition)?.replicas.join() !== replicas.join())
  if (elsewhere !== undefined) throw new Error(`${topic}-${elsewhere.partition} did not get to ${elsewhere.replicas?.join(',')}: somebody gave that up, or asked for another move`)
}

async function elect(topic: string, options: ElectOptions): Promise<void> {
  const partitions = options.partition === undefined
    ? (await shownTopic(topic, options)).partitions.map(one => one.partition)
    : [wholeNumber(options.partition, '--partition')]
  const answer = await sendJson(options, 'POST', '/admin/elections', {
    kind: options.unclean === true ? 'unclean' : 'preferred', partitions: partitions.map(partition => ({ topic, partition })),
  }) as { partitions: { partition: number; elected: boolean; error: Failure | null }[] }
  refuseFailures(answer.partitions.map(one => ({ ...one, topic })))
  if (options.json === true) return console.log(JSON.stringify(answer.partitions, null, 2))
  for (const { partition, elected } of answer.partitions) console.log(`${topic}-${partition} ${elected ? 'has a new leader' : 'was led as it shall be'}`)
}

/** One line for however many partitions were refused. */
function refuseFailures(partitions: readonly { readonly topic: string; readonly partition: number; readonly error: Failure | null }[]): void {
  const [first, ...others] = partitions.filter(one => one.error !== null)
  if (first === undefined) return
  throw new Error(`${first.topic}-${first.partition}: ${first.error?.message}${others.length === 0 ? '' : ` (and ${counted(others.length, 'other partition')} likewise)`}`)
}

async function underWayOf(topic: string, options: GatewayOptions): Promise<readonly { readonly partition: number }[]> {
  const { reassignments } = await askGateway(options, 'GET', `/admin/reassignments?topic=${encodeURIComponent(topic)}`) as { reassignments: { partition: number }[] }
  return reassignments
}

/** Brokers that shall get something and cannot. */
async function downOf(wishes: readonly Wish[], options: GatewayOptions): Promise<number[]> {
  const { brokers } = await askGateway(options, 'GET', '/admin/brokers') as { brokers: { id: number; isUp: boolean }[] }
  return brokers.filter(({ id, isUp }) => !isUp && wishes.some(wish => wish.replicas?.includes(id))).map(({ id }) => id)
}

async function shownTopic(topic: string, options: GatewayOptions) {
  return await askGateway(options, 'GET', `/kafka/topics/${encodeURIComponent(topic)}`) as { partitions: { partition: number; replicas: number[] }[] }
}
