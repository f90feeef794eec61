// Contexts: registries within the registry, each with subjects and ids of its own. A subject of a context is written `:.name:subject`; without that it is in the
// default context, which is called `.`. `:.name:` alone is the context itself, in settings and prefixes; `:*:` stands for all of them.

export const defaultContext = '.'
/** Its settings hold for every context that has none of its own; it has no subjects. */
export const globalScope = ':.__GLOBAL:'
export const everyContext = ':*:'

const subjectCharactersMax = 255

export interface QualifiedSubject {
  /** With its leading dot. */
  readonly context: string
  /** '' where the context itself is meant. */
  readonly subject: string
}

/** Which context and which subject of it a qualified name means. */
export function splitSubject(name: string): QualifiedSubject {
  if (!name.startsWith(':.')) return { context: defaultContext, subject: name }
  const end = name.indexOf(':', 2)
  return end < 0 ? { context: name.slice(1), subject: '' } : { context: name.slice(1, end), subject: name.slice(end + 1) }
}

export function contextOf(name: string): string {
  return splitSubject(name).context
}

/** What stands before the subjects of a context: '' for the default one. */
export function contextPrefix(context: string): string {
  return context === defaultContext ? '' : `:${context}:`
}

/** A name in the one way it is stored: `:.:s` is `s`, `:.name` is `:.name:`. */
export function normalSubject(name: string): string {
  const { context, subject } = splitSubject(name)
  return contextPrefix(context) + subject
}

/** A name that is said within a subject (an alias, a reference): in the same context unless it names another. */
export function besideSubject(parent: string, name: string): string {
  return name.startsWith(':.') ? normalSubject(name) : contextPrefix(contextOf(parent)) + name
}

/** `name`, `.name` or `:.name:` as the context's name; undefined where it cannot be one. */
export function contextNamed(text: string): string | undefined {
  const bare = text.replace(/^:/, '').replace(/:$/, '')
  if (bare.includes(':')) return undefined
  return bare.startsWith('.') ? bare : `.${bare}`
}

/** Whether settings are asked of a whole context, and so reach its subjects. */
export function isScopeOfContext(name: string): boolean {
  return splitSubject(name).subject === ''
}

/** Whether a subject may be made or have settings of this name; the global scope has settings only. */
export function isValidSubject(name: string, { forSettings = false }: { forSettings?: boolean } = {}): boolean {
  const { subject, context } = splitSubject(name)
  if (name === '' || name.length > subjectCharactersMax || /[\u0000-\u001f\u007f-\u009f]/.test(name) || name.startsWith(everyContext)) return false
  if (subject === '__GLOBAL' || subject === '__EMPTY') return false
  if (forSettings) return true
  return subject !== '' && contextPrefix(context) !== globalScope
}
