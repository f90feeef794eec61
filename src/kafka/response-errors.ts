// Whether a response says that something went wrong, wherever in it: for metrics and logs, found by the message's own description.
import type { Spec } from '../wire/spec.ts'

/** The first error code in a response that is not 0, or 0. */
export type ErrorFinder = (response: unknown) => number

/** Looks at the fields named `errorCode` and at nothing else; the way to them is found once. */
export function errorFinder(spec: Spec): ErrorFinder {
  return finderOf(spec) ?? (() => 0)
}

/** Undefined where nothing below can hold an error code. */
function finderOf(spec: Spec): ErrorFinder | undefined {
  if (spec.kind === 'array') {
    const find = finderOf(spec.element!)
    return find && (values => (Array.isArray(values) ? firstOf(values, find) : 0))
  }
  if (spec.kind !== 'struct') return undefined
  const finders = spec.fields!.flatMap(({ name, spec: field }): ErrorFinder[] => {
    const find = name === 'errorCode' ? Number : finderOf(field)
    return find === undefined ? [] : [value => find((value as Record<string, unknown>)[name] ?? 0)]
  })
  if (finders.length === 0) return undefined
  return value => (typeof value === 'object' && value !== null ? firstOf(finders, find => find(value)) : 0)
}

function firstOf<T>(values: readonly T[], find: (value: T) => number): number {
  for (const value of values) {
    const code = find(value)
    if (code !== 0) return code
  }
  return 0
}
