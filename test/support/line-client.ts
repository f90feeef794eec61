// A Kinesis client of another language in a process of its own, which takes calls by name, line by line.
import { type SpawnOptions, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Client } from '../kinesis/support/happy-path.ts'

export interface LineClient extends Disposable {
  readonly client: Client
  /** A line that it says by itself. */
  line(): Promise<string>
}

/** `encode` writes an input as the program reads it. */
export function lineClient(command: readonly string[], env: SpawnOptions['env'], encode: (input: Record<string, unknown>) => unknown): LineClient {
  const child = spawn(command[0]!, command.slice(1), { stdio: ['pipe', 'pipe', 'inherit'], env })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const line = async (): Promise<string> => {
    const { value, done } = await lines.next()
    if (done === true) throw new Error(`${command[0]} has ended`)
    return value
  }
  const client: Client = async (operation, input) => {
    child.stdin.write(`${JSON.stringify({ operation, input: encode(input) })}\n`)
    const answer = JSON.parse(await line()) as Record<string, unknown>
    if (typeof answer['error'] === 'string') throw new Error(`${answer['error']}: ${String(answer['message'])}`)
    return answer
  }
  return { client, line, [Symbol.dispose]: () => void child.kill() }
}
