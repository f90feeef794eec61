// The limits of the Kinesis API as an administrator sees and changes them, over HTTP and on the command line.
import { describe, expect, it } from 'vitest'
import { kinesisCommand } from '../../src/cli/kinesis.ts'
import { commandLine } from '../cli/run.ts'
import { admin, testGateway } from '../support/gateway.ts'

const path = '/admin/kinesis/limits'
const chaos = { throttle: 0.05, failure: 0.01, delayMs: 0, seed: 0, failureWhen: 'before', limits: 'aws', operations: {} }

describe(path, () => {
  it('shows what is enforced, and changes it for the handler, with a line in the audit log', async () => {
    const gateway = await testGateway()
    const { limits } = gateway.parts.kinesis.handler
    expect((await gateway.as(admin).get(path)).body).toEqual({ profile: 'aws', isEnforced: true, chaos, troubles: [] })

    const changed = await gateway.as(admin).put(path).send({ profile: 'chaos', chaos: { throttle: 1, seed: 7, limits: 'off', operations: { GetRecords: { delayMs: 20 } } } })
    expect(changed.status).toBe(200)
    const expected = { ...chaos, throttle: 1, seed: 7, limits: 'off', operations: { GetRecords: { delayMs: 20 } } }
    expect(changed.body).toEqual({ profile: 'chaos', isEnforced: false, chaos: expected, troubles: [] })
    expect(limits.chaos?.throttles('PutRecord')).toBe(true)
    expect((await gateway.as(admin).get(path)).body).toMatchObject({ troubles: [{ operation: 'PutRecord', kind: 'throttled', count: 1 }] })

    // What is left out stays.
    expect((await gateway.as(admin).put(path).send({ profile: 'off' })).body).toMatchObject({ profile: 'off', chaos: expected })
    expect(limits.chaos).toBe(undefined)
    expect(gateway.audited.filter(event => event.kind === 'change').map(({ operation, reason, principal }) => [operation, reason, principal])).toEqual([
      ['alter-kinesis-limits', `chaos ${JSON.stringify(limits.settings.chaos)}`, 'User:CN=admin'], ['alter-kinesis-limits', 'off', 'User:CN=admin'],
    ])
  })

  it('is DESCRIBE to see and ALTER to change, on the cluster', async () => {
    const gateway = await testGateway()
    expect([(await gateway.as('bob').get(path)).status, (await gateway.as('bob').put(path).send({ profile: 'off' })).status]).toEqual([403, 403])
    await gateway.allow('bob', 'describe', 'cluster', 'kafka-cluster')
    expect([(await gateway.as('bob').get(path)).status, (await gateway.as('bob').put(path).send({ profile: 'off' })).status]).toEqual([200, 403])
    expect(gateway.parts.kinesis.handler.limits.settings.profile).toBe('aws')
  })

  it.each([
    [{}, '\'profile\' must be one of aws, off, chaos'],
    [{ profile: 'calm' }, '\'profile\' must be one of aws, off, chaos, not "calm"'],
    [{ profile: 'off', more: 1 }, '\'more\' is not known'],
    [{ profile: 'chaos', chaos: { throttle: 1.5 } }, '\'chaos.throttle\' must be a number from 0 to 1, not 1.5'],
    [{ profile: 'chaos', chaos: { delayMs: 60_001 } }, '\'chaos.delayMs\' must be a number from 0 to 60000'],
    [{ profile: 'chaos', chaos: { seed: -1 } }, '\'chaos.seed\' must be a whole number'],
    [{ profile: 'chaos', chaos: { failureWhen: 'never' } }, '\'chaos.failureWhen\' must be one of before, after'],
    [{ profile: 'chaos', chaos: { operations: { PutRecrods: {} } } }, '\'chaos.operations.PutRecrods\' is no operation of Kinesis'],
    [{ profile: 'chaos', chaos: { operations: { PutRecords: { seed: 1 } } } }, '\'chaos.operations.PutRecords.seed\' is not known'],
  ])('refuses %j with the path of what is wrong', async (body, message) => {
    const response = await (await testGateway()).as(admin).put(path).send(body)
    expect([response.status, (response.body as { message: string }).message]).toEqual([422, expect.stringContaining(message)])
  })
})

describe('sluice kinesis limits', () => {
  it('shows and changes them', async () => {
    await using line = await commandLine({ kinesis: kinesisCommand }, [1])
    expect((await line.run('kinesis', 'limits')).stdout).toBe('profile aws: AWS\'s limits hold\n')
    expect((await line.run('kinesis', 'limits', 'off')).stdout).toBe('profile off: no limits hold\n')
    const { stdout } = await line.run('kinesis', 'limits', 'chaos', '--throttle', '0.2', '--delay', '250', '--seed', '9', '--with', 'off')
    expect(stdout).toMatch(/^profile chaos: no limits hold, with troubles drawn from seed 9\nOPERATION +THROTTLED +FAILED +DELAYED\nall +0\.2 +0\.01 \(before the effect\) +up to 250 ms\n$/)
    const only = await line.run('kinesis', 'limits', 'chaos', '--only', 'PutRecords', 'GetRecords', '--failure', '1', '--failure-when', 'after')
    expect(only.stdout).toMatch(/\nPutRecords +0\.2 +1 \(after the effect\) +up to 250 ms\nGetRecords +0\.2 +1 \(after the effect\) +up to 250 ms\n$/)
    line.gateway.parts.kinesis.handler.limits.chaos?.fails('PutRecords')
    expect((await line.run('kinesis', 'limits')).stdout).toMatch(/\nmade so far:\nOPERATION +TROUBLE +COUNT\nPutRecords +failed +1\n$/)
    expect(await line.json('kinesis', 'limits')).toMatchObject({ profile: 'chaos', chaos: { throttle: 0, operations: { PutRecords: { failure: 1 } } } })
  })

  it('says what is wrong in one line', async () => {
    await using line = await commandLine({ kinesis: kinesisCommand }, [1])
    expect((await line.run('kinesis', 'limits', 'calm')).stderr).toBe('PUT /admin/kinesis/limits: \'profile\' must be one of aws, off, chaos, not "calm"\n')
    expect((await line.run('kinesis', 'limits', '--throttle', '0.5')).stderr).toBe('limits: say which profile: `sluice kinesis limits chaos …`\n')
    expect((await line.run('kinesis', 'limits', 'aws', '--throttle', '0.5')).stderr).toBe('limits: \'aws\' takes no troubles: `sluice kinesis limits chaos …`\n')
    expect((await line.run('kinesis', 'limits', 'chaos', '--throttle', '2')).stderr).toBe('--throttle: \'2\' is not a number from 0 to 1\n')
    expect((await line.run('kinesis', 'limits', 'chaos', '--only', 'PutRecords', '--throttle', '0', '--failure', '0')).stderr)
      .toBe('--only: say which troubles they have: --throttle, --failure or --delay\n')
  })
})
