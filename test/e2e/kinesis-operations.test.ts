// Every Kinesis operation on the engine itself, durable and replicated, as a started Sluice serves it.
import { KinesisClient } from '@aws-sdk/client-kinesis'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { operations } from '../../src/kinesis/operations/index.ts'
import { walk } from '../kinesis/support/happy-path.ts'
import { region } from '../kinesis/support/kinesis.ts'
import { sdkClient } from '../kinesis/support/sdk-client.ts'
import { startSluice } from '../support/sluice.ts'

it('every operation answers on a started Sluice', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-operations-'))
  await using sluice = await startSluice({ directory, settings: { 'kinesis.channels.directory': join(directory, 'channels') } })
  const client = new KinesisClient({ region, endpoint: `http://127.0.0.1:${sluice.ports.kinesis}`, credentials: { accessKeyId: 'test', secretAccessKey: 'test' }, maxAttempts: 1 })
  const served = operations.map(({ operation }) => operation.name)
  const { done, failures } = await walk(sdkClient(client), name => served.includes(name))
  client.destroy()
  expect(failures).toEqual([])
  expect(done.toSorted()).toEqual(served)
})
