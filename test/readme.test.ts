// What README says is there is what is there: the tables of APIs, operations, scenarios, scripts and commands.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { aclsCommand } from '../src/cli/acls.ts'
import { accessKeysCommand } from '../src/cli/access-keys.ts'
import { brokerCommand } from '../src/cli/broker.ts'
import { certsCommand } from '../src/cli/certs.ts'
import { compareCommand } from '../src/cli/compare.ts'
import { dlqCommand } from '../src/cli/dlq.ts'
import { kinesisCommand } from '../src/cli/kinesis.ts'
import { kmsCommand } from '../src/cli/kms.ts'
import { tokenCommand } from '../src/cli/token.ts'
import { topicsCommand } from '../src/cli/topics.ts'
import { scenarios } from '../src/compare/scenarios/index.ts'
import { settings } from '../src/config.ts'
import { apis } from '../src/kafka/apis/index.ts'
import { operations } from '../src/kinesis/operations/index.ts'

const root = join(import.meta.dirname, '..')
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> }

describe('README', () => {
  it('lists every Kafka API in the versions that are served, and no other', () => {
    const line = readme.split('\n').find(one => one.startsWith('**Kafka**: '))!
    const listed = line.replace('**Kafka**: ', '').replace(/\.$/, '').split(' · ')
    expect(listed).toEqual(apis.map(({ definition: { key, name, versions } }) => `${name} (${key}) ${versions.first}-${versions.last}`))
  })

  it('lists every Kinesis operation that is served, and no other', () => {
    const [, listed] = /\*\*Kinesis\*\*: ([^.]*)\./.exec(readme)!
    expect(listed!.split(', ')).toEqual(operations.map(one => one.operation.name).toSorted())
  })

  it('names every scenario of the comparison', () => {
    for (const { slug } of scenarios) expect(readme).toContain(`\`${slug}\``)
  })

  it('uses only scripts and settings that exist', () => {
    const used = [...readme.matchAll(/npm (?:run )?(start|test|check|sim|bench|compare|dev)\b/g)].map(one => one[1]!)
    expect(used.filter(name => scripts[name] === undefined)).toEqual([])
    const flags = [...readme.matchAll(/(?:npm start -- |`)--([a-z-]+)/g)].map(one => one[1]!).filter(name => !['help', 'format', 'seed', 'gateway'].includes(name))
    expect(flags.filter(flag => !Object.keys(settings).some(name => name.replaceAll('.', '-') === flag))).toEqual([])
  })

  it('shows only commands, and options of them, that exist', () => {
    const commands = [aclsCommand(), accessKeysCommand(), brokerCommand(), certsCommand(), compareCommand(), dlqCommand(), kinesisCommand(), kmsCommand(), tokenCommand(), topicsCommand()]
    const shown = [...readme.matchAll(/(?:npx sluice|`sluice|npm run compare --) ([^`#\n]+)/g)].map(one => (one[0].startsWith('npm') ? `compare ${one[1]}` : one[1]!))
    expect(shown.length).toBeGreaterThan(15)
    const unknown = shown.flatMap(line => {
      const words = line.trim().split(/ +/)
      let command: Command | undefined
      for (const among of [commands, undefined]) {
        const next: Command | undefined = (among ?? command?.commands ?? []).find(one => one.name() === words[0])
        if (next === undefined) break
        command = next
        words.shift()
      }
      if (command === undefined || command.commands.length > 0) return [line]
      const options = command.options.map(one => one.long)
      return words.filter(word => word.startsWith('--') && !options.includes(word)).map(word => `${line}: ${word}`)
    })
    expect(unknown).toEqual([])
    for (const [, name] of readme.matchAll(/^npx sluice broker list +# (.*)$/gm)) {
      const known = brokerCommand().commands.map(one => one.name())
      expect(name!.split(', ').filter(one => !known.includes(one))).toEqual([])
    }
  })

  it('shows the samples that there are', () => {
    expect(readme).toContain('schemas/orders-value.v1.avsc')
    expect(() => readFileSync(join(root, 'schemas/orders-value.v1.avsc'))).not.toThrow()
  })
})
