// DeleteResourcePolicy. Takes the policy of a stream or a consumer away; not found where it has none.
import { type InputOf, operation } from '../../wire/operation.ts'
import { type Context, serve } from '../context.ts'
import { AwsError, toAwsError } from '../errors.ts'
import { policyDemand, policyHolder, policyMembers } from '../resource-policies.ts'

export const DeleteResourcePolicy = operation({ name: 'DeleteResourcePolicy', input: policyMembers })

export const deleteResourcePolicy = serve(
  DeleteResourcePolicy,
  { action: 'kinesis:DeleteResourcePolicy', access: { kind: 'demands', demand: (input, context) => policyDemand('alter', input.ResourceARN, context) } },
  handle,
)

async function handle(input: InputOf<typeof DeleteResourcePolicy>, context: Context): Promise<null | AwsError> {
  const holder = await policyHolder(input, { isChange: true }, context)
  if (holder instanceof AwsError) return holder
  const removed = await context.access.removePolicy(input.ResourceARN, context.caller)
  return removed === null ? null : toAwsError(removed)
}
