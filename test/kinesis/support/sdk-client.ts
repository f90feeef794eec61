// The AWS SDK for JavaScript as a client that makes calls by name.
import * as sdk from '@aws-sdk/client-kinesis'
import { Time } from '../model/oracle.ts'
import { mapped } from './forms.ts'
import type { Client } from './happy-path.ts'

type AnyCommand = new (input: unknown) => sdk.ListStreamsCommand

export function sdkClient(client: sdk.KinesisClient): Client {
  return async (operation, input) => {
    const Command = (sdk as unknown as Record<string, AnyCommand>)[`${operation}Command`]
    if (Command === undefined) throw new Error(`the SDK has no ${operation}Command`)
    const answer = await client.send(new Command(mapped(input, one => (one instanceof Time ? new Date(one.ms) : one)))) as unknown as Record<string, unknown>
    return operation === 'SubscribeToShard' ? await firstEvent(answer) : answer
  }
}

/** The first event that brings records; then it reads no more. */
async function firstEvent(answer: Record<string, unknown>): Promise<Record<string, unknown>> {
  for await (const { SubscribeToShardEvent: event } of answer['EventStream'] as AsyncIterable<{ SubscribeToShardEvent?: Record<string, unknown> }>) {
    if (((event?.['Records'] as unknown[] | undefined)?.length ?? 0) > 0) return event!
  }
  throw new Error('the stream ended without an event')
}
