// What AWS Glue's model has and Confluent's has no place for: registries without schemas, descriptions, checkpoints, tags, metadata of versions, and versions that
// were refused. Kept in a log of its own beside _schemas, written one change at a time.
import type { Clock, Logger } from '../../world/world.ts'
import type { Admin, Logs } from '../../ports.ts'
import { refusals, RegistryRefusal } from '../errors.ts'
import { ChangeLog } from '../log.ts'
import { glueRecords } from './records.ts'

/** Of a registry or a schema. Times are milliseconds since the epoch. */
export interface Note {
  readonly description?: string
  readonly tags: Readonly<Record<string, string>>
  readonly createdMs: number
  readonly updatedMs: number
}

export interface SchemaNote extends Note {
  /** As schema types are called here: AVRO, JSON, PROTOBUF. */
  readonly schemaType: string
  /** The version from which on new ones are compared. */
  readonly checkpoint?: number
  /** Made without a definition, and without one still: only this note says that it exists. */
  readonly isEmpty: boolean
}

export interface MetadataPair {
  readonly key: string
  readonly value: string
  readonly createdMs: number
}

/** A definition that did not fit its schema; its client may ask what became of it. */
export interface RefusedVersion {
  readonly versionId: string
  /** The subject in full. */
  readonly subject: string
  /** What would have been its number. */
  readonly version: number
  readonly schemaType: string
  readonly schema: string
  readonly createdMs: number
}

/** A null value takes the note away. */
export type GlueChange =
  | { readonly type: 'registry'; readonly name: string; readonly value: Note | null }
  | { readonly type: 'schema'; readonly subject: string; readonly value: SchemaNote | null }
  | { readonly type: 'metadata'; readonly versionId: string; readonly value: readonly MetadataPair[] | null }
  | { readonly type: 'refused'; readonly versionId: string; readonly value: RefusedVersion | null }
  | { readonly type: 'noop' }

export type WriteNotes = (changes: readonly GlueChange[]) => Promise<null | RegistryRefusal>

const changesWaitingMax = 1_000

export class GlueNotes {
  readonly #registries = new Map<string, Note>()
  readonly #schemas = new Map<string, SchemaNote>()
  readonly #metadata = new Map<string, readonly MetadataPair[]>()
  readonly #refused = new Map<string, RefusedVersion>()
  #log: ChangeLog<GlueChange> | undefined
  #changing: Promise<unknown> = Promise.resolve()
  #changesWaiting = 0

  /** Reads the _glue topic to its end, making it where there is none. Rejects where it cannot be had. */
  static async open(options: { logs: Logs; admin: Admin; clock: Pick<Clock, 'now'>; logger: Logger }): Promise<GlueNotes> {
    const notes = new GlueNotes()
    notes.#log = await ChangeLog.open(options, glueRecords, change => notes.#apply(change))
    return notes
  }

  registries(): ReadonlyMap<string, Note> {
    return this.#registries
  }

  /** By subjects in full. */
  schemas(): ReadonlyMap<string, SchemaNote> {
    return this.#schemas
  }

  metadata(versionId: string): readonly MetadataPair[] {
    return this.#metadata.get(versionId) ?? []
  }

  refused(versionId: string): RefusedVersion | undefined {
    return this.#refused.get(versionId)
  }

  /** In the order in which they were refused. */
  refusedOf(subject: string): RefusedVersion[] {
    return [...this.#refused.values()].filter(each => each.subject === subject)
  }

  /** One change at a time, each on notes that no earlier write can still alter; what it writes is durable when `write` is answered. */
  async exclusively<T>(change: (write: WriteNotes) => Promise<T>): Promise<T | RegistryRefusal> {
    if (this.#changesWaiting >= changesWaitingMax) return refusals.tooManyWrites(this.#changesWaiting)
    this.#changesWaiting++
    const log = this.#log!
    const turn = this.#changing.then(async () => await log.settle() ?? await change(changes => (changes.length === 0 ? Promise.resolve(null) : log.write(changes))))
    this.#changing = turn.catch(() => undefined)
    try {
      return await turn
    } finally {
      this.#changesWaiting--
    }
  }

  #apply(change: GlueChange): void {
    switch (change.type) {
      case 'registry': return put(this.#registries, change.name, change.value)
      case 'schema': return put(this.#schemas, change.subject, change.value)
      case 'metadata': return put(this.#metadata, change.versionId, change.value)
      case 'refused': return put(this.#refused, change.versionId, change.value)
      case 'noop':
    }
  }
}

function put<V>(into: Map<string, V>, key: string, value: V | null): void {
  if (value === null) into.delete(key)
  else into.set(key, value)
}
