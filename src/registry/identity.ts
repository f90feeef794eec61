// The identity of a schema version: Confluent's MD5 over the canonical text, references, metadata and rule set, printed as a UUID. Not the type, not the
// context. Same content, same guid, and within a context the same id. What goes into the digest, and in which order, is that of Confluent's client library.
import { createHash, type Hash } from 'node:crypto'
import type { Metadata } from './metadata.ts'
import { type Rule, ruleLists, type RuleSet } from './rule-set.ts'

export interface Content {
  readonly text: string
  readonly references: readonly { readonly name: string; readonly subject: string; readonly version: number }[]
  readonly metadata: Metadata | undefined
  readonly ruleSet: RuleSet | undefined
}

const present = Buffer.from([1])

export function guidOf({ text, references, metadata, ruleSet }: Content): string {
  const hash = createHash('md5').update(text)
  const version = Buffer.alloc(4)
  for (const reference of references) {
    version.writeInt32BE(reference.version)
    hash.update(reference.name).update(reference.subject).update(version)
  }
  if (metadata !== undefined) addMetadata(hash.update(present), metadata)
  if (ruleSet !== undefined) addRuleSet(hash.update(present), ruleSet)
  return hash.digest('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

function addMetadata(hash: Hash, { tags = {}, properties = {}, sensitive = [] }: Metadata): void {
  for (const path of Object.keys(tags).toSorted()) {
    hash.update(path)
    for (const tag of tags[path]!.toSorted()) hash.update(tag)
  }
  for (const name of Object.keys(properties).toSorted()) hash.update(name).update(properties[name]!)
  for (const name of sensitive.toSorted()) hash.update(name)
}

function addRuleSet(hash: Hash, ruleSet: RuleSet): void {
  for (const list of ruleLists) for (const rule of ruleSet[list] ?? []) addRule(hash, rule)
  hash.update(ruleSet.enableAt ?? '')
}

function addRule(hash: Hash, { name, doc = '', kind, mode, type, tags = [], params = {}, expr = '', onSuccess = '', onFailure = '', disabled }: Rule): void {
  hash.update(name).update(doc).update(kind).update(mode).update(type)
  for (const tag of tags.toSorted()) hash.update(tag)
  for (const parameter of Object.keys(params).toSorted()) hash.update(parameter).update(params[parameter]!)
  hash.update(expr).update(onSuccess).update(onFailure)
  if (disabled) hash.update(present)
}
