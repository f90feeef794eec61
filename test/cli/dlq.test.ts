// `sluice dlq` against a gateway in memory: what is printed, what is asked, and how refusals read.
import { expect, it } from 'vitest'
import { dlqCommand } from '../../src/cli/dlq.ts'
import type { LetterOrigin } from '../../src/ports.ts'
import { DeadLetters } from '../../src/registry/dead-letters.ts'
import { silent } from '../support/registry-app.ts'
import { commandLine, type CommandLine } from './run.ts'

async function withLetters(): Promise<CommandLine> {
  const cli = await commandLine({ dlq: dlqCommand }, [1])
  const topic = await cli.gateway.createTopic('orders')
  const { logs, admin } = cli.gateway.parts
  const letters = new DeadLetters({ logs, admin, clock: { now: () => 1_700_000_000_000 }, logger: silent })
  const origin: LetterOrigin = { topic: 'orders', partition: 0, wayIn: 'kafka', clientId: 'shop', caller: { principal: { type: 'User', name: 'CN=alice' }, host: '10.0.0.1' } }
  const fault = { part: 'value', pointer: '/n', reason: 'must be number', schema: '7' } as const
  await letters.put(topic, origin, ['one', 'two'].map((value, index) => ({ key: null, value: Buffer.from(value), index, fault, timestampMs: 0, headers: [{ key: 'trace', value: Buffer.from('t') }] })))
  return cli
}

it('lists, shows and redrives', async () => {
  await using cli = await withLetters()
  expect((await cli.run('dlq', 'list')).stdout).toBe([
    'TOPIC       OF      LETTERS  WAITING  REDRIVEN', 'orders.dlq  orders  2        2        0', '', 'orders.dlq: why letters wait', 'COUNT  REASON', '2      value: must be number', '',
  ].join('\n'))
  expect((await cli.run('dlq', 'show', 'orders.dlq')).stdout).toBe([
    'PARTITION  OFFSET  STATE    TIME                      OF        BY             REASON',
    '0          0       waiting  2023-11-14T22:13:20.000Z  orders-0  User:CN=alice  value at /n: must be number',
    '0          1       waiting  2023-11-14T22:13:20.000Z  orders-0  User:CN=alice  value at /n: must be number', '',
  ].join('\n'))
  const { stdout } = await cli.run('dlq', 'show', 'orders.dlq', '0', '1', '--contents')
  expect(stdout).toContain('value       two\n')
  expect(stdout).toContain('header      trace = t\n')
  expect(stdout).toContain('sent by     User:CN=alice, client shop, through kafka, at 2023-11-14T22:13:20.000Z\n')
  expect((await cli.run('dlq', 'show', 'orders.dlq', '0', '1')).stdout).toContain('value       3 bytes\n')
  expect((await cli.run('dlq', 'redrive', 'orders.dlq', '--dry-run')).stdout).toBe('2 letters would be redriven\n')
  expect((await cli.run('dlq', 'redrive', 'orders.dlq', '0', '1', '--value', '{"n":2}')).stdout).toBe('1 letter redriven\n')
  expect(await cli.json('dlq', 'redrive', 'orders.dlq')).toEqual({ redriven: 1, failed: 0, failures: [] })
  expect((await cli.run('dlq', 'redrive', 'orders.dlq')).stdout).toBe('no such letters are waiting\n')
  expect((await cli.run('dlq', 'redrive', 'orders.dlq', '0', '1')).stdout).toBe('this letter is not waiting: it was redriven before, or is none\n')
  expect(await cli.gateway.values('orders')).toEqual(['{"n":2}', 'one'])
  expect((await cli.run('dlq', 'show', 'orders.dlq')).stdout).toBe('no letters are waiting\n')
  expect((await cli.run('dlq', 'show', 'orders.dlq', '0', '0')).stdout).toContain('redriven to orders-0, offset 1\n')
  expect(await cli.json('dlq', 'list')).toMatchObject([{ topic: 'orders.dlq', waiting: 0, redriven: 2 }])
})

it('says in one line what is wrong, and fails where letters stay', async () => {
  await using cli = await withLetters()
  expect(await cli.run('dlq', 'show', 'nowhere.dlq')).toMatchObject({ code: 1, stderr: 'GET /admin/dlq/nowhere.dlq: Topic \'nowhere.dlq\' not found.\n' })
  expect(await cli.run('dlq', 'redrive', 'orders.dlq', '0', 'x')).toMatchObject({ code: 1, stderr: 'offset: \'x\' is not a whole number\n' })
  expect(await cli.run('dlq', 'redrive', 'orders.dlq', '0', '0', '--value', '{')).toMatchObject({ code: 1, stderr: expect.stringMatching(/^--value: not JSON: .*\n$/) as string })
  expect(await cli.run('dlq', 'redrive', 'orders.dlq', '0', '0', '--value-bytes', '@/nowhere')).toMatchObject({ code: 1, stderr: expect.stringMatching(/^--value-bytes: cannot read \/nowhere: .*\n$/) as string })
  await cli.gateway.backend.admin.deleteTopic('orders')
  const failed = await cli.run('dlq', 'redrive', 'orders.dlq')
  expect(failed).toMatchObject({ code: 1, stderr: '2 letters cannot be redriven: mend one with --value, or write them by a newer version of the schema with --latest-schema\n' })
  expect((await cli.run('dlq', 'redrive', 'orders.dlq', '--latest-schema')).stderr).toBe('2 letters cannot be redriven: mend one with --value\n')
  expect(failed.stdout).toContain('0 letters redriven, 2 cannot be:\nPARTITION  OFFSET  REASON\n0          0       topic \'orders\' does not exist any more\n')
})
