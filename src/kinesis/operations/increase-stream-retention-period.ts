// IncreaseStreamRetentionPeriod. Records are kept for longer from now on.
import { type InputOf, operation } from '../../wire/operation.ts'
import { type Context, serve } from '../context.ts'
import type { AwsError } from '../errors.ts'
import { changeRetention, retentionMembers } from '../retention.ts'
import { namedStream, oneStream } from '../streams.ts'

export const IncreaseStreamRetentionPeriod = operation({ name: 'IncreaseStreamRetentionPeriod', input: retentionMembers, check: oneStream })

export const increaseStreamRetentionPeriod = serve(
  IncreaseStreamRetentionPeriod,
  { action: 'kinesis:IncreaseStreamRetentionPeriod', access: { kind: 'needs', operation: 'alter', stream: namedStream } },
  handle,
)

async function handle(input: InputOf<typeof IncreaseStreamRetentionPeriod>, context: Context): Promise<null | AwsError> {
  return changeRetention('longer', input, context)
}
