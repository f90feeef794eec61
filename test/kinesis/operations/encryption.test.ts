// StartStreamEncryption and StopStreamEncryption: what a KeyId names, what records tell of the key they are under, and what becomes of them when it cannot be used.
import { describe, expect, it } from 'vitest'
import { KmsKeys, type KmsKey } from '../../../src/security/kms-keys.ts'
import { keyIdConfig, Refusal } from '../../../src/ports.ts'
import { account, arn as streamArnOf, random, region, TestClock, testAccess, testKinesis, type TestKinesis } from '../support/kinesis.ts'
import { subscribe } from '../support/subscriber.ts'

const StreamName = 'orders'
const kms = { EncryptionType: 'KMS' } as const
const ownKey = 'alias/aws/kinesis'
const dayMs = 86_400_000

interface Vault extends TestKinesis {
  readonly clock: TestClock
  readonly keys: KmsKeys
  /** A stream of one shard. */
  start(KeyId: string): Promise<unknown>
  put(text: string): Promise<{ EncryptionType?: string }>
  read(): Promise<[text: string, encryption: string | undefined][]>
  described(): Promise<Record<string, unknown>>
}

async function vault(options: Parameters<typeof testKinesis>[0] = {}): Promise<Vault> {
  const clock = new TestClock()
  const kinesis = await testKinesis({ clock, ...options })
  const keys = new KmsKeys({ documents: kinesis.backend.documents, clock, random, region, account })
  await kinesis.ok('CreateStream', { StreamName, ShardCount: 1 })
  clock.advance(options.transitionMs ?? 0)
  return {
    ...kinesis, clock, keys,
    start: KeyId => kinesis.ok('StartStreamEncryption', { StreamName, KeyId, ...kms }),
    put: text => kinesis.ok('PutRecord', putOf(text)),
    async read() {
      const { Records } = await kinesis.ok<{ Records: { Data: string; EncryptionType?: string }[] }>('GetRecords', { ShardIterator: await iterator(kinesis) })
      return Records.map(({ Data, EncryptionType }) => [Buffer.from(Data, 'base64').toString(), EncryptionType])
    },
    async described() {
      const { StreamDescription: all } = await kinesis.ok<{ StreamDescription: Record<string, unknown> }>('DescribeStream', { StreamName })
      const { StreamDescriptionSummary: short } = await kinesis.ok<{ StreamDescriptionSummary: Record<string, unknown> }>('DescribeStreamSummary', { StreamName })
      expect([short['EncryptionType'], short['KeyId'], short['StreamStatus']]).toEqual([all['EncryptionType'], all['KeyId'], all['StreamStatus']])
      return { EncryptionType: all['EncryptionType'], KeyId: all['KeyId'], StreamStatus: all['StreamStatus'] }
    },
  }
}

const putOf = (text: string) => ({ StreamName, PartitionKey: 'a', Data: Buffer.from(text).toString('base64') })

async function iterator({ ok }: TestKinesis): Promise<string> {
  const { ShardIterator } = await ok<{ ShardIterator: string }>('GetShardIterator', { StreamName, ShardId: 'shardId-000000000000', ShardIteratorType: 'TRIM_HORIZON' })
  return ShardIterator
}

function made(key: KmsKey | Refusal): KmsKey {
  if (key instanceof Refusal) throw new Error(key.message)
  return key
}

const arnOf = (resource: string): string => `arn:aws:kms:${region}:${account}:${resource}`

describe('a key is named', () => {
  it('by its id, an alias, the ARN of either; descriptions show the name that was given, and the topic the id', async () => {
    const { keys, start, described, backend } = await vault()
    const { id } = made(await keys.create({ alias: 'alias/orders/main' }))
    for (const KeyId of [id, arnOf(`key/${id}`), 'alias/orders/main', arnOf('alias/orders/main')]) {
      await start(KeyId)
      expect(await described()).toEqual({ EncryptionType: 'KMS', KeyId, StreamStatus: 'ACTIVE' })
      expect((await backend.admin.topics([StreamName]))[0]!.configs.get(keyIdConfig)).toBe(id)
    }
  })

  it('as Kinesis\'s own, which is always there and one', async () => {
    const { keys, start, put, described } = await vault()
    expect(keys.all()).toEqual([])
    await start(ownKey)
    await start(arnOf(ownKey))
    expect(keys.all()).toMatchObject([{ aliases: [ownKey], isManaged: true, state: 'Enabled' }])
    expect(await put('a')).toMatchObject({ EncryptionType: 'KMS' })
    expect(await described()).toMatchObject({ KeyId: arnOf(ownKey) })
  })

  it('by its id where the topic was given it through another door', async () => {
    const { keys, backend, put, described } = await vault()
    const { id } = made(await keys.create({}))
    await backend.admin.alterConfigs({ type: 'topic', name: StreamName }, [{ name: keyIdConfig, operation: 'set', value: id }], { validateOnly: false })
    expect(await described()).toMatchObject({ EncryptionType: 'KMS', KeyId: id })
    expect(await put('a')).toMatchObject({ EncryptionType: 'KMS' })
  })

  it('and otherwise refused in KMS\'s words, and nothing is changed', async () => {
    const { keys, refused, described } = await vault()
    const gone = '0fc7a1c2-52a6-4b0a-8f5b-6f1f4cbbd0aa'
    const disabled = made(await keys.create({ alias: 'alias/disabled' }))
    await keys.disable(disabled.id)
    const doomed = made(await keys.create({}))
    await keys.scheduleDeletion(doomed.id, 7)
    const because = 'because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access'
    const faults: Record<string, string> = {
      [gone]: `KMSNotFoundException: Key '${arnOf(`key/${gone}`)}' does not exist`,
      [arnOf('key/mine')]: `KMSNotFoundException: Key '${arnOf('key/mine')}' does not exist`,
      'alias/none': `KMSNotFoundException: Alias ${arnOf('alias/none')} is not found.`,
      [arnOf('alias/none')]: `KMSNotFoundException: Alias ${arnOf('alias/none')} is not found.`,
      'my key': 'KMSNotFoundException: Invalid keyId \'my key\'',
      'arn:aws:s3:::bucket': 'KMSNotFoundException: Invalid arn arn:aws:s3:::bucket',
      [`arn:aws:kms:eu-west-1:${account}:key/${gone}`]: 'KMSNotFoundException: Invalid arn eu-west-1',
      [`arn:aws:kms:${region}:999999999999:key/${gone}`]: `KMSAccessDeniedException: User: arn:aws:iam::${account}:user/CN=alice is not authorized to perform: kms:DescribeKey `
        + `on resource: arn:aws:kms:${region}:999999999999:key/${gone} ${because}`,
      'alias/disabled': `KMSDisabledException: ${arnOf(`key/${disabled.id}`)} is disabled.`,
      [doomed.id]: `KMSInvalidStateException: ${arnOf(`key/${doomed.id}`)} is pending deletion.`,
    }
    for (const [KeyId, fault] of Object.entries(faults)) expect(await refused('StartStreamEncryption', { StreamName, KeyId, ...kms })).toBe(fault)
    expect(await refused('StartStreamEncryption', { StreamName, KeyId: ownKey, EncryptionType: 'NONE' }))
      .toBe('InvalidArgumentException: EncryptionType NONE is not valid for this operation. The only valid value is KMS.')
    expect(await described()).toEqual({ EncryptionType: 'NONE', KeyId: undefined, StreamStatus: 'ACTIVE' })
  })

  it('only by who may see keys; Kinesis\'s own by everybody who may change the stream', async () => {
    let mayDescribe = false
    const access = testAccess((_who, operation, type) => type === 'topic' || (operation === 'describe' && mayDescribe) || operation === 'create')
    const { keys, refused, start } = await vault({ access })
    const { id } = made(await keys.create({ alias: 'alias/orders' }))
    const denied = (key: string): string => `KMSAccessDeniedException: User: arn:aws:iam::${account}:user/CN=alice is not authorized to perform: kms:DescribeKey on resource: ${key} `
      + 'because no identity-based policy allows the kms:DescribeKey action'
    // The same for what is there and what is not.
    for (const KeyId of [id, 'alias/orders', 'alias/none']) expect(await refused('StartStreamEncryption', { StreamName, KeyId, ...kms })).toBe(denied(KeyId))
    await start(ownKey)
    mayDescribe = true
    await start('alias/orders')
  })

  it('by nobody who may not change the stream', async () => {
    const { refused } = await vault({ access: testAccess((_who, operation) => operation !== 'alter-configs') })
    for (const operation of ['StartStreamEncryption', 'StopStreamEncryption']) {
      expect(await refused(operation, { StreamName, KeyId: 'alias/none', ...kms })).toMatch(/^AccessDeniedException: .*is not authorized to perform: kinesis:St(art|op)StreamEncryption/)
    }
  })
})

describe('records', () => {
  it('are under the key that their stream had when they were put, whatever it has when they are read', async () => {
    const { ok, keys, start, put, read } = await vault()
    const { id } = made(await keys.create({}))
    expect(await put('plain')).not.toHaveProperty('EncryptionType')
    await start(ownKey)
    expect(await put('a')).toMatchObject({ EncryptionType: 'KMS' })
    await start(id)
    const entries = ['b', 'c'].map(text => ({ PartitionKey: 'a', Data: Buffer.from(text).toString('base64') }))
    expect(await ok('PutRecords', { StreamName, Records: entries })).toMatchObject({ EncryptionType: 'KMS', FailedRecordCount: 0 })
    await ok('StopStreamEncryption', { StreamName, KeyId: id, ...kms })
    expect(await ok('PutRecords', { StreamName, Records: entries.slice(0, 1) })).not.toHaveProperty('EncryptionType')
    expect(await read()).toEqual([['plain', undefined], ['a', 'KMS'], ['b', 'KMS'], ['c', 'KMS'], ['b', undefined]])
  })

  it('are encrypted from the answer on, while the stream still shows UPDATING and may not be changed', async () => {
    const { clock, refused, start, put, described, ok } = await vault({ transitionMs: 500 })
    await start(ownKey)
    expect(await described()).toEqual({ EncryptionType: 'KMS', KeyId: ownKey, StreamStatus: 'UPDATING' })
    expect(await put('a')).toMatchObject({ EncryptionType: 'KMS' })
    const inUse = `ResourceInUseException: Stream orders under account ${account} not ACTIVE, instead in state UPDATING`
    for (const operation of ['StartStreamEncryption', 'StopStreamEncryption']) expect(await refused(operation, { StreamName, KeyId: ownKey, ...kms })).toBe(inUse)
    clock.advance(500)
    await ok('StopStreamEncryption', { StreamName, KeyId: ownKey, ...kms })
    expect(await described()).toEqual({ EncryptionType: 'NONE', KeyId: undefined, StreamStatus: 'UPDATING' })
    expect(await put('b')).not.toHaveProperty('EncryptionType')
  })

  it('neither come nor go while their key is disabled or pending deletion, and do again once it is enabled', async () => {
    const kinesis = await vault()
    const { keys, start, put, read, refused } = kinesis
    const { id } = made(await keys.create({}))
    await start(id)
    await put('a')
    const arn = arnOf(`key/${id}`)
    const barred = async (fault: string): Promise<void> => {
      expect(await refused('PutRecord', putOf('b'))).toBe(fault)
      expect(await refused('PutRecords', { StreamName, Records: [{ PartitionKey: 'a', Data: '' }, { PartitionKey: 'b', Data: '' }] })).toBe(fault)
      expect(await refused('GetRecords', { ShardIterator: await iterator(kinesis) })).toBe(fault)
    }
    await keys.disable(id)
    await barred(`KMSDisabledException: ${arn} is disabled.`)
    await keys.scheduleDeletion(id, 7)
    await barred(`KMSInvalidStateException: ${arn} is pending deletion.`)
    await keys.cancelDeletion(id)
    await barred(`KMSDisabledException: ${arn} is disabled.`)
    await keys.enable(id)
    await put('c')
    expect(await read()).toEqual([['a', 'KMS'], ['c', 'KMS']])
  })

  it('are lost with their key when its days are over; the stream goes on without it', async () => {
    const kinesis = await vault()
    const { keys, clock, start, put, refused, ok, logger } = kinesis
    using _watch = keys.watch({ logger })
    const { id } = made(await keys.create({ alias: 'alias/orders' }))
    await start('alias/orders')
    await put('a')
    await keys.scheduleDeletion(id, 7)
    clock.advance(7 * dayMs - 1)
    await expect.poll(() => keys.get(id)?.state).toBe('PendingDeletion')
    clock.advance(120_000)
    await expect.poll(() => keys.get(id)).toBeUndefined()
    const fault = `KMSNotFoundException: Key '${arnOf(`key/${id}`)}' does not exist`
    expect(await refused('PutRecord', putOf('b'))).toBe(fault)
    expect(await refused('GetRecords', { ShardIterator: await iterator(kinesis) })).toBe(fault)
    expect(await refused('StartStreamEncryption', { StreamName, KeyId: 'alias/orders', ...kms })).toBe(`KMSNotFoundException: Alias ${arnOf('alias/orders')} is not found.`)
    await ok('StopStreamEncryption', { StreamName, KeyId: 'alias/orders', ...kms })
    expect(await put('c')).not.toHaveProperty('EncryptionType')
  })

  it('before those that cannot be had are given first', async () => {
    const kinesis = await vault()
    const { keys, start, put, read, ok, refused } = kinesis
    const { id } = made(await keys.create({}))
    await put('plain')
    await start(id)
    await put('a')
    await keys.disable(id)
    expect(await read()).toEqual([['plain', undefined]])
    const { NextShardIterator } = await ok<{ NextShardIterator: string }>('GetRecords', { ShardIterator: await iterator(kinesis) })
    expect(await refused('GetRecords', { ShardIterator: NextShardIterator })).toMatch(/^KMSDisabledException: /)
    await keys.enable(id)
    expect(await ok('GetRecords', { ShardIterator: NextShardIterator })).toMatchObject({ Records: [{ EncryptionType: 'KMS' }] })
  })

  it('are pushed to subscribers in the same manner, and what cannot be had ends a subscription', async () => {
    const kinesis = await vault()
    const { keys, start, put, ok } = kinesis
    const { id } = made(await keys.create({}))
    const { Consumer: { ConsumerARN } } = await ok<{ Consumer: { ConsumerARN: string } }>('RegisterStreamConsumer', { StreamARN: streamArnOf(StreamName), ConsumerName: 'c' })
    const subscriber = await subscribe(kinesis, { ConsumerARN, ShardId: '0', StartingPosition: { Type: 'TRIM_HORIZON' } })
    await subscriber.event()
    await start(id)
    await put('a')
    expect((await subscriber.event()).Records).toMatchObject([{ EncryptionType: 'KMS' }])
    await ok('StopStreamEncryption', { StreamName, KeyId: id, ...kms })
    await put('plain')
    expect((await subscriber.event()).Records).toEqual([expect.not.objectContaining({ EncryptionType: 'KMS' })])
    subscriber.close()
    await keys.disable(id)
    const next = await subscribe(kinesis, { ConsumerARN, ShardId: '0', StartingPosition: { Type: 'TRIM_HORIZON' } })
    expect(await next.exception()).toBe(`KMSDisabledException: ${arnOf(`key/${id}`)} is disabled.`)
  })
})

describe('how often', () => {
  it('a stream is given a key, or none, is 25 times in 24 hours each', async () => {
    const { clock, refused, start, ok } = await vault({ profile: 'aws' })
    for (let time = 0; time < 25; time++) {
      await start(ownKey)
      await ok('StopStreamEncryption', { StreamName, KeyId: ownKey, ...kms })
    }
    for (const operation of ['StartStreamEncryption', 'StopStreamEncryption']) expect(await refused(operation, { StreamName, KeyId: ownKey, ...kms })).toMatch(/^LimitExceededException: /)
    clock.advance(dayMs)
    await start(ownKey)
  })
})
