// DescribeLimits. What of the account's quotas is used.
import { type OutputOf, integer, operation } from '../../wire/operation.ts'
import { allChannels } from '../channels.ts'
import { type Context, serve } from '../context.ts'
import { channelLimit, onDemandQuota, shardQuota } from '../quotas.ts'

export const DescribeLimits = operation({
  name: 'DescribeLimits',
  input: {},
  output: {
    ShardLimit: integer().required,
    OpenShardCount: integer().required,
    OnDemandStreamCount: integer().required,
    OnDemandStreamCountLimit: integer().required,
    ChannelCount: integer(),
    ChannelCountLimit: integer(),
  },
})

export const describeLimits = serve(DescribeLimits, { action: 'kinesis:DescribeLimits', access: { kind: 'account', operation: 'describe' } }, handle)

async function handle(_input: object, context: Context): Promise<OutputOf<typeof DescribeLimits>> {
  const topics = await context.admin.topics()
  const shards = shardQuota(topics, context)
  const onDemand = onDemandQuota(topics, context)
  return {
    ShardLimit: shards.limit,
    OpenShardCount: shards.used,
    OnDemandStreamCount: onDemand.used,
    OnDemandStreamCountLimit: onDemand.limit,
    ChannelCount: allChannels(context).length,
    ChannelCountLimit: channelLimit(context),
  }
}
