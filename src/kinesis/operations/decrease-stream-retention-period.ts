// DecreaseStreamRetentionPeriod. Records are kept for shorter from now on.
import { type InputOf, operation } from '../../wire/operation.ts'
import { type Context, serve } from '../context.ts'
import type { AwsError } from '../errors.ts'
import { changeRetention, retentionMembers } from '../retention.ts'
import { namedStream, oneStream } from '../streams.ts'

export const DecreaseStreamRetentionPeriod = operation({ name: 'DecreaseStreamRetentionPeriod', input: retentionMembers, check: oneStream })

export const decreaseStreamRetentionPeriod = serve(
  DecreaseStreamRetentionPeriod,
  { action: 'kinesis:DecreaseStreamRetentionPeriod', access: { kind: 'needs', operation: 'alter', stream: namedStream } },
  handle,
)

async function handle(input: InputOf<typeof DecreaseStreamRetentionPeriod>, context: Context): Promise<null | AwsError> {
  return changeRetention('shorter', input, context)
}
