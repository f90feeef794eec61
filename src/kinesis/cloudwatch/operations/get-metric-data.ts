// GetMetricData. One statistic each of up to 500 metrics over a stretch of time, newest first unless asked otherwise, in pages. A metric that the caller may not see is
// answered as Forbidden, the others all the same. Expressions are not computed.
import { z } from 'zod'
import { type CloudWatchContext, findMetrics, judgeMetric, served } from '../context.ts'
import { CloudWatchError, wrongValue } from '../errors.ts'
import { dimensions, flag, listOf, metricName, namespace, time, whole } from '../input-shapes.ts'
import type { Values } from '../protocols.ts'
import { type Statistic, datapoints, isStatistic, judgePeriod, statistics, valueOf } from '../statistics.ts'

const queriesMax = 500
const datapointsMax = 100_800

const query = z.object({
  Id: z.string().max(255).regex(/^[a-z]\w*$/, 'must begin with a lower-case letter and have letters, digits and underscores'),
  MetricStat: z.object({
    Metric: z.object({ Namespace: namespace, MetricName: metricName, Dimensions: dimensions.optional() }),
    Period: whole.min(1),
    Stat: z.string(),
    Unit: z.string().optional(),
  }).optional(),
  Expression: z.string().optional(),
  Label: z.string().optional(),
  ReturnData: flag.optional(),
  AccountId: z.string().optional(),
})

const input = z.object({
  MetricDataQueries: listOf(query, queriesMax),
  StartTime: time,
  EndTime: time,
  NextToken: z.string().optional(),
  ScanBy: z.enum(['TimestampDescending', 'TimestampAscending']).optional(),
  MaxDatapoints: whole.min(1).max(datapointsMax).optional(),
})

type Input = z.output<typeof input>
type Query = z.output<typeof query>

export const getMetricData = served({ name: 'GetMetricData', input, handle })

/** Where a page goes on: at a query, behind the datapoint of this time. */
interface Place {
  readonly query: number
  readonly afterMs: number | null
}

function handle(asked: Input, context: CloudWatchContext): Values | CloudWatchError {
  const wrong = judgeQueries(asked, context)
  if (wrong !== undefined) return wrong
  const place = asked.NextToken === undefined ? { query: 0, afterMs: null } : placeOf(asked.NextToken)
  if (place === undefined) return new CloudWatchError('InvalidNextToken', 'The NextToken is not one that GetMetricData has given.')
  const results: object[] = []
  let left = asked.MaxDatapoints ?? datapointsMax
  for (let at = place.query; at < asked.MetricDataQueries.length; at++) {
    const one = asked.MetricDataQueries[at]!
    if (one.ReturnData === false) continue
    // A full page ends before the next metric begins.
    if (left === 0) return { MetricDataResults: results, NextToken: tokenOf({ query: at, afterMs: null }), Messages: [] }
    const { result, lastMs, isWhole, count } = resultOf(one, asked, { afterMs: at === place.query ? place.afterMs : null, countMax: left }, context)
    results.push(result)
    left -= count
    if (!isWhole) return { MetricDataResults: results, NextToken: tokenOf({ query: at, afterMs: lastMs }), Messages: [] }
  }
  return { MetricDataResults: results, Messages: [] }
}

function judgeQueries({ MetricDataQueries: queries, StartTime, EndTime }: Input, context: CloudWatchContext): CloudWatchError | undefined {
  if (queries.length === 0) return new CloudWatchError('MissingRequiredParameterException', 'The parameter MetricDataQueries is required.')
  if (StartTime >= EndTime) return wrongValue('The parameter StartTime must be less than the parameter EndTime.')
  const ids = new Set<string>()
  for (const [at, { Id, MetricStat, Expression, AccountId }] of queries.entries()) {
    const path = `MetricDataQueries.member.${at + 1}`
    if (ids.has(Id)) return wrongValue(`The value '${Id}' for parameter ${path}.Id is not unique in the array.`)
    ids.add(Id)
    if (Expression !== undefined) return wrongValue(`${path}.Expression is not supported by this endpoint: metrics are given by MetricStat.`)
    if (MetricStat === undefined) return new CloudWatchError('MissingRequiredParameterException', `The parameter ${path}.MetricStat is required.`)
    if (!isStatistic(MetricStat.Stat)) return wrongValue(`The value '${MetricStat.Stat}' for parameter ${path}.MetricStat.Stat cannot be given: figures are kept as ${statistics.join(', ')}.`)
    const unfit = judgePeriod(MetricStat.Period)
    if (unfit !== null) return wrongValue(`${path}.MetricStat: ${unfit}`)
    if (AccountId !== undefined && AccountId !== context.account) return wrongValue(`The value '${AccountId}' for parameter ${path}.AccountId is not this account, ${context.account}.`)
  }
  return undefined
}

function resultOf(
  { Id, MetricStat, Label }: Query, { StartTime, EndTime, ScanBy }: Input, page: { afterMs: number | null; countMax: number }, context: CloudWatchContext,
): { result: object; lastMs: number | null; isWhole: boolean; count: number } {
  const { Metric: { Namespace, MetricName, Dimensions = [] }, Period, Stat, Unit } = MetricStat!
  const id = { namespace: Namespace, name: MetricName, dimensions: Dimensions }
  const named = { Id, Label: Label ?? MetricName }
  const refused = judgeMetric('cloudwatch:GetMetricData', id, context)
  if (refused !== null) {
    const result = { ...named, Timestamps: [], Values: [], StatusCode: 'Forbidden', Messages: [{ Code: refused.code, Value: refused.message }] }
    return { result, lastMs: null, isWhole: true, count: 0 }
  }
  const points = datapoints(findMetrics(id, Unit, context), { startMs: StartTime, endMs: EndTime, periodSeconds: Period }, context.clock.now())
  const isAscending = ScanBy === 'TimestampAscending'
  if (!isAscending) points.reverse()
  const { afterMs, countMax } = page
  const ahead = afterMs === null ? points : points.filter(({ atMs }) => (isAscending ? atMs > afterMs : atMs < afterMs))
  const shown = ahead.slice(0, countMax)
  const isWhole = shown.length === ahead.length
  return {
    result: {
      ...named,
      Timestamps: shown.map(({ atMs }) => new Date(atMs)),
      Values: shown.map(({ set }) => valueOf(set, Stat as Statistic)),
      StatusCode: isWhole ? 'Complete' : 'PartialData',
      Messages: [],
    },
    lastMs: shown.at(-1)?.atMs ?? afterMs,
    isWhole,
    count: shown.length,
  }
}

function tokenOf({ query: at, afterMs }: Place): string {
  return Buffer.from(JSON.stringify([at, afterMs])).toString('base64url')
}

const place = z.tuple([z.number().int().min(0).max(queriesMax), z.number().nullable()])

function placeOf(token: string): Place | undefined {
  try {
    const [at, afterMs] = place.parse(JSON.parse(Buffer.from(token, 'base64url').toString()))
    return { query: at, afterMs }
  } catch {
    return undefined
  }
}
