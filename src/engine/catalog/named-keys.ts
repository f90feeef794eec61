// The named keys that the catalog keeps, as documents of kind 'kms-key', for the envelopes of the logs (sealed/envelope.ts). Who makes, disables and deletes
// them is no concern of the engine: it reads of each whether it may be used, and its bytes.
import { createSecretKey } from 'node:crypto'
import type { Document, NamedKeyDocument } from '../../ports.ts'
import type { NamedKey, NamedKeys } from '../sealed/envelope.ts'
import type { Catalog } from './catalog.ts'

const read = new WeakMap<Document, NamedKey>()

/** As they are in whatever `image` gives at the moment. */
export function namedKeysOf(image: () => Catalog): NamedKeys {
  return {
    find(id) {
      const document = image().documents.find('kms-key', id)
      if (document === undefined) return undefined
      const known = read.get(document)
      if (known !== undefined) return known
      const { state, material } = JSON.parse(document.value) as NamedKeyDocument
      const bytes = Buffer.from(material, 'base64')
      const named = { state, key: createSecretKey(bytes) }
      bytes.fill(0)
      read.set(document, named)
      return named
    },
  }
}
