// What the bridge is asked about may be given under its Kafka name or its AWS name, but not under both.
import type { Request } from 'express'
import { badParameter, textParameter } from '../query.ts'

export interface Given<Name extends string> {
  readonly name: Name
  readonly value: string
}

/** The one of two parameters that was given. 400 for both, and for none where one is required. */
export function oneOf<A extends string, B extends string>(request: Request, a: A, b: B, isRequired: true): Given<A | B>
export function oneOf<A extends string, B extends string>(request: Request, a: A, b: B, isRequired: false): Given<A | B> | undefined
export function oneOf<A extends string, B extends string>(request: Request, a: A, b: B, isRequired: boolean): Given<A | B> | undefined {
  const first = textParameter(request, a)
  const second = textParameter(request, b)
  if (first !== undefined && second !== undefined) throw badParameter(b, `cannot be given together with '${a}': they name the same thing`)
  if (first !== undefined) return { name: a, value: first }
  if (second !== undefined) return { name: b, value: second }
  if (isRequired) throw badParameter(a, `or '${b}' must be given`)
  return undefined
}
