import { describe, expect, it } from 'vitest'
import { themeOf } from '../../src/cli/setting-themes.ts'
import { startCommand } from '../../src/cli/start.ts'
import { settings } from '../../src/config.ts'

describe('sluice start --help', () => {
  it('shows every setting once, under its theme', () => {
    const groups = new Map<string, string[]>()
    let heading = ''
    for (const line of startCommand().helpInformation().split('\n')) {
      if (/^\S.*:$/.test(line)) heading = line.slice(0, -1)
      const option = /^ {2}--([a-z-]+)/.exec(line)?.[1]
      if (option !== undefined) groups.set(heading, [...groups.get(heading) ?? [], option])
    }
    const shown = [...groups].flatMap(([theme, options]) => (theme === 'Options' ? [] : options.map(option => `${theme}: ${option}`)))
    expect(shown.toSorted()).toEqual(Object.keys(settings).map(name => `${themeOf(name)}: ${name.replaceAll('.', '-')}`).toSorted())
  })

  it('puts a setting where one looks for it', () => {
    expect(['kinesis.port', 'kinesis.limits', 'log.level', 'log.segment.bytes', 'min.insync.replicas', 'kek.file', 'super.users', 'group.max.size'].map(themeOf)).toEqual([
      'Addresses and ports', 'Kinesis', 'General', 'Topics and records', 'Brokers and replication', 'Storage and keys', 'Certificates and rights', 'Consumer groups',
    ])
  })
})
