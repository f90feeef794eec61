// Before the tests with Java: compiles the programs below `src/main/java` with Maven, which fetches what they need. Without Maven the tests are skipped.
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    /** What `java -cp` takes; undefined where there is no Maven. */
    readonly classpath: string | undefined
  }
}

const run = promisify(execFile)
const dependencies = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:build-classpath'

/** What Vitest calls first. */
export async function setup(project: TestProject): Promise<void> {
  project.provide('classpath', await compile())
}

/** The class path of what was compiled; undefined, and a line that says why, where it cannot be. */
export async function compile(): Promise<string | undefined> {
  try {
    await run('mvn', ['--version'])
  } catch {
    console.log('skipped: Maven is not installed (Debian: maven), so the tests with Java clients do not run')
    return undefined
  }
  const target = join(import.meta.dirname, 'target')
  await run('mvn', ['-q', '-B', 'compile', dependencies, `-Dmdep.outputFile=${join(target, 'classpath')}`], { cwd: import.meta.dirname, maxBuffer: 16 * 1_048_576 })
  return `${join(target, 'classes')}:${await readFile(join(target, 'classpath'), 'utf8')}`
}
