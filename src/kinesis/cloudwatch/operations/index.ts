// Every operation of CloudWatch that is served.
import { getMetricData } from './get-metric-data.ts'
import { getMetricStatistics } from './get-metric-statistics.ts'
import { listMetrics } from './list-metrics.ts'
import { putMetricData } from './put-metric-data.ts'

export const operations = [getMetricData, getMetricStatistics, listMetrics, putMetricData]
