// CloudWatch's clients against the Kinesis endpoint: the JavaScript SDK in each of the protocols that SDKs speak, the AWS CLI and boto3 where they are installed.
import {
  CloudWatchClient, type CloudWatchClientConfig, GetMetricDataCommand, GetMetricStatisticsCommand, ListMetricsCommand, PutMetricDataCommand, paginateListMetrics,
} from '@aws-sdk/client-cloudwatch'
import { KinesisClient, CreateStreamCommand, EnableEnhancedMonitoringCommand, PutRecordsCommand } from '@aws-sdk/client-kinesis'
import { AwsQueryProtocol, AwsSmithyRpcV2CborProtocol } from '@aws-sdk/core/protocols'
import { execFile, execFileSync } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type KinesisServer, startKinesis } from '../../src/kinesis/server.ts'
import { accessKeyId, realClock, region, secretAccessKey, testKinesis } from '../kinesis/support/kinesis.ts'

const run = promisify(execFile)
const credentials = { accessKeyId, secretAccessKey }
const minuteMs = 60_000

let server: KinesisServer
let putAtMs: number
beforeAll(async () => {
  const { handler, logger } = await testKinesis({ clock: realClock })
  server = await startKinesis({ host: '127.0.0.1', port: 0, plain: true, handler, logger })
  const kinesis = new KinesisClient({ region, credentials, endpoint: endpoint() })
  await kinesis.send(new CreateStreamCommand({ StreamName: 'orders', ShardCount: 2 }))
  await kinesis.send(new EnableEnhancedMonitoringCommand({ StreamName: 'orders', ShardLevelMetrics: ['ALL'] }))
  putAtMs = Date.now()
  await kinesis.send(new PutRecordsCommand({ StreamName: 'orders', Records: [1, 2, 3].map(at => ({ PartitionKey: `k${at}`, Data: Buffer.alloc(98) })) }))
  kinesis.destroy()
})
afterAll(() => server.close())

const endpoint = (): string => `http://127.0.0.1:${server.port}`
/** From the minute of the put to the one after the next. */
const around = (): { StartTime: Date; EndTime: Date } => ({ StartTime: new Date(putAtMs), EndTime: new Date(putAtMs + 2 * minuteMs) })
const ofStream = [{ Name: 'StreamName', Value: 'orders' }]

const protocols: Record<string, Pick<CloudWatchClientConfig, 'protocol'>> = {
  'its default protocol (AWS JSON 1.0)': {},
  'Smithy RPC v2 CBOR': { protocol: AwsSmithyRpcV2CborProtocol },
  'AWS Query': { protocol: AwsQueryProtocol },
}

describe.each(Object.entries(protocols))('the SDK in %s', (protocol, config) => {
  const client = (more: Partial<CloudWatchClientConfig> = {}): CloudWatchClient => new CloudWatchClient({ region, credentials, endpoint: endpoint(), maxAttempts: 1, ...config, ...more })
  const namespace = `Clients/${Object.keys(protocols).indexOf(protocol)}`

  it('lists metrics', async () => {
    const cloudWatch = client()
    const { Metrics } = await cloudWatch.send(new ListMetricsCommand({ Namespace: 'AWS/Kinesis', MetricName: 'IncomingBytes', Dimensions: ofStream }))
    expect(Metrics?.map(({ Dimensions }) => Dimensions?.map(({ Value }) => Value).join(' ')).toSorted()).toEqual(['orders', 'orders shardId-000000000000', 'orders shardId-000000000001'])
    const pages = paginateListMetrics({ client: cloudWatch }, { Namespace: 'AWS/Kinesis' })
    const names = new Set<string>()
    for await (const page of pages) for (const { MetricName } of page.Metrics ?? []) names.add(MetricName!)
    expect([...names]).toEqual(expect.arrayContaining(['PutRecords.Success', 'WriteProvisionedThroughputExceeded']))
  })

  it('gets the statistics of a metric', async () => {
    const { Label, Datapoints } = await client().send(new GetMetricStatisticsCommand({
      Namespace: 'AWS/Kinesis', MetricName: 'IncomingBytes', Dimensions: ofStream, ...around(), Period: 60, Statistics: ['Sum', 'Average', 'SampleCount', 'Minimum', 'Maximum'],
    }))
    const figures = { Sum: 300, Average: 300, SampleCount: 1, Minimum: 300, Maximum: 300, Unit: 'Bytes' }
    expect([Label, Datapoints]).toEqual(['IncomingBytes', [{ Timestamp: new Date(putAtMs - (putAtMs % minuteMs)), ...figures }]])
  })

  it('gets the data of many metrics', async () => {
    const query = (Id: string, MetricName: string, Stat: string, Dimensions = ofStream) => ({ Id, MetricStat: { Metric: { Namespace: 'AWS/Kinesis', MetricName, Dimensions }, Period: 60, Stat } })
    const { MetricDataResults } = await client().send(new GetMetricDataCommand({
      ...around(),
      MetricDataQueries: [
        query('records', 'PutRecords.SuccessfulRecords', 'Sum'), query('success', 'PutRecords.Success', 'Average'),
        query('shard', 'WriteProvisionedThroughputExceeded', 'Maximum', [...ofStream, { Name: 'ShardId', Value: 'shardId-000000000001' }]),
        { ...query('nothing', 'PutRecord.Success', 'Sum'), Label: 'None of these' },
      ],
    }))
    const Timestamps = [new Date(putAtMs - (putAtMs % minuteMs))]
    expect(MetricDataResults).toMatchObject([
      { Id: 'records', Label: 'PutRecords.SuccessfulRecords', Timestamps, Values: [3], StatusCode: 'Complete' },
      { Id: 'success', Timestamps, Values: [1] }, { Id: 'shard', Timestamps, Values: [0] },
      { Id: 'nothing', Label: 'None of these', Timestamps: [], Values: [] },
    ])
  })

  it('puts figures of its own, packed where they are many, and gets them back', async () => {
    const cloudWatch = client()
    const datum = { MetricName: 'Time', Dimensions: [{ Name: 'Operation', Value: 'ProcessTask & <more>' }], Unit: 'Milliseconds' as const }
    await cloudWatch.send(new PutMetricDataCommand({
      Namespace: namespace,
      MetricData: [
        { ...datum, Timestamp: new Date(), Value: 2.5 }, { ...datum, Timestamp: new Date(), StatisticValues: { SampleCount: 3, Sum: 30, Minimum: -1.25, Maximum: 20 } },
        { ...datum, Values: [4, 8], Counts: [2, 1] }, ...Array.from({ length: 300 }, (_, at) => ({ MetricName: `many-${at}`, Value: at })),
      ],
    }))
    const { Datapoints } = await cloudWatch.send(new GetMetricStatisticsCommand({
      Namespace: namespace, MetricName: 'Time', Dimensions: datum.Dimensions, StartTime: new Date(Date.now() - 5 * minuteMs), EndTime: new Date(Date.now() + 5 * minuteMs), Period: 600,
      Statistics: ['Sum', 'SampleCount', 'Minimum', 'Maximum'],
    }))
    expect(Datapoints).toMatchObject([{ Sum: 48.5, SampleCount: 7, Minimum: -1.25, Maximum: 20, Unit: 'Milliseconds' }])
    const { Metrics } = await cloudWatch.send(new ListMetricsCommand({ Namespace: namespace, MetricName: 'Time' }))
    expect(Metrics).toEqual([{ Namespace: namespace, MetricName: 'Time', Dimensions: datum.Dimensions }])
  })

  it('is told what is wrong by the names that it knows', async () => {
    const ask = new GetMetricStatisticsCommand({ Namespace: 'AWS/Kinesis', MetricName: 'IncomingBytes', ...around(), Period: 90, Statistics: ['Sum'] })
    await expect(client().send(ask)).rejects.toMatchObject({
      name: 'InvalidParameterValueException', message: 'The parameter Period must be 1, 5, 10, 30 or a multiple of 60, not 90.', $metadata: { httpStatusCode: 400 },
    })
    await expect(client().send(new GetMetricDataCommand({ ...around(), MetricDataQueries: [], NextToken: 'x' }))).rejects.toMatchObject({ name: 'MissingRequiredParameterException' })
    await expect(client({ credentials: { ...credentials, secretAccessKey: 'wrong' } }).send(ask)).rejects.toMatchObject({ name: 'SignatureDoesNotMatch', $metadata: { httpStatusCode: 403 } })
    await expect(client({ credentials: { ...credentials, accessKeyId: 'AKIDNOBODY' } }).send(ask)).rejects.toMatchObject({ name: 'InvalidClientTokenId' })
  })
})

function works(command: string, ...args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore', timeout: 20_000 })
    return true
  } catch {
    return false
  }
}

const hasCli = works('aws', '--version')
const hasBoto = works('python3', '-c', 'import boto3')
if (!hasCli) console.log('skipped: the AWS CLI is not installed (Debian: awscli)')
if (!hasBoto) console.log('skipped: boto3 is not installed (Debian: python3-boto3)')

const environment = (): NodeJS.ProcessEnv => ({
  ...process.env, AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_DEFAULT_REGION: region, AWS_EC2_METADATA_DISABLED: 'true', AWS_PAGER: '',
  AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null', AWS_MAX_ATTEMPTS: '1',
})

describe.skipIf(!hasCli)('the AWS CLI', () => {
  it('gets the statistics of a metric, and is told what is wrong', async () => {
    const aws = async (...args: string[]): Promise<unknown> => {
      const { stdout } = await run('aws', ['cloudwatch', ...args, '--endpoint-url', endpoint(), '--output', 'json'], { env: environment() })
      return stdout === '' ? '' : JSON.parse(stdout)
    }
    const { StartTime, EndTime } = around()
    const range = ['--start-time', StartTime.toISOString(), '--end-time', EndTime.toISOString(), '--statistics', 'Sum', '--namespace', 'AWS/Kinesis', '--metric-name', 'IncomingRecords']
    expect(await aws('get-metric-statistics', '--dimensions', 'Name=StreamName,Value=orders', '--period', '60', ...range)).toMatchObject({ Datapoints: [{ Sum: 3, Unit: 'Count' }] })
    await expect(aws('get-metric-statistics', '--period', '7', ...range)).rejects.toThrow(
      // Older versions say how often they tried.
      /\(InvalidParameterValue\) when calling the GetMetricStatistics operation(?: \(reached max retries: \d\))?: The parameter Period/,
    )
  }, 60_000)
})

describe.skipIf(!hasBoto)('boto3', () => {
  it('gets the data of metrics, and puts its own', async () => {
    const script = `
import boto3, datetime, json, sys
cloudwatch = boto3.client('cloudwatch', endpoint_url=sys.argv[1])
cloudwatch.put_metric_data(Namespace='Boto', MetricData=[dict(MetricName='a', Value=1.5)] * 400)
end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=2)
metric = lambda id, namespace, name, dimensions: dict(Id=id, MetricStat=dict(Metric=dict(Namespace=namespace, MetricName=name, Dimensions=dimensions), Period=600, Stat='Sum'))
data = cloudwatch.get_metric_data(StartTime=end - datetime.timedelta(minutes=9), EndTime=end, MetricDataQueries=[
  metric('own', 'Boto', 'a', []), metric('records', 'AWS/Kinesis', 'IncomingRecords', [dict(Name='StreamName', Value='orders')])])
print(json.dumps({one['Id']: [one['StatusCode'], one['Values']] for one in data['MetricDataResults']}))
try: cloudwatch.put_metric_data(Namespace='AWS/Boto', MetricData=[])
except cloudwatch.exceptions.InvalidParameterValueException as error: print(json.dumps(error.response['Error']['Code']))
`
    const { stdout } = await run('python3', ['-c', script, endpoint()], { env: environment() })
    const [data, code] = stdout.trim().split('\n').map(line => JSON.parse(line) as unknown)
    expect(data).toEqual({ own: ['Complete', [600]], records: ['Complete', [3]] })
    expect(code).toBe('InvalidParameterValue')
  }, 60_000)
})
