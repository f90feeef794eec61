// Data contracts at the codec: which rules run on which way, what CEL_FIELD sees, actions, and what is refused at registration.
import { describe, expect, it } from 'vitest'
import { Prng } from '../../../src/base/prng.ts'
import { Withheld } from '../../../src/registry/fault.ts'
import { compilePayload } from '../../../src/registry/payload.ts'
import { type ContractCodec, contractCodec } from '../../../src/registry/rules/contract.ts'
import { readRuleSet, type RuleSet } from '../../../src/registry/rule-set.ts'
import { faultOfRuleSet } from '../../../src/registry/rules/conditions.ts'
import { type Metadata, parseSchema } from '../../../src/registry/schema.ts'
import { seed } from '../../support/seed.ts'

const avro = JSON.stringify({
  type: 'record', name: 'Order', namespace: 'shop',
  fields: [
    { name: 'id', type: 'long' }, { name: 'price', type: 'double' }, { name: 'note', type: ['null', 'string'], default: null, 'confluent:tags': ['TEXT'] },
    { name: 'lines', type: { type: 'array', items: { type: 'record', name: 'Line', fields: [{ name: 'sku', type: 'string' }, { name: 'count', type: 'int' }] } }, default: [] },
    { name: 'labels', type: { type: 'map', values: 'string' }, default: {} }, { name: 'photo', type: 'bytes', default: '' },
  ],
})
const json = JSON.stringify({
  type: 'object', properties: { id: { type: 'integer' }, price: { type: 'number' }, note: { type: 'string', 'confluent:tags': ['TEXT'] }, lines: { type: 'array', items: { type: 'object', properties: { sku: { type: 'string' } } } } },
})

function codec(type: 'AVRO' | 'JSON', text: string, { ruleSet, metadata }: { ruleSet?: RuleSet; metadata?: Metadata }): ContractCodec {
  const schema = parseSchema(type, text, [], { strict: true, normalize: false })
  return contractCodec(compilePayload(schema), { schema, metadata, ruleSet })
}

const rule = (expr: string, more: object = {}): object => ({ name: 'r', kind: 'CONDITION', mode: 'WRITE', type: 'CEL', expr, ...more })
const ruleSetOf = (value: object): RuleSet => {
  const read = readRuleSet(value)
  if ('fault' in read) throw new Error(read.fault)
  return read
}
const at = (enableAt: string, ...domainRules: object[]): RuleSet => ruleSetOf({ enableAt, domainRules })

function encode(of: ContractCodec, value: object): Buffer | { pointer: string; reason: string } {
  return of.encode(value, Buffer.from(JSON.stringify(value)))
}

function bytesOf(of: ContractCodec, value: object): Buffer {
  const bytes = encode(of, value)
  if (!Buffer.isBuffer(bytes)) throw new Error(bytes.reason)
  return bytes
}

const plainAvro = codec('AVRO', avro, {})

describe('a contract without rules to be carried out here and without tags', () => {
  it('leaves the codec as it is', () => {
    const schema = parseSchema('AVRO', '"string"', [], { strict: true, normalize: false })
    const plain = compilePayload(schema)
    const contract = contractCodec(plain, { schema, metadata: undefined, ruleSet: at('CLIENT', rule('false')) })
    expect([contract.encode, contract.check, contract.decode]).toEqual([plain.encode, plain.check, plain.decode])
  })
})

describe('rules', () => {
  it('run on the ways that enableAt names', () => {
    const good = bytesOf(plainAvro, { id: 1, price: 1 })
    for (const [enableAt, encodes, checks] of [['GATEWAY', false, true], ['SERVER', false, false], ['ALL', false, false], ['CLIENT', true, true]] as const) {
      const of = codec('AVRO', avro, { ruleSet: at(enableAt, rule('message.id > 5')) })
      expect([enableAt, Buffer.isBuffer(encode(of, { id: 1, price: 1 })), of.check(good, 0) === null]).toEqual([enableAt, encodes, checks])
    }
  })

  it('see whole numbers as int and others as double, whatever JSON made of them', () => {
    for (const [type, text] of [['AVRO', avro], ['JSON', json]] as const) {
      const of = codec(type, text, { ruleSet: at('ALL', rule('type(message.id) == int && type(message.price) == double && message.id % 2 == 1')) })
      expect(Buffer.isBuffer(encode(of, { id: 9007199254740991, price: 5 }))).toBe(true)
      const exact = Buffer.from('{"id": 9007199254740993, "price": 5}')
      const bytes = of.encode(JSON.parse(exact.toString()), exact)
      expect(Buffer.isBuffer(bytes)).toBe(true)
    }
  })

  it('see defaults, plain union values, bytes, lists and maps', () => {
    const of = codec('AVRO', avro, { ruleSet: at('ALL', rule(
      'message.note == "hi" && message.lines[1].sku == "b" && message.labels["k"] == "v" && message.labels.k == "v" && size(message.photo) == 2 && message.photo == b"\\xff\\x00"',
    )) })
    expect(encode(of, { id: 1, price: 1, note: 'hi', lines: [{ sku: 'a', count: 1 }, { sku: 'b', count: 1 }], labels: { k: 'v' }, photo: '\u00ff\u0000' })).toBeInstanceOf(Buffer)
    expect(encode(codec('AVRO', avro, { ruleSet: at('ALL', rule('message.note == null && message.lines == []')) }), { id: 1, price: 1 })).toBeInstanceOf(Buffer)
  })

  it('of fields look at each primitive one with their tags, and say which it is', () => {
    const seen = 'typeName == "STRING" && name == "note" && fullName.endsWith(".note") && tags == ["TEXT"] && value != "bad" && message.id == 1'
    for (const [type, text] of [['AVRO', avro], ['JSON', json]] as const) {
      const of = codec(type, text, { ruleSet: at('ALL', rule(seen, { type: 'CEL_FIELD', tags: ['TEXT'] })) })
      expect(encode(of, { id: 1, price: 1, note: 'good' })).toBeInstanceOf(Buffer)
      expect(encode(of, { id: 1, price: 1, note: 'bad' })).toEqual({ pointer: '/note', reason: `rule 'r' failed: Expr failed: '${seen}'` })
    }
  })

  it('of fields without tags look at all, in arrays and maps too, where the guard lets them', () => {
    const of = codec('AVRO', avro, { ruleSet: at('ALL', rule('typeName == "STRING" ; value.size() < 3', { type: 'CEL_FIELD', doc: 'short texts' })) })
    const order = { id: 1, price: 1, lines: [{ sku: 'ok', count: 100_000 }], labels: { a: 'ok' } }
    expect(encode(of, order)).toBeInstanceOf(Buffer)
    expect(encode(of, { ...order, lines: [{ sku: 'ok', count: 1 }, { sku: 'long', count: 1 }] })).toEqual({ pointer: '/lines/1/sku', reason: 'rule \'r\' failed: short texts' })
    expect(encode(of, { ...order, labels: { 'a/b': 'long' } })).toMatchObject({ pointer: '/labels/a~1b' })
  })

  it('run in their order on writing and the other way round on reading, and stop at the first that refuses', () => {
    const named = (name: string, mode: string, expr = 'false'): object => rule(expr, { name, mode })
    const of = codec('AVRO', avro, { ruleSet: at('ALL', named('first', 'WRITEREAD'), named('second', 'WRITEREAD'), named('third', 'READ', 'true')) })
    expect(encode(of, { id: 1, price: 1 })).toMatchObject({ reason: expect.stringContaining('\'first\'') })
    expect(of.decode(bytesOf(plainAvro, { id: 1, price: 1 }), 0, { tagged: false })).toMatchObject({ reason: expect.stringContaining('\'second\'') })
  })

  it('that cannot be evaluated fail, and say why without the payload\'s own text', () => {
    const reason = (expr: string): unknown => (encode(codec('AVRO', avro, { ruleSet: at('ALL', rule(expr)) }), { id: 1, price: 1, note: 'classified' }) as { reason?: string }).reason
    expect(reason('message.nothing > 1')).toMatch(/cannot be evaluated: field not found: nothing$/)
    expect(reason('{"k": 1}[message.note] > 1')).toMatch(/cannot be evaluated: a value is not what it expects$/)
    expect(reason('int(message.note) > 1')).toMatch(/^rule 'r' failed: it cannot be evaluated/)
    expect(reason('int(message.note) > 1')).not.toContain('classified')
    expect(reason('message.id')).toBe('rule \'r\' failed: its expression gives neither true nor false')
    expect(reason('[1,2,3,4,5,6,7,8].all(a, [1,2,3,4,5,6,7,8].all(b, [1,2,3,4,5,6,7,8].all(c, [1,2,3,4,5,6,7,8].all(d, a + b + c + d > 0))))')).toMatch(/more steps/)
  })

  it('act as onSuccess and onFailure say; what is no action of ours refuses', () => {
    const outcome = (expr: string, more: object): boolean => Buffer.isBuffer(encode(codec('AVRO', avro, { ruleSet: at('ALL', rule(expr, more)) }), { id: 1, price: 1 }))
    expect(outcome('false', {})).toBe(false)
    expect(outcome('false', { onFailure: 'NONE' })).toBe(true)
    expect(outcome('false', { onFailure: 'DLQ' })).toBe(false)
    expect(outcome('false', { onFailure: 'MyOwnAction' })).toBe(false)
    expect(outcome('true', { onSuccess: 'ERROR' })).toBe(false)
    expect(outcome('true', { onSuccess: 'NONE' })).toBe(true)
    expect(outcome('false', { mode: 'WRITEREAD', onFailure: 'NONE,ERROR' })).toBe(true)
    expect(outcome('false', { mode: 'WRITEREAD', onFailure: 'ERROR,NONE' })).toBe(false)
  })

  it('of a version that was stored before they were looked at refuse, where they cannot be carried out', () => {
    expect(encode(codec('AVRO', avro, { ruleSet: at('ALL', rule('message.id >')) }), { id: 1, price: 1 })).toMatchObject({ reason: expect.stringContaining('does not parse') })
  })
})

describe('a rule set', () => {
  it.each<[object, RegExp | undefined]>([
    [{ domainRules: [rule('true')] }, undefined],
    [{ enableAt: 'ALL', domainRules: [rule('true'), { name: 'e', kind: 'TRANSFORM', mode: 'WRITEREAD', type: 'ENCRYPT', tags: ['PII'] }] }, undefined],
    [{ migrationRules: [{ name: 'm', kind: 'TRANSFORM', mode: 'UPGRADE', type: 'JSONATA', expr: '$' }] }, undefined],
    [{ domainRules: [rule('true', { type: 'CEL', kind: 'TRANSFORM' })] }, undefined],
    [{ enableAt: 'SERVER', domainRules: [rule('nonsense(', { disabled: true })] }, /does not parse/],
    [{ enableAt: 'SERVER', domainRules: [{ name: 'e', kind: 'TRANSFORM', mode: 'WRITEREAD', type: 'ENCRYPT', disabled: true }] }, undefined],
    [{ enableAt: 'SERVER', domainRules: [{ name: 'e', kind: 'TRANSFORM', mode: 'WRITEREAD', type: 'ENCRYPT' }] }, /^rule 'e': only CONDITION rules of type CEL and CEL_FIELD are carried out with enableAt SERVER$/],
    [{ domainRules: [rule('a.b(')] }, /^rule 'r': expr does not parse: line 1, column \d+: /],
    [{ domainRules: [rule('message.a > 1 ;\n message.b >')] }, /line \d+, column \d+/],
    [{ domainRules: [rule('x'.repeat(5_000))] }, /longer than 4096 characters/],
    [{ domainRules: [rule('true'), rule('true')] }, /duplicate name 'r'/],
    [{ domainRules: [rule('true', { mode: 'UPGRADE' })] }, /^Domain rules can only be WRITE, READ, WRITEREAD$/],
    [{ domainRules: Array.from({ length: 101 }, (_each, index) => rule('true', { name: `r${index}` })) }, /at most 100/],
    [{ domainRules: [rule('true', { name: '1st' })] }, /^Illegal initial character in rule name: 1st$/],
    [{ enableAt: 'ALL', domainRules: [rule('value > 1')] }, /undeclared reference to 'value'/],
    [{ enableAt: 'ALL', domainRules: [rule('value > 1 && tags == []', { type: 'CEL_FIELD' })] }, undefined],
    [{ enableAt: 'ALL', domainRules: [rule('isEmail(message.e)')] }, /there is no function 'isEmail'/],
    [{ domainRules: [rule('isEmail(message.e)')] }, undefined],
  ])('%j', (ruleSet, fault) => {
    const found = faultOfRuleSet(ruleSetOf(ruleSet))
    if (fault === undefined) expect(found).toBeUndefined()
    else expect(found).toMatch(fault)
  })
})

describe('tags', () => {
  const shown = (of: ContractCodec, bytes: Buffer, ...readable: string[]): unknown => {
    const text = of.decode(bytes, 0, { tagged: false, mayRead: tag => readable.includes(tag) })
    return typeof text === 'string' ? JSON.parse(text) : text
  }

  it('of the schema and of metadata.tags both hide', () => {
    const of = codec('AVRO', avro, { metadata: { tags: { 'shop.Line.*': ['LINE'], '**.photo': ['TEXT', 'PHOTO'] } } })
    const order = { id: 1, price: 1.5, note: 'hi', lines: [{ sku: 'a', count: 1 }], labels: { k: 'v' }, photo: 'x' }
    const bytes = bytesOf(of, order)
    expect(shown(of, bytes)).toEqual({ ...order, note: '***', lines: [{ sku: '***', count: null }], photo: '***' })
    expect(shown(of, bytes, 'TEXT')).toEqual({ ...order, lines: [{ sku: '***', count: null }], photo: '***' })
    expect(shown(of, bytes, 'TEXT', 'PHOTO', 'LINE')).toEqual(order)
    expect(JSON.parse(of.decode(bytes, 0, { tagged: false }) as string)).toEqual(shown(of, bytes))
  })

  it('hide a whole record by its name, and keep long numbers exact beside it', () => {
    const of = codec('AVRO', avro, { metadata: { tags: { 'shop.Line': ['LINE'] } } })
    const bytes = of.encode(undefined, Buffer.alloc(0))
    expect(bytes).not.toBeInstanceOf(Buffer)
    const exact = Buffer.from('{"id": 9223372036854775807, "price": 1, "lines": [{"sku": "a", "count": 1}]}')
    const text = of.decode(of.encode(JSON.parse(exact.toString()), exact) as Buffer, 0, { tagged: false, mayRead: tag => tag === 'TEXT' }) as string
    expect(text).toContain('"id":9223372036854775807')
    expect(text).toContain('"lines":[null]')
  })

  it('hold wherever a JSON Schema could put them: branches, conditions, references, patterns, the rest, tuples', () => {
    const secret = { 'confluent:tags': ['T'] }
    const schema = JSON.stringify({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      $defs: { deep: { anyOf: [{ type: 'object', properties: { a: secret } }, { type: 'string' }] }, loop: { type: 'object', properties: { next: { $ref: '#/$defs/loop' }, own: secret } } },
      type: 'object',
      properties: { one: { oneOf: [{ $ref: '#/$defs/deep' }, { type: 'integer' }] }, loop: { $ref: '#/$defs/loop' }, tuple: { prefixItems: [true, secret], items: true }, open: true, rest: { additionalProperties: secret } },
      if: { required: ['x'] }, else: { properties: { otherwise: secret } }, dependentSchemas: { open: { properties: { dependent: secret } } },
      patternProperties: { '^p_': secret }, allOf: [{ properties: { all: secret } }],
    })
    const of = codec('JSON', schema, {})
    const value = {
      one: { a: 'x', b: 'y' }, loop: { next: { next: { own: 'x', other: 'y' } } }, tuple: ['y', 'x', 'y'], open: 'y', rest: { any: 'x' },
      otherwise: 'x', dependent: 'x', p_1: 'x', p1: 'y', all: 'x',
    }
    const bytes = bytesOf(of, value)
    expect(shown(of, bytes)).toEqual(JSON.parse(JSON.stringify(value).replaceAll('"x"', '"***"')))
    expect(shown(of, bytes, 'T')).toEqual(value)
  })

  it('leave numbers beside what they hide as they were written', () => {
    const of = codec('JSON', '{"properties":{"t":{"confluent:tags":["T"]}}}', {})
    const prng = new Prng(seed)
    const digits = (max: number): string => Array.from({ length: prng.below(max) + 1 }, () => prng.below(10)).join('')
    for (let round = 0; round < 5_000; round++) {
      const number = `${prng.chance(0.2) ? '-' : ''}${String(BigInt(digits(20)))}${prng.chance(0.5) ? `.${prng.chance(0.2) ? '000000' : ''}${digits(18)}` : ''}${prng.chance(0.2) ? `e${digits(2)}` : ''}`
      expect(of.decode(Buffer.from(`{"n": ${number}, "t": "x"}`), 0, { tagged: false })).toBe(`{"n":${number},"t":"***"}`)
    }
  })

  it('keep what does not fit out of the reason, which dead letters show to others', () => {
    const of = codec('AVRO', avro, {})
    const reasonOf = (value: object): string => (encode(of, value) as { reason: string }).reason
    expect(reasonOf({ id: 'my number', price: 1 })).toBe('must be long (64 bits), not what it is')
    expect(reasonOf({ id: 1, price: 1, note: 123_456 })).not.toContain('123456')
    expect(reasonOf({ id: null, price: 1 })).toBe('must be long (64 bits), not null')
    expect(reasonOf({ id: 1, price: {} })).toBe('must be double, not an object')
  })

  it('withhold the bytes from who may not see all of them', () => {
    const of = codec('AVRO', avro, { metadata: { tags: { '**.photo': ['PHOTO'] } } })
    const bytes = bytesOf(of, { id: 1, price: 1 })
    expect(of.withholds(bytes, 0, () => true)).toBeNull()
    expect(of.withholds(bytes, 0, tag => tag === 'TEXT')).toEqual(new Withheld('', 'has fields with the tags PHOTO, which are masked, and so are not shown in this format'))
  })

  it('beyond what can be told are all on everything', () => {
    const tags = Object.fromEntries(Array.from({ length: 2_000 }, (_each, index) => [`never.${index}`, ['T']]))
    const of = codec('JSON', '{"type":"object"}', { metadata: { tags } })
    expect(shown(of, bytesOf(of, { a: 'x', b: 1 }))).toEqual({ a: '***', b: null })
    const dynamic = codec('JSON', JSON.stringify({
      $schema: 'https://json-schema.org/draft/2020-12/schema', $dynamicAnchor: 'n', type: 'object', properties: { child: { $dynamicRef: '#n' }, tagged: { 'confluent:tags': ['T'] } }, $defs: { other: { $id: 'other', $dynamicAnchor: 'n' } },
    }), {})
    expect(shown(dynamic, bytesOf(dynamic, { child: { plain: 'x' }, plain: 'x' }))).toEqual({ child: null, plain: 'x' })
  })

  it('are found in time however many names a payload has', () => {
    const tags = Object.fromEntries(Array.from({ length: 900 }, (_each, index) => [`**a**b**${index}`, ['T']]))
    const of = codec('JSON', '{"type":"object"}', { metadata: { tags } })
    const value = Object.fromEntries(Array.from({ length: 20_000 }, (_each, index) => [`aab${index}aaabbb`, 'x']))
    const before = performance.now()
    shown(of, bytesOf(of, value))
    expect(performance.now() - before).toBeLessThan(20_000)
  })

  it('of a payload with too many values keep it from being shown at all', () => {
    const of = codec('AVRO', '{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"array","items":"boolean"},"confluent:tags":["T"]}]}', {})
    const bytes = bytesOf(of, { a: Array.from({ length: 500_001 }, () => true) })
    expect(of.decode(bytes, 0, { tagged: false })).toBeInstanceOf(Withheld)
  })
})
