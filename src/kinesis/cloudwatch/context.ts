// What an operation of CloudWatch may use, and which metrics its caller may see: those of a stream are for who may DESCRIBE it, those that clients put in for who may
// DESCRIBE the cluster.
import type { z } from 'zod'
import { clusterResource } from '../../ports.ts'
import { type Demand, accountDemand, judgeAccess, streamDemand } from '../access.ts'
import type { Context } from '../context.ts'
import { CloudWatchError } from './errors.ts'
import { kinesisNamespace, ownNamespace } from './metric-names.ts'
import type { Metric, MetricId, MetricStore } from './metric-store.ts'
import type { Values } from './protocols.ts'

export interface CloudWatchContext extends Context {
  /** What clients put in, apart from what is measured here, so that they cannot crowd it out. */
  readonly custom: MetricStore
}

export interface Operation<T extends z.ZodType = z.ZodType> {
  readonly name: string
  readonly input: T
  readonly handle: (input: z.output<T>, context: CloudWatchContext) => Values | CloudWatchError
}

/** Ties an operation's input to its handler. */
export function served<T extends z.ZodType>(operation: Operation<T>): Operation {
  return operation as unknown as Operation
}

const streamDimension = 'StreamName'

function streamOf({ namespace, dimensions }: MetricId): string | undefined {
  if (namespace !== kinesisNamespace && namespace !== ownNamespace) return undefined
  return dimensions.find(({ name }) => name === streamDimension)?.value
}

/** Null where the caller may see the metric, whether or not it exists; otherwise AWS's refusal. Asked before it is looked up. */
export function judgeMetric(action: string, id: MetricId, context: CloudWatchContext): null | CloudWatchError {
  const stream = streamOf(id)
  return judge(action, stream === undefined ? accountDemand('describe') : streamDemand('describe', stream, context), context)
}

/** Null where the caller may do the action on the resource. */
export function judge(action: string, demand: Demand, context: CloudWatchContext): null | CloudWatchError {
  const refused = judgeAccess(action, { kind: 'demands', demand: () => demand }, {}, context)
  return refused && new CloudWatchError('AccessDenied', refused.message ?? 'Access denied')
}

/** Tells of a metric whether it is listed to the caller; leaves no trace in the audit log. */
export function listing({ access, caller }: CloudWatchContext): (metric: Metric) => boolean {
  // Thousands of metrics are of a few streams.
  const known = new Map<string | undefined, boolean>()
  return metric => {
    const stream = streamOf(metric)
    const before = known.get(stream)
    if (before !== undefined) return before
    const isListed = stream === undefined ? access.wouldAllow(caller, 'describe', 'cluster', clusterResource) : access.wouldAllow(caller, 'describe', 'topic', stream)
    known.set(stream, isListed)
    return isListed
  }
}

/** The metrics of an identity, wherever they come from. */
export function findMetrics(id: MetricId, unit: string | undefined, { metrics, custom }: CloudWatchContext): readonly Metric[] {
  return [...metrics.store.find(id, unit), ...custom.find(id, unit)]
}
