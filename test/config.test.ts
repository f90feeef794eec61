// Settings: strongest source first, unknown names and bad values refused in one line that names them.
import { describe, expect, it } from 'vitest'
import { ConfigError, dataDirectories, parseConfig, settings, variableOf } from '../src/config.ts'

const parse = (commandLine: Record<string, unknown> = {}, environment: Record<string, string> = {}, file: Record<string, unknown> = {}) => (
  parseConfig(commandLine, environment, { path: 'sluice.json', values: file })
)

describe('a setting', () => {
  it('has the value of the strongest source that gives one', () => {
    expect(parse()['kafka.tls.port']).toBe(9094)
    expect(parse({}, {}, { 'kafka.tls.port': 1 })['kafka.tls.port']).toBe(1)
    expect(parse({}, { SLUICE_KAFKA_TLS_PORT: '2' }, { 'kafka.tls.port': 1 })['kafka.tls.port']).toBe(2)
    expect(parse({ 'kafka.tls.port': '3' }, { SLUICE_KAFKA_TLS_PORT: '2' }, { 'kafka.tls.port': 1 })['kafka.tls.port']).toBe(3)
  })

  it('that does not exist is refused, wherever it comes from, with a near name', () => {
    expect(() => parse({}, {}, { 'kafka.tls': 1 })).toThrow(new ConfigError('unknown setting \'kafka.tls\' (from sluice.json); did you mean \'kafka.tls.port\'?'))
    expect(() => parse({}, { SLUICE_KAFKATLSPORT: '1' })).toThrow('unknown setting \'SLUICE_KAFKATLSPORT\' (from the environment); did you mean \'SLUICE_KAFKA_TLS_PORT\'?')
    expect(() => parse({ '__proto__x': 1 })).toThrow('unknown setting \'__proto__x\' (from the command line); `sluice start --help` lists all')
  })

  it('with a bad value is refused in one line that names it, its source and what it is for', () => {
    expect(() => parse({ 'port.offset': 'abc' })).toThrow(/^port\.offset: "abc" \(from the command line\) is not valid: expected a number\. Added to the port/)
    for (const [name, value] of [['kinesis.limits', 'none'], ['gateway.port', '70000'], ['dev', 'maybe'], ['kinesis.account', '12'], ['data.dir', ''], ['token.ttl.seconds', '0'], ['brokers', '0'], ['brokers', '16'], ['broker.racks', '']]) {
      const refused = (): unknown => parse({ [name!]: value })
      expect(refused).toThrow(ConfigError)
      expect(refused).not.toThrow(/\n/)
    }
  })

  it('has one environment variable, and no two settings share one', () => {
    expect(new Set(Object.keys(settings).map(variableOf)).size).toBe(Object.keys(settings).length)
  })
})

describe('brokers', () => {
  it('are three in three racks, with three replicas of which two must be in sync, unless told otherwise', () => {
    const defaults = { 'brokers': 3, 'broker.racks': 'a,b,c', 'broker.data.dirs': '', 'default.replication.factor': 3, 'min.insync.replicas': 2 }
    expect(parse()).toMatchObject(defaults)
    expect(parse({ brokers: '1' }).brokers).toBe(1)
    for (const gone of ['broker.id', 'broker.rack']) expect(() => parse({ [gone]: '1' })).toThrow(`unknown setting '${gone}' (from the command line)`)
    expect(() => parse({ brokers: '16' })).toThrow(/^brokers: "16" \(from the command line\) is not valid: expected number to be <=15\. Brokers of this process/)
  })

  it('may have directories of their own, one or several each', () => {
    expect([...dataDirectories('1=/disk1/a, /disk1/b; 3=/disk3')]).toEqual([[1, ['/disk1/a', '/disk1/b']], [3, ['/disk3']]])
    expect([...dataDirectories('')]).toEqual([])
    expect(parse({ 'broker.data.dirs': '2=relative/too' })['broker.data.dirs']).toBe('2=relative/too')
  })

  it.each([
    ['/disk1', 'broker.data.dirs: \'/disk1\' is not <broker>=<directory>[,<directory>…]'],
    ['1=/disk1;2', 'broker.data.dirs: \'2\' is not <broker>=<directory>[,<directory>…]'],
    ['1=,', 'broker.data.dirs: \'1=,\' is not <broker>=<directory>[,<directory>…]'],
    ['1=/a;1=/b', 'broker.data.dirs: broker 1 is named twice'],
    ['1=/a;2=/b,/a', 'broker.data.dirs: \'/a\' is named twice; each broker needs directories of its own'],
    ['3=/a,/a', 'broker.data.dirs: \'/a\' is named twice; each broker needs directories of its own'],
    ['4=/a', 'broker.data.dirs: there is no broker 4; there are 1 to 3'],
    ['0=/a', 'broker.data.dirs: there is no broker 0; there are 1 to 3'],
  ])('have no directories by the text %j', (text, message) => {
    expect(() => parse({ 'broker.data.dirs': text })).toThrow(new ConfigError(message))
  })
})

describe('settings together', () => {
  it('keep dev on loopback', () => {
    expect(() => parse({ dev: true, host: '0.0.0.0' })).toThrow('host: \'0.0.0.0\' is not loopback')
    expect(parse({ dev: 'true', host: '127.0.0.1' })).toMatchObject({ 'dev': true, 'auto.create.topics.enable': true, 'group.initial.rebalance.delay.ms': 0 })
    expect(parse({ 'dev': true, 'auto.create.topics.enable': 'false' })['auto.create.topics.enable']).toBe(false)
  })

  it('keep Kinesis clients\' certificates and dev apart, which would serve Kinesis without TLS', () => {
    expect(() => parse({ 'dev': true, 'kinesis.client.auth': 'required' })).toThrow('kinesis.client.auth: required is not possible with dev')
    expect(parse({ 'kinesis.client.auth': 'required' })['kinesis.client.auth']).toBe('required')
  })

  it('refuse two sources of the key and session timeouts that leave no room', () => {
    expect(() => parse({ 'kek.file': 'a', 'kek.passphrase.file': 'b' })).toThrow('exclude each other')
    expect(() => parse({ 'group.min.session.timeout.ms': 10, 'group.max.session.timeout.ms': 5 })).toThrow('10 is above group.max.session.timeout.ms (5)')
  })

  it('cannot be changed afterwards', () => {
    expect(Object.isFrozen(parse())).toBe(true)
  })
})
