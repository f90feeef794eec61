// ARNs of what Kinesis has: how they are written, what is in one, and the members of requests that carry them. Only what is of this place can be there: an ARN of
// another region or account is not found, before anything is looked up.
//   arn:aws:kinesis:R:N:stream/S · arn:aws:kinesis:R:N:stream/S/consumer/C:<epoch seconds> · arn:aws:kinesis:R:N:channel/<id>
import { text } from '../wire/operation.ts'
import { AwsError, invalidArgument, notFound, type Place } from './errors.ts'

export const namePattern = '[a-zA-Z0-9_.-]+'

// ------------------------------------------------------------------------------------------------------- members

export const streamArn = text().pattern('arn:aws.*:kinesis:.*:\\d{12}:stream/\\S+').minLength(1).maxLength(2048)
export const consumerArn = text().pattern('^(arn):aws.*:kinesis:.*:\\d{12}:.*stream\\/[a-zA-Z0-9_.-]+\\/consumer\\/[a-zA-Z0-9_.-]+:[0-9]+').minLength(1).maxLength(2048)
export const channelArn = text().pattern('arn:aws.*:kinesis:.*:\\d{12}:channel/\\S+').minLength(1).maxLength(2048)
/** Of a stream, a consumer or a channel. */
export const resourceArn = text().pattern('arn:aws.*:kinesis:.*:\\d{12}:.*(stream|channel)/\\S+').minLength(1).maxLength(2048)

// ------------------------------------------------------------------------------------------------ writing, reading

export interface ConsumerName {
  readonly stream: string
  readonly consumer: string
  /** When it was registered, in seconds since the epoch: what tells it from an earlier one of its name. */
  readonly createdAtSeconds: number
}

export type ArnParts =
  | { readonly kind: 'stream'; readonly stream: string }
  | { readonly kind: 'consumer' } & ConsumerName
  | { readonly kind: 'channel'; readonly id: string }

export function streamArnOf(name: string, place: Place): string {
  return `${prefix(place)}stream/${name}`
}

export function consumerArnOf({ stream, consumer, createdAtSeconds }: ConsumerName, place: Place): string {
  return `${consumerPath({ stream, consumer }, place)}:${createdAtSeconds}`
}

/** The ARN but for what tells a consumer from an earlier one of its name. */
export function consumerPath({ stream, consumer }: Omit<ConsumerName, 'createdAtSeconds'>, place: Place): string {
  return `${streamArnOf(stream, place)}/consumer/${consumer}`
}

export function channelArnOf(id: string, place: Place): string {
  return `${prefix(place)}channel/${id}`
}

const streamResource = new RegExp(`^stream/(${namePattern})$`)
const consumerResource = new RegExp(`^stream/(${namePattern})/consumer/(${namePattern}):(\\d{1,15})$`)
const channelResource = /^channel\/(\S+)$/

/** What an ARN names, whether it is there or not. `member`: what the request calls it, for the texts. */
export function parseArn(arn: string, member: string, place: Place): ArnParts | AwsError {
  if (!arn.startsWith(prefix(place))) return notFound(`${member} ${arn} is not of region ${place.region} and account ${place.account}.`)
  const resource = arn.slice(prefix(place).length)
  const stream = streamResource.exec(resource)?.[1]
  if (stream !== undefined) return { kind: 'stream', stream }
  const [, streamOfConsumer, consumer, seconds] = consumerResource.exec(resource) ?? []
  if (streamOfConsumer !== undefined) return { kind: 'consumer', stream: streamOfConsumer, consumer: consumer!, createdAtSeconds: Number(seconds) }
  const id = channelResource.exec(resource)?.[1]
  if (id !== undefined) return { kind: 'channel', id }
  return invalidArgument(`${member} ${arn} is not the ARN of a stream, a consumer or a channel.`)
}

function prefix({ region, account }: Place): string {
  return `arn:aws:kinesis:${region}:${account}:`
}
