// What a guid is made of: the bytes of Confluent's digest, put together by hand.
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { guidOf } from '../../src/registry/identity.ts'
import { readMetadata, type Metadata } from '../../src/registry/metadata.ts'
import { readRuleSet, type RuleSet } from '../../src/registry/rule-set.ts'

const uuid = (...parts: (string | readonly number[])[]): string => {
  const bytes = Buffer.concat(parts.map(part => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))))
  return createHash('md5').update(bytes).digest('hex').replace(/(.{8})(.{4})(.{4})(.{4})(.*)/, '$1-$2-$3-$4-$5')
}
const nothing = { references: [], metadata: undefined, ruleSet: undefined }
const metadata = readMetadata({ tags: { 'b.y': ['T2', 'T1'], 'a.x': ['T1'] }, properties: { z: '1', k: '2' }, sensitive: ['z', 'k'] }) as Metadata
const ruleSet = readRuleSet({
  domainRules: [{ name: 'd', doc: 'why', kind: 'CONDITION', mode: 'WRITE', type: 'CEL', tags: ['Z', 'A'], params: { q: '1', b: '2' }, expr: 'true', onSuccess: 'NONE', onFailure: 'DLQ', disabled: true }],
  migrationRules: [{ name: 'm', mode: 'UPGRADE', type: 'JSONATA' }], encodingRules: [{ name: 'e', type: 'ENCRYPT' }], enableAt: 'CLIENT',
}) as RuleSet

test.each([
  ['a text alone', { text: '"string"', ...nothing }, '095d71cf-1255-6b9d-5e33-0ad575b3df5d'],
  ['references, in their order', { text: 't', ...nothing, references: [{ name: 'n', subject: 's', version: 258 }, { name: 'a', subject: 'b', version: 1 }] }, uuid('tns', [0, 0, 1, 2], 'ab', [0, 0, 0, 1])],
  ['metadata, sorted', { text: 't', ...nothing, metadata }, uuid('t', [1], 'a.xT1b.yT1T2', 'k2z1', 'kz')],
  ['empty metadata', { text: 't', ...nothing, metadata: {} }, uuid('t', [1])],
  ['rules', { text: 't', ...nothing, ruleSet }, uuid('t', [1], 'mTRANSFORMUPGRADEJSONATA', 'dwhyCONDITIONWRITECEL', 'AZ', 'b2q1', 'trueNONEDLQ', [1], 'eTRANSFORMWRITEREADENCRYPT', 'CLIENT')],
  ['metadata and an empty rule set', { text: 'ü', ...nothing, metadata, ruleSet: {} }, uuid('ü', [1], 'a.xT1b.yT1T2', 'k2z1', 'kz', [1])],
] as const)('of %s', (_what, content, expected) => {
  expect(guidOf(content)).toBe(expected)
})
