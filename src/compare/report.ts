// A finished comparison as text for a terminal, as Markdown, or as JSON.
import type { Result, SideResult } from './runner.ts'

export type Format = 'table' | 'markdown' | 'json'

/** What was run where and when; shown above the results. */
export interface Heading {
  readonly kafka: string
  readonly kinesis: string
  readonly at: string
}

export function render(results: readonly Result[], heading: Heading, format: Format): string {
  if (format === 'json') return JSON.stringify({ ...heading, scenarios: results }, null, 2)
  return format === 'markdown' ? markdown(results, heading) : results.map(table).join('\n')
}

const columnWidth = 62

function table(result: Result): string {
  const { kafka, kinesis } = result
  const rows: [string, string, string][] = [
    ['', 'Kafka', 'Kinesis'],
    ['do it', kafka.snippet, kinesis.snippet],
    [result.number, figure(kafka), figure(kinesis)],
    ...['calls', 'bytes out', 'bytes in', 'time'].map((name, at): [string, string, string] => [name, totals(kafka)[at]!, totals(kinesis)[at]!]),
    ...pairs(kafka.notes, kinesis.notes).map(([left, right]): [string, string, string] => ['', left, right]),
    ...pairs(kafka.table.map(cells), kinesis.table.map(cells)).map(([left, right]): [string, string, string] => ['', left, right]),
    ...pairs(callLines(kafka), callLines(kinesis)).map(([left, right], at): [string, string, string] => [at === 0 ? 'requests → responses' : '', left, right]),
  ]
  const label = 22
  const body = rows.flatMap(([name, left, right]) => {
    const columns = [wrap(name, label), wrap(left, columnWidth), wrap(right, columnWidth)]
    const height = Math.max(...columns.map(column => column.length))
    return Array.from({ length: height }, (_, at) => `  ${(columns[0]![at] ?? '').padEnd(label)} │ ${(columns[1]![at] ?? '').padEnd(columnWidth)} │ ${columns[2]![at] ?? ''}`)
  })
  const documented = result.documented.map(one => `  documented (${one.date}): ${one.text} — ${one.source}`)
  const tail = [`  differs: ${result.difference}`, `  moving:  ${result.migration}`, ...documented]
  return [`━━ ${result.slug}: ${result.title}`, `  ${result.task}`, '', ...body, '', ...tail, ''].join('\n')
}

function markdown(results: readonly Result[], heading: Heading): string {
  const parts = [`# Kafka and Kinesis, side by side`, '', `Kafka: ${heading.kafka} · Kinesis: ${heading.kinesis} · ${heading.at}`, '']
  for (const result of results) {
    const { kafka, kinesis } = result
    parts.push(`## ${result.title} (\`${result.slug}\`)`, '', result.task, '', '| | Kafka | Kinesis |', '|---|---|---|',
      `| do it | \`${kafka.snippet}\` | \`${kinesis.snippet}\` |`,
      `| **${result.number}** | **${figure(kafka)}** | **${figure(kinesis)}** |`)
    for (const [at, name] of ['calls', 'bytes out', 'bytes in', 'time'].entries()) parts.push(`| ${name} | ${totals(kafka)[at]} | ${totals(kinesis)[at]} |`)
    parts.push(`| seen | ${kafka.notes.join('<br>')} | ${kinesis.notes.join('<br>')} |`)
    if (kafka.table.length > 0) parts.push(`| table | ${kafka.table.map(cells).join('<br>')} | ${kinesis.table.map(cells).join('<br>')} |`)
    parts.push(`| requests → responses | ${callLines(kafka).map(code).join('<br>')} | ${callLines(kinesis).map(code).join('<br>')} |`)
    parts.push('', `**Differs:** ${result.difference}`, '', `**Moving:** ${result.migration}`, '')
    for (const one of result.documented) parts.push(`*Documented (${one.date}):* ${one.text} (${one.source})`, '')
  }
  return parts.join('\n')
}

function figure({ figure: { value, unit, label } }: SideResult): string {
  return `${value} ${unit} (${label})`
}

function totals(side: SideResult): string[] {
  return [String(side.callCount), side.bytesOut.toLocaleString('en'), side.bytesIn.toLocaleString('en'), `${side.durationMs.toFixed(1)} ms (measured here)`]
}

/** One line per kind of call and outcome: name, how often, and what the first of them asked and got. */
function callLines(side: SideResult): string[] {
  const alike = Map.groupBy(side.steps.flatMap(step => step.calls), call => `${call.name} ${call.error ?? ''}`)
  return [...alike.values()].map(calls => {
    const [first] = calls
    return `${first?.name} ×${calls.length}: ${cut(JSON.stringify(first?.request), 90)} → ${first?.error ?? cut(JSON.stringify(first?.response), 150)}`
  })
}

function cells(row: Readonly<Record<string, string | number>>): string {
  return Object.entries(row).map(([name, value]) => `${name} ${value}`).join(', ')
}

function cut(text: string | undefined, length: number): string {
  return text === undefined ? '' : text.length > length ? `${text.slice(0, length)}…` : text
}

function code(text: string): string {
  return `\`${text.replaceAll('|', '\\|').replaceAll('`', '\'')}\``
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
