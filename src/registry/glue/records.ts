// Records of the _glue topic: JSON keys and values, one keytype for each kind of note.
import { glueTopic } from '../../ports.ts'
import type { RecordView } from '../../wire/batch.ts'
import { isObject, type JsonObject } from '../exact-json.ts'
import { jsonRecord, readJsonRecord } from '../json-records.ts'
import type { LogFormat, LogRecord } from '../log.ts'
import type { GlueChange, MetadataPair, Note, RefusedVersion, SchemaNote } from './notes.ts'

function toRecord(change: GlueChange): LogRecord {
  switch (change.type) {
    case 'registry': return jsonRecord({ keytype: 'REGISTRY', name: change.name }, change.value)
    case 'schema': return jsonRecord({ keytype: 'SCHEMA', subject: change.subject }, change.value)
    case 'metadata': return jsonRecord({ keytype: 'METADATA', versionId: change.versionId }, change.value === null ? null : { pairs: change.value })
    case 'refused': return jsonRecord({ keytype: 'REFUSED', versionId: change.versionId }, change.value)
    case 'noop': return jsonRecord({ keytype: 'NOOP' }, null)
  }
}

function toChange(view: RecordView): GlueChange | string {
  const read = readJsonRecord(view)
  if (typeof read === 'string') return read
  const { key: { keytype, name, subject, versionId }, value } = read
  switch (keytype) {
    case 'NOOP': return { type: 'noop' }
    case 'REGISTRY': {
      if (typeof name !== 'string') return 'the key has no name'
      const note = value === null ? null : noteOf(value)
      return note === undefined ? 'the value is no note' : { type: 'registry', name, value: note }
    }
    case 'SCHEMA': {
      if (typeof subject !== 'string') return 'the key has no subject'
      const note = value === null ? null : schemaNoteOf(value)
      return note === undefined ? 'the value is no note of a schema' : { type: 'schema', subject, value: note }
    }
    case 'METADATA': {
      if (typeof versionId !== 'string') return 'the key has no version id'
      if (value === null) return { type: 'metadata', versionId, value: null }
      return isPairs(value['pairs']) ? { type: 'metadata', versionId, value: value['pairs'] } : 'the value has no pairs'
    }
    case 'REFUSED': {
      if (typeof versionId !== 'string') return 'the key has no version id'
      const version = value === null ? null : refusedOf(versionId, value)
      return version === undefined ? 'the value is no refused version' : { type: 'refused', versionId, value: version }
    }
    default: return `key type ${String(keytype).slice(0, 64)} is not known`
  }
}

function noteOf(value: JsonObject): Note | undefined {
  const { description, tags, createdMs, updatedMs } = value
  if (!(description === undefined || typeof description === 'string') || typeof createdMs !== 'number' || typeof updatedMs !== 'number') return undefined
  if (!isObject(tags) || !Object.values(tags).every(each => typeof each === 'string')) return undefined
  return { ...description !== undefined && { description }, tags: tags as Record<string, string>, createdMs, updatedMs }
}

function schemaNoteOf(value: JsonObject): SchemaNote | undefined {
  const note = noteOf(value)
  const { schemaType, checkpoint, isEmpty } = value
  if (note === undefined || typeof schemaType !== 'string' || !(checkpoint === undefined || typeof checkpoint === 'number')) return undefined
  return { ...note, schemaType, ...checkpoint !== undefined && { checkpoint }, isEmpty: isEmpty === true }
}

function isPairs(value: unknown): value is readonly MetadataPair[] {
  return Array.isArray(value) && value.every(each => (
    isObject(each) && typeof each['key'] === 'string' && typeof each['value'] === 'string' && typeof each['createdMs'] === 'number'
  ))
}

function refusedOf(versionId: string, value: JsonObject): RefusedVersion | undefined {
  const { subject, version, schemaType, schema, createdMs } = value
  if (typeof subject !== 'string' || typeof version !== 'number' || typeof schemaType !== 'string') return undefined
  return typeof schema === 'string' && typeof createdMs === 'number' ? { versionId, subject, version, schemaType, schema, createdMs } : undefined
}

export const glueRecords: LogFormat<GlueChange> = { topic: glueTopic, noop: { type: 'noop' }, toRecord, toChange }
