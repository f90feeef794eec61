// README's examples, run by bash in the order in which they stand, as a reader would: against a started Sluice with mutual TLS, in a folder that looks like the checkout.
// What README shows as output is what comes out, but for numbers, times and identifiers.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { outputPattern, shellBlocks, type ShellBlock } from './support/readme-blocks.ts'
import { startSluice, type RunningSluice } from './support/sluice.ts'

const root = join(import.meta.dirname, '..')
const separator = '\u001e'
/** Programs that an example may need and a machine may lack. */
const programs = { curl: /^\s*sl |^\s*curl |\| sl |^\s*sl\(/m, kcat: /^\s*kcat /m, aws: /^(?:kinesis|aws) /m }
/** Blocks that start servers, run suites or take brokers down are not examples of requests. */
const isExample = ({ commands }: ShellBlock): boolean =>
  /^(?:sl|kcat|kinesis|aws|curl|export|node -p|npx sluice) ?\(?/m.test(commands) && !/npm (?:ci|start|run|test)|^node test|sluice broker|topics reassign/m.test(commands)

const readme = await readFile(join(root, 'README.md'), 'utf8')
const examples = shellBlocks(readme).filter(isExample)
const missing = new Set(Object.keys(programs).filter(program => spawnSync(program, ['--version']).error !== undefined))
for (const program of missing) console.log(`skipped: README's examples that need ${program}, which is not installed`)
const canRun = ({ commands }: ShellBlock): boolean => Object.entries(programs).every(([program, use]) => !missing.has(program) || !use.test(commands))
const runnable = examples.filter(canRun)

describe.skipIf(missing.has('curl'))('README', () => {
  let directory: string
  let sluice: RunningSluice
  let results: { readonly status: number; readonly output: string }[]

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sluice-readme-'))
    await mkdir(join(directory, 'certs'))
    for (const name of ['schemas', 'src', 'node_modules', 'package.json']) await symlink(join(root, name), join(directory, name))
    sluice = await startSluice({ dev: false, directory, certsDirectory: join(directory, 'certs', 'local'), settings: { host: 'localhost' } })
    results = runAll(runnable, sluice, directory)
  }, 180_000)

  afterAll(async () => {
    await sluice?.[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  })

  it('has examples', () => {
    expect(examples.length).toBeGreaterThan(7)
  })

  it.each(runnable.map((block, index) => ({ line: block.line, block, index })))('does at line $line what it says', ({ block, index }) => {
    const { status, output } = results[index]!
    expect(status, output).toBe(0)
    if (block.output === undefined) expect(output).not.toMatch(/"error_code": ?[45]\d\d|^error:/m)
    else expect(output).toMatch(outputPattern(block.output))
  })
})

/** One shell for all, because examples build upon each other; each block's output and status apart. */
function runAll(blocks: readonly ShellBlock[], { ports, certificatesDirectory }: RunningSluice, cwd: string): { status: number; output: string }[] {
  const gateway = `https://localhost:${ports.gateway}`
  const script = [
    `npx() { shift; case "$1" in certs) node src/cli/sluice.ts "$@" ;; *) node src/cli/sluice.ts "$@" --gateway ${gateway} ;; esac; }`,
    ...blocks.map(({ commands }) => `{\n${withPorts(commands, ports)}\n} 2>&1; printf '%s' '${separator}'"$?${separator}"`),
  ].join('\n')
  const env = { ...process.env, PATH: `${join(process.execPath, '..')}:${process.env['PATH']}`, SLUICE_CERTS_DIR: certificatesDirectory }
  const output = execFileSync('bash', ['-o', 'pipefail', '-c', script], { cwd, env, encoding: 'utf8', timeout: 170_000, maxBuffer: 16 * 1024 * 1024 })
  const parts = output.split(separator)
  return blocks.map((_, index) => ({ output: parts[2 * index]!, status: Number(parts[2 * index + 1]) }))
}

/** A stream has no end of its own: curl gives it up after a moment, which is not a failure. */
function withPorts(commands: string, ports: RunningSluice['ports']): string {
  return commands
    .replaceAll('localhost:8443', `localhost:${ports.gateway}`).replaceAll('localhost:9094', `localhost:${ports.kafkaTls}`)
    .replaceAll('localhost:4567', `localhost:${ports.kinesis}`).replaceAll('127.0.0.1:9090', `127.0.0.1:${ports.management}`)
    .replace(/^(sl -N .*[^\\\n])$/gm, '$1 --max-time 3 || [ $? = 28 ]')
}
