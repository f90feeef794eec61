// A finished comparison as text for a terminal, as Markdown, or as JSON.
import type { NotPlayed, Result, SideResult } from './runner.ts'

export type Format = 'table' | 'markdown' | 'json'

/** What was run where and when; shown above the results. */
export interface Heading {
  readonly kafka: string
  readonly kinesis: string
  readonly at: string
}

type Side = SideResult | NotPlayed

/** The narrowest terminal that both sides fit in next to each other. */
export const columnsMin = 80
const labelColumns = 13

/** `columns` is how wide the lines of a table may be. */
export function render(results: readonly Result[], heading: Heading, format: Format, columns: number): string {
  if (format === 'json') return JSON.stringify({ ...heading, scenarios: results }, null, 2)
  return format === 'markdown' ? markdown(results, heading) : results.map(result => table(result, Math.max(columnsMin, columns))).join('\n')
}

function table(result: Result, columns: number): string {
  const { kafka, kinesis } = result
  const rows: [string, string, string][] = [
    ['', 'Kafka', 'Kinesis'],
    ['do it', snippet(kafka), snippet(kinesis)],
    [result.number, figure(kafka), figure(kinesis)],
    ...totalNames.map((name, at): [string, string, string] => [name, totals(kafka)[at] ?? '', totals(kinesis)[at] ?? '']),
    ...pairs(notes(kafka), notes(kinesis)).map(([left, right]): [string, string, string] => ['', left, right]),
    ...pairs(tableLines(kafka), tableLines(kinesis)).map(([left, right]): [string, string, string] => ['', left, right]),
  ]
  const width = Math.floor((columns - 2 - labelColumns - 6) / 2)
  const body = rows.flatMap(([name, left, right]) => {
    const cells = [wrap(name, labelColumns), wrap(left, width), wrap(right, width)]
    const height = Math.max(...cells.map(cell => cell.length))
    return Array.from({ length: height }, (_, at) => `  ${(cells[0]![at] ?? '').padEnd(labelColumns)} │ ${(cells[1]![at] ?? '').padEnd(width)} │ ${cells[2]![at] ?? ''}`.trimEnd())
  })
  const named = (name: string, text: string): string[] => wrap(text, columns - 11).map((line, at) => `  ${(at === 0 ? name : '').padEnd(9)}${line}`)
  const requests = [['Kafka', kafka], ['Kinesis', kinesis]] as const
  return [
    `━━ ${result.slug}: ${result.title}`, ...wrap(result.task, columns - 2).map(line => `  ${line}`), '', ...body, '', '  requests → responses',
    ...requests.flatMap(([name, side]) => callLines(side).flatMap((line, at) => named(at === 0 ? name : '', line))), '',
    ...named('differs', result.difference), ...named('moving', result.migration),
    ...result.documented.flatMap(one => named('', `documented (${one.date}): ${one.text} — ${one.source}`)), '',
  ].join('\n')
}

function markdown(results: readonly Result[], heading: Heading): string {
  const parts = [`# Kafka and Kinesis, side by side`, '', `Kafka: ${heading.kafka} · Kinesis: ${heading.kinesis} · ${heading.at}`, '']
  for (const result of results) {
    const { kafka, kinesis } = result
    parts.push(`## ${result.title} (\`${result.slug}\`)`, '', result.task, '', '| | Kafka | Kinesis |', '|---|---|---|',
      `| do it | ${code(snippet(kafka))} | ${code(snippet(kinesis))} |`,
      `| **${result.number}** | **${figure(kafka)}** | **${figure(kinesis)}** |`)
    for (const [at, name] of totalNames.entries()) parts.push(`| ${name} | ${totals(kafka)[at] ?? ''} | ${totals(kinesis)[at] ?? ''} |`)
    parts.push(`| seen | ${notes(kafka).join('<br>')} | ${notes(kinesis).join('<br>')} |`)
    if (tableLines(kafka).length + tableLines(kinesis).length > 0) parts.push(`| table | ${tableLines(kafka).join('<br>')} | ${tableLines(kinesis).join('<br>')} |`)
    parts.push(`| requests → responses | ${callLines(kafka).map(code).join('<br>')} | ${callLines(kinesis).map(code).join('<br>')} |`)
    parts.push('', `**Differs:** ${result.difference}`, '', `**Moving:** ${result.migration}`, '')
    for (const one of result.documented) parts.push(`*Documented (${one.date}):* ${one.text} (${one.source})`, '')
  }
  return parts.join('\n')
}

function snippet(side: Side): string {
  return 'notPlayed' in side ? '' : side.snippet
}

function figure(side: Side): string {
  if ('notPlayed' in side) return `not played: ${side.notPlayed}`
  const { value, unit, label } = side.figure
  return `${value} ${unit} (${label})`
}

const totalNames = ['calls', 'bytes out', 'bytes in', 'time'] as const

function totals(side: Side): string[] {
  if ('notPlayed' in side) return []
  return [String(side.callCount), side.bytesOut.toLocaleString('en'), side.bytesIn.toLocaleString('en'), `${side.durationMs.toFixed(1)} ms (measured here)`]
}

function notes(side: Side): readonly string[] {
  return 'notPlayed' in side ? [] : side.notes
}

function tableLines(side: Side): string[] {
  return 'notPlayed' in side ? [] : side.table.map(row => Object.entries(row).map(([name, value]) => `${name} ${value}`).join(', '))
}

/** One line per kind of call and outcome: name, how often, and what the first of them asked and got. */
function callLines(side: Side): string[] {
  if ('notPlayed' in side) return []
  const calls = side.steps.flatMap(step => step.calls)
  return side.outcomes.map(({ name, error, count }) => {
    const first = calls.find(call => call.name === name && call.error === error)
    return `${name} ×${count}: ${cut(JSON.stringify(first?.request), 90)} → ${error ?? cut(JSON.stringify(first?.response), 150)}`
  })
}

function cut(text: string | undefined, length: number): string {
  return text === undefined ? '' : text.length > length ? `${text.slice(0, length)}…` : text
}

function code(text: string): string {
  return text === '' ? '' : `\`${text.replaceAll('|', '\\|').replaceAll('`', '\'')}\``
}

function pairs(left: readonly string[], right: readonly string[]): [string, string][] {
  return Array.from({ length: Math.max(left.length, right.length) }, (_, at) => [left[at] ?? '', right[at] ?? ''])
}

/** Breaks at spaces where it can, anywhere where it must. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let rest = text
  while (rest.length > width) {
    const space = rest.lastIndexOf(' ', width)
    const end = space > width / 3 ? space : width
    lines.push(rest.slice(0, end))
    rest = rest.slice(end).trimStart()
  }
  return [...lines, rest]
}
