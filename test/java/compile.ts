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
    /** The same for the programs with KCL and KPL, below `kcl/`. */
    readonly kclClasspath: string | undefined
  }
}

const run = promisify(execFile)
const dependencies = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:build-classpath'

/** What Vitest calls first. */
export async function setup(project: TestProject): Promise<void> {
  project.provide('classpath', await compile())
  project.provide('kclClasspath', await compile(join(import.meta.dirname, 'kcl')))
}

/** The class path of what was compiled; undefined, and a line that says why, where it cannot be. */
export async function compile(directory = import.meta.dirname): Promise<string | undefined> {
  try {
    await run('mvn', ['--version'])
  } catch {
    console.log('skipped: Maven is not installed (Debian: maven), so the tests with Java clients do not run')
    return undefined
  }
  const target = join(directory, 'target')
  await run('mvn', ['-q', '-B', 'compile', dependencies, `-Dmdep.outputFile=${join(target, 'classpath')}`], { cwd: directory, maxBuffer: 16 * 1_048_576 })
  return `${join(target, 'classes')}:${await readFile(join(target, 'classpath'), 'utf8')}`
}
