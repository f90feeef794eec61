// PutResourcePolicy. Gives a stream or a consumer a policy, in place of the one it has. What the policy says counts from the answer on.
import { Refusal } from '../../ports.ts'
import { type InputOf, operation, text } from '../../wire/operation.ts'
import { type Context, serve } from '../context.ts'
import { AwsError, invalidArgument, toAwsError } from '../errors.ts'
import { policyDemand, policyHolder, policyMembers } from '../resource-policies.ts'

export const PutResourcePolicy = operation({ name: 'PutResourcePolicy', input: { ...policyMembers, Policy: text().required.sensitive } })

export const putResourcePolicy = serve(
  PutResourcePolicy,
  { action: 'kinesis:PutResourcePolicy', access: { kind: 'demands', demand: (input, context) => policyDemand('alter', input.ResourceARN, context) } },
  handle,
)

async function handle(input: InputOf<typeof PutResourcePolicy>, context: Context): Promise<null | AwsError> {
  const holder = await policyHolder(input, { isChange: true }, context)
  if (holder instanceof AwsError) return holder
  const { access, actions, caller } = context
  const put = await access.putPolicy({ resource: input.ResourceARN, policy: input.Policy, topicId: holder.topicId, actions }, caller)
  if (!(put instanceof Refusal)) return null
  return put.code === 'invalid-request' ? invalidArgument(put.message) : toAwsError(put)
}
