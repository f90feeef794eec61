// Query parameters. The simple parser gives text, or a list where a name came twice, which none of ours may.
import type { Request } from 'express'
import { Problem } from './problem.ts'

/** The parameter's text; undefined where it is absent. 400 where it came twice. */
export function textParameter(request: Request, name: string): string | undefined {
  const value = Object.hasOwn(request.query, name) ? request.query[name] : undefined
  if (value === undefined || typeof value === 'string') return value
  throw badParameter(name, 'was given more than once')
}

/** The parameter as a whole number within [min, max]; `fallback` where it is absent. 400 otherwise. */
export function integerParameter(request: Request, name: string, bounds: { min: number; max: number; fallback: number }): number {
  const text = textParameter(request, name)
  if (text === undefined) return bounds.fallback
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (!(value >= bounds.min && value <= bounds.max)) {
    throw badParameter(name, `must be a whole number from ${bounds.min} to ${bounds.max}, not '${text.slice(0, 32)}'`)
  }
  return value
}

/** One of `choices`; `fallback` where the parameter is absent. 400 otherwise. */
export function choiceParameter<T extends string>(request: Request, name: string, choices: readonly T[], fallback: T): T {
  const text = textParameter(request, name)
  if (text === undefined) return fallback
  const choice = choices.find(one => one === text)
  if (choice === undefined) throw badParameter(name, `must be one of ${choices.join(', ')}, not '${text.slice(0, 32)}'`)
  return choice
}

export function badParameter(name: string, reason: string): Problem {
  return new Problem(400, `Query parameter '${name}' ${reason}`, { errorCode: 40002 })
}
