// Broken invariants. An assertion that fails is a bug of ours: it takes the process down rather than the data.

export class AssertionError extends Error {
  override readonly name = 'AssertionError'
}

/** Throws AssertionError with `message` unless `condition` holds. Stays on in production. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message)
}

/** Marks a branch that the types already rule out. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${String(value)}`)
}
