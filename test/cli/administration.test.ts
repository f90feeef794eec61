// The administrative commands, as a user types them, against a running secure Sluice. The commands run in this process; only what `sluice` itself
// adds (one line per failure, the exit code) is tried in one of its own.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Command } from 'commander'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { accessKeysCommand } from '../../src/cli/access-keys.ts'
import { aclsCommand } from '../../src/cli/acls.ts'
import { kmsCommand } from '../../src/cli/kms.ts'
import { tokenCommand } from '../../src/cli/token.ts'
import { topicsCommand } from '../../src/cli/topics.ts'
import { startSluice, type RunningSluice } from '../support/sluice.ts'

const run = promisify(execFile)
const program = join(import.meta.dirname, '../../src/cli/sluice.ts')
const commands: Readonly<Record<string, () => Command>> = { acls: aclsCommand, 'access-keys': accessKeysCommand, kms: kmsCommand, topics: topicsCommand, token: tokenCommand }

let sluice: RunningSluice

beforeAll(async () => { sluice = await startSluice({ dev: false }) })
afterAll(async () => { await sluice[Symbol.asyncDispose]() })

interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function withServer(args: readonly string[]): string[] {
  return [
    ...args,
    ...args.includes('--gateway') ? [] : ['--gateway', `https://localhost:${sluice.ports.gateway}`],
    ...args.includes('--certs-dir') ? [] : ['--certs-dir', sluice.certificatesDirectory],
  ]
}

async function cli(...args: string[]): Promise<Outcome> {
  const [name, ...rest] = args
  let [stdout, stderr] = ['', '']
  const log = vi.spyOn(console, 'log').mockImplementation((line: string = '') => { stdout += `${line}\n` })
  const error = vi.spyOn(console, 'error').mockImplementation((line: string) => { stderr += `${line}\n` })
  const command = commands[name!]!()
  for (const one of [command, ...command.commands]) one.exitOverride().configureOutput({ writeErr: text => { stderr += text } })
  try {
    await command.parseAsync(withServer(rest), { from: 'user' })
    return { code: 0, stdout, stderr }
  } catch (failure) {
    return { code: 1, stdout, stderr: stderr === '' ? `${(failure as Error).message}\n` : stderr }
  } finally {
    log.mockRestore()
    error.mockRestore()
  }
}

const json = async (...args: string[]): Promise<unknown> => {
  const { code, stdout, stderr } = await cli(...args, '--json')
  expect([code, stderr]).toEqual([0, ''])
  return JSON.parse(stdout)
}

describe('sluice topics', () => {
  it('creates, lists, describes, changes and deletes', async () => {
    expect((await cli('topics', 'create', 'orders', '--partitions', '3', '--config', 'retention.ms=3600000')).stdout).toBe('orders is created with 3 partitions\n')
    expect((await cli('topics', 'list')).stdout).toMatch(/^TOPIC +PARTITIONS +REPLICAS +OFFSETS HELD\n(.+\n)?orders +3 +\d +0\n/)
    expect((await cli('topics', 'alter', 'orders', '--partitions', '4', '--reset', 'retention.ms', '--config', 'max.message.bytes=2000000')).stdout)
      .toBe('orders: partitions 3 → 4\norders: retention.ms 3600000 → its default\norders: max.message.bytes its default → 2000000\n')
    const { stdout } = await cli('topics', 'describe', 'orders')
    expect(stdout).toMatch(/^orders {2}\(id [0-9a-f-]{36}\)\n\nPARTITION +LEADER +EPOCH/)
    expect(stdout).toMatch(/\n3 +\d +\d+ +[\d,]+ +\d +(leader|follower) +0 +0 +0 +0 +0\n/)
    expect(stdout).toMatch(/\nmax\.message\.bytes +2000000\n/)
    expect(stdout).not.toContain('retention.ms')
    expect(await json('topics', 'describe', 'orders')).toMatchObject({ name: 'orders', partitions: [{}, {}, {}, {}] })
    expect((await cli('topics', 'delete', 'orders')).stdout).toMatch(/^orders \(id [0-9a-f-]{36}\) is deleted: 4 partitions and the records in them\n$/)
    expect(await cli('topics', 'delete', 'orders')).toMatchObject({ code: 1, stderr: expect.stringMatching(/^DELETE \/admin\/topics\/orders: .*orders.*\n$/) })
  })
})

describe('sluice acls', () => {
  it('adds, lists and removes', async () => {
    const added = await cli('acls', 'add', '--principal', 'User:CN=alice', '--operation', 'read', 'write', '--topic', 'payments')
    expect(added.stdout).toMatch(/^PRINCIPAL +PERMISSION +OPERATION +RESOURCE +PATTERN +HOST\nUser:CN=alice +allow +read +topic:payments +literal +\*\nUser:CN=alice +allow +write /)
    await cli('acls', 'add', '--principal', 'User:CN=eve', '--operation', 'all', '--topic', 'pay', '--pattern', 'prefixed', '--deny')
    expect(await json('acls', 'list', '--principal', 'User:CN=eve')).toEqual([
      { principal: 'User:CN=eve', host: '*', operation: 'all', permission: 'deny', resourceType: 'topic', resourceName: 'pay', patternType: 'prefixed' },
    ])
    expect(await json('acls', 'remove', '--principal', 'User:CN=alice', '--operation', 'write')).toHaveLength(1)
    expect(await json('acls', 'list', '--topic', 'payments', '--operation', 'read')).toHaveLength(1)
    expect((await cli('acls', 'remove', '--principal', 'User:CN=nobody')).stdout).toBe('no ACL matched; nothing was removed\n')
  })

  it.each([
    [['add', '--operation', 'read', '--topic', 't'], /--principal must be given/],
    [['add', '--principal', 'User:CN=a', '--topic', 't'], /--operation must be given: all, read/],
    [['add', '--principal', 'User:CN=a', '--operation', 'read'], /one of --topic, --group/],
    [['add', '--principal', 'User:CN=a', '--operation', 'read', '--topic', 't', '--group', 'g'], /only one resource at a time: topic or group/],
    [['add', '--principal', 'alice', '--operation', 'read', '--topic', 't'], /alice/],
    [['add', '--principal', 'User:CN=a', '--operation', 'fly', '--topic', 't'], /fly.*Allowed choices/],
    [['remove'], /say which ACLs to remove/],
  ])('refuses %j with one line', async (args, message) => {
    const { code, stderr } = await cli('acls', ...args)
    expect([code, stderr.trim().split('\n').length]).toEqual([1, 1])
    expect(stderr).toMatch(message)
  })
})

describe('sluice access-keys', () => {
  it('creates a key whose secret is shown once, lists and deletes it', async () => {
    const made = await cli('access-keys', 'create', 'User:CN=alice')
    const [, id, secret] = /^AWS_ACCESS_KEY_ID=(AKIA\w{16})\nAWS_SECRET_ACCESS_KEY=(\S+)\n$/.exec(made.stdout)!
    const listed = await cli('access-keys', 'list')
    expect(listed.stdout).toMatch(new RegExp(`${id} +User:CN=alice +20`))
    expect(listed.stdout).not.toContain(secret)
    expect((await cli('access-keys', 'delete', id!)).stdout).toBe(`${id} is deleted\n`)
    expect(await cli('access-keys', 'delete', id!)).toMatchObject({ code: 1 })
  })

  it('creates a temporary key with its token, and says until when it is good', async () => {
    const made = await cli('access-keys', 'create', 'User:CN=alice', '--duration', '15m')
    const [, id] = /^AWS_ACCESS_KEY_ID=(ASIA\w{16})\nAWS_SECRET_ACCESS_KEY=\S+\nAWS_SESSION_TOKEN=\S{128}\n$/.exec(made.stdout)!
    expect(made.stderr).toMatch(/signs as User:CN=alice until 20\S+Z; the secret is not shown again/)
    expect((await cli('access-keys', 'list')).stdout).toMatch(new RegExp(`${id} +User:CN=alice +20\\S+Z +20\\S+Z`))
    expect((await cli('access-keys', 'create', 'User:CN=alice', '--duration', '2d')).stderr).toContain('129600 (36 hours), not 172800')
    expect((await cli('access-keys', 'create', 'User:CN=alice', '--duration', '15 minutes')).stderr).toContain('\'15 minutes\' is not a length of time; write it as 15m')
  })
})

describe('sluice kms', () => {
  it('makes, lists, disables, names and deletes keys', async () => {
    expect((await cli('kms', 'list')).stdout).toBe('no keys; alias/aws/kinesis is made when it is first used\n')
    const made = await cli('kms', 'create', '--alias', 'alias/orders', '--description', 'of the orders')
    const [, id] = /^id +([0-9a-f-]{36})\narn +arn:aws:kms:us-east-1:000000000000:key\/\1\nstate +Enabled\ncreated +20.+\naliases +alias\/orders\ndescription of the orders\n$/.exec(made.stdout)!
    expect((await cli('kms', 'list')).stdout).toMatch(new RegExp(`^ID +STATE +ALIASES +TOPICS +DESCRIPTION\n${id} +Enabled +alias/orders +of the orders\n$`))
    expect((await cli('kms', 'disable', 'alias/orders')).stdout).toContain('Disabled')
    expect((await cli('kms', 'enable', id!)).stdout).toContain('Enabled')
    expect(await json('kms', 'alias', id!, 'alias/more')).toMatchObject({ aliases: ['alias/more', 'alias/orders'] })
    expect(await json('kms', 'alias', id!, 'alias/orders', '--remove')).toMatchObject({ aliases: ['alias/more'] })
    expect((await cli('kms', 'schedule-deletion', 'alias/more', '--days', '7')).stdout).toMatch(/\nstate +PendingDeletion, gone for good at 20/)
    expect(await json('kms', 'cancel-deletion', id!)).toMatchObject({ state: 'Disabled' })
    expect(await cli('kms', 'describe', 'alias/none')).toMatchObject({
      code: 1, stderr: 'GET /admin/kms-keys/alias%2Fnone: Alias arn:aws:kms:us-east-1:000000000000:alias/none is not found.\n',
    })
  })
})

describe('sluice token', () => {
  it('gets a token of three parts', async () => {
    const { stdout, stderr } = await cli('token')
    expect(stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/)
    expect(stderr).toBe('good for 300 s, over connections with the same certificate\n')
    expect(await json('token')).toMatchObject({ token_type: 'Bearer', expires_in: 300 })
  })
})

describe('what goes wrong', () => {
  it.each([
    ['no server', ['--gateway', 'https://localhost:1'], /^cannot reach the gateway at https:\/\/localhost:1: nothing listens there \(is Sluice running\? --gateway names another address\)\n$/],
    ['no address', ['--gateway', 'nonsense'], /^--gateway: 'nonsense' is not an address like https:\/\/localhost:8443\n$/],
    ['no certificates', ['--certs-dir', '/nowhere'], /^--cert: cannot read \/nowhere\/admin\.pem: /],
    ['a certificate without its key', ['--cert', '/nowhere.pem'], /^--cert and --key go together\n$/],
  ])('is said in one line: %s', async (_name, args, message) => {
    const { code, stdout, stderr } = await cli('topics', 'list', ...args)
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(message)
  })

  it('is said of http:// where HTTPS is spoken', async () => {
    const { stderr } = await cli('topics', 'list', '--gateway', `http://localhost:${sluice.ports.gateway}`)
    expect(stderr).toMatch(/^cannot reach the gateway at http:\/\/localhost:\d+: it hung up \(a server without --dev is reached at https:\/\/\)\n$/)
  })

  it('ends the command with code 1 and that line', async () => {
    const failure = run(process.execPath, [program, 'topics', 'list', '--gateway', 'https://localhost:1', '--certs-dir', sluice.certificatesDirectory])
    await expect(failure).rejects.toMatchObject({ code: 1, stdout: '', stderr: 'sluice: cannot reach the gateway at https://localhost:1: nothing listens there (is Sluice running? --gateway names another address)\n' })
  })
})
