// Settings: strongest source first, unknown names and bad values refused in one line that names them.
import { describe, expect, it } from 'vitest'
import { ConfigError, parseConfig, settings, variableOf } from '../src/config.ts'

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
    for (const [name, value] of [['kinesis.limits', 'none'], ['gateway.port', '70000'], ['dev', 'maybe'], ['kinesis.account', '12'], ['data.dir', ''], ['token.ttl.seconds', '0']]) {
      const refused = (): unknown => parse({ [name!]: value })
      expect(refused).toThrow(ConfigError)
      expect(refused).not.toThrow(/\n/)
    }
  })

  it('has one environment variable, and no two settings share one', () => {
    expect(new Set(Object.keys(settings).map(variableOf)).size).toBe(Object.keys(settings).length)
  })
})

describe('settings together', () => {
  it('keep dev on loopback', () => {
    expect(() => parse({ dev: true, host: '0.0.0.0' })).toThrow('host: \'0.0.0.0\' is not loopback')
    expect(parse({ dev: 'true', host: '127.0.0.1' })).toMatchObject({ 'dev': true, 'auto.create.topics.enable': true, 'group.initial.rebalance.delay.ms': 0 })
    expect(parse({ 'dev': true, 'auto.create.topics.enable': 'false' })['auto.create.topics.enable']).toBe(false)
  })

  it('refuse two sources of the key and session timeouts that leave no room', () => {
    expect(() => parse({ 'kek.file': 'a', 'kek.passphrase.file': 'b' })).toThrow('exclude each other')
    expect(() => parse({ 'group.min.session.timeout.ms': 10, 'group.max.session.timeout.ms': 5 })).toThrow('10 is above group.max.session.timeout.ms (5)')
  })

  it('cannot be changed afterwards', () => {
    expect(Object.isFrozen(parse())).toBe(true)
  })
})
