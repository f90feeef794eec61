// The ids by which AWS Glue's clients know schema versions: a UUID of each version, made from what the registry has anyway, so that every broker and every restart
// gives the same, and found again through an index that follows the schema log.
import { hash } from 'node:crypto'
import { contextOf } from '../contexts.ts'
import type { Change, SchemaVersion, Store } from '../store.ts'

/** The namespace of these UUIDs (RFC 9562 §5.5); chosen once, and never to change: records carry what was made with it. */
const namespace = Buffer.from('6f1c3a6e8d0b4c57a2f45b1de0937c48', 'hex')

/**
 * The SchemaVersionId of a version, in lower case with hyphens: UUIDv5 (SHA-1) over the subject in full (`:.context:subject`; in the default context the subject
 * alone), the version number and the schema id, parted by NUL. The schema id is in it because version numbers begin again in a subject that was deleted for good,
 * while ids never come again: a UUID means one schema text forever.
 */
export function glueVersionId({ subject, version, id }: Pick<SchemaVersion, 'subject' | 'version' | 'id'>): string {
  return uuid(`${subject}\0${version}\0${id}`)
}

function uuid(name: string): string {
  const bytes = hash('sha1', Buffer.concat([namespace, Buffer.from(name)]), 'buffer').subarray(0, 16)
  bytes[6] = (bytes[6]! & 0x0f) | 0x50
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return glueVersionIdOf(bytes)
}

/** The text of a UUID's 16 bytes, as they stand in a record with Glue's framing. */
export function glueVersionIdOf(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, 16).toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

/** The id of a definition that its schema refused: the same whenever it is sent again. */
export function refusedVersionId(subject: string, schemaType: string, schema: string): string {
  return uuid(`${subject}\0refused\0${schemaType}\0${schema}`)
}

export class GlueVersionIds {
  readonly #store: Pick<Store, 'version' | 'withId'>
  readonly #versions = new Map<string, { readonly subject: string; readonly version: number; readonly id: number }>()

  constructor(store: Pick<Store, 'version' | 'withId'>) {
    this.#store = store
  }

  apply(change: Change): void {
    if (change.type !== 'schema' || change.value === null) return
    const { subject, version, id } = change.value
    this.#versions.set(glueVersionId(change.value), { subject, version, id })
  }

  /** The version with this SchemaVersionId, soft-deleted ones too; undefined where none has it, or what had it is gone for good. */
  find(versionId: string): SchemaVersion | undefined {
    const meant = this.#versions.get(versionId.toLowerCase())
    if (meant === undefined) return undefined
    const { subject, version, id } = meant
    const found = this.#store.version(subject, version)
    // Who registers again what was soft-deleted takes the old version's place: records with the old one's UUID still mean the same schema.
    return found?.id === id ? found : this.#store.withId(id, contextOf(subject)).find(each => each.subject === subject)
  }
}
