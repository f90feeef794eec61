// `sluice access-keys`: key pairs with which AWS clients sign their requests to the Kinesis API, each as one principal.
import { Command } from 'commander'
import { askGateway, printTable, sendJson, withGateway, type GatewayOptions } from './gateway-client.ts'

interface ShownKey {
  readonly id: string
  readonly principal: string
  readonly createdAt: string
}

export function accessKeysCommand(): Command {
  const command = new Command('access-keys').description('create, list and delete access keys for the Kinesis API')
  const sentence = 'create a key that signs as the principal, as in User:CN=alice; its secret is shown this once'
  withGateway(command.command('create <principal>').description(sentence)).action(create)
  withGateway(command.command('list').description('list the keys, without their secrets')).action(list)
  withGateway(command.command('delete <id>').description('delete a key: requests signed with it are refused from then on')).action(remove)
  return command
}

async function create(principal: string, options: GatewayOptions): Promise<void> {
  const key = await sendJson(options, 'POST', '/admin/access-keys', { principal }) as ShownKey & { secret: string }
  if (options.json === true) return console.log(JSON.stringify(key, null, 2))
  console.log(`AWS_ACCESS_KEY_ID=${key.id}\nAWS_SECRET_ACCESS_KEY=${key.secret}`)
  console.error(`signs as ${key.principal}; the secret is not shown again`)
}

async function list(options: GatewayOptions): Promise<void> {
  const { accessKeys } = await askGateway(options, 'GET', '/admin/access-keys') as { accessKeys: ShownKey[] }
  if (options.json === true) return console.log(JSON.stringify(accessKeys, null, 2))
  if (accessKeys.length === 0) return console.log('no access keys')
  printTable([['ID', 'PRINCIPAL', 'CREATED'], ...accessKeys.map(key => [key.id, key.principal, key.createdAt])])
}

async function remove(id: string, options: GatewayOptions): Promise<void> {
  await askGateway(options, 'DELETE', `/admin/access-keys/${encodeURIComponent(id)}`)
  console.log(options.json === true ? JSON.stringify({ deleted: id }) : `${id} is deleted`)
}
