// The two ways a sealed file can refuse to open, never confused with each other nor with a torn tail (which is simply cut off).

/** The bytes are as they were written, but not by this key: a wrong key, or tampering. Nothing may be written, let alone truncated. */
export class WrongKey extends Error {
  override readonly name = 'WrongKey'
}

/** Bytes that had been durable are no longer what they were. */
export class Damaged extends Error {
  override readonly name: string = 'Damaged'
}

/** A log that is not served, because part of what it had made durable is damaged or gone. A copy of the file lies in quarantine. */
export class LogDamaged extends Damaged {
  override readonly name = 'LogDamaged'
}
