// A data contract: the codec of a schema together with the rules and tags that belong to it. Since an id stands for schema, metadata and rule set, whoever
// writes, checks or shows payloads by an id goes through here: rules of writing when JSON is encoded (GATEWAY and SERVER) and when bytes are checked
// (SERVER), rules of reading when bytes are shown, masks over the fields whose tags the reader may not see.
import { isUndecided, leftUndecided, type SchemaFault, Withheld } from '../fault.ts'
import type { PayloadCodec } from '../payload.ts'
import type { Metadata, RuleSet, Schema } from '../schema.ts'
import { compileAvroTree, tagsInAvro } from './avro-tree.ts'
import { compileJsonTree, tagsInJson } from './json-tree.ts'
import { maskedJson } from './mask.ts'
import { type BrokenCondition, type Condition, conditionsOf, type Mode, stagesOf } from './conditions.ts'
import { carryOut } from './rules.ts'
import { compileProtobufTree, tagsInProtobuf } from './protobuf-tree.ts'
import { TaggedPaths } from './tagged-paths.ts'
import { NoTree, type Tree, type TreeReader } from './tree.ts'

export interface ShowOptions {
  /** Union values as Avro's JSON encoding has them. */
  readonly tagged: boolean
  /** Whether the reader may see fields with the tag; nobody may where it is absent. */
  readonly mayRead?: (tag: string) => boolean
  /** It has been decided, elsewhere, that the bytes fit the schema. */
  readonly fits?: boolean
}

export interface ContractCodec extends PayloadCodec {
  /**
   * JSON text of the bytes from `from` to the end, masked. Withheld where a rule of reading refuses it, where it is too large to be masked, or (`isUndecided`) where
   * it takes long to say whether it fits.
   */
  decode(bytes: Buffer, from: number, how: ShowOptions): string | SchemaFault
  /** Whether the bytes may be shown as they are: why not, or null. */
  withholds(bytes: Buffer, from: number, mayRead: (tag: string) => boolean): Withheld | null
  /** What the rules of writing have against bytes that fit the schema, where JSON is written (GATEWAY) or bytes come as they are (SERVER); null for nothing. */
  breaks(bytes: Buffer, from: number, stage: 'GATEWAY' | 'SERVER'): SchemaFault | null
}

export interface ContractTerms {
  readonly schema: Schema
  readonly metadata: Metadata | undefined
  readonly ruleSet: RuleSet | undefined
}

export function contractCodec(plain: PayloadCodec, terms: ContractTerms): ContractCodec {
  const paths = new TaggedPaths(terms.metadata?.tags)
  const tags = [...new Set([...paths.all, ...tagsIn(terms.schema)])]
  const rules = terms.ruleSet === undefined ? [] : conditionsOf(terms.ruleSet)
  const stages = terms.ruleSet === undefined ? [] : stagesOf(terms.ruleSet)
  const writing = rules.filter(rule => rule.modes.includes('WRITE'))
  // The other way round, as Confluent's clients do: what was done last on writing is undone first.
  const reading = rules.filter(rule => rule.modes.includes('READ')).toReversed()
  if (tags.length === 0 && rules.length === 0) return { ...plain, withholds: () => null, breaks: () => null }

  const read = treeReader(terms.schema, paths, tags)
  const treeOf = (bytes: Buffer, from: number): Tree | SchemaFault => {
    try {
      paths.restart()
      return read(bytes, from)
    } catch (error) {
      if (error instanceof NoTree) return { pointer: '', reason: error.message }
      throw error
    }
  }
  const judge = (chosen: readonly (Condition | BrokenCondition)[], mode: Mode, bytes: Buffer, from: number): Tree | SchemaFault => {
    const tree = treeOf(bytes, from)
    if ('reason' in tree) return tree
    return carryOut(chosen, mode, tree, bytes.length - from) ?? tree
  }
  const asked = { GATEWAY: writing.length > 0, SERVER: writing.length > 0 && stages.includes('SERVER') }
  const breaks: ContractCodec['breaks'] = (bytes, from, stage) => {
    if (!asked[stage]) return null
    const verdict = judge(writing, 'WRITE', bytes, from)
    return 'reason' in verdict ? verdict : null
  }
  const shown = (bytes: Buffer, from: number, how: ShowOptions): string | SchemaFault => {
    const { mayRead = () => false } = how
    if (reading.length === 0 && tags.every(mayRead)) return plain.decode(bytes, from, how)
    // The bytes of what does not fit are not shown either: there may be anything in them.
    const fault = how.fits === true ? null : plain.check(bytes, from)
    if (fault !== null) return isUndecided(fault) ? leftUndecided(new Withheld(fault.pointer, fault.reason)) : new Withheld(fault.pointer, fault.reason)
    const tree = judge(reading, 'READ', bytes, from)
    return 'reason' in tree ? new Withheld(tree.pointer, tree.reason) : maskedJson(tree, { tagged: how.tagged, mayRead })
  }
  return {
    encode(value, json) {
      const payload = plain.encode(value, json)
      if (!Buffer.isBuffer(payload)) return tags.length === 0 ? payload : withoutValues(payload)
      return breaks(payload, 0, 'GATEWAY') ?? payload
    },
    check(bytes, from, end) {
      const fault = plain.check(bytes, from, end)
      if (fault !== null) return tags.length === 0 ? fault : withoutValues(fault)
      return breaks(bytes.subarray(0, end), from, 'SERVER')
    },
    decode: shown,
    breaks,
    withholds(bytes, from, mayRead) {
      const hidden = tags.filter(tag => !mayRead(tag))
      if (hidden.length > 0) return new Withheld('', `has fields with the tags ${hidden.join(', ')}, which are masked, and so are not shown in this format`)
      if (reading.length === 0) return null
      const json = shown(bytes, from, { tagged: true, mayRead })
      return json instanceof Withheld ? json : null
    },
  }
}

/** Reasons that quote what does not fit stand in dead letters, which others read. */
function withoutValues(fault: SchemaFault): SchemaFault {
  // A copy would be as good as decided.
  if (isUndecided(fault)) return fault
  const { pointer, reason, more } = fault
  return {
    pointer, reason: reason.replace(/(?:, not |\]: )(?!a text of |an (?:array|object)$|null$).*$/s, ', not what it is'), ...more !== undefined && { more: more.map(withoutValues) },
  }
}

function tagsIn(schema: Schema): readonly string[] {
  switch (schema.type) {
    case 'AVRO': return tagsInAvro(schema.root)
    case 'JSON': return tagsInJson(schema.document)
    case 'PROTOBUF': return tagsInProtobuf(schema.document)
  }
}

function treeReader(schema: Schema, paths: TaggedPaths, tags: readonly string[]): TreeReader {
  switch (schema.type) {
    case 'AVRO': return compileAvroTree(schema.root, paths)
    case 'JSON': return compileJsonTree(schema.document, paths, tags)
    case 'PROTOBUF': return compileProtobufTree(schema.document, paths, tags)
  }
}
