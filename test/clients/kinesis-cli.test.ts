// The AWS CLI and boto3 against a started listener, where they are installed: HTTP/1.1, signatures over `host`, bodies hashed by the server.
import { execFile } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { operations } from '../../src/kinesis/operations/index.ts'
import { type KinesisServer, startKinesis } from '../../src/kinesis/server.ts'
import { newAccessKey } from '../../src/security/access-keys.ts'
import { botoClient, botoEnvironment, isInstalled } from '../kinesis/support/boto-client.ts'
import { walk } from '../kinesis/support/happy-path.ts'
import { random, realClock, testKinesis, type TestKinesis } from '../kinesis/support/kinesis.ts'

const run = promisify(execFile)

const hasCli = isInstalled('aws', '--version')
const hasBoto = isInstalled('python3', '-c', 'import boto3')
if (!hasCli) console.log('skipped: the AWS CLI is not installed (Debian: awscli)')
if (!hasBoto) console.log('skipped: boto3 is not installed (Debian: python3-boto3)')

let kinesis: TestKinesis
let server: KinesisServer
beforeAll(async () => {
  kinesis = await testKinesis({ clock: realClock })
  server = await startKinesis({ host: '127.0.0.1', port: 0, plain: true, handler: kinesis.handler, logger: kinesis.logger })
})
afterAll(() => server.close())

describe.skipIf(!hasCli)('the AWS CLI', () => {
  const aws = async (...args: string[]): Promise<unknown> => {
    const { stdout } = await run('aws', ['kinesis', ...args, '--endpoint-url', `http://127.0.0.1:${server.port}`, '--output', 'json'], { env: botoEnvironment() })
    return stdout === '' ? '' : JSON.parse(stdout)
  }

  test('creates a stream, puts and gets a record, and tells what is wrong', async () => {
    expect(await aws('create-stream', '--stream-name', 'cli', '--shard-count', '1')).toBe('')
    await aws('wait', 'stream-exists', '--stream-name', 'cli')
    expect(await aws('list-streams')).toMatchObject({ StreamNames: ['cli'] })
    // By file, because version 1 of the CLI takes text for --data and version 2 base64.
    const file = join(mkdtempSync(join(tmpdir(), 'sluice-cli-')), 'data')
    writeFileSync(file, 'hello')
    const put = await aws('put-record', '--stream-name', 'cli', '--partition-key', 'k', '--data', `fileb://${file}`) as { ShardId: string; SequenceNumber: string }
    const { ShardIterator } = await aws('get-shard-iterator', '--stream-name', 'cli', '--shard-id', put.ShardId, '--shard-iterator-type', 'AT_SEQUENCE_NUMBER',
      '--starting-sequence-number', put.SequenceNumber) as { ShardIterator: string }
    expect(await aws('get-records', '--shard-iterator', ShardIterator)).toMatchObject({ Records: [{ SequenceNumber: put.SequenceNumber, Data: Buffer.from('hello').toString('base64'), PartitionKey: 'k' }], MillisBehindLatest: 0 })
    await expect(aws('describe-stream', '--stream-name', 'absent')).rejects.toThrow(
      // Older versions say how often they tried.
      /\(ResourceNotFoundException\) when calling the DescribeStream operation(?: \(reached max retries: \d\))?: Stream absent under account 000000000000 not found\./,
    )
    expect(await aws('delete-stream', '--stream-name', 'cli')).toBe('')
  }, 120_000)
})

describe.skipIf(!hasBoto)('boto3', () => {
  test('signs with session credentials, and is told when they are expired', async () => {
    const list = `
import boto3, sys
from botocore.exceptions import ClientError
c = boto3.client('kinesis', endpoint_url=sys.argv[1])
try:
    c.list_streams()
    print('listed')
except ClientError as e:
    print(e.response['Error']['Code'] + ': ' + e.response['Error']['Message'])
`
    const ask = async (durationSeconds: number): Promise<string> => {
      const key = newAccessKey(random, { principal: { type: 'User', name: 'CN=bob' }, nowMs: Date.now(), durationSeconds })
      await kinesis.backend.accessKeys.add(key)
      const env = { ...botoEnvironment(), AWS_ACCESS_KEY_ID: key.id, AWS_SECRET_ACCESS_KEY: key.secret, AWS_SESSION_TOKEN: key.session!.token }
      return (await run('python3', ['-c', list, `http://127.0.0.1:${server.port}`], { env })).stdout.trimEnd()
    }
    expect(await ask(600)).toBe('listed')
    expect(await ask(-1)).toBe('ExpiredTokenException: The security token included in the request is expired')
  }, 120_000)

  const script = `
import boto3, datetime, sys
c = boto3.client('kinesis', endpoint_url=sys.argv[1])
c.create_stream(StreamName='boto', ShardCount=2)
c.get_waiter('stream_exists').wait(StreamName='boto')
shards = c.list_shards(StreamName='boto')['Shards']
assert [s['ShardId'] for s in shards] == ['shardId-000000000000', 'shardId-000000000001'], shards
sent = {b'r%d' % i for i in range(300)}
done = c.put_records(StreamName='boto', Records=[{'PartitionKey': d.decode(), 'Data': d} for d in sent])
assert done['FailedRecordCount'] == 0, done
got = set()
start = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
for s in shards:
    it = c.get_shard_iterator(StreamName='boto', ShardId=s['ShardId'], ShardIteratorType='AT_TIMESTAMP', Timestamp=start)['ShardIterator']
    while True:
        page = c.get_records(ShardIterator=it, Limit=100)
        for r in page['Records']:
            assert r['Data'].decode() == r['PartitionKey']
            assert abs((r['ApproximateArrivalTimestamp'] - datetime.datetime.now(datetime.timezone.utc)).total_seconds()) < 60
            got.add(r['Data'])
        it = page['NextShardIterator']
        if page['MillisBehindLatest'] == 0: break
assert got == sent
try:
    c.describe_stream(StreamName='absent')
    assert False
except c.exceptions.ResourceNotFoundException as e:
    assert e.response['Error']['Message'] == 'Stream absent under account 000000000000 not found.', e
print([p['StreamNames'] for p in c.get_paginator('list_streams').paginate()])
c.delete_stream(StreamName='boto')
print('done')
`
  test('writes and reads back what it wrote, by time', async () => {
    const { stdout } = await run('python3', ['-c', script, `http://127.0.0.1:${server.port}`], { env: botoEnvironment() })
    expect(stdout).toContain('\'boto\'')
    expect(stdout.trimEnd().endsWith('done')).toBe(true)
  }, 120_000)
  test('calls every operation it knows', async () => {
    using boto = botoClient(`http://127.0.0.1:${server.port}`)
    const known = JSON.parse(await boto.line()) as string[]
    const here = operations.map(({ operation }) => operation.name).filter(name => known.includes(name))
    const { done, failures, unsent } = await walk(boto.client, name => here.includes(name))
    for (const name of unsent) console.log(`skipped: this boto3 is older than a member of ${name}`)
    expect(failures).toEqual([])
    expect([...done, ...unsent].toSorted()).toEqual(here)
  })
})
