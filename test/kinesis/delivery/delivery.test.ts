// What channels deliver: which records, when, where and in which form; and that none is lost, whatever happens meanwhile.
import { describe, expect, it } from 'vitest'
import { channelMetrics } from '../../../src/kinesis/cloudwatch/metric-names.ts'
import { type Documents, Refusal } from '../../../src/ports.ts'
import type { DiskFile } from '../../../src/world/world.ts'
import { KmsKeys } from '../../../src/security/kms-keys.ts'
import { Prng } from '../../../src/base/prng.ts'
import { buildBatch } from '../../../src/wire/batch.ts'
import { SimDisk } from '../../sim/disk.ts'
import { memoryBackend } from '../../support/memory-backend.ts'
import { account, arn, random, region, TestClock } from '../support/kinesis.ts'
import { bucket, channelKinesis, type ChannelKinesis, directory, freshnessMs, madeChannel, onDemandStream, put, wanted } from '../support/channels.ts'

async function started(...how: Parameters<typeof wanted>): Promise<ChannelKinesis & { readonly channel: string }> {
  const kinesis = await channelKinesis()
  await onDemandStream(kinesis)
  return { ...kinesis, channel: await madeChannel(kinesis, ...how) }
}

/** All lines of all objects, sorted: shards are delivered side by side. */
function lines(kinesis: ChannelKinesis, prefix = 'archive/kinesis-channel/archive'): string[] {
  return Object.entries(kinesis.objects()).filter(([path]) => path.startsWith(prefix)).flatMap(([, text]) => text.split('\n').slice(0, -1)).toSorted()
}

const numbers = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, index) => String(from + index).padStart(3, '0'))
const unfinished = ({ disk }: ChannelKinesis): string[] => disk.files.filter(path => path.includes('.part') || path.endsWith('.ready'))

describe('a channel delivers', () => {
  it('what is put after it was made, once the oldest record is as old as the freshness allows, in one object', async () => {
    const kinesis = await channelKinesis()
    await onDemandStream(kinesis)
    await put(kinesis, ['"before"'])
    const [, id] = (await madeChannel(kinesis, 'archive')).split('channel/')
    await put(kinesis, ['1', '{"a": 2}'])
    const startMs = kinesis.clock.now()
    await kinesis.until(() => unfinished(kinesis).length === 1, 'something is begun')
    expect(kinesis.objects()).toEqual({})
    await put(kinesis, ['"last"'])
    await kinesis.until(() => Object.keys(kinesis.objects()).length === 1, 'an object')
    expect(kinesis.clock.now() - startMs).toBeGreaterThanOrEqual(freshnessMs)
    expect(kinesis.clock.now() - startMs).toBeLessThanOrEqual(freshnessMs + 10_000)
    expect(lines(kinesis)).toEqual(['"last"', '1', '{"a": 2}'])
    const [path] = Object.keys(kinesis.objects())
    const [date, time] = new Date(startMs).toISOString().split('T')
    const [hour, minute] = time!.split(':')
    expect(path).toMatch(new RegExp(`^archive/kinesis-channel/archive/${id}/${date!.replaceAll('-', '/')}/${hour}/archive-${id}-${date}-${hour}-${minute}-000000-[0-9a-f]{12}$`))
    expect(unfinished(kinesis)).toEqual([])
  })

  it.each([
    ['GZIP', 'STRING', '.gz', 'one\ntwo\n'], ['ZSTD', 'STRING', '.zst', 'one\ntwo\n'], ['NONE', 'BYTE_ARRAY', '', 'onetwo'], ['GZIP', 'JSON', '.gz', ''],
  ])('objects that are %s of %s records, as %j', async (CompressionType, format, extension, expected) => {
    const kinesis = await started('archive', {}, { CompressionType, OutputKeyTemplate: 'x/!{stream-name}!{extension}' }, format)
    for (const text of ['one', 'two']) {
      await kinesis.ok('PutRecord', { StreamName: 'orders', PartitionKey: 'same', Data: Buffer.from(text).toString('base64') })
      await kinesis.until(() => unfinished(kinesis).length === 1, 'a round')
    }
    await kinesis.until(() => Object.keys(kinesis.objects()).length === 1, 'an object')
    const [[path, text] = []] = Object.entries(kinesis.objects())
    if (expected === '') return expect(path).toMatch(/^archive\/kinesis-channel\/errors\//)
    expect([path, text]).toEqual([expect.stringMatching(new RegExp(`^archive/x/orders-000000-[0-9a-f]{12}${extension.replace('.', '\\.')}$`)), expected])
  })

  it('which records are not of its format, and why, to its dead letters', async () => {
    const dead = { BucketARN: 'arn:aws:s3:::graveyard', ExpectedBucketOwner: account, ErrorOutputPrefix: 'unfit/' }
    const storage = { BucketARN: bucket, ExpectedBucketOwner: account, CompressionType: 'GZIP' }
    const kinesis = await started('archive', { S3DestinationConfiguration: { StorageConfiguration: storage, DeadLetterQueueS3Configuration: dead } })
    await kinesis.ok('PutRecord', { StreamName: 'orders', PartitionKey: 'a', Data: Buffer.from('{"fit": true}').toString('base64') })
    const { SequenceNumber, ShardId } = await kinesis.ok<{ SequenceNumber: string; ShardId: string }>('PutRecord', { StreamName: 'orders', PartitionKey: 'b', Data: Buffer.from('{').toString('base64') })
    await kinesis.ok('PutRecord', { StreamName: 'orders', PartitionKey: 'b', Data: Buffer.from([0xff]).toString('base64') })
    const nowMs = kinesis.clock.now()
    await kinesis.until(() => Object.keys(kinesis.objects()).length === 2, 'two objects')
    expect(lines(kinesis)).toEqual(['{"fit": true}'])
    const [[path, text] = []] = Object.entries(kinesis.objects()).filter(([name]) => name.startsWith('graveyard/'))
    expect(path).toMatch(/^graveyard\/unfit\/2026\/11\/22\/12\/archive-.*\.json$/)
    const letters = text!.split('\n').slice(0, -1).map(line => JSON.parse(line) as Record<string, unknown>)
    expect(letters.map(letter => letter['errorMessage'])).toEqual(['The record is not valid JSON.', 'The record is not valid UTF-8.'])
    expect(letters[0]).toEqual({
      channelName: 'archive', channelId: kinesis.channel.split('channel/')[1], streamArn: arn('orders'), shardId: ShardId, sequenceNumber: SequenceNumber,
      approximateArrivalTimestamp: new Date(nowMs).toISOString(), errorCode: 'InvalidRecordFormat', errorMessage: 'The record is not valid JSON.',
    })
  })

  it('several objects where one would get too large', async () => {
    const clock = new TestClock()
    const kinesis = await channelKinesis({ clock })
    const { disk, backend } = kinesis
    kinesis.handler[Symbol.dispose]()
    const small = await channelKinesis({ clock, disk, backend, channels: { disk, directory, objectBytesMax: 5_000 } })
    await onDemandStream(small)
    await small.ok('CreateChannel', wanted('archive', {}, {}, 'STRING'))
    for (let round = 0; round < 5; round++) {
      await put(small, numbers(round * 20, round * 20 + 20).map(text => text + 'x'.repeat(100)))
      await small.until(() => unfinished(small).length > 0 || round > 1, 'a round')
    }
    await small.until(() => lines(small).length === 100, 'all of it')
    expect(new Set(lines(small)).size).toBe(100)
    const sizes = Object.values(small.objects()).map(text => text.length)
    expect(sizes.length).toBeGreaterThan(1)
    expect(Math.max(...sizes)).toBeLessThan(5_000 + 20 * 110)
  })

  it('sooner once it is told to, and logs what it does where it is told to', async () => {
    const storage = { BucketARN: bucket, ExpectedBucketOwner: account, CompressionType: 'NONE' }
    const kinesis = await started('archive', {
      S3DestinationConfiguration: { StorageConfiguration: storage, DataFreshnessInSeconds: 900 },
      LoggingConfiguration: { CloudWatchLogs: { Enabled: true, LogGroupName: '/mine/../x', LogStreamName: 'a/../b' } },
    })
    await put(kinesis, ['1', '{'])
    const startMs = kinesis.clock.now()
    await kinesis.until(() => kinesis.clock.now() - startMs > 400_000, 'time')
    expect(lines(kinesis)).toEqual([])
    await kinesis.ok('UpdateChannel', { ChannelARN: kinesis.channel, S3DestinationConfiguration: { DataFreshnessInSeconds: 300 } })
    await kinesis.until(() => lines(kinesis).length === 1, 'an object')
    await kinesis.until(() => kinesis.objects()['LOGS/mine/%2E%2E/x/a%2F..%2Fb.log']?.split('\n').length === 3, 'two lines')
    const logged = kinesis.objects()['LOGS/mine/%2E%2E/x/a%2F..%2Fb.log']!.split('\n').slice(0, -1).map(line => JSON.parse(line) as object)
    expect(logged).toMatchObject([{ level: 'INFO', event: 'object-delivered', channel: 'archive', records: 1, bytes: 2 }, { level: 'ERROR', event: 'records-failed', records: 1 }])
  })

  it('all shards by turns, also where one has more than a round takes', async () => {
    const kinesis = await started('archive', {}, {}, 'STRING')
    const { logs } = kinesis.backend
    const append = (partition: number): Promise<unknown> =>
      logs.append({ topic: 'orders', partition }, buildBatch([{ key: null, value: Buffer.from('x') }], { timestampMs: kinesis.clock.now() }), { acks: 'all', timeoutMs: 1_000 })
    for (let count = 0; count < 1_100; count++) await append(0)
    await append(1)
    const reads: number[] = []
    const { read } = logs
    logs.read = async (at, ...how) => {
      const slice = await read.call(logs, at, ...how)
      reads.push(at.partition)
      return slice instanceof Refusal ? slice : { ...slice, batches: slice.batches.slice(0, 1) }
    }
    await kinesis.until(() => lines(kinesis).length >= 1_101, 'all of it')
    // 64 pages of 16 reads.
    expect(reads.indexOf(1)).toBe(1_024)
  })

  it('its log also where names are longer than those of files', async () => {
    const logging = { CloudWatchLogs: { Enabled: true, LogGroupName: `${'g'.repeat(300)}/x`, LogStreamName: 's'.repeat(512) } }
    const kinesis = await started('archive', { LoggingConfiguration: logging })
    await put(kinesis, ['1'])
    const logs = (): string[] => Object.keys(kinesis.objects()).filter(path => path.startsWith('LOGS/'))
    await kinesis.until(() => logs().length === 1, 'a line')
    expect(Math.max(...logs()[0]!.split('/').map(name => name.length))).toBe(255)
  })

  it('nothing that was put before it was ACTIVE', async () => {
    const kinesis = await channelKinesis({ transitionMs: 20_000 })
    await onDemandStream(kinesis)
    kinesis.clock.advance(20_000)
    await kinesis.ok('CreateChannel', wanted('archive'))
    await put(kinesis, ['"creating"'])
    await kinesis.until(() => unfinished(kinesis).length === 0 && kinesis.clock.now() % 60_000 > 45_000, 'time')
    await put(kinesis, ['"active"'])
    await kinesis.until(() => lines(kinesis).length > 0, 'an object')
    expect(lines(kinesis)).toEqual(['"active"'])
  })

  it('the records of Kafka\'s producers, whatever times they give them', async () => {
    const kinesis = await channelKinesis()
    await onDemandStream(kinesis)
    await kinesis.backend.admin.alterConfigs({ type: 'topic', name: 'orders' }, [{ name: 'message.timestamp.type', operation: 'set', value: 'CreateTime' }], { validateOnly: false })
    await kinesis.ok('CreateChannel', wanted('archive'))
    for (const timestampMs of [5, kinesis.clock.now() + 86_400_000]) {
      await kinesis.backend.logs.append({ topic: 'orders', partition: 0 }, buildBatch([{ key: null, value: Buffer.from(String(timestampMs)) }], { timestampMs }), { acks: 'all', timeoutMs: 1_000 })
    }
    const startMs = kinesis.clock.now()
    await kinesis.until(() => lines(kinesis).length === 2, 'both')
    expect(kinesis.clock.now() - startMs).toBeLessThanOrEqual(freshnessMs + 10_000)
  })
})

describe('no record is lost', () => {
  it('where the server starts anew, and none comes twice that was delivered before', async () => {
    const first = await started('archive', {}, {}, 'STRING')
    const { disk, backend, clock } = first
    await put(first, numbers(0, 50))
    await first.until(() => lines(first).length === 50, 'the first object')
    await put(first, numbers(50, 100))
    await first.until(() => unfinished(first).length === 1, 'half of the second')
    first.handler[Symbol.dispose]()
    await put(first, numbers(100, 120))
    const second = await channelKinesis({ disk, backend, clock })
    await put(second, numbers(120, 150))
    await second.until(() => lines(second).length >= 150, 'all of it')
    expect(lines(second)).toEqual(numbers(0, 150))
    expect(unfinished(second)).toEqual([])
  })

  it('where power is cut right after an object has come to be', async () => {
    const kinesis = await started('archive', {}, {}, 'STRING')
    await put(kinesis, numbers(0, 50))
    await kinesis.until(() => kinesis.backend.documents.all('kinesis-delivery').length === 1, 'it is noted that it is delivered')
    const disk: SimDisk = kinesis.disk.crash(new Prng(1), 'nothing')
    const left = disk.files.filter(path => !path.endsWith('.part')).map(path => disk.contentOf(path).toString())
    expect(left.join('').split('\n').slice(0, -1).toSorted()).toEqual(numbers(0, 50))
  })

  it('or comes twice, wherever the process ends', async () => {
    const at: number[] = []
    for (let steps = 1; await endedAfter(steps); steps++) at.push(steps)
    expect(at.length).toBeGreaterThan(30)
  })

  it('where its key looks like the name of something unfinished', async () => {
    const first = await started('archive', {}, { OutputKeyTemplate: '.!{channel-id}.data' }, 'STRING')
    const { disk, backend, clock } = first
    const delivered = (): string[] => disk.files.filter(path => path.includes('.data-') && disk.contentOf(path).toString() === 'kept\n')
    await put(first, ['kept'])
    await first.until(() => delivered().length === 1 && unfinished(first).length === 0, 'an object')
    first.handler[Symbol.dispose]()
    const second = await channelKinesis({ disk, backend, clock })
    await put(second, ['more'])
    await second.until(() => unfinished(second).length === 1, 'something is begun')
    expect(delivered()).toHaveLength(1)
  })

  it('where its disk is not there for a while, although an object was set aside on it', async () => {
    const first = await started('archive', {}, {}, 'STRING')
    const { disk, backend, clock } = first
    await put(first, numbers(0, 10))
    await first.until(() => unfinished(first).length === 1, 'something is begun')
    const { rename } = disk
    disk.rename = async (from, to) => to.endsWith('.ready') ? rename.call(disk, from, to) : Promise.reject(new Error('it has ended'))
    await first.until(() => backend.documents.all('kinesis-delivery').length === 1, 'it is noted')
    first.handler[Symbol.dispose]()
    disk.rename = rename
    const empty = new SimDisk()
    const without = await channelKinesis({ disk: empty, backend, clock })
    const says = (): boolean => without.logger.lines.some(line => JSON.stringify(line).includes('bucket archive is gone: there is no directory /channels/archive'))
    await without.until(says, 'it says so')
    expect(empty.files).toEqual([])
    without.handler[Symbol.dispose]()
    const mounted = await channelKinesis({ disk, backend, clock })
    await mounted.until(() => lines(mounted).length >= 10, 'all of it')
    expect(lines(mounted)).toEqual(numbers(0, 10))
  })

  it('where it cannot be noted how far it is, nor do files pile up meanwhile', async () => {
    const clock = new TestClock()
    const backend = memoryBackend({ now: () => clock.now() })
    const { find, all, remove, put: keep } = backend.documents
    let failures = 0
    let isDown = true
    const documents: Documents = {
      find, all, remove,
      put: (document, version) => isDown && document.kind === 'kinesis-delivery' ? (failures++, Promise.reject(new Error('no quorum'))) : keep(document, version),
    }
    const kinesis = await channelKinesis({ clock, backend, documents })
    await onDemandStream(kinesis)
    await madeChannel(kinesis, 'archive', {}, {}, 'STRING')
    await put(kinesis, numbers(0, 20))
    await kinesis.until(() => failures > 9, 'it was tried often')
    expect(unfinished(kinesis).length).toBe(1)
    isDown = false
    await kinesis.until(() => lines(kinesis).length >= 20 && unfinished(kinesis).length === 0, 'all of it')
    expect(lines(kinesis)).toEqual(numbers(0, 20))
  })

  it.each(['write', 'sync'] as const)('where a %s fails: it is tried again', async operation => {
    const kinesis = await started('archive', {}, {}, 'STRING')
    kinesis.disk.fail(operation, operation === 'write' ? 'ENOSPC' : 'EIO')
    await put(kinesis, numbers(0, 50))
    await kinesis.until(() => lines(kinesis).length >= 50, 'all of it')
    expect(lines(kinesis)).toEqual(numbers(0, 50))
    expect(kinesis.logger.lines.filter(({ message }) => message === 'a channel could not deliver; it tries again')).toHaveLength(1)
  })

  it('where the stream is resharded: shards follow those whose place they took', async () => {
    const kinesis = await started('archive', {}, {}, 'STRING')
    await put(kinesis, numbers(0, 40))
    await kinesis.until(() => unfinished(kinesis).length === 1, 'it has begun')
    await kinesis.ok('UpdateAccountSettings', { MinimumThroughputBillingCommitment: { Status: 'ENABLED' } })
    await kinesis.ok('UpdateStreamWarmThroughput', { StreamARN: `arn:aws:kinesis:${region}:${account}:stream/orders`, WarmThroughputMiBps: 8 })
    const [topic] = await kinesis.backend.admin.topics(['orders'])
    expect(topic!.partitions.filter(({ seal }) => seal !== undefined).length).toBeGreaterThan(0)
    for (let round = 1; round < 5; round++) {
      await kinesis.ok('PutRecord', { StreamName: 'orders', PartitionKey: 'k0', Data: Buffer.from(`again ${round}`).toString('base64') })
      await put(kinesis, numbers(round * 40, round * 40 + 40))
    }
    await kinesis.until(() => lines(kinesis).length >= 204, 'all of it')
    expect(lines(kinesis)).toEqual([...numbers(0, 200), 'again 1', 'again 2', 'again 3', 'again 4'])
    // Records of one key keep their order.
    const order = Object.values(kinesis.objects()).join('').split('\n').filter(line => line === '000' || line.startsWith('again'))
    expect(order).toEqual(['000', 'again 1', 'again 2', 'again 3', 'again 4'])
  })

  it('where the stream\'s key is disabled for a while', async () => {
    const kinesis = await started('archive', {}, {}, 'STRING')
    const keys = new KmsKeys({ documents: kinesis.backend.documents, clock: kinesis.clock, random, region, account })
    const { id } = await keys.create({ alias: 'alias/orders' }) as { id: string }
    await kinesis.ok('StartStreamEncryption', { StreamName: 'orders', EncryptionType: 'KMS', KeyId: 'alias/orders' })
    await put(kinesis, numbers(0, 50))
    await keys.disable(id)
    const startMs = kinesis.clock.now()
    await kinesis.until(() => kinesis.clock.now() - startMs > 2 * freshnessMs, 'time')
    expect(lines(kinesis)).toEqual([])
    await keys.enable(id)
    await kinesis.until(() => lines(kinesis).length === 50, 'all of it')
  })

  it('but for those whose key is gone: then the channel is FAILED, and what lies before is delivered', async () => {
    const kinesis = await started('archive', {}, {}, 'STRING')
    const keys = new KmsKeys({ documents: kinesis.backend.documents, clock: kinesis.clock, random, region, account })
    const { id } = await keys.create({ alias: 'alias/orders' }) as { id: string }
    await put(kinesis, ['before'])
    await kinesis.until(() => unfinished(kinesis).length === 1, 'it is read')
    await kinesis.ok('StartStreamEncryption', { StreamName: 'orders', EncryptionType: 'KMS', KeyId: 'alias/orders' })
    await put(kinesis, ['never'])
    await kinesis.backend.documents.remove('kms-key', id, kinesis.backend.documents.find('kms-key', id)!.version)
    await kinesis.until(() => lines(kinesis).length > 0 && unfinished(kinesis).length === 0, 'it is over')
    expect(lines(kinesis)).toEqual(['before'])
    expect(await kinesis.ok('DescribeChannel', { ChannelARN: kinesis.channel })).toMatchObject({ ChannelDescription: {
      ChannelStatus: 'FAILED', ChannelStatusReason: expect.stringMatching(/^Records of shardId-\d+ in stream orders cannot be read any more: Key '.*' does not exist/) as string,
    } })
    expect(await kinesis.refused('UpdateChannel', { ChannelARN: kinesis.channel, S3DestinationConfiguration: { DataFreshnessInSeconds: 600 } })).toMatch(/not ACTIVE, instead in state FAILED$/)
    await kinesis.ok('DeleteChannel', { ChannelARN: kinesis.channel })
  })

  it('also what other shards have that was not read when one failed', async () => {
    const kinesis = await started('archive', {}, {}, 'STRING')
    const keys = new KmsKeys({ documents: kinesis.backend.documents, clock: kinesis.clock, random, region, account })
    const { id } = await keys.create({ alias: 'alias/orders' }) as { id: string }
    const one = (ExplicitHashKey: string, text: string): Promise<unknown> =>
      kinesis.ok('PutRecord', { StreamName: 'orders', PartitionKey: 'a', ExplicitHashKey, Data: Buffer.from(text).toString('base64') })
    await kinesis.ok('StartStreamEncryption', { StreamName: 'orders', EncryptionType: 'KMS', KeyId: 'alias/orders' })
    await one('0', 'never')
    await kinesis.ok('StopStreamEncryption', { StreamName: 'orders', EncryptionType: 'KMS', KeyId: 'alias/orders' })
    await one(String(2n ** 128n - 1n), 'readable')
    await kinesis.backend.documents.remove('kms-key', id, kinesis.backend.documents.find('kms-key', id)!.version)
    await kinesis.until(() => lines(kinesis).length > 0 && unfinished(kinesis).length === 0, 'it is over')
    expect(lines(kinesis)).toEqual(['readable'])
    expect(await kinesis.ok('DescribeChannel', { ChannelARN: kinesis.channel })).toMatchObject({ ChannelDescription: { ChannelStatus: 'FAILED' } })
  })

  it('and all of it is measured', async () => {
    const kinesis = await started('archive', {}, {}, 'STRING')
    await kinesis.ok('PutRecord', { StreamName: 'orders', PartitionKey: 'a', Data: Buffer.from([0xff]).toString('base64') })
    await put(kinesis, numbers(0, 10))
    await kinesis.until(() => lines(kinesis).length === 10 && unfinished(kinesis).length === 0, 'all of it')
    const { store } = kinesis.handler.metrics
    const figures = Object.fromEntries(Object.keys(channelMetrics).map(name => [name, store.named('AWS/Kinesis', name).map(({ series }) => series.total)]))
    expect(figures).toEqual({
      'DeliveryToS3.BytesIn': [31], 'DeliveryToS3.BytesProcessed': [31], 'DeliveryToS3.BytesOut': [40], 'DeliveryToS3.RecordCount': [11], 'DeliveryToS3.SuccessfulRecordCount': [10],
      'DeliveryToS3.FailedRecordCount': [1], 'DeliveryToS3.DeliverySuccess': [1], 'DeliveryToS3.DLQDeliverySuccess': [1], 'DeliveryToS3.DataFreshness': [expect.any(Number)],
    })
    const [{ dimensions } = { dimensions: [] }] = store.named('AWS/Kinesis', 'DeliveryToS3.RecordCount')
    expect(dimensions.map(({ name }) => name).toSorted()).toEqual(['ChannelId', 'ChannelName', 'StreamName'])
  })
})

/** A process whose disk and documents end with the `steps`-th thing that it does after its channel is made, and one that goes on. Whether it came so far. */
async function endedAfter(steps: number): Promise<boolean> {
  const clock = new TestClock()
  const disk = new SimDisk()
  const backend = memoryBackend({ now: () => clock.now() })
  let left = Infinity
  const step = (): void => { if (--left < 0) throw Object.assign(new Error('it has ended'), { code: 'EIO' }) }
  const mortal = <T extends object>(of: T, steps: readonly string[]): T => new Proxy(of, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      return async (...given: unknown[]): Promise<unknown> => {
        if (steps.includes(String(name))) step()
        const made = await (value as (...given: unknown[]) => Promise<unknown>).apply(target, given)
        return name === 'open' ? mortal(made as DiskFile, ['write', 'sync']) : made
      }
    },
  })
  const mortalDisk = mortal(disk, ['open', 'rename', 'remove', 'syncDirectory', 'makeDirectory'])
  const { find, all, remove, put: keep } = backend.documents
  const documents: Documents = {
    find, all, remove,
    async put(...given) {
      step()
      const kept = await keep(...given)
      step()
      return kept
    },
  }
  const first = await channelKinesis({ clock, backend, disk, documents, channels: { disk: mortalDisk, directory } })
  await onDemandStream(first)
  await madeChannel(first, 'archive', {}, {}, 'STRING')
  await first.ok('PutRecord', { StreamName: 'orders', PartitionKey: 'a', Data: Buffer.from([0xff]).toString('base64') })
  await put(first, numbers(0, 20))
  left = steps
  await first.until(() => left < 0 || lines(first).length >= 20, 'it has ended')
  const isEnded = left < 0
  first.handler[Symbol.dispose]()
  left = -1
  const survivor = disk.crash(new Prng(steps), 'some')
  const second = await channelKinesis({ clock, backend, disk: survivor })
  await put(second, numbers(20, 30))
  const letters = (): string[] => lines(second, 'archive/kinesis-channel/errors')
  await second.until(() => lines(second).length >= 30 && letters().length > 0 && unfinished(second).length === 0, `all of it, after ${steps}`)
  expect([lines(second), letters().length], `after ${steps}`).toEqual([numbers(0, 30), 1])
  second.handler[Symbol.dispose]()
  return isEnded
}

describe('delivery ends', () => {
  it('with its channel: what is delivered stays, what is not does not come any more', async () => {
    const kinesis = await started('archive', {}, {}, 'STRING')
    await put(kinesis, ['delivered'])
    await kinesis.until(() => lines(kinesis).length === 1, 'an object')
    await put(kinesis, ['too late'])
    await kinesis.until(() => unfinished(kinesis).length === 1, 'something is begun')
    await kinesis.ok('DeleteChannel', { ChannelARN: kinesis.channel })
    await kinesis.until(() => unfinished(kinesis).length === 0, 'it is gone')
    const startMs = kinesis.clock.now()
    await kinesis.until(() => kinesis.clock.now() - startMs > 2 * freshnessMs, 'time')
    expect(lines(kinesis)).toEqual(['delivered'])
    expect([...kinesis.backend.documents.all('kinesis-channel'), ...kinesis.backend.documents.all('kinesis-delivery')]).toEqual([])
  })

  it('where Kafka deletes the topic', async () => {
    const kinesis = await started('archive', {}, {}, 'STRING')
    await put(kinesis, ['x'])
    await kinesis.until(() => unfinished(kinesis).length === 1, 'something is begun')
    await kinesis.backend.admin.deleteTopic('orders')
    await kinesis.until(() => unfinished(kinesis).length === 0, 'it is gone')
    expect(kinesis.logger.lines.filter(({ level }) => level === 'error')).toEqual([])
  })
})
