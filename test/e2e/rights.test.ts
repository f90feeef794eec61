// Rights at the Kinesis API as an administrator gives and takes them, over restarts: temporary keys, resource policies, the administrator's own key.
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import {
  CreateStreamCommand, DeleteResourcePolicyCommand, GetResourcePolicyCommand, KinesisClient, ListTagsForResourceCommand, PutRecordCommand, PutResourcePolicyCommand, TagResourceCommand,
} from '@aws-sdk/client-kinesis'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startSluice, type RunningSluice } from '../support/sluice.ts'

const root = join(import.meta.dirname, '..', '..')
const run = promisify(execFile)
const streamArn = 'arn:aws:kinesis:us-east-1:000000000000:stream/orders'
const bobArn = 'arn:aws:iam::000000000000:user/CN=bob'
const policy = JSON.stringify({ Version: '2012-10-17', Statement: [{ Sid: 'LetBob', Effect: 'Allow', Principal: { AWS: bobArn }, Action: 'kinesis:PutRecord', Resource: streamArn }] })

interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

let directory: string
let sluice: RunningSluice

const start = async (): Promise<void> => { sluice = await startSluice({ dev: false, directory }) }

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-rights-'))
  await start()
}, 60_000)

afterAll(async () => {
  await sluice?.[Symbol.asyncDispose]()
  await rm(directory, { recursive: true, force: true })
})

async function cli(...args: string[]): Promise<string> {
  const where = ['--gateway', `https://localhost:${sluice.ports.gateway}`, '--certs-dir', sluice.certificatesDirectory]
  return (await run(process.execPath, [join(root, 'src/cli/sluice.ts'), ...args, ...where], { cwd: root })).stdout
}

/** One call with a client of its own, for a server that may have another port by now. */
async function send<T>(credentials: Credentials, call: (client: KinesisClient) => Promise<T>): Promise<T> {
  const ca = await readFile(join(sluice.certificatesDirectory, 'ca.pem'))
  const client = new KinesisClient({
    region: 'us-east-1', endpoint: `https://localhost:${sluice.ports.kinesis}`, credentials, maxAttempts: 1, requestHandler: { disableConcurrentStreams: true, nodeHttp2ConnectOptions: { ca } },
  })
  try {
    return await call(client)
  } finally {
    client.destroy()
  }
}

const put = (credentials: Credentials) => send(credentials, client => client.send(new PutRecordCommand({ StreamName: 'orders', PartitionKey: 'k', Data: Buffer.from('x') })))

async function adminCredentials(): Promise<Credentials> {
  const text = await readFile(join(sluice.certificatesDirectory, 'admin.aws'), 'utf8')
  const value = (name: string): string => new RegExp(`${name} = (\\S+)`).exec(text)![1]!
  return { accessKeyId: value('aws_access_key_id'), secretAccessKey: value('aws_secret_access_key') }
}

it('lets a temporary key do what a policy says, over a restart, and keeps a deleted administrator\'s key away', async () => {
  const admin = await adminCredentials()
  await send(admin, client => client.send(new CreateStreamCommand({ StreamName: 'orders', ShardCount: 1 })))
  const key = JSON.parse(await cli('access-keys', 'create', 'User:CN=bob', '--duration', '1h', '--json')) as { id: string; secret: string; sessionToken: string }
  const bob = { accessKeyId: key.id, secretAccessKey: key.secret, sessionToken: key.sessionToken }
  await expect(put(bob)).rejects.toMatchObject({ name: 'AccessDeniedException', message: expect.stringContaining(`User: ${bobArn} is not authorized to perform: kinesis:PutRecord on resource: ${streamArn}`) })

  await send(admin, client => client.send(new PutResourcePolicyCommand({ ResourceARN: streamArn, Policy: policy })))
  await send(admin, client => client.send(new TagResourceCommand({ ResourceARN: streamArn, Tags: { team: 'tea' } })))
  expect((await put(bob)).SequenceNumber).toMatch(/^\d{56}$/)

  await cli('access-keys', 'delete', admin.accessKeyId)
  const unknown = { name: 'UnrecognizedClientException' }
  await expect(put(admin)).rejects.toMatchObject(unknown)
  const second = JSON.parse(await cli('access-keys', 'create', 'User:CN=admin', '--json')) as { id: string; secret: string }
  await sluice.stop()
  await start()
  // The file still holds the key that was deleted.
  expect((await adminCredentials()).accessKeyId).toBe(admin.accessKeyId)
  await expect(put(admin)).rejects.toMatchObject(unknown)
  expect((await put(bob)).ShardId).toBe('shardId-000000000000')
  await expect(put({ accessKeyId: bob.accessKeyId, secretAccessKey: bob.secretAccessKey })).rejects.toMatchObject(unknown)

  const again = { accessKeyId: second.id, secretAccessKey: second.secret }
  expect((await send(again, client => client.send(new GetResourcePolicyCommand({ ResourceARN: streamArn })))).Policy).toBe(policy)
  expect((await send(again, client => client.send(new ListTagsForResourceCommand({ ResourceARN: streamArn })))).Tags).toEqual([{ Key: 'team', Value: 'tea' }])
  await send(again, client => client.send(new DeleteResourcePolicyCommand({ ResourceARN: streamArn })))
  await expect(put(bob)).rejects.toMatchObject({ name: 'AccessDeniedException' })

  const audit = (await readFile(join(sluice.dataDirectory, 'audit.log'), 'utf8')).split('\n').filter(line => line !== '').map(line => JSON.parse(line) as Record<string, string>)
  expect(audit.filter(line => line['kind'] === 'authority').map(line => [line['operation'], line['resource']])).toEqual([['put-resource-policy', streamArn], ['delete-resource-policy', streamArn]])
  expect(audit).toContainEqual(expect.objectContaining({ outcome: 'allowed', principal: 'User:CN=bob', operation: 'kinesis:PutRecord', reason: 'allowed by the statement LetBob of its policy, and by no ACL' }))
  const told = JSON.stringify(audit)
  for (const hidden of [bob.secretAccessKey, bob.sessionToken, again.secretAccessKey]) expect(told).not.toContain(hidden)
}, 120_000)
