// `sluice access-keys`: key pairs with which AWS clients sign their requests to the Kinesis API, each as one principal.
import { Command } from 'commander'
import { askGateway, printTable, sendJson, withGateway, type GatewayOptions } from './gateway-client.ts'
import { parseSeconds } from './numbers.ts'

interface ShownKey {
  readonly id: string
  readonly principal: string
  readonly createdAt: string
  readonly expiresAt?: string
}

interface NewKey extends ShownKey {
  readonly secret: string
  readonly sessionToken?: string
}

interface CreateOptions extends GatewayOptions {
  readonly duration?: string
}

const help = `
Examples:
  sluice access-keys create User:CN=alice > alice.env        # the variables that AWS's tools read
  sluice access-keys create User:CN=alice --duration 12h     # a temporary key, with a session token
  sluice access-keys delete AKIA...                          # refused from then on, open subscriptions included`

export function accessKeysCommand(): Command {
  const command = new Command('access-keys').description('create, list and delete access keys for the Kinesis API').addHelpText('after', help)
  const sentence = 'create a key that signs as the principal, as in User:CN=alice; its secret is shown this once'
  const forHowLong = 'a temporary key with a session token, good for so long: 900s, 15m, 12h (36h at most)'
  withGateway(command.command('create <principal>').description(sentence).option('--duration <time>', forHowLong)).action(create)
  withGateway(command.command('list').description('list the keys, without their secrets')).action(list)
  withGateway(command.command('delete <id>').description('delete a key: requests signed with it are refused from then on')).action(remove)
  return command
}

async function create(principal: string, options: CreateOptions): Promise<void> {
  const lifetime = options.duration === undefined ? {} : { durationSeconds: parseSeconds(options.duration, '--duration') }
  const key = await sendJson(options, 'POST', '/admin/access-keys', { principal, ...lifetime }) as NewKey
  if (options.json === true) return console.log(JSON.stringify(key, null, 2))
  console.log(`AWS_ACCESS_KEY_ID=${key.id}\nAWS_SECRET_ACCESS_KEY=${key.secret}`)
  if (key.sessionToken !== undefined) console.log(`AWS_SESSION_TOKEN=${key.sessionToken}`)
  console.error(`signs as ${key.principal}${key.expiresAt === undefined ? '' : ` until ${key.expiresAt}`}; the secret is not shown again`)
}

async function list(options: GatewayOptions): Promise<void> {
  const { accessKeys } = await askGateway(options, 'GET', '/admin/access-keys') as { accessKeys: ShownKey[] }
  if (options.json === true) return console.log(JSON.stringify(accessKeys, null, 2))
  if (accessKeys.length === 0) return console.log('no access keys')
  printTable([['ID', 'PRINCIPAL', 'CREATED', 'EXPIRES'], ...accessKeys.map(key => [key.id, key.principal, key.createdAt, key.expiresAt ?? 'never'])])
}

async function remove(id: string, options: GatewayOptions): Promise<void> {
  await askGateway(options, 'DELETE', `/admin/access-keys/${encodeURIComponent(id)}`)
  console.log(options.json === true ? JSON.stringify({ deleted: id }) : `${id} is deleted`)
}
