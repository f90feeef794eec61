// Numbers on the command line: a broker's id, a partition, a list of ids.

/** Throws an Error of one line that names the text and what it was for. */
export function wholeNumber(text: string, what: string): number {
  if (!/^(0|[1-9]\d{0,8})$/.test(text)) throw new Error(`${what}: '${text}' is not a whole number`)
  return Number(text)
}

/** A number, with or without a fraction. Throws an Error of one line. */
export function numberWithin(text: string, what: string, { min, max }: { min: number; max: number }): number {
  const value = Number(text)
  if (!/^\d*\.?\d+$/.test(text) || value < min || value > max) throw new Error(`${what}: '${text}' is not a number from ${min} to ${max}`)
  return value
}

/** Ids as in `1,2,3`. */
export function idList(text: string, what: string): number[] {
  return text.split(',').map(one => wholeNumber(one.trim(), what))
}

/** `1 partition`, `3 partitions`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
