// Where our definitions differ from AWS's model on purpose, and why.
import type { PlainOperation } from './definitions.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends object | null ? Mutable<T[K]> : T[K] }

export interface Difference {
  readonly operation: string
  readonly because: string
  /** Makes the model's definition ours. */
  readonly change: (plain: PlainOperation) => void
}

export const differences: readonly Difference[] = []

export function differing(operation: string, because: string, change: (plain: Mutable<PlainOperation>) => void): Difference {
  return { operation, because, change: change as Difference['change'] }
}
