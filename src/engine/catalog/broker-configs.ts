// The broker configs that the engine honours, and no others. Values come from the settings at the start; those marked dynamic can be changed
// while the broker runs and then are kept in the catalog. Names, types, defaults and limits are Apache Kafka 4.2's, unless the text says so.
import { atLeast, type ConfigDefinition } from './config-types.ts'
import { topicConfigs } from './topic-configs.ts'

export interface BrokerConfig extends Omit<ConfigDefinition, 'default'> {
  /** Null where an unset config leaves the word to another one. */
  readonly default: string | null
  readonly dynamic: boolean
}

/** The defaults of topics: broker configs that topic configs name as synonyms, with the topic config's own type, limits and default. */
const topicDefaults: readonly BrokerConfig[] = [...topicConfigs.values()].flatMap(config => config.synonyms.map(({ name, factor }, at): BrokerConfig => ({
  name,
  type: factor === 1 ? config.type : 'int',
  // A default of several synonyms is written once, at the weakest: 168 hours, not 604800000 ms as well.
  default: at < config.synonyms.length - 1 ? null : factor === 1 ? config.default : String(Number(config.default) / factor),
  dynamic: factor === 1,
  documentation: `The default of the topic config ${config.name}. ${config.documentation}`,
  ...(config.check === undefined ? {} : { check: config.check }),
})))

/** By name, in alphabetical order. */
export const brokerConfigs: ReadonlyMap<string, BrokerConfig> = table([
  ...topicDefaults,
  fixed('auto.create.topics.enable', 'boolean', 'true', undefined, 'Whether asking for the metadata of a topic that does not exist creates it.'),
  fixed('auto.leader.rebalance.enable', 'boolean', 'true', undefined, 'Whether leaders move back to the preferred replicas from time to time.'),
  fixed('broker.heartbeat.interval.ms', 'int', '2000', atLeast(1), 'How often a broker tells the controller that it is there.'),
  fixed('broker.session.timeout.ms', 'int', '9000', atLeast(1), 'How long a broker may be silent before it is fenced and others lead its partitions.'),
  fixed('default.replication.factor', 'int', '1', atLeast(1), 'Replicas of a topic that is created without a replication factor; never more than there are brokers.'),
  fixed('delete.topic.enable', 'boolean', 'true', undefined, 'Whether topics can be deleted.'),
  fixed('group.initial.rebalance.delay.ms', 'int', '3000', atLeast(0), 'How long an empty group waits for more members before its first rebalance.'),
  fixed('group.max.session.timeout.ms', 'int', '1800000', atLeast(1), 'The largest session timeout that a group member may ask for.'),
  fixed('group.max.size', 'int', '1000', atLeast(1), 'The most members that one group takes. Kafka sets no bound by default.'),
  fixed('group.min.session.timeout.ms', 'int', '6000', atLeast(1), 'The smallest session timeout that a group member may ask for.'),
  fixed('leader.imbalance.check.interval.seconds', 'long', '300', atLeast(1), 'How often leaders move back to the preferred replicas.'),
  fixed('log.retention.check.interval.ms', 'long', '300000', atLeast(1), 'How often logs are searched for segments that have outlived their retention.'),
  fixed('num.partitions', 'int', '1', atLeast(1), 'Partitions of a topic that is created without a count.'),
  fixed('offset.metadata.max.bytes', 'int', '4096', atLeast(0), 'The largest metadata text that may go with a committed offset.'),
  fixed('offsets.retention.check.interval.ms', 'long', '600000', atLeast(1), 'How often committed offsets are searched for those that have outlived their retention.'),
  fixed('offsets.retention.minutes', 'int', '10080', atLeast(1), 'How long committed offsets are kept once nobody in their group reads the topic any more.'),
  fixed('replica.fetch.backoff.ms', 'int', '100', atLeast(0), 'How long a follower waits after a fetch that failed. Kafka waits 1000: its brokers are further apart.'),
  fixed('replica.fetch.max.bytes', 'int', '1048576', atLeast(0), 'How many bytes a follower asks for of each partition; a larger batch comes whole.'),
  fixed('replica.fetch.response.max.bytes', 'int', '10485760', atLeast(0), 'How many bytes a follower asks for in one fetch; a larger batch comes whole.'),
  fixed('replica.fetch.wait.max.ms', 'int', '500', atLeast(0), 'How long a fetch of a follower waits for records.'),
  fixed('replica.lag.time.max.ms', 'long', '30000', atLeast(0), 'How long a follower may be behind the end of its leader\'s log before it is not in sync any more.'),
])

function fixed(name: string, type: BrokerConfig['type'], standard: string, check: ConfigDefinition['check'], documentation: string): BrokerConfig {
  return { name, type, default: standard, dynamic: false, documentation, ...(check === undefined ? {} : { check }) }
}

function table(configs: readonly BrokerConfig[]): ReadonlyMap<string, BrokerConfig> {
  return new Map(configs.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(config => [config.name, config]))
}
