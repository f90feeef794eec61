// GetResourcePolicy. The policy of a stream or a consumer as it was put; `{}` where it has none.
import { type InputOf, type OutputOf, operation, text } from '../../wire/operation.ts'
import { type Context, serve } from '../context.ts'
import { AwsError } from '../errors.ts'
import { policyDemand, policyHolder, policyMembers } from '../resource-policies.ts'

export const GetResourcePolicy = operation({ name: 'GetResourcePolicy', input: policyMembers, output: { Policy: text().required } })

export const getResourcePolicy = serve(
  GetResourcePolicy,
  { action: 'kinesis:GetResourcePolicy', access: { kind: 'demands', demand: (input, context) => policyDemand('describe', input.ResourceARN, context) } },
  handle,
)

async function handle(input: InputOf<typeof GetResourcePolicy>, context: Context): Promise<OutputOf<typeof GetResourcePolicy> | AwsError> {
  const holder = await policyHolder(input, { isChange: false }, context)
  if (holder instanceof AwsError) return holder
  return { Policy: context.access.policyOf(input.ResourceARN) ?? '{}' }
}
