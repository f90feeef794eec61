#!/usr/bin/env node
// The command `sluice`: one file per subcommand, each loaded only when it is asked for, so that `sluice start` is quick.
import { enableCompileCache } from 'node:module'

// Sealing and syncing share libuv's pool with DNS and file reads: four threads would make a sync wait for a read. Read at the pool's first use.
process.env['UV_THREADPOOL_SIZE'] ??= '16'
enableCompileCache()

const { Command, CommanderError } = await import('commander')

/** Subcommands in the order that help shows them. */
const commands = {
  start: { sentence: 'start Sluice', load: async () => (await import('./start.ts')).startCommand() },
  certs: { sentence: 'make and show certificates of the private CA', load: async () => (await import('./certs.ts')).certsCommand() },
  acls: { sentence: 'list, add and remove ACLs', load: async () => (await import('./acls.ts')).aclsCommand() },
  'access-keys': { sentence: 'create, list and delete access keys for the Kinesis API', load: async () => (await import('./access-keys.ts')).accessKeysCommand() },
  topics: { sentence: 'list, describe, create, change, move and delete topics', load: async () => (await import('./topics.ts')).topicsCommand() },
  broker: { sentence: 'look at, stop, start, add and remove brokers while clients run', load: async () => (await import('./broker.ts')).brokerCommand() },
  dlq: { sentence: 'list, show and redrive records that did not fit their topic', load: async () => (await import('./dlq.ts')).dlqCommand() },
  kms: { sentence: 'make, look at, disable and delete the keys that streams are encrypted under', load: async () => (await import('./kms.ts')).kmsCommand() },
  kinesis: { sentence: 'look at and change the limits of the Kinesis API, and make trouble for its clients', load: async () => (await import('./kinesis.ts')).kinesisCommand() },
  token: { sentence: 'get a short-lived token that is bound to a certificate', load: async () => (await import('./token.ts')).tokenCommand() },
  compare: { sentence: 'run the same task through Kafka and Kinesis and show both side by side', load: async () => (await import('./compare.ts')).compareCommand() },
} as const

const program = new Command('sluice')
  .description('One durable, encrypted log with two front doors: Apache Kafka\'s wire protocol and the Amazon Kinesis API.')
  .showSuggestionAfterError()
  .exitOverride()

const [wanted] = process.argv.slice(2)
for (const [name, { sentence, load }] of Object.entries(commands)) {
  program.addCommand(name === wanted ? (await load()).exitOverride() : new Command(name).description(sentence))
}

try {
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode
  else {
    process.stderr.write(`sluice: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
}
