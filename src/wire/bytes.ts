// Reading and writing of bytes on the wire.

/** Bytes from outside that do not mean what they should. */
export class WireError extends Error {
  override readonly name = 'WireError'
  /** Position in the input, where it is known. */
  readonly at: number | undefined

  constructor(message: string, where: { readonly at?: number } = {}) {
    super(message)
    this.at = where.at
  }
}
