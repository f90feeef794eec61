// What does not fit a schema, and where: the one form in which encoders, validators and readers say it.

export interface SchemaFault {
  /** JSON pointer (RFC 6901) to the value that does not fit; '' for the whole. */
  readonly pointer: string
  readonly reason: string
  /** What else does not fit, in the order of the value; absent where nothing else was found. One fault and these are `faultsMax` at most. */
  readonly more?: readonly SchemaFault[]
}

/** Of one value; whoever wrote it mends that many at a time. */
export const faultsMax = 20

const undecided = new WeakSet<SchemaFault>()

/** Of a validation that was given up on the event loop, where it may not take long: a workshop that has more time may find that the value fits. */
export function undecidedFault(reason: string): SchemaFault {
  return leftUndecided({ pointer: '', reason })
}

/** The fault itself, known as one that only says that a validation was given up. */
export function leftUndecided<T extends SchemaFault>(fault: T): T {
  undecided.add(fault)
  return fault
}

/** Whether a fault only says that a validation was given up. Of the fault itself: a copy of it is as good as decided. */
export function isUndecided(fault: SchemaFault): boolean {
  return undecided.has(fault)
}

/** The first of the faults with the others in `more`. Undefined where there are none. */
export function asOneFault(faults: readonly SchemaFault[]): SchemaFault | undefined {
  const [first, ...others] = faults
  if (first === undefined || others.length === 0) return first
  return { pointer: first.pointer, reason: first.reason, more: others.slice(0, faultsMax - 1) }
}

/** All that is known to be wrong with a value, each by itself. */
export function faultsOf({ pointer, reason, more = [] }: SchemaFault): readonly SchemaFault[] {
  return [{ pointer, reason }, ...more]
}

/** A fault of a value that its reader may not see in another form either. */
export class Withheld implements SchemaFault {
  readonly pointer: string
  readonly reason: string

  constructor(pointer: string, reason: string) {
    this.pointer = pointer
    this.reason = reason
  }
}

/** A member name or index as a token of a JSON pointer. */
export function pointerToken(name: string | number): string {
  return `/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`
}
