// The table: for an operation and a form, every input that the model knows to be wrong, sent, and its answer held against the oracle.
import type { TestKinesis } from '../support/kinesis.ts'
import { type CodecName, type Complaint, complaints } from './oracle.ts'
import { type WrongInput, inputShapeOf, wrongInputs } from './samples.ts'

/** Of what a request breaks, AWS tells no more than this. */
const toldMax = 10

export interface Tried {
  /** How many inputs were sent. */
  readonly cases: number
  /** For each that was not answered as expected: which, and how. */
  readonly failures: readonly string[]
}

export async function tryAll(kinesis: TestKinesis, operation: string, codec: CodecName): Promise<Tried> {
  const failures: string[] = []
  let cases = 0
  for (const wrong of wrongInputs(operation, codec)) {
    cases++
    const answer = await kinesis.call(operation, wrong.input, { form: codec })
    const failure = judge(operation, wrong, answer.status, answer.body as Record<string, unknown>)
    if (failure !== undefined) failures.push(`${wrong.what}: ${failure}`)
  }
  return { cases, failures }
}

function judge(operation: string, { input, message }: WrongInput, status: number, body: Record<string, unknown>): string | undefined {
  const seen = `answered ${status} ${JSON.stringify(body).slice(0, 400)}`
  if (message !== undefined) {
    const asExpected = status === 400 && body['__type'] === 'SerializationException' && body['Message'] === message
    return asExpected ? undefined : `${seen}, expected SerializationException ${message}`
  }
  const expected = complaints(inputShapeOf(operation), input)
  const told = status === 400 && body['__type'] === 'ValidationException' ? sentencesOf(String(body['message'])) : undefined
  if (told !== undefined && told.length === Math.min(expected.length, toldMax) && told.every(sentence => expected.some(one => says(sentence, one)))) return undefined
  return `${seen}, expected ValidationException ${JSON.stringify(expected).slice(0, 400)}`
}

/** The sentences of a ValidationException; undefined where its beginning does not count them. */
function sentencesOf(message: string): string[] | undefined {
  const [, count, errors, rest] = /^(\d+) validation (errors?) detected: (.*)$/s.exec(message) ?? []
  const sentences = rest?.split(/; (?=Value )/) ?? []
  return Number(count) === sentences.length && (errors === 'error') === (sentences.length === 1) ? sentences : undefined
}

function says(sentence: string, { value, path, must }: Complaint): boolean {
  const end = ` at '${path}' failed to satisfy constraint: ${must}`
  // How AWS prints lists of structures is arbitrary.
  if (value === undefined) return sentence.startsWith('Value \'') && sentence.endsWith(`'${end}`)
  return sentence === `Value ${value === null ? 'null' : `'${value}'`}${end}`
}
