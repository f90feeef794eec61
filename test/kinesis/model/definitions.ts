// What the model says of an operation and what our definition of it says, in the same plain form, so that they can be compared.
import type { AnyMember, Member, Members, Operation } from '../../../src/wire/operation.ts'
import { type ModelShape, membersOf, model, shapeOf } from './model.ts'
import { musts } from './oracle.ts'

/** A member: what kind it is, the sentences of its constraints in no order, and what is in it. */
export interface Plain {
  readonly kind: string
  readonly required?: true
  readonly musts?: readonly string[]
  readonly item?: Plain
  readonly members?: Readonly<Record<string, Plain>>
}

/** The definition of one operation; `order` lists members by path, since objects compare without one. */
export interface PlainOperation {
  readonly input: Readonly<Record<string, Plain>>
  /** Null where the answer has no body. */
  readonly output: Readonly<Record<string, Plain>> | null
  readonly order: readonly string[]
}

export function modelled(name: string): PlainOperation {
  const { input, output } = model.operations[name]!
  const plain = { input: ofStructure(shapeOf(input), true), output: output === undefined ? null : ofStructure(shapeOf(output), false) }
  return { ...plain, order: orderOf(plain) }
}

export function defined(operation: Operation): PlainOperation {
  const plain = { input: ofMembers(operation.input, true), output: operation.output === undefined ? null : ofMembers(operation.output, false) }
  return { ...plain, order: orderOf(plain) }
}

function orderOf({ input, output }: Pick<PlainOperation, 'input' | 'output'>): string[] {
  return [...paths('input', input), ...paths('output', output ?? {})]
}

function paths(parent: string, members: Readonly<Record<string, Plain>>): string[] {
  return Object.entries(members).flatMap(([name, one]) => [`${parent}.${name}`, ...pathsWithin(`${parent}.${name}`, one)])
}

function pathsWithin(path: string, one: Plain): string[] {
  return [...paths(path, one.members ?? {}), ...(one.item ? pathsWithin(`${path}[]`, one.item) : [])]
}

// --------------------------------------------------------------------------------------------------------- the model

/** Constraints are judged of what comes in only, so of answers they say nothing. */
function ofStructure(shape: ModelShape, isInput: boolean): Record<string, Plain> {
  return Object.fromEntries(membersOf(shape).map(({ name, shape: of, isRequired }) => [name, ofShape(of, isInput, isRequired)]))
}

function ofShape(shape: ModelShape, isInput: boolean, isRequired: boolean): Plain {
  const [item] = [shape.member].filter(name => name !== undefined).map(shapeOf)
  return {
    kind: shape.type,
    ...(isRequired && { required: true }),
    ...(isInput && { musts: musts(shape).toSorted() }),
    // Texts in a list are told about the whole list, and so are no members of their own.
    ...(item && { item: ofShape(item, isInput && item.type === 'structure', false) }),
    ...(shape.type === 'structure' && { members: ofStructure(shape, isInput) }),
  }
}

// ------------------------------------------------------------------------------------------------ our own definitions

const kinds = { text: 'string', blob: 'blob', timestamp: 'timestamp', flag: 'boolean', list: 'list', map: 'map', structure: 'structure' } as const

function ofMembers(members: Members, isInput: boolean): Record<string, Plain> {
  return Object.fromEntries(Object.entries(members).map(([name, member]) => [name, ofMember(member, isInput)]))
}

function ofMember(member: Member<unknown>, isInput: boolean): Plain {
  const one = member as AnyMember
  if (one.kind === 'structure-map') throw new Error('Kinesis has no map of structures')
  const itemJudged = isInput && one.kind === 'list' && (one.item as AnyMember).kind === 'structure'
  return {
    kind: one.kind === 'integer' ? one.javaType.toLowerCase() : kinds[one.kind],
    ...(one.isRequired && { required: true }),
    ...(isInput && { musts: rulesOf(one).toSorted() }),
    ...(one.kind === 'list' && { item: ofMember(one.item, itemJudged) }),
    ...(one.kind === 'structure' && { members: ofMembers(one.members, isInput) }),
  }
}

function rulesOf(member: AnyMember): string[] {
  const own = member.rules.map(rule => rule.must)
  // A rule at the item of a list would be told about that item alone, which AWS does for structures only: it shows here as what it is.
  const atItems = member.kind === 'list' ? member.item.rules.map(rule => `each item: ${rule.must}`) : []
  return [...own, ...atItems]
}
