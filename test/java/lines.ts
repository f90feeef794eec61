// The AWS SDK for Java in a process of its own (`KinesisLines.java`), as a client that makes calls by name.
import { Time } from '../kinesis/model/oracle.ts'
import { mapped } from '../kinesis/support/forms.ts'
import { accessKeyId, secretAccessKey } from '../kinesis/support/kinesis.ts'
import { type LineClient, lineClient } from '../support/line-client.ts'

export interface JavaOptions {
  readonly classpath: string
  readonly endpoint: string
  readonly transport: 'http1' | 'http2'
  /** A PEM file. */
  readonly ca?: string
  readonly environment?: Readonly<Record<string, string>>
}

export function javaClient({ classpath, endpoint, transport, ca, environment }: JavaOptions): LineClient {
  const command = ['java', '-cp', classpath, 'sluice.KinesisLines', endpoint, transport, ...(ca === undefined ? [] : [ca])]
  const env = { ...process.env, AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_EC2_METADATA_DISABLED: 'true', ...environment }
  return lineClient(command, env, input => mapped(input, one => (one instanceof Time ? one.ms : (one as Buffer).toString('base64'))))
}
