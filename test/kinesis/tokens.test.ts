import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Tokens } from '../../src/kinesis/tokens.ts'
import { random } from './support/kinesis.ts'

const alice = { type: 'User', name: 'alice' }
const bob = { type: 'User', name: 'bob' }
const position = { stream: 'orders', topicId: randomUUID(), shardIndex: 3, offset: 12_345_678_901 }

test('an iterator says what was put into it, whatever the stream and the place', () => {
  const tokens = new Tokens(random)
  const positions = fc.record({
    stream: fc.stringMatching(/^[a-zA-Z0-9_.-]{1,128}$/), topicId: fc.uuid(), shardIndex: fc.nat(2 ** 31 - 1), offset: fc.nat(Number.MAX_SAFE_INTEGER),
  })
  fc.assert(fc.property(positions, fc.nat(2 ** 45), (value, issuedAtMs) => {
    expect(tokens.openIterator(tokens.issueIterator(value, alice, issuedAtMs), alice)).toEqual({ value, issuedAtMs })
  }))
})

test.each([1, 17, 18, 100, 128])('an iterator of a stream with a name of %i characters has AWS\'s size and first bytes', length => {
  const bytes = Buffer.from(new Tokens(random).issueIterator({ ...position, stream: 'x'.repeat(length) }, alice, 0), 'base64')
  expect(bytes.length).toBe(152 + Math.floor((length + 14) / 16) * 16)
  expect(bytes.subarray(0, 8).toString('hex')).toBe('0000000000000001')
})

test('a changed iterator is none: every byte, every length, other base64 of the same bytes', () => {
  const tokens = new Tokens(random)
  const token = tokens.issueIterator(position, alice, 0)
  const bytes = Buffer.from(token, 'base64')
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes)
    changed[at]! ^= 1 << (at % 8)
    expect(tokens.openIterator(changed.toString('base64'), alice)).toBeUndefined()
  }
  for (let length = 0; length <= bytes.length + 200; length++) {
    const cut = length <= bytes.length ? bytes.subarray(0, length) : Buffer.concat([bytes, Buffer.alloc(length - bytes.length)])
    if (length !== bytes.length) expect(tokens.openIterator(cut.toString('base64'), alice), `${length} bytes`).toBeUndefined()
  }
  for (const other of [` ${token}`, `${token}\n`, token.replace('A', '-'), token.replace(/=*$/, ''), `${token}=`]) {
    if (other !== token) expect(tokens.openIterator(other, alice)).toBeUndefined()
  }
  expect(tokens.openIterator(token, alice)).toBeDefined()
})

test('an iterator is of one principal, one key and one purpose', () => {
  const tokens = new Tokens(random)
  const token = tokens.issueIterator(position, alice, 0)
  expect(tokens.openIterator(token, bob)).toBeUndefined()
  expect(new Tokens(random).openIterator(token, alice)).toBeUndefined()
  expect(tokens.openPage('list-shards', token, alice)).toBeUndefined()
  const page = tokens.issuePage('list-streams', { after: 'x'.repeat(120) }, alice, 7)
  expect(tokens.openPage('list-streams', page, alice)).toEqual({ value: { after: 'x'.repeat(120) }, issuedAtMs: 7 })
  expect(tokens.openPage('list-shards', page, alice)).toBeUndefined()
  expect(tokens.openIterator(page, alice)).toBeUndefined()
})

test('two holders of one secret open each other\'s iterators, and no two tokens are the same', () => {
  const [one, other] = [new Tokens(random, 'a secret'), new Tokens(random, 'a secret')]
  const token = one.issueIterator(position, alice, 0)
  expect(other.openIterator(token, alice)?.value).toEqual(position)
  expect(one.issueIterator(position, alice, 0)).not.toBe(token)
})
