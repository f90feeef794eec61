import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { subjectOf } from '../../src/security/distinguished-name.ts'
import { formatPrincipal, hostOf, parsePrincipal } from '../../src/security/principal.ts'
import { readMappingRules, wholeName } from '../../src/security/principal-mapping.ts'
import type { Attribute, Name } from '../support/odd-certificates.ts'
import { cn, oddCertificate } from '../support/odd-certificates.ts'

// One key for all: only names are looked at.
const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const subject = (...rdns: Name) => subjectOf(oddCertificate({ subject: rdns, keys }).der)
const text = (...rdns: Name) => {
  const found = subject(...rdns)
  return 'text' in found ? found.text : `refused: ${found.refused}`
}
const attribute = (type: string, value: string | Buffer, tag = 0x0c): Attribute => ({ type, value, tag })
const country = attribute('2.5.4.6', 'US', 0x13)
const organisation = attribute('2.5.4.10', 'Acme, Inc.')

describe('a principal', () => {
  it('is read back from its text, colons in its name and all', () => {
    for (const name of ['CN=alice', 'a:b:c', 'ANONYMOUS', '*', ' ']) {
      expect(parsePrincipal(formatPrincipal({ type: 'User', name }))).toEqual({ type: 'User', name })
    }
  })

  it('needs a type and a name', () => {
    for (const bad of ['', ':', 'User:', ':x', 'alice']) expect(parsePrincipal(bad)).toBeUndefined()
  })
})

describe('a host', () => {
  it('is the address without what sockets add to it', () => {
    expect(hostOf('::ffff:127.0.0.1')).toBe('127.0.0.1')
    expect(hostOf('127.0.0.1')).toBe('127.0.0.1')
    expect(hostOf('::1')).toBe('::1')
    expect(hostOf('fe80::1%eth0')).toBe('fe80::1')
    expect(hostOf('::ffff:abcd')).toBe('::ffff:abcd')
    expect(hostOf(undefined)).toBe('')
  })
})

describe('the name in a certificate', () => {
  it('is written last RDN first, as Java and so Kafka do', () => {
    expect(text([cn('alice')])).toBe('CN=alice')
    expect(text([country], [organisation], [attribute('2.5.4.11', 'Sales')], [cn('alice')])).toBe('CN=alice,OU=Sales,O=Acme\\, Inc.,C=US')
  })

  it('joins the parts of one RDN with a plus, in their order', () => {
    expect(text([country], [attribute('2.5.4.11', 'a'), attribute('0.9.2342.19200300.100.1.1', 'u1'), cn('alice')])).toBe('OU=a+UID=u1+CN=alice,C=US')
  })

  it('knows the keywords of RFC 2253 and writes other types as numbers and bytes', () => {
    const keywords = [['2.5.4.7', 'L'], ['2.5.4.8', 'ST'], ['2.5.4.9', 'STREET'], ['0.9.2342.19200300.100.1.25', 'DC']] as const
    for (const [type, keyword] of keywords) expect(text([attribute(type, 'x')])).toBe(`${keyword}=x`)
    expect(text([cn('alice')], [attribute('1.2.840.113549.1.9.1', 'a@b', 0x16)])).toBe('1.2.840.113549.1.9.1=#1603614062,CN=alice')
    expect(text([attribute('2.999.1', 'x')])).toBe('2.999.1=#0c0178')
  })

  it('escapes what would read as another name', () => {
    expect(text([cn('a,O=b')])).toBe('CN=a\\,O\\=b')
    expect(text([cn('a+b"c\\d<e>f;g#h')])).toBe('CN=a\\+b\\"c\\\\d\\<e\\>f\\;g\\#h')
    expect(text([cn('  a b ')])).toBe('CN=\\ \\ a b\\ ')
    expect(text([cn('Ünïcode 漢字 😀')])).toBe('CN=Ünïcode 漢字 😀')
  })

  it('can be split again into the parts it was made of', () => {
    const value = fc.string({ unit: fc.constantFrom('a', ',', '+', '=', '\\', ' ', '#', '"', 'é'), minLength: 1, maxLength: 8 })
    fc.assert(fc.property(fc.array(value, { minLength: 1, maxLength: 4 }), values => {
      const written = text(...values.map(one => [attribute('2.5.4.11', one)]))
      const parts = [...written.matchAll(/OU=((?:\\.|[^\\,+])*)(?:,|$)/gu)].map(([, part]) => part!.replace(/\\(.)/gu, '$1'))
      expect(parts.reverse()).toEqual(values)
    }), { numRuns: 500 })
  })

  it('is refused where two readers could disagree on it', () => {
    expect(text([cn('alice')], [cn('admin')])).toBe('refused: the subject has more than one CN')
    expect(text([cn('alice'), cn('admin')])).toBe('refused: the subject has more than one CN')
    expect(text([cn('alice\u0000.evil')])).toBe('refused: CN has a control character')
    expect(text([cn('alice\nCN=admin')])).toBe('refused: CN has a control character')
    expect(text([cn('alice\u0085')])).toBe('refused: CN has a control character')
    expect(text([cn(Buffer.from([0x61, 0xff]))])).toBe('refused: CN is not UTF-8')
    expect(text([cn(Buffer.from([0xc0, 0x80]))])).toBe('refused: CN is not UTF-8')
    expect(text([cn(Buffer.from([0xed, 0xa0, 0x80]))])).toBe('refused: CN is not UTF-8')
    expect(text([cn(Buffer.from('alicé', 'latin1'), 0x13)])).toBe('refused: CN has bytes that its string type does not allow')
    expect(text([cn('alice', 0x14)])).toContain('CN has string type 0x14') // TeletexString
    expect(text([cn(Buffer.from('\u0000a'), 0x1e)])).toContain('CN has string type 0x1e') // BMPString
    expect(text([cn('')])).toBe('refused: CN is empty')
    expect(text()).toBe('refused: the subject is empty')
    expect(text([])).toBe('refused: the subject has an empty RDN')
    expect(text(...Array.from({ length: 65 }, () => [attribute('2.5.4.11', 'x')]))).toBe('refused: the subject has more than 64 attributes')
  })

  it('is read from other people\'s certificates as OpenSSL reads it', () => {
    const { der } = oddCertificate({ subject: [[country], [organisation], [cn('alice')]], keys })
    expect(new X509Certificate(der).subject).toBe('C=US\nO=Acme\\, Inc.\nCN=alice')
    expect(subjectOf(der)).toEqual({ text: 'CN=alice,O=Acme\\, Inc.,C=US' })
  })

  it('is refused, and nothing else happens, for every truncation and every changed byte', () => {
    const { der } = oddCertificate({ subject: [[country], [organisation], [cn('alice')]], keys })
    for (let length = 0; length < der.length; length++) expect(subjectOf(der.subarray(0, length))).toHaveProperty('refused')
    for (let at = 0; at < der.length; at++) {
      for (const change of [0x01, 0x80, 0xff]) {
        const damaged = Buffer.from(der)
        damaged[at]! ^= change
        const found = subjectOf(damaged)
        expect('text' in found || 'refused' in found).toBe(true)
      }
    }
  })
})

describe('principal mapping', () => {
  const dn = 'CN=kafka1,OU=Service Users,O=Acme\\, Inc.,L=Berlin,ST=unknown,C=DE'

  it('without rules, or by DEFAULT, is the whole name', () => {
    expect(wholeName.nameOf(dn)).toBe(dn)
    expect(readMappingRules('').nameOf(dn)).toBe(dn)
    expect(readMappingRules(' DEFAULT ').nameOf(dn)).toBe(dn)
  })

  it('takes the first rule that matches the whole name', () => {
    const rules = readMappingRules('RULE:^CN=(.*?),OU=Service Users.*$/$1/, RULE:^CN=(.*?),OU=(.*?),O=.*$/$1@$2/L , DEFAULT')
    expect(rules.nameOf(dn)).toBe('kafka1')
    expect(rules.nameOf('CN=Duke,OU=JavaSoft,O=Sun')).toBe('duke@javasoft')
    expect(rules.nameOf('CN=x')).toBe('CN=x')
  })

  it('matches the whole name and not a part of it', () => {
    const rules = readMappingRules('RULE:CN=admin/admin/')
    expect(rules.nameOf('CN=admin')).toBe('admin')
    expect(rules.nameOf('OU=x,CN=admin')).toBeUndefined()
    expect(rules.nameOf('CN=admin,OU=x')).toBeUndefined()
  })

  it('gives nothing where no rule matches, which refuses the peer', () => {
    expect(readMappingRules('RULE:^UID=(.*)$/$1/').nameOf(dn)).toBeUndefined()
  })

  it('changes case where the rule says so', () => {
    expect(readMappingRules('RULE:^CN=(.*?),.*$/$1/U').nameOf(dn)).toBe('KAFKA1')
    expect(readMappingRules('RULE:^CN=(.*?),.*$/$1/L').nameOf('CN=ALICE,O=x')).toBe('alice')
  })

  it('finds commas and escaped slashes inside rules', () => {
    const rules = readMappingRules('RULE:^CN=([^,]*),OU=a\\/b$/$1\\/x/,RULE:^CN=(.*),O=Acme\\\\, Inc\\.,.*$/$1,y/')
    expect(rules.nameOf('CN=z,OU=a/b')).toBe('z/x')
    expect(rules.nameOf('CN=z,O=Acme\\, Inc.,C=DE')).toBe('z,y')
  })

  it('takes a reference to no group as text', () => {
    const nameOf = (replacement: string) => readMappingRules(`RULE:^CN=(.*?),OU=(.*?),.*$/${replacement}/`).nameOf('CN=a,OU=b,O=c')
    expect(nameOf('$1-$2')).toBe('a-b')
    expect(nameOf('$3')).toBe('$3')
    expect(nameOf('$12')).toBe('a2')
    expect(nameOf('$')).toBe('$')
    expect(nameOf('\\$1')).toBe('$1')
    expect(nameOf('$0')).toBe('CN=a,OU=b,O=c')
  })

  it('refuses rules it cannot read, and names what', () => {
    for (const bad of ['RULE:^CN=(.*)$', 'RULE:a/b', 'RULE:a/b/X', 'default', 'DEFAULT;RULE:a/b/', 'RULE:a/b/L U', 'x,DEFAULT', 'DEFAULT,,DEFAULT']) {
      expect(() => readMappingRules(bad), bad).toThrow(/^ssl\.principal\.mapping\.rules: cannot read "/)
    }
    expect(() => readMappingRules('RULE:^(CN=.*$/$1/')).toThrow('"^(CN=.*$" is not one RE2 takes')
    expect(() => readMappingRules('RULE:(?=x)x/y/')).toThrow('is not one RE2 takes')
    expect(() => readMappingRules(Array.from({ length: 65 }, () => 'DEFAULT').join())).toThrow('more than 64 rules')
  })

  it('stays quick on names made to be slow', () => {
    const rules = readMappingRules('RULE:^CN=(a+)+$/$1/,RULE:^(.*)*x$/$1/')
    const started = performance.now()
    expect(rules.nameOf(`CN=${'a'.repeat(5_000)}!`)).toBeUndefined()
    expect(performance.now() - started).toBeLessThan(60_000)
  })
})
