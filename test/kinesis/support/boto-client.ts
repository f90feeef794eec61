// boto3, Amazon's SDK for Python, in a process of its own, as a client that makes calls by name. The first line it says names the operations it knows.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { type LineClient, lineClient } from '../../support/line-client.ts'
import { Time } from '../model/oracle.ts'
import { mapped } from './forms.ts'
import { accessKeyId, region, secretAccessKey } from './kinesis.ts'

export function botoClient(endpoint: string): LineClient {
  const command = ['python3', join(import.meta.dirname, '..', '..', 'clients', 'kinesis_boto_driver.py'), endpoint]
  return lineClient(command, botoEnvironment(), input => mapped(input, one => (one instanceof Time ? { $time: one.ms } : { $blob: (one as Buffer).toString('base64') })))
}

/** Of boto3 and the AWS CLI: nothing of the machine's own settings. */
export function botoEnvironment(): NodeJS.ProcessEnv {
  return {
    ...process.env, AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_DEFAULT_REGION: region, AWS_EC2_METADATA_DISABLED: 'true', AWS_PAGER: '',
    AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null', AWS_MAX_ATTEMPTS: '1',
  }
}

export function isInstalled(command: string, ...args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore', timeout: 20_000 })
    return true
  } catch {
    return false
  }
}
