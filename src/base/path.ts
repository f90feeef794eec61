// Paths as texts, with `/` between their names.

/** The directory of a path: '/' for what lies in the root, '.' where the path has no directory. */
export function parentOf(path: string): string {
  const end = path.lastIndexOf('/')
  return end > 0 ? path.slice(0, end) : end === 0 ? '/' : '.'
}
