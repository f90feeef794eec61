// The OpenAPI document as a page to read: plain HTML, made on the server, without scripts and without anything from elsewhere.
import { createHash } from 'node:crypto'
import type { OpenApiDocument } from './document.ts'
import type { Schema } from './json-schema.ts'

interface Shown {
  readonly summary: string
  readonly description?: string
  readonly tags: readonly string[]
  readonly operationId: string
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required?: boolean; readonly description: string }[]
  readonly requestBody?: { readonly content: Contents }
  readonly responses: { readonly [status: string]: { readonly description: string; readonly content?: Contents } }
}

type Contents = { readonly [type: string]: { readonly schema: Schema } }

const style = `
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 20%, transparent) }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1rem }
code, pre { font: 0.9em ui-monospace, monospace } pre { overflow-x: auto; padding: .5rem; border: 1px solid var(--line); border-radius: 4px }
nav ul { columns: 2; list-style: none; padding: 0 } section { margin-top: 3rem } details { border-top: 1px solid var(--line); padding: .5rem 0 }
summary { cursor: pointer } summary b { display: inline-block; min-width: 4.5rem } table { border-collapse: collapse; width: 100% }
td, th { border-bottom: 1px solid var(--line); padding: .25rem .5rem; text-align: left; vertical-align: top } h3 { font-size: 1rem; margin: 1rem 0 .25rem }
`

/** For the page's own style, and nothing else. */
export const pagePolicy = [
  'default-src \'none\'', `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`, 'base-uri \'none\'', 'form-action \'none\'', 'frame-ancestors \'none\'',
].join('; ')

export function documentPage(document: OpenApiDocument): string {
  const { info, tags, paths, components } = document
  const all = Object.entries(paths).flatMap(([path, operations]) => (
    Object.entries(operations).filter(([method]) => method !== 'servers').map(([method, operation]) => ({ path, method, operation: operation as Shown }))
  ))
  const sections = tags.map(({ name, description }) => `<section id="${idOf(name)}"><h2>${escaped(name)}</h2><p>${marked(description)}</p>
${all.filter(({ operation }) => operation.tags.includes(name)).map(operationHtml).join('\n')}</section>`)
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(info.title)}</title><style>${style}</style></head><body>
<h1>${escaped(info.title)}</h1><p>Version ${escaped(info.version)}. ${marked(info.description)} The same for programs: <a href="/openapi.json">/openapi.json</a>.</p>
<nav><ul>${tags.map(({ name }) => `<li><a href="#${idOf(name)}">${escaped(name)}</a></li>`).join('')}<li><a href="#shapes">Shapes</a></li></ul></nav>
${sections.join('\n')}
<section id="shapes"><h2>Shapes</h2>${Object.entries(components.schemas).map(([name, schema]) => (
  `<details id="${idOf(`shape ${name}`)}"><summary><code>${escaped(name)}</code></summary>${schemaHtml(schema)}</details>`
)).join('\n')}</section>
</body></html>
`
}

function operationHtml({ path, method, operation }: { path: string; method: string; operation: Shown }): string {
  const { summary, description, parameters = [], requestBody, responses, operationId } = operation
  const rows = parameters.map(one => `<tr><td><code>${escaped(one.name)}</code></td><td>${one.in}${one.required === true ? ', required' : ''}</td><td>${marked(one.description)}</td></tr>`)
  return `<details id="${idOf(operationId)}"><summary><b>${method.toUpperCase()}</b> <code>${escaped(path)}</code> ${marked(summary)}</summary>
${description === undefined ? '' : `<p>${marked(description)}</p>`}
${rows.length === 0 ? '' : `<h3>Parameters</h3><table>${rows.join('')}</table>`}
${requestBody === undefined ? '' : `<h3>Body</h3>${contentHtml(requestBody.content)}`}
${Object.entries(responses).map(([status, answer]) => `<h3>${status}: ${escaped(answer.description)}</h3>${answer.content === undefined ? '' : contentHtml(answer.content)}`).join('')}
</details>`
}

/** Types that share a schema stand together. */
function contentHtml(content: Contents): string {
  const byShape = Map.groupBy(Object.entries(content), ([, { schema }]) => JSON.stringify(schema))
  return [...byShape.values()].map(types => `<p>${types.map(([type]) => `<code>${escaped(type)}</code>`).join(', ')}</p>${schemaHtml(types[0]![1].schema)}`).join('')
}

/** JSON, in which names of shapes are links. */
function schemaHtml(schema: Schema): string {
  const json = escaped(JSON.stringify(schema, null, 2))
  return `<pre>${json.replaceAll(/#\/components\/schemas\/(\w+)/g, (all, name: string) => `<a href="#${idOf(`shape ${name}`)}">${all}</a>`)}</pre>`
}

function idOf(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')
}

/** Text with `code` in it. */
function marked(text: string): string {
  return escaped(text).replaceAll(/`([^`]+)`/g, '<code>$1</code>')
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
