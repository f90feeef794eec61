// AWS's Query protocol: a request is a form (`Dimensions.member.1.Name=StreamName`), an answer XML. Values are plain: texts, numbers, Dates, lists, objects; a form has
// texts only.

export type Tree = string | readonly (Tree | undefined)[] | { readonly [name: string]: Tree }

const fieldsMax = 50_000
const depthMax = 16

/** A part of the form that is being read: its own text, or what lies below it by name. */
interface Node {
  text?: string
  readonly below: Map<string, Node>
}

/** The form's fields as a tree, lists in their order; undefined for a form with too many fields or too deep a name. */
export function parseForm(form: string): Readonly<Record<string, Tree>> | undefined {
  const root: Node = { below: new Map() }
  let fields = 0
  for (const [name, value] of new URLSearchParams(form)) {
    const path = name.split('.')
    if (++fields > fieldsMax || path.length > depthMax) return undefined
    let node = root
    for (const part of path) {
      let next = node.below.get(part)
      if (next === undefined) {
        next = { below: new Map() }
        node.below.set(part, next)
      }
      node = next
    }
    node.text = value
  }
  return objectOf(root)
}

function treeOf(node: Node): Tree {
  if (node.below.size === 0) return node.text ?? ''
  const members = node.below.get('member')
  if (members === undefined || node.below.size > 1) return objectOf(node)
  const places = [...members.below].filter(([place]) => /^[1-9]\d{0,5}$/.test(place)).toSorted(([a], [b]) => Number(a) - Number(b))
  return places.map(([, one]) => treeOf(one))
}

function objectOf(node: Node): Record<string, Tree> {
  // A member may be called anything, also __proto__.
  return Object.fromEntries([...node.below].map(([name, one]) => [name, treeOf(one)]))
}

/** A value as XML: lists as `member` elements, Dates in ISO 8601, undefined ones left out. */
export function xmlOf(name: string, value: unknown): string {
  if (value === undefined) return ''
  return `<${name}>${contentOf(value)}</${name}>`
}

function contentOf(value: unknown): string {
  if (value instanceof Date) return value.toISOString()
  if (Array.isArray(value)) return value.map(one => xmlOf('member', one)).join('')
  if (typeof value === 'object' && value !== null) return Object.entries(value).map(([name, one]) => xmlOf(name, one)).join('')
  return escapeXml(String(value))
}

// What XML 1.0 cannot say at all, not even escaped.
const unspeakable = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g

export function escapeXml(text: string): string {
  return text.toWellFormed().replace(unspeakable, '\ufffd').replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
