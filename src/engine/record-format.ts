// How the records of internal topics are laid out, as Kafka's coordinators do it: the key begins with an int16 that names the kind of record,
// the value with an int16 that names the version of its message. A null value deletes what the key names.
import { assert } from '../base/assert.ts'
import type { RecordDraft, RecordView } from '../wire/batch.ts'
import { Reader, Writer } from '../wire/bytes.ts'
import { type Decoded, type Draft, Message, type Shape } from '../wire/schema.ts'

export class RecordFormat<K extends Shape, V extends Shape> {
  /** The int16 that keys of this kind begin with. */
  readonly kind: number
  readonly #key: Message<K>
  readonly #value: Message<V>
  readonly #version: number

  /** `version` is what is written; every version of `value` is read. Keys have only one version, not flexible, in Kafka as here. */
  constructor(definition: { readonly name: string; readonly kind: number; readonly key: K; readonly value: Message<V>; readonly version: number }) {
    this.kind = definition.kind
    this.#key = new Message(definition.key, { versions: '0', name: `${definition.name}Key` })
    this.#value = definition.value
    this.#version = definition.version
  }

  encode(key: Draft<K>, value: Draft<V> | null): RecordDraft {
    return { key: this.#encoded(this.kind, this.#key, key, 0), value: value === null ? null : this.#encoded(this.#version, this.#value, value, this.#version) }
  }

  /** WireError where the bytes are not a record of this kind. Bytes fields are views. */
  decode(view: RecordView): { readonly key: Decoded<K>; readonly value: Decoded<V> | null } {
    assert(view.key !== null && kindOf(view) === this.kind, `record ${view.offset} is not of kind ${this.kind}`)
    const key = this.#key.decode(view.key.subarray(2), 0)
    if (view.value === null) return { key, value: null }
    const reader = new Reader(view.value)
    return { key, value: this.#value.decode(reader, reader.int16()) }
  }

  #encoded<S extends Shape>(prefix: number, message: Message<S>, value: Draft<S>, version: number): Buffer {
    const writer = new Writer()
    writer.int16(prefix)
    message.write(writer, value, version)
    return writer.toBuffer()
  }
}

/** The kind that a record's key names; undefined for a key too short to name one. */
export function kindOf(view: RecordView): number | undefined {
  return view.key === null || view.key.length < 2 ? undefined : view.key.readInt16BE(0)
}
