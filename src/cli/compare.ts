// `sluice compare`: plays scenarios through Kafka and Kinesis and prints both side by side. Without addresses it starts a Sluice of its own,
// on free loopback ports and in a temporary directory; with addresses it plays against what is there, real services included.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Argument, Command, Option } from 'commander'
import type { AskGateway } from '../compare/cluster.ts'
import { columnsMin, render, type Format } from '../compare/report.ts'
import { play } from '../compare/runner.ts'
import type { Scenario } from '../compare/scenario.ts'
import { scenarios } from '../compare/scenarios/index.ts'
import type { KafkaTarget, KinesisTarget } from '../compare/target.ts'
import { parseConfig, settings } from '../config.ts'
import { askPatiently, sendJson, type GatewayOptions } from './gateway-client.ts'

interface Options {
  format: Format
  json?: boolean
  out?: string
  list?: boolean
  kafka?: string
  kinesis?: string
  gateway?: string
  certsDir: string
  region: string
  ca?: string
  cert?: string
  key?: string
}

/** The subcommand. */
export function compareCommand(): Command {
  return new Command('compare')
    .description('run the same task through Kafka and Kinesis, call by call; without addresses on a Sluice of its own in a temporary directory')
    .addArgument(new Argument('[scenario...]', `which to play; all unless given: ${scenarios.map(one => one.slug).join(', ')}`))
    .addOption(new Option('--format <format>', 'how to print').choices(['table', 'markdown', 'json']).default('table'))
    .option('--json', 'the same as --format json')
    .option('--out <file>', 'write to a file instead of the terminal')
    .option('--list', 'list the scenarios and end')
    .option('--kafka <host:port,…>', 'a running Kafka or Sluice to play against')
    .option('--kinesis <url>', 'a running Kinesis endpoint; "aws" for the real service. Credentials come from the AWS SDK\'s own sources')
    .option('--gateway <url>', 'gateway of the Sluice behind both, so that it can be asked to let a broker fail; needs a client certificate of an administrator')
    .option('--certs-dir <dir>', 'directory with ca.pem, admin.pem and admin.key, for the gateway', process.env['SLUICE_CERTS_DIR'] ?? settings['certs.dir'].fallback)
    .option('--region <region>', 'region to sign for', process.env['AWS_REGION'] ?? 'us-east-1')
    .option('--ca <file>', 'CA that the certificates of all that is given are checked against')
    .option('--cert <file>', 'client certificate for Kafka and the gateway')
    .option('--key <file>', 'its key')
    .action(run)
}

async function run(slugs: string[], options: Options): Promise<void> {
  if (options.list === true) {
    process.stdout.write(scenarios.map(one => `${one.slug.padEnd(16)} ${one.task}\n`).join(''))
    return
  }
  const wanted = chosen(slugs)
  if ((options.kafka === undefined) !== (options.kinesis === undefined)) {
    throw new Error('--kafka and --kinesis go together: give both addresses, or none for a Sluice of its own')
  }
  if (options.gateway !== undefined && options.kafka === undefined) throw new Error('--gateway goes with --kafka and --kinesis')
  await using stage = options.kafka === undefined ? await ownStage() : await givenStage(options)
  const results = await play(wanted, {
    ...stage,
    onScenario: (scenario, index, count) => { process.stderr.write(`${index + 1}/${count} ${scenario.slug}\n`) },
  })
  const heading = { kafka: stage.kafka.bootstrap.join(','), kinesis: stage.kinesis.endpoint ?? `AWS ${stage.kinesis.region}`, at: new Date().toISOString() }
  const text = `${render(results, heading, options.json === true ? 'json' : options.format, options.out === undefined ? process.stdout.columns ?? columnsMin : columnsMin)}\n`
  if (options.out === undefined) process.stdout.write(text)
  else await writeFile(options.out, text)
}

function chosen(slugs: readonly string[]): readonly Scenario[] {
  const unknown = slugs.find(slug => !scenarios.some(one => one.slug === slug))
  if (unknown !== undefined) throw new Error(`there is no scenario '${unknown}'; there are ${scenarios.map(one => one.slug).join(', ')}`)
  return slugs.length === 0 ? scenarios : scenarios.filter(one => slugs.includes(one.slug))
}

interface Addresses extends AsyncDisposable {
  readonly kafka: KafkaTarget
  readonly kinesis: KinesisTarget
  readonly gateway?: AskGateway
}

/** A Sluice in this process: the open profile, the limits of AWS, nothing left behind. */
async function ownStage(): Promise<Addresses> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-compare-'))
  const { startSluice, devAccessKey } = await import('../main.ts')
  const free = Object.fromEntries(['kafka.plaintext', 'kafka.tls', 'kinesis', 'gateway', 'management'].map(name => [`${name}.port`, 0]))
  const settings = { 'dev': true, 'host': '127.0.0.1', 'data.dir': join(directory, 'data'), 'certs.dir': join(directory, 'certs'), 'kinesis.limits': 'aws', ...free }
  const config = parseConfig(settings, {}, undefined)
  const sluice = await startSluice(config)
  return {
    kafka: { bootstrap: sluice.brokers.map(({ kafkaPlaintext }) => `127.0.0.1:${kafkaPlaintext}`) },
    kinesis: { endpoint: `http://127.0.0.1:${sluice.ports.kinesis}`, region: 'us-east-1', credentials: { accessKeyId: devAccessKey.id, secretAccessKey: devAccessKey.secret } },
    gateway: askOf({ gateway: `http://127.0.0.1:${sluice.ports.gateway}`, certsDir: sluice.certificatesDirectory }),
    async [Symbol.asyncDispose]() {
      await sluice.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

async function givenStage(options: Options): Promise<Addresses> {
  const [ca, cert, key] = await Promise.all([options.ca, options.cert, options.key].map(async file => (file === undefined ? undefined : readFile(file, 'utf8'))))
  const tls = ca === undefined ? undefined : { ca, ...(cert === undefined ? {} : { cert }), ...(key === undefined ? {} : { key }) }
  return {
    kafka: { bootstrap: options.kafka!.split(','), ...(tls === undefined ? {} : { tls }) },
    kinesis: { region: options.region, ...(options.kinesis === 'aws' ? {} : { endpoint: options.kinesis! }), ...(ca === undefined ? {} : { ca }) },
    ...options.gateway === undefined ? {} : { gateway: askOf({ ...options, gateway: options.gateway }) },
    async [Symbol.asyncDispose]() {},
  }
}

function askOf(options: GatewayOptions): AskGateway {
  return (method, path, body) => (body === undefined ? askPatiently(options, method, path) : sendJson(options, method, path, body))
}
