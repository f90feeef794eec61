// Paths and queries below `/contexts/{context}/`, by which a client is given one context as if it were a registry of its own: rewritten to the qualified names
// that the routes know, before any route sees them.
import { contextNamed, contextPrefix } from '../../registry/contexts.ts'
import { Problem } from '../problem.ts'

/** The URL (path and query) as the routes know it. 400 where the context's name cannot be one. */
export function withoutContext(url: string): string {
  const [path = '', query] = split(url, '?')
  const [first, contexts, name, ...rest] = path.split('/')
  if (first !== '' || contexts !== 'contexts' || name === undefined || rest.length === 0) return url
  const prefix = prefixOf(name)
  const target = rest.join('/') === '' ? `/contexts/${name}` : pathIn(rest, prefix)
  const parameters = queryIn(target, query, prefix)
  return parameters === '' ? target : `${target}?${parameters}`
}

function prefixOf(name: string): string {
  let context: string | undefined
  try {
    context = contextNamed(decodeURIComponent(name))
  } catch {
    throw new Problem(400, 'HTTP 400 Bad Request: malformed percent escape')
  }
  if (context === undefined) throw new Problem(400, 'Context name cannot contain a colon')
  return contextPrefix(context)
}

function pathIn(segments: readonly string[], prefix: string): string {
  const [resource, scope] = segments
  const isSettings = resource === 'config' || resource === 'mode'
  if (isSettings && (scope === undefined || scope === '')) return prefix === '' ? `/${resource}` : `/${resource}/${encodeURIComponent(prefix)}`
  // A subject may itself be called `subjects`: it stands behind the first one only.
  const subjectAt = isSettings || resource === 'subjects' ? 1 : (resource === 'compatibility' || resource === 'associations') && scope === 'subjects' ? 2 : -1
  return `/${segments.map((segment, at) => (segment !== '' && at === subjectAt ? qualified(segment, prefix) : segment)).join('/')}`
}

function queryIn(path: string, query: string | undefined, prefix: string): string {
  const parameters = new URLSearchParams(query)
  const qualifyAll = (name: string): void => {
    const values = parameters.getAll(name)
    parameters.delete(name)
    for (const value of values.length === 0 ? [''] : values) parameters.append(name, isQualified(value) ? value : prefix + value)
  }
  if (path.startsWith('/schemas/ids')) qualifyAll('subject')
  else if (path === '/schemas' || path === '/subjects') qualifyAll('subjectPrefix')
  else if (path.startsWith('/associations')) qualifyAll('context')
  return parameters.toString()
}

function qualified(segment: string, prefix: string): string {
  try {
    return isQualified(decodeURIComponent(segment)) ? segment : encodeURIComponent(prefix) + segment
  } catch {
    throw new Problem(400, 'HTTP 400 Bad Request: malformed percent escape')
  }
}

function isQualified(name: string): boolean {
  return name.startsWith(':.') || name.startsWith(':*:')
}

function split(text: string, at: string): [string, string?] {
  const index = text.indexOf(at)
  return index < 0 ? [text] : [text.slice(0, index), text.slice(index + 1)]
}
