import { match } from '@confluentinc/schemaregistry/dist/serde/wildcard-matcher.js'
import { describe, expect, it } from 'vitest'
import { Prng } from '../../../src/base/prng.ts'
import { compileWildcard } from '../../../src/registry/rules/wildcard.ts'
import { seed } from '../../support/seed.ts'

const matches = (name: string, pattern: string): boolean => compileWildcard(pattern).matches(name)

describe('a path of metadata.tags', () => {
  it('has stars within a part, and double ones across dots', () => {
    expect(matches('hr.Person.ssn', 'hr.Person.ssn')).toBe(true)
    expect(matches('hr.Person.ssn', '**.ssn')).toBe(true)
    expect(matches('hr.Person.ssn', '*.ssn')).toBe(false)
    expect(matches('Person.ssn', '*.ssn')).toBe(true)
    expect(matches('$.a.b.c', '$.a.**')).toBe(true)
    expect(matches('$.a.b.c', '$.?.*.c')).toBe(true)
    expect(matches('$.a', '$.a.**')).toBe(false)
    expect(matches('a*b', 'a\\*b')).toBe(true)
    expect(matches('axb', 'a\\*b')).toBe(false)
  })

  it('matches what it matches for Confluent\'s clients, on random patterns and names', () => {
    const prng = new Prng(seed)
    const text = (alphabet: string, max: number): string => Array.from({ length: prng.below(max) }, () => alphabet[prng.below(alphabet.length)]).join('')
    let hits = 0
    for (let round = 0; round < 20_000; round++) {
      const pattern = text('ab.*?', 8)
      const name = text('ab.', 8)
      const ours = matches(name, pattern)
      expect([name, pattern, ours]).toEqual([name, pattern, match(name, pattern)])
      if (ours) hits++
    }
    expect(hits).toBeGreaterThan(500)
  })

  it('takes no longer for stars upon stars', () => {
    expect(matches('a'.repeat(1_000), '**a'.repeat(150) + 'b')).toBe(false)
  })
})
