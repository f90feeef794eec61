// Patterns over dotted names, as Confluent's clients read the paths of metadata.tags: `?` is one character and `*` any number of them within a part, `**` any
// number across dots, a backslash takes the meaning of what follows. Linear in name times pattern, whatever the pattern.

type Token = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'one' | 'part' | 'any' }

export interface Wildcard {
  /** Steps that a match against a name of one character may take: what callers keep their accounts in. */
  readonly cost: number
  matches(name: string): boolean
}

export function compileWildcard(pattern: string): Wildcard {
  const tokens = tokensOf(pattern.replaceAll('**.*', '**'))
  return { cost: tokens.length + 1, matches: name => matches(tokens, name) }
}

function tokensOf(pattern: string): Token[] {
  const tokens: Token[] = []
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at]!
    if (character === '*') {
      const isDouble = pattern[at + 1] === '*'
      if (isDouble) at++
      tokens.push({ kind: isDouble ? 'any' : 'part' })
    } else if (character === '?') tokens.push({ kind: 'one' })
    else tokens.push({ kind: 'text', text: character === '\\' && at + 1 < pattern.length ? pattern[++at]! : character })
  }
  return tokens
}

/** `reached[i]`: whether the first i tokens match what has been read of the name. */
function matches(tokens: readonly Token[], name: string): boolean {
  let reached = new Uint8Array(tokens.length + 1)
  reached[0] = 1
  passStars(tokens, reached)
  for (const character of name) {
    const next = new Uint8Array(tokens.length + 1)
    for (let index = 0; index < tokens.length; index++) {
      if (reached[index] === 0) continue
      const token = tokens[index]!
      if (token.kind === 'any' || (token.kind === 'part' && character !== '.')) next[index] = 1
      else if (token.kind === 'one' ? character !== '.' : token.kind === 'text' && token.text === character) next[index + 1] = 1
    }
    passStars(tokens, next)
    reached = next
  }
  return reached[tokens.length] === 1
}

/** A star may stand for nothing. */
function passStars(tokens: readonly Token[], reached: Uint8Array): void {
  for (let index = 0; index < tokens.length; index++) {
    const { kind } = tokens[index]!
    if (reached[index] === 1 && (kind === 'any' || kind === 'part')) reached[index + 1] = 1
  }
}
