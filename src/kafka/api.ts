// Binds a message definition to its access rule and its handler: what an API file of this facade exports.
import type { Api, Decoded, Draft, Shape } from '../wire/schema.ts'
import type { Reader, Writer } from '../wire/bytes.ts'
import type { AccessRule } from './access.ts'
import type { Context } from './context.ts'
import { errorFinder } from './response-errors.ts'

export type Fate = 'send' | 'drop' | 'close'

/** An API that is served, with its message types hidden, so that all lie in one array. */
export interface Served {
  readonly definition: Api<Shape, Shape>
  /** In words, what the ACLs are asked. */
  readonly needs: string
  /** What becomes of the response: it is sent, the client waits for none, or all that can be said is to close the connection. */
  fate(request: unknown, response: unknown): Fate
  decode(reader: Reader, version: number): unknown
  /** Judges access, then handles. Rejects on bugs and failed disks only. */
  handle(request: unknown, context: Context): Promise<unknown>
  encode(writer: Writer, response: unknown, version: number): void
  /** The first error code in a response, or 0. */
  errorIn(response: unknown): number
}

/** Serves an API. Leaving out `access` does not compile; `handle` writes its return type, so that misspelt fields do not compile either. */
export function serve<Q extends Shape, R extends Shape>(
  definition: Api<Q, R>,
  how: {
    readonly access: AccessRule<Decoded<Q>, Draft<R>>
    /** 'send' unless given (Produce with acks=0 is the one that differs). */
    readonly fate?: (request: Decoded<Q>, response: Draft<R>) => Fate
  },
  handle: (request: Decoded<Q>, context: Context) => Promise<Draft<R>>,
): Served {
  return {
    definition: definition as unknown as Api<Shape, Shape>,
    needs: how.access.needs,
    fate: (request, response) => how.fate?.(request as Decoded<Q>, response as Draft<R>) ?? 'send',
    decode: (reader, version) => definition.request.decode(reader, version),
    async handle(request, context) {
      const verdict = await how.access.judge(request as Decoded<Q>, context)
      if ('answer' in verdict) return verdict.answer
      const response = await handle(verdict.request, context)
      return verdict.complete === undefined ? response : verdict.complete(response)
    },
    encode: (writer, response, version) => definition.response.write(writer, response as Draft<R>, version),
    errorIn: errorFinder(definition.response.spec),
  }
}
