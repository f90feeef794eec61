// Calls every operation through each client that is here, against a listener of its own.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KinesisClient } from '@aws-sdk/client-kinesis'
import { NodeHttp2Handler, NodeHttpHandler } from '@smithy/node-http-handler'
import { startKinesis } from '../../../src/kinesis/server.ts'
import { compile } from '../../java/compile.ts'
import { javaClient } from '../../java/lines.ts'
import { selfSigned } from '../support/certificate.ts'
import { type Client, walk } from '../support/happy-path.ts'
import { accessKeyId, realClock, region, secretAccessKey, testKinesis } from '../support/kinesis.ts'
import { botoClient, isInstalled } from '../support/boto-client.ts'
import { rawClient } from '../support/raw-client.ts'
import { sdkClient } from '../support/sdk-client.ts'

/** Client and transport. The first two are none of Amazon's, but plain requests in that form; `tls` is HTTP/2. */
export const clientKinds = [
  'json h1', 'json h2c', 'json tls', 'cbor h1', 'cbor h2c', 'cbor tls', 'javascript h1', 'javascript h2c', 'javascript tls', 'boto3 h1', 'java h1', 'java tls',
] as const
export type ClientKind = (typeof clientKinds)[number]

export interface Clients {
  readonly done: ReadonlyMap<ClientKind, ReadonlySet<string>>
  readonly failures: readonly string[]
  /** Which clients are not here. */
  readonly skipped: readonly string[]
}

export async function tryClients(served: ReadonlySet<string>, { java }: { java: boolean }): Promise<Clients> {
  const done = new Map<ClientKind, ReadonlySet<string>>()
  const failures: string[] = []
  const skipped: string[] = []
  const certificate = selfSigned()
  const directory = mkdtempSync(join(tmpdir(), 'sluice-report-'))
  const ca = join(directory, 'ca.pem')
  writeFileSync(ca, certificate.cert)
  const kinesis = await testKinesis({ clock: realClock })
  await using server = await startKinesis({ host: '127.0.0.1', port: 0, plain: true, tls: certificate, handler: kinesis.handler, logger: kinesis.logger })
  const [plain, tls] = [`http://127.0.0.1:${server.port}`, `https://127.0.0.1:${server.port}`]

  const take = async (kind: ClientKind, client: Client, known: (operation: string) => boolean = () => true): Promise<void> => {
    const walked = await walk(client, operation => served.has(operation) && known(operation))
    done.set(kind, new Set(walked.done))
    failures.push(...walked.failures.map(failure => `${failure} (${kind})`))
  }
  for (const form of ['json', 'cbor'] as const) {
    const raw = (transport: Parameters<typeof rawClient>[0]['transport']): Client => rawClient({ form, transport, port: server.port, ca: certificate.cert })
    await take(`${form} h1`, raw('HTTP/1.1'))
    await take(`${form} h2c`, raw('h2c'))
    await take(`${form} tls`, raw('HTTP/2 over TLS'))
  }
  const common = { region, credentials: { accessKeyId, secretAccessKey }, maxAttempts: 1 }
  await take('javascript h2c', sdkClient(new KinesisClient({ ...common, endpoint: plain })))
  await take('javascript h1', sdkClient(new KinesisClient({ ...common, endpoint: plain, requestHandler: new NodeHttpHandler() })))
  const overTls = new NodeHttp2Handler({ nodeHttp2ConnectOptions: { ca: certificate.cert } })
  await take('javascript tls', sdkClient(new KinesisClient({ ...common, endpoint: tls, requestHandler: overTls })))
  if (isInstalled('python3', '-c', 'import boto3')) {
    using boto = botoClient(plain)
    const known = JSON.parse(await boto.line()) as string[]
    await take('boto3 h1', boto.client, operation => known.includes(operation))
  } else skipped.push('skipped: boto3 is not installed (Debian: python3-boto3)')
  const classpath = java ? await compile() : undefined
  if (classpath !== undefined) {
    using older = javaClient({ classpath, endpoint: plain, transport: 'http1' })
    await take('java h1', older.client, operation => javaKnows(operation) && operation !== 'SubscribeToShard')
    using newer = javaClient({ classpath, endpoint: tls, transport: 'http2', ca })
    await take('java tls', newer.client, javaKnows)
  } else if (!java) skipped.push('skipped: the SDK for Java, which takes half a minute (--java)')
  rmSync(directory, { recursive: true })
  return { done, failures, skipped }
}

/** Its newest release is older than these. */
export function javaKnows(operation: string): boolean {
  return !operation.includes('Channel') && operation !== 'UpdateStreamRecordDistributionStrategy'
}
