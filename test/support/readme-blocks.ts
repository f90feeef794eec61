// The fenced blocks of a Markdown text: which commands a reader is shown, and what they are said to print.

export interface ShellBlock {
  /** Of its first line in the document. */
  readonly line: number
  readonly commands: string
  /** The plain block that follows directly; undefined where none is shown. */
  readonly output: string | undefined
}

/** The `sh` blocks, in order. */
export function shellBlocks(markdown: string): ShellBlock[] {
  const blocks = [...markdown.matchAll(/^```(\w*)\n([^]*?)^```$/gm)].map(found => ({ language: found[1]!, text: found[2]!, start: found.index, end: found.index + found[0].length }))
  return blocks.flatMap((block, index) => {
    if (block.language !== 'sh') return []
    const next = blocks[index + 1]
    const isOutput = next !== undefined && next.language === '' && markdown.slice(block.end, next.start).trim() === ''
    return [{ line: markdown.slice(0, block.start).split('\n').length + 1, commands: block.text, output: isOutput ? next.text : undefined }]
  })
}

/**
 * A text with what differs from run to run made equal: numbers, times, and long strings without meaning to a reader. What an ellipsis leaves out is any text.
 */
export function outputPattern(shown: string): RegExp {
  const variable = /\d{4}-\d\d-\d\dT[\d:.]+Z|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?=[A-Za-z0-9+/_=-]*\d)[A-Za-z0-9+/_=-]{20,}|\d+(?:\.\d+)?|…/g
  let pattern = ''
  let at = 0
  const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/\s+/g, '\\s*')
  for (const found of shown.trim().matchAll(variable)) {
    const [text] = found
    pattern += literal(shown.trim().slice(at, found.index))
    pattern += patternOf(text)
    at = found.index + text.length
  }
  return new RegExp(`^\\s*${pattern}${literal(shown.trim().slice(at))}\\s*$`)
}

function patternOf(text: string): string {
  if (text === '…') return '[^]*?'
  if (text.length >= 20) return '[A-Za-z0-9+/_=:.-]+'
  const number = '\\d+(?:\\.\\d+)?'
  // Seconds since the epoch, as version 1 of the AWS CLI prints times; version 2 prints them in words.
  return /^\d{10}\.\d+$/.test(text) ? `(?:${number}|"\\d{4}-\\d\\d-\\d\\dT[\\d:.+-]+")` : number
}
