// Figures of minutes put together to periods, and the statistics of such a period.
import type { Metric } from './metric-store.ts'
import { type StatisticSet, minuteMs } from './series.ts'

export const statistics = ['SampleCount', 'Average', 'Sum', 'Minimum', 'Maximum'] as const
export type Statistic = (typeof statistics)[number]

export function isStatistic(name: string): name is Statistic {
  return statistics.some(one => one === name)
}

/** A stretch of time in periods: the first begins at the whole minute of `startMs`, the last before `endMs`. */
export interface Range {
  readonly startMs: number
  readonly endMs: number
  readonly periodSeconds: number
}

export interface Datapoint {
  /** When its period begins. */
  readonly atMs: number
  readonly set: StatisticSet
}

const secondsPerMinute = 60
/** Of metrics with a higher resolution than ours, whose figures then are those of their minute. */
const shortPeriods = [1, 5, 10, 30]

/** Null for a period that figures can be put together to, else why not. */
export function judgePeriod(periodSeconds: number): string | null {
  if (shortPeriods.includes(periodSeconds) || (periodSeconds > 0 && periodSeconds % secondsPerMinute === 0)) return null
  return `The parameter Period must be 1, 5, 10, 30 or a multiple of 60, not ${periodSeconds}.`
}

/** The periods in which there is something, oldest first. */
export function datapoints(metrics: readonly Metric[], { startMs, endMs, periodSeconds }: Range, nowMs: number): Datapoint[] {
  const from = Math.floor(startMs / minuteMs)
  const periodMinutes = Math.max(Math.floor(periodSeconds / secondsPerMinute), 1)
  const sets = new Map<number, StatisticSet>()
  for (const { series } of metrics) {
    for (const { minute, set } of series.minutes(from, Math.ceil(endMs / minuteMs), nowMs)) {
      const begins = from + Math.floor((minute - from) / periodMinutes) * periodMinutes
      const before = sets.get(begins)
      sets.set(begins, before === undefined ? set : together(before, set))
    }
  }
  return [...sets].toSorted(([a], [b]) => a - b).map(([minute, set]) => ({ atMs: minute * minuteMs, set }))
}

function together(a: StatisticSet, b: StatisticSet): StatisticSet {
  return {
    minimum: Math.min(a.minimum, b.minimum), maximum: Math.max(a.maximum, b.maximum), sum: a.sum + b.sum, sampleCount: a.sampleCount + b.sampleCount,
  }
}

export function valueOf({ minimum, maximum, sum, sampleCount }: StatisticSet, statistic: Statistic): number {
  switch (statistic) {
    case 'SampleCount': return sampleCount
    case 'Average': return sum / sampleCount
    case 'Sum': return sum
    case 'Minimum': return minimum
    case 'Maximum': return maximum
  }
}
