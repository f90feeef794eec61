// Every setting of a running Sluice, once: name, type, default, environment variable, one sentence. Sources, strongest first: command line, environment,
// configuration file. An unknown name or a bad value is refused with one line that names it; nothing is stored and ignored.
import { z } from 'zod'

/** A setting that was wrong: the message is one line for the operator. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

const port = z.coerce.number().int().min(0).max(65535)
const bytes = z.coerce.number().int().min(0)
const milliseconds = z.coerce.number().int().min(0)
const probability = z.coerce.number().min(0).max(1)
const flag = z.union([z.boolean(), z.enum(['true', 'false']).transform(text => text === 'true')])
const text = z.string().min(1)

function setting<T extends z.ZodType>(type: T, fallback: z.output<T>, sentence: string) {
  return { type, fallback, sentence }
}

/** The table of settings. The environment variable of `kafka.tls.port` is SLUICE_KAFKA_TLS_PORT. */
export const settings = {
  'dev': setting(flag, false, 'Open profile for development: loopback only, plaintext Kafka, plain-HTTP Kinesis and gateway, everything allowed.'),
  'data.dir': setting(text, '.sluice', 'Directory of the encrypted log.'),
  'certs.dir': setting(text, 'certs/local', 'Directory of the private CA, certificates and the key-encryption key.'),
  'host': setting(text, 'localhost', 'Address to listen on: localhost, an IP address of this machine, or 0.0.0.0 and :: for all.'),
  'advertised.host': setting(z.string(), '', 'Host name that Kafka clients are told to connect to; empty: the one they reached.'),
  'port.offset': setting(z.coerce.number().int().min(0).max(50000), 0, 'Added to the port of every listener, so that several can run side by side.'),
  'kafka.plaintext.port': setting(port, 9092, 'Kafka without TLS; only with dev.'),
  'kafka.tls.port': setting(port, 9094, 'Kafka over mutual TLS.'),
  'kinesis.port': setting(port, 4567, 'The Kinesis API: HTTPS with HTTP/1.1 and HTTP/2; with dev also plain HTTP/1.1 and h2c.'),
  'gateway.port': setting(port, 8443, 'REST, schema registry, bridge and administration: HTTPS; with dev plain HTTP.'),
  'management.port': setting(port, 9090, 'Liveness, readiness and metrics, on loopback.'),
  'brokers': setting(z.coerce.number().int().min(1).max(15), 3, 'Brokers of this process, with ids from 1 on; 1 is the smallest setup. Each has its listeners, ports +10 per broker.'),
  'broker.racks': setting(text, 'a,b,c', 'Availability zones, which the brokers are in by turns.'),
  'broker.data.dirs': setting(z.string(), '', 'Data directories of single brokers, to put them on disks of their own: 1=/disk1/a,/disk1/b;2=/disk2. Empty: broker-<id> in data.dir.'),
  'kek.file': setting(z.string(), '', 'File with the 32-byte key-encryption key (mode 0600); empty: kek.key in certs.dir, made on the first start.'),
  'kek.passphrase.file': setting(z.string(), '', 'File whose first line is the passphrase that the key-encryption key is derived from, in place of kek.file.'),
  'super.users': setting(text, 'User:CN=admin', 'Principals that every ACL lets through, separated by semicolons.'),
  'ssl.principal.mapping.rules': setting(text, 'DEFAULT', 'How a certificate\'s name becomes a principal: Kafka\'s RULE:pattern/replacement/[LU], or DEFAULT.'),
  'token.ttl.seconds': setting(z.coerce.number().int().min(1).max(3600), 300, 'Life of a token that a client gets for its certificate.'),
  'rest.consumer.idle.ms': setting(z.coerce.number().int().min(1000), 300000, 'A REST consumer instance that nobody uses for so long leaves its group.'),
  'rest.consumers.max': setting(z.coerce.number().int().min(1).max(100000), 1000, 'Most REST consumer instances.'),
  'rest.consumers.per.principal.max': setting(z.coerce.number().int().min(1).max(100000), 100, 'Most REST consumer instances of one principal.'),
  'rate.limit.requests.per.second': setting(z.coerce.number().int().min(0), 0, 'Most requests (and records of streams) a second of one principal at the gateway; 0: no limit.'),
  'rate.limit.bytes.in.per.second': setting(bytes, 0, 'Most bytes a second that one principal may send to the gateway; 0: no limit.'),
  'rate.limit.bytes.out.per.second': setting(bytes, 0, 'Most bytes a second that the gateway sends to one principal; 0: no limit.'),
  'kinesis.limits': setting(z.enum(['aws', 'off', 'chaos']), 'aws', 'Limits of the Kinesis API at the start: aws (per shard 1 MiB/s and 1,000 records/s in, 2 MiB/s and 5 reads/s out; call rates), off, or chaos: troubles on purpose.'),
  'kinesis.chaos.throttle': setting(probability, 0.05, 'Probability that a call, or a record of PutRecords, is throttled by kinesis.limits=chaos.'),
  'kinesis.chaos.failure': setting(probability, 0.01, 'Probability that a call gets an InternalFailure (HTTP 500) by kinesis.limits=chaos.'),
  'kinesis.chaos.failure.when': setting(z.enum(['before', 'after']), 'before', 'Whether such a failure comes before the call has its effect, so that it has none, or after it.'),
  'kinesis.chaos.delay.ms': setting(milliseconds.max(60000), 0, 'Calls wait up to so long by kinesis.limits=chaos.'),
  'kinesis.chaos.operations': setting(z.string(), '', 'Operations that have these troubles, separated by commas; empty: all.'),
  'kinesis.chaos.limits': setting(z.enum(['aws', 'off']), 'aws', 'Whether AWS\'s limits hold beside the troubles.'),
  'kinesis.chaos.seed': setting(z.coerce.number().int().min(0).max(4294967295), 0, 'What the troubles are drawn from: the same seed gives the same calls the same troubles.'),
  'kinesis.shard.limit': setting(z.coerce.number().int().min(0).max(1_000_000), 1000, 'Most open shards of all streams together.'),
  'kinesis.on.demand.stream.limit': setting(z.coerce.number().int().min(0).max(1_000_000), 50, 'Most streams in on-demand mode; twenty times as many once the account has its minimum throughput billing commitment.'),
  'kinesis.transition.ms': setting(milliseconds.max(86_400_000), 0, 'How long a stream shows CREATING, UPDATING or DELETING, a day at most; a deletion has its effect when that is over. 0: all changes are done at once.'),
  'kinesis.client.auth': setting(z.enum(['none', 'required']), 'none', 'Whether clients of the Kinesis API need a certificate of the private CA beside their signature, which alone says who they are: none or required.'),
  'kinesis.channels.directory': setting(z.string(), '', 'Where channels (CreateChannel) deliver to, in files that are not encrypted: each bucket is a directory in it. Empty: there are no channels.'),
  'kinesis.region': setting(z.string().regex(/^[a-z0-9-]+$/), 'us-east-1', 'Region shown in ARNs.'),
  'kinesis.account': setting(z.string().regex(/^\d{12}$/), '000000000000', 'Account id shown in ARNs.'),
  'auto.create.topics.enable': setting(flag, false, 'Whether asking for a topic\'s metadata creates it (always with dev unless set).'),
  'num.partitions': setting(z.coerce.number().int().min(1).max(10000), 1, 'Partitions of a topic that is created without a count.'),
  'default.replication.factor': setting(z.coerce.number().int().min(1).max(15), 3, 'Replicas of a topic that is created without a count, at most as many as there are brokers.'),
  'min.insync.replicas': setting(z.coerce.number().int().min(1), 2, 'Replicas that must hold a record before acks=all is answered, at most as many as there are.'),
  'unclean.leader.election.enable': setting(flag, false, 'Whether a replica that is not in sync may lead where no other can, at the price of records.'),
  'replica.lag.time.max.ms': setting(milliseconds, 30000, 'How long a replica may be behind before it is not in sync any more.'),
  'auto.leader.rebalance.enable': setting(flag, true, 'Whether leaders go back to the preferred replicas from time to time.'),
  'message.max.bytes': setting(bytes, 1048588, 'Largest record batch a topic takes unless it says otherwise.'),
  'log.retention.ms': setting(z.coerce.number().int().min(-1), 604800000, 'How long records are kept unless the topic says otherwise; -1: for ever.'),
  'log.retention.bytes': setting(z.coerce.number().int().min(-1), -1, 'How many bytes a partition keeps unless the topic says otherwise; -1: no bound.'),
  'log.segment.bytes': setting(z.coerce.number().int().min(1048576).max(2147483647), 1073741824, 'Size at which a segment is closed and a new one begun.'),
  'offsets.retention.minutes': setting(z.coerce.number().int().min(1), 10080, 'How long an empty group\'s offsets are kept.'),
  'group.initial.rebalance.delay.ms': setting(milliseconds, 3000, 'How long an empty group waits for more members before its first rebalance (0 with dev unless set).'),
  'group.min.session.timeout.ms': setting(milliseconds, 6000, 'Smallest session timeout a group member may ask for.'),
  'group.max.session.timeout.ms': setting(milliseconds, 1800000, 'Largest session timeout a group member may ask for.'),
  'group.max.size': setting(z.coerce.number().int().min(1).max(100000), 1000, 'Most members of one group.'),
  'connections.max.idle.ms': setting(z.coerce.number().int().min(1000), 600000, 'A Kafka connection that is silent for so long is closed.'),
  'cache.bytes': setting(bytes, 67108864, 'Memory for recent batches, over all partitions.'),
  'log.level': setting(z.enum(['debug', 'info', 'warn', 'error', 'silent']), 'warn', 'What is printed to standard error besides the start-up lines: debug, info, warn, error or silent.'),
} as const

export type SettingName = keyof typeof settings
export type Config = { readonly [Name in SettingName]: z.output<(typeof settings)[Name]['type']> }
/** Values as they come in, by setting name. */
export type Given = Readonly<Record<string, unknown>>

/** The environment variable of a setting. */
export function variableOf(name: string): string {
  return `SLUICE_${name.toUpperCase().replaceAll('.', '_')}`
}

/**
 * Merges the sources, strongest first, into one frozen Config.
 * Throws ConfigError with one line that names the setting, its source and what would be right.
 */
export function parseConfig(commandLine: Given, environment: Readonly<Record<string, string | undefined>>, file: { path: string; values: Given } | undefined): Config {
  const fromEnvironment = Object.fromEntries(Object.keys(settings).flatMap(name => {
    const value = environment[variableOf(name)]
    return value === undefined ? [] : [[name, value]]
  }))
  const strays = Object.keys(environment).filter(name => name.startsWith('SLUICE_') && !Object.keys(settings).some(one => variableOf(one) === name))
  if (strays[0] !== undefined) throw new ConfigError(unknownName(strays[0], 'the environment', Object.keys(settings).map(variableOf)))
  const sources = [
    { from: 'the command line', values: commandLine },
    { from: 'the environment', values: fromEnvironment },
    { from: file?.path ?? '', values: file?.values ?? {} },
  ]
  for (const { from, values } of sources) {
    const stray = Object.keys(values).find(name => !Object.hasOwn(settings, name))
    if (stray !== undefined) throw new ConfigError(unknownName(stray, from, Object.keys(settings)))
  }
  const pick = (name: SettingName): unknown => {
    const source = sources.find(one => Object.hasOwn(one.values, name) && one.values[name] !== undefined)
    if (source === undefined) return undefined
    const parsed = settings[name].type.safeParse(source.values[name])
    if (parsed.success) return parsed.data
    const given = `${JSON.stringify(source.values[name])} (from ${source.from})`
    throw new ConfigError(`${name}: ${given} is not valid: ${reasonOf(parsed.error)}. ${settings[name].sentence}`)
  }
  const dev = pick('dev') === true
  const names = Object.keys(settings) as SettingName[]
  const config = Object.fromEntries(names.map(name => [name, pick(name) ?? devDefault(name, dev) ?? settings[name].fallback])) as Config
  return checked(config)
}

/** The directories of `broker.data.dirs` by broker: `1=/disk1/a,/disk1/b;2=/disk2`. Throws ConfigError for a text that says something else. */
export function dataDirectories(text: string): ReadonlyMap<number, readonly string[]> {
  const directories = new Map<number, readonly string[]>()
  for (const part of text.split(';').map(one => one.trim()).filter(one => one !== '')) {
    const [, id, paths] = /^(\d+)=(.+)$/.exec(part) ?? []
    const listed = paths?.split(',').map(path => path.trim()).filter(path => path !== '') ?? []
    if (id === undefined || listed.length === 0) throw new ConfigError(`broker.data.dirs: '${part}' is not <broker>=<directory>[,<directory>…]`)
    if (directories.has(Number(id))) throw new ConfigError(`broker.data.dirs: broker ${id} is named twice`)
    const shared = listed.find((path, at) => listed.indexOf(path) !== at || [...directories.values()].some(others => others.includes(path)))
    if (shared !== undefined) throw new ConfigError(`broker.data.dirs: '${shared}' is named twice; each broker needs directories of its own`)
    directories.set(Number(id), listed)
  }
  return directories
}

/** What one setting must know of another. */
function checked(config: Config): Config {
  for (const id of dataDirectories(config['broker.data.dirs']).keys()) {
    if (id < 1 || id > config.brokers) throw new ConfigError(`broker.data.dirs: there is no broker ${id}; there are 1 to ${config.brokers}`)
  }
  if (config.dev && !['localhost', '127.0.0.1', '::1'].includes(config.host)) {
    throw new ConfigError(`host: '${config.host}' is not loopback, and dev lets everybody in; leave dev away or listen on localhost`)
  }
  if (config.dev && config['kinesis.client.auth'] === 'required') {
    throw new ConfigError('kinesis.client.auth: required is not possible with dev, which serves Kinesis without TLS, too; leave one of them away')
  }
  if (config['kek.file'] !== '' && config['kek.passphrase.file'] !== '') throw new ConfigError('kek.file and kek.passphrase.file exclude each other; give one of them')
  if (config['group.min.session.timeout.ms'] > config['group.max.session.timeout.ms']) {
    const { 'group.min.session.timeout.ms': min, 'group.max.session.timeout.ms': max } = config
    throw new ConfigError(`group.min.session.timeout.ms: ${min} is above group.max.session.timeout.ms (${max})`)
  }
  return Object.freeze(config)
}

function devDefault(name: SettingName, dev: boolean): unknown {
  if (!dev) return undefined
  if (name === 'auto.create.topics.enable') return true
  if (name === 'group.initial.rebalance.delay.ms') return 0
  return undefined
}

function unknownName(name: string, from: string, known: readonly string[]): string {
  const plain = (text: string): string => text.toLowerCase().replace(/[._-]/g, '')
  const near = known.find(one => plain(one) === plain(name)) ?? known.find(one => one.includes(name) || name.includes(one))
  return `unknown setting '${name}' (from ${from})${near === undefined ? '; `sluice start --help` lists all' : `; did you mean '${near}'?`}`
}

/** zod's first complaint, without its own preamble: `expected number, received NaN`. */
function reasonOf(error: z.ZodError): string {
  return (error.issues[0]?.message ?? 'it does not fit').replace(/^(Invalid (input|option)|Too (big|small)): /, '').replace('expected number, received NaN', 'expected a number')
}
