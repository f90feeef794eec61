// `sluice acls`: list, add and remove the ACLs of a running server. One ACL per resource and operation, in Kafka's words.
import { Command, Option } from 'commander'
import type { AclBinding } from '../ports.ts'
import { askGateway, printTable, queryOf, sendJson, withGateway, type GatewayOptions } from './gateway-client.ts'

const operations = [
  'all', 'read', 'write', 'create', 'delete', 'alter', 'describe', 'cluster-action', 'describe-configs', 'alter-configs', 'idempotent-write',
]

interface AclOptions extends GatewayOptions {
  readonly principal?: string
  readonly host?: string
  readonly operation?: readonly string[]
  readonly topic?: string
  readonly group?: string
  readonly cluster?: boolean
  readonly subject?: string
  readonly tag?: string
  readonly transactionalId?: string
  readonly pattern?: 'literal' | 'prefixed'
  readonly deny?: boolean
}

export function aclsCommand(): Command {
  const command = new Command('acls').description('list, add and remove ACLs')
  const subcommand = (name: string, sentence: string): Command => withGateway(command.command(name).description(sentence))
    .option('--principal <principal>', 'whom it is about, as in User:CN=alice (User:* for everybody)')
    .option('--host <address>', 'from which IP address (* for every)')
    .addOption(new Option('--operation <operation...>', 'what').choices(operations))
    .option('--topic <name>', 'on this topic (or stream; * for every)')
    .option('--group <name>', 'on this consumer group')
    .option('--cluster', 'on the cluster')
    .option('--subject <name>', 'on this subject of the schema registry')
    .option('--tag <name>', 'on the fields of records that carry this tag')
    .option('--transactional-id <id>', 'on this transactional id')
    .addOption(new Option('--pattern <type>', 'whether the name is the whole name or its beginning').choices(['literal', 'prefixed']))

  subcommand('list', 'list ACLs; the options select').action(list)
  subcommand('add', 'allow (or --deny) a principal operations on a resource')
    .option('--deny', 'refuse it instead; a refusal is stronger than any permission')
    .addHelpText('after', '\nExample: sluice acls add --principal User:CN=alice --operation read write --topic orders')
    .action(add)
  subcommand('remove', 'remove the ACLs that the options select').action(remove)
  return command
}

async function list(options: AclOptions): Promise<void> {
  const { acls } = await askGateway(options, 'GET', `/admin/acls${filterOf(options)}`) as { acls: AclBinding[] }
  show(options, acls, 'no ACLs')
}

async function add(options: AclOptions): Promise<void> {
  const resource = resourceOf(options)
  if (options.principal === undefined) throw new Error('--principal must be given, as in --principal User:CN=alice')
  if (options.operation === undefined) throw new Error(`--operation must be given: ${operations.join(', ')}`)
  if (resource === undefined) throw new Error('one of --topic, --group, --cluster, --subject, --tag and --transactional-id must be given')
  const acls = options.operation.map(operation => ({
    principal: options.principal, host: options.host ?? '*', operation, permission: options.deny === true ? 'deny' : 'allow',
    ...resource, patternType: options.pattern ?? 'literal',
  }))
  const answer = await sendJson(options, 'POST', '/admin/acls', { acls }) as { acls: (AclBinding & { error: { message: string } | null })[] }
  const refused = answer.acls.find(one => one.error !== null)
  if (refused?.error) throw new Error(refused.error.message)
  show(options, answer.acls, 'nothing was added')
}

async function remove(options: AclOptions): Promise<void> {
  const filter = filterOf(options)
  if (filter === '') throw new Error('say which ACLs to remove, as in --principal User:CN=alice')
  const { deleted } = await askGateway(options, 'DELETE', `/admin/acls${filter}`) as { deleted: AclBinding[] }
  show(options, deleted, 'no ACL matched; nothing was removed')
}

function filterOf(options: AclOptions): string {
  if (options.operation !== undefined && options.operation.length > 1) throw new Error('--operation: one at a time selects ACLs')
  return queryOf({ principal: options.principal, host: options.host, operation: options.operation?.[0], ...resourceOf(options), patternType: options.pattern })
}

function resourceOf(options: AclOptions): { resourceType: string; resourceName: string } | undefined {
  const given = [
    { resourceType: 'topic', resourceName: options.topic },
    { resourceType: 'group', resourceName: options.group },
    { resourceType: 'cluster', resourceName: options.cluster === true ? 'kafka-cluster' : undefined },
    { resourceType: 'subject', resourceName: options.subject },
    { resourceType: 'tag', resourceName: options.tag },
    { resourceType: 'transactional-id', resourceName: options.transactionalId },
  ].filter((one): one is { resourceType: string; resourceName: string } => one.resourceName !== undefined)
  if (given.length > 1) throw new Error(`only one resource at a time: ${given.map(one => one.resourceType).join(' or ')}`)
  return given[0]
}

function show(options: GatewayOptions, acls: readonly AclBinding[], none: string): void {
  if (options.json === true) return console.log(JSON.stringify(acls, null, 2))
  if (acls.length === 0) return console.log(none)
  const rows = acls.map(one => [one.principal, one.permission, one.operation, `${one.resourceType}:${one.resourceName}`, one.patternType, one.host])
  printTable([['PRINCIPAL', 'PERMISSION', 'OPERATION', 'RESOURCE', 'PATTERN', 'HOST'], ...rows])
}
