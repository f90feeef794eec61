// A payload as rules and masks see it, whatever its language: values with their types, full names and tags. Made only for schemas that have rules to be
// carried out here, or tags.
import type { CelInput } from '@bufbuild/cel'

/** What Confluent's clients call the type of a field, in `typeName`. */
export type TypeName = 'STRING' | 'BYTES' | 'INT' | 'LONG' | 'FLOAT' | 'DOUBLE' | 'BOOLEAN' | 'NULL' | 'ENUM' | 'FIXED'

export interface Leaf {
  readonly kind: 'leaf'
  /** Undefined for a message that is one value. */
  readonly typeName: TypeName | undefined
  /** Whole numbers as bigint, others as number, by the schema's type: CEL tells int and double apart. */
  readonly value: CelInput
  /** JSON text. */
  readonly json: string
}

export interface List {
  readonly kind: 'list'
  readonly items: readonly Tree[]
}

export interface Member {
  readonly name: string
  /** Undefined for the entries of a map, which belong to the field that the map is. */
  readonly field: Field | undefined
  /** False for what only rules see, as it is not in the payload; true unless given. */
  readonly isShown?: boolean
  readonly tree: Tree
}

export interface Members {
  readonly kind: 'members'
  readonly members: readonly Member[]
  /** What CEL has in its place. */
  readonly message?: CelInput
}

/** The branch of an Avro union that is not null, and its name in Avro's JSON encoding. */
export interface Branch {
  readonly kind: 'branch'
  readonly name: string
  readonly tree: Tree
}

/** A value whose type has tags of its own. */
export interface Tagged {
  readonly kind: 'tagged'
  readonly tags: readonly string[]
  readonly tree: Tree
}

export type Tree = Leaf | List | Members | Branch | Tagged

export interface Field {
  /** In the schema; a name of JSON may have dots in it. */
  readonly name: string
  readonly fullName: string
  readonly tags: readonly string[]
}

/** The tree of a payload that fits its schema. Throws NoTree. */
export type TreeReader = (bytes: Buffer, from: number) => Tree

/** Values of one payload: some hundred bytes each while its rules are carried out. */
export const treeValuesMax = 500_000

/** A payload that cannot be made a tree of; the message says what it is. */
export class NoTree extends Error {}

/** Where a payload has more than `treeValuesMax` values. */
export function tooManyValues(): NoTree {
  return new NoTree(`has more than ${treeValuesMax} values, too many for the rules and tags of its schema`)
}

/** The value as CEL has it: lists as arrays, objects and maps as Map. */
export function celValue(tree: Tree): CelInput {
  switch (tree.kind) {
    case 'leaf': return tree.value
    case 'list': return tree.items.map(celValue)
    case 'members': return tree.message ?? new Map(tree.members.map(({ name, tree: each }) => [name, celValue(each)]))
    case 'branch': case 'tagged': return celValue(tree.tree)
  }
}
