// GetMetricStatistics. One metric's figures over a stretch of time, period by period, oldest first; in each unit that was recorded unless one is asked for.
import { z } from 'zod'
import { type CloudWatchContext, findMetrics, judgeMetric, served } from '../context.ts'
import { CloudWatchError, wrongValue } from '../errors.ts'
import { dimensions, listOf, metricName, namespace, time, whole } from '../input-shapes.ts'
import type { Values } from '../protocols.ts'
import { type Statistic, datapoints, judgePeriod, statistics, valueOf } from '../statistics.ts'

const datapointsMax = 1_440

const input = z.object({
  Namespace: namespace,
  MetricName: metricName,
  Dimensions: dimensions.optional(),
  StartTime: time,
  EndTime: time,
  Period: whole.min(1),
  Statistics: listOf(z.enum(statistics), 5).optional(),
  ExtendedStatistics: listOf(z.string(), 10).optional(),
  Unit: z.string().optional(),
})

export const getMetricStatistics = served({ name: 'GetMetricStatistics', input, handle })

function handle(asked: z.output<typeof input>, context: CloudWatchContext): Values | CloudWatchError {
  const id = { namespace: asked.Namespace, name: asked.MetricName, dimensions: asked.Dimensions ?? [] }
  const refused = judgeMetric('cloudwatch:GetMetricStatistics', id, context)
  if (refused !== null) return refused
  if (asked.ExtendedStatistics !== undefined && asked.ExtendedStatistics.length > 0) {
    return wrongValue(`ExtendedStatistics ${asked.ExtendedStatistics.join(', ')} cannot be given: figures are kept as ${statistics.join(', ')}.`)
  }
  const wanted = [...new Set<Statistic>(asked.Statistics)]
  if (wanted.length === 0) return new CloudWatchError('MissingRequiredParameterException', 'Must specify either Statistics or ExtendedStatistics.')
  if (asked.StartTime >= asked.EndTime) return wrongValue('The parameter StartTime must be less than the parameter EndTime.')
  const unfit = judgePeriod(asked.Period)
  if (unfit !== null) return wrongValue(unfit)
  const count = Math.ceil((asked.EndTime - asked.StartTime) / (asked.Period * 1_000))
  if (count > datapointsMax) {
    return new CloudWatchError('InvalidParameterCombinationException', `You have requested up to ${count.toLocaleString('en-US')} datapoints, which exceeds the limit of ` +
      `${datapointsMax.toLocaleString('en-US')}. You may reduce the datapoints requested by increasing Period, or decreasing the time range.`)
  }
  const range = { startMs: asked.StartTime, endMs: asked.EndTime, periodSeconds: asked.Period }
  return {
    Label: asked.MetricName,
    Datapoints: findMetrics(id, asked.Unit, context).flatMap(metric => datapoints([metric], range, context.clock.now()).map(({ atMs, set }) => ({
      Timestamp: new Date(atMs), ...Object.fromEntries(wanted.map(statistic => [statistic, valueOf(set, statistic)])), Unit: metric.unit,
    }))),
  }
}
