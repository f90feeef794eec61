// DisableEnhancedMonitoring. Has the stream keep these metrics for its shards no longer. What was kept so far stays for its time.
import type { InputOf, OutputOf } from '../../wire/operation.ts'
import { type Context, serve } from '../context.ts'
import type { AwsError } from '../errors.ts'
import { changeMonitoring, monitoringOperation } from '../monitoring.ts'
import { namedStream } from '../streams.ts'

export const DisableEnhancedMonitoring = monitoringOperation('DisableEnhancedMonitoring')

export const disableEnhancedMonitoring = serve(
  DisableEnhancedMonitoring,
  { action: 'kinesis:DisableEnhancedMonitoring', access: { kind: 'needs', operation: 'alter-configs', stream: namedStream } },
  handle,
)

async function handle(input: InputOf<typeof DisableEnhancedMonitoring>, context: Context): Promise<OutputOf<typeof DisableEnhancedMonitoring> | AwsError> {
  return changeMonitoring(input, context, (current, named) => current.difference(named))
}
