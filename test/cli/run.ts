// The administrative commands in this process, against a gateway over brokers in memory: what they print is caught.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Command } from 'commander'
import { vi } from 'vitest'
import { createGateway } from '../../src/gateway/app.ts'
import { allowAll } from '../../src/security/authorizer.ts'
import { testGateway, type TestGateway } from '../support/gateway.ts'

export interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface CommandLine extends AsyncDisposable {
  readonly gateway: TestGateway
  /** What has been printed to standard error by the command under way. */
  readonly stderr: () => string
  run(...args: string[]): Promise<Outcome>
  /** The output of a command with --json that must succeed. */
  json(...args: string[]): Promise<unknown>
}

/** `commands` by their names on the command line. Everybody may do everything. */
export async function commandLine(commands: Readonly<Record<string, () => Command>>, brokerIds: readonly number[]): Promise<CommandLine> {
  const gateway = await testGateway({}, { brokerIds })
  const server = createServer(createGateway({ ...gateway.parts, access: allowAll(gateway.parts.audit) }))
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  let stderr = ''
  const run = async (...args: string[]): Promise<Outcome> => {
    const [name, ...rest] = args
    let stdout = ''
    stderr = ''
    const log = vi.spyOn(console, 'log').mockImplementation((line: string = '') => { stdout += `${line}\n` })
    const error = vi.spyOn(console, 'error').mockImplementation((line: string) => { stderr += `${line}\n` })
    const command = commands[name!]!()
    for (const one of [command, ...command.commands]) one.exitOverride().configureOutput({ writeErr: text => { stderr += text } })
    try {
      await command.parseAsync([...rest, '--gateway', address], { from: 'user' })
      return { code: 0, stdout, stderr }
    } catch (failure) {
      return { code: 1, stdout, stderr: stderr === '' ? `${(failure as Error).message}\n` : stderr }
    } finally {
      log.mockRestore()
      error.mockRestore()
    }
  }
  return {
    gateway, run,
    stderr: () => stderr,
    async json(...args) {
      const { code, stdout, stderr: said } = await run(...args, '--json')
      if (code !== 0) throw new Error(said)
      return JSON.parse(stdout)
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => { server.close(resolve) })
    },
  }
}
