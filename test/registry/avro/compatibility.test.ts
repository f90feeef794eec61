// The Avro checker: every difference in Confluent's words, and, on random pairs of schemas, the same verdict as avsc's resolver.
import avsc from 'avsc'
import { describe, expect, test, vi } from 'vitest'
import { Prng } from '../../../src/base/prng.ts'
import { parseAvro } from '../../../src/registry/avro/schema.ts'
import { avroDifferences } from '../../../src/registry/avro/compatibility.ts'
import { mutatedAvro, randomAvro } from '../../support/random-avro.ts'
import { seed } from '../../support/seed.ts'

// avsc draws its values from a generator of its own, which it seeds from here as it loads.
vi.hoisted(() => vi.spyOn(Math, 'random').mockReturnValue((Number(process.env['SEED'] ?? 1) % 2 ** 31) / 2 ** 31))
vi.mocked(Math.random).mockRestore()

const parse = (schema: unknown): ReturnType<typeof parseAvro> => parseAvro(JSON.stringify(schema), new Map(), { strict: true })
const differences = (reader: unknown, writer: unknown): readonly string[] => avroDifferences(parse(reader), parse(writer))
const record = (fields: object[], extra: object = {}): object => ({ type: 'record', name: 'R', fields, ...extra })

describe('each difference', () => {
  test.each([
    ['a field without a default', record([{ name: 'a', type: 'int' }, { name: 'f', type: 'int' }]), record([{ name: 'a', type: 'int' }]),
      `{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE', description:'The field 'f' at path '/fields/1' in the %s schema has no default value and is missing in the %s schema', additionalInfo:'f'}`],
    ['a type', record([{ name: 'a', type: 'string' }]), record([{ name: 'a', type: 'int' }]),
      `{errorType:'TYPE_MISMATCH', description:'The type (path '/fields/0/type') of a field in the %s schema does not match with the %s schema', additionalInfo:'reader type: STRING not compatible with writer type: INT'}`],
    ['the root type', 'string', 'int',
      `{errorType:'TYPE_MISMATCH', description:'The type (path '/') of a field in the %s schema does not match with the %s schema', additionalInfo:'reader type: STRING not compatible with writer type: INT'}`],
    ['enum symbols', record([{ name: 'a', type: { type: 'enum', name: 'E', symbols: ['A'] } }]), record([{ name: 'a', type: { type: 'enum', name: 'E', symbols: ['A', 'B'] } }]),
      `{errorType:'MISSING_ENUM_SYMBOLS', description:'The %s schema is missing enum symbols '[B]' at path '/fields/0/type/symbols' in the %s schema', additionalInfo:'[B]'}`],
    ['the size of a fixed', { type: 'fixed', name: 'F', size: 8 }, { type: 'fixed', name: 'F', size: 4 },
      `{errorType:'FIXED_SIZE_MISMATCH', description:'The size of FIXED type field at path '/size' in the %s schema does not match with the %s schema', additionalInfo:'expected: 4, found: 8'}`],
    ['a name', record([], { name: 'S' }), record([], { namespace: 'shop' }),
      `{errorType:'NAME_MISMATCH', description:'The name of the schema has changed (path '/name')', additionalInfo:'expected: shop.R'}`],
    ['a union branch', record([{ name: 'a', type: ['null', 'int'] }]), record([{ name: 'a', type: ['null', 'int', 'string'] }]),
      `{errorType:'MISSING_UNION_BRANCH', description:'The %s schema is missing a type inside a union field at path '/fields/0/type/2' in the %s schema', additionalInfo:'reader union lacking writer type: STRING'}`],
    ['items', { type: 'array', items: 'int' }, { type: 'array', items: 'string' },
      `{errorType:'TYPE_MISMATCH', description:'The type (path '/items') of a field in the %s schema does not match with the %s schema', additionalInfo:'reader type: INT not compatible with writer type: STRING'}`],
  ])('%s', (_what, reader, writer, text) => {
    expect(differences(reader, writer)).toEqual([text])
  })

  test('all of them are listed, not the first', () => {
    expect(differences(record([{ name: 'a', type: 'int' }, { name: 'b', type: 'int' }]), record([{ name: 'a', type: 'string' }]))).toHaveLength(2)
  })
})

describe('compatible', () => {
  test.each([
    ['promotions', record([{ name: 'a', type: 'double' }, { name: 'b', type: 'bytes' }]), record([{ name: 'a', type: 'int' }, { name: 'b', type: 'string' }])],
    ['another namespace', record([], { namespace: 'a' }), record([], { namespace: 'b' })],
    ['an alias of the record', record([], { name: 'S', aliases: ['shop.R'] }), record([], { namespace: 'shop' })],
    ['an alias of a field', record([{ name: 'b', aliases: ['a'], type: 'int' }]), record([{ name: 'a', type: 'int' }])],
    ['an enum default', { type: 'enum', name: 'E', symbols: ['A'], default: 'A' }, { type: 'enum', name: 'E', symbols: ['A', 'B'] }],
    ['a recursive type', record([{ name: 'next', type: ['null', 'R'] }]), record([{ name: 'next', type: ['null', 'R'] }])],
    ['a type that becomes nullable', record([{ name: 'a', type: ['null', 'string'] }]), record([{ name: 'a', type: 'string' }])],
  ])('%s', (_what, reader, writer) => {
    expect(differences(reader, writer)).toEqual([])
  })
})

test('a field that stands for two is all there is to say', () => {
  const reader = record([{ name: 'z', type: 'int' }, { name: 'b', aliases: ['a'], type: 'int' }])
  const writer = record([{ name: 'a', type: 'int' }, { name: 'b', type: 'int' }], { namespace: 'n' })
  expect(differences(reader, writer)).toEqual([
    'Unexpected exception during compatibility check: Reader record field b type:INT pos:1 matches multiple fields in writer record schema '
    + '{"type":"record","name":"R","namespace":"n","fields":[{"name":"a","type":"int"},{"name":"b","type":"int"}]}',
  ])
})

test('a pair that failed inside a union is not taken for compatible elsewhere', () => {
  // avsc remembers the failed pair of the first field's branch as resolved, and lets the second field pass.
  const inner = (type: string): object => ({ type: 'record', name: 'Inner', fields: [{ name: 'x', type }] })
  const reader = record([{ name: 'a', type: [inner('int'), 'null', { type: 'map', values: 'int' }] }, { name: 'b', type: 'Inner' }])
  const writer = record([{ name: 'a', type: ['null', inner('string')] }, { name: 'b', type: 'Inner' }])
  expect(differences(reader, writer).length).toBe(2)
})

test('an exponential pair is given up, not waited for', () => {
  const deep = (leaf: string): unknown => {
    let types: unknown = { type: 'record', name: 'R0', fields: [{ name: 'f', type: leaf }] }
    const all: unknown[] = [types]
    for (let level = 1; level < 60; level++) {
      types = { type: 'record', name: `R${level}`, fields: [{ name: 'a', type: `R${level - 1}` }, { name: 'b', type: `R${level - 1}` }] }
      all.push(types)
    }
    return record([{ name: 'all', type: [...all] }, { name: 'top', type: 'R59' }])
  }
  expect(differences(deep('int'), deep('string')).length).toBeGreaterThan(0)
})

test('agrees with avsc on random pairs, and what the writer wrote is then read by the reader', () => {
  const random = new Prng(seed)
  const pairsWanted = Number(process.env['TEST_PAIRS'] ?? 10_000)
  let compatible = 0
  let compared = 0
  let values = 0
  while (compared < pairsWanted) {
    const writer = randomAvro(random)
    const reader = random.chance(0.15) ? randomAvro(random) : mutatedAvro(random, writer)
    const pair = avscPair(reader, writer)
    if (pair === undefined) continue
    const found = differences(reader, writer)
    compared++
    const told = `seed ${seed}\nreader ${JSON.stringify(reader)}\nwriter ${JSON.stringify(writer)}`
    if ((found.length === 0) !== (pair.resolver !== undefined)) expect.fail(`avsc says ${pair.resolver !== undefined}, ${told}\n${found.join('\n')}`)
    if (pair.resolver === undefined) continue
    compatible++
    for (let count = 0; count < 2; count++) {
      const bytes = written(pair.from)
      if (bytes === undefined) continue
      values++
      try {
        pair.to.fromBuffer(bytes, pair.resolver)
      } catch (error) {
        expect.fail(`${(error as Error).message}: ${bytes.toString('hex')}, ${told}`)
      }
    }
  }
  console.log(`Avro: ${compared} random pairs, ${compatible} of them compatible, ${values} values of writers read by readers, seed ${seed}`)
  expect(compatible).toBeGreaterThan(pairsWanted / 10)
  expect(values).toBeGreaterThan(pairsWanted / 10)
}, 600_000)

/** Undefined where avsc's parser is stricter than Avro's own; without a resolver where it says that the reader cannot read. */
function avscPair(reader: unknown, writer: unknown): { readonly from: avsc.Type; readonly to: avsc.Type; readonly resolver: ReturnType<avsc.Type['createResolver']> | undefined } | undefined {
  let from: avsc.Type
  let to: avsc.Type
  try {
    from = avsc.Type.forSchema(structuredClone(writer) as avsc.Schema, { wrapUnions: true })
    to = avsc.Type.forSchema(structuredClone(reader) as avsc.Schema, { wrapUnions: true })
  } catch {
    return undefined
  }
  try {
    // A fresh options object: avsc keeps half-built resolvers in it. ignoreNamespaces is missing from its types.
    return { from, to, resolver: to.createResolver(from, { ignoreNamespaces: true } as Parameters<avsc.Type['createResolver']>[1]) }
  } catch {
    return { from, to, resolver: undefined }
  }
}

/** A random value, written; undefined where avsc makes one that it does not accept (it knows no bound on longs, for one). */
function written(type: avsc.Type): Buffer | undefined {
  try {
    return type.toBuffer(type.random() as unknown)
  } catch {
    return undefined
  }
}
