// PutMetricData. Figures of clients, as KCL and KPL send them, kept under their namespace like our own: for three hours, and only so many metrics. Whoever may read or write
// some stream may put figures.
import { z } from 'zod'
import { accountDemand } from '../../access.ts'
import { type CloudWatchContext, judge, served } from '../context.ts'
import { CloudWatchError, wrongValue } from '../errors.ts'
import { dimensions, figure, listOf, metricName, namespace, time, whole } from '../input-shapes.ts'
import type { Values } from '../protocols.ts'
import { type StatisticSet, minuteMs, minutesAhead, minutesKept } from '../series.ts'

const datumsMax = 1_000
const valuesMax = 150
const units: readonly string[] = [
  'Seconds', 'Microseconds', 'Milliseconds', 'Bytes', 'Kilobytes', 'Megabytes', 'Gigabytes', 'Terabytes', 'Bits', 'Kilobits', 'Megabits', 'Gigabits', 'Terabits', 'Percent',
  'Count', 'Bytes/Second', 'Kilobytes/Second', 'Megabytes/Second', 'Gigabytes/Second', 'Terabytes/Second', 'Bits/Second', 'Kilobits/Second', 'Megabits/Second',
  'Gigabits/Second', 'Terabits/Second', 'Count/Second', 'None',
]

const datum = z.object({
  MetricName: metricName,
  Dimensions: dimensions.optional(),
  Timestamp: time.optional(),
  Value: figure.optional(),
  StatisticValues: z.object({ SampleCount: figure, Sum: figure, Minimum: figure, Maximum: figure }).optional(),
  Values: listOf(figure, valuesMax).optional(),
  Counts: listOf(figure, valuesMax).optional(),
  Unit: z.enum(units).optional(),
  StorageResolution: whole.min(1).optional(),
})

const input = z.object({
  Namespace: namespace,
  MetricData: listOf(datum, datumsMax).optional(),
  EntityMetricData: z.undefined('entities are not supported by this endpoint').optional(),
})

type Datum = z.output<typeof datum>

export const putMetricData = served({ name: 'PutMetricData', input, handle })

function handle({ Namespace, MetricData = [] }: z.output<typeof input>, context: CloudWatchContext): Values | CloudWatchError {
  const { access, caller, clock } = context
  if (!access.allowsAny(caller, 'write', 'topic') && !access.allowsAny(caller, 'read', 'topic')) {
    const refused = judge('cloudwatch:PutMetricData', accountDemand('alter'), context)
    if (refused !== null) return refused
  }
  if (/^(AWS|Sluice)\//.test(Namespace)) return wrongValue(`The value ${Namespace} for parameter Namespace is invalid: namespaces that begin with AWS/ or Sluice/ are not for clients.`)
  const nowMs = clock.now()
  // All of them are judged before the first is kept.
  const sets: { readonly datum: Datum; readonly set: StatisticSet; readonly atMs: number }[] = []
  for (const [at, one] of MetricData.entries()) {
    const path = `MetricData.member.${at + 1}`
    const set = setOf(one, path)
    if (set instanceof CloudWatchError) return set
    const atMs = one.Timestamp ?? nowMs
    if (atMs < nowMs - minutesKept * minuteMs || atMs > nowMs + (minutesAhead - 1) * minuteMs) {
      return wrongValue(`The parameter ${path}.Timestamp must be within the last ${minutesKept / 60} hours, for which figures are kept here, or the next ${minutesAhead - 1} minutes.`)
    }
    sets.push({ datum: one, set, atMs })
  }
  for (const { datum: { MetricName, Dimensions = [], Unit = 'None' }, set, atMs } of sets) {
    context.custom.metric({ namespace: Namespace, name: MetricName, dimensions: Dimensions }, Unit).series.addSet(set, atMs)
  }
  return {}
}

/** What a datum comes to: one value, a set of statistics, or values with how often each was seen. */
function setOf({ Value, StatisticValues, Values, Counts }: Datum, path: string): StatisticSet | CloudWatchError {
  const kinds = [Value, StatisticValues, Values].filter(one => one !== undefined)
  if (kinds.length > 1) {
    return new CloudWatchError('InvalidParameterCombinationException', `The parameters ${path}.Value, ${path}.StatisticValues and ${path}.Values are mutually exclusive and you have specified more than one.`)
  }
  if (Value !== undefined) return { minimum: Value, maximum: Value, sum: Value, sampleCount: 1 }
  if (StatisticValues !== undefined) {
    const { SampleCount: sampleCount, Sum: sum, Minimum: minimum, Maximum: maximum } = StatisticValues
    if (sampleCount <= 0) return wrongValue(`The parameter ${path}.StatisticValues.SampleCount must be greater than 0.`)
    if (minimum > maximum) return wrongValue(`The parameter ${path}.StatisticValues.Maximum must be greater than or equal to ${path}.StatisticValues.Minimum.`)
    return { minimum, maximum, sum, sampleCount }
  }
  if (Values === undefined || Values.length === 0) {
    return new CloudWatchError('MissingRequiredParameterException', `At least one of the parameters ${path}.Value, ${path}.StatisticValues and ${path}.Values must be specified.`)
  }
  const counts = Counts ?? Values.map(() => 1)
  if (counts.length !== Values.length) return wrongValue(`The parameters ${path}.Values and ${path}.Counts must be of the same size.`)
  if (counts.some(count => count <= 0)) return wrongValue(`The parameter ${path}.Counts must have numbers greater than 0.`)
  const sum = Values.reduce((total, value, at) => total + value * counts[at]!, 0)
  return { minimum: Math.min(...Values), maximum: Math.max(...Values), sum, sampleCount: counts.reduce((total, count) => total + count, 0) }
}
