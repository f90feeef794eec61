// Makes `kinesis-2013-12-02.json` of botocore's service model: what operations and shapes are, without a word of its documentation.
//   node test/kinesis/model/make.ts path/to/botocore/data/kinesis/2013-12-02/service-2.json
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Model, ModelOperation, ModelShape } from './model.ts'

interface Reference { readonly shape: string }
interface Source {
  readonly operations: Record<string, { readonly input: Reference; readonly output?: Reference; readonly errors?: readonly Reference[] }>
  readonly shapes: Record<string, Omit<ModelShape, 'members' | 'member' | 'key' | 'value'> & {
    readonly members?: Record<string, Reference>
    readonly member?: Reference
    readonly key?: Reference
    readonly value?: Reference
  }>
}

function compact(source: Source): Model {
  const operations = Object.entries(source.operations).map(([name, { input, output, errors = [] }]): [string, ModelOperation] => [
    name, { input: input.shape, ...(output && { output: output.shape }), errors: errors.map(error => error.shape) },
  ])
  const shapes = Object.entries(source.shapes).map(([name, shape]): [string, ModelShape] => {
    const { type, min, max, pattern, enum: values, exception, eventstream, required, members, member, key, value } = shape
    return [name, {
      type,
      ...(min !== undefined && { min }), ...(max !== undefined && { max }), ...(pattern !== undefined && { pattern }), ...(values && { enum: values }),
      ...(exception && { exception }), ...(eventstream && { eventstream }),
      ...(members && { members: Object.fromEntries(Object.entries(members).map(([one, { shape: of }]) => [one, of])) }),
      ...(required && required.length > 0 && { required }),
      ...(member && { member: member.shape }), ...(key && { key: key.shape }), ...(value && { value: value.shape }),
    }]
  })
  return {
    origin: 'Derived from botocore, data/kinesis/2013-12-02/service-2.json, as of 2026-10. Copyright Amazon.com, Inc. or its affiliates; Apache License, Version 2.0.',
    operations: Object.fromEntries(operations), shapes: Object.fromEntries(shapes),
  }
}

/** One line for each operation and shape. */
function lines({ origin, operations, shapes }: Model): string {
  const block = (of: Record<string, unknown>): string => Object.entries(of).map(([name, one]) => `    ${JSON.stringify(name)}: ${JSON.stringify(one)}`).join(',\n')
  return `{\n  "origin": ${JSON.stringify(origin)},\n  "operations": {\n${block(operations)}\n  },\n  "shapes": {\n${block(shapes)}\n  }\n}\n`
}

const [from] = process.argv.slice(2)
if (from === undefined) throw new Error('which service-2.json?')
writeFileSync(join(import.meta.dirname, 'kinesis-2013-12-02.json'), lines(compact(JSON.parse(readFileSync(from, 'utf8')) as Source)))
