import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { iamArnOf, principalOf } from '../../src/security/iam.ts'

const account = '123456789012'
const user = (name: string) => ({ type: 'User', name })

describe('principals and IAM ARNs', () => {
  it.each([
    [user('CN=alice'), 'arn:aws:iam::123456789012:user/CN=alice'],
    [user('bob@example.com'), 'arn:aws:iam::123456789012:user/bob@example.com'],
    [user('CN=Jo Smith/ops:é'), 'arn:aws:iam::123456789012:user/CN=Jo%20Smith%2Fops%3A%C3%A9'],
    [{ type: 'Service', name: 'x' }, 'arn:aws:iam::123456789012:Service/x'],
    [{ type: 'user', name: 'x' }, 'arn:aws:iam::123456789012:%75ser/x'],
  ])('%j is %s', (principal, arn) => {
    expect(iamArnOf(principal, account)).toBe(arn)
    expect(principalOf(arn, account)).toEqual(principal)
  })

  it.each([
    'arn:aws:iam::999999999999:user/CN=alice', 'arn:aws:iam::123456789012:root', 'arn:aws:iam::123456789012:user/', 'arn:aws:iam::123456789012:user/CN=Jo Smith',
    'arn:aws:iam::123456789012:user/%41', 'arn:aws:iam::123456789012:user/%zz', 'arn:aws:sts::123456789012:assumed-role/x', '*', 'CN=alice',
  ])('%s is no principal\'s', arn => {
    expect(principalOf(arn, account)).toBeUndefined()
  })

  it('stand for each other, one to one', () => {
    const principal = fc.record({ type: fc.oneof(fc.constantFrom('User', 'user', 'Group'), fc.string({ minLength: 1, unit: 'grapheme' })), name: fc.string({ minLength: 1, unit: 'grapheme' }) })
    fc.assert(fc.property(principal, one => {
      expect(principalOf(iamArnOf(one, account), account)).toEqual(one)
    }), { seed: 5, numRuns: 2_000 })
  })
})
