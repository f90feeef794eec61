// EnableEnhancedMonitoring. Has the stream keep these metrics for each of its shards, beside those it keeps already.
import type { InputOf, OutputOf } from '../../wire/operation.ts'
import { type Context, serve } from '../context.ts'
import type { AwsError } from '../errors.ts'
import { changeMonitoring, monitoringOperation } from '../monitoring.ts'
import { namedStream } from '../streams.ts'

export const EnableEnhancedMonitoring = monitoringOperation('EnableEnhancedMonitoring')

export const enableEnhancedMonitoring = serve(
  EnableEnhancedMonitoring,
  { action: 'kinesis:EnableEnhancedMonitoring', access: { kind: 'needs', operation: 'alter-configs', stream: namedStream } },
  handle,
)

async function handle(input: InputOf<typeof EnableEnhancedMonitoring>, context: Context): Promise<OutputOf<typeof EnableEnhancedMonitoring> | AwsError> {
  return changeMonitoring(input, context, (current, named) => current.union(named))
}
