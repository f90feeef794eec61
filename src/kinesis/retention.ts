// How long a stream keeps its records: set in hours, counted from their arrival, in effect at once. Longer again does not bring back what was gone: that moment is kept
// with the stream's facts, since the log may still have the bytes.
import { Refusal, type Topic } from '../ports.ts'
import { integer } from '../wire/operation.ts'
import type { Context, Services } from './context.ts'
import { AwsError, invalidArgument, toAwsError } from './errors.ts'
import { activeStream } from './lifecycle.ts'
import { changeFacts, factsOf } from './stream-facts.ts'
import { type StreamSelector, streamArn, streamId, streamName } from './streams.ts'

const hourMs = 3_600_000
const hoursMin = 24
const hoursMax = 8_760

export const retentionMembers = { StreamName: streamName, RetentionPeriodHours: integer().required, StreamARN: streamArn, StreamId: streamId } as const

/** In milliseconds; Infinity for what Kafka keeps for ever. */
function retentionMs(topic: Topic, { admin }: Pick<Services, 'admin'>): number {
  const ms = Number(admin.config(topic, 'retention.ms'))
  return ms < 0 ? Infinity : ms
}

/** In whole hours, as Kinesis counts; what Kafka keeps for ever shows as the longest there is. */
export function retentionHours(topic: Topic, services: Pick<Services, 'admin'>): number {
  const ms = retentionMs(topic, services)
  return ms === Infinity ? hoursMax : Math.max(1, Math.floor(ms / hourMs))
}

/** What arrived before then has left the stream. Milliseconds since the epoch; -Infinity where nothing ever leaves it. */
export function trimHorizonMs(topic: Topic, nowMs: number, services: Pick<Services, 'admin' | 'documents'>): number {
  return Math.max(nowMs - retentionMs(topic, services), factsOf(topic, services).expiredBeforeMs ?? -Infinity)
}

/** Each direction has its operation, which refuses the other; the present value is no change to either. */
export async function changeRetention(
  direction: 'longer' | 'shorter', input: StreamSelector & { readonly RetentionPeriodHours: number }, context: Context,
): Promise<null | AwsError> {
  const topic = await activeStream(input, context)
  if (topic instanceof AwsError) return topic
  const hours = input.RetentionPeriodHours
  if (hours < hoursMin) return invalidArgument(`Minimum allowed retention period is ${hoursMin} hours. Requested retention period (${hours} hours) is too short.`)
  if (hours > hoursMax) return invalidArgument(`Maximum allowed retention period is ${hoursMax} hours. Requested retention period (${hours} hours) is too long.`)
  const present = retentionHours(topic, context)
  if (hours === present) return null
  if (hours < present !== (direction === 'shorter')) {
    const [than, api] = direction === 'longer' ? ['shorter', 'DecreaseRetentionPeriod'] : ['longer', 'IncreaseRetentionPeriod']
    return invalidArgument(`Requested retention period (${hours} hours) for stream ${topic.name} can not be ${than} than existing retention period ` +
      `(${present} hours). Use ${api} API.`)
  }
  return setRetention(topic, hours, direction, context)
}

async function setRetention(topic: Topic, hours: number, direction: 'longer' | 'shorter', context: Context): Promise<null | AwsError> {
  const horizonMs = trimHorizonMs(topic, context.clock.now(), context)
  // Kept before retention grows: in between, nothing may come back either.
  if (direction === 'longer' && horizonMs > topic.createdAtMs) {
    const refused = await changeFacts(topic, context, ({ expiredBeforeMs }) => ({ expiredBeforeMs: Math.max(horizonMs, expiredBeforeMs ?? -Infinity) }))
    if (refused !== null) return refused
  }
  const changes = [{ name: 'retention.ms', operation: 'set', value: String(hours * hourMs) }] as const
  const altered = await context.admin.alterConfigs({ type: 'topic', name: topic.name }, changes, { validateOnly: false })
  return altered instanceof Refusal ? toAwsError(altered) : null
}
