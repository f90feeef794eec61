import { describe, expect, it } from 'vitest'
import { Reader, WireError } from '../../src/wire/bytes.ts'
import { array, boolean, bytes, defineApi, int16, int32, int64, int8, Message, offset, records, string, struct, uuid } from '../../src/wire/schema.ts'
import { zeroUuid } from '../../src/wire/spec.ts'

const Person = new Message({
  name: string,
  nickname: string.nullable('2+').in('1+').default(null),
  age: int32.in('1-2').default(-1),
  friends: array({ name: string, since: int64.in('2+') }).nullable('2+'),
  home: struct({ street: string, number: int16 }).nullable('2+').in('2+').default(null),
  leader: struct({ id: int32.default(-1), epoch: int32.default(-1) }).tag(0, '2+').default(null),
  tags: array(string).tag(1, '2+'),
}, { versions: '0-3', flexible: '2+', name: 'Person' })

describe('a message', () => {
  it('comes back in every version, absent fields as their defaults', () => {
    const ada = { name: 'Ada', nickname: 'A', age: 36, friends: [{ name: 'Charles', since: 1833 }], home: { street: 'St James', number: 12 } }
    expect(Person.decode(Person.encode({ name: 'Ada', friends: [{ name: 'Charles' }] }, 0), 0))
      .toEqual({ name: 'Ada', nickname: null, age: -1, friends: [{ name: 'Charles', since: 0 }], home: null, leader: null, tags: [] })
    expect(Person.decode(Person.encode(ada, 2), 2)).toEqual({ ...ada, leader: null, tags: [] })
    expect(Person.decode(Person.encode(ada, 3), 3)).toEqual({ ...ada, age: -1, leader: null, tags: [] })
  })

  it('has exactly the bytes of the protocol guide, fixed and flexible', () => {
    expect(Person.encode({ name: 'A', friends: [] }, 0).toString('hex')).toBe('000141' + '00000000')
    expect(Person.encode({ name: 'A', nickname: null, friends: null }, 3).toString('hex')).toBe('0241' + '00' + '00' + 'ff' + '00')
    expect(Person.encode({ name: 'A', friends: [{ name: 'B', since: 1 }], home: { street: 'S', number: 2 } }, 3).toString('hex'))
      .toBe('0241' + '00' + '02' + '0242' + '0000000000000001' + '00' + '01' + '0253' + '0002' + '00' + '00')
  })

  it('sends a tagged field only when it says something: nine bytes for a leader, none for its absence', () => {
    const without = Person.encode({ name: 'A', friends: [] }, 3)
    const withLeader = Person.encode({ name: 'A', friends: [], leader: { id: 7, epoch: 3 } }, 3)
    expect(Person.encode({ name: 'A', friends: [], leader: null, tags: [] }, 3)).toEqual(without)
    expect(withLeader.subarray(without.length - 1).toString('hex')).toBe('01' + '00' + '09' + '00000007' + '00000003' + '00')
    expect(Person.decode(withLeader, 3).leader).toEqual({ id: 7, epoch: 3 })
  })

  it('skips tagged fields it does not know', () => {
    const plain = Person.encode({ name: 'A', friends: [], tags: ['x'] }, 3)
    const body = plain.subarray(0, plain.length - 6)
    expect(plain.subarray(-6).toString('hex')).toBe('010103' + '020278')
    const more = Buffer.concat([body, Buffer.from('02' + '0103020278' + '0902beef', 'hex')])
    expect(Person.decode(more, 3).tags).toEqual(['x'])
  })

  it('refuses tagged fields that come twice, out of order, in crowds, or with a wrong size', () => {
    const body = Person.encode({ name: 'A', friends: [] }, 3).subarray(0, -1)
    const decode = (tags: string) => () => Person.decode(Buffer.concat([body, Buffer.from(tags, 'hex')]), 3)
    expect(decode('02' + '0900' + '0900')).toThrow('tag 9 behind tag 9')
    expect(decode('02' + '0900' + '0800')).toThrow('tag 8 behind tag 9')
    expect(decode('41' + Array.from({ length: 65 }, (_, tag) => `${tag.toString(16).padStart(2, '0')}00`).join(''))).toThrow('65 tagged fields')
    expect(decode('01' + '0008' + '00000007' + '00000003' + '00')).toThrow(WireError)
    expect(decode('01' + '000a' + '00000007' + '00000003' + '00' + '00')).toThrow(/left over \(at leader\)/)
    expect(decode('01' + '097f')).toThrow(WireError)
  })

  it('says where it is damaged', () => {
    const whole = Person.encode({ name: 'A', friends: [{ name: 'B' }, { name: 'C' }] }, 0)
    expect(() => Person.decode(whole.subarray(0, -1), 0)).toThrow('1 bytes wanted, 0 left (at friends[1].name)')
    expect(() => Person.decode(Buffer.concat([whole, Buffer.alloc(1)]), 0)).toThrow('1 bytes behind the end of Person v0')
    expect(() => Person.encode({ name: 'A', friends: null }, 0)).toThrow('null where none is allowed (at friends)')
    expect(() => Person.decode(Buffer.from('000141' + 'ffffffff', 'hex'), 0)).toThrow('null where none is allowed (at friends)')
  })

  it('leaves what follows it to the reader', () => {
    const reader = new Reader(Buffer.concat([Person.encode({ name: 'A', friends: [] }, 0), Buffer.from([9])]))
    expect(Person.decode(reader, 0).name).toBe('A')
    expect(reader.remaining).toBe(1)
  })

  it('has no versions but its own', () => {
    expect(() => Person.encode({ name: 'A', friends: [] }, 4)).toThrow('Person has no version 4')
  })
})

describe('fields', () => {
  it('that must not lose their meaning refuse a version without them', () => {
    const message = new Message({ allow: boolean.in('1+').default(true).essential(), count: int32.in('1+').essential() }, { versions: '0-1' })
    expect(message.encode({ allow: true, count: 0 }, 0)).toHaveLength(0)
    expect(() => message.encode({ allow: false }, 0)).toThrow('false cannot be said in version 0 (at allow)')
    expect(() => message.encode({ count: 1 }, 0)).toThrow(WireError)
  })

  it('for offsets saturate where other int64 are refused', () => {
    const far = Buffer.from('7fffffffffffffff', 'hex')
    expect(new Message({ at: offset }, { versions: '0' }).decode(far, 0).at).toBe(Number.MAX_SAFE_INTEGER)
    expect(() => new Message({ at: int64 }, { versions: '0' }).decode(far, 0)).toThrow(WireError)
  })

  it('of records are written from slices and read as one view', () => {
    const message = new Message({ records: records.nullable(), after: int8 }, { versions: '0-1', flexible: '1+' })
    const slices = [Buffer.alloc(2000, 1), Buffer.alloc(10, 2)]
    for (const version of [0, 1]) {
      const back = message.decode(message.encode({ records: slices, after: 5 }, version), version)
      expect(back).toEqual({ records: Buffer.concat(slices), after: 5 })
      expect(message.decode(message.encode({ records: null, after: 5 }, version), version).records).toBeNull()
      expect(message.decode(message.encode({ records: [], after: 5 }, version), version).records).toHaveLength(0)
    }
  })

  it('left out are written as the zero of their kind', () => {
    const message = new Message({ id: uuid.in('0+'), data: bytes.in('0+'), names: array(string).in('0+'), flag: boolean.in('0+') }, { versions: '0' })
    expect(message.decode(message.encode({}, 0), 0)).toEqual({ id: zeroUuid, data: Buffer.alloc(0), names: [], flag: false })
  })
})

describe('arrays', () => {
  it('are refused when their count cannot fit, before anything is made of them', () => {
    const message = new Message({ items: array({ a: int64, b: string }) }, { versions: '0-1', flexible: '1+' })
    expect(() => message.decode(Buffer.from('7fffffff' + '00'.repeat(64), 'hex'), 0)).toThrow('2147483647 elements do not fit in 64 bytes (at items)')
    expect(() => message.decode(Buffer.from('00000007' + '00'.repeat(64), 'hex'), 0), 'ten bytes each').toThrow(WireError)
    expect(() => message.decode(Buffer.from('ffffffff0f' + '00'.repeat(64), 'hex'), 1)).toThrow(WireError)
  })
})

describe('an API', () => {
  it('may tell clients of more versions than it serves', () => {
    const api = defineApi({ key: 99, name: 'Test', versions: '3-5', advertised: '0-5', flexible: 'none', request: { a: int8 }, response: { b: int8 } })
    expect(api.versions).toEqual({ first: 3, last: 5 })
    expect(api.advertised).toEqual({ first: 0, last: 5 })
    expect(api.request.isFlexible(5)).toBe(false)
    expect(() => api.request.decode(Buffer.from([1]), 2)).toThrow('TestRequest has no version 2')
  })
})
