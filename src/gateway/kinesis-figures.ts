// The metrics of streams, shards, consumers and channels in Prometheus's form: the same figures that CloudWatch's operations answer with, as counters since the start. Names
// are CloudWatch's in snake case below `sluice_kinesis_`, those of shards below `sluice_kinesis_shard_`, of consumers below `…consumer_`, of channels below `…channel_`:
// sums end in `_total`; of a `Success` there are also the `calls`; latencies have a `_sum` and a `_count` in seconds; ages are gauges of the last sample, in seconds.
import { Counter, Gauge, type Registry } from 'prom-client'
import type { KinesisMetrics } from '../kinesis/cloudwatch/kinesis-metrics.ts'
import { aggregationMetrics, channelMetrics, consumerMetrics, kinesisNamespace, ownNamespace, shardMetrics, streamMetrics } from '../kinesis/cloudwatch/metric-names.ts'
import type { Metric, MetricStore } from '../kinesis/cloudwatch/metric-store.ts'
import type { Series } from '../kinesis/cloudwatch/series.ts'
import type { Limits } from '../kinesis/limits.ts'

const deprecated: ReadonlySet<string> = new Set(['GetRecords.IteratorAge', 'PutRecords.Records'])
/** CloudWatch's dimensions as labels. */
const labelOf: Readonly<Record<string, string>> = { StreamName: 'stream', ShardId: 'shard', ConsumerName: 'consumer', ChannelName: 'channel', ChannelId: 'channel_id' }

/** What the metrics of one kind of thing have in common. */
interface Kind {
  readonly namespace: string
  readonly prefix: string
  readonly what: string
  readonly dimensions: readonly string[]
  readonly names: Readonly<Record<string, string>>
}

const kinds: readonly Kind[] = [
  { namespace: kinesisNamespace, prefix: '', what: 'a stream', dimensions: ['StreamName'], names: streamMetrics },
  { namespace: ownNamespace, prefix: '', what: 'a stream', dimensions: ['StreamName'], names: aggregationMetrics },
  { namespace: kinesisNamespace, prefix: 'shard_', what: 'a shard, where its stream is monitored so', dimensions: ['StreamName', 'ShardId'], names: shardMetrics },
  { namespace: kinesisNamespace, prefix: 'consumer_', what: 'a registered consumer', dimensions: ['StreamName', 'ConsumerName'], names: consumerMetrics },
  { namespace: kinesisNamespace, prefix: 'channel_', what: 'a channel', dimensions: ['ChannelName', 'ChannelId', 'StreamName'], names: channelMetrics },
]

/** Asked for at each scrape. */
export function showKinesis(registry: Registry, { metrics, limits }: { readonly metrics: KinesisMetrics; readonly limits: Limits }): void {
  for (const kind of kinds) {
    for (const [name, unit] of Object.entries(kind.names)) if (!deprecated.has(name)) show(registry, metrics.store, kind, name, unit)
  }
  new Counter({
    name: 'sluice_kinesis_troubles_total', help: 'Troubles made on purpose, by kinesis.limits=chaos.', labelNames: ['operation', 'trouble'], registers: [registry],
    collect() {
      this.reset()
      for (const [key, count] of limits.troubles) {
        const [operation = '', trouble = ''] = key.split(' ')
        this.inc({ operation, trouble }, count)
      }
    },
  })
}

function show(registry: Registry, store: MetricStore, kind: Kind, name: string, unit: string): void {
  const found = (): Metric[] => store.named(kind.namespace, name).filter(metric => {
    const has = new Set(metric.dimensions.map(dimension => dimension.name))
    return has.size === kind.dimensions.length && kind.dimensions.every(one => has.has(one))
  })
  const base = `sluice_kinesis_${kind.prefix}${snake(name.replace(/Milliseconds$/, '').replace('MillisBehindLatest', 'BehindLatest'))}`
  const help = (of: string): string => `${of} of ${kind.what}: CloudWatch's ${name}.`
  const counter = (metricName: string, of: string, figure: (series: Series) => number): void => {
    new Counter({
      name: metricName, help: help(of), labelNames: kind.dimensions.map(one => labelOf[one]!), registers: [registry],
      collect() {
        this.reset()
        for (const metric of found()) this.inc(labelsOf(metric), figure(metric.series))
      },
    })
  }
  if (name.endsWith('.Latency')) {
    counter(`${base}_seconds_sum`, 'Sum', series => series.total / 1_000)
    counter(`${base}_seconds_count`, 'Samples', series => series.samples)
  } else if (unit === 'Milliseconds' || unit === 'Seconds') {
    const perSecond = unit === 'Seconds' ? 1 : 1_000
    new Gauge({
      name: `${base}_seconds`, help: help('Last sample'), labelNames: kind.dimensions.map(one => labelOf[one]!), registers: [registry],
      collect() {
        this.reset()
        for (const metric of found()) this.set(labelsOf(metric), metric.series.last / perSecond)
      },
    })
  } else {
    counter(`${base}_total`, 'Sum', series => series.total)
    if (name.endsWith('.Success')) counter(`${base.slice(0, -'_success'.length)}_calls_total`, 'Samples', series => series.samples)
  }
}

function labelsOf({ dimensions }: Metric): Record<string, string> {
  return Object.fromEntries(dimensions.map(({ name, value }) => [labelOf[name]!, value]))
}

/** `PutRecords.TotalRecords` → `put_records_total_records`, `DeliveryToS3.DLQDeliverySuccess` → `delivery_to_s3_dlq_delivery_success` */
function snake(name: string): string {
  return name.replaceAll('.', '').replace(/(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/g, '_').toLowerCase()
}
