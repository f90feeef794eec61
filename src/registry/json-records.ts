// Records whose keys and values are JSON objects: how the logs of the registry write their changes.
import type { RecordView } from '../wire/batch.ts'
import { isObject, type JsonObject } from './exact-json.ts'
import type { LogRecord } from './log.ts'

/** Members stand in the order they are given in; a value that is null makes a tombstone. */
export function jsonRecord(key: object, value: object | null): LogRecord {
  return { key: Buffer.from(JSON.stringify(key)), value: value === null ? null : Buffer.from(JSON.stringify(value)) }
}

/** Key and value of a record, or in words why they cannot be read. */
export function readJsonRecord(view: RecordView): { readonly key: JsonObject; readonly value: JsonObject | null } | string {
  try {
    const key: unknown = JSON.parse(String(view.key))
    const value: unknown = view.value === null ? null : JSON.parse(String(view.value))
    return isObject(key) && (value === null || isObject(value)) ? { key, value } : 'key or value is not a JSON object'
  } catch (error) {
    return (error as Error).message
  }
}
