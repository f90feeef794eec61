// What README says is there is what is there: the tables of APIs, operations, scenarios, scripts and commands.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
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

  it('shows the samples that there are', () => {
    expect(readme).toContain('schemas/orders-value.v1.avsc')
    expect(() => readFileSync(join(root, 'schemas/orders-value.v1.avsc'))).not.toThrow()
  })
})
