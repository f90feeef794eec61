// `sluice kms`: the keys that streams are encrypted under, by the names that AWS's KMS has for them.
import { Command } from 'commander'
import { askGateway, printTable, queryOf, sendJson, withGateway, type GatewayOptions } from './gateway-client.ts'

interface ShownKey {
  readonly id: string
  readonly arn: string
  readonly description: string
  readonly state: string
  readonly createdAt: string
  readonly deletionAt: string | null
  readonly isManaged: boolean
  readonly aliases: readonly string[]
  readonly topics: readonly string[]
}

interface CreateOptions extends GatewayOptions {
  readonly alias?: string
  readonly description?: string
}

const help = `
A key is named by its id, an alias (alias/orders) or the ARN of either.

Examples:
  sluice kms create --alias alias/orders
  aws kinesis start-stream-encryption --stream-name orders --encryption-type KMS --key-id alias/orders
  sluice kms disable alias/orders          # puts and reads of what is under it fail, at every door
  sluice kms enable alias/orders           # and go on
  sluice kms schedule-deletion alias/orders --days 7`

export function kmsCommand(): Command {
  const command = new Command('kms').description('make, look at, disable and delete the keys that streams are encrypted under').addHelpText('after', help)
  withGateway(command.command('create').description('make a key'))
    .option('--alias <alias>', 'a name for it, as in alias/orders')
    .option('--description <text>', 'what it is for')
    .action(create)
  withGateway(command.command('list').description('list the keys')).action(list)
  withGateway(command.command('describe <key>').description('show a key, and the topics that put new records under it')).action(describe)
  withGateway(command.command('alias <key> <alias>').description('give a key another name, as in alias/orders'))
    .option('--remove', 'take the name away from it')
    .action(alias)
  withGateway(command.command('enable <key>').description('let records under the key be written and read')).action((key: string, options: GatewayOptions) => act(key, 'enable', options))
  withGateway(command.command('disable <key>').description('let no records under the key be written or read until it is enabled again'))
    .action((key: string, options: GatewayOptions) => act(key, 'disable', options))
  withGateway(command.command('schedule-deletion <key>').description('have the key destroyed, and with it all records under it; until then it is as if disabled'))
    .option('--days <n>', 'after so many days, 7 to 30', '30')
    .action(scheduleDeletion)
  withGateway(command.command('cancel-deletion <key>').description('keep a key that was to be destroyed; it is disabled then'))
    .action((key: string, options: GatewayOptions) => act(key, 'cancel-deletion', options))
  return command
}

async function create({ alias: name, description, ...options }: CreateOptions): Promise<void> {
  const wanted = { ...name !== undefined && { alias: name }, ...description !== undefined && { description } }
  show(await sendJson(options, 'POST', '/admin/kms-keys', wanted) as ShownKey, options)
}

async function list(options: GatewayOptions): Promise<void> {
  const { kmsKeys } = await askGateway(options, 'GET', '/admin/kms-keys') as { kmsKeys: ShownKey[] }
  if (options.json === true) return console.log(JSON.stringify(kmsKeys, null, 2))
  if (kmsKeys.length === 0) return console.log('no keys; alias/aws/kinesis is made when it is first used')
  printTable([['ID', 'STATE', 'ALIASES', 'TOPICS', 'DESCRIPTION'], ...kmsKeys.map(key => [key.id, key.state, key.aliases.join(' '), key.topics.join(' '), key.description])])
}

async function describe(key: string, options: GatewayOptions): Promise<void> {
  show(await askGateway(options, 'GET', pathOf(key)) as ShownKey, options)
}

async function alias(key: string, name: string, { remove, ...options }: GatewayOptions & { readonly remove?: boolean }): Promise<void> {
  show(await askGateway(options, remove === true ? 'DELETE' : 'PUT', `${pathOf(key)}/aliases/${encodeURIComponent(name)}`) as ShownKey, options)
}

async function act(key: string, action: string, options: GatewayOptions): Promise<void> {
  show(await askGateway(options, 'POST', `${pathOf(key)}/${action}`) as ShownKey, options)
}

async function scheduleDeletion(key: string, { days, ...options }: GatewayOptions & { readonly days: string }): Promise<void> {
  show(await askGateway(options, 'DELETE', pathOf(key) + queryOf({ days })) as ShownKey, options)
}

function show(key: ShownKey, options: GatewayOptions): void {
  if (options.json === true) return console.log(JSON.stringify(key, null, 2))
  const rows = [
    ['id', key.id], ['arn', key.arn], ['state', key.deletionAt === null ? key.state : `${key.state}, gone for good at ${key.deletionAt}`], ['created', key.createdAt],
    ['aliases', key.aliases.join(' ')], ['topics', key.topics.join(' ')], ['description', key.description],
  ]
  for (const [name, value] of rows) if (value !== '') console.log(`${name!.padEnd(12)}${value}`)
}

function pathOf(key: string): string {
  return `/admin/kms-keys/${encodeURIComponent(key)}`
}
