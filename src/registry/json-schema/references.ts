// Where the references of a JSON Schema document lead: by the URIs that identifiers and the names of other documents come to, anchors, and JSON pointers.
import { isObject, type JsonObject } from '../exact-json.ts'
import type { JsonDocument } from './document.ts'

/** Stands for the place of a document that does not say its own, so that relative references have something to be relative to. */
const nowhere = 'sluice://schema/'

export class JsonReferences {
  /** By absolute URI: without a fragment, or with an anchor for one. */
  readonly #targets = new Map<string, unknown>()
  /** The base that references in a schema are relative to. */
  readonly #bases = new WeakMap<object, string>()
  /** What dynamic anchors of a name there are: with one, a dynamic reference is a plain one. */
  readonly #dynamicAnchors = new Map<string, unknown[]>()
  readonly #roots = new Set<unknown>()
  readonly #rootBase: string

  constructor(document: JsonDocument) {
    this.#rootBase = nowhere
    this.#register(document, nowhere, new Set())
  }

  /** The schema that a schema's reference leads to, or undefined where it leads nowhere, or where that depends on the way one came. */
  follow(schema: JsonObject): unknown {
    const base = this.#bases.get(schema) ?? this.#rootBase
    const { $ref, $dynamicRef, $recursiveRef } = schema
    if (typeof $ref === 'string') return this.#find($ref, base)
    if (typeof $dynamicRef === 'string') {
      const anchor = /#([^/]+)$/.exec($dynamicRef)?.[1]
      const dynamic = anchor === undefined ? [] : this.#dynamicAnchors.get(anchor) ?? []
      return dynamic.length > 1 ? undefined : this.#find($dynamicRef, base)
    }
    // With one root there is nothing outside that it could lead to instead.
    return $recursiveRef === '#' && this.#roots.size === 1 ? this.#find('#', base) : undefined
  }

  /** Puts a schema that was made in the place of another one. */
  adopt(made: object, of: object): void {
    this.#bases.set(made, this.#bases.get(of) ?? this.#rootBase)
  }

  #find(reference: string, base: string): unknown {
    const uri = resolved(reference, base)
    if (uri === undefined) return undefined
    const hash = uri.indexOf('#')
    const place = hash < 0 ? uri : uri.slice(0, hash)
    const fragment = hash < 0 ? '' : uri.slice(hash + 1)
    if (fragment !== '' && !fragment.startsWith('/')) return this.#targets.get(`${place}#${decoded(fragment)}`)
    let node = this.#targets.get(place)
    for (const token of fragment.split('/').slice(1)) {
      const name = decoded(token).replaceAll('~1', '/').replaceAll('~0', '~')
      if (Array.isArray(node)) node = node[Number(name)]
      else if (isObject(node) && Object.hasOwn(node, name)) node = node[name]
      else return undefined
    }
    return node
  }

  #register(document: JsonDocument, base: string, seen: Set<JsonDocument>): void {
    if (seen.has(document)) return
    seen.add(document)
    this.#targets.set(base, document.root)
    this.#roots.add(document.root)
    this.#visit(document.root, base)
    const own = isObject(document.root) && typeof document.root['$id'] === 'string' ? resolved(document.root['$id'], base) ?? base : base
    for (const [name, known] of document.known) {
      const place = withoutFragment(resolved(name, own) ?? name)
      this.#register(known, place, seen)
      this.#targets.set(place, known.root)
    }
  }

  #visit(node: unknown, base: string): void {
    if (Array.isArray(node)) return node.forEach(each => this.#visit(each, base))
    if (!isObject(node)) return
    let own = base
    if (typeof node['$id'] === 'string') {
      const id = resolved(node['$id'], base)
      if (id !== undefined) {
        this.#targets.set(id.replace(/#$/, ''), node)
        own = withoutFragment(id)
        // `#name` is how an anchor was written before there were anchors.
        if (own !== base) this.#roots.add(node)
      }
    }
    this.#bases.set(node, own)
    const { $anchor, $dynamicAnchor } = node
    for (const anchor of [$anchor, $dynamicAnchor]) if (typeof anchor === 'string') this.#targets.set(`${own}#${anchor}`, node)
    if (typeof $dynamicAnchor === 'string') this.#dynamicAnchors.set($dynamicAnchor, [...this.#dynamicAnchors.get($dynamicAnchor) ?? [], node])
    for (const each of Object.values(node)) this.#visit(each, own)
  }
}

function resolved(reference: string, base: string): string | undefined {
  return URL.parse(reference, base)?.href
}

function withoutFragment(uri: string): string {
  const hash = uri.indexOf('#')
  return hash < 0 ? uri : uri.slice(0, hash)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // Not percent-encoded: the text stands for itself.
    return text
  }
}
