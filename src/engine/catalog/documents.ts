// Small facts that facades keep in the catalog: by kind and key, each with a version, so that who changes one has seen what was there. A document about a topic goes
// with it.
import { type Document, type DocumentKind, Refusal } from '../../ports.ts'
import type { Catalog, Verdict } from './catalog.ts'
import type { CatalogCommand } from './commands.ts'
import type { CatalogRecord } from './records.ts'

type Command<T extends CatalogCommand['type']> = CatalogCommand & { readonly type: T }

/** As much as fits beside everything else that brokers hear of and keep in memory. */
const valueCharactersMax = 262_144
const keyCharactersMax = 2_048

export class DocumentTable {
  readonly #kinds = new Map<DocumentKind, Map<string, Document>>()
  readonly #sorted = new Map<DocumentKind, readonly Document[]>()

  get size(): number {
    return [...this.#kinds.values()].reduce((sum, kind) => sum + kind.size, 0)
  }

  find(kind: DocumentKind, key: string): Document | undefined {
    return this.#kinds.get(kind)?.get(key)
  }

  /** Sorted by key; a new array after each change of the kind. */
  all(kind: DocumentKind): readonly Document[] {
    const known = this.#sorted.get(kind)
    if (known !== undefined) return known
    const sorted = [...this.#kinds.get(kind)?.values() ?? []].toSorted((a, b) => (a.key < b.key ? -1 : 1))
    this.#sorted.set(kind, sorted)
    return sorted
  }

  set(document: Document): void {
    const kind = this.#kinds.get(document.kind) ?? new Map<string, Document>()
    kind.set(document.key, document)
    this.#kinds.set(document.kind, kind)
    this.#sorted.delete(document.kind)
  }

  remove(kind: DocumentKind, key: string): void {
    this.#kinds.get(kind)?.delete(key)
    this.#sorted.delete(kind)
  }

  removeTopic(topicId: string): void {
    for (const one of this) if (one.topicId === topicId) this.remove(one.kind, one.key)
  }

  *[Symbol.iterator](): Generator<Document> {
    for (const kind of this.#kinds.values()) yield* kind.values()
  }
}

export function putDocument(catalog: Catalog, { document, ifVersion }: Command<'put-document'>): Verdict {
  const { kind, key, topicId, value } = document
  const conflict = versionConflict(catalog, kind, key, ifVersion)
  if (conflict !== undefined) return { reply: conflict }
  if (topicId !== null && catalog.topicById(topicId) === undefined) return { reply: new Refusal('unknown-topic-id', `there is no topic with the id ${topicId}`) }
  const put: Document = { kind, key, topicId, value, version: ifVersion + 1 }
  const fault = documentFault(put)
  if (fault !== undefined) return { reply: fault }
  return { records: [{ type: 'document', document: put }], reply: put }
}

export function documentFault({ kind, key, value }: Pick<Document, 'kind' | 'key' | 'value'>): Refusal | undefined {
  if (key.length > keyCharactersMax) return new Refusal('invalid-request', `the key of a ${kind} has ${key.length} characters; at most ${keyCharactersMax} are kept`)
  if (value.length <= valueCharactersMax) return undefined
  return new Refusal('invalid-request', `the ${kind} '${key}' has ${value.length} characters; at most ${valueCharactersMax} are kept`)
}

export function removeDocument(catalog: Catalog, { kind, key, ifVersion }: Command<'remove-document'>): Verdict {
  const conflict = versionConflict(catalog, kind, key, ifVersion)
  if (conflict !== undefined) return { reply: conflict }
  const records: CatalogRecord[] = ifVersion === 0 ? [] : [{ type: 'document-removed', kind, key }]
  return { records, reply: null }
}

function versionConflict(catalog: Catalog, kind: DocumentKind, key: string, ifVersion: number): Refusal | undefined {
  const version = catalog.documents.find(kind, key)?.version ?? 0
  return version === ifVersion ? undefined : new Refusal('version-conflict', `the ${kind} '${key}' has version ${version}, not ${ifVersion}`)
}
