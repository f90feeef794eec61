// Rules and tags of Protobuf schemas: options of fields and messages, names of the schema and of JSON, fields that are not set.
import { describe, expect, it } from 'vitest'
import { Withheld } from '../../../src/registry/fault.ts'
import { compilePayload } from '../../../src/registry/payload.ts'
import { readRuleSet, type RuleSet } from '../../../src/registry/rule-set.ts'
import { type ContractCodec, contractCodec } from '../../../src/registry/rules/contract.ts'
import { type Metadata, parseSchema } from '../../../src/registry/schema.ts'

const text = `syntax = "proto3";
package shop;
import "confluent/meta.proto";
import "google/protobuf/any.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
message Order {
  string order_id = 1;
  string ssn = 2 [(confluent.field_meta).tags = "PII"];
  string note = 3 [(.confluent.field_meta) = { doc: "tags: \\"NO\\"", tags: ["A", "B"] }];
  int64 big = 4 [(confluent.field_meta) = { tags: "A", params: [{ key: "tags", value: "NO" }] }];
  uint32 count = 5;
  google.protobuf.Timestamp at = 6;
  repeated Line lines = 7;
  map<string, Line> by_sku = 8;
  Kind kind = 9;
  bytes raw = 10;
  google.protobuf.Any any = 11;
  oneof way { string mail = 12; int32 phone = 13; }
  google.protobuf.Int32Value wrapped = 14;
  message Line { string sku = 1; double price_cents = 2 [(confluent.field_meta).tags = "PRICE", (confluent.field_meta).tags = "A"]; }
  message Secret { option (confluent.message_meta).tags = "SECRET"; string word = 1; }
  enum Kind { NONE = 0; SOME = 1; }
  Secret secret = 15;
}`
const order = {
  orderId: 'o-1', ssn: '123', note: 'n', big: '9007199254740993', count: 3, at: '2026-01-31T12:00:00Z', lines: [{ sku: 'a', priceCents: 1.5 }],
  bySku: { b: { sku: 'b', priceCents: 2.5 } }, kind: 'SOME', raw: 'AQI=', mail: 'x@y', wrapped: 5, secret: { word: 'w' },
}
const allTags = ['PII', 'A', 'B', 'PRICE', 'SECRET']

function codec({ rules, metadata }: { rules?: object[]; metadata?: Metadata } = {}): ContractCodec {
  const schema = parseSchema('PROTOBUF', text, [], { strict: true, normalize: false })
  const ruleSet = rules === undefined ? undefined : readRuleSet({ enableAt: 'ALL', domainRules: rules }) as RuleSet
  return contractCodec(compilePayload(schema), { schema, metadata, ruleSet })
}

const rule = (expr: string, more: object = {}): object => ({ name: 'r', kind: 'CONDITION', mode: 'WRITE', type: 'CEL', expr, ...more })
const encode = (of: ContractCodec, value: object): unknown => of.encode(value, Buffer.from(JSON.stringify(value)))

function shown(of: ContractCodec, ...readable: string[]): unknown {
  const json = of.decode(encode(codec(), order) as Buffer, 0, { tagged: false, mayRead: tag => readable.includes(tag) })
  return typeof json === 'string' ? JSON.parse(json) : json
}

describe('tags of a Protobuf schema', () => {
  it('hide fields and messages, in every form of the option', () => {
    expect(shown(codec(), ...allTags)).toEqual(order)
    expect(shown(codec())).toEqual({
      ...order, ssn: '***', note: '***', big: '***', lines: [{ sku: 'a', priceCents: null }], bySku: { b: { sku: 'b', priceCents: null } }, secret: null,
    })
    expect(shown(codec(), 'PII', 'A', 'SECRET')).toEqual({
      ...order, note: '***', lines: [{ sku: 'a', priceCents: null }], bySku: { b: { sku: 'b', priceCents: null } },
    })
    expect(shown(codec({ metadata: { tags: { 'shop.Order.order_id': ['ID'], '**.Line': ['LINE'] } } }), ...allTags)).toEqual({
      ...order, orderId: '***', lines: [null], bySku: { b: null },
    })
  })

  it('are all on what an Any holds', () => {
    const any = { '@type': 'type.googleapis.com/shop.Order.Secret', word: 'w' }
    const of = codec()
    const bytes = encode(of, { orderId: 'o', any }) as Buffer
    const show = (...readable: string[]): unknown => JSON.parse(of.decode(bytes, 0, { tagged: false, mayRead: tag => readable.includes(tag) }) as string)
    expect(show('PII')).toEqual({ orderId: 'o', any: null })
    expect(show(...allTags)).toEqual({ orderId: 'o', any })
  })

  it('withhold bytes', () => {
    expect(codec().withholds(encode(codec(), order) as Buffer, 0, tag => tag !== 'B')).toEqual(new Withheld('', expect.stringContaining('tags B,') as string))
  })
})

describe('rules of a Protobuf schema', () => {
  it.each<[string, boolean]>([
    ['message.order_id == "o-1" && message.big == 9007199254740993 && type(message.big) == int', true],
    ['message.count == 3u && message.lines[0].price_cents < 2.0 && message.by_sku["b"].sku == "b"', true],
    ['message.at == timestamp("2026-01-31T12:00:00Z") && message.kind == 1 && message.raw == b"\\x01\\x02"', true],
    ['has(message.mail) && !has(message.phone) && message.wrapped == 5 && message.secret.word == "w"', true],
    ['message.lines.all(line, line.price_cents > 2.0)', false],
  ])('%s is %s', (expr, holds) => {
    expect(Buffer.isBuffer(encode(codec({ rules: [rule(expr)] }), order))).toBe(holds)
  })

  it('see what is not set as its default, and point at the name of JSON', () => {
    expect(encode(codec({ rules: [rule('message.order_id != ""', { doc: 'an order has an id' })] }), { count: 1 })).toEqual({ pointer: '/orderId', reason: 'rule \'r\' failed: an order has an id' })
    expect(encode(codec({ rules: [rule('name != "order_id" || value != ""', { type: 'CEL_FIELD', doc: 'an id' })] }), { count: 1 })).toEqual({ pointer: '/orderId', reason: 'rule \'r\' failed: an id' })
  })

  it('of fields go by tags and full names', () => {
    const seen = rule('fullName == "shop.Order.Line.price_cents" && typeName == "DOUBLE" && message.sku != "" && value < 2.0', { type: 'CEL_FIELD', tags: ['PRICE'] })
    expect(encode(codec({ rules: [seen] }), { lines: [{ sku: 'a', priceCents: 1 }] })).toBeInstanceOf(Buffer)
    expect(encode(codec({ rules: [seen] }), { lines: [{ sku: 'a', priceCents: 1 }, { sku: 'b', priceCents: 3 }] })).toMatchObject({ pointer: '/lines/1/priceCents' })
  })
})
