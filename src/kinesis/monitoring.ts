// Shard-level monitoring: which metrics of single shards a stream keeps (facts.monitoring), as EnableEnhancedMonitoring and DisableEnhancedMonitoring change it.
import { type OutputOf, type Text, list, operation, text } from '../wire/operation.ts'
import type { Topic } from '../ports.ts'
import type { Measured } from './cloudwatch/kinesis-metrics.ts'
import type { Context } from './context.ts'
import { AwsError } from './errors.ts'
import { activeStream, changeActive } from './lifecycle.ts'
import { type ShardLevelMetric, shardLevelMetrics } from './shard-level-metrics.ts'
import { factsOf } from './stream-facts.ts'
import { type StreamSelector, oneStream, streamArn, streamArnOf, streamId, streamName } from './streams.ts'

type Name = ShardLevelMetric | 'ALL'
const metricNames = list(text() as Text<Name>).minLength(1).maxLength(7).itemOneOf([...shardLevelMetrics, 'ALL'])

/** Both operations have the same members. */
export function monitoringOperation<const N extends string>(name: N) {
  return operation({
    name,
    input: { StreamName: streamName, ShardLevelMetrics: metricNames.required, StreamARN: streamArn, StreamId: streamId },
    output: { StreamName: streamName, CurrentShardLevelMetrics: metricNames, DesiredShardLevelMetrics: metricNames, StreamARN: streamArn },
    check: oneStream,
  })
}

type Answer = OutputOf<ReturnType<typeof monitoringOperation>>
type Input = StreamSelector & { readonly ShardLevelMetrics: readonly Name[] }

/** Changes the metrics a stream has on to what `desired` makes of them and those that the request names. */
export async function changeMonitoring(
  input: Input, context: Context, desired: (current: ReadonlySet<ShardLevelMetric>, named: ReadonlySet<ShardLevelMetric>) => ReadonlySet<ShardLevelMetric>,
): Promise<Answer | AwsError> {
  const topic = await activeStream(input, context)
  if (topic instanceof AwsError) return topic
  const named = new Set(input.ShardLevelMetrics.flatMap(name => (name === 'ALL' ? shardLevelMetrics : [name])))
  let answer: Answer | undefined
  const failed = await changeActive(topic, context, ({ monitoring }) => {
    const wanted = desired(new Set(monitoring), named)
    const monitored = shardLevelMetrics.filter(name => wanted.has(name))
    answer = {
      StreamName: topic.name, CurrentShardLevelMetrics: monitoring, DesiredShardLevelMetrics: monitored, StreamARN: streamArnOf(topic.name, context),
    }
    return monitored.length === monitoring.length ? undefined : { monitoring: monitored }
  })
  return failed ?? answer!
}

/** What is measured of an operation on the stream. */
export function measured(topic: Topic, context: Context): Measured {
  return { stream: topic.name, monitoring: factsOf(topic, context).monitoring, startedMs: context.startedMs }
}
