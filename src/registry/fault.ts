// What does not fit a schema, and where: the one form in which encoders, validators and readers say it.

export interface SchemaFault {
  /** JSON pointer (RFC 6901) to the value that does not fit; '' for the whole. */
  readonly pointer: string
  readonly reason: string
}

/** A member name or index as a token of a JSON pointer. */
export function pointerToken(name: string | number): string {
  return `/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`
}
