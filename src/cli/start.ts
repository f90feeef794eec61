// `sluice start`: settings from the command line, the environment and a file; then the server until it is told to stop.
import { readFileSync } from 'node:fs'
import { Command, Option } from 'commander'
import { ConfigError, parseConfig, settings, variableOf, type Config } from '../config.ts'
import { themeOf } from './setting-themes.ts'

/** The subcommand. Every setting of src/config.ts is an option of the same name. */
export function startCommand(): Command {
  const command = new Command('start').description('start Sluice; every option can also be given as a setting in the environment or in a JSON file')
  command.addOption(new Option('--config <file>', 'JSON file with settings, {"kafka.tls.port": 9194}; weaker than options and environment'))
  for (const [name, { fallback, sentence }] of Object.entries(settings)) {
    const flag = `--${name.replaceAll('.', '-')}`
    const shown = `${sentence} [${variableOf(name)}, default ${fallback === '' ? 'empty' : String(fallback)}]`
    command.addOption(new Option(typeof fallback === 'boolean' ? `${flag} [true|false]` : `${flag} <value>`, shown).helpGroup(`${themeOf(name)}:`))
  }
  command.option('--json', 'print one line of JSON when ready, in place of the lines for people')
  return command.action(async (options: Record<string, unknown>) => {
    const config = readConfig(options)
    const { startSluice } = await import('../main.ts')
    const { welcome } = await import('./welcome.ts')
    const sluice = await startSluice(config, { onProgress: line => process.stderr.write(`${line}\n`) })
    // Before anybody is told that it is ready: who reads that may ask it to stop at once.
    const stop = stopRequested()
    const { close: _, ...ready } = sluice
    process.stdout.write(options['json'] === true ? `${JSON.stringify({ ...ready, startedInMs: Math.round(performance.now()) })}\n` : `${welcome(sluice, performance.now())}\n`)
    const failure = await Promise.race([stop, sluice.failure])
    if (failure === undefined) return sluice.close()
    // Nothing more can be made durable: whoever was answered is safe, everybody else must not be.
    process.stderr.write(`sluice: the disk failed, nothing more is acknowledged: ${failure.message}\n`)
    process.exit(1)
  })
}

function readConfig(options: Record<string, unknown>): Config {
  const byFlag = new Map(Object.keys(settings).map(name => [camelCase(name), name]))
  const given = Object.fromEntries(Object.entries(options).flatMap(([key, value]) => (key === 'config' || key === 'json' ? [] : [[byFlag.get(key) ?? key, value]])))
  const path = typeof options['config'] === 'string' ? options['config'] : undefined
  return parseConfig(given, process.env, path === undefined ? undefined : { path, values: readSettingsFile(path) })
}

function readSettingsFile(path: string): Record<string, unknown> {
  let values: unknown
  try {
    values = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new ConfigError(`${path}: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (typeof values !== 'object' || values === null || Array.isArray(values)) throw new ConfigError(`${path}: the file must hold one JSON object of settings`)
  return values as Record<string, unknown>
}

/** commander's name for the value of an option: `--kafka-tls-port` is `kafkaTlsPort`. */
function camelCase(name: string): string {
  return name.replace(/[.-](\w)/g, (_, letter: string) => letter.toUpperCase())
}

/** Resolves at the first SIGINT or SIGTERM; a second one ends the process at once. */
function stopRequested(): Promise<undefined> {
  return new Promise(resolve => {
    let asked = false
    const stop = (): void => {
      if (asked) process.exit(130)
      asked = true
      resolve(undefined)
    }
    process.on('SIGINT', stop)
    process.on('SIGTERM', stop)
  })
}
