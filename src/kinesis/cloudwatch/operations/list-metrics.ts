// ListMetrics. The metrics that the caller may see and that have figures within the time that is kept, at most 500 a page, in the order of their names.
import { z } from 'zod'
import { type CloudWatchContext, listing, served } from '../context.ts'
import { CloudWatchError } from '../errors.ts'
import { flag, listOf, metricName, namespace } from '../input-shapes.ts'
import type { Metric } from '../metric-store.ts'
import type { Values } from '../protocols.ts'

const metricsMax = 500

const input = z.object({
  Namespace: namespace.optional(),
  MetricName: metricName.optional(),
  Dimensions: listOf(z.object({ Name: z.string().min(1).max(255), Value: z.string().min(1).max(1024).optional() }), 10).optional(),
  NextToken: z.string().optional(),
  // Nothing older is kept, so that everything is recent.
  RecentlyActive: z.enum(['PT3H']).optional(),
  IncludeLinkedAccounts: flag.optional(),
  OwningAccount: z.string().optional(),
})

type Input = z.output<typeof input>

export const listMetrics = served({ name: 'ListMetrics', input, handle })

function handle(asked: Input, context: CloudWatchContext): Values | CloudWatchError {
  const after = asked.NextToken === undefined ? '' : Buffer.from(asked.NextToken, 'base64url').toString()
  if (asked.NextToken !== undefined && !after.startsWith('[')) return new CloudWatchError('InvalidNextToken', 'The NextToken is not one that ListMetrics has given.')
  const isOurs = asked.OwningAccount === undefined || asked.OwningAccount === context.account
  const isListed = listing(context)
  const found = new Map<string, object>()
  for (const metric of isOurs ? [...context.metrics.store.all(), ...context.custom.all()] : []) {
    if (!fits(metric, asked) || !hasFigures(metric, context) || !isListed(metric)) continue
    const shown = { Namespace: metric.namespace, MetricName: metric.name, Dimensions: metric.dimensions.map(({ name, value }) => ({ Name: name, Value: value })) }
    // The same metric in another unit is the same metric.
    found.set(JSON.stringify([metric.namespace, metric.name, metric.dimensions]), shown)
  }
  const keys = [...found.keys()].toSorted().filter(key => key > after)
  const page = keys.slice(0, metricsMax)
  return {
    Metrics: page.map(key => found.get(key)!),
    NextToken: page.length < keys.length ? Buffer.from(page.at(-1)!).toString('base64url') : undefined,
    OwningAccounts: asked.IncludeLinkedAccounts === true ? page.map(() => context.account) : undefined,
  }
}

function fits({ namespace: of, name, dimensions }: Metric, { Namespace, MetricName, Dimensions = [] }: Input): boolean {
  return (Namespace === undefined || Namespace === of) && (MetricName === undefined || MetricName === name)
    && Dimensions.every(wanted => dimensions.some(one => one.name === wanted.Name && (wanted.Value === undefined || wanted.Value === one.value)))
}

function hasFigures({ series }: Metric, { clock }: CloudWatchContext): boolean {
  return series.minutes(0, Infinity, clock.now()).next().done !== true
}
