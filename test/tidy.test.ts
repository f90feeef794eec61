// The habits of the tree, as tests: which folder may import which, what the engine may not know, no dead files, and the shape of a file.
// The table in src/README.md says the same in words.
import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '..')

interface Source {
  readonly path: string
  readonly text: string
  readonly lines: readonly string[]
  /** Paths, from the root, of the files of ours it imports, and whether only types are taken. */
  readonly imports: readonly { readonly path: string; readonly typeOnly: boolean }[]
  /** Packages and Node's modules it imports, types left out. */
  readonly packages: readonly string[]
}

const sources = [...filesBelow('src'), ...filesBelow('test'), ...filesBelow('bench')].map(read)
const inSrc = sources.filter(source => source.path.startsWith('src/'))

/** What each part of src may import, besides itself and the interfaces of world/world.ts. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  base: [],
  wire: ['base'],
  world: ['base'],
  'ports.ts': ['base', 'wire'],
  'config.ts': ['base'],
  engine: ['base', 'wire', 'ports.ts'],
  security: ['base', 'wire', 'ports.ts'],
  pki: ['base', 'wire', 'ports.ts'],
  backends: ['base', 'wire', 'ports.ts', 'engine', 'security', 'pki', 'kafka/apis'],
  kafka: ['base', 'wire', 'ports.ts', 'security'],
  kinesis: ['base', 'wire', 'ports.ts', 'security'],
  registry: ['base', 'wire', 'ports.ts', 'security'],
  compare: ['base', 'wire', 'ports.ts', 'backends'],
  gateway: ['base', 'wire', 'ports.ts', 'security', 'pki', 'kafka', 'kinesis', 'registry', 'compare'],
  'main.ts': ['*'],
  cli: ['base', 'wire', 'ports.ts', 'config.ts', 'backends', 'pki', 'compare', 'main.ts', 'world/node.ts'],
}

describe('imports', () => {
  it('follow the direction of src/README.md', () => {
    const wrong: string[] = []
    for (const source of inSrc) {
      const part = partOf(source.path)
      const allowed = mayImport[part]
      if (allowed === undefined) {
        wrong.push(`${source.path}: '${part}' has no place in the direction`)
        continue
      }
      for (const { path, typeOnly } of source.imports) {
        const target = path.slice('src/'.length)
        if (partOf(path) === part || allowed.includes('*')) continue
        if (target === 'world/world.ts' && typeOnly) continue
        if (!allowed.some(one => target === one || target.startsWith(`${one}/`))) wrong.push(`${source.path} imports ${path}`)
      }
    }
    expect(wrong).toEqual([])
  })

  it('of a socket, a file or a timer stand in world/node.ts and the HTTP edges only', () => {
    // Besides the edges, the registry's workshop has threads: what it works on must never keep the event loop waiting.
    const edges = ['src/registry/workshop/', 'src/world/node.ts', 'src/main.ts', 'src/kinesis/server.ts', 'src/pki/', 'src/gateway/', 'src/cli/', 'src/compare/']
    const outside = new Set(['fs', 'net', 'tls', 'http', 'https', 'http2', 'dgram', 'child_process', 'worker_threads', 'timers'].flatMap(name => [`node:${name}`, `node:${name}/promises`]))
    const wrong = inSrc
      .filter(source => !edges.some(edge => source.path.startsWith(edge)))
      .flatMap(source => source.packages.filter(name => outside.has(name)).map(name => `${source.path} imports ${name}`))
    expect(wrong).toEqual([])
  })

  it('of test code never stand in src', () => {
    expect(inSrc.filter(source => source.imports.some(one => one.path.startsWith('test/') || one.path.startsWith('bench/'))).map(source => source.path)).toEqual([])
  })
})

describe('the engine', () => {
  it('knows no clock, timer, chance, file or socket but the world', () => {
    const banned = /\b(Date\.now|new Date\(\)|performance\.now|process\.hrtime|setTimeout|setInterval|setImmediate|Math\.random|process\.env)\b|\brandom\w+.*from 'node:crypto'/
    expect(matches(inSrc.filter(source => source.path.startsWith('src/engine/')), banned)).toEqual([])
  })
})

describe('files', () => {
  it('are all reached from the command line, a worker or a test', () => {
    const reached = new Set<string>()
    const visit = (path: string): void => {
      if (reached.has(path)) return
      reached.add(path)
      sources.find(source => source.path === path)?.imports.forEach(one => visit(one.path))
    }
    visit('src/cli/sluice.ts')
    // The seeded generator is for the simulation.
    for (const source of sources.filter(one => one.path.startsWith('test/'))) for (const one of source.imports) if (one.path.startsWith('src/base/')) visit(one.path)
    expect(inSrc.map(source => source.path).filter(path => !reached.has(path))).toEqual([])
  })

  it('begin with a comment that says what they answer for', () => {
    expect(inSrc.filter(source => !/^(#!.*\n)?\/[/*]/.test(source.text)).map(source => source.path)).toEqual([])
  })

  it('have kebab-case names, and none is a drawer for odds and ends', () => {
    const wrong = inSrc.map(source => source.path).filter(path => !/^[a-z0-9/.-]+\.tsx?$/.test(path) || /\/(types|misc|common)\.ts$|(utils|helpers|manager)\.ts$/.test(path))
    expect(wrong).toEqual([])
  })

  it('keep their lines within 180 columns, texts not counted', () => {
    const withoutTexts = (line: string): string => line.replace(/'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`/g, '\'\'')
    expect(inSrc.flatMap(({ path, lines }) => lines.flatMap((line, at) => (withoutTexts(line).length > 180 ? [`${path}:${at + 1} (${line.length})`] : [])))).toEqual([])
  })

  it('leave nothing for later', () => {
    expect(matches(inSrc, /\b(TODO|FIXME|XXX|HACK)\b|@ts-(ignore|nocheck|expect-error)|\bas any\b|as unknown as any/)).toEqual([])
  })

  it('name no package registry', () => {
    const text = readFileSync(join(root, 'package-lock.json'), 'utf8')
    expect(text.includes('"resolved"')).toBe(false)
  })
})

describe('handlers', () => {
  it('of Kafka APIs and Kinesis operations write out what they return', () => {
    const handlers = inSrc.filter(source => /^src\/(kafka\/apis\/\d|kinesis\/operations\/(?!index))/.test(source.path))
    expect(handlers.filter(source => !/function handle\w*\([^]*?\): (Promise<|[A-Z])/.test(source.text)).map(source => source.path)).toEqual([])
  })
})

function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map(entry => relative(root, join(entry.parentPath, entry.name)))
}

function read(path: string): Source {
  const text = readFileSync(join(root, path), 'utf8')
  const found = [...text.matchAll(/^\s*(?:import|export)\s+(type\s)?[^'"\n]*?(?:from\s*)?['"]([^'"]+)['"]/gm), ...text.matchAll(/^(?:import|export)\s+(type\s)?\{[^}]*\}\s*from\s*['"]([^'"]+)['"]/gm)]
  const dynamic = [...text.matchAll(/\bimport\(\s*['"]([^'"]+)['"]/g), ...text.matchAll(/new URL\(\s*['"](\.[^'"]+\.ts)['"],\s*import\.meta\.url/g)]
  const specifiers = [...found.map(one => ({ name: one[2]!, typeOnly: one[1] !== undefined })), ...dynamic.map(one => ({ name: one[1]!, typeOnly: false }))]
  return {
    path, text, lines: text.split('\n'),
    imports: specifiers.filter(one => one.name.startsWith('.')).map(one => ({ path: normalize(join(dirname(path), one.name)), typeOnly: one.typeOnly })),
    packages: [...new Set(specifiers.filter(one => !one.name.startsWith('.') && !one.typeOnly).map(one => one.name))],
  }
}

function partOf(path: string): string {
  return path.slice('src/'.length).split('/')[0]!
}

function matches(within: readonly Source[], pattern: RegExp): string[] {
  return within.flatMap(source => source.lines.flatMap((line, at) => (pattern.test(line.replace(/\/\/.*$|^\s*\/?\*.*$/, '')) ? [`${source.path}:${at + 1} ${line.trim()}`] : [])))
}
