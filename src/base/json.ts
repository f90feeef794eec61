// JSON text as a value, whatever the process has parsed before. V8 (13.6 to 14.6 at least; nodejs/node#63785) compares a name that is written with an escape
// with the names it has met at that place by its spelling, cut to the length of what it says: after {"\\":0}, the name of {"\"":0} is a backslash. One client
// could so rename what another one sends. Texts in which a name has an escape are therefore parsed with numbers for names, which are replaced afterwards.

const colon = 0x3a
const backslash = 0x5c

/** As for JSON.parse, but for scalars only: it is not told by which name they are known. */
export type ScalarReviver = (_name: string, value: unknown, context?: { source?: string }) => unknown

/** What JSON.parse says of the text, `__proto__` as a plain own member included. Throws SyntaxError where it is not JSON. */
export function parseJsonText(text: string, revive?: ScalarReviver): unknown {
  if (!hasEscapedName(text)) return JSON.parse(text, revive)
  const names: string[] = []
  let numbered = ''
  let from = 0
  try {
    for (let name = nextName(text, 0); name !== undefined; name = nextName(text, name.end)) {
      numbered += `${text.slice(from, name.start)}"${names.length}"`
      // A string on its own is compared with nothing.
      names.push(JSON.parse(text.slice(name.start, name.end)) as string)
      from = name.end
    }
    return JSON.parse(numbered + text.slice(from), (key: string, value: unknown, context?: { source?: string }) => {
      if (typeof value !== 'object' || value === null) return revive === undefined ? value : revive(key, value, context)
      if (Array.isArray(value)) return value
      // Whole numbers come in ascending order, which is that of the text; so the last of two equal names counts here as it does there.
      return Object.fromEntries(Object.entries(value).map(([number, member]) => [names[Number(number)], member]))
    })
  } catch (error) {
    // What is wrong is to be said of the text as it came.
    if (error instanceof SyntaxError) JSON.parse(text)
    throw error
  }
}

/** Whether some object in valid JSON text names a member twice: parsers disagree on which of the two counts. */
export function hasRepeatedMember(json: string): boolean {
  const open: (Set<string> | undefined)[] = []
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"\s*:|"(?:[^"\\]|\\.)*"|[{}[\]]/g)) {
    if (token === '{') open.push(new Set())
    else if (token === '[') open.push(undefined)
    else if (token === '}' || token === ']') open.pop()
    else if (token.endsWith(':')) {
      const name = JSON.parse(token.slice(0, -1)) as string
      const members = open.at(-1)
      if (members?.has(name) === true) return true
      members?.add(name)
    }
  }
  return false
}

function hasEscapedName(text: string): boolean {
  // Most texts have none, which this finds out faster than a search from the end.
  if (!text.includes('\\')) return false
  const lastEscape = text.lastIndexOf('\\')
  for (let name = nextName(text, 0); name !== undefined && name.start < lastEscape; name = nextName(text, name.end)) {
    if (text.slice(name.start, name.end).includes('\\')) return true
  }
  return false
}

/** Where the next string that has a colon behind it begins and ends, its quotes included. `from` is not within a string. */
function nextName(text: string, from: number): { start: number; end: number } | undefined {
  for (let start = text.indexOf('"', from); start >= 0;) {
    const end = endOfString(text, start)
    if (end < 0) return undefined
    let behind = end
    for (let code = text.charCodeAt(behind); code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09; code = text.charCodeAt(behind)) behind++
    if (text.charCodeAt(behind) === colon) return { start, end }
    start = text.indexOf('"', behind)
  }
  return undefined
}

/** The position behind the string that opens at `start`; -1 where it does not close. */
function endOfString(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let escapes = 0
    while (text.charCodeAt(quote - escapes - 1) === backslash) escapes++
    if (escapes % 2 === 0) return quote + 1
  }
  return -1
}
