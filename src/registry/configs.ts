// Settings of a subject, a context or the whole registry: what they are called, and how they are read from requests and records.
import type { JsonObject } from './exact-json.ts'
import { type Metadata, readMetadata } from './metadata.ts'
import { readRuleSet, type RuleSet } from './rule-set.ts'

export const compatibilityLevels = ['NONE', 'BACKWARD', 'BACKWARD_TRANSITIVE', 'FORWARD', 'FORWARD_TRANSITIVE', 'FULL', 'FULL_TRANSITIVE'] as const
export type CompatibilityLevel = (typeof compatibilityLevels)[number]
export type CompatibilityPolicy = 'STRICT' | 'LENIENT'

export interface Config {
  /** The subject that is meant where this one is named in a path. */
  readonly alias?: string
  /** The same for keys of encrypted fields, which the clients look up; kept for them. */
  readonly aliasForDeks?: string
  /** Schemas are normalised whether the request says so or not. */
  readonly normalize?: boolean
  /** Names of fields are held to what is reserved. */
  readonly validateFields?: boolean
  /** New schemas are held to the rules that stored ones may break, as for defaults; unless this says false. */
  readonly validateNewSchemas?: boolean
  /** Rule sets are held to their rules, unless this says false. */
  readonly validateRules?: boolean
  readonly compatibilityLevel?: CompatibilityLevel
  /** Of JSON Schema: whether open content models stand in the way (STRICT) of new properties. */
  readonly compatibilityPolicy?: CompatibilityPolicy
  /** A metadata property: only versions with the same value for it are compared. */
  readonly compatibilityGroup?: string
  /** Below and above what new versions bring along. */
  readonly defaultMetadata?: Metadata
  readonly overrideMetadata?: Metadata
  readonly defaultRuleSet?: RuleSet
  readonly overrideRuleSet?: RuleSet
}

/** Null takes a setting back; one that is absent stays. */
export type ConfigUpdate = { readonly [name in keyof Config]: Config[name] | null }

/** Settings as they hold, all scopes taken together. */
export interface EffectiveConfig extends Config {
  readonly compatibilityLevel: CompatibilityLevel
  readonly compatibilityPolicy: CompatibilityPolicy
  readonly normalize: boolean
}

export const defaultLevel: CompatibilityLevel = 'BACKWARD'

/** In the order in which answers and records have them. */
const readers: { readonly [name in keyof Config]-?: (value: unknown) => Config[name] } = {
  alias: text,
  aliasForDeks: text,
  normalize: flag,
  validateFields: flag,
  validateNewSchemas: flag,
  validateRules: flag,
  compatibilityLevel: value => (typeof value === 'string' ? compatibilityLevels.find(each => each === value.toUpperCase()) : undefined),
  compatibilityPolicy: value => (typeof value === 'string' ? (['STRICT', 'LENIENT'] as const).find(each => each === value.toUpperCase()) : undefined),
  compatibilityGroup: text,
  defaultMetadata: metadata,
  overrideMetadata: metadata,
  defaultRuleSet: ruleSet,
  overrideRuleSet: ruleSet,
}

const names = Object.keys(readers) as (keyof Config)[]

/** The settings in an object, under the names of answers; those of the wrong type are named in `wrong` and left out. */
export function readConfig(value: JsonObject): { readonly update: ConfigUpdate; readonly wrong: readonly (keyof Config)[] } {
  const update: [keyof Config, unknown][] = []
  const wrong: (keyof Config)[] = []
  for (const name of names) {
    const given = value[name]
    if (given === undefined) continue
    const read: unknown = given === null ? null : readers[name](given)
    if (read === undefined) wrong.push(name)
    else update.push([name, read])
  }
  return { update: Object.fromEntries(update), wrong }
}

/** In order, and without what the update takes back. */
export function updatedConfig(config: Config | undefined, update: ConfigUpdate): Config {
  const merged = { ...config, ...update }
  return Object.fromEntries(names.flatMap(name => (merged[name] == null ? [] : [[name, merged[name]]])))
}

/** The settings of all scopes, the nearest first: it decides on each that it has. */
export function inheritedConfig(scopes: readonly (Config | undefined)[]): Config {
  return updatedConfig({ compatibilityLevel: defaultLevel }, scopes.reduceRight<Config>((under, over) => ({ ...under, ...over }), {}))
}

/** The same, with what holds where nothing is said. */
export function effectiveConfig(scopes: readonly (Config | undefined)[]): EffectiveConfig {
  return { compatibilityLevel: defaultLevel, compatibilityPolicy: 'STRICT', normalize: false, ...inheritedConfig(scopes) }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function flag(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined
}

function metadata(value: unknown): Metadata | undefined {
  const read = readMetadata(value)
  return 'wrong' in read ? undefined : read
}

function ruleSet(value: unknown): RuleSet | undefined {
  const read = readRuleSet(value)
  return 'fault' in read ? undefined : read
}
