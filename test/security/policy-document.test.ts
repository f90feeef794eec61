import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { globMatches, PolicyFault } from '../../src/security/policy-conditions.ts'
import { askPolicy, type Policy, parsePolicy, policyBytesMax, type PolicyQuestion } from '../../src/security/policy-document.ts'

const account = '123456789012'
const resource = `arn:aws:kinesis:us-east-1:${account}:stream/orders`
const alice = `arn:aws:iam::${account}:user/CN=alice`
const actions = ['kinesis:PutRecord', 'kinesis:PutRecords', 'kinesis:GetRecords', 'kinesis:DescribeStream']
const statement = { Effect: 'Allow', Principal: { AWS: alice }, Action: 'kinesis:PutRecord', Resource: resource }
const whole = (change: object = {}): object => ({ Version: '2012-10-17', Statement: [{ ...statement, ...change }] })

function parse(document: unknown): Policy | PolicyFault {
  return parsePolicy(typeof document === 'string' ? document : JSON.stringify(document), { resource, account, actions })
}

function policy(document: unknown): Policy {
  const parsed = parse(document)
  if (parsed instanceof PolicyFault) throw new Error(parsed.message)
  return parsed
}

function question(change: Partial<PolicyQuestion> = {}): PolicyQuestion {
  return {
    principal: { type: 'User', name: 'CN=alice' }, action: 'kinesis:PutRecord', host: '10.1.2.3', isEncrypted: true, nowMs: Date.UTC(2026, 10, 22, 12), account, region: 'us-east-1', ...change,
  }
}

const said = (change: object, asked: Partial<PolicyQuestion> = {}): string | undefined => askPolicy(policy(whole(change)), question(asked))?.effect

describe('a policy is read', () => {
  it.each<[string, unknown]>([
    ['one statement that is not in a list', { Statement: statement }],
    ['the older version, an id, Sids', { Version: '2008-10-17', Id: 'x', Statement: [{ ...statement, Sid: 'First' }, { ...statement, Sid: '' }, statement] }],
    ['lists of everything', whole({ Principal: { AWS: [alice, '*', account, `arn:aws:iam::${account}:root`] }, Action: ['kinesis:PutRecord', 'kinesis:*'], Resource: [resource, '*'] })],
    ['any action', whole({ Action: '*' })],
    ['an action in other letters', whole({ Action: 'Kinesis:putrecord' })],
    ['a resource with wildcards', whole({ Resource: 'arn:aws:kinesis:*:*:stream/ord*' })],
    ['as large as may be', JSON.stringify(whole()).padEnd(policyBytesMax)],
  ])('%s', (_what, document) => {
    expect(parse(document)).not.toBeInstanceOf(PolicyFault)
  })

  it.each<[string, unknown, string]>([
    ['no JSON', '{', 'it is not JSON'],
    ['a list', [], 'the policy must be an object'],
    ['null', null, 'the policy must be an object'],
    ['too large', JSON.stringify(whole()).padEnd(policyBytesMax + 1), 'it has 20481 bytes, more than 20480'],
    ['an element twice', JSON.stringify(whole()).replace('"Effect":"Allow"', '"Effect":"Deny","Effect":"Allow"'), 'an element stands in it twice'],
    ['another version', { ...whole(), Version: '2020-01-01' }, 'its Version must be 2012-10-17 or 2008-10-17, not "2020-01-01"'],
    ['no statement', { Version: '2012-10-17' }, 'it has no Statement'],
    ['no statement in the list', { Statement: [] }, 'it has no Statement'],
    ['an unknown element', { ...whole(), Statements: [] }, 'the policy has the element Statements, which is not supported here; these are: Version, Id, Statement'],
    ['NotPrincipal', whole({ NotPrincipal: '*' }), 'statement 1 has the element NotPrincipal, which is not supported here; these are: Sid, Effect, Principal, Action, NotAction, Resource, Condition'],
    ['NotResource', whole({ NotResource: '*' }), 'statement 1 has the element NotResource, which is not supported here; these are: Sid, Effect, Principal, Action, NotAction, Resource, Condition'],
    ['another effect', whole({ Effect: 'allow' }), 'the Effect of statement 1 must be Allow or Deny, not "allow"'],
    ['no effect', whole({ Effect: undefined }), 'the Effect of statement 1 must be Allow or Deny, not missing'],
    ['a Sid with a space', whole({ Sid: 'a b' }), 'the Sid of statement 1 must have letters and digits only, not "a b"'],
    ['one Sid twice', { Statement: [{ ...statement, Sid: 'A' }, { ...statement, Sid: 'A' }] }, 'two statements have the Sid A'],
    ['no principal', whole({ Principal: undefined }), 'the Principal of statement 1 must be an object'],
    ['a service', whole({ Principal: { Service: 'lambda.amazonaws.com' } }), 'the Principal of statement 1 has the element Service, which is not supported here; these are: AWS'],
    ['an empty list of principals', whole({ Principal: { AWS: [] } }), 'the Principal of statement 1 must be "*" or {"AWS": …} with a text or a list of texts'],
    ['another account', whole({ Principal: { AWS: '999999999999' } }),
      `the Principal 999999999999 of statement 1 is nobody of the account ${account}: name "*", arn:aws:iam::${account}:root or users such as arn:aws:iam::${account}:user/CN=alice`],
    ['a user of another account', whole({ Principal: { AWS: 'arn:aws:iam::999999999999:user/x' } }), 'the Principal arn:aws:iam::999999999999:user/x of statement 1 is nobody'],
    ['users by a wildcard', whole({ Principal: { AWS: `arn:aws:iam::${account}:user/*` } }), `the Principal arn:aws:iam::${account}:user/* of statement 1 is nobody`],
    ['no action', whole({ Action: undefined }), 'statement 1 must have either an Action or a NotAction, a text or a list of texts'],
    ['Action and NotAction', whole({ NotAction: 'kinesis:GetRecords' }), 'statement 1 must have either an Action or a NotAction, a text or a list of texts'],
    ['a slip of the pen', whole({ Action: ['kinesis:PutRecord', 'kinesis:PutRecrod'] }), 'the Action kinesis:PutRecrod of statement 1 is none of Kinesis; write it as kinesis:PutRecord or kinesis:Get*'],
    ['an action of another service', whole({ Action: 's3:*' }), 'the Action s3:* of statement 1 is none of Kinesis'],
    ['no resource', whole({ Resource: undefined }), 'the Resource of statement 1 must be a text or a list of texts'],
    ['another resource', whole({ Resource: `${resource}2` }), `the Resource ${resource}2 of statement 1 is not ${resource}, which the policy is put on`],
    ['a condition that is none', whole({ Condition: [] }), 'in statement 1, Condition must be an object of condition operators'],
    ['an operator without keys', whole({ Condition: { StringEquals: 'x' } }), 'in statement 1, the condition operator StringEquals must be an object of condition keys'],
    ['an unknown operator', whole({ Condition: { StringMatches: { 'aws:username': 'x' } } }), 'in statement 1, the condition operator StringMatches is not supported here; these are, also with IfExists: StringEquals,'],
    ['an operator over sets', whole({ Condition: { 'ForAnyValue:StringEquals': { 'aws:username': 'x' } } }), 'in statement 1, the condition operator ForAnyValue:StringEquals is not supported here'],
    ['an unknown key', whole({ Condition: { StringEquals: { 'aws:SourceVpce': 'x' } } }), 'in statement 1, the condition key aws:SourceVpce is not supported here; these are: aws:principalarn,'],
    ['a key that does not fit', whole({ Condition: { IpAddress: { 'aws:username': '10.0.0.0/8' } } }), 'in statement 1, the condition operator IpAddress does not fit the condition key aws:username'],
    ['no address', whole({ Condition: { IpAddress: { 'aws:SourceIp': ['10.0.0.0/8', '10.0.0.0/33'] } } }), 'in statement 1, the value of aws:SourceIp under IpAddress is not of its kind: 10.0.0.0/33'],
    ['no time', whole({ Condition: { DateLessThan: { 'aws:CurrentTime': 'tomorrow' } } }), 'in statement 1, the value of aws:CurrentTime under DateLessThan is not of its kind: tomorrow'],
    ['no flag', whole({ Condition: { Bool: { 'aws:SecureTransport': 'yes' } } }), 'in statement 1, the value of aws:SecureTransport under Bool is not of its kind: yes'],
    ['a number', whole({ Condition: { StringEquals: { 'aws:username': 1 } } }), 'in statement 1, the value of aws:username under StringEquals must be a text or a list of texts'],
    ['no value', whole({ Condition: { StringEquals: { 'aws:username': [] } } }), 'in statement 1, the value of aws:username under StringEquals must be a text or a list of texts'],
    ['a policy variable', whole({ Condition: { StringEquals: { 'aws:username': '${aws:username}' } } }), 'in statement 1, the value of aws:username under StringEquals has a policy variable, which is not supported here: ${aws:username}'],
    ['nesting without end', '['.repeat(10_000), 'it is not JSON'],
  ])('but not with %s', (_what, document, message) => {
    const fault = parse(document)
    expect(fault).toBeInstanceOf(PolicyFault)
    expect((fault as PolicyFault).message.startsWith(message), (fault as PolicyFault).message).toBe(true)
  })
})

describe('a policy speaks of', () => {
  it('the principals that it names', () => {
    expect(said({})).toBe('Allow')
    expect(said({}, { principal: { type: 'User', name: 'CN=bob' } })).toBeUndefined()
    expect(said({}, { principal: { type: 'Service', name: 'CN=alice' } })).toBeUndefined()
    expect(said({ Principal: '*' }, { principal: { type: 'User', name: 'CN=bob' } })).toBe('Allow')
    expect(said({ Principal: { AWS: ['*'] } }, { principal: { type: 'User', name: 'CN=bob' } })).toBe('Allow')
    expect(said({ Principal: { AWS: `arn:aws:iam::${account}:user/CN=Jo%20Smith` } }, { principal: { type: 'User', name: 'CN=Jo Smith' } })).toBe('Allow')
  })

  it.each([account, `arn:aws:iam::${account}:root`])('everybody where it denies the account (%s), and nobody where it allows it', AWS => {
    expect(said({ Effect: 'Deny', Principal: { AWS } })).toBe('Deny')
    expect(said({ Effect: 'Allow', Principal: { AWS } })).toBeUndefined()
  })

  it('the actions that it names, or all others', () => {
    expect(said({ Action: 'kinesis:Put*' }, { action: 'kinesis:PutRecords' })).toBe('Allow')
    expect(said({ Action: 'kinesis:PutRecor?' }, { action: 'kinesis:PutRecords' })).toBeUndefined()
    expect(said({ Action: 'KINESIS:PUTRECORD' })).toBe('Allow')
    expect(said({ Action: undefined, NotAction: ['kinesis:PutRecord', 'kinesis:Get*'] })).toBeUndefined()
    expect(said({ Action: undefined, NotAction: ['kinesis:PutRecord', 'kinesis:Get*'] }, { action: 'kinesis:DescribeStream' })).toBe('Allow')
  })

  it('a Deny before any Allow, and by which statement', () => {
    const both = policy({ Statement: [{ ...statement, Sid: 'Let' }, { ...statement, Effect: 'Deny', Action: 'kinesis:PutRecords' }] })
    expect(askPolicy(both, question())).toEqual({ effect: 'Allow', statement: 'Let' })
    expect(askPolicy(both, question({ action: 'kinesis:PutRecords' }))).toEqual({ effect: 'Deny', statement: '#2' })
    expect(askPolicy(both, question({ action: 'kinesis:GetRecords' }))).toBeUndefined()
  })
})

describe('a condition', () => {
  const holds = (Condition: object, asked: Partial<PolicyQuestion> = {}): boolean => said({ Principal: '*', Condition }, asked) === 'Allow'

  it.each<[object, Partial<PolicyQuestion>, boolean]>([
    [{ StringEquals: { 'aws:username': 'CN=alice' } }, {}, true],
    [{ StringEquals: { 'AWS:UserName': ['x', 'CN=alice'] } }, {}, true],
    [{ StringEquals: { 'aws:username': 'cn=ALICE' } }, {}, false],
    [{ StringEqualsIgnoreCase: { 'aws:username': 'cn=ALICE' } }, {}, true],
    [{ StringNotEqualsIgnoreCase: { 'aws:username': 'cn=ALICE' } }, {}, false],
    [{ StringNotEquals: { 'aws:username': ['CN=bob', 'CN=carol'] } }, {}, true],
    [{ StringNotEquals: { 'aws:username': ['CN=bob', 'CN=alice'] } }, {}, false],
    [{ StringLike: { 'aws:username': 'CN=al*' } }, {}, true],
    [{ StringNotLike: { 'aws:username': 'CN=al*' } }, {}, false],
    [{ StringEquals: { 'aws:username': 'x' } }, { principal: { type: 'Service', name: 'x' } }, false],
    [{ StringNotEquals: { 'aws:username': 'x' } }, { principal: { type: 'Service', name: 'x' } }, true],
    [{ StringEqualsIfExists: { 'aws:username': 'x' } }, { principal: { type: 'Service', name: 'x' } }, true],
    [{ Null: { 'aws:username': 'true' } }, { principal: { type: 'Service', name: 'x' } }, true],
    [{ Null: { 'aws:username': true } }, {}, false],
    [{ Null: { 'aws:username': 'false' } }, {}, true],
    [{ StringEquals: { 'aws:PrincipalAccount': account, 'aws:RequestedRegion': 'us-east-1' } }, {}, true],
    [{ StringEquals: { 'aws:PrincipalAccount': account, 'aws:RequestedRegion': 'eu-west-1' } }, {}, false],
    [{ ArnLike: { 'aws:PrincipalArn': `arn:aws:iam::${account}:user/CN=*` } }, {}, true],
    [{ ArnEquals: { 'aws:PrincipalArn': 'arn:*:iam:*:*:user/CN=alice' } }, {}, true],
    [{ ArnLike: { 'aws:PrincipalArn': 'arn:*:user/CN=alice:*:*:*' } }, {}, false],
    [{ ArnNotLike: { 'aws:PrincipalArn': `arn:aws:iam::${account}:user/CN=b*` } }, {}, true],
    [{ IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } }, {}, true],
    [{ IpAddress: { 'aws:SourceIp': ['192.168.0.0/16', '10.1.2.3'] } }, {}, true],
    [{ IpAddress: { 'aws:SourceIp': '10.1.2.4' } }, {}, false],
    [{ NotIpAddress: { 'aws:SourceIp': '10.0.0.0/8' } }, {}, false],
    [{ NotIpAddress: { 'aws:SourceIp': '2001:db8::/32' } }, {}, true],
    [{ IpAddress: { 'aws:SourceIp': '2001:db8::/32' } }, { host: '2001:db8::17' }, true],
    [{ IpAddress: { 'aws:SourceIp': '0.0.0.0/0' } }, { host: '' }, false],
    [{ IpAddressIfExists: { 'aws:SourceIp': '10.0.0.0/8' } }, { host: '' }, true],
    [{ Bool: { 'aws:SecureTransport': 'true' } }, {}, true],
    [{ Bool: { 'aws:SecureTransport': false } }, {}, false],
    [{ Bool: { 'aws:SecureTransport': false } }, { isEncrypted: false }, true],
    [{ DateLessThan: { 'aws:CurrentTime': '2026-11-22T12:00:01Z' } }, {}, true],
    [{ DateLessThan: { 'aws:CurrentTime': '2026-11-22T12:00:00Z' } }, {}, false],
    [{ DateLessThanEquals: { 'aws:CurrentTime': '2026-11-22T13:00:00+01:00' } }, {}, true],
    [{ DateGreaterThan: { 'aws:EpochTime': String(Date.UTC(2026, 10, 22, 12) / 1_000 - 1) } }, {}, true],
    [{ DateGreaterThanEquals: { 'aws:CurrentTime': '2026-11-23' } }, {}, false],
    [{ DateEquals: { 'aws:CurrentTime': '2026-11-22T12:00Z' } }, {}, true],
    [{ DateNotEquals: { 'aws:CurrentTime': '2026-11-22T12:00Z' } }, {}, false],
    [{ StringEquals: { 'aws:username': 'CN=alice' }, IpAddress: { 'aws:SourceIp': '192.168.0.0/16' } }, {}, false],
    [{}, {}, true],
  ])('%j of %j is %s', (condition, asked, expected) => {
    expect(holds(condition, asked)).toBe(expected)
  })

  it('with wildcards matches what they stand for', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 8 })
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?', '.'), maxLength: 8 })
    fc.assert(fc.property(pattern, text, (glob, one) => {
      const source = glob.replaceAll('.', '\\.').replaceAll('?', '.').replaceAll('*', '.*')
      expect(globMatches(glob, one)).toBe(new RegExp(`^${source}$`).test(one))
    }), { seed: 3, numRuns: 5_000 })
    // Which would take a regular expression ages.
    expect(globMatches('*a'.repeat(60), 'a'.repeat(200) + 'b')).toBe(false)
  })
})
