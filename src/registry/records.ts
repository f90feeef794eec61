// Records of the _schemas topic, as Confluent's server writes and reads them: JSON keys and values. Compaction and other registries compare keys as bytes, so
// the order of members is Confluent's.
import { schemasTopic } from '../ports.ts'
import type { RecordView } from '../wire/batch.ts'
import type { Association, AssociationKey } from './associations.ts'
import { readConfig, updatedConfig } from './configs.ts'
import { normalSubject } from './contexts.ts'
import { isObject, type JsonObject } from './exact-json.ts'
import { guidOf } from './identity.ts'
import { jsonRecord, readJsonRecord } from './json-records.ts'
import type { LogFormat, LogRecord } from './log.ts'
import { readMetadata } from './metadata.ts'
import { modeNamed } from './modes.ts'
import { readRuleSet } from './rule-set.ts'
import type { Reference } from './schema.ts'
import type { Change, SchemaVersion } from './store.ts'

/** Confluent keeps several registries of one cloud apart by it; a server of one's own has this one. */
const tenant = 'default'

function toRecord(change: Change): LogRecord {
  switch (change.type) {
    case 'schema': {
      const key = { keytype: 'SCHEMA', subject: change.subject, version: change.version, magic: 1 }
      return jsonRecord(key, change.value === null ? null : schemaValue(change.value))
    }
    case 'delete-subject': return jsonRecord({ keytype: 'DELETE_SUBJECT', subject: change.subject, magic: 0 }, { subject: change.subject, version: change.version })
    case 'clear-subject': {
      const subject = change.subject === null ? {} : { subject: change.subject }
      return jsonRecord({ keytype: 'CLEAR_SUBJECT', ...subject, magic: 0 }, subject)
    }
    case 'context': {
      const names = { tenant, context: change.context }
      return jsonRecord({ keytype: 'CONTEXT', ...names, magic: 0 }, change.isThere ? names : null)
    }
    case 'config': return settings('CONFIG', change.subject, change.value)
    case 'mode': return settings('MODE', change.subject, change.value === null ? null : { mode: change.value })
    case 'association': {
      const { resourceName, resourceNamespace, resourceType, associationType, subject } = change.key
      const key = { keytype: 'ASSOC', tenant, resourceName, resourceNamespace, resourceType, associationType, subject, magic: 0 }
      return jsonRecord(key, change.value === null ? null : associationValue(change.value))
    }
    case 'noop': return jsonRecord({ keytype: 'NOOP', magic: 0 }, null)
  }
}

function settings(keytype: string, subject: string | null, value: object | null): LogRecord {
  return jsonRecord({ keytype, subject, magic: 0 }, value === null ? null : { ...subject !== null && { subject }, ...value })
}

function schemaValue(version: SchemaVersion): object {
  return {
    subject: version.subject, version: version.version, id: version.id,
    ...version.schemaType !== 'AVRO' && { schemaType: version.schemaType },
    ...version.references.length > 0 && { references: version.references },
    ...version.metadata !== undefined && { metadata: version.metadata },
    ...version.ruleSet !== undefined && { ruleSet: version.ruleSet },
    schema: version.schema, deleted: version.deleted,
  }
}

function associationValue(association: Association): object {
  const { subject, guid, resourceName, resourceNamespace, resourceId, resourceType, associationType, lifecycle, frozen, createdMs, updatedMs } = association
  return { subject, guid, tenant, resourceName, resourceNamespace, resourceId, resourceType, associationType, lifecycle, frozen, createTs: createdMs, updateTs: updatedMs }
}

/** The change a record stands for, or in words why it stands for none. */
function toChange(view: RecordView): Change | string {
  const read = readJsonRecord(view)
  if (typeof read === 'string') return read
  const { key, value } = read
  const { keytype, subject } = key
  switch (keytype) {
    case 'NOOP': return { type: 'noop' }
    case 'SCHEMA':
      if (typeof subject !== 'string' || !isCount(key['version'])) return 'the key has no subject and version'
      return schemaChange(subject, key['version'], value, view.timestampMs)
    case 'DELETE_SUBJECT':
      if (typeof subject !== 'string') return 'the key has no subject'
      if (value === null) return { type: 'noop' }
      return isCount(value['version']) ? { type: 'delete-subject', subject, version: value['version'] } : 'the value has no version'
    case 'CLEAR_SUBJECT':
      if (!isScope(subject)) return 'the key has no subject'
      return value === null ? { type: 'noop' } : { type: 'clear-subject', subject: scopeOf(subject) }
    case 'CONTEXT': {
      const { context } = key
      return typeof context === 'string' && context.startsWith('.') ? { type: 'context', context, isThere: value !== null } : 'the key has no context'
    }
    case 'CONFIG':
      if (!isScope(subject)) return 'the key has no subject'
      return { type: 'config', subject: scopeOf(subject), value: value === null ? null : updatedConfig(undefined, readConfig(value).update) }
    case 'MODE': {
      if (!isScope(subject)) return 'the key has no subject'
      if (value === null) return { type: 'mode', subject: scopeOf(subject), value: null }
      const mode = modeNamed(String(value['mode']))
      return mode === undefined ? 'the value has a mode that is not known' : { type: 'mode', subject: scopeOf(subject), value: mode }
    }
    case 'ASSOC': return associationChange(key, value, view.timestampMs)
    default: return `key type ${String(keytype).slice(0, 64)} is not known`
  }
}

function associationChange(key: JsonObject, value: JsonObject | null, timestampMs: number): Change | string {
  const { resourceName, resourceNamespace, resourceType, associationType, subject } = key
  if (!isTexts([resourceName, resourceNamespace, resourceType, associationType, subject])) return 'the key names no association'
  const names = { resourceName, resourceNamespace, resourceType, associationType, subject } as AssociationKey
  if (value === null) return { type: 'association', key: names, value: null }
  const { guid, resourceId, lifecycle, frozen, createTs = timestampMs, updateTs = timestampMs } = value
  if (!isTexts([guid, resourceId]) || !(lifecycle === 'STRONG' || lifecycle === 'WEAK') || typeof createTs !== 'number' || typeof updateTs !== 'number') {
    return 'the value is no association'
  }
  const association = { ...names, guid: guid as string, resourceId: resourceId as string, lifecycle, frozen: frozen === true, createdMs: createTs, updatedMs: updateTs } as const
  return { type: 'association', key: names, value: association }
}

function isTexts(values: readonly unknown[]): boolean {
  return values.every(each => typeof each === 'string')
}

function schemaChange(subject: string, version: number, value: JsonObject | null, timestampMs: number): Change | string {
  if (value === null) return { type: 'schema', subject, version, value: null }
  const { id, schema, schemaType = 'AVRO', deleted = false } = value
  if (!(id === 0 || isCount(id)) || typeof schema !== 'string' || typeof schemaType !== 'string') return 'the value has no id and schema'
  // What is malformed in these is left out rather than the version: its id must not be given again.
  const references = isReferences(value['references']) ? value['references'].map(({ name, subject: of, version: at }) => ({ name, subject: of, version: at })) : []
  const metadataRead = value['metadata'] == null ? undefined : readMetadata(value['metadata'])
  const metadata = metadataRead === undefined || 'wrong' in metadataRead ? undefined : metadataRead
  const ruleSetRead = value['ruleSet'] == null ? undefined : readRuleSet(value['ruleSet'])
  const ruleSet = ruleSetRead === undefined || 'fault' in ruleSetRead ? undefined : ruleSetRead
  const guid = guidOf({ text: schema, references, metadata, ruleSet })
  const content = { schemaType, schema, references, metadata, ruleSet }
  return { type: 'schema', subject, version, value: { subject, version, id, guid, ...content, deleted: deleted === true, timestampMs } }
}

function isReferences(value: unknown): value is readonly Reference[] {
  return Array.isArray(value) && value.every(each => {
    return isObject(each) && typeof each['name'] === 'string' && typeof each['subject'] === 'string' && isCount(each['version'])
  })
}

function isScope(value: unknown): value is string | null | undefined {
  return value == null || typeof value === 'string'
}

function scopeOf(subject: string | null | undefined): string | null {
  return subject == null || subject === '' ? null : normalSubject(subject)
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 0x7fffffff
}

export const schemaRecords: LogFormat<Change> = { topic: schemasTopic, noop: { type: 'noop' }, toRecord, toChange }
