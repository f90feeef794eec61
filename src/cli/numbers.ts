// Numbers on the command line: a broker's id, a partition, a list of ids, a length of time.

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

const secondsPerUnit = { s: 1, m: 60, h: 3_600, d: 86_400 } as const

/** Seconds of `90s`, `15m`, `12h` or `1d`. */
export function parseSeconds(text: string, what: string): number {
  const [, count, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? []
  if (count === undefined || Number(count) === 0) throw new Error(`${what}: '${text}' is not a length of time; write it as 15m, with one of s, m, h, d`)
  return Number(count) * secondsPerUnit[unit as keyof typeof secondsPerUnit]
}

/** `1 partition`, `3 partitions`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
