// Fields with tags, shown to those who may see them. In place of a value that its reader may not see stands "***" where its JSON is a text, null where it is
// anything else. Which tags a caller may see, the ACLs say: READ on the tag, on each of them where a field has several.
import type { Tree } from './tree.ts'

export interface MaskOptions {
  /** Union values as Avro's JSON encoding has them. */
  readonly tagged: boolean
  readonly mayRead: (tag: string) => boolean
}

const maskedText = '"***"'

/** JSON text of the value. */
export function maskedJson(tree: Tree, { tagged, mayRead }: MaskOptions): string {
  const verdicts = new Map<string, boolean>()
  const maySee = (tags: readonly string[]): boolean => tags.every(tag => {
    let verdict = verdicts.get(tag)
    if (verdict === undefined) verdicts.set(tag, verdict = mayRead(tag))
    return verdict
  })
  const print = (each: Tree): string => {
    switch (each.kind) {
      case 'leaf': return each.json
      case 'list': return `[${each.items.map(print).join(',')}]`
      case 'members':
        return `{${each.members.filter(({ isShown }) => isShown !== false).map(({ name, field, tree: member }) => (
          `${JSON.stringify(name)}:${field === undefined || maySee(field.tags) ? print(member) : mask(member)}`
        )).join(',')}}`
      case 'branch': return tagged ? `{${JSON.stringify(each.name)}:${print(each.tree)}}` : print(each.tree)
      case 'tagged': return maySee(each.tags) ? print(each.tree) : mask(each.tree)
    }
  }
  const mask = (each: Tree): string => {
    switch (each.kind) {
      case 'leaf': return each.json.startsWith('"') ? maskedText : 'null'
      case 'list': case 'members': return 'null'
      case 'tagged': return mask(each.tree)
      case 'branch': {
        const inner = mask(each.tree)
        return tagged && inner !== 'null' ? `{${JSON.stringify(each.name)}:${inner}}` : inner
      }
    }
  }
  return print(tree)
}
