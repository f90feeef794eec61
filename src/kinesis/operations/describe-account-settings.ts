// DescribeAccountSettings. The account's commitment to a minimum of billed throughput.
import { type OutputOf, operation } from '../../wire/operation.ts'
import { commitmentOf, commitmentShape } from '../account.ts'
import { type Context, serve } from '../context.ts'

export const DescribeAccountSettings = operation({
  name: 'DescribeAccountSettings',
  input: {},
  output: { MinimumThroughputBillingCommitment: commitmentShape },
})

export const describeAccountSettings = serve(
  DescribeAccountSettings,
  { action: 'kinesis:DescribeAccountSettings', access: { kind: 'account', operation: 'describe' } },
  handle,
)

async function handle(_input: object, context: Context): Promise<OutputOf<typeof DescribeAccountSettings>> {
  return { MinimumThroughputBillingCommitment: commitmentOf(context) }
}
