// UpdateAccountSettings. Begins or ends the account's commitment; one that has not lasted a day ends as soon as it has.
import { type InputOf, type OutputOf, oneOf, operation, structure } from '../../wire/operation.ts'
import { commit, commitmentOf, commitmentShape } from '../account.ts'
import { type Context, serve } from '../context.ts'
import type { AwsError } from '../errors.ts'

export const UpdateAccountSettings = operation({
  name: 'UpdateAccountSettings',
  input: { MinimumThroughputBillingCommitment: structure({ Status: oneOf('ENABLED', 'DISABLED').required }).required },
  output: { MinimumThroughputBillingCommitment: commitmentShape },
})

export const updateAccountSettings = serve(
  UpdateAccountSettings,
  { action: 'kinesis:UpdateAccountSettings', access: { kind: 'account', operation: 'alter' } },
  handle,
)

async function handle(input: InputOf<typeof UpdateAccountSettings>, context: Context): Promise<OutputOf<typeof UpdateAccountSettings> | AwsError> {
  const refused = await commit(input.MinimumThroughputBillingCommitment.Status, context)
  return refused ?? { MinimumThroughputBillingCommitment: commitmentOf(context) }
}
