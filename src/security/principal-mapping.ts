// From a certificate's distinguished name to a principal's name, by the rules of Kafka's ssl.principal.mapping.rules:
//   RULE:pattern/replacement/[L|U], … or DEFAULT; the first rule whose pattern matches the whole name decides.
// A `$n` that names no group stands for itself. Patterns run in linear time (RE2), because the names they see come from peers;
// lookaround and back-references inside a pattern do not exist there and are refused when the rules are read.
import { createRequire } from 'node:module'
import type { RE2JS } from 're2js'

export interface PrincipalMapping {
  /** The principal's name for an RFC 2253 name; undefined where no rule matches. */
  nameOf(distinguishedName: string): string | undefined
}

/** The whole distinguished name, as with the rule DEFAULT alone. */
export const wholeName: PrincipalMapping = { nameOf: distinguishedName => distinguishedName }

const rulesMax = 64

/** Reads the rules; '' is DEFAULT. Throws an Error that names the text it cannot read. */
export function readMappingRules(text: string): PrincipalMapping {
  const rules = splitRules(text.trim() === '' ? 'DEFAULT' : text).map(compile)
  return {
    nameOf(distinguishedName) {
      for (const rule of rules) {
        const name = rule(distinguishedName)
        if (name !== undefined) return name
      }
      return undefined
    },
  }
}

type Rule = { readonly pattern: string; readonly replacement: string; readonly change: '' | 'L' | 'U' } | 'default'

/** Commas may stand inside a rule, so rules are read one after the other: a part of RULE ends at its first `/` without a `\` before it. */
function splitRules(text: string): Rule[] {
  const rules: Rule[] = []
  const part = /\s*(?:(DEFAULT)|RULE:((?:\\.|[^\\/])*)\/((?:\\.|[^\\/])*)\/([LU]?))\s*(?:,|$)/y
  while (part.lastIndex < text.length) {
    const from = part.lastIndex
    const match = part.exec(text)
    if (match === null) throw refusal(`cannot read ${JSON.stringify(text.slice(from))}; a rule is DEFAULT or RULE:pattern/replacement/[L|U]`)
    if (rules.length === rulesMax) throw refusal(`more than ${rulesMax} rules`)
    const [, isDefault, pattern, replacement, change] = match
    rules.push(isDefault === undefined ? { pattern: pattern!, replacement: replacement!, change: change as '' | 'L' | 'U' } : 'default')
  }
  return rules
}

function compile(rule: Rule): (distinguishedName: string) => string | undefined {
  if (rule === 'default') return distinguishedName => distinguishedName
  let pattern: RE2JS
  try {
    pattern = re2().compile(rule.pattern)
  } catch (error) {
    throw refusal(`the pattern ${JSON.stringify(rule.pattern)} is not one RE2 takes: ${(error as Error).message}`)
  }
  const pieces = readReplacement(rule.replacement, pattern.groupCount())
  return distinguishedName => {
    const match = pattern.matcher(distinguishedName)
    if (!match.matches()) return undefined
    const name = pieces.map(piece => (typeof piece === 'string' ? piece : (match.group(piece) ?? ''))).join('')
    return rule.change === 'L' ? name.toLowerCase() : rule.change === 'U' ? name.toUpperCase() : name
  }
}

/** Text and group numbers. Of `$123` with 12 groups, `$12` is the reference and `3` text; `$4` with 3 groups is text. `\x` is x. */
function readReplacement(text: string, groups: number): (string | number)[] {
  const pieces: (string | number)[] = []
  for (const [token] of text.matchAll(/\\.|\$\d+|[^\\$]+|./gs)) {
    if (token.startsWith('\\')) {
      pieces.push(token.slice(1))
      continue
    }
    if (!/^\$\d/.test(token)) {
      pieces.push(token)
      continue
    }
    let digits = token.slice(1)
    while (digits.length > 1 && Number(digits) > groups) digits = digits.slice(0, -1)
    if (Number(digits) > groups) pieces.push(token)
    else pieces.push(Number(digits), token.slice(1 + digits.length))
  }
  return pieces
}

function refusal(reason: string): Error {
  return new Error(`ssl.principal.mapping.rules: ${reason}`)
}

/** Loaded only where a rule has a pattern: most servers start without. */
function re2(): typeof RE2JS {
  return (createRequire(import.meta.url)('re2js') as { RE2JS: typeof RE2JS }).RE2JS
}
