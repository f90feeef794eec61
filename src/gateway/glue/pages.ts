// Lists page by page: the token says after which entry the next page begins, so that what is made or deleted between pages repeats and hides nothing else.
import { errors, type GlueError } from './errors.ts'

const pageDefault = 25

export interface PageRequest {
  readonly MaxResults?: number | undefined
  readonly NextToken?: string | undefined
}

/** Of entries in the order of their keys, those of the page that is asked for. */
export function pageOf<T>(entries: readonly T[], keyOf: (entry: T) => string, { MaxResults = pageDefault, NextToken }: PageRequest):
  { readonly shown: readonly T[]; readonly NextToken: string | undefined } | GlueError {
  const after = NextToken === undefined ? undefined : Buffer.from(NextToken, 'base64url').toString()
  if (after !== undefined && (after === '' || Buffer.from(after).toString('base64url') !== NextToken)) return errors.wrongToken()
  const rest = after === undefined ? entries : entries.filter(entry => keyOf(entry) > after)
  const shown = rest.slice(0, MaxResults)
  return { shown, NextToken: rest.length > shown.length ? Buffer.from(keyOf(shown.at(-1)!)).toString('base64url') : undefined }
}

/** A number as text that sorts as it does. */
export function numberKey(value: number): string {
  return String(value).padStart(10, '0')
}
