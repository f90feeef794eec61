import { describe, expect, test } from 'vitest'
import { channelArnOf, consumerArnOf, parseArn, streamArnOf } from '../../src/kinesis/arns.ts'

const place = { region: 'eu-west-1', account: '123456789012' }
const here = 'arn:aws:kinesis:eu-west-1:123456789012:'

describe('ARNs', () => {
  test.each([
    [streamArnOf('orders', place), { kind: 'stream', stream: 'orders' }],
    [consumerArnOf({ stream: 'orders', consumer: 'billing', createdAtSeconds: 1_790_000_000 }, place),
      { kind: 'consumer', stream: 'orders', consumer: 'billing', createdAtSeconds: 1_790_000_000 }],
    [channelArnOf('archive', place), { kind: 'channel', id: 'archive' }],
  ])('%s is read as it was written', (arn, parts) => {
    expect(parseArn(arn, 'ResourceARN', place)).toEqual(parts)
  })

  test.each([
    `${here}stream/`, `${here}stream/a/b`, `${here}stream/a/consumer/b`, `${here}stream/a/consumer/b:`, `${here}stream/a/consumer/b:1x`, `${here}stream/a/consumer/b:1/more`,
    `${here}xstream/a`, `${here}channel/a b`, `${here}stream/a\n`,
  ])('%j names nothing', arn => {
    expect(parseArn(arn, 'ResourceARN', place)).toMatchObject({ type: 'InvalidArgumentException' })
  })

  test.each(['arn:aws:kinesis:us-east-1:123456789012:stream/a', 'arn:aws:kinesis:eu-west-1:000000000000:stream/a', 'arn:aws-cn:kinesis:eu-west-1:123456789012:stream/a', 'x'])('%s is not of this place', arn => {
    expect(parseArn(arn, 'StreamARN', place)).toEqual(expect.objectContaining({
      type: 'ResourceNotFoundException', message: `StreamARN ${arn} is not of region eu-west-1 and account 123456789012.`,
    }))
  })
})
