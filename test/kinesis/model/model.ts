// AWS's own model of the Kinesis API, as data (made by `make.ts`): what the tests hold our definitions and texts against.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface ModelShape {
  readonly type: 'string' | 'integer' | 'long' | 'boolean' | 'blob' | 'timestamp' | 'list' | 'map' | 'structure'
  readonly min?: number
  readonly max?: number
  readonly pattern?: string
  readonly enum?: readonly string[]
  readonly exception?: boolean
  readonly eventstream?: boolean
  /** Of a structure: names of shapes, in order. */
  readonly members?: Readonly<Record<string, string>>
  readonly required?: readonly string[]
  /** Of a list. */
  readonly member?: string
  /** Of a map. */
  readonly key?: string
  readonly value?: string
}

export interface ModelOperation {
  readonly input: string
  readonly output?: string
  readonly errors: readonly string[]
}

export interface Model {
  readonly origin: string
  readonly operations: Readonly<Record<string, ModelOperation>>
  readonly shapes: Readonly<Record<string, ModelShape>>
}

export const model = JSON.parse(readFileSync(join(import.meta.dirname, 'kinesis-2013-12-02.json'), 'utf8')) as Model

export function shapeOf(name: string): ModelShape {
  const shape = model.shapes[name]
  if (shape === undefined) throw new Error(`the model has no shape ${name}`)
  return shape
}

/** Members of a structure with their shapes and whether they must be there. */
export function membersOf(shape: ModelShape): readonly { readonly name: string; readonly shape: ModelShape; readonly isRequired: boolean }[] {
  return Object.entries(shape.members ?? {}).map(([name, of]) => ({ name, shape: shapeOf(of), isRequired: shape.required?.includes(name) ?? false }))
}
